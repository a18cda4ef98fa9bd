//! What was found where RMM has looked at something that it needs.

mod github;
mod host;
mod machine;
mod outside;
mod remedy;

pub(in crate::wording) use remedy::finding_remedy;

use crate::domain::finding::{About, Found, Topic};
use crate::wording::Language;

/// A sentence that begins small and has no full stop.
pub(in crate::wording) fn found(found: &Found) -> String {
    match found {
        Found::Host(fact) => host::host_fact(fact),
        Found::Reason(reason) => Language::En.reason(reason),
        Found::Machine(fact) => machine::machine_fact(fact),
        Found::Address(fact) => outside::address_fact(fact),
        Found::Telegram(fact) => outside::telegram_fact(fact),
        Found::Model(fact) => outside::model_fact(fact),
        Found::Running(fact) => outside::running_fact(fact),
        Found::Login(fact) => github::login_fact(fact),
        Found::Repository(fact) => github::repository_fact(fact),
        Found::Told(sentence) => sentence.clone(),
    }
}

/// What was looked at, one word or two.
pub(in crate::wording) fn topic(topic: &Topic) -> &str {
    topic.as_str()
}

/// The thing that findings are about.
pub(in crate::wording) fn about(about: &About) -> String {
    match about {
        About::Machine => "this machine".into(),
        About::PublicAddress => "public address".into(),
        About::Running => "the RMM that runs".into(),
        About::Backups => "backups".into(),
        About::Hosts => "hosts".into(),
        About::Host(name) => format!("host {name}"),
        About::GitHub(url) => format!("GitHub ({url})"),
        About::Telegram(url) => format!("Telegram ({url})"),
        About::Analysis(url) => format!("analysis ({url})"),
        About::Named(name) => name.clone(),
    }
}
