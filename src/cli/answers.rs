//! What is said once a command has been carried out, in the languages of RMM.

use std::fmt::Display;
use std::path::Path;

use super::words;
use crate::contract::{ToldView, Verification, version};
use crate::domain::env::Env;
use crate::domain::version::Version;
use crate::store::around::Recorded;
use crate::wording::Language::{self, En, Ru};

pub(super) fn locked(language: Language, service: &str) -> String {
    match language {
        En => format!("Production of {service} is locked.\n"),
        Ru => format!("Продакшн сервиса {service} заблокирован.\n"),
    }
}

pub(super) fn unlocked(language: Language, service: &str) -> String {
    match language {
        En => format!("Production of {service} is unlocked.\n"),
        Ru => format!("Продакшн сервиса {service} разблокирован.\n"),
    }
}

pub(super) fn given_up(language: Language, service: &str, environment: Env, host: &str) -> String {
    match language {
        En => format!("RMM no longer waits for {host} in {environment} of {service}.\n"),
        Ru => format!("RMM больше не ждёт хост {host} ({service}, {environment}).\n"),
    }
}

pub(super) fn catching_up(language: Language, environment: Env, host: &str) -> String {
    match language {
        En => format!("{host} is being caught up with {environment}.\n"),
        Ru => format!("Хост {host} догоняет остальные ({environment}).\n"),
    }
}

pub(super) fn nothing_to_settle(language: Language, service: &str) -> String {
    match language {
        En => format!("It is known what {service} runs; there is nothing to settle.\n"),
        Ru => format!("Что работает у {service}, известно; уточнять нечего.\n"),
    }
}

/// What an environment runs, as an admin has said it.
pub(super) fn settled(language: Language, service: &str, environment: Env, runs: Option<&Version>) -> String {
    let place = words::environment(language, &environment.into());
    match (language, runs.map(version)) {
        (En, Some(runs)) => format!("{environment} of {service} runs {runs}; deploys go on.\n"),
        (En, None) => format!("{environment} of {service} runs nothing that RMM knows of; deploys go on.\n"),
        (Ru, Some(runs)) => format!("{place} сервиса {service}: работает {runs}; деплои продолжаются.\n"),
        (Ru, None) => format!("{place} сервиса {service}: известных RMM версий там нет; деплои продолжаются.\n"),
    }
}

pub(super) fn trusted(language: Language, host: &str) -> String {
    match language {
        En => format!("The key of {host} is trusted.\n"),
        Ru => format!("Ключ хоста {host} подтверждён.\n"),
    }
}

pub(super) fn shows_key(language: Language, host: &str, fingerprint: &str, algorithm: &str) -> String {
    match language {
        En => format!("{host} shows this key:\n\n  {fingerprint} ({algorithm})\n"),
        Ru => format!("{host} показывает такой ключ:\n\n  {fingerprint} ({algorithm})\n"),
    }
}

/// A new token; `until`: when it expires.
pub(super) fn token_made(language: Language, name: &str, role: &str, until: Option<String>) -> String {
    let role = language.role(role);
    let until = until.map(|until| format!(", {} {until}", words::words(language).expires)).unwrap_or_default();
    match language {
        En => format!("Token {name} ({role}){until}: keep it safe, it is not shown again."),
        Ru => format!("Токен {name} ({role}){until}. Сохраните его: больше он не будет показан."),
    }
}

pub(super) fn login_link_made(language: Language, who: &str, until: &str) -> String {
    match language {
        En => format!("Signs {who} in, once, and ends {until}."),
        Ru => format!("Вход для {who}: один раз, истекает {until}."),
    }
}

/// When the person hears of what was made in their name.
pub(super) fn person_is_told(language: Language, person: &str, told: ToldView) -> String {
    match (language, told) {
        (En, ToldView::Now) => format!("The bot tells {person} so."),
        (En, ToldView::Later) => {
            format!(
                "The bot cannot write to {person} yet; it tells them as soon as it can, if that is still valid then."
            )
        }
        (Ru, ToldView::Now) => format!("Бот сообщит об этом {person}."),
        (Ru, ToldView::Later) => {
            format!("Бот пока не может написать {person} и сообщит об этом, как только сможет, если срок не истечёт.")
        }
    }
}

pub(super) fn token_adopted(language: Language, name: &str) -> String {
    match language {
        En => format!("You own the token {name} now."),
        Ru => format!("Теперь за токен {name} отвечаете вы."),
    }
}

pub(super) fn token_revoked(language: Language, name: &str) -> String {
    match language {
        En => format!("The token {name} is not valid any more."),
        Ru => format!("Токен {name} больше не действует."),
    }
}

pub(super) fn tokens_hidden(language: Language, many: usize) -> String {
    match language {
        En => format!("{many} revoked or expired; --all shows them"),
        Ru => format!("Отозванных и истёкших: {many}; показать их: --all"),
    }
}

/// A record that is as RMM wrote it.
pub(super) fn intact(language: Language, found: &Verification) -> String {
    let many = found.events;
    let intact = match (language, many) {
        (En, 1) => "The record is intact: 1 event.\n".to_owned(),
        (En, _) => format!("The record is intact: {many} events.\n"),
        (Ru, _) => format!("Журнал аудита цел, событий в нём: {many}.\n"),
    };
    if many == 0 {
        return intact;
    }
    format!("{intact}{}\n  {}:{}\n", words::words(language).end_of_record, found.head_seq, found.head_mac)
}

pub(super) fn key_rotated(language: Language, last: i64, file: impl Display) -> String {
    match language {
        En => format!("A new key signs what comes after event {last}; copy {file} to its safe place."),
        Ru => format!("События после {last} подписывает новый ключ; скопируйте {file} в надёжное место."),
    }
}

/// How the check of a configuration ended well.
pub(super) fn right(language: Language, file: impl Display, warnings: usize) -> String {
    match (language, warnings) {
        (En, 0) => format!("{file} is right."),
        (En, 1) => format!("{file} is right, with 1 warning."),
        (En, many) => format!("{file} is right, with {many} warnings."),
        (Ru, 0) => format!("{file}: ошибок нет."),
        (Ru, many) => format!("{file}: ошибок нет, предупреждений: {many}."),
    }
}

pub(super) fn open_files(language: Language, files: impl Display, connections: impl Display) -> String {
    match language {
        En => format!("Open files: {files}, so {connections} connections at the same time."),
        Ru => format!("Открытых файлов: {files}, одновременных соединений: {connections}."),
    }
}

/// The end of the record in a copy of the database.
pub(super) fn end_in_copy(language: Language, seq: i64, mac: &str) -> String {
    match language {
        En => format!("The record's end in it: {seq}:{mac}"),
        Ru => format!("Конец журнала аудита в копии: {seq}:{mac}"),
    }
}

pub(super) fn key_in_copy(language: Language, file: impl Display) -> String {
    match language {
        En => format!("The key of the record: {file}"),
        Ru => format!("Ключ журнала аудита: {file}"),
    }
}

pub(super) fn key_came_from(language: Language, file: impl Display) -> String {
    match language {
        En => format!("The key of the record came from {file}."),
        Ru => format!("Ключ журнала аудита взят из {file}."),
    }
}

pub(super) fn database_kept(language: Language, file: impl Display) -> String {
    match language {
        En => format!("The database that was there is {file} now."),
        Ru => format!("Прежняя база данных теперь в {file}."),
    }
}

/// What was exported; `end`: the last event of its record.
pub(super) fn exported(language: Language, end: Option<i64>) -> String {
    let end = end.unwrap_or(0);
    match language {
        En => format!("Exported up to event {end} of the record."),
        Ru => format!("Выгружено до события {end} журнала аудита."),
    }
}

pub(super) fn imported(language: Language, data_dir: impl Display) -> String {
    match language {
        En => format!("{data_dir} holds what was exported. Ask `rmm check`, then start RMM.\n"),
        Ru => format!("В {data_dir} теперь то, что было выгружено. Выполните `rmm check` и запустите RMM.\n"),
    }
}

/// A configuration that was there already, and where the other one is.
pub(super) fn config_kept(language: Language, config: impl Display, other: impl Display) -> String {
    match language {
        En => format!("{config} was there and stays; the one of the export is {other}."),
        Ru => format!("{config} уже есть и не меняется; выгруженный лежит в {other}."),
    }
}

/// A copy that was put back; `end`: the last event of its record.
pub(super) fn restored(language: Language, database: impl Display, end: Option<i64>) -> String {
    match (language, end) {
        (En, Some(end)) => format!("{database} is restored up to event {end} of the record. Start RMM again.\n"),
        (En, None) => format!("{database} is restored. Start RMM again.\n"),
        (Ru, Some(end)) => format!("{database}: восстановлено до события {end} журнала аудита. Запустите RMM снова.\n"),
        (Ru, None) => format!("{database}: восстановлено. Запустите RMM снова.\n"),
    }
}

/// The numbers that are left out after a copy was put back; not `exact`: some more than were given out.
pub(super) fn goes_on_after(language: Language, release: impl Display, run: impl Display, exact: bool) -> String {
    let some_are_left_out = if exact { "" } else { words::words(language).some_are_left_out };
    match language {
        En => format!("Releases go on after #{release}, runs after {run}{some_are_left_out}."),
        Ru => format!("Номера релизов продолжатся после #{release}, прогонов — после {run}{some_are_left_out}."),
    }
}

/// What an environment runs according to the database that was replaced, and to the one that is there now.
pub(super) fn runs_another(
    language: Language,
    service: impl Display,
    environment: impl Display,
    was: &Recorded,
    is: &Recorded,
) -> String {
    let nothing = words::words(language).nothing;
    let [old, new] =
        [was, is].map(|recorded| recorded.runs.as_ref().map_or_else(|| nothing.to_owned(), Version::to_string));
    let run = was.run.map(|run| match language {
        En => format!(", with run {run} under way or not known how it ended"),
        Ru => format!(" (прогон {run} ещё идёт, или его исход неизвестен)"),
    });
    let run = run.unwrap_or_default();
    match language {
        En => format!(
            "{environment} of {service} runs {old} according to the database that was replaced{run}; the restored one says {new}."
        ),
        Ru => format!("{service}, {environment}: по прежней базе данных — {old}{run}, по восстановленной — {new}."),
    }
}

pub(super) fn token_valid_again(language: Language, name: &str, role: &str, used: Option<String>) -> String {
    let role = language.role(role);
    match (language, used) {
        (En, Some(used)) => format!("  {name} ({role}), last used {used}"),
        (En, None) => format!("  {name} ({role}), never used"),
        (Ru, Some(used)) => format!("  {name} ({role}), использован {used}"),
        (Ru, None) => format!("  {name} ({role}), не использован"),
    }
}

/// That a file is written.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answers: impl Fn(Language) -> Vec<String>) -> String {
        [En, Ru].into_iter().flat_map(answers).map(|answer| format!("{}\n", answer.trim_end())).collect()
    }

    #[test]
    fn of_services() {
        let version: Version = serde_json::from_value(serde_json::json!({"release": 12, "tag": "v1.4.0"})).unwrap();
        let text = told(|language| {
            vec![
                locked(language, "shop"),
                unlocked(language, "shop"),
                given_up(language, "shop", Env::Production, "web-2"),
                catching_up(language, Env::Production, "web-2"),
                nothing_to_settle(language, "shop"),
                settled(language, "shop", Env::Production, Some(&version)),
                settled(language, "shop", Env::Stage, None),
            ]
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn of_hosts_and_tokens() {
        let text = told(|language| {
            vec![
                trusted(language, "web-2"),
                shows_key(language, "web-2", "SHA256:abc", "ssh-ed25519"),
                token_made(language, "laptop", "member", Some("in 3 h".to_owned())),
                token_made(language, "github", "ci", None),
                token_adopted(language, "laptop"),
                token_revoked(language, "laptop"),
                tokens_hidden(language, 3),
            ]
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn of_the_record_and_copies() {
        let found = |events: i64| -> Verification {
            let found = serde_json::json!({"intact": true, "events": events, "head_seq": events, "head_mac": "ab"});
            serde_json::from_value(found).unwrap()
        };
        let text = told(|language| {
            vec![
                intact(language, &found(0)),
                intact(language, &found(1)),
                intact(language, &found(12)),
                key_rotated(language, 12, "/srv/rmm/audit.key"),
                end_in_copy(language, 12, "ab"),
                key_in_copy(language, "/srv/copy.key"),
                [512, 126_976, 5_242_880].map(|bytes| language.size(bytes)).join(", "),
            ]
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn of_a_copy_that_was_put_back() {
        let version = serde_json::from_value(serde_json::json!({"release": 12, "tag": "v1.4.0"})).unwrap();
        let (was, is) = (Recorded { runs: Some(version), run: Some(41) }, Recorded::default());
        let text = told(|language| {
            vec![
                key_came_from(language, "/srv/copy.key"),
                database_kept(language, "rmm.db.before-restore"),
                exported(language, Some(12)),
                imported(language, "/var/lib/rmm"),
                config_kept(language, "rmm.toml", "rmm.toml.imported"),
                restored(language, "rmm.db", Some(12)),
                restored(language, "rmm.db", None),
                goes_on_after(language, 12, 41, true),
                goes_on_after(language, 12, 41, false),
                runs_another(language, "shop", Env::Production, &was, &is),
                token_valid_again(language, "laptop", "member", None),
                token_valid_again(language, "laptop", "member", Some("3 min".to_owned())),
            ]
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn of_the_configuration() {
        let text = told(|language| {
            vec![
                right(language, "rmm.toml", 0),
                right(language, "rmm.toml", 1),
                right(language, "rmm.toml", 5),
                open_files(language, 1024, 400),
            ]
        });
        insta::assert_snapshot!(text);
    }
}
