//! What `rmm service workflows` says, in the languages of RMM.

use crate::assets::workflows::{LONGEST_LABEL, MOST_LABELS, Unfit};
use crate::domain::env::Env;
use crate::domain::service::{Driver, Service};
use crate::terminal::shell_word;
use crate::wording::Language::{self, En, Ru};
use crate::wording::without_middle;

/// Characters that are shown of a label that does not fit.
const LABEL_CHARS: usize = 60;

/// Why there are no files.
pub(super) fn unfit(language: Language, unfit: &Unfit) -> String {
    match (unfit, language) {
        (Unfit::Name(name), En) => {
            format!("{name:?} is no name of a workflow: it must be a file name that ends in .yaml or .yml")
        }
        (Unfit::Name(name), Ru) => {
            format!("{name:?} — не имя workflow: нужно имя файла, которое кончается на .yaml или .yml")
        }
        (Unfit::Twice(path), En) => format!(
            "{path} would be two workflows at once, and only one of them would be left: give `workflow`, `rollback_workflow` \
             and --tag-workflow names of their own"
        ),
        (Unfit::Twice(path), Ru) => format!(
            "в {path} оказались бы сразу два workflow, и остался бы только один: дайте `workflow`, `rollback_workflow` и \
             --tag-workflow разные имена"
        ),
        (Unfit::Runner(label), En) => {
            let label = without_middle(label, LABEL_CHARS);
            format!(
                "{label:?} is no label of a runner: --runner takes labels of up to {LONGEST_LABEL} characters without spaces, \
                 divided by commas"
            )
        }
        (Unfit::Runner(label), Ru) => {
            let label = without_middle(label, LABEL_CHARS);
            format!(
                "{label:?} — не метка runner'а: --runner ждёт метки не длиннее {LONGEST_LABEL} символов, без пробелов, через запятую"
            )
        }
        (Unfit::Runners(given), En) => format!("--runner has {given} labels; a runner can have {MOST_LABELS}"),
        (Unfit::Runners(given), Ru) => {
            format!("меток в --runner: {given}; у runner'а их может быть не больше {MOST_LABELS}")
        }
        (Unfit::Address(url), En) => format!(
            "{url:?} cannot be --url: it takes the address of RMM with http:// or https://, without a login, spaces, `?` and `#`"
        ),
        (Unfit::Address(url), Ru) => format!(
            "{url:?} не подходит для --url: нужен адрес RMM с http:// или https://, без логина, пробелов, `?` и `#`"
        ),
        (Unfit::Tags(tags), En) => {
            format!(
                "{tags:?} fits no tag: --tags takes one pattern of GitHub's that says which tags are meant, such as \"v*\""
            )
        }
        (Unfit::Tags(tags), Ru) => {
            format!(
                "{tags:?} не подойдёт ни одному тегу: --tags ждёт один шаблон GitHub, который говорит, какие теги нужны, например \
                 \"v*\""
            )
        }
        (Unfit::Missing(name), En) => format!("{name} is not in this binary"),
        (Unfit::Missing(name), Ru) => format!("в этой сборке RMM нет файла {name}"),
    }
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
        En => format!("Who calls: either `oidc` of the service in rmm.toml, with these files as its `workflow`, and no secret at all, or a secret RMM_TOKEN of the repository:\n     {token}"),
        Ru => format!("Кто обращается к RMM: либо `oidc` у сервиса в rmm.toml с этими файлами в `workflow` и никаких секретов, либо секрет RMM_TOKEN в репозитории:\n     {token}"),
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
