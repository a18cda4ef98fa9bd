//! Why no RMM could be reached, or why what answered is none; and what to try after a refusal.

use std::path::Path;

use crate::domain::fault::store::StoreFault;
use crate::wording::Language;

/// Why no RMM could be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "`name` is how the way to RMM is called, `said` what the system said")]
pub enum Unreached {
    /// The socket belongs to another user.
    SocketOfOther {
        socket: String,
    },
    /// Another process has the database, and nothing answers.
    Locked {
        fault: StoreFault,
        socket: String,
    },
    /// The same, where nothing was to answer.
    InUse(StoreFault),
    NotThis {
        name: String,
        said: String,
    },
    NotRmm {
        name: String,
    },
    Late {
        name: String,
        seconds: u64,
    },
    CutOff {
        name: String,
        said: String,
    },
    Elsewhere {
        name: String,
        to: String,
    },
    /// It answers with this status, and not as RMM would.
    Behind {
        name: String,
        status: String,
    },
    NotRunning {
        folder: String,
        why: NotServing,
    },
    /// `said`: none where it did not answer in time.
    NoAnswer {
        url: String,
        said: Option<String>,
    },
    WentAway {
        socket: String,
        said: String,
    },
    /// It is about to end.
    Stopping,
    /// In the words of RMM, or of a verb.
    Said(String),
}

/// Why this process does not work in its stead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotServing {
    /// What is asked for takes an RMM that runs.
    TakesServer,
    /// There is no database.
    NoDatabase,
}

impl From<String> for Unreached {
    fn from(said: String) -> Self {
        Self::Said(said)
    }
}

impl Unreached {
    /// A sentence.
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        match language {
            Language::En => self.in_english(),
            Language::Ru => self.in_russian(),
        }
    }

    fn in_english(&self) -> String {
        match self {
            Self::SocketOfOther { socket } => format!(
                "the socket {socket} belongs to another user: run rmm as the user that runs RMM (sudo -u USER rmm …), or set RMM_URL and \
                 RMM_TOKEN"
            ),
            Self::Locked { fault, socket } => {
                format!("{}; but nothing answers at its socket {socket}", Language::En.store(fault))
            }
            Self::InUse(fault) => Language::En.store(fault),
            Self::NotThis { name, said } => format!("what answers at {name} is not this RMM ({said})"),
            Self::NotRmm { name } => format!("what answers at {name} is not RMM"),
            Self::Late { name, seconds } => format!("{name} did not answer within {seconds} s"),
            Self::CutOff { name, said } => format!("the answer of {name} was cut off: {said}"),
            Self::Elsewhere { name, to } => format!("{name} points to {to}; set RMM_URL to the address itself"),
            Self::Behind { name, status } => {
                format!("{name} answered {status}, and not as RMM would: is RMM down behind a proxy, or RMM_URL wrong?")
            }
            Self::NotRunning { folder, why } => {
                let why = match why {
                    NotServing::TakesServer => "and nothing moves until it does",
                    NotServing::NoDatabase => "and none ever has",
                };
                format!(
                    "no RMM runs on {folder}, {why}: start it with `rmm serve`, or set RMM_URL and RMM_TOKEN to reach one elsewhere"
                )
            }
            Self::NoAnswer { url, said } => {
                let why = said.as_deref().unwrap_or("it did not answer in time");
                format!("no RMM could be reached at {url}: {why}. Does it run there, and is RMM_URL right?")
            }
            Self::WentAway { socket, said } => format!("RMM at {socket} went away: {said}; is it being restarted?"),
            Self::Stopping => "RMM is stopping".to_owned(),
            Self::Said(said) => said.clone(),
        }
    }

    fn in_russian(&self) -> String {
        match self {
            Self::SocketOfOther { socket } => format!(
                "сокет {socket} принадлежит другому пользователю: запустите rmm от имени пользователя, под которым работает RMM (sudo -u \
                 USER rmm …), или задайте RMM_URL и RMM_TOKEN"
            ),
            Self::Locked { fault, socket } => {
                format!("{}; но на его сокете {socket} никто не отвечает", Language::Ru.store(fault))
            }
            Self::InUse(fault) => Language::Ru.store(fault),
            Self::NotThis { name, said } => format!("{name} отвечает, но это не этот RMM ({said})"),
            Self::NotRmm { name } => format!("{name} отвечает, но это не RMM"),
            Self::Late { name, seconds } => format!("{name}: нет ответа за {seconds} с"),
            Self::CutOff { name, said } => format!("{name}: ответ оборвался: {said}"),
            Self::Elsewhere { name, to } => format!("{name} перенаправляет на {to}; укажите в RMM_URL сам этот адрес"),
            Self::Behind { name, status } => {
                format!(
                    "{name} отвечает {status}, и не так, как RMM: не остановлен ли RMM за прокси, верен ли RMM_URL?"
                )
            }
            Self::NotRunning { folder, why } => {
                let why = match why {
                    NotServing::TakesServer => "а до запуска ничего не изменится",
                    NotServing::NoDatabase => "и ещё не запускался",
                };
                format!(
                    "с данными в {folder} RMM не запущен, {why}: запустите его командой `rmm serve` или задайте RMM_URL и RMM_TOKEN, чтобы \
                     обратиться к RMM в другом месте"
                )
            }
            Self::NoAnswer { url, said } => {
                let why = said.as_deref().unwrap_or("ответа вовремя не было");
                format!("RMM по адресу {url} недоступен: {why}. Работает ли он там, верен ли RMM_URL?")
            }
            Self::WentAway { socket, said } => {
                format!("связь с RMM на {socket} прервалась: {said}; не перезапускается ли он?")
            }
            Self::Stopping => "RMM останавливается".to_owned(),
            Self::Said(said) => said.clone(),
        }
    }
}

/// What goes before a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// `RMM_TOKEN` without `RMM_URL`.
    TokenUnused,
    /// Others can read the token on its way.
    NotEncrypted,
}

impl Note {
    /// A line.
    #[must_use]
    pub const fn told(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::TokenUnused, Language::En) => {
                "note: RMM_TOKEN is not used without RMM_URL; this is done as the operator"
            }
            (Self::TokenUnused, Language::Ru) => {
                "RMM_TOKEN без RMM_URL не используется; это делается от имени оператора"
            }
            (Self::NotEncrypted, Language::En) => "note: RMM_URL is not https; the token travels unencrypted",
            (Self::NotEncrypted, Language::Ru) => "RMM_URL — не https; токен идёт по сети незашифрованным",
        }
    }
}

/// That this process records a move, and no RMM runs that would act on it.
#[must_use]
pub fn recorded_only(language: Language, folder: &Path) -> String {
    let folder = folder.display();
    match language {
        Language::En => {
            format!("note: no RMM runs on {folder}; this is recorded now, and work begins with `rmm serve`")
        }
        Language::Ru => {
            format!("С данными в {folder} RMM не запущен; это записано, а работа начнётся с `rmm serve`")
        }
    }
}

/// What to try after a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// `RMM_TOKEN` is not set.
    SetToken,
    /// `RMM_TOKEN` may be wrong.
    CheckToken,
    /// In the words of a verb.
    Said(String),
}

impl<T: Into<String>> From<T> for Hint {
    fn from(said: T) -> Self {
        Self::Said(said.into())
    }
}

impl Hint {
    /// A sentence, or several lines.
    #[must_use]
    pub fn told(&self, language: Language) -> &str {
        match (self, language) {
            (Self::SetToken, Language::En) => "RMM_TOKEN is not set; an admin makes one with `rmm token create`.",
            (Self::SetToken, Language::Ru) => "RMM_TOKEN не задан; токен создаёт администратор: `rmm token create`.",
            (Self::CheckToken, Language::En) => "Check RMM_TOKEN.",
            (Self::CheckToken, Language::Ru) => "Проверьте RMM_TOKEN.",
            (Self::Said(said), Language::En | Language::Ru) => said,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_the_language_of_the_reader() {
        let silent = Unreached::NoAnswer { url: "http://127.0.0.1:1".into(), said: None };
        let told = silent.told(Language::Ru);
        assert!(told.starts_with("RMM по адресу http://127.0.0.1:1 недоступен: ответа вовремя не было."), "{told}");
        assert!(silent.told(Language::En).starts_with("no RMM could be reached at http://127.0.0.1:1: it did not"));
        assert_eq!(Hint::CheckToken.told(Language::Ru), "Проверьте RMM_TOKEN.");
        assert_eq!(Hint::from("rmm check").told(Language::Ru), "rmm check");
    }
}
