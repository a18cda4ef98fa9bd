//! What Telegram says when it does not do what it was asked for, sorted by what follows from it.
//!
//! Telegram has no codes for it, only sentences. Must not let the token out: it is part of every address.

use std::error::Error;
use std::time::Duration;

use serde::Deserialize;
use teloxide::{ApiError, RequestError};

use super::{Trouble, cut};

/// Where Telegram asks for a pause and does not say how long.
const DEFAULT_PAUSE: Duration = Duration::from_secs(5);
/// What is shown of an answer that is none of Telegram's, in units.
const EXCERPT: usize = 120;

/// Why a call came to nothing, with what the client itself can help.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The message shows that already.
    Same,
    /// The HTML is not right.
    Unreadable(String),
    /// The address of a button is not to Telegram's liking.
    Link(String),
    /// The tap is too old to be answered.
    OldTap,
    /// Anything else.
    For(Trouble),
}

impl Refused {
    /// What became of the call, in a word of the figures.
    pub(super) const fn outcome(&self) -> &'static str {
        match self {
            Self::For(Trouble::TooFast(_)) => "too_fast",
            Self::For(Trouble::Unreachable(_)) => "no_answer",
            Self::For(_) | Self::Same | Self::Unreadable(_) | Self::Link(_) | Self::OldTap => "refused",
        }
    }

    /// What follows where a new message was refused. Telegram has many reasons not to take one, and more with time: what
    /// is not about the text itself is about the chat, which may take it later.
    pub(super) fn of_sending(self) -> Trouble {
        match Trouble::from(self) {
            Trouble::Refused(text) if !ABOUT_THE_TEXT.iter().any(|part| text.contains(part)) => {
                Trouble::Forbidden(text)
            }
            Trouble::Conflict(text) => Trouble::Forbidden(text),
            trouble @ Trouble::Gone => Trouble::Forbidden(trouble.to_string()),
            trouble @ (Trouble::TooFast(_)
            | Trouble::Forbidden(_)
            | Trouble::Moved(_)
            | Trouble::Unauthorized
            | Trouble::Refused(_)
            | Trouble::Unreachable(_)) => trouble,
        }
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Same => Self::Refused("the message is not modified".into()),
            Refused::OldTap => Self::Refused("the tap is too old".into()),
            Refused::Unreadable(text) | Refused::Link(text) => Self::Refused(text),
            Refused::For(trouble) => trouble,
        }
    }
}

/// An answer of Telegram's that teloxide could not read.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    description: String,
}

/// Sorts an error. The token is taken out of whatever is said.
pub(super) fn of(error: &RequestError, token: &str) -> Refused {
    match error {
        RequestError::RetryAfter(pause) => Refused::For(Trouble::TooFast(pause.duration())),
        RequestError::MigrateToChatId(chat) => Refused::For(Trouble::Moved(chat.0)),
        RequestError::Api(ApiError::Unknown(text)) => told(&hide(text, token)),
        RequestError::Api(known) => told(&known.to_string()),
        RequestError::Network(error) => Refused::For(Trouble::Unreachable(hide(&network(error), token))),
        RequestError::Io(error) => Refused::For(Trouble::Unreachable(error.to_string())),
        RequestError::InvalidJson { raw, .. } => unreadable(&hide(raw, token)),
    }
}

fn unreadable(raw: &str) -> Refused {
    match serde_json::from_str::<Answer>(raw) {
        Ok(Answer { ok: false, error_code: 500.., description }) => Refused::For(Trouble::Unreachable(description)),
        Ok(Answer { ok: false, description, .. }) => told(&description),
        Ok(Answer { ok: true, .. }) | Err(_) => {
            let excerpt = cut::words(raw.trim(), EXCERPT).into_owned();
            Refused::For(Trouble::Unreachable(format!("this is no answer of the Bot API: {excerpt:?}")))
        }
    }
}

/// Sorts what Telegram says.
fn told(text: &str) -> Refused {
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let owned = || text.to_owned();
    if says(&["message is not modified"]) {
        Refused::Same
    } else if says(&["can't parse entities"]) {
        Refused::Unreadable(owned())
    } else if says(&["query is too old", "query ID is invalid", "QUERY_ID_INVALID"]) {
        Refused::OldTap
    } else if says(&["BUTTON_URL_INVALID", "inline keyboard button URL"]) {
        Refused::Link(owned())
    } else if says(GONE) {
        Refused::For(Trouble::Gone)
    } else if text.starts_with("Forbidden") || says(FORBIDDEN) {
        Refused::For(Trouble::Forbidden(owned()))
    } else if text.starts_with("Conflict") || says(&["can't use getUpdates method while webhook is active"]) {
        Refused::For(Trouble::Conflict(owned()))
    } else if matches!(text, "Invalid bot token" | "Unauthorized" | "Not Found" | "Logged out") {
        Refused::For(Trouble::Unauthorized)
    } else if let Some(pause) = text.strip_prefix("Too Many Requests") {
        let seconds = pause.rsplit(' ').next().and_then(|seconds| seconds.parse().ok());
        Refused::For(Trouble::TooFast(seconds.map_or(DEFAULT_PAUSE, Duration::from_secs)))
    } else if ["Internal Server Error", "Bad Gateway", "Gateway Timeout", "Service Unavailable"]
        .iter()
        .any(|start| text.starts_with(start))
    {
        Refused::For(Trouble::Unreachable(owned()))
    } else {
        Refused::For(Trouble::Refused(owned()))
    }
}

const GONE: &[&str] = &[
    "message to edit not found",
    "message can't be edited",
    "message to be edited not found",
    "there is no text in the message to edit",
    "message identifier is not specified",
    "MESSAGE_ID_INVALID",
];

/// What is wrong with a message wherever it goes.
const ABOUT_THE_TEXT: &[&str] = &[
    "can't parse",
    "message is too long",
    "MESSAGE_TOO_LONG",
    "message text is empty",
    "MESSAGE_EMPTY",
    "text must be non-empty",
    "must be encoded in UTF-8",
    "ENTITIES_TOO_LONG",
    "ENTITY_BOUNDS_INVALID",
    "BUTTON_",
    "inline keyboard button",
    "reply markup is too long",
    "REPLY_MARKUP_",
];

/// Of that, what no simpler look helps against.
const EMPTY: &[&str] = &["message text is empty", "MESSAGE_EMPTY", "text must be non-empty"];

/// Whether Telegram may take the same text in a simpler look.
pub(super) fn is_about_the_look(text: &str) -> bool {
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    says(ABOUT_THE_TEXT) && !says(EMPTY)
}

/// That a chat, or a person, takes nothing: also where a message that is there is changed.
const FORBIDDEN: &[&str] = &[
    "chat not found",
    "user not found",
    "group is deactivated",
    "bot was kicked",
    "bot can't initiate conversation",
    "bot can't send messages to bots",
    "have no rights to send a message",
    "not enough rights to send",
    "need administrator rights in the channel chat",
    "CHAT_WRITE_FORBIDDEN",
    "CHAT_RESTRICTED",
    "CHAT_SEND_PLAIN_FORBIDDEN",
    "CHAT_ADMIN_REQUIRED",
    "CHANNEL_PRIVATE",
    "chat is deactivated",
    "PEER_ID_INVALID",
    "USER_IS_BLOCKED",
    "message thread not found",
    "TOPIC_CLOSED",
    "TOPIC_DELETED",
];

/// The last cause says most; the words before it say less and may hold an address.
fn network(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Takes the token out of a text, also its secret half alone.
pub(super) fn hide(text: &str, token: &str) -> String {
    let secret = token.split_once(':').map_or(token, |(_, secret)| secret);
    let hidden = text.replace(token, "•••");
    if secret.len() < 8 { hidden } else { hidden.replace(secret, "•••") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(text: &str) -> Trouble {
        let Refused::For(trouble) = told(text) else { panic!("{text} is something to help with") };
        trouble
    }

    #[test]
    fn every_sentence_has_its_consequence() {
        assert_eq!(told("Bad Request: message is not modified: specified new message content and …"), Refused::Same);
        let bad = "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0";
        assert_eq!(told(bad), Refused::Unreadable(bad.into()));
        assert_eq!(
            told("Bad Request: query is too old and response timeout expired or query ID is invalid"),
            Refused::OldTap
        );
        for gone in GONE {
            assert_eq!(trouble(&format!("Bad Request: {gone}")), Trouble::Gone);
        }
        for text in [
            "Forbidden: bot was blocked by the user",
            "Forbidden: bot was kicked from the group chat",
            "Forbidden: bot is not a member of the supergroup chat",
            "Forbidden: user is deactivated",
            "Bad Request: chat not found",
            "Bad Request: message thread not found",
            "Unauthorized: bot can't initiate conversation with a user",
            "Bad Request: not enough rights to send text messages to the chat",
        ] {
            assert_eq!(trouble(text), Trouble::Forbidden(text.into()));
        }
        let other = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
        assert_eq!(trouble(other), Trouble::Conflict(other.into()));
        for text in ["Unauthorized", "Not Found", &ApiError::InvalidToken.to_string()] {
            assert_eq!(trouble(text), Trouble::Unauthorized);
        }
        assert_eq!(trouble("Too Many Requests: retry after 14"), Trouble::TooFast(Duration::from_secs(14)));
        assert_eq!(trouble("Too Many Requests"), Trouble::TooFast(DEFAULT_PAUSE));
        assert_eq!(trouble("Bad Gateway"), Trouble::Unreachable("Bad Gateway".into()));
        let text = "Bad Request: message text is empty";
        assert_eq!(trouble(text), Trouble::Refused(text.into()));
    }

    #[test]
    fn a_new_message_is_refused_by_its_chat_unless_something_is_wrong_with_the_text() {
        let sending = |text: &str| told(text).of_sending();
        for text in [
            "Bad Request: USER_BANNED_IN_CHANNEL",
            "Bad Request: CHAT_FORBIDDEN",
            "Bad Request: CHAT_GUEST_SEND_FORBIDDEN",
            "Bad Request: ALLOW_PAYMENT_REQUIRED_10",
            "Bad Request: SOMETHING_NOBODY_HAS_HEARD_OF",
            "Conflict: somebody else is at it",
        ] {
            assert_eq!(sending(text), Trouble::Forbidden(text.into()));
        }
        for text in [
            "Bad Request: can't parse entities: Unsupported start tag",
            "Bad Request: message is too long",
            "Bad Request: message text is empty",
            "Bad Request: BUTTON_DATA_INVALID",
        ] {
            assert_eq!(sending(text), Trouble::Refused(text.into()));
        }
        assert_eq!(sending("Bad Gateway"), Trouble::Unreachable("Bad Gateway".into()));
    }

    #[test]
    fn what_is_no_answer_of_telegram_is_no_refusal() {
        for raw in ["<html>502 Bad Gateway</html>", "", "{\"ok\":true,\"result\":17}", "[]"] {
            assert!(matches!(unreadable(raw), Refused::For(Trouble::Unreachable(_))), "{raw}");
        }
        let raw =
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3","parameters":{"x":1}}"#;
        assert_eq!(unreadable(raw), Refused::For(Trouble::TooFast(Duration::from_secs(3))));
        let raw = r#"{"ok":false,"error_code":502,"description":"strange"}"#;
        assert_eq!(unreadable(raw), Refused::For(Trouble::Unreachable("strange".into())));
    }

    #[test]
    fn the_token_is_never_told() {
        assert_eq!(
            hide("https://x/bot12:abcdefghij/getMe and abcdefghij", "12:abcdefghij"),
            "https://x/bot•••/getMe and •••"
        );
    }
}
