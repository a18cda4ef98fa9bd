//! `[telegram]`: the bot, and the chats that follow releases.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::domain::fault::config::{ConfigFault, ConfigHint, Needed};
use crate::domain::ids::ServiceName;
use crate::domain::notice::Notice;
use crate::domain::person::Person;

use super::error::not_among;
use super::file::{Section, choose};
use super::people::Unique;
use super::report::Located;
use super::secret::Keyring;
use super::server::Server;

/// Telegram's own Bot API.
const API: &str = "https://api.telegram.org";
/// Between the call for approvals and the first reminder.
const REMIND_AFTER: Duration = Duration::from_hours(1);
/// What `alerts_chat` hears.
const ALERTS: [Notice; 3] = [Notice::Alarm, Notice::Failed, Notice::RollbackFailed];

/// The bot.
#[derive(Debug, Clone, PartialEq)]
pub struct Telegram {
    /// Reference to its token, see [`super::Secrets`].
    pub token: String,
    /// The Bot API; no slash at the end.
    pub api_url: String,
    /// The team's chats.
    pub chats: Vec<Chat>,
    /// Updates come to `public_url`, with this secret (a reference); none: RMM asks for them.
    pub webhook_secret: Option<String>,
    /// The operator's own templates, in place of those of the same name; absolute.
    pub templates: Option<PathBuf>,
    /// The first reminder of missing approvals; each later one after twice the time. None: no reminders.
    pub remind_after: Option<Duration>,
}

/// A chat that follows releases.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat {
    /// Its number; groups have negative ones.
    pub id: i64,
    /// The topic in it.
    pub topic: Option<i64>,
    /// What is said there beside the cards.
    pub notices: Vec<Notice>,
    /// Whose releases; empty: those of all services.
    pub services: Vec<ServiceName>,
    /// Releases have cards there. Without, only notices are sent.
    pub cards: bool,
    /// Alerts are told there.
    pub alerts: bool,
}

impl Chat {
    /// Whether it follows a service.
    #[must_use]
    pub fn follows(&self, service: &ServiceName) -> bool {
        self.services.is_empty() || self.services.contains(service)
    }
}

/// Chats by number and topic.
type Taken = Unique<(i64, Option<i64>)>;

pub(super) fn read(root: &Section<'_>, server: &Server, people: &[Person], keyring: &Keyring<'_>) -> Option<Telegram> {
    let section = root.section("telegram")?;
    let report = section.report;
    if !people.iter().any(|person| person.telegram_id.is_some() || person.telegram_username.is_some()) {
        report.warn(&section.place, ConfigFault::NobodyInTelegram);
    }
    let token = token(&section, keyring);
    let api_url = section.text("api_url").and_then(|text| api_url(&section, &text)).unwrap_or_else(|| API.to_owned());
    let remind_after = section.duration("remind_after", Duration::ZERO).map_or(REMIND_AFTER, |time| time.value);
    Some(Telegram {
        chats: chats(&section, &service_names(root)),
        webhook_secret: webhook_secret(&section, server, &api_url, keyring),
        templates: section.text("templates").and_then(|text| templates(&section, keyring, &text)),
        remind_after: (!remind_after.is_zero()).then_some(remind_after),
        api_url,
        token: token?,
    })
}

/// Every name that is written, also of services whose other keys are wrong.
fn service_names(root: &Section<'_>) -> Vec<String> {
    let services = root.list("services").unwrap_or_default();
    services.iter().filter_map(|service| service.text("name")).map(|name| name.value).collect()
}

fn token(section: &Section<'_>, keyring: &Keyring<'_>) -> Option<String> {
    if !section.has("token") {
        section.missing("token", Needed::BotToken);
    }
    let reference = section.reference("token")?;
    let token = keyring.look_up(&reference)?;
    if !is_bot_token(token.expose_secret()) {
        report_token(section, &reference);
        return None;
    }
    Some(reference.value)
}

/// Whether text looks like the token of a bot. Nothing else may become a part of an address.
#[must_use]
pub fn is_bot_token(text: &str) -> bool {
    text.split_once(':').is_some_and(|(number, secret)| {
        let secret = secret.as_bytes();
        !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && !secret.is_empty()
            && secret.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    })
}

fn report_token(section: &Section<'_>, reference: &Located<String>) {
    section.report.error_hint(&reference.place, ConfigFault::NoBotToken, ConfigHint::BotToken);
}

fn api_url(section: &Section<'_>, text: &Located<String>) -> Option<String> {
    if !section.report.is_web_address(text, &text.value, ConfigHint::LoginOfBot) {
        return None;
    }
    if text.value.contains(['?', '#']) {
        section.report.error(&text.place, ConfigFault::BeforeQuery);
        return None;
    }
    Some(text.value.trim_end_matches('/').to_owned())
}

fn templates(section: &Section<'_>, keyring: &Keyring<'_>, text: &Located<String>) -> Option<PathBuf> {
    if text.value.trim().is_empty() {
        section.report.error(&text.place, ConfigFault::NoTemplates);
        return None;
    }
    Some(keyring.base.join(&text.value))
}

/// Characters; a shorter secret of the webhook can be guessed.
const SHORTEST_SECRET: usize = 16;
/// More Telegram does not take.
const LONGEST_SECRET: usize = 256;

fn webhook_secret(section: &Section<'_>, server: &Server, api_url: &str, keyring: &Keyring<'_>) -> Option<String> {
    let reference = section.reference("webhook_secret")?;
    let report = section.report;
    let reached = server.public_url.as_deref().is_some_and(|url| {
        // A Bot API of one's own can send to where it likes.
        url.starts_with("https://") || api_url != API
    });
    if !reached {
        report.error_hint(&reference.place, ConfigFault::WebhookWithoutUrl, ConfigHint::Polling);
    }
    let secret = keyring.look_up(&reference)?;
    let secret = secret.expose_secret();
    let fits = (SHORTEST_SECRET..=LONGEST_SECRET).contains(&secret.len())
        && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !fits {
        let fault = ConfigFault::WebhookSecret { least: SHORTEST_SECRET, most: LONGEST_SECRET };
        report.error_hint(&reference.place, fault, ConfigHint::RandomSecret);
        return None;
    }
    Some(reference.value)
}

fn chats(section: &Section<'_>, services: &[String]) -> Vec<Chat> {
    let report = section.report;
    let mut taken = Taken::default();
    let mut chats = Vec::new();
    if let Some(id) = chat_id(section, "chat") {
        let topic = topic(section);
        taken.claim(report, (id.value, topic), &id.place);
        chats.push(Chat {
            id: id.value,
            topic,
            notices: Notice::of_chats().collect(),
            services: Vec::new(),
            cards: true,
            alerts: false,
        });
    } else if section.has("topic") && !section.has("chat") {
        report.error(&section.at("topic"), ConfigFault::TopicAlone { chat: "chat".to_owned() });
    }
    let alerts = alerts_chat(section, &mut taken);
    let listed = section.list("chats").unwrap_or_default();
    chats.extend(listed.iter().filter_map(|section| chat(section, services, &mut taken)));
    chats.extend(alerts);
    chats
}

fn alerts_chat(section: &Section<'_>, taken: &mut Taken) -> Option<Chat> {
    let (id, topic) = (chat_id(section, "alerts_chat"), named_topic(section, "alerts_topic"));
    if topic.is_some() && !section.has("alerts_chat") {
        let fault = ConfigFault::TopicAlone { chat: "alerts_chat".to_owned() };
        section.report.error(&section.at("alerts_topic"), fault);
    }
    let id = id?;
    taken.claim(section.report, (id.value, topic), &id.place);
    Some(Chat { id: id.value, topic, notices: ALERTS.to_vec(), services: Vec::new(), cards: false, alerts: true })
}

fn chat(section: &Section<'_>, services: &[String], taken: &mut Taken) -> Option<Chat> {
    if !section.has("id") {
        section.missing("id", Needed::ChatNumber);
    }
    let (id, topic) = (chat_id(section, "id"), topic(section));
    let notices = notices(section);
    let services = followed(section, services);
    let cards = section.flag("cards").is_none_or(|cards| cards.value);
    if !cards && notices.is_empty() && section.has("notices") {
        section.report.warn(&section.at("notices"), ConfigFault::SilentChat);
    }
    let id = id?;
    taken.claim(section.report, (id.value, topic), &id.place);
    Some(Chat { id: id.value, topic, notices, services, cards, alerts: false })
}

fn chat_id(section: &Section<'_>, key: &str) -> Option<Located<i64>> {
    let id = section.number(key, i64::MIN..=i64::MAX)?;
    if id.value == 0 {
        section.report.error(&id.place, ConfigFault::ChatNumber);
        return None;
    }
    Some(id)
}

fn topic(section: &Section<'_>) -> Option<i64> {
    named_topic(section, "topic")
}

fn named_topic(section: &Section<'_>, key: &str) -> Option<i64> {
    section.number(key, 1..=i64::from(i32::MAX)).map(|topic| topic.value)
}

fn notices(section: &Section<'_>) -> Vec<Notice> {
    let Some(listed) = section.texts("notices") else { return Notice::of_chats().collect() };
    let words: Vec<_> = Notice::of_chats().map(|notice| (notice.as_str(), notice)).collect();
    let mut taken = Unique::default();
    let known = listed.iter().filter_map(|text| {
        taken.claim(section.report, text.value.clone(), &text.place);
        choose(section.report, text, &words).map(|notice| notice.value)
    });
    known.collect()
}

/// The services of a chat; reports names that are unknown or there twice, and a list without any.
fn followed(section: &Section<'_>, known: &[String]) -> Vec<ServiceName> {
    let report = section.report;
    let listed = section.texts("services");
    if listed.as_ref().is_some_and(Vec::is_empty) {
        report.error(&section.at("services"), ConfigFault::AnyFollowed);
    }
    let mut taken = Unique::default();
    let mut names = Vec::new();
    for text in listed.unwrap_or_default() {
        taken.claim(report, text.value.clone(), &text.place);
        if known.contains(&text.value) {
            names.extend(ServiceName::parse("services", text.value));
        } else {
            report.error(&text.place, not_among("services", &text.value, known.iter().map(String::as_str)));
        }
    }
    names
}
