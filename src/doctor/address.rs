//! RMM's own address, as GitHub and Telegram see it: whether it leads here, and how long its certificate holds.

use std::time::Duration;

use jiff::Timestamp;

use crate::clients::health::{Expected, Prober};
use crate::clients::tls::{self, NotShown};
use crate::config::Config;
use crate::doctor::Examined;
use crate::domain::fault::HealthFault;
use crate::domain::finding::{About, AddressFact, Finding, Remedy, Topic};
use crate::domain::reason::Reason;

/// Longer, GitHub would not wait either.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A certificate that ends within this time should have been renewed: Let's Encrypt does it 30 days before.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Looks at `public_url`.
pub(super) async fn examine(config: &Config, now: Timestamp) -> Examined {
    let Some(url) = &config.server.public_url else {
        let needs = config.telegram.as_ref().is_some_and(|telegram| telegram.webhook_secret.is_some())
            || config.from_github.webhook_secret.is_some();
        let fact = AddressFact::NoPublicUrl { webhooks: needs };
        let finding = if needs {
            Finding::warn(Topic::Address, fact).with(Remedy::NamePublicUrl)
        } else {
            Finding::ok(Topic::Address, fact)
        };
        return examined(About::PublicAddress, vec![finding]);
    };
    let mut findings = vec![leads_here(url).await];
    if let Some(host) = url.strip_prefix("https://") {
        findings.push(certificate(host, now).await);
    }
    examined(About::Named(url.clone()), findings)
}

fn examined(about: About, findings: Vec<Finding>) -> Examined {
    Examined { part: "address", about, findings }
}

async fn leads_here(url: &str) -> Finding {
    // What a page of a proxy does not say.
    let expected = Expected { status: Some(200), body: Some("\"version\"") };
    let asked = match Prober::new() {
        Ok(prober) => prober.get(&format!("{url}/readyz"), expected, None, TIMEOUT).await,
        Err(fault) => Err(HealthFault::Untrusting { url: url.to_owned(), fault }),
    };
    match asked {
        Ok(_) => Finding::ok(Topic::Webhooks, AddressFact::LeadsHere),
        Err(fault) => Finding::fail(Topic::Webhooks, Reason::Health { fault }).with(Remedy::LeadProxy),
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
        Ok(Ok(true)) => Finding::ok(Topic::Certificate, AddressFact::CertificateHolds),
        Ok(Ok(false)) => Finding::warn(Topic::Certificate, AddressFact::CertificateEnds).with(Remedy::LookAtRenewal),
        Ok(Err(why)) => {
            let fact = match why {
                NotShown::Answer(fault) => AddressFact::CertificateWrong { host: host.to_owned(), fault },
                NotShown::Said(said) => AddressFact::CertificateSays { said },
            };
            Finding::fail(Topic::Certificate, fact).with(Remedy::TrustedCertificate)
        }
        Err(_) => {
            let fact = AddressFact::NoAnswer { host: host.to_owned(), seconds: TIMEOUT.as_secs() };
            Finding::fail(Topic::Certificate, fact)
        }
    }
}
