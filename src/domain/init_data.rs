//! What Telegram tells a Mini App about who opened it, and the proof that it comes from Telegram.
//!
//! Source: <https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app>.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// From the opening of the Mini App, as long as a link that signs a person in.
const LASTS: SignedDuration = SignedDuration::from_mins(10);
/// So far may Telegram's clock be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);
/// Bytes that are looked at: Telegram sends about a thousand.
const LONGEST: usize = 8192;

/// What Telegram has told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitData {
    /// Who opened it.
    pub account: Account,
    /// Telegram's signature, which tells it from all others.
    pub signature: String,
    /// Until when it opens something.
    pub until: Timestamp,
}

/// The account that opened a Mini App.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Telegram's number.
    pub id: i64,
    /// The first name.
    #[serde(default)]
    pub first_name: String,
    /// The username, without `@`.
    #[serde(default)]
    pub username: Option<String>,
    /// It is a bot.
    #[serde(default)]
    is_bot: bool,
}

/// Why what a Mini App shows opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitDataFault {
    /// It is no `initData`, or names no account.
    Unreadable,
    /// Telegram did not sign it for this bot.
    Forged,
    /// It has signed a person in before.
    Used,
    /// It is from too long ago, or from the future.
    Old,
}

/// Reads `initData` as the Mini App got it: fields in the form of a query, signed with the token of the bot.
///
/// # Errors
/// [`InitDataFault`].
pub fn read(text: &str, bot_token: &str, now: Timestamp) -> Result<InitData, InitDataFault> {
    if text.len() > LONGEST || bot_token.is_empty() {
        return Err(InitDataFault::Unreadable);
    }
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).map_err(|_| InitDataFault::Unreadable)?;
    let count = pairs.len();
    let mut fields: BTreeMap<String, String> = pairs.into_iter().collect();
    // A field that stands there twice could be read in two ways.
    if fields.len() != count {
        return Err(InitDataFault::Unreadable);
    }
    let hash = fields.remove("hash").ok_or(InitDataFault::Unreadable)?;
    let lines: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let key = mac(b"WebAppData", bot_token.as_bytes()).finalize().into_bytes();
    let expected = mac(&key, lines.join("\n").as_bytes()).finalize().into_bytes();
    let expected = hex::encode(expected);
    if !bool::from(expected.as_bytes().ct_eq(hash.as_bytes())) {
        return Err(InitDataFault::Forged);
    }
    let made =
        fields.get("auth_date").and_then(|text| text.parse().ok()).and_then(|at| Timestamp::from_second(at).ok());
    let made = made.ok_or(InitDataFault::Unreadable)?;
    let age = now.duration_since(made);
    if age > LASTS || age < -AHEAD {
        return Err(InitDataFault::Old);
    }
    let account: Option<Account> = fields.get("user").and_then(|user| serde_json::from_str(user).ok());
    let account = account.filter(|account| !account.is_bot && account.id > 0).ok_or(InitDataFault::Unreadable)?;
    Ok(InitData { account, signature: hash, until: made.saturating_add(LASTS).unwrap_or(now) })
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("any length is a key"));
    mac.update(message);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: i64 = 1_700_000_000;
    const TOKEN: &str = "bot token of a test";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(MADE + seconds).unwrap()
    }

    /// As Telegram signs it.
    fn signed(fields: &[(&str, &str)], token: &str) -> String {
        let sorted: BTreeMap<_, _> = fields.iter().copied().collect();
        let lines: Vec<_> = sorted.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let key = mac(b"WebAppData", token.as_bytes()).finalize().into_bytes();
        let hash = mac(&key, lines.join("\n").as_bytes()).finalize().into_bytes();
        let hash = hex::encode(hash);
        let with_hash = fields.iter().copied().chain([("hash", hash.as_str())]);
        serde_urlencoded::to_string(with_hash.collect::<Vec<_>>()).unwrap()
    }

    fn fields(user: &'static str) -> Vec<(&'static str, &'static str)> {
        vec![("query_id", "AA=="), ("user", user), ("auth_date", "1700000000"), ("signature", "abc")]
    }

    #[test]
    fn what_telegram_signed_tells_who_opened_it() {
        let text = signed(&fields(r#"{"id":7,"first_name":"Ann & co","username":"ann"}"#), TOKEN);
        let InitData { account, until, .. } = read(&text, TOKEN, at(30)).unwrap();
        assert_eq!((account.id, account.username.as_deref(), until), (7, Some("ann"), at(600)));
    }

    #[test]
    fn nothing_else_opens_anything() {
        let user = r#"{"id":7,"first_name":"Ann"}"#;
        let good = signed(&fields(user), TOKEN);
        let forged = good.replace("%22id%22%3A7", "%22id%22%3A8");
        assert_ne!(good, forged);
        for (text, now, fault) in [
            (forged, 0, InitDataFault::Forged),
            (signed(&fields(user), "another token"), 0, InitDataFault::Forged),
            (good.replace("hash=", "hash=zz"), 0, InitDataFault::Forged),
            (format!("{good}&user=%7B%22id%22%3A8%7D"), 0, InitDataFault::Unreadable),
            (good.split("&hash").next().unwrap().to_owned(), 0, InitDataFault::Unreadable),
            (signed(&fields(r#"{"id":7,"is_bot":true}"#), TOKEN), 0, InitDataFault::Unreadable),
            (signed(&[("auth_date", "1700000000")], TOKEN), 0, InitDataFault::Unreadable),
            (signed(&[("user", user)], TOKEN), 0, InitDataFault::Unreadable),
            (good.clone(), 601, InitDataFault::Old),
            (good.clone(), -61, InitDataFault::Old),
            ("x".repeat(9000), 0, InitDataFault::Unreadable),
        ] {
            assert_eq!(read(&text, TOKEN, at(now)), Err(fault), "{text}");
        }
        assert_eq!(
            read(&signed(&fields(user), ""), "", at(0)),
            Err(InitDataFault::Unreadable),
            "a bot without a token"
        );
    }
}
