//! Telegram: whether the bot's token is one, and whether updates reach RMM.

use super::Examined;
use crate::clients::telegram::{Hook, Telegram, Trouble};
use crate::config::{self, Config};
use crate::domain::finding::{About, Finding, Remedy, TelegramFact, Topic};

/// Asks Telegram who the bot is and how its updates come.
pub(super) async fn examine(config: &Config) -> Option<Examined> {
    let settings = config.telegram.as_ref()?;
    let about = About::Telegram(settings.api_url.to_string());
    let findings = match config.secrets.get(&settings.token).map(|token| Telegram::new(token, &settings.api_url)) {
        // What is missing here is told of the configuration.
        None => vec![Finding::warn(Topic::Login, TelegramFact::NoToken).with(Remedy::RunAsRmm)],
        Some(Err(error)) => vec![Finding::fail(Topic::Login, TelegramFact::TelegramSays { said: error.to_string() })],
        Some(Ok(telegram)) => of_bot(&telegram, settings, config.server.public_url.as_deref()).await,
    };
    Some(Examined { part: "telegram", about, findings })
}

async fn of_bot(telegram: &Telegram, settings: &config::Telegram, public_url: Option<&str>) -> Vec<Finding> {
    let mut findings = match telegram.me().await {
        Ok(me) => vec![Finding::ok(Topic::Login, TelegramFact::Bot { username: me.username })],
        Err(Trouble::Unauthorized) => {
            return vec![Finding::fail(Topic::Login, TelegramFact::UnknownToken).with(Remedy::AskBotFather)];
        }
        Err(trouble) => return vec![Finding::fail(Topic::Login, fact(trouble)).with(Remedy::ReachTelegram)],
    };
    findings.push(match telegram.hook().await {
        Ok(hook) => of_hook(hook, settings.webhook_secret.is_some(), public_url),
        Err(trouble) => Finding::warn(Topic::Updates, fact(trouble)),
    });
    if settings.chats.is_empty() {
        findings.push(Finding::warn(Topic::Chats, TelegramFact::NoChat).with(Remedy::NameChat));
    }
    findings
}

fn fact(trouble: Trouble) -> TelegramFact {
    match trouble {
        Trouble::Unauthorized => TelegramFact::UnknownToken,
        Trouble::TooFast(pause) => TelegramFact::TelegramPause { seconds: pause.as_secs() },
        Trouble::Conflict(said) => TelegramFact::TokenUsedElsewhere { said },
        Trouble::Refused(said) => TelegramFact::TelegramRefuses { said },
        Trouble::Unreachable(said) => TelegramFact::TelegramSilent { said },
        // Nothing that is asked here is answered so.
        Trouble::Gone | Trouble::Forbidden(_) | Trouble::Moved(_) => {
            TelegramFact::TelegramSays { said: trouble.to_string() }
        }
    }
}

/// How updates come, beside how they should.
fn of_hook(hook: Hook, wanted: bool, public_url: Option<&str>) -> Finding {
    let here = public_url.map(|url| format!("{url}/hooks/telegram"));
    let Hook { url, pending: waiting, error } = hook;
    match (error, wanted) {
        (Some(said), true) => {
            Finding::fail(Topic::Updates, TelegramFact::HookFails { said }).with(Remedy::ReachPublicUrl)
        }
        (_, true) if here.as_ref() == Some(&url) => {
            Finding::ok(Topic::Updates, TelegramFact::UpdatesCome { url, waiting })
        }
        (_, true) => Finding::warn(Topic::Updates, TelegramFact::HookElsewhere).with(Remedy::NextStart),
        (_, false) if url.is_empty() => Finding::ok(Topic::Updates, TelegramFact::UpdatesAsked),
        (_, false) => Finding::warn(Topic::Updates, TelegramFact::HookTakes { url }).with(Remedy::OtherProgram),
    }
}
