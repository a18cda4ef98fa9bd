//! Русский.

mod backup;
mod cli;
mod config;
mod event;
mod fault;
mod finding;
mod gate;
mod github;
mod identity;
mod machine;
mod model;
mod on_host;
mod part;
mod protection;
mod reason;
mod record;
mod refusal;
mod rule;
mod ssh;
mod standing;
mod store;
mod tool;
mod upgrade;

pub(super) use backup::{backup_alarm, backup_fault};
pub(super) use cli::{cli_fault, cli_hint, cli_note, unreached};
pub(super) use config::{config_fault, config_hint};
pub(super) use event::event;
pub(super) use fault::answer;
pub(super) use finding::{about, finding_remedy, found, topic};
pub(super) use gate::{remedy, state};
pub(super) use identity::id_token;
pub(super) use machine::machine;
pub(super) use model::model;
pub(super) use part::part;
pub(super) use protection::clearance;
pub(super) use reason::reason;
pub(super) use record::{lost_events, record_alarm, record_flaw};
pub(super) use refusal::refusal;
pub(super) use rule::rule;
pub(super) use ssh::private_key;
pub(super) use standing::{all_hosts_but, standing};
pub(super) use store::store;
pub(super) use tool::tool;
pub(super) use upgrade::{upgrade_fault, upgrade_step};

use std::fmt::Display;

use super::{behind, inside};
use crate::domain::env::Env;
use crate::domain::gate::GateName;
use crate::domain::status::Status;
use crate::domain::step::StepKind;

/// `ann, bob`.
fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Где: `на stage`, `в продакшне`.
fn on(environment: Env) -> String {
    match environment {
        Env::Preview(_) => format!("на {environment}"),
        Env::Stage => "на stage".to_owned(),
        Env::Production => "в продакшне".to_owned(),
    }
}

/// Что делает шаг.
pub(super) const fn step(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Fetch => "загрузка кода",
        StepKind::VerifyTag => "проверка тега",
        StepKind::Checkout => "переключение кода",
        StepKind::BeforeDeploy => "подготовка",
        StepKind::MigrateUp => "миграции",
        StepKind::MigrateDown => "откат миграций",
        StepKind::Deploy => "запуск",
        StepKind::Health => "проверка здоровья",
        StepKind::AfterDeploy => "завершение",
    }
}

/// Что с релизом сейчас.
pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Initiated => "создан",
        Status::StageBuilding => "собирается на stage",
        Status::StageBuildingFailed => "не собрался на stage",
        Status::StageTestRollback => "репетиция отката",
        Status::StageTestRollbackFailed => "репетиция отката не удалась",
        Status::ManualTesting => "ручное тестирование",
        Status::ManualTestFailed => "отклонён",
        Status::ManualTestPassed => "подтверждён, ждёт продакшна",
        Status::Deploying => "деплой в продакшн",
        Status::Deployed => "задеплоен",
        Status::ProductionRollback => "откат продакшна",
        Status::RollbackDone => "откат выполнен",
        Status::RollbackFailed => "откат не удался",
        Status::Cancelled => "отменён",
    }
}

/// Прогон: `деплой на stage`, `откат продакшна`; имена из API.
pub(super) fn run(environment: &str, kind: &str) -> String {
    let (on, of) = match environment {
        "production" => ("в продакшне".to_owned(), "продакшна".to_owned()),
        other => (format!("на {other}"), format!("на {other}")),
    };
    match (kind, environment) {
        ("deploy", "production") => "деплой в продакшн".to_owned(),
        ("deploy", _) => format!("деплой {on}"),
        ("rehearsal", _) => format!("репетиция отката {on}"),
        ("rollback", _) => format!("откат {of}"),
        ("drill", _) => format!("учебный откат {on}"),
        (other, _) => format!("{other} {on}"),
    }
}

/// Условие перед продакшном.
pub(super) const fn gate_name(name: GateName) -> &'static str {
    match name {
        GateName::ServiceDefined => "сервис определён",
        GateName::Approvals => "подтверждения",
        GateName::FreshRehearsal => "репетиция отката",
        GateName::CommitKnown => "коммит известен",
        GateName::NotADowngrade => "не старее продакшна",
        GateName::NoLock => "продакшн не заблокирован",
        GateName::ProductionClean => "продакшн исправен",
        GateName::ProductionFree => "продакшн свободен",
        GateName::Promoted => "команда на запуск",
    }
}

/// Роль, по имени из API.
pub(super) fn role(name: &str) -> &str {
    match name {
        "ci" => "CI",
        "viewer" => "наблюдатель",
        "member" => "участник",
        "admin" => "администратор",
        other => other,
    }
}

/// Форма слова при числе: 1 релиз, 2 релиза, 5 релизов.
pub(super) fn plural(number: u64, one: &'static str, few: &'static str, many: &'static str) -> &'static str {
    match (number % 10, number % 100) {
        (1, rest) if rest != 11 => one,
        (2..=4, rest) if !(12..=14).contains(&rest) => few,
        _ => many,
    }
}

/// Почему RMM или его машина не отвечает, по коду.
pub(super) fn problem(code: &str) -> Option<&'static str> {
    Some(match code {
        "too_large" => "отправлено слишком много данных",
        "too_slow" => "данные не пришли вовремя; попробуйте ещё раз",
        "incomplete" => "данные пришли не полностью; попробуйте ещё раз",
        "disk_full" => {
            "на диске RMM нет места, ничего не записано; смотреть можно, записи продолжатся, когда место появится"
        }
        "disk_failed" => {
            "диск RMM не подтвердил запись: сохранилась ли она, неизвестно, поэтому RMM больше ничего не пишет; проверьте \
             диск и запустите RMM снова"
        }
        "unavailable" => "RMM сейчас не может этого сделать; попробуйте ещё раз",
        "stopping" => "RMM останавливается",
        "too_many_wrong_tokens" => "слишком много неверных токенов; попробуйте позже",
        "too_many_calls" => "слишком много запросов одновременно; попробуйте ещё раз",
        "too_many_streams" => "открыто слишком много потоков; закройте лишние или попробуйте позже",
        "too_many_connections" => "открыто слишком много соединений; закройте лишние или попробуйте позже",
        "internal" => "внутри RMM что-то пошло не так; это записано в журнал, ничего не изменено",
        _ => return None,
    })
}
