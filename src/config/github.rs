//! `[github]`: GitHub's API, who RMM is there, and what comes from there.

use std::collections::BTreeSet;

use ring::rsa::KeyPair;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;

use crate::domain::fault::config::{ConfigFault, ConfigHint, Needed};
use crate::domain::mark::MarkKind;
use crate::domain::repository::GITHUB_API;

use super::file::Section;
use super::host_part::{host, is_here};
use super::oidc::{self, IdTokens};
use super::report::Located;
use super::secret::Keyring;
use super::server::Server;

/// Characters; a shorter secret of the webhook can be guessed.
const SHORTEST_SECRET: usize = 16;

/// GitHub, or a GitHub Enterprise Server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Github {
    /// The API; no slash at the end.
    pub api_url: String,
    /// Who RMM is there.
    pub login: GithubLogin,
    /// Reference to the secret that webhooks are signed with; none: no webhook is believed.
    pub webhook_secret: Option<String>,
    /// What the identity of a workflow has to be made for (`aud`); none: no such identity is believed.
    pub oidc_audience: Option<String>,
    /// Whether RMM reads the delivery logs of its webhooks.
    pub read_deliveries: bool,
    /// Reference to authorities that are trusted for the API beside the public ones.
    pub ca: Option<String>,
    /// What RMM leaves there for those who look.
    pub marks: BTreeSet<MarkKind>,
}

/// How RMM shows who it is. The values are references, see [`super::Secrets`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubLogin {
    /// A token.
    Token(String),
    /// A GitHub App.
    App {
        /// Its number.
        id: u64,
        /// Its private key, in PEM format.
        private_key: String,
    },
}

/// What may come from GitHub, which needs no login there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromGithub {
    /// The API, by which addresses of repositories are known for GitHub's.
    pub api_url: String,
    /// Reference to the secret that webhooks are signed with; none: no webhook is believed.
    pub webhook_secret: Option<String>,
    /// Which id tokens of workflows are taken; none: it is not known for whom they must be.
    pub id_tokens: Option<IdTokens>,
    /// Reference to authorities that are trusted for what is asked there beside the public ones.
    pub ca: Option<String>,
}

/// GitHub's API, where RMM has a login there, and what may come from GitHub.
pub(super) fn read(root: &Section<'_>, server: &Server, keyring: &Keyring<'_>) -> (Option<Github>, FromGithub) {
    let Some(section) = root.section("github") else {
        let id_tokens = IdTokens::of(None, server.public_url.as_deref(), GITHUB_API);
        return (None, FromGithub { api_url: GITHUB_API.to_owned(), webhook_secret: None, id_tokens, ca: None });
    };
    let written = section.text("api_url");
    let api_url = written.as_ref().map_or_else(|| Some(GITHUB_API.to_owned()), |text| api_url(&section, text));
    let ca = section.text("ca").filter(|reference| keyring.trust_at(reference, "api_url", api_url.as_deref()));
    let webhook_secret = webhook_secret(&section, keyring);
    let oidc_audience = match section.text("oidc_audience") {
        Some(text) => audience(&section, text),
        None => server.public_url.clone(),
    };
    let issuer = oidc::issuer(&section);
    let read_deliveries = section.flag("read_deliveries").is_none_or(|flag| flag.value);
    let login = login(&section, keyring);
    let marks = marks(&section);
    let address = api_url.clone().unwrap_or_else(|| GITHUB_API.to_owned());
    let from = FromGithub {
        id_tokens: IdTokens::of(issuer, oidc_audience.as_deref(), &address),
        webhook_secret: webhook_secret.clone(),
        api_url: address,
        ca: ca.map(|ca| ca.value),
    };
    let api = login.zip(api_url).map(|(login, api_url)| Github {
        api_url,
        login,
        webhook_secret,
        oidc_audience,
        read_deliveries,
        ca: from.ca.clone(),
        marks,
    });
    (api, from)
}

fn login(section: &Section<'_>, keyring: &Keyring<'_>) -> Option<GithubLogin> {
    let report = section.report;
    let token = section.reference("token");
    let id = section.number("app_id", 1..=i64::MAX);
    let key = section.reference("private_key");
    let has = |key| section.has(key);
    match (has("token"), has("app_id"), has("private_key")) {
        // What comes from GitHub needs no login.
        (false, false, false)
            if ["webhook_secret", "oidc_audience", "oidc_issuer"].iter().any(|key| section.has(key)) =>
        {
            return None;
        }
        (false, false, false) => section.missing("token", Needed::GithubToken),
        (true, true, _) | (true, _, true) => {
            let key = if has("app_id") { "app_id" } else { "private_key" };
            report.error_hint(&section.at(key), ConfigFault::BesideToken, ConfigHint::OneLogin);
            return None;
        }
        (false, true, false) => section.missing("private_key", Needed::GithubKey),
        (false, false, true) => section.missing("app_id", Needed::GithubApp),
        (true, false, false) | (false, true, true) => {}
    }
    if let Some(reference) = token {
        return self::token(section, reference, keyring).map(GithubLogin::Token);
    }
    let private_key = key.and_then(|reference| private_key(section, reference, keyring));
    Some(GithubLogin::App { id: id?.value.unsigned_abs(), private_key: private_key? })
}

fn token(section: &Section<'_>, reference: Located<String>, keyring: &Keyring<'_>) -> Option<String> {
    let token = keyring.look_up(&reference)?;
    if !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
        section.report.error_hint(&reference.place, ConfigFault::NoGithubToken, ConfigHint::GithubToken);
        return None;
    }
    Some(reference.value)
}

fn private_key(section: &Section<'_>, reference: Located<String>, keyring: &Keyring<'_>) -> Option<String> {
    let text = keyring.look_up(&reference)?;
    let fault = match PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes()) {
        Err(_) => ConfigFault::NoPrivateKey,
        Ok(key) => {
            let der = key.secret_der();
            if KeyPair::from_der(der).is_ok() || KeyPair::from_pkcs8(der).is_ok() {
                return Some(reference.value);
            }
            ConfigFault::NoRsaKey
        }
    };
    section.report.error_hint(&reference.place, fault, ConfigHint::GithubKey);
    None
}

fn webhook_secret(section: &Section<'_>, keyring: &Keyring<'_>) -> Option<String> {
    let reference = section.reference("webhook_secret")?;
    let secret = keyring.look_up(&reference)?;
    if secret.expose_secret().chars().count() < SHORTEST_SECRET {
        let fault = ConfigFault::ShortWebhookSecret { least: SHORTEST_SECRET };
        section.report.error_hint(&reference.place, fault, ConfigHint::RandomSecret);
        return None;
    }
    Some(reference.value)
}

/// What is not switched off. Without a login there is nothing to switch.
fn marks(section: &Section<'_>) -> BTreeSet<MarkKind> {
    let is_on = |kind: &MarkKind| {
        let Some(said) = section.flag(kind.switch()) else { return true };
        if said.value && !["token", "app_id", "private_key"].iter().any(|key| section.has(key)) {
            section.report.error(&said.place, ConfigFault::NeedsGithubLogin);
        }
        said.value
    };
    MarkKind::ALL.into_iter().filter(is_on).collect()
}

fn audience(section: &Section<'_>, text: Located<String>) -> Option<String> {
    if text.value.trim().is_empty() {
        section.report.error(&text.place, ConfigFault::AudienceForAll);
        return None;
    }
    Some(text.value)
}

fn api_url(section: &Section<'_>, text: &Located<String>) -> Option<String> {
    let report = section.report;
    if !report.is_web_address(text, &text.value, ConfigHint::LoginOfGithub) {
        return None;
    }
    let url = text.value.trim_end_matches('/');
    let host = host(url);
    let is_here = is_here(url);
    if url.contains(['?', '#']) {
        report.error(&text.place, ConfigFault::BeforeQuery);
    } else if !url.starts_with("https://") && !is_here {
        report.error(&text.place, ConfigFault::TokenWithoutHttps);
    } else if ["github.com", "www.github.com"].iter().any(|page| host.eq_ignore_ascii_case(page)) {
        report.error(&text.place, ConfigFault::GithubPage { api: GITHUB_API.to_owned() });
    } else {
        let usual = usual_api(url);
        if !usual.eq_ignore_ascii_case(url) && !is_here {
            report.warn(&text.place, ConfigFault::OtherGithubApi { api: usual });
        }
        return Some(url.to_owned());
    }
    None
}

/// Where the GitHub of this address has its API, as GitHub sets it up.
fn usual_api(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let own = authority.strip_prefix("api.").unwrap_or(&authority);
    // A company that GitHub runs it for has it beside the page, its own server below it.
    if own == "github.com" {
        GITHUB_API.to_owned()
    } else if own.ends_with(".ghe.com") {
        format!("https://api.{own}")
    } else {
        format!("https://{authority}/api/v3")
    }
}
