//! The demo in Telegram: a bot of the user's own, and who becomes ann in it.
//!
//! The user who opens the link with the one-time code is ann: a stranger who finds the bot does not have it. Must not: say
//! anything in Telegram; RMM's own bot does that as soon as it runs.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::Instant;

use crate::clients::telegram::{Me, Telegram, Trouble};

/// The variable with the bot's token.
pub const TOKEN: &str = "RMM_TELEGRAM_TOKEN";
/// The variable with the address of another Bot API than Telegram's own.
const API: &str = "RMM_TELEGRAM_API";
const TELEGRAM: &str = "https://api.telegram.org";
/// How long Telegram waits for something to happen before it answers that nothing has.
const POLL: Duration = Duration::from_secs(25);
/// Before Telegram is asked again after trouble.
const PAUSE: Duration = Duration::from_secs(2);

const NO_TOKEN: &str = "--telegram needs a bot, and RMM_TELEGRAM_TOKEN is not set. To get one takes a minute:
  1. in Telegram, open https://t.me/BotFather and write /newbot
  2. answer its two questions: any name, and a username that ends in `bot`
  3. copy the token it shows, which looks like 123456:AAF7-g0gYncWnm5IyfZlpPRqRRv6kNAGlao
  4. here:  read -rs RMM_TELEGRAM_TOKEN && export RMM_TELEGRAM_TOKEN   (paste it, Enter)   and start the demo again";

/// A bot that waits for its first person.
pub struct Pairing {
    telegram: Telegram,
    me: Me,
    token: SecretString,
    api_url: String,
    code: String,
    timeout: Duration,
}

/// The person who plays ann, and the bot that she plays with.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The bot's name, without `@`.
    pub bot: String,
    /// Its token.
    pub token: SecretString,
    /// The Bot API.
    pub api_url: String,
    /// Telegram's number of the person.
    pub id: i64,
    /// What the person calls themselves.
    pub first_name: String,
    /// How long a tap of theirs is waited for.
    pub timeout: Duration,
}

impl Pairing {
    /// The bot of the environment's token. `timeout`: how long each act of the person is waited for.
    ///
    /// # Errors
    /// Where there is no token, with how to get one; or Telegram does not know it or cannot be reached.
    pub async fn open(timeout: Duration) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().map(|text| text.trim().to_owned());
        let token = variable(TOKEN).filter(|token| !token.is_empty()).context(NO_TOKEN)?;
        if !crate::config::is_bot_token(&token) {
            bail!("{TOKEN} does not hold the token of a bot; @BotFather shows it after /mybots");
        }
        let api_url = variable(API).filter(|url| !url.is_empty()).unwrap_or_else(|| TELEGRAM.to_owned());
        let token = SecretString::from(token);
        let telegram = Telegram::new(&token, &api_url).with_context(|| format!("{API} is not usable"))?;
        let me = match telegram.me().await {
            Ok(me) => me,
            Err(Trouble::Unauthorized) => {
                bail!("Telegram does not know the token in {TOKEN}; @BotFather shows it after /mybots")
            }
            Err(trouble) => return Err(trouble).with_context(|| format!("{api_url} is of no help")),
        };
        let mut random = [0; 12];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("there is no randomness for a code: {error}"))?;
        let code = format!("demo-{}", hex::encode(random));
        Ok(Self { telegram, me, token, api_url, code, timeout })
    }

    /// What the person opens.
    #[must_use]
    pub fn link(&self) -> String {
        format!("https://t.me/{}?start={}", self.me.username, self.code)
    }

    /// Waits for the person with the code. Everything that was written to the bot before is acknowledged, unread;
    /// what the person wrote is left for RMM's bot to answer.
    ///
    /// # Errors
    /// When no user comes, or something else works with this bot.
    pub async fn guest(self) -> Result<Guest> {
        let over = Instant::now() + self.timeout;
        let mut from = None;
        while Instant::now() < over {
            let left = over.saturating_duration_since(Instant::now()).min(POLL);
            let updates = match self.telegram.updates(from, left).await {
                Ok(updates) => updates,
                Err(Trouble::Unreachable(_) | Trouble::TooFast(_)) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(Trouble::Conflict(_)) => bail!(
                    "@{} works for something else: it has a webhook, or another program asks for its messages. \
                     Make the demo a bot of its own: /newbot at @BotFather",
                    self.me.username
                ),
                Err(trouble) => return Err(trouble).context("the bot cannot listen"),
            };
            for (id, body) in updates {
                let Some((person, first_name)) = opened_with(&body, &self.code) else {
                    from = Some(id + 1);
                    continue;
                };
                // The others before it are acknowledged with this.
                if let Err(trouble) = self.telegram.updates(Some(id), Duration::ZERO).await {
                    return Err(trouble).context("the bot cannot listen");
                }
                let Self { me, token, api_url, timeout, .. } = self;
                return Ok(Guest { bot: me.username, token, api_url, id: person, first_name, timeout });
            }
        }
        bail!("nobody opened the link within {} s", self.timeout.as_secs())
    }
}

impl Guest {
    /// The bot's address.
    #[must_use]
    pub fn link(&self) -> String {
        format!("https://t.me/{}", self.bot)
    }

    /// `[telegram]` for `rmm.toml`. Ann's private chat gets the cards, since there is no other.
    #[must_use]
    pub fn section(&self) -> String {
        let api_url = toml::Value::String(self.api_url.clone());
        format!("\n[telegram]\ntoken = \"env:{TOKEN}\"\napi_url = {api_url}\nremind_after = \"0s\"\n")
    }

    /// The variables that the section refers to.
    #[must_use]
    pub fn variables(&self) -> crate::config::EnvVars {
        [(TOKEN.to_owned(), self.token.expose_secret().to_owned())].into()
    }
}

/// Who has written `/start` with the code in private: Telegram's number, and a name that a terminal can show.
fn opened_with(body: &str, code: &str) -> Option<(i64, String)> {
    let update: Value = serde_json::from_str(body).ok()?;
    let message = update.get("message")?;
    let private = message["chat"]["type"] == "private" && message["chat"]["id"] == message["from"]["id"];
    let said = message["text"].as_str()?.trim().strip_prefix("/start")?.trim();
    if !private || message["from"]["is_bot"] != false || said != code {
        return None;
    }
    let name = message["from"]["first_name"].as_str().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    Some((message["from"]["id"].as_i64()?, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn update(chat: i64, kind: &str, text: &str) -> String {
        let from = json!({ "id": 77, "is_bot": false, "first_name": "An\u{1b}[31mna" });
        let message = json!({ "chat": { "id": chat, "type": kind }, "from": from, "text": text });
        json!({ "update_id": 1, "message": message }).to_string()
    }

    #[test]
    fn only_the_code_in_private_opens() {
        let opened = |body: &str| opened_with(body, "demo-1");
        assert_eq!(opened(&update(77, "private", "/start demo-1")), Some((77, "An[31mna".into())));
        for (chat, kind, text) in [
            (77, "private", "/start"),
            (77, "private", "/start demo-2"),
            (77, "private", "demo-1"),
            (-5, "group", "/start demo-1"),
        ] {
            assert_eq!(opened(&update(chat, kind, text)), None, "{text}");
        }
        assert_eq!(opened("{}"), None);
    }
}
