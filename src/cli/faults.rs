//! Why verbs that work on files and not through the API do not go on, in the languages of RMM.

use std::fmt::Display;
use std::path::Path;

use crate::api_client::Fault;
use crate::domain::fault::store::StoreFault;
use crate::store::backup::kind::Wrap;
use crate::wording::Language::{self, En, Ru};

pub(super) fn no_rmm_at(language: Language, folder: &Path) -> String {
    let folder = folder.display();
    match language {
        En => format!("there is no RMM at {folder}"),
        Ru => format!("в {folder} нет RMM"),
    }
}

pub(super) fn never_was_at(language: Language, folder: &Path) -> String {
    let folder = folder.display();
    match language {
        En => format!("there is no RMM at {folder}: no one runs, and no one ever has"),
        Ru => format!("в {folder} нет RMM: он не работает и никогда не работал"),
    }
}

/// RMM uses its data; `then`: a verb to call when it has been stopped.
pub(super) fn running(language: Language, fault: &StoreFault, then: Option<&str>) -> Fault {
    let hint = match (language, then) {
        (En, None) => "Stop RMM first (systemctl stop rmm).".to_owned(),
        (En, Some(verb)) => format!("Stop RMM first (systemctl stop rmm), then `{verb}`."),
        (Ru, None) => "Сначала остановите RMM (systemctl stop rmm).".to_owned(),
        (Ru, Some(verb)) => format!("Сначала остановите RMM (systemctl stop rmm), затем `{verb}`."),
    };
    Fault::refused("running", language.store(fault)).hint(hint)
}

pub(super) fn database_there(language: Language, database: &Path) -> Fault {
    let database = database.display();
    let (detail, hint) = match language {
        En => (
            format!("there is a database at {database} already"),
            "`--force` replaces it and keeps it as rmm.db.before-restore.",
        ),
        Ru => (
            format!("в {database} уже есть база данных"),
            "С `--force` она будет заменена и сохранена как rmm.db.before-restore.",
        ),
    };
    Fault::refused("exists", detail).hint(hint)
}

pub(super) fn installation_there(language: Language, folder: &Path) -> Fault {
    let folder = folder.display();
    let (detail, hint) = match language {
        En => (
            format!("there is an installation at {folder} already"),
            "`--force` replaces it and keeps its database as rmm.db.before-restore.",
        ),
        Ru => (
            format!("в {folder} уже есть установка RMM"),
            "С `--force` она будет заменена, а её база данных сохранена как rmm.db.before-restore.",
        ),
    };
    Fault::refused("exists", detail).hint(hint)
}

/// The key of the record is neither here nor there.
pub(super) fn key_missing(language: Language, here: &Path, there: &Path) -> Fault {
    let (here, there) = (here.display(), there.display());
    let (detail, hint) = match language {
        En => (
            format!("the key of the record is not there: neither {here} nor {there}"),
            "Put the audit.key that belongs to this backup into the data directory first; RMM does not start without it.",
        ),
        Ru => (
            format!("нет ключа журнала аудита: ни {here}, ни {there}"),
            "Сначала положите в каталог данных audit.key от этой копии; без него RMM не запустится.",
        ),
    };
    Fault::refused("key_missing", detail).hint(hint)
}

pub(super) fn other_key(language: Language, copy: &Path, key: &Path, flaw: &str) -> Fault {
    let (copy, key) = (copy.display(), key.display());
    let (detail, hint) = match language {
        En => (
            format!("the record in {copy} does not fit the key in {key}. {flaw}"),
            "Is it the key that was made together with this database? `--force` restores all the same.",
        ),
        Ru => (
            format!("журнал аудита в {copy} не подходит к ключу в {key}. {flaw}"),
            "Этот ключ создан вместе с этой базой данных? С `--force` она будет восстановлена всё равно.",
        ),
    };
    Fault::refused("record_broken", detail).hint(hint)
}

pub(super) fn export_broken(language: Language, flaw: &str) -> Fault {
    let (detail, hint) = match language {
        En => (format!("the record in the export does not fit its key. {flaw}"), "`--force` takes it all the same."),
        Ru => (
            format!("журнал аудита в выгрузке не подходит к своему ключу. {flaw}"),
            "С `--force` она будет принята всё равно.",
        ),
    };
    Fault::refused("record_broken", detail).hint(hint)
}

pub(super) fn record_broken(language: Language, flaw: &str) -> Fault {
    let hint = match language {
        En => "A new key would not mend it; `rmm audit verify` says more.",
        Ru => "Новый ключ этого не исправит; подробности: `rmm audit verify`.",
    };
    Fault::refused("record_broken", flaw).hint(hint)
}

pub(super) fn is_export(language: Language, file: &Path) -> Fault {
    let file = file.display();
    let (detail, hint) = match language {
        En => (format!("{file} is a whole installation, which `rmm export` wrote"), "`rmm import` takes it."),
        Ru => (format!("{file} — целая установка, которую записал `rmm export`"), "Её принимает `rmm import`."),
    };
    Fault::refused("export", detail).hint(hint)
}

/// A copy that was packed or encrypted; `open`: the command that undoes it.
pub(super) fn wrapped(language: Language, file: &Path, how: Wrap, with: &str, open: &str) -> Fault {
    let how = match (language, how) {
        (En, Wrap::Encrypted) => "is encrypted with",
        (En, Wrap::Compressed) => "is compressed with",
        (Ru, Wrap::Encrypted) => "— зашифрованный файл:",
        (Ru, Wrap::Compressed) => "— сжатый файл:",
    };
    let hint = match language {
        En => format!("Open it first: {open}"),
        Ru => format!("Сначала откройте его: {open}"),
    };
    Fault::refused("wrapped", format!("{} {how} {with}", file.display())).hint(hint)
}

pub(super) fn for_no_terminal(language: Language) -> &'static str {
    match language {
        En => "an export is nothing for a terminal; lead it into a file or a command",
        Ru => "выгрузка не для терминала: направьте её в файл или в команду",
    }
}

pub(super) fn file_is_missing(language: Language) -> &'static str {
    match language {
        En => "FILE is missing",
        Ru => "не указан FILE",
    }
}

pub(super) fn key_only_here(language: Language) -> &'static str {
    match language {
        En => "--with-key works only on the server itself, without RMM_URL",
        Ru => "--with-key работает только на самом сервере, без RMM_URL",
    }
}

pub(super) fn not_utf8(language: Language, file: &Path) -> String {
    let file = file.display();
    match language {
        En => format!("{file} is not UTF-8"),
        Ru => format!("{file}: имя не в UTF-8"),
    }
}

pub(super) fn not_there(language: Language, file: &Path) -> String {
    let file = file.display();
    match language {
        En => format!("{file} is not there"),
        Ru => format!("файла {file} нет"),
    }
}

pub(super) fn not_read(language: Language, file: &Path, error: impl Display) -> String {
    let file = file.display();
    match language {
        En => format!("{file} cannot be read: {error}"),
        Ru => format!("{file} не прочитать: {error}"),
    }
}

pub(super) fn not_written(language: Language, file: &Path, error: impl Display) -> String {
    let file = file.display();
    match language {
        En => format!("{file} cannot be written: {error}"),
        Ru => format!("{file} не записать: {error}"),
    }
}

pub(super) fn there_already(language: Language, file: &Path) -> String {
    let file = file.display();
    match language {
        En => format!("{file} is there already; --force replaces it"),
        Ru => format!("{file} уже есть; --force его заменит"),
    }
}

/// No name can be guessed; `option` gives one.
pub(super) fn no_guess(language: Language, option: &str) -> Fault {
    Fault::Usage(match language {
        En => format!("no name can be guessed; give {option} NAME"),
        Ru => format!("имя угадать не удалось; укажите {option} NAME"),
    })
}

pub(super) fn where_is_code(language: Language, service: impl Display) -> Fault {
    Fault::Usage(match language {
        En => format!(
            "rmm init: where is the code of {service}? Give --repository URL, or --no-service to connect it in the dashboard"
        ),
        Ru => format!(
            "rmm init: где код {service}? Укажите --repository URL или --no-service, чтобы подключить его в панели"
        ),
    })
}

pub(super) fn no_page(language: Language, wanted: &str, list: &str) -> Fault {
    Fault::Usage(match language {
        En => format!("there is no page {wanted:?}; there is\n{list}"),
        Ru => format!("страницы {wanted:?} нет; есть\n{list}"),
    })
}

pub(super) fn too_far(language: Language) -> Fault {
    let text = match language {
        En => "--expires: that is too far away",
        Ru => "--expires: это слишком далеко",
    };
    Fault::Usage(text.to_owned())
}

pub(super) fn who_starts(language: Language) -> Fault {
    let text = match language {
        En => "it is not known who starts this release; say so with --by WHO",
        Ru => "неизвестно, кто начинает этот релиз; укажите --by WHO",
    };
    Fault::Usage(text.to_owned())
}

pub(super) fn no_such_run(language: Language, release: impl Display, run: impl Display) -> Fault {
    let detail = match language {
        En => format!("#{release} has no run {run}"),
        Ru => format!("у #{release} нет прогона {run}"),
    };
    Fault::refused("not_found", detail)
}

pub(super) fn not_ready(language: Language, url: &str, why: &str) -> String {
    match language {
        En => format!("RMM at {url} is not ready: {why}"),
        Ru => format!("RMM по адресу {url} не готов: {why}"),
    }
}

pub(super) fn answered(language: Language, url: &str, what: &str) -> String {
    match language {
        En => format!("{url} answered: {what}"),
        Ru => format!("{url} отвечает: {what}"),
    }
}

/// What goes on a line before a sentence of RMM's.
pub(super) fn written(language: Language, file: &Path) -> String {
    let file = file.display();
    match language {
        En => format!("{file} is written.\n"),
        Ru => format!("{file} записан.\n"),
    }
}

/// What to do with a first configuration that has no service yet.
pub(super) fn next_without_service(language: Language, config: &str, link: &str) -> String {
    match language {
        En => format!(
            "\nIt has no service yet. Next:\n  1. rmm check{config}\n  2. rmm serve{config}\n  \
             3. {link}    in a second terminal: a link to the dashboard\n  \
             4. There, \"Connect a repository\" leads from its address to a first release."
        ),
        Ru => format!(
            "\nСервисов в нём пока нет. Дальше:\n  1. rmm check{config}\n  2. rmm serve{config}\n  \
             3. {link}    во втором терминале: ссылка на панель\n  \
             4. Там «Подключить репозиторий» ведёт от его адреса к первому релизу."
        ),
    }
}

/// The same where it has one.
pub(super) fn next_with_service(
    language: Language,
    config: &str,
    link: &str,
    service: impl Display,
    repository: &str,
) -> String {
    match language {
        En => format!(
            "\nNext:\n  1. Look it over: `directory` and the commands must fit your service ({repository}).\n  \
             2. rmm check{config}\n  3. rmm serve{config}\n  \
             4. {link}    in a second terminal: a link to the dashboard\n  \
             5. rmm release create{config} --service {service} --tag v1.0.0    a tag that the repository has\n\n\
             For CI:  rmm token create{config} ci --role ci --service {service}"
        ),
        Ru => format!(
            "\nДальше:\n  1. Просмотрите файл: `directory` и команды должны подходить вашему сервису ({repository}).\n  \
             2. rmm check{config}\n  3. rmm serve{config}\n  \
             4. {link}    во втором терминале: ссылка на панель\n  \
             5. rmm release create{config} --service {service} --tag v1.0.0    тег, который есть в репозитории\n\n\
             Для CI:  rmm token create{config} ci --role ci --service {service}"
        ),
    }
}
