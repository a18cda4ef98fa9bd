//! API tokens: made, listed, taken over, revoked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::pages::Page;
use crate::contract::{CreateToken, CreatedToken, ListPage, LoginLinkView, MakeLoginLink, TokenView, ToldView};
use crate::domain::cause::Cause;
use crate::domain::event::Event;
use crate::domain::ids::{PersonName, ServiceName};
use crate::domain::person::{Actor, Right, Role};
use crate::domain::refusal::Refusal;
use crate::domain::rule::{Invalid, Rule};
use crate::domain::text::{folded, is_same_name, meant, one_line};
use crate::engine::Failure;
use crate::engine::catalog::Catalog;
use crate::engine::people::Hears;
use crate::store::StoreError;
use crate::store::tokens::{self, NewToken, TokenRow};
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::{Asked, MaybeSent, Named, Sent};
use crate::web::problem::Problem;

/// Make a token
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = CreateToken, responses((status = 201, body = CreatedToken)))]
pub async fn create(
    State(web): State<Web>,
    Caller(actor): Caller,
    Sent(new): Sent<CreateToken>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    Ok((StatusCode::CREATED, Json(make(&web, actor, new).await?)))
}

/// Makes a token.
pub(in crate::web) async fn make(web: &Web, actor: Actor, new: CreateToken) -> Result<CreatedToken, Problem> {
    actor.may(Right::Administer, None, false)?;
    one_line("name", &new.name, 100)?;
    if new.expires_at.is_some_and(|at| at <= web.engine.now()) {
        return Err(Invalid::new("expires_at", Rule::Ahead).into());
    }
    let catalog = web.engine.catalog();
    // The record names the actor.
    if new.name.trim() != new.name {
        return Err(Invalid::new("name", Rule::NoBlankAround).into());
    }
    let same = |other: &str| is_same_name(other, &new.name);
    let mut people = catalog.people().keys().map(PersonName::as_str).filter(|name| new.person.as_deref() != Some(name));
    if [Actor::Operator, Actor::Machine].iter().any(|actor| same(actor.label())) || people.any(same) {
        return Err(Invalid::new("name", Rule::OwnName { name: new.name }).into());
    }
    // So the record calls those whose workflow came with an id token.
    if folded(&new.name).starts_with("github:") {
        return Err(Invalid::new("name", Rule::NotOfGithub).into());
    }
    let mut services = Vec::new();
    for name in &new.services {
        let name = ServiceName::parse("services", name.as_str())?;
        catalog.service(&name).ok_or_else(|| catalog.no_service(&name))?;
        services.push(name.to_string());
    }
    let mut speaks_for = None;
    if let Some(person) = &new.person {
        let person = PersonName::parse("person", person.as_str())?;
        let Some(known) = catalog.person(&person) else {
            return Err(catalog.no_person(&person).into());
        };
        if new.role > known.role {
            return Err(Invalid::new("role", Rule::RoleUpTo { person, role: known.role }).into());
        }
        if new.role == Role::Ci {
            return Err(Invalid::new("role", Rule::RoleOfPerson).into());
        }
        if !services.is_empty() {
            return Err(Invalid::new("services", Rule::ServicesOfPerson).into());
        }
        speaks_for = Some(person);
    }
    let secret = tokens::new_secret()?;
    let shown = secret.expose_secret().to_owned();
    let maker = actor.clone();
    let name = new.name.clone();
    let told = told(web, &actor, speaks_for.as_ref()).await?;
    let work = move |conn: &rusqlite::Connection, now: Timestamp| {
        let vouched_by = voucher(conn, &maker)?;
        let live = tokens::list(conn)?.into_iter().filter(|token| token.is_live(now.as_millisecond()));
        let twin = live.map(|token| token.name).find(|name| *name != new.name && is_same_name(name, &new.name));
        if let Some(other) = twin {
            return Err(Failure::from(Invalid::new("name", Rule::UnlikeToken { name: new.name.clone(), other })));
        }
        let row = NewToken {
            name: &new.name,
            role: new.role.as_str(),
            person: new.person.as_deref(),
            services: &services,
            created_by: maker.label(),
            vouched_by: vouched_by.as_deref(),
            expires_at: new.expires_at.map(Timestamp::as_millisecond),
        };
        match tokens::insert(conn, &row, secret.expose_secret(), now.as_millisecond()) {
            Ok(_) => {
                let (name, role) = (new.name.clone(), new.role.as_str().into());
                Ok(((), Some(Event::TokenCreated { name, role, person: speaks_for })))
            }
            Err(StoreError::NameTaken { .. }) => {
                Err(Invalid::new("name", Rule::NewName { name: new.name.clone() }).into())
            }
            Err(error) => Err(error.into()),
        }
    };
    web.engine.record(&actor, work).await?;
    Ok(CreatedToken { name, token: shown, told })
}

/// When the bot tells a person what another actor makes in their name.
async fn told(web: &Web, actor: &Actor, person: Option<&PersonName>) -> Result<Option<ToldView>, StoreError> {
    let Some(person) = person.filter(|person| person.as_str() != actor.label()) else { return Ok(None) };
    Ok(web.engine.hears(person).await?.map(|hears| match hears {
        Hears::Now => ToldView::Now,
        Hears::Later => ToldView::Later,
    }))
}

/// Make a link that signs a person in to the dashboard
///
/// The operator may make one for any person, and a person for themself.
#[utoipa::path(post, path = "/api/v1/login-links", tag = "tokens", request_body = MakeLoginLink,
    responses((status = 201, body = LoginLinkView)))]
pub async fn login_link(
    State(web): State<Web>,
    Caller(actor): Caller,
    MaybeSent(asked): MaybeSent<MakeLoginLink>,
) -> Result<(StatusCode, Json<LoginLinkView>), Problem> {
    let person = asked.person.map(|name| PersonName::parse("person", name)).transpose()?;
    let told = told(&web, &actor, person.as_ref()).await?;
    let link = web.engine.make_login_link(&actor, person).await?;
    let url = format!("{}/login/{}", web.base_url(), link.secret.expose_secret());
    Ok((StatusCode::CREATED, Json(LoginLinkView { url, until: link.until, told })))
}

/// The person who vouches for a token that this actor makes or takes over: itself, or who vouches for its own token.
fn voucher(conn: &rusqlite::Connection, actor: &Actor) -> Result<Option<String>, StoreError> {
    match actor {
        Actor::Person { name, .. } => Ok(Some(name.to_string())),
        Actor::Token { name, .. } => Ok(tokens::find_by_name(conn, name)?.and_then(|token| token.vouched_by)),
        Actor::Operator | Actor::Machine => Ok(None),
    }
}

impl TokenView {
    fn of(row: TokenRow, catalog: &Catalog) -> Self {
        let time = |millis: i64| Timestamp::from_millisecond(millis).ok();
        Self {
            orphaned: catalog.missing_voucher(&row).is_some(),
            person_gone: catalog.missing_person(&row).is_some(),
            name: row.name,
            role: row.role,
            person: row.person,
            services: row.services,
            created_by: row.created_by,
            vouched_by: row.vouched_by,
            created_at: time(row.created_at),
            expires_at: row.expires_at.and_then(time),
            revoked_at: row.revoked_at.and_then(time),
            last_used_at: row.last_used_at.and_then(time),
        }
    }
}

/// The tokens, newest first
///
/// A page of them. Where there is more, the header `Link` (RFC 8288) has the address of the next page, as `rel="next"`.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", params(ListPage),
    responses((status = 200, body = Vec<TokenView>, headers(("link" = String, description = "The next page")))))]
pub async fn list(
    State(web): State<Web>,
    Caller(actor): Caller,
    Asked(asked): Asked<ListPage>,
) -> Result<Response, Problem> {
    let page = Page::of(&asked, 't')?;
    let mut rows = views(&web, &actor, page.after, page.wanted()).await?;
    let link = page.cut(&mut rows, "/api/v1/tokens", |(id, _)| *id);
    let views: Vec<_> = rows.into_iter().map(|(_, view)| view).collect();
    Ok((link, Json(views)).into_response())
}

/// Tokens with their numbers, the newest first: those before one of them, so many at most.
pub(in crate::web) async fn views(
    web: &Web,
    actor: &Actor,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<(i64, TokenView)>, Problem> {
    actor.may(Right::Administer, None, false)?;
    let rows = web.engine.read(move |conn| tokens::page(conn, before, limit)).await?;
    let catalog = web.engine.catalog();
    Ok(rows.into_iter().map(|row| (row.id, TokenView::of(row, &catalog))).collect())
}

/// Take a token over: the caller vouches for it from now on
#[utoipa::path(post, path = "/api/v1/tokens/{name}/adopt", tag = "tokens", params(("name" = String, Path)),
    responses((status = 204)))]
pub async fn adopt(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
) -> Result<StatusCode, Problem> {
    take_over(&web, actor, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has an admin vouch for a token from now on.
pub(in crate::web) async fn take_over(web: &Web, actor: Actor, name: String) -> Result<(), Problem> {
    actor.may(Right::Administer, None, false)?;
    let (called, by) = (name.clone(), actor.clone());
    let adopted = web
        .engine
        .record(&actor, move |conn, now| {
            let token = tokens::find_by_name(conn, &name)?.filter(|token| token.is_live(now.as_millisecond()));
            let Some(token) = token else { return Ok((false, None)) };
            let vouched_by = voucher(conn, &by)?;
            if vouched_by == token.vouched_by {
                return Ok((true, None));
            }
            tokens::adopt(conn, token.id, vouched_by.as_deref())?;
            Ok((true, Some(Event::TokenAdopted { name, before: token.vouched_by })))
        })
        .await?;
    web.authenticator.forget();
    if adopted { Ok(()) } else { Err(no_token(web, called).await?) }
}

/// That there is no such token, and which was probably meant.
async fn no_token(web: &Web, name: String) -> Result<Problem, StoreError> {
    let now = web.engine.now().as_millisecond();
    let live: Vec<_> = web.engine.read(tokens::list).await?.into_iter().filter(|token| token.is_live(now)).collect();
    let near = meant(&name, live.iter().map(|token| token.name.as_str())).map(ToOwned::to_owned);
    Ok(Refusal::from(Cause::NoToken { name, near }).into())
}

/// Revoke a token
#[utoipa::path(delete, path = "/api/v1/tokens/{name}", tag = "tokens", params(("name" = String, Path)),
    responses((status = 204)))]
pub async fn revoke(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
) -> Result<StatusCode, Problem> {
    end(&web, actor, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes a token.
pub(in crate::web) async fn end(web: &Web, actor: Actor, name: String) -> Result<(), Problem> {
    actor.may(Right::Administer, None, false)?;
    let called = name.clone();
    let revoked = web
        .engine
        .record(&actor, move |conn, now| {
            let row = tokens::revoke(conn, &name, now.as_millisecond())?;
            let event = row.is_some().then_some(Event::TokenRevoked { name });
            Ok((row.is_some(), event))
        })
        .await?;
    web.authenticator.forget();
    if revoked { Ok(()) } else { Err(no_token(web, called).await?) }
}
