//! RMM's own address, as GitHub and Telegram see it: whether it leads here, and how long its certificate holds.

use std::time::Duration;

use jiff::Timestamp;

use crate::clients::health::{Expected, Prober};
use crate::clients::tls;
use crate::config::Config;
use crate::contract::{Examined, Finding};
use crate::domain::fault::HealthFault;
use crate::domain::reason::Reason;
use crate::wording::Language::En;

/// Longer, GitHub would not wait either.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A certificate that ends within this time should have been renewed: Let's Encrypt does it 30 days before.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Looks at `public_url`.
pub(super) async fn examine(config: &Config, now: Timestamp) -> Examined {
    let Some(url) = &config.server.public_url else {
        let needs = config.telegram.as_ref().is_some_and(|telegram| telegram.webhook_secret.is_some())
            || config.from_github.webhook_secret.is_some();
        let sentence = "rmm.toml has no `public_url`, so RMM need not be reachable from outside";
        let finding = if needs {
            Finding::warn("address", format!("{sentence}, and yet webhooks are set up"), "`public_url` in [server]")
        } else {
            Finding::ok("address", format!("{sentence}; it asks GitHub and Telegram by itself"))
        };
        return examined("public address", vec![finding]);
    };
    let mut findings = vec![leads_here(url).await];
    if let Some(host) = url.strip_prefix("https://") {
        findings.push(certificate(host, now).await);
    }
    examined(url, findings)
}

fn examined(about: &str, findings: Vec<Finding>) -> Examined {
    Examined { part: "address", about: about.to_owned(), findings }
}

async fn leads_here(url: &str) -> Finding {
    // What a page of a proxy does not say.
    let expected = Expected { status: Some(200), body: Some("\"version\"") };
    let asked = match Prober::new() {
        Ok(prober) => prober.get(&format!("{url}/readyz"), expected, None, TIMEOUT).await,
        Err(fault) => Err(HealthFault::Untrusting { url: url.to_owned(), fault }),
    };
    match asked {
        Ok(_) => Finding::ok("webhooks", "RMM answers there"),
        Err(fault) => Finding::fail(
            "webhooks",
            En.reason(&Reason::Health { fault }),
            "does the proxy in front lead to `listen`? rmm assets DIR has examples",
        ),
    }
}

async fn certificate(host: &str, now: Timestamp) -> Finding {
    let (name, port) = match host.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
        Some((name, Ok(port))) if !name.ends_with(']') || name.starts_with('[') => (name, port),
        Some(_) | None => (host, 443),
    };
    let later = now.checked_add(SOON).unwrap_or(now);
    let looked = tokio::time::timeout(TIMEOUT, tls::holds(name, port, later)).await;
    match looked {
        Ok(Ok(true)) => Finding::ok("certificate", "it holds for two weeks and longer"),
        Ok(Ok(false)) => Finding::warn("certificate", "it ends within two weeks", "look why it is not renewed"),
        Ok(Err(why)) => Finding::fail(
            "certificate",
            why,
            "is it of an authority that GitHub and Telegram trust, and for this name?",
        ),
        Err(_) => Finding::fail("certificate", format!("{host} does not answer within 10 s"), ""),
    }
}
