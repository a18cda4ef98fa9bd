//! The labels of finding releases.

use crate::wording::Language;

/// The labels in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct Words {
    pub heading: &'static str,
    /// What the field of the header says.
    pub hint: &'static str,
    pub look_for: &'static str,
    pub find: &'static str,
    pub every_service: &'static str,
    pub everybody: &'static str,
    pub person: &'static str,
    pub show: &'static str,
    pub began: &'static str,
    pub status: &'static str,
    pub older: &'static str,
    pub newest: &'static str,
    pub nothing: &'static str,
    pub how: &'static str,
    pub show_all: &'static str,
    pub only_differing: &'static str,
    pub services_before: &'static str,
    pub services_behind: &'static str,
}

const EN: Words = Words {
    heading: "Releases",
    hint: "Tag, commit, person",
    look_for: "Find releases",
    find: "Find",
    every_service: "All services",
    everybody: "Everybody",
    person: "Person",
    show: "Show",
    began: "Began",
    status: "Status",
    older: "Older ones",
    newest: "The newest",
    nothing: "Nothing fits.",
    how: "A number, a tag or a commit or its beginning (4 digits or more), or a person who started, owns or voted on it.",
    show_all: "Show all",
    only_differing: "Only those that differ",
    services_before: "Services before",
    services_behind: "More services",
};

const RU: Words = Words {
    heading: "Релизы",
    hint: "Тег, коммит, имя",
    look_for: "Поиск релизов",
    find: "Найти",
    every_service: "Все сервисы",
    everybody: "Все",
    person: "Человек",
    show: "Показать",
    began: "Начат",
    status: "Статус",
    older: "Более ранние",
    newest: "Самые новые",
    nothing: "Ничего не нашлось.",
    how: "Номер, тег, коммит или его начало (от 4 знаков), или человек: инициатор, ответственный, кто голосовал.",
    show_all: "Показать все",
    only_differing: "Только с отличиями",
    services_before: "Предыдущие сервисы",
    services_behind: "Ещё сервисы",
};

/// The labels of a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static Words {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}
