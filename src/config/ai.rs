//! `[ai]`: who guesses at the cause of a failure.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::file::Section;
use super::secret::Keyring;
use crate::domain::fault::config::{ConfigFault, ConfigHint, Needed};

/// Unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_INPUT: i64 = 8_000;
const MAX_OUTPUT: i64 = 800;
/// Behind the base address.
const CALL: &str = "/chat/completions";

/// An endpoint that speaks as OpenAI's does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ai {
    /// The address that is called.
    pub url: String,
    /// The model.
    pub model: String,
    /// Reference to the key, where one is needed; see [`super::Secrets`].
    pub key: Option<String>,
    /// Reference to authorities that are trusted for the endpoint beside the public ones.
    pub ca: Option<String>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Characters that are sent.
    pub max_input: usize,
    /// Characters of the answer that are shown.
    pub max_output: usize,
}

impl Ai {
    /// The base address, as the file has it.
    #[must_use]
    pub fn base(&self) -> &str {
        self.url.strip_suffix(CALL).unwrap_or(&self.url)
    }
}

pub(super) fn read(root: &Section<'_>, keyring: &Keyring<'_>) -> Option<Ai> {
    let section = root.section("ai")?;
    let report = section.report;
    if !root.section("telegram").is_some_and(|telegram| telegram.has("alerts_chat")) {
        report.warn(&section.place, ConfigFault::NothingAnalysed);
    }
    if !section.has("url") {
        section.missing("url", Needed::AiUrl);
    }
    if !section.has("model") {
        section.missing("model", Needed::AiModel);
    }
    let url = section.text("url").and_then(|text| {
        if !report.is_web_address(&text, &text.value, ConfigHint::LoginOfModel) {
            return None;
        }
        if text.value.contains(['?', '#']) {
            report.error(&text.place, ConfigFault::BeforeQuery);
            return None;
        }
        let base = text.value.trim_end_matches('/');
        Some(format!("{}{CALL}", base.strip_suffix(CALL).unwrap_or(base)))
    });
    let model = section.text("model").and_then(|text| {
        let fits = !text.value.trim().is_empty() && text.value.chars().count() <= 100;
        if !fits {
            report.error(&text.place, ConfigFault::ModelName);
        }
        fits.then_some(text.value)
    });
    let key = section.reference("key").and_then(|reference| {
        let key = keyring.look_up(&reference)?;
        if !key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
            report.error(&reference.place, ConfigFault::KeyOfModel);
            return None;
        }
        Some(reference.value)
    });
    let ca = section
        .text("ca")
        .filter(|reference| keyring.trust_at(reference, "url", url.as_deref()))
        .map(|text| text.value);
    let number = |name: &str, least, most, usual: i64| {
        let value = section.number(name, least..=most).map_or(usual, |number| number.value);
        usize::try_from(value).unwrap_or(usize::MAX)
    };
    Some(Ai {
        timeout: section.duration("timeout", Duration::from_secs(1)).map_or(TIMEOUT, |time| time.value),
        max_input: number("max_input", 500, 100_000, MAX_INPUT),
        max_output: number("max_output", 100, 2_000, MAX_OUTPUT),
        key,
        ca,
        url: url?,
        model: model?,
    })
}
