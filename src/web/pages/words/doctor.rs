//! Labels of the page with everything that RMM needs.

use super::Language;

/// Labels of the page with everything that RMM needs in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct Doctor {
    pub title: &'static str,
    pub lead: &'static str,
    pub look: &'static str,
    pub takes: &'static str,
    pub never: &'static str,
    pub looked: &'static str,
    pub fails: &'static str,
    pub warns: &'static str,
    pub well: &'static str,
    pub settings: &'static str,
}

const EN: Doctor = Doctor {
    title: "Doctor",
    lead: "Everything that RMM needs, and what to do where it is not well. Nothing is changed. On the server:",
    look: "Examine now",
    takes: "Takes up to a minute.",
    never: "Not examined since RMM started.",
    looked: "Examined",
    fails: "not well",
    warns: "to look at",
    well: "well",
    settings: "Settings",
};

const RU: Doctor = Doctor {
    title: "Диагностика",
    lead: "Всё, что нужно RMM, и что сделать там, где не всё в порядке. Ничего не меняется. На сервере:",
    look: "Проверить сейчас",
    takes: "Займёт до минуты.",
    never: "С запуска RMM проверки не было.",
    looked: "Проверено",
    fails: "не в порядке",
    warns: "требует внимания",
    well: "в порядке",
    settings: "Настройки",
};

/// The labels in a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static Doctor {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}
