//! Hosts: what the last look at each found, which keys they show, and which of them RMM trusts.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Redirect};
use serde::Deserialize;

use super::fault::Fault;
use super::frame::{Frame, When};
use super::tone::{self, Tone};
use super::viewer::{Signed, Viewer};
use super::words::hosts::{self as words, Hosts};
use crate::domain::finding::{Finding, State as Found};
use crate::domain::host::{Fingerprint, KeyState};
use crate::domain::ids::HostName;
use crate::domain::person::Right;
use crate::domain::rule::Invalid;
use crate::engine::hosts::{HostStatus, compare};
use crate::web::Web;
use crate::wording::Language;

/// One thing that was looked at.
struct FindingLine {
    tone: Tone,
    name: String,
    detail: String,
    fix: Option<String>,
}

/// A key that an admin may trust.
struct Offer {
    fingerprint: String,
    /// Prints it on the host itself.
    compare: String,
}

/// A host.
struct HostBox {
    name: String,
    place: String,
    through: Option<String>,
    services: Vec<String>,
    tone: Tone,
    state: &'static str,
    checked: Option<When>,
    findings: Vec<FindingLine>,
    /// How its key stands; none: it needs none.
    key: Option<(Tone, &'static str)>,
    trusted: Vec<String>,
    offered: Option<String>,
    is_changed: bool,
    is_pinned: bool,
    offer: Option<Offer>,
}

#[derive(Template)]
#[template(path = "pages/hosts.html")]
struct HostsPage {
    frame: Frame,
    words: &'static Hosts,
    hosts: Vec<HostBox>,
}

/// The hosts.
pub(super) async fn show(State(web): State<Web>, viewer: Viewer) -> Result<Html<String>, Fault> {
    viewer.actor.may(Right::Read, None, false)?;
    let words = words::of(viewer.looks.language);
    let hosts = web.engine.hosts().await?;
    let page = HostsPage {
        frame: Frame::inside(&viewer, "hosts", words.title),
        words,
        hosts: hosts.into_iter().map(|status| HostBox::of(status, &viewer)).collect(),
    };
    Ok(Html(page.render()?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    host: String,
}

/// Looks at a host.
pub(super) async fn check(State(web): State<Web>, Signed(viewer, which): Signed<Which>) -> Result<Redirect, Fault> {
    viewer.actor.may(Right::Administer, None, false)?;
    let name = HostName::parse("host", which.host)?;
    web.engine.check_host(&viewer.actor, &name).await?;
    Ok(Redirect::to(&format!("/hosts#host-{name}")))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Trusted {
    host: String,
    fingerprint: String,
}

/// Trusts a key of a host.
pub(super) async fn trust(State(web): State<Web>, Signed(viewer, said): Signed<Trusted>) -> Result<Redirect, Fault> {
    viewer.actor.may(Right::Administer, None, false)?;
    let name = HostName::parse("host", said.host)?;
    let fingerprint = Fingerprint::parse(said.fingerprint).map_err(|rule| Invalid::new("fingerprint", rule))?;
    web.engine.trust(&viewer.actor, &name, &fingerprint).await?;
    Ok(Redirect::to(&format!("/hosts#host-{name}")))
}

/// The colour and the shape of what was found.
pub(super) const fn tone_of(state: Found) -> Tone {
    match state {
        Found::Ok => tone::OK,
        Found::Warn => tone::WARN,
        Found::Fail => tone::FAIL,
    }
}

/// How a host is, going by the last look at it.
pub(super) fn health(status: &HostStatus, words: &Hosts) -> (Tone, &'static str) {
    let Some((_, findings)) = &status.checked else { return (tone::IDLE, words.never_checked) };
    let has = |state: Found| findings.iter().any(|finding| finding.state == state);
    if has(Found::Fail) {
        (tone::FAIL, words.fails)
    } else if has(Found::Warn) {
        (tone::WARN, words.warns)
    } else {
        (tone::OK, words.well)
    }
}

impl HostBox {
    fn of(status: HostStatus, viewer: &Viewer) -> Self {
        let words = words::of(viewer.looks.language);
        let line = |finding: Finding| FindingLine::of(&finding, viewer.looks.language);
        let (tone, state) = health(&status, words);
        let key = match status.key {
            KeyState::NotNeeded => None,
            KeyState::Pinned => Some((tone::OK, words.pinned)),
            KeyState::Trusted => Some((tone::OK, words.trusted)),
            KeyState::Unknown => Some((tone::WAIT, words.unknown)),
            KeyState::Changed => Some((tone::FAIL, words.changed)),
            KeyState::NeverSeen => Some((tone::IDLE, words.never_seen)),
        };
        let is_pinned = status.host.as_ref().is_some_and(|host| !host.host_keys.is_empty());
        let may_trust = viewer.actor.may(Right::Administer, None, false).is_ok();
        let is_new = matches!(status.key, KeyState::Unknown | KeyState::Changed);
        let offer = status
            .offered
            .as_ref()
            .filter(|_| may_trust && is_new && !is_pinned)
            .map(|key| Offer { fingerprint: key.fingerprint.to_string(), compare: compare(&key.algorithm) });
        let through: Vec<_> = status.host.iter().flat_map(|host| &host.jump).map(ToString::to_string).collect();
        Self {
            name: status.name.to_string(),
            place: status
                .host
                .as_ref()
                .map_or_else(|| words.local.to_owned(), |host| format!("{}@{}", host.user, host.address)),
            through: Some(through.join(", ")).filter(|names| !names.is_empty()),
            services: status.services.iter().map(ToString::to_string).collect(),
            tone,
            state,
            checked: status.checked.as_ref().map(|(at, _)| viewer.looks.when(*at, viewer.now)),
            findings: status.checked.into_iter().flat_map(|(_, findings)| findings).map(line).collect(),
            key,
            trusted: status.fingerprints.iter().map(ToString::to_string).collect(),
            offered: status.offered.as_ref().map(ToString::to_string),
            is_changed: status.key == KeyState::Changed,
            is_pinned,
            offer,
        }
    }
}

impl FindingLine {
    fn of(finding: &Finding, language: Language) -> Self {
        Self {
            tone: tone_of(finding.state),
            name: language.topic(&finding.topic).to_owned(),
            detail: language.found(&finding.found),
            fix: finding.remedy.as_ref().map(|remedy| language.finding_remedy(remedy)),
        }
    }
}
