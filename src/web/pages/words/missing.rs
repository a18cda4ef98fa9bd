//! What is said in place of a page that is not there, and what keeps one from being shown.

use super::Language;
use super::Language::{En, Ru};
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::web::problem::Problem;

/// What an address names that is not there.
#[derive(Debug)]
pub(in crate::web::pages) enum Missing {
    /// A page, by its path.
    Page(String),
    Release(String),
    /// To compare with: it is of another service.
    OfOtherService {
        release: ReleaseId,
        service: ServiceName,
    },
    Run(String),
    Step {
        run: RunId,
        step: u32,
    },
    Measure(String),
    /// What a filter names.
    Service(String),
    Person(String),
    Period(String),
    Gate(String),
    Act(String),
    MiniApp,
}

impl Missing {
    /// A sentence that begins small and has no full stop.
    pub fn sentence(&self, language: Language) -> String {
        match (language, self) {
            (En, Self::Page(path)) => format!("there is nothing at {path}"),
            (Ru, Self::Page(path)) => format!("по адресу {path} ничего нет"),
            (En, Self::Release(number)) => format!("there is no release {number}"),
            (Ru, Self::Release(number)) => format!("релиза {number} нет"),
            (En, Self::OfOtherService { release, service }) => {
                format!("#{release} is a release of {service}; only releases of one service can be compared")
            }
            (Ru, Self::OfOtherService { release, service }) => {
                format!("#{release} — релиз сервиса {service}; сравнивать можно только релизы одного сервиса")
            }
            (En, Self::Run(number)) => format!("there is no run {number}"),
            (Ru, Self::Run(number)) => format!("прогона {number} нет"),
            (En, Self::Step { run, step }) => format!("run {run} has no step {step}"),
            (Ru, Self::Step { run, step }) => format!("в прогоне {run} нет шага {step}"),
            (En, Self::Measure(name)) => format!("there is no measure {name}"),
            (Ru, Self::Measure(name)) => format!("показателя {name} нет"),
            (En, Self::Service(name)) => format!("there is no service {name}"),
            (Ru, Self::Service(name)) => format!("сервиса {name} нет"),
            (En, Self::Person(name)) => format!("there is nobody by the name {name}"),
            (Ru, Self::Person(name)) => format!("человека {name} нет"),
            (En, Self::Period(word)) => format!("there is no period {word}"),
            (Ru, Self::Period(word)) => format!("периода {word} нет"),
            (En, Self::Gate(name)) => format!("there is no gate {name}"),
            (Ru, Self::Gate(name)) => format!("условия {name} нет"),
            (En, Self::Act(name)) => format!("there is no action {name}"),
            (Ru, Self::Act(name)) => format!("действия {name} нет"),
            (En, Self::MiniApp) => {
                "there is no Mini App: it needs `[telegram]`, and a `public_url` with https".to_owned()
            }
            (Ru, Self::MiniApp) => "мини-приложения нет: для него нужны `[telegram]` и `public_url` с https".to_owned(),
        }
    }
}

/// What a problem of another door says on a page: by its code, and in English in its own words.
pub(in crate::web::pages) fn problem(language: Language, problem: &Problem) -> String {
    let again = problem.retry_after.unwrap_or_default();
    let known = match (language, problem.code.as_str()) {
        (En, "too_many_wrong_tokens") => {
            return format!("too many wrong links and codes came from your address; try again in {again} s");
        }
        (Ru, "too_many_wrong_tokens") => {
            return format!("с вашего адреса пришло слишком много неверных ссылок и кодов; попробуйте через {again} с");
        }
        (Ru, "not_found") => Some("здесь ничего нет"),
        (Ru, "method_not_allowed") => Some("эту страницу нельзя открыть таким образом"),
        (Ru, "unreadable") => Some("форму не удалось прочитать; откройте страницу заново"),
        (language, code) => language.problem(code),
    };
    known.map_or_else(|| problem.detail.clone(), str::to_owned)
}

/// A field of a form or of an address, as people call it; one that no page has by its own name.
pub(in crate::web::pages) fn field(language: Language, name: &str) -> &str {
    let (en, ru) = match name {
        "reason" => ("reason", "причина"),
        "gates" => ("gates", "условия"),
        "cursor" => ("page", "страница"),
        "service" => ("service", "сервис"),
        "services" => ("services", "сервисы"),
        "host" => ("host", "хост"),
        "person" => ("person", "человек"),
        "name" => ("name", "имя"),
        "role" => ("role", "роль"),
        "days" => ("days", "дни"),
        "since" => ("from", "начало"),
        "until" => ("to", "конец"),
        "environment" => ("environment", "окружение"),
        "to" | "version" => ("version", "версия"),
        "tag" => ("tag", "тег"),
        "commit" => ("commit", "коммит"),
        "initiated_by" => ("started by", "кто начал"),
        "run" => ("run", "прогон"),
        "verdict" => ("how it ended", "исход"),
        "runs" => ("what it runs", "что там работает"),
        "release" => ("release", "релиз"),
        "revision" => ("revision", "ревизия"),
        "fingerprint" => ("fingerprint", "отпечаток"),
        "repository" => ("repository", "репозиторий"),
        _ => return name,
    };
    if language == En { en } else { ru }
}
