//! Русский.

mod fault;
mod gate;
mod reason;
mod refusal;

pub(super) use gate::{remedy, state};
pub(super) use reason::reason;
pub(super) use refusal::refusal;

use std::fmt::Display;

use super::{behind, inside};
use crate::domain::env::Env;
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

fn step(kind: StepKind) -> &'static str {
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
fn status(status: Status) -> &'static str {
    match status {
        Status::Initiated => "создан",
        Status::StageBuilding => "собирается на stage",
        Status::StageBuildingFailed => "не собрался на stage",
        Status::StageTestRollback => "репетиция отката",
        Status::StageTestRollbackFailed => "репетиция отката не удалась",
        Status::ManualTesting => "на проверке у людей",
        Status::ManualTestFailed => "отклонён",
        Status::ManualTestPassed => "одобрен, ждёт продакшна",
        Status::Deploying => "деплой в продакшн",
        Status::Deployed => "задеплоен",
        Status::ProductionRollback => "откат продакшна",
        Status::RollbackDone => "откат выполнен",
        Status::RollbackFailed => "откат не удался",
        Status::Cancelled => "отменён",
    }
}

/// Форма слова при числе: 1 релиз, 2 релиза, 5 релизов.
fn plural(number: u64, one: &'static str, few: &'static str, many: &'static str) -> &'static str {
    match (number % 10, number % 100) {
        (1, rest) if rest != 11 => one,
        (2..=4, rest) if !(12..=14).contains(&rest) => few,
        _ => many,
    }
}
