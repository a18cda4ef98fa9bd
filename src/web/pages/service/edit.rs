//! The page on which a service is defined: its text, what is wrong with it, what would change, and how it changed before.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::definition::{self, Revision};
use crate::domain::cause::Cause;
use crate::domain::ids::ServiceName;
use crate::domain::person::Right;
use crate::domain::refusal::Refusal;
use crate::engine::Failure;
use crate::store::dashboard::Defined;
use crate::store::definitions;
use crate::web::Web;
use crate::web::api::definitions as api;
use crate::web::pages::diff;
use crate::web::pages::fault::Fault;
use crate::web::pages::frame::{Frame, When};
use crate::web::pages::prose::sentence_of;
use crate::web::pages::viewer::{Signed, Viewer};
use crate::web::pages::words::definition::{self as words, Definition as Words};
use crate::web::pages::words::services::{self, Services};
use crate::web::reload::{Change, Changed, Mistake, NotChanged};

#[derive(Template)]
#[template(path = "pages/definition.html")]
struct DefinitionPage {
    frame: Frame,
    words: &'static Words,
    labels: &'static Services,
    name: String,
    lead: &'static str,
    /// It has a page of its own.
    is_known: bool,
    in_file: bool,
    /// Since when it is there and not here any more.
    moved: Option<When>,
    may_edit: bool,
    problem: Option<String>,
    text: String,
    revision: i64,
    said: Said,
    /// As RMM understands what is in force.
    effective: Option<String>,
    revisions: Vec<Revision>,
}

/// What came of a form.
#[derive(Default)]
struct Said {
    wrong: Vec<Mistake>,
    /// It was changed by another person: the sentence, and what differs.
    conflict: Option<(String, Vec<diff::Line>)>,
    /// It is right, and would change this.
    right: Option<Vec<diff::Line>>,
    warnings: Vec<Mistake>,
    is_saved: bool,
    /// The revision that the text was taken from.
    taken: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(in crate::web::pages) struct Asked {
    /// A revision to take into the editor.
    from: Option<i64>,
    saved: Option<String>,
}

/// How a service is defined.
pub(in crate::web::pages) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    let name = ServiceName::parse("service", name)?;
    viewer.actor.may(Right::Read, Some(&name), false)?;
    let mut said = Said { is_saved: asked.saved.is_some(), ..Said::default() };
    let mut text = None;
    if let Some(number) = asked.from {
        let of = name.clone();
        let found = web.engine.read(move |conn| definitions::numbered(conn, &of, number)).await?;
        text = found.and_then(|revision| revision.written);
        said.taken = text.is_some().then_some(number);
    }
    Ok(Html(page(&web, &viewer, name, text, said).await?))
}

/// The number of no revision.
const NO_REVISION: i64 = -1;

#[derive(Debug, Deserialize)]
pub(in crate::web::pages) struct Sent {
    #[serde(default)]
    text: String,
    /// A number; anything else is no revision that there was.
    #[serde(default)]
    revision: String,
    /// `check` or `save`.
    #[serde(default, rename = "do")]
    wish: String,
}

/// Checks a definition, or saves it.
pub(in crate::web::pages) async fn save(
    State(web): State<Web>,
    Path(name): Path<String>,
    Signed(viewer, sent): Signed<Sent>,
) -> Result<Response, Fault> {
    let name = ServiceName::parse("service", name)?;
    // As browsers send the lines of a text.
    let text = sent.text.replace("\r\n", "\n");
    let is_trial = sent.wish != "save";
    let wanted = Change {
        actor: viewer.actor.clone(),
        service: name.clone(),
        text: Some(text.clone()),
        seen: sent.revision.parse().unwrap_or(NO_REVISION),
        is_trial,
        language: viewer.looks.language,
    };
    let (status, said) = match api::change(&web, wanted).await {
        Ok(_) if !is_trial => return Ok(Redirect::to(&format!("/services/{name}/definition?saved=1")).into_response()),
        Ok(Changed { effective, warnings, .. }) => {
            let catalog = web.engine.catalog();
            let is_same = catalog.is_in_force(&name) && catalog.definition(&name).as_ref() == Some(&effective);
            // As it is written: what RMM understands says one thing again for each environment.
            let now = api::defined(&web, &name).await?.map(|defined| defined.text).unwrap_or_default();
            let right = Some(if is_same { Vec::new() } else { diff::between(&now, &text) });
            (StatusCode::OK, Said { right, warnings, ..Said::default() })
        }
        Err(NotChanged::Wrong(wrong)) => (StatusCode::UNPROCESSABLE_ENTITY, Said { wrong, ..Said::default() }),
        Err(NotChanged::Refused(Failure::Refused(refusal)))
            if matches!(*refusal.cause, Cause::DefinitionChanged { .. }) =>
        {
            let theirs = api::defined(&web, &name).await?.map(|defined| defined.text).unwrap_or_default();
            let sentence = sentence_of(&viewer.looks.language.refusal(&refusal.cause));
            (
                StatusCode::CONFLICT,
                Said { conflict: Some((sentence, diff::between(&theirs, &text))), ..Said::default() },
            )
        }
        Err(NotChanged::Refused(failure)) => return Err(failure.into()),
        Err(stopping @ NotChanged::Stopping) => return Err(crate::web::problem::Problem::from(stopping).into()),
    };
    Ok((status, Html(page(&web, &viewer, name, Some(text), said).await?)).into_response())
}

/// The page; `text`: what stands in the editor, where it is not what is in force.
async fn page(
    web: &Web,
    viewer: &Viewer,
    name: ServiceName,
    text: Option<String>,
    said: Said,
) -> Result<String, Fault> {
    let language = viewer.looks.language;
    let (words, catalog) = (words::of(language), web.engine.catalog());
    let defined = api::defined(web, &name).await?;
    let service = catalog.service(&name);
    if defined.is_none() && service.is_none() && text.is_none() {
        return Err(catalog.no_service(&name).into());
    }
    let in_file = defined.is_none() && catalog.is_in_force(&name);
    let may = web.engine.may_define(&viewer.actor);
    let may_edit = may.is_ok() && !in_file;
    let lead = match (in_file, &may) {
        (true, _) => words.in_file,
        (false, Ok(())) => match (&defined, service) {
            (Some(_), _) => words.here,
            (None, Some(_)) => words.gone,
            (None, None) => words.fresh,
        },
        (false, Err(refusal)) if is_off(refusal) => words.off,
        (false, Err(_)) => words.look_only,
    };
    let revisions = definition::revisions(web, viewer, &name).await?;
    let (revision, problem, written) = match defined {
        Some(Defined { number, problem, text, .. }) => (number, problem, Some(text)),
        None => (0, None, None),
    };
    // A service that was removed begins with what it was.
    let before = || revisions.iter().find_map(|revision| revision.written.clone()).unwrap_or_default();
    let moved = definition::moved(&revisions).filter(|_| in_file).cloned();
    let page = DefinitionPage {
        moved,
        frame: Frame::inside(viewer, "services", &format!("{} · {name}", words.title)),
        words,
        labels: services::of(language),
        lead,
        is_known: service.is_some(),
        in_file,
        may_edit,
        problem,
        text: text.or(written).unwrap_or_else(before),
        revision,
        said,
        effective: catalog.definition(&name),
        name: name.to_string(),
        revisions,
    };
    Ok(page.render()?)
}

fn is_off(refusal: &Refusal) -> bool {
    matches!(*refusal.cause, Cause::EditingOff)
}
