//! API tokens: made, listed, revoked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::domain::event::Event;
use crate::domain::ids::{Invalid, PersonName, ServiceName, one_line};
use crate::domain::person::{Right, Role};
use crate::engine::no_service;
use crate::store::tokens::{self, NewToken, TokenRow};
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::{Named, Sent};
use crate::web::problem::Problem;

/// A new token.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// What it is called; unique among those that are valid.
    pub name: String,
    /// What it may do at most.
    pub role: Role,
    /// The services it is limited to, beyond which it has no right; all without them.
    #[serde(default)]
    pub services: Vec<String>,
    /// The person it speaks for.
    #[serde(default)]
    pub person: Option<String>,
    /// When it stops being valid.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// The token, shown this once.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CreatedToken {
    name: String,
    /// Only its hash is kept.
    token: String,
}

/// Make a token
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = CreateToken, responses((status = 201, body = CreatedToken)))]
pub async fn create(
    State(web): State<Web>,
    Caller(actor): Caller,
    Sent(new): Sent<CreateToken>,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    actor.may(Right::Administer, None, false)?;
    one_line("name", &new.name, 100)?;
    if new.expires_at.is_some_and(|at| at <= web.engine.now()) {
        return Err(Invalid::new("expires_at", "must lie ahead: this token would be expired when it is made").into());
    }
    let catalog = web.engine.catalog();
    let mut services = Vec::new();
    for name in &new.services {
        let name = ServiceName::parse("services", name.as_str())?;
        catalog.service(&name).ok_or_else(|| no_service(&name))?;
        services.push(name.to_string());
    }
    if let Some(person) = &new.person {
        let person = PersonName::parse("person", person.as_str())?;
        let Some(known) = catalog.person(&person) else {
            return Err(Invalid::new("person", format!("there is no person {person} in the configuration")).into());
        };
        if new.role > known.role {
            let rule = format!("{person} is {}; a token that speaks for {person} cannot be more", known.role.as_str());
            return Err(Invalid::new("role", rule).into());
        }
        if new.role == Role::Ci {
            return Err(Invalid::new("role", "a token that speaks for a person is viewer, member or admin").into());
        }
        if !services.is_empty() {
            return Err(
                Invalid::new("services", "a token that speaks for a person cannot be limited to services").into()
            );
        }
    }
    let secret = tokens::new_secret()?;
    let shown = secret.expose_secret().to_owned();
    let created_by = actor.label().to_owned();
    let name = new.name.clone();
    let work = move |conn: &rusqlite::Connection, now: Timestamp| {
        let row = NewToken {
            name: &new.name,
            role: new.role.as_str(),
            person: new.person.as_deref(),
            services: &services,
            created_by: &created_by,
            expires_at: new.expires_at.map(Timestamp::as_millisecond),
        };
        match tokens::insert(conn, &row, secret.expose_secret(), now.as_millisecond()) {
            Ok(_) => Ok(((), Some(Event::TokenCreated { name: new.name.clone(), role: new.role.as_str().into() }))),
            Err(crate::store::StoreError::NameTaken { .. }) => Err(crate::engine::Failure::Refused(
                Invalid::new("name", format!("there is a valid token {} already; revoke it first", new.name)).into(),
            )),
            Err(error) => Err(error.into()),
        }
    };
    web.engine.record(&actor, work).await?;
    Ok((StatusCode::CREATED, Json(CreatedToken { name, token: shown })))
}

/// A token, without its secret.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TokenView {
    name: String,
    role: String,
    person: Option<String>,
    services: Vec<String>,
    created_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

impl From<TokenRow> for TokenView {
    fn from(row: TokenRow) -> Self {
        let time = |millis: i64| Timestamp::from_millisecond(millis).ok();
        Self {
            name: row.name,
            role: row.role,
            person: row.person,
            services: row.services,
            created_by: row.created_by,
            created_at: time(row.created_at),
            expires_at: row.expires_at.and_then(time),
            revoked_at: row.revoked_at.and_then(time),
            last_used_at: row.last_used_at.and_then(time),
        }
    }
}

/// The tokens
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = Vec<TokenView>)))]
pub async fn list(State(web): State<Web>, Caller(actor): Caller) -> Result<Json<Vec<TokenView>>, Problem> {
    actor.may(Right::Administer, None, false)?;
    let rows = web.engine.read(tokens::list).await?;
    Ok(Json(rows.into_iter().map(Into::into).collect()))
}

/// Revoke a token
#[utoipa::path(delete, path = "/api/v1/tokens/{name}", tag = "tokens", params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn revoke(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
) -> Result<StatusCode, Problem> {
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
    web.doorkeeper.forget();
    if revoked {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("there is no valid token {called}")))
    }
}
