//! The labels of the Mini App.

use crate::domain::init_data::InitDataFault;
use crate::wording::Language;

/// The labels in one language.
#[derive(Debug)]
pub(in crate::web::pages) struct Words {
    pub opening: &'static str,
    pub from_telegram: &'static str,
    pub open: &'static str,
    pub unconfirmed: &'static str,
    pub stranger: &'static str,
    unreadable: &'static str,
    forged: &'static str,
    old: &'static str,
    used: &'static str,
}

const EN: Words = Words {
    opening: "Opening RMM",
    from_telegram: "This page is for Telegram: open it with the bot's button. In a browser, sign in with a link.",
    open: "Open",
    unconfirmed: "an admin has to confirm first that this account is yours; the bot asks them",
    stranger: "RMM does not know this account of Telegram: ask an admin for an entry in [[people]] with its number, which the bot shows after /id",
    unreadable: "this is not what Telegram tells a Mini App: open it with the bot's button",
    forged: "Telegram has not signed this for the bot of this RMM: open it with the bot's button",
    old: "this has expired: close the Mini App and open it again",
    used: "This was used to sign in already. Close it and open it again from the bot.",
};

const RU: Words = Words {
    opening: "Открываем RMM",
    from_telegram: "Эта страница для Telegram: откройте её кнопкой бота. В браузере войдите по ссылке.",
    open: "Открыть",
    unconfirmed: "администратор должен сначала подтвердить, что этот аккаунт ваш; бот его спросит",
    stranger: "RMM не знает этого аккаунта Telegram: попросите администратора добавить его номер в [[people]]; номер бот скажет в ответ на /id",
    unreadable: "это не то, что Telegram сообщает мини-приложению: откройте его кнопкой бота",
    forged: "Telegram не подписывал это для бота этого RMM: откройте его кнопкой бота",
    old: "прошло слишком много времени: закройте мини-приложение и откройте снова",
    used: "Эти данные уже использованы для входа. Закройте окно и откройте его из бота ещё раз.",
};

impl Words {
    /// Why what Telegram told opens nothing.
    pub const fn fault(&self, fault: InitDataFault) -> &'static str {
        match fault {
            InitDataFault::Unreadable => self.unreadable,
            InitDataFault::Forged => self.forged,
            InitDataFault::Used => self.used,
            InitDataFault::Old => self.old,
        }
    }
}

/// The labels of a language.
pub(in crate::web::pages) const fn of(language: Language) -> &'static Words {
    match language {
        Language::En => &EN,
        Language::Ru => &RU,
    }
}
