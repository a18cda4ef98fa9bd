//! What Telegram says when it does not do what it was asked for, sorted by what follows from it.
//!
//! Telegram has no codes for it, only sentences. Must not let the token out: it is part of every address.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::endpoint;
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

/// As much of an answer as is used.
#[derive(Deserialize)]
#[serde(bound(deserialize = "O: Deserialize<'de>"))]
struct Answer<O> {
    ok: bool,
    result: Option<O>,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    description: String,
    parameters: Option<Parameters>,
}

/// What a refusal says beside its sentence.
#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

/// Reads an answer: what was asked for, or the refusal. The token is taken out of whatever is said.
pub(super) fn of<O: DeserializeOwned>(answer: &[u8], token: &str) -> Result<O, Refused> {
    let refused = match serde_json::from_slice(answer) {
        Ok(Answer { ok: true, result: Some(result), .. }) => return Ok(result),
        Ok(Answer { ok: false, error_code, description, parameters, .. }) => {
            refused(error_code, &hide(&description, token), &parameters.unwrap_or_default())
        }
        Ok(Answer { ok: true, result: None, .. }) | Err(_) => {
            let text = hide(&String::from_utf8_lossy(answer), token);
            let excerpt = cut::words(text.trim(), EXCERPT).into_owned();
            Refused::For(Trouble::Unreachable(format!("this is no answer of the Bot API: {excerpt:?}")))
        }
    };
    Err(refused)
}

fn refused(code: u16, description: &str, parameters: &Parameters) -> Refused {
    match (parameters.retry_after, parameters.migrate_to_chat_id) {
        (Some(pause), _) => Refused::For(Trouble::TooFast(Duration::from_secs(pause))),
        (None, Some(chat)) => Refused::For(Trouble::Moved(chat)),
        (None, None) if code >= 500 => Refused::For(Trouble::Unreachable(description.to_owned())),
        (None, None) => told(description),
    }
}

/// There is no answer.
pub(super) fn silent(error: &reqwest::Error, token: &str) -> Refused {
    Refused::For(Trouble::Unreachable(hide(&endpoint::bottom(error), token)))
}

/// The answer goes on after so many bytes.
pub(super) fn too_long(bytes: usize) -> Refused {
    Refused::For(Trouble::Unreachable(format!("its answer is longer than {} MiB", bytes >> 20)))
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

/// Takes the token out of a text, also its secret half alone.
pub(super) fn hide(text: &str, token: &str) -> String {
    let secret = token.split_once(':').map_or(token, |(_, secret)| secret);
    let hidden = text.replace(token, "•••");
    if secret.len() < 8 { hidden } else { hidden.replace(secret, "•••") }
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

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
        for text in ["Unauthorized", "Not Found", "Invalid bot token"] {
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
        let read = |raw: &str| of::<IgnoredAny>(raw.as_bytes(), "1:short").map(|IgnoredAny| ());
        for raw in ["<html>502 Bad Gateway</html>", "", "{\"ok\":true}", "[]"] {
            assert!(matches!(read(raw), Err(Refused::For(Trouble::Unreachable(_)))), "{raw}");
        }
        assert_eq!(read(r#"{"ok":true,"result":17}"#), Ok(()));
        assert!(matches!(
            of::<String>(br#"{"ok":true,"result":17}"#, "1:short"),
            Err(Refused::For(Trouble::Unreachable(_)))
        ));
        let raw =
            r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3","parameters":{"x":1}}"#;
        assert_eq!(read(raw), Err(Refused::For(Trouble::TooFast(Duration::from_secs(3)))));
        let raw = r#"{"ok":false,"error_code":502,"description":"strange"}"#;
        assert_eq!(read(raw), Err(Refused::For(Trouble::Unreachable("strange".into()))));
    }

    #[test]
    fn the_token_is_never_told() {
        assert_eq!(
            hide("https://x/bot12:abcdefghij/getMe and abcdefghij", "12:abcdefghij"),
            "https://x/bot•••/getMe and •••"
        );
    }
}
