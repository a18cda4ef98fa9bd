//! Hosts: what is known of them, what a check finds, and which key an admin trusts.

use axum::Json;
use axum::extract::State;

use super::readable_by;
use crate::contract::{Finding, HostCheck, HostView, TrustHost};
use crate::domain::finding;
use crate::domain::host::Fingerprint;
use crate::domain::ids::HostName;
use crate::domain::rule::Invalid;
use crate::engine::hosts::HostStatus;
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::{Named, Sent};
use crate::web::problem::Problem;
use crate::wording::{Language, english_found};

impl From<HostStatus> for HostView {
    fn from(status: HostStatus) -> Self {
        Self {
            name: status.name.to_string(),
            address: status.host.as_ref().map(|host| host.address.to_string()),
            user: status.host.as_ref().map(|host| host.user.clone()),
            key: status.key.into(),
            jump: status.host.iter().flat_map(|host| &host.jump).map(ToString::to_string).collect(),
            fingerprints: status.fingerprints.iter().map(ToString::to_string).collect(),
            fingerprint: status.fingerprint.map(|fingerprint| fingerprint.to_string()),
            offered: status.offered,
            services: status.services.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<finding::Finding> for Finding {
    fn from(finding::Finding { topic, state, found, remedy }: finding::Finding) -> Self {
        Self {
            name: topic.as_str().to_owned(),
            state: state.into(),
            detail: english_found(&found),
            fix: remedy.map(|remedy| Language::En.finding_remedy(&remedy)),
            because: found.facts().cloned(),
        }
    }
}

/// The hosts
#[utoipa::path(get, path = "/api/v1/hosts", tag = "hosts", responses((status = 200, body = Vec<HostView>)))]
pub async fn list(State(web): State<Web>, Caller(actor): Caller) -> Result<Json<Vec<HostView>>, Problem> {
    readable_by(&actor, None)?;
    Ok(Json(web.engine.hosts().await?.into_iter().map(HostView::from).collect()))
}

/// Look at a host: the way there, its key, the login, and everything that its services need there; takes up to two minutes
#[utoipa::path(post, path = "/api/v1/hosts/{name}/check", tag = "hosts", params(("name" = String, Path)),
    responses((status = 200, body = HostCheck)))]
pub async fn check(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
) -> Result<Json<HostCheck>, Problem> {
    let name = HostName::parse("name", name)?;
    let findings = web.engine.check_host(&actor, &name).await?.into_iter().map(Finding::from).collect();
    Ok(Json(HostCheck { host: view(&web, &name).await?, findings }))
}

/// Trust the key that a host has shown; runs that wait for it go on
#[utoipa::path(post, path = "/api/v1/hosts/{name}/trust", tag = "hosts", params(("name" = String, Path)), request_body = TrustHost,
    responses((status = 200, body = HostView)))]
pub async fn trust(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
    Sent(sent): Sent<TrustHost>,
) -> Result<Json<HostView>, Problem> {
    let name = HostName::parse("name", name)?;
    let fingerprint = Fingerprint::parse(sent.fingerprint).map_err(|rule| Invalid::new("fingerprint", rule))?;
    web.engine.trust(&actor, &name, &fingerprint).await?;
    Ok(Json(view(&web, &name).await?))
}

async fn view(web: &Web, name: &HostName) -> Result<HostView, Problem> {
    let all = web.engine.hosts().await?;
    let found = all.into_iter().find(|status| status.name == *name);
    found.map(HostView::from).ok_or_else(|| Problem::not_found(format!("there is no host {name} any more")))
}
