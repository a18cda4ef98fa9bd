//! What `rmm service workflows` says, in the languages of RMM.

use std::path::PathBuf;

use super::Written;
use crate::domain::env::Env;
use crate::domain::service::{Driver, Service};
use crate::terminal::shell_word;
use crate::wording::Language::{self, En, Ru};

/// Why nothing was written.
#[derive(Debug)]
pub(super) enum NotWritten {
    /// The folder to write into is not there.
    NoFolder(PathBuf),
    /// These files are there and say something else.
    Others(Vec<PathBuf>),
    /// The system does not allow it.
    Failed(PathBuf, std::io::Error),
}

pub(super) fn not_written(language: Language, wrong: &NotWritten) -> String {
    match (language, wrong) {
        (En, NotWritten::NoFolder(folder)) => {
            format!("{} is no folder; --write takes a checkout of the repository", folder.display())
        }
        (Ru, NotWritten::NoFolder(folder)) => {
            format!("{} — не папка; --write ждёт папку с репозиторием", folder.display())
        }
        (language, NotWritten::Others(files)) => {
            let files: String = files.iter().map(|file| format!("\n  {}", file.display())).collect();
            match language {
                En => format!(
                    "nothing was written, as these files are there and say something else:{files}\n\
                     Look at the difference (without --write the new ones are shown); --force replaces them."
                ),
                Ru => format!(
                    "ничего не записано: эти файлы уже есть, и в них другое:{files}\n\
                     Сравните (без --write новые просто показываются); --force их заменит."
                ),
            }
        }
        (En, NotWritten::Failed(path, error)) => format!("{} cannot be written: {error}", path.display()),
        (Ru, NotWritten::Failed(path, error)) => format!("{} не записать: {error}", path.display()),
    }
}

pub(super) fn no_service(language: Language, name: &str, known: &[String]) -> String {
    let known = known.join(", ");
    match language {
        En => format!("rmm.toml has no service {name:?}; it has: {known}"),
        Ru => format!("в rmm.toml нет сервиса {name:?}; есть: {known}"),
    }
}

pub(super) const fn no_url(language: Language) -> &'static str {
    match language {
        En => {
            "GitHub's runners have to reach RMM: set `public_url` of [server] in rmm.toml, or give --url (where only runners \
             of your own reach it, an address inside your network)"
        }
        Ru => {
            "runner'ы GitHub должны достучаться до RMM: задайте `public_url` в [server] в rmm.toml или укажите --url \
             (если до RMM ходят только свои runner'ы, годится и внутренний адрес)"
        }
    }
}

pub(super) fn written(language: Language, files: &[(PathBuf, Written)]) -> String {
    let word = |written: Written| match (language, written) {
        (En, Written::New) => "written",
        (En, Written::Replaced) => "replaced",
        (En, Written::AsItWas) => "unchanged",
        (Ru, Written::New) => "записан",
        (Ru, Written::Replaced) => "заменён",
        (Ru, Written::AsItWas) => "без изменений",
    };
    files.iter().map(|(path, written)| format!("{}: {}\n", path.display(), word(*written))).collect()
}

/// What to do next.
pub(super) fn next(language: Language, service: &Service, name: &str, is_written: bool) -> String {
    let is_ci = |env| !service.environment(env).driver.is_ours();
    let (stage, production) = (is_ci(Env::Stage), is_ci(Env::Production));
    let mut steps = Vec::new();
    if !is_written {
        steps.push(match language {
            En => format!(
                "rmm service workflows {} --write DIR, with DIR a checkout of the repository.",
                shell_word(name)
            ),
            Ru => format!("rmm service workflows {} --write DIR, где DIR — папка с репозиторием.", shell_word(name)),
        });
    }
    if stage || production {
        steps.push(match language {
            En => "Between the lines marked YOURS: your own commands, in place of ./deploy.sh and ./rollback.sh."
                .to_owned(),
            Ru => "Между строками с пометкой YOURS: ваши команды вместо ./deploy.sh и ./rollback.sh.".to_owned(),
        });
    }
    if let Driver::Ci { workflow: Some(workflow), .. } = &service.environment(Env::Stage).driver {
        steps.push(match language {
            En => format!(
                "{workflow}, which RMM starts for stage, is yours to write: on-approve-manual-testing.yaml is a model."
            ),
            Ru => format!(
                "{workflow}, который RMM запускает для stage, напишите сами по образцу on-approve-manual-testing.yaml."
            ),
        });
    }
    let token = format!("rmm token create github-{name} --role ci --service {name}");
    steps.push(match language {
        En => format!("Who calls: either `oidc` of the service in rmm.toml and no secret at all, or a secret RMM_TOKEN of the repository:\n     {token}"),
        Ru => format!("Кто обращается к RMM: либо `oidc` у сервиса в rmm.toml и никаких секретов, либо секрет RMM_TOKEN в репозитории:\n     {token}"),
    });
    steps.push(match language {
        En => "Commit and push them to the default branch: GitHub starts workflows from there.".to_owned(),
        Ru => "Закоммитьте и отправьте в ветку по умолчанию: GitHub запускает workflow оттуда.".to_owned(),
    });
    steps.push(match language {
        En => "Push a tag: git tag v1.0.0 && git push origin v1.0.0. The rest is in `rmm docs github`.".to_owned(),
        Ru => "Отправьте тег: git tag v1.0.0 && git push origin v1.0.0. Остальное — в `rmm docs github`.".to_owned(),
    });
    let heading = match language {
        En => "\nNext:",
        Ru => "\nДальше:",
    };
    let numbered = steps.iter().enumerate().map(|(number, step)| format!("\n  {}. {step}", number + 1));
    std::iter::once(heading.to_owned()).chain(numbered).collect()
}
