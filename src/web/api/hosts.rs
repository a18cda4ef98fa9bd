//! Hosts: what is known of them, what is found when somebody looks, and which key an admin trusts.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::readable_by;
use crate::domain::host::{Fingerprint, HostKey};
use crate::domain::ids::{HostName, Invalid};
use crate::engine::hosts::{Finding, HostStatus, KeyState};
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::{Named, Sent};
use crate::web::problem::Problem;

/// A host.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct HostView {
    /// Its name; `local` is the machine that RMM itself runs on.
    name: String,
    /// Where its SSH server listens.
    address: Option<String>,
    /// As whom RMM logs in.
    user: Option<String>,
    /// What RMM thinks of its key.
    key: KeyState,
    /// The hosts on the way there, the one next to RMM first.
    jump: Vec<String>,
    /// The key that it must show; of several the one that it has shown.
    fingerprint: Option<String>,
    /// All keys that it may show: any of them is right.
    fingerprints: Vec<String>,
    /// The key that it has shown last.
    offered: Option<HostKey>,
    /// The services that use it.
    services: Vec<String>,
}

impl From<HostStatus> for HostView {
    fn from(status: HostStatus) -> Self {
        Self {
            name: status.name.to_string(),
            address: status.host.as_ref().map(|host| host.address.to_string()),
            user: status.host.as_ref().map(|host| host.user.clone()),
            key: status.key,
            jump: status.host.iter().flat_map(|host| &host.jump).map(ToString::to_string).collect(),
            fingerprints: status.fingerprints.iter().map(ToString::to_string).collect(),
            fingerprint: status.fingerprint.map(|fingerprint| fingerprint.to_string()),
            offered: status.offered,
            services: status.services.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The hosts
#[utoipa::path(get, path = "/api/v1/hosts", tag = "hosts", responses((status = 200, body = Vec<HostView>)))]
pub async fn list(State(web): State<Web>, Caller(actor): Caller) -> Result<Json<Vec<HostView>>, Problem> {
    readable_by(&actor, None)?;
    Ok(Json(web.engine.hosts().await?.into_iter().map(HostView::from).collect()))
}

/// What was found when somebody looked at a host.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct HostCheck {
    /// The host.
    host: HostView,
    /// What was found, in the order in which it was looked at.
    findings: Vec<Finding>,
}

/// Look at a host: the way there, its key, the login, and everything that its services need there; takes up to two minutes
#[utoipa::path(post, path = "/api/v1/hosts/{name}/check", tag = "hosts", params(("name" = String, Path)),
    responses((status = 200, body = HostCheck), (status = 404, body = Problem)))]
pub async fn check(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
) -> Result<Json<HostCheck>, Problem> {
    let name = HostName::parse("name", name)?;
    let findings = web.engine.check_host(&actor, &name).await?;
    Ok(Json(HostCheck { host: view(&web, &name).await?, findings }))
}

/// The key to trust.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustHost {
    /// The fingerprint that the host has shown, as `ssh-keygen -l` prints it.
    fingerprint: String,
}

/// Trust the key that a host has shown; runs that wait for it go on
#[utoipa::path(post, path = "/api/v1/hosts/{name}/trust", tag = "hosts", params(("name" = String, Path)), request_body = TrustHost,
    responses((status = 200, body = HostView), (status = 404, body = Problem), (status = 409, body = Problem)))]
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
