//! Making a release by hand, and what CI needs to do it later.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::fault::Fault;
use super::frame::Frame;
use super::prose::sentence_of;
use super::viewer::{Signed, Viewer};
use super::words::connect::{self as words, Connect};
use crate::assets::workflows::{RUNNER, TAG_WORKFLOW, Words};
use crate::domain::command::{Answer, Command, NewRelease};
use crate::domain::ids::{ServiceName, Tag};
use crate::domain::person::Right;
use crate::domain::service::{Candidates, Driver, Service};
use crate::domain::text::prose;
use crate::engine::repositories::Unread;
use crate::engine::{Failure, Request};
use crate::web::Web;

/// Tags that are shown.
const TAGS: usize = 10;
/// What is kept of notes, in characters.
const NOTES: usize = 10_000;
/// A page waits no longer for a repository.
const PATIENCE: Duration = Duration::from_secs(10);

/// What CI needs to speak to RMM.
#[derive(Default)]
pub(super) struct ForCi {
    /// Files for a repository on GitHub, with where they belong.
    pub files: Vec<(String, String)>,
    /// The call that makes a release; none: CI need not call.
    pub call: Option<String>,
}

impl ForCi {
    /// What a service needs. What RMM does by itself needs nothing.
    pub fn of(web: &Web, service: &Service) -> Self {
        let by_ci = service.environments.values().any(|it| matches!(it.driver, Driver::Ci { .. }));
        let by_call = matches!(service.candidates, Candidates::Call);
        if !by_ci && !by_call {
            return Self::default();
        }
        let (url, runners) = (web.base_url(), [RUNNER.to_owned()]);
        let words = Words { service, url: &url, runners: &runners, tags: None, tag_workflow: TAG_WORKFLOW };
        let files = words.files().unwrap_or_default().into_iter();
        Self {
            files: files.map(|file| (file.path.display().to_string(), file.text)).collect(),
            call: by_call.then(|| call_of(&url, service)),
        }
    }
}

/// The call that makes a release.
fn call_of(url: &str, service: &Service) -> String {
    format!(
        "curl --fail-with-body -H \"Authorization: Bearer $RMM_TOKEN\" --json '{{\"service\": \"{}\", \"tag\": \"v1.0.0\", \
         \"initiated_by\": \"ann\"}}' '{url}/api/v1/releases'",
        service.name
    )
}

#[derive(Template)]
#[template(path = "pages/new_release.html")]
struct NewReleasePage {
    frame: Frame,
    words: &'static Connect,
    name: String,
    is_connected: bool,
    refused: Option<String>,
    tags: Vec<String>,
    silent: Option<String>,
    /// What was chosen or typed.
    chosen: String,
    typed: String,
    notes: String,
    for_ci: ForCi,
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// The service was connected just now.
    connected: Option<String>,
}

/// The form.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    let name = ServiceName::parse("service", name)?;
    viewer.actor.may(Right::Create, Some(&name), false)?;
    page(&web, &viewer, &name, Sent { connected: asked.connected.unwrap_or_default(), ..Sent::default() }, None).await
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Sent {
    /// One of the tags that were shown.
    #[serde(default)]
    tag: String,
    /// Another one, which wins.
    #[serde(default)]
    other: String,
    #[serde(default)]
    notes: String,
    #[serde(default)]
    connected: String,
}

/// Makes the release, as a call of the API would.
pub(super) async fn make(
    State(web): State<Web>,
    Path(name): Path<String>,
    Signed(viewer, sent): Signed<Sent>,
) -> Result<Response, Fault> {
    let name = ServiceName::parse("service", name)?;
    viewer.actor.may(Right::Create, Some(&name), false)?;
    let refusal = match create(&web, &viewer, &name, &sent).await {
        Ok(Answer::Release { id, .. }) => return Ok(Redirect::to(&format!("/releases/{}", id.0)).into_response()),
        Ok(Answer::Run(_) | Answer::Step(_) | Answer::Done) => return Ok(Redirect::to("/").into_response()),
        Err(Failure::Refused(refusal)) => refusal,
        Err(failure @ Failure::Store(_)) => return Err(failure.into()),
    };
    let status = StatusCode::from_u16(refusal.code.http_status()).unwrap_or(StatusCode::CONFLICT);
    let why = sentence_of(&viewer.looks.language.refusal(&refusal.cause));
    Ok((status, page(&web, &viewer, &name, sent, Some(why)).await?).into_response())
}

async fn create(web: &Web, viewer: &Viewer, name: &ServiceName, sent: &Sent) -> Result<Answer, Failure> {
    let tag = [&sent.other, &sent.tag].into_iter().map(|tag| tag.trim()).find(|tag| !tag.is_empty());
    let tag = Tag::given("tag", tag.unwrap_or_default())?;
    let new = NewRelease {
        tag: Some(tag),
        notes: prose(&sent.notes, NOTES),
        ..NewRelease::of(name.clone(), viewer.actor.label().to_owned())
    };
    let request = Request::new(viewer.actor.clone(), Command::Create(new));
    Ok(web.engine.handle(viewer.trace.of(request)).await?.answer)
}

async fn page(
    web: &Web,
    viewer: &Viewer,
    name: &ServiceName,
    sent: Sent,
    refused: Option<String>,
) -> Result<Html<String>, Fault> {
    let (language, catalog) = (viewer.looks.language, web.engine.catalog());
    let words = words::of(language);
    let service = catalog.service(name).ok_or_else(|| catalog.no_service(name))?;
    service.begins()?;
    let asked = tokio::time::timeout(PATIENCE, web.engine.tags_of(&viewer.actor, name)).await;
    let (tags, silent) = match asked {
        Ok(Ok(tags)) => (tags.unwrap_or_default(), None),
        Ok(Err(Unread::Silent(reason))) => (Vec::new(), Some(sentence_of(&language.reason(&reason)))),
        Ok(Err(Unread::Busy(busy))) => (Vec::new(), Some(words.busy(busy).to_owned())),
        Ok(Err(Unread::Invalid(invalid))) => (Vec::new(), Some(sentence_of(&language.rule(&invalid.rule)))),
        Err(_) => (Vec::new(), Some(String::new())),
    };
    let fits = |tag: &&Tag| match &service.candidates {
        Candidates::Tags(pattern) => pattern.fits(tag.as_str()),
        Candidates::Call => true,
    };
    let tags: Vec<_> = tags.iter().filter(fits).take(TAGS).map(ToString::to_string).collect();
    let chosen = if sent.tag.is_empty() { tags.first().cloned().unwrap_or_default() } else { sent.tag };
    let is_connected = !sent.connected.is_empty();
    let page = NewReleasePage {
        frame: Frame::inside(viewer, "services", &format!("{} · {name}", words.new_release)),
        words,
        name: name.to_string(),
        is_connected,
        refused,
        tags,
        silent,
        chosen,
        typed: sent.other,
        notes: sent.notes,
        for_ci: if is_connected { ForCi::of(web, service) } else { ForCi::default() },
    };
    Ok(Html(page.render()?))
}
