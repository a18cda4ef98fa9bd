//! Finds releases among all that there ever were.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use serde::Deserialize;

use super::board::first_release;
use super::fault::Fault;
use super::frame::{Frame, When};
use super::named;
use super::prose::clause_of;
use super::tone::Tone;
use super::viewer::Viewer;
use super::words::connect::{self, Connect};
use super::words::find::{self, Words};
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::person::Right;
use crate::domain::release::Release;
use crate::domain::standing::Standing;
use crate::views::to_clear;
use crate::web::Web;

/// Releases on a page.
const PAGE: u32 = 50;
/// Characters of what is looked for that are looked at: no tag and no commit is longer.
const LONGEST: usize = 128;

/// A release that was found.
struct Line {
    id: i64,
    title: String,
    commit: Option<String>,
    tone: Tone,
    status: String,
    /// What an admin has to say first.
    waits: Option<String>,
    began: When,
    by: String,
}

#[derive(Template)]
#[template(path = "pages/find.html")]
struct FindPage {
    frame: Frame,
    labels: &'static Words,
    asked: Asked,
    services: Vec<String>,
    lines: Vec<Line>,
    /// The address of those before.
    older: Option<String>,
    is_first: bool,
    /// What makes a first release, where there is none.
    first: Option<String>,
    /// There is nothing to release yet, either.
    is_new: bool,
    connecting: &'static Connect,
}

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
    /// One service; empty: all.
    #[serde(default)]
    service: String,
    before: Option<i64>,
}

/// The service that is looked at, and what is looked for there: people type `shop v1.1.0` as pages write it, too.
fn meant<'a>(asked: &'a Asked, services: &[ServiceName]) -> Result<(Option<ServiceName>, &'a str), Fault> {
    let known = |name: &str| services.iter().find(|known| known.as_str() == name).cloned();
    if let Some(service) = named::service(services, &asked.service)? {
        return Ok((Some(service), &asked.q));
    }
    let (first, rest) = asked.q.split_once(char::is_whitespace).unwrap_or((&asked.q, ""));
    Ok(known(first).map_or((None, &asked.q), |service| (Some(service), rest.trim_start())))
}

/// The releases that fit, the newest first.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Query(mut asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    viewer.actor.may(Right::Read, None, false)?;
    asked.q = asked.q.trim().chars().take(LONGEST).collect();
    let services = web.engine.catalog().service_names();
    let before = asked.before.map(ReleaseId);
    let (service, text) = meant(&asked, &services)?;
    let found = web.engine.search(text, service, before, PAGE).await?;
    let unclear = to_clear(&web.engine, &found).await?;
    let labels = find::of(viewer.looks.language);
    let page = FindPage {
        frame: Frame { query: asked.q.clone(), ..Frame::inside(&viewer, "releases", labels.heading) },
        labels,
        services: services.iter().map(ServiceName::to_string).collect(),
        lines: found.iter().map(|release| Line::of(release, unclear.get(&release.id), &viewer)).collect(),
        older: found.last().filter(|_| found.len() == PAGE as usize).map(|last| asked.address(last.id)),
        is_first: asked.before.is_none(),
        first: services.first().filter(|_| found.is_empty() && asked.is_anything()).map(first_release),
        is_new: services.is_empty() && found.is_empty() && asked.is_anything(),
        connecting: connect::of(viewer.looks.language),
        asked,
    };
    Ok(Html(page.render()?))
}

impl Asked {
    /// Whether any release would do.
    fn is_anything(&self) -> bool {
        self.q.is_empty() && self.service.is_empty() && self.before.is_none()
    }

    /// Where the releases before one of them are.
    fn address(&self, before: ReleaseId) -> String {
        let fields = [("q", self.q.as_str()), ("service", &self.service), ("before", &before.0.to_string())];
        format!("/releases?{}", serde_urlencoded::to_string(fields).unwrap_or_default())
    }
}

impl Line {
    fn of(release: &Release, unclear: Option<&Standing>, viewer: &Viewer) -> Self {
        let looks = &viewer.looks;
        Self {
            id: release.id.0,
            title: format!("{} {}", release.service, release.title()),
            commit: release.commit.as_ref().map(|commit| commit.short().to_owned()),
            tone: unclear.map_or_else(|| release.status.into(), Tone::from),
            status: clause_of(looks.language.status_title(release.status)),
            waits: unclear.map(|standing| looks.standing(standing)),
            began: looks.when(release.created_at, viewer.now),
            by: looks.initiator(release),
        }
    }
}
