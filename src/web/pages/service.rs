//! A service: what its environments run, what it can go back to, who approves, and what was released.

mod back;
mod definition;
pub(super) mod edit;

use askama::Template;
use axum::extract::{FromRequest, Path, Request as HttpRequest, State};
use axum::response::{Html, IntoResponse, Redirect, Response};

use self::back::Back;
use self::definition::Definition;
use super::board::{EndedLine, Place};
use super::fault::{Fault, Refused, Told};
use super::frame::{Frame, When};
use super::tone::{self, Tone};
use super::viewer::{Signed, Viewer};
use super::words::missing::Missing;
use super::words::release::ReleaseWords;
use super::words::services::Services;
use super::{hosts, words};
use crate::domain::command::Command;
use crate::domain::env::Env;
use crate::domain::ids::{HostName, ServiceName};
use crate::domain::moves::Move;
use crate::domain::person::Right;
use crate::domain::rule::{Invalid, Rule};
use crate::domain::service::{Driver, Service};
use crate::engine::Request;
use crate::engine::hosts::HostStatus;
use crate::views::{ServiceOverview, to_clear};
use crate::web::Web;
use crate::web::api::definitions;

/// Releases that are shown.
const HISTORY: u32 = 30;
/// Good versions that are shown.
const VERSIONS: usize = 12;

struct EnvironmentBox {
    name: &'static str,
    place: Place,
    driver: &'static str,
    /// With how the last look found each.
    hosts: Vec<(String, Tone, &'static str)>,
}

struct Good {
    release: i64,
    version: String,
    deployed: When,
}

#[derive(Template)]
#[template(path = "pages/service.html")]
struct ServicePage {
    frame: Frame,
    name: String,
    repository: Option<String>,
    environments: Vec<EnvironmentBox>,
    lock: Option<(String, String)>,
    /// Nothing new begins in it: what that is called, and what follows.
    out_of_force: Option<(Tone, &'static str, &'static str)>,
    own: &'static ReleaseWords,
    /// What a refused form tells.
    refused: Option<Refused>,
    /// What was written into it.
    reason: String,
    may_command: bool,
    may_create: bool,
    new_release: &'static str,
    approvers: Vec<String>,
    needed: String,
    labels: &'static Services,
    back: Option<Back>,
    /// What follows from going back.
    follows: &'static str,
    definition: Option<Definition>,
    line: Vec<(i64, String)>,
    good: Vec<Good>,
    history: Vec<EndedLine>,
}

/// A service.
pub(super) async fn show(State(web): State<Web>, viewer: Viewer, Path(name): Path<String>) -> Result<Response, Fault> {
    let name = ServiceName::parse("service", name)?;
    let catalog = web.engine.catalog();
    // Without a history, all that there is of it is the definition that does not hold.
    if catalog.service(&name).is_none() && catalog.aside().contains(&name) {
        viewer.actor.may(Right::Read, Some(&name), false)?;
        return Ok(Redirect::to(&format!("/services/{name}/definition")).into_response());
    }
    Ok(Html(render(&web, &viewer, &name, None).await?).into_response())
}

/// The page of a service, with a form that was refused and what was written into it.
async fn render(web: &Web, viewer: &Viewer, name: &ServiceName, draft: Option<(&Told, &str)>) -> Result<String, Fault> {
    viewer.actor.may(Right::Read, Some(name), false)?;
    let seen = web.engine.store().progress().borrow().last_event;
    let overview = ServiceOverview::read(&web.engine, name).await?;
    let history = web.engine.releases(None, Some(name.clone()), None, HISTORY).await?;
    let unclear = to_clear(&web.engine, &history).await?;
    let (looks, service) = (&viewer.looks, &overview.service);
    let labels = looks.words();
    let hosts = web.engine.hosts().await?;
    let environments = Env::LASTING.into_iter().map(|env| EnvironmentBox {
        name: if env == Env::Stage { labels.stage } else { labels.production },
        place: Place::of(&overview, env, viewer),
        driver: driver(service, env),
        // Where CI deploys, RMM knows no hosts.
        hosts: if service.environment(env).driver.is_ours() {
            service.hosts_in(env).iter().filter_map(|name| host(&hosts, name, viewer)).collect()
        } else {
            Vec::new()
        },
    });
    let back = match &overview.in_production {
        Some(release) => Back::read(web, viewer, release.id).await?,
        None => None,
    };
    let definition = Definition::read(web, viewer, service).await?;
    let lock = overview.production().lock.as_ref();
    let good = overview.good.iter().take(VERSIONS).map(|good| Good {
        release: good.version.release.0,
        version: good.version.to_string(),
        deployed: looks.when(good.deployed_at, viewer.now),
    });
    let frame = Frame::inside(viewer, "services", name.as_str());
    let is_locked = lock.is_some();
    let page = ServicePage {
        // What was written into a form is not taken away by what happens.
        frame: if draft.is_none() { frame.following(None, seen) } else { frame },
        own: words::release::of(looks.language),
        refused: draft.map(|(told, text)| Refused::of(told, looks, Some(text).filter(|_| is_locked))),
        reason: draft.map(|(_, text)| text.to_owned()).unwrap_or_default(),
        name: name.to_string(),
        repository: service.repository.clone(),
        out_of_force: out_of_force(service, words::services::of(looks.language)),
        environments: environments.collect(),
        lock: lock.map(|lock| (lock.by.clone(), looks.language.reason(&lock.reason))),
        may_command: viewer.actor.may(Right::Command, Some(name), false).is_ok(),
        may_create: !service.retired && viewer.actor.may(Right::Create, Some(name), false).is_ok(),
        new_release: words::connect::of(looks.language).new_release,
        approvers: service.approvals.required.iter().map(ToString::to_string).collect(),
        needed: viewer.looks.words().needed(service.approvals.minimum, service.approvals.required.len()),
        labels: words::services::of(looks.language),
        back,
        follows: looks.words().follows(Move::Rollback),
        definition,
        line: overview.line.iter().map(|release| (release.id.0, release.title())).collect(),
        good: good.collect(),
        history: history
            .iter()
            .map(|release| EndedLine::of(release, Some(&overview), unclear.get(&release.id), viewer))
            .collect(),
    };
    Ok(page.render()?)
}

fn out_of_force(service: &Service, labels: &'static Services) -> Option<(Tone, &'static str, &'static str)> {
    match (service.put_aside, service.retired) {
        (true, _) => Some((tone::FAIL, labels.is_aside, labels.aside_follows)),
        (false, true) => Some((tone::OFF, labels.is_retired, labels.retired_follows)),
        (false, false) => None,
    }
}

/// A host, and how the last look found it.
fn host(hosts: &[HostStatus], name: &HostName, viewer: &Viewer) -> Option<(String, Tone, &'static str)> {
    let status = hosts.iter().find(|status| status.name == *name)?;
    let (tone, state) = hosts::health(status, words::hosts::of(viewer.looks.language));
    Some((name.to_string(), tone, state))
}

fn driver(service: &Service, env: Env) -> &'static str {
    match service.environment(env).driver {
        Driver::Ssh => "ssh",
        Driver::Local => "local",
        Driver::Ci { .. } => "ci",
    }
}

/// Locks or unlocks production.
pub(super) async fn act(
    State(web): State<Web>,
    Path((name, act)): Path<(String, String)>,
    request: HttpRequest,
) -> Result<Response, Fault> {
    let Signed(viewer, fields) = Signed::<Vec<(String, String)>>::from_request(request, &web).await?;
    let name = ServiceName::parse("service", name)?;
    if act == "remove" {
        let seen = fields.iter().find(|(key, _)| key == "revision").and_then(|(_, value)| value.parse().ok());
        definitions::take_out(&web, viewer.actor, name, seen).await?;
        return Ok(Redirect::to("/").into_response());
    }
    let reason = fields.iter().find(|(key, _)| key == "reason").map(|(_, value)| value.as_str()).unwrap_or_default();
    let Err(fault) = carry_out(&web, &viewer, &name, &act, reason.trim()).await else {
        return Ok(Redirect::to(&format!("/services/{name}")).into_response());
    };
    let told = fault.told(viewer.looks.language);
    if !told.is_for_its_form() {
        return Err(fault);
    }
    let html = render(&web, &viewer, &name, Some((&told, reason))).await?;
    Ok((told.status, Html(html)).into_response())
}

async fn carry_out(web: &Web, viewer: &Viewer, name: &ServiceName, act: &str, reason: &str) -> Result<(), Fault> {
    if !matches!(act, "lock" | "unlock") {
        return Err(Missing::Act(act.to_owned()).into());
    }
    let catalog = web.engine.catalog();
    if catalog.service(name).is_none() {
        return Err(catalog.no_service(name).into());
    }
    viewer.actor.may(Right::Command, Some(name), false)?;
    let command = match act {
        "lock" if reason.is_empty() => return Err(Invalid::new("reason", Rule::Given).into()),
        "lock" => Command::Lock { reason: reason.to_owned() },
        _ => Command::Unlock,
    };
    let request = Request::about(viewer.actor.clone(), name.clone(), command);
    web.engine.handle(viewer.trace.of(request)).await?;
    Ok(())
}
