//! Labels of the page about people.

use super::Language;

/// Labels of the page about people in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct People {
    pub title: &'static str,
    pub lead: &'static str,
    pub role: &'static str,
    pub approves: &'static str,
    pub telegram: &'static str,
    pub github: &'static str,
    pub confirmed_by: &'static str,
    pub in_file: &'static str,
    pub unclaimed: &'static str,
    pub claimed: &'static str,
    pub not_set: &'static str,
    pub claims_heading: &'static str,
    pub claims_to_be: &'static str,
    pub claim_follows: &'static str,
    pub confirm: &'static str,
    pub refuse: &'static str,
    pub sessions: &'static str,
    pub nowhere: &'static str,
    pub sign_out: &'static str,
    pub sign_out_it: &'static str,
    pub sign_out_everywhere: &'static str,
    pub sign_out_follows: &'static str,
    pub operator: &'static str,
    pub none: &'static str,
}

const EN: People = People {
    title: "People",
    lead: "Who is who. People and their roles are defined in rmm.toml.",
    role: "Role",
    approves: "Approves",
    telegram: "Telegram",
    github: "GitHub",
    confirmed_by: "confirmed by",
    in_file: "number in rmm.toml",
    unclaimed: "has not written to the bot yet",
    claimed: "waits to be confirmed",
    not_set: "not set",
    claims_heading: "Who is this?",
    claims_to_be: "claims to be",
    claim_follows: "Ask the person in another way whether this account is theirs: its owner can approve in their name.",
    confirm: "Confirm",
    refuse: "Refuse",
    sessions: "Signed in",
    nowhere: "Not signed in anywhere.",
    sign_out: "Sign out…",
    sign_out_it: "Sign out there",
    sign_out_everywhere: "Sign out everywhere",
    sign_out_follows: "This browser needs a new link to sign in again.",
    operator: "operator",
    none: "There are no people in rmm.toml yet. Add them under [[people]].",
};

const RU: People = People {
    title: "Люди",
    lead: "Кто есть кто. Люди и их роли заданы в rmm.toml.",
    role: "Роль",
    approves: "Подтверждает",
    telegram: "Telegram",
    github: "GitHub",
    confirmed_by: "подтверждено:",
    in_file: "номер в rmm.toml",
    unclaimed: "сообщений боту ещё не было",
    claimed: "ждёт подтверждения",
    not_set: "не задан",
    claims_heading: "Кто это?",
    claims_to_be: "называет себя",
    claim_follows: "Спросите у человека другим путём, его ли это аккаунт: кто им владеет, тот подтверждает от его имени.",
    confirm: "Подтвердить",
    refuse: "Отказать",
    sessions: "Сеансы",
    nowhere: "Сейчас никто не вошёл.",
    sign_out: "Закрыть сеанс…",
    sign_out_it: "Закрыть сеанс",
    sign_out_everywhere: "Выйти везде",
    sign_out_follows: "Чтобы войти снова, этому браузеру нужна новая ссылка.",
    operator: "оператор",
    none: "В rmm.toml пока нет людей. Добавьте их в [[people]].",
};

/// The labels in a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static People {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}
