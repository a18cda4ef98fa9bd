//! Telegram: whether the bot's token is one, and whether updates reach RMM.

use crate::clients::telegram::{Hook, Telegram, Trouble};
use crate::config::{self, Config};
use crate::contract::{Examined, Finding};

/// Asks Telegram who the bot is and how its updates come.
pub(super) async fn examine(config: &Config) -> Option<Examined> {
    let settings = config.telegram.as_ref()?;
    let about = format!("Telegram ({})", settings.api_url);
    let findings = match config.secrets.get(&settings.token).map(|token| Telegram::new(token, &settings.api_url)) {
        // What is missing here is told of the configuration.
        None => {
            vec![Finding::warn(
                "login",
                "the token is not to be had here",
                "run the doctor as RMM runs, with its environment",
            )]
        }
        Some(Err(error)) => vec![Finding::fail("login", error.to_string(), "")],
        Some(Ok(telegram)) => of_bot(&telegram, settings, config.server.public_url.as_deref()).await,
    };
    Some(Examined { part: "telegram", about, findings })
}

async fn of_bot(telegram: &Telegram, settings: &config::Telegram, public_url: Option<&str>) -> Vec<Finding> {
    let mut findings = match telegram.me().await {
        Ok(me) => vec![Finding::ok("login", format!("it is @{}", me.username))],
        Err(Trouble::Unauthorized) => {
            return vec![Finding::fail(
                "login",
                "Telegram does not know this token",
                "@BotFather shows the right one; rmm docs telegram",
            )];
        }
        Err(trouble) => {
            return vec![Finding::fail(
                "login",
                trouble.to_string(),
                "can this machine reach it? `api_url`, a proxy, the firewall",
            )];
        }
    };
    match telegram.hook().await {
        Ok(hook) => findings.push(of_hook(&hook, settings.webhook_secret.is_some(), public_url)),
        Err(trouble) => findings.push(Finding::warn("updates", trouble.to_string(), "")),
    }
    if settings.chats.is_empty() {
        findings.push(Finding::warn(
            "chats",
            "no chat of the team is named",
            "`chat` in [telegram]; /id tells a chat's number",
        ));
    }
    findings
}

/// How updates come, beside how they should.
fn of_hook(hook: &Hook, wanted: bool, public_url: Option<&str>) -> Finding {
    let here = public_url.map(|url| format!("{url}/hooks/telegram"));
    match (&hook.error, wanted) {
        (Some(error), true) => Finding::fail(
            "updates",
            format!("Telegram cannot deliver them: {error}"),
            "is `public_url` reached from outside?",
        ),
        (_, true) if here.as_deref() == Some(&*hook.url) => {
            Finding::ok("updates", format!("they come to {}; {} wait", hook.url, hook.pending))
        }
        (_, true) => {
            Finding::warn("updates", "the webhook leads elsewhere, or nowhere yet", "the next start of RMM sets it")
        }
        (_, false) if hook.url.is_empty() => Finding::ok("updates", "RMM asks for them"),
        (_, false) => Finding::warn(
            "updates",
            format!("a webhook takes them: {}", hook.url),
            "does another program use this token? The next start of RMM removes the webhook",
        ),
    }
}
