//! Labels of the page about a service.

use crate::wording::{Language, russian_plural};

/// Labels of the page about a service in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct Services {
    pub hosts: &'static str,
    pub rehearsed: &'static str,
    pub within: &'static str,
    pub by_workflow: &'static str,
    pub by_ci: &'static str,
    pub back: &'static str,
    pub from: &'static str,
    pub back_to: &'static str,
    pub back_it: &'static str,
    pub undoes: &'static str,
    pub no_migrations: &'static str,
    pub definition: &'static str,
    pub from_file: &'static str,
    pub retired: &'static str,
    pub is_retired: &'static str,
    pub is_aside: &'static str,
    pub aside_follows: &'static str,
    pub retired_follows: &'static str,
    pub see_definition: &'static str,
    pub show_definition: &'static str,
    pub removed: &'static str,
    pub moved: &'static str,
    pub revisions: &'static str,
    pub revision: &'static str,
    pub first: &'static str,
    pub from_here: &'static str,
    pub edit: &'static str,
    pub more: &'static str,
    pub take: &'static str,
    pub aside: &'static str,
}

const EN: Services = Services {
    hosts: "Hosts",
    rehearsed: "as rehearsed",
    within: "in",
    by_workflow: "by the workflow",
    by_ci: "by CI",
    back: "Roll production back",
    from: "from",
    back_to: "Version to roll back to",
    back_it: "Roll back to the chosen version",
    undoes: "undoes migrations of",
    no_migrations: "no migration is undone",
    definition: "Definition",
    from_file: "It is defined in rmm.toml, and is changed there. Secrets are not shown.",
    retired: "Its last definition.",
    is_retired: "Retired",
    is_aside: "Disabled",
    aside_follows: "Its definition in the dashboard is no longer valid together with rmm.toml. What is under way ends, and nothing new begins until an admin corrects it.",
    retired_follows: "It is not in the configuration any more. What is under way ends, and nothing new begins until it is there again.",
    show_definition: "Show the definition",
    see_definition: "The definition",
    removed: "removed",
    moved: "It was defined in the dashboard, and is defined in rmm.toml since",
    revisions: "How it changed",
    revision: "Revision",
    first: "the first that RMM knows",
    from_here: "It is defined here, in the dashboard. Secrets are not shown.",
    edit: "Edit",
    more: "In full",
    take: "Take into the editor",
    aside: "Disabled: its definition is no longer valid together with rmm.toml.",
};

const RU: Services = Services {
    hosts: "Хосты",
    rehearsed: "как на репетиции",
    within: "за",
    by_workflow: "сделает workflow",
    by_ci: "сделает CI",
    back: "Откатить продакшн",
    from: "с",
    back_to: "Версия, на которую откатить",
    back_it: "Откатить на выбранную версию",
    undoes: "откатит миграции:",
    no_migrations: "миграции не откатываются",
    definition: "Определение",
    from_file: "Задано в rmm.toml, там и меняется. Секреты не показаны.",
    retired: "Так он был определён в последний раз.",
    is_retired: "Выведен",
    is_aside: "Отключён",
    aside_follows: "Его определение в панели больше не годится вместе с rmm.toml. Начатое завершится, а новое не начнётся, пока администратор это не исправит.",
    retired_follows: "В конфигурации его больше нет. Начатое завершится, а новое не начнётся, пока его не вернут.",
    show_definition: "Показать определение",
    see_definition: "Определение",
    removed: "удалён",
    moved: "Раньше он был определён в панели, а теперь — в rmm.toml, с",
    revisions: "Как менялось",
    revision: "Редакция",
    first: "первая из известных RMM",
    from_here: "Определён здесь, в панели. Секреты не показаны.",
    edit: "Изменить",
    more: "Подробнее",
    take: "Взять в редактор",
    aside: "Отключён: его определение больше не годится вместе с rmm.toml.",
};

impl Services {
    /// How many steps of how long a way there are.
    pub fn steps(&self, language: Language, steps: usize) -> String {
        match language {
            Language::En if steps == 1 => "1 step".to_owned(),
            Language::En => format!("{steps} steps"),
            Language::Ru => format!("{steps} {}", russian_plural(steps as u64, "шаг", "шага", "шагов")),
        }
    }
}

/// The labels in a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static Services {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}
