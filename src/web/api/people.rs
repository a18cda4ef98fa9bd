//! People: who is who, and whose claims in Telegram wait for an admin.

use axum::Json;
use axum::extract::State;

use super::readable_by;
use crate::contract::{ClaimView, PersonView};
use crate::domain::person::{Actor, Person};
use crate::store::telegram::User;
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::Named;
use crate::web::problem::Problem;

impl From<&User> for ClaimView {
    fn from(user: &User) -> Self {
        Self {
            telegram_id: user.id,
            username: user.username.clone(),
            name: user.first_name.clone(),
            since: user.claimed_at,
        }
    }
}

/// The people
#[utoipa::path(get, path = "/api/v1/people", tag = "people", responses((status = 200, body = Vec<PersonView>)))]
pub async fn list(State(web): State<Web>, Caller(actor): Caller) -> Result<Json<Vec<PersonView>>, Problem> {
    readable_by(&actor, None)?;
    Ok(Json(views(&web).await?))
}

/// Everybody who is in the configuration.
pub(in crate::web) async fn views(web: &Web) -> Result<Vec<PersonView>, Problem> {
    let catalog = web.engine.catalog();
    let known = web.engine.telegram_people().await?;
    let claims = web.engine.telegram_claims().await?;
    let view = |person: &Person| {
        let account = known.iter().find(|(known, ..)| known.name == person.name);
        let user = account.and_then(|(.., user)| user.as_ref()).filter(|_| person.telegram_id.is_none());
        let approves = catalog.services().filter(|service| service.approvals.required.contains(&person.name));
        PersonView {
            name: person.name.to_string(),
            role: person.role.into(),
            telegram_id: account.map(|(_, id, _)| *id),
            telegram: person.telegram_username.clone(),
            confirmed_by: user.and_then(|user| user.confirmed_by.clone()),
            claims: claims.iter().filter(|user| user.person.as_ref() == Some(&person.name)).map(Into::into).collect(),
            github: person.github.clone(),
            approves: approves.map(|service| service.name.to_string()).collect(),
        }
    };
    Ok(catalog.people().values().map(view).collect())
}

/// Confirm that an account in Telegram is the person that it claims to be
#[utoipa::path(post, path = "/api/v1/people/{who}/confirm", tag = "people",
    params(("who" = String, Path, description = "The name of the person, or the number of the account")),
    responses((status = 200, body = PersonView)))]
pub async fn confirm(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(who): Named<String>,
) -> Result<Json<PersonView>, Problem> {
    settle(&web, &actor, &who, true).await
}

/// Say that an account in Telegram is not the person that it claims to be
#[utoipa::path(post, path = "/api/v1/people/{who}/refuse", tag = "people",
    params(("who" = String, Path, description = "The name of the person, or the number of the account")),
    responses((status = 200, body = PersonView)))]
pub async fn refuse(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(who): Named<String>,
) -> Result<Json<PersonView>, Problem> {
    settle(&web, &actor, &who, false).await
}

async fn settle(web: &Web, actor: &Actor, who: &str, yes: bool) -> Result<Json<PersonView>, Problem> {
    let person = web.engine.settle_claim_of(actor, who, yes).await?;
    let found = views(web).await?.into_iter().find(|view| view.name == person.as_str());
    found.map(Json).ok_or_else(|| Problem::not_found(format!("{person} is not in the configuration any more")))
}
