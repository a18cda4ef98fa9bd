//! The labels of what the script adds: keys, and copying.

use crate::wording::Language;

/// The labels in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct Keys {
    pub heading: &'static str,
    pub open: &'static str,
    pub find: &'static str,
    pub next: &'static str,
    pub this: &'static str,
    pub escape: &'static str,
    pub on: &'static str,
    pub close: &'static str,
    pub copy: &'static str,
    pub copied: &'static str,
}

const EN: Keys = Keys {
    heading: "Keys",
    open: "Keys: press ?",
    find: "Find releases",
    next: "The next one, the one before; Enter opens it",
    this: "This list",
    escape: "Close what is open",
    on: "Keys are on",
    close: "Close",
    copy: "Copy",
    copied: "Copied",
};

const RU: Keys = Keys {
    heading: "Клавиши",
    open: "Клавиши: ?",
    find: "Поиск релизов",
    next: "Следующий, предыдущий; Enter открывает",
    this: "Этот список",
    escape: "Закрыть открытое",
    on: "Клавиши включены",
    close: "Закрыть",
    copy: "Копировать",
    copied: "Скопировано",
};

/// The labels of a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static Keys {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}
