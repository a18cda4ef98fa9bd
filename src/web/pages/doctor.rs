//! Everything that RMM needs, looked at from here when an admin asks for it.

use std::fmt::Display;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Redirect};
use jiff::Timestamp;

use super::fault::Fault;
use super::frame::{Frame, When};
use super::tone::{self, Tone};
use super::viewer::{Nothing, Signed, Viewer};
use super::words::doctor::{self as words, Doctor};
use crate::doctor::Examined;
use crate::doctor::running::{of_backups, of_health, unready};
use crate::domain::finding::{About, Finding, Remedy, RunningFact, State as Found, Topic};
use crate::domain::person::Right;
use crate::engine::hosts::HostStatus;
use crate::web::Web;
use crate::web::api::{backups, meta};
use crate::wording::Language;

/// What was found.
#[derive(Debug)]
pub(in crate::web) struct Examination {
    at: Timestamp,
    examined: Vec<Examined>,
}

#[derive(Template)]
#[template(path = "pages/doctor.html")]
struct DoctorPage {
    frame: Frame,
    words: &'static Doctor,
    at: Option<When>,
    /// How many are well, want a look, and are not well.
    counts: Vec<(Tone, String)>,
    parts: Vec<Part>,
}

/// One thing that RMM needs.
struct Part {
    about: String,
    lines: Vec<Line>,
}

struct Line {
    number: usize,
    tone: Tone,
    name: String,
    detail: String,
    /// The place that it is about, line by line.
    excerpt: Option<String>,
    fix: Option<String>,
}

/// What was found last.
pub(super) async fn show(State(web): State<Web>, viewer: Viewer) -> Result<Html<String>, Fault> {
    viewer.actor.may(Right::Administer, None, false)?;
    let words = words::of(viewer.looks.language);
    let kept = web.kept.examination.get(&()).await;
    let examined = kept.as_deref().map(|kept| &*kept.examined).unwrap_or_default();
    let page = DoctorPage {
        frame: Frame::inside(&viewer, "settings", words.title),
        words,
        at: kept.as_ref().map(|kept| viewer.looks.when(kept.at, viewer.now)),
        counts: counts(examined, words),
        parts: parts(examined, viewer.looks.language),
    };
    Ok(Html(page.render()?))
}

fn counts(examined: &[Examined], words: &Doctor) -> Vec<(Tone, String)> {
    let tones: Vec<_> = examined.iter().flat_map(|one| &one.findings).map(tone_of).collect();
    let count = |(tone, word)| {
        let count = tones.iter().filter(|found| **found == tone).count();
        (count > 0).then(|| (tone, format!("{count} {word}")))
    };
    [(tone::FAIL, words.fails), (tone::WARN, words.warns), (tone::OK, words.well)]
        .into_iter()
        .filter_map(count)
        .collect()
}

/// Numbered through, so that a finding can be spoken of.
fn parts(examined: &[Examined], language: Language) -> Vec<Part> {
    let mut numbers = 1..;
    let mut line = |finding: &Finding| {
        let told = language.found(&finding.found);
        let (detail, excerpt) = told.split_once('\n').map_or((&*told, None), |(first, rest)| (first, Some(rest)));
        Line {
            number: numbers.next().unwrap_or_default(),
            tone: tone_of(finding),
            name: language.topic(&finding.topic).to_owned(),
            detail: detail.to_owned(),
            excerpt: excerpt.map(ToOwned::to_owned),
            fix: finding.remedy.as_ref().map(|remedy| language.finding_remedy(remedy)),
        }
    };
    examined
        .iter()
        .map(|one| Part { about: language.about(&one.about), lines: one.findings.iter().map(&mut line).collect() })
        .collect()
}

fn tone_of(finding: &Finding) -> Tone {
    match finding.state {
        Found::Ok => tone::OK,
        Found::Warn => tone::WARN,
        Found::Fail => tone::FAIL,
    }
}

/// Looks at everything now. Those who ask at the same time get the same answer.
pub(super) async fn examine(
    State(web): State<Web>,
    Signed(viewer, Nothing {}): Signed<Nothing>,
) -> Result<Redirect, Fault> {
    viewer.actor.may(Right::Administer, None, false)?;
    web.kept.examination.invalidate(&()).await;
    web.kept.examination.get_with((), async { Arc::new(look(&web).await) }).await;
    Ok(Redirect::to("/settings/doctor"))
}

async fn look(web: &Web) -> Examination {
    let mut examined = web.reloads.examine().await.unwrap_or_default();
    let of = |part, about, findings| Examined { part, about, findings };
    let findings = match meta::ready(web).await {
        Ok(health) => of_health(&health),
        Err(problem) => vec![unready(problem.detail)],
    };
    examined.push(of("running", About::Running, findings));
    let findings = match web.engine.backups().await {
        Ok(found) => of_backups(&backups::view(found)),
        Err(error) => vec![unread(Topic::Backups, &error)],
    };
    examined.push(of("backups", About::Backups, findings));
    match web.engine.hosts().await {
        Ok(hosts) => examined.extend(hosts.into_iter().map(of_host)),
        Err(error) => examined.push(of("hosts", About::Hosts, vec![unread(Topic::Hosts, &error)])),
    }
    Examination { at: web.engine.now(), examined }
}

fn unread(topic: Topic, error: &dyn Display) -> Finding {
    Finding::fail(topic, RunningFact::RunningSays { said: error.to_string() }).with(Remedy::LookAtLog)
}

/// What its last check has found: another would take minutes.
fn of_host(host: HostStatus) -> Examined {
    let fix = format!("rmm host check {}", host.name);
    let findings = match host.checked {
        Some((_, findings)) => findings,
        None => vec![Finding::warn(Topic::Check, RunningFact::HostNeverChecked).with(fix)],
    };
    Examined { part: "hosts", about: About::Host(host.name.to_string()), findings }
}
