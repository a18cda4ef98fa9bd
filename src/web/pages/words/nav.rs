//! The names of the dashboard's parts.

use crate::wording::Language;

/// The names of the dashboard's parts in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct Nav {
    pub more: &'static str,
    pub hosts: &'static str,
    pub people: &'static str,
    pub tokens: &'static str,
    pub audit: &'static str,
    pub settings: &'static str,
    pub connect: &'static str,
}

const EN: Nav = Nav {
    more: "More",
    hosts: "Hosts",
    people: "People",
    tokens: "Tokens",
    audit: "Audit",
    settings: "Settings",
    connect: "Connect a repository",
};

const RU: Nav = Nav {
    more: "Ещё",
    hosts: "Хосты",
    people: "Люди",
    tokens: "Токены",
    audit: "Журнал аудита",
    settings: "Настройки",
    connect: "Подключить репозиторий",
};

/// The names in a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static Nav {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}
