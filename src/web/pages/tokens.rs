//! Tokens: whose they are, what they may do, and when they were used last. A new one is shown once, in the answer to its form.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::fault::{Fault, Refused};
use super::frame::{Frame, When};
use super::tone::{self, Tone};
use super::viewer::{Signed, Viewer};
use super::words::release::{self, ReleaseWords};
use super::words::tokens::{self as words, Tokens};
use crate::contract::{CreateToken, TokenView, ToldView};
use crate::domain::person::{Actor, Right, Role};
use crate::domain::rule::{Invalid, Rule};
use crate::web::Web;
use crate::web::api::tokens;

struct TokenLine {
    name: String,
    role: String,
    owner: String,
    scope: String,
    made_by: String,
    made: Option<When>,
    used: Option<When>,
    until: Option<When>,
    tone: Tone,
    state: &'static str,
    /// It was not revoked and its time is not over.
    is_open: bool,
    /// No person vouches for it any more, and an admin may.
    is_orphaned: bool,
}

/// A token that was just made.
struct Made {
    name: String,
    secret: String,
    address: String,
    /// When the person for whom it speaks hears of it.
    told: Option<ToldView>,
}

#[derive(Template)]
#[template(path = "pages/tokens.html")]
struct TokensPage {
    frame: Frame,
    words: &'static Tokens,
    own: &'static ReleaseWords,
    made: Option<Made>,
    /// What was written into a form that was refused.
    draft: Draft,
    refused: Option<Refused>,
    roles: Vec<(&'static str, String)>,
    people: Vec<String>,
    services: Vec<String>,
    /// How long it may last: days, and in words.
    terms: [(&'static str, &'static str); 4],
    tokens: Vec<TokenLine>,
    /// The token before which there are older ones.
    older: Option<i64>,
    is_first: bool,
}

/// Tokens on a page.
const PAGE: u32 = 50;

/// Which tokens.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// Those made before this one.
    before: Option<i64>,
}

/// What the form for a new token says.
#[derive(Debug, Clone)]
struct Draft(Vec<(String, String)>);

impl Default for Draft {
    fn default() -> Self {
        Self(vec![("days".to_owned(), "90".to_owned())])
    }
}

impl Draft {
    fn all<'d>(&'d self, key: &str) -> impl Iterator<Item = &'d str> {
        let values = self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.trim());
        values.filter(|value| !value.is_empty())
    }

    fn first(&self, key: &str) -> &str {
        self.all(key).next().unwrap_or_default()
    }

    fn has(&self, key: &str, value: &str) -> bool {
        self.0.iter().any(|(name, given)| name == key && given == value)
    }
}

/// The tokens.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    page(&web, &viewer, asked.before, None, Draft::default(), None).await
}

async fn page(
    web: &Web,
    viewer: &Viewer,
    before: Option<i64>,
    made: Option<Made>,
    draft: Draft,
    refused: Option<Refused>,
) -> Result<Html<String>, Fault> {
    let (language, catalog) = (viewer.looks.language, web.engine.catalog());
    let words = words::of(language);
    // One more than is shown tells whether there are older ones.
    let mut tokens = tokens::views(web, &viewer.actor, before, PAGE + 1).await?;
    let more = tokens.len() > PAGE as usize;
    tokens.truncate(PAGE as usize);
    let roles = [Role::Ci, Role::Viewer, Role::Member, Role::Admin].map(Role::as_str);
    let page = TokensPage {
        frame: Frame::inside(viewer, "tokens", words.title),
        words,
        own: release::of(language),
        made,
        draft,
        refused,
        roles: roles.into_iter().map(|role| (role, language.role(role).to_owned())).collect(),
        people: catalog.people().keys().map(ToString::to_string).collect(),
        services: catalog.services().map(|service| service.name.to_string()).collect(),
        terms: [("30", words.in_30), ("90", words.in_90), ("365", words.in_365), ("", words.never)],
        older: tokens.last().filter(|_| more).map(|(id, _)| *id),
        is_first: before.is_none(),
        tokens: tokens.into_iter().map(|(_, token)| TokenLine::of(token, viewer)).collect(),
    };
    Ok(Html(page.render()?))
}

/// Makes a token, and shows it; a form that is refused is there again as it was.
pub(super) async fn make(
    State(web): State<Web>,
    Signed(viewer, fields): Signed<Vec<(String, String)>>,
) -> Result<Response, Fault> {
    viewer.actor.may(Right::Administer, None, false)?;
    let draft = Draft(fields);
    let fault = match new_token(&web, &viewer, &draft).await {
        Ok(made) => return Ok(page(&web, &viewer, None, Some(made), Draft::default(), None).await?.into_response()),
        Err(fault) => fault,
    };
    let told = fault.told(viewer.looks.language);
    if !told.is_for_its_form() {
        return Err(fault);
    }
    let refused = Refused::of(&told, &viewer.looks, None);
    Ok((told.status, page(&web, &viewer, None, None, draft, Some(refused)).await?).into_response())
}

async fn new_token(web: &Web, viewer: &Viewer, draft: &Draft) -> Result<Made, Fault> {
    let first = |key| draft.first(key);
    let role = serde_json::from_value(first("role").into()).map_err(|_| Invalid::new("role", Rule::RoleOfToken))?;
    let expires_at = match first("days") {
        "" => None,
        days => {
            let days = days.parse::<i32>().ok().filter(|days| (1..=3650).contains(days));
            let days = days.ok_or_else(|| Invalid::new("days", Rule::Between { least: 1, most: 3650 }))?;
            web.engine.now().checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()
        }
    };
    let new = CreateToken {
        name: first("name").to_owned(),
        role,
        services: draft.all("service").map(str::to_owned).collect(),
        person: draft.all("person").next().map(str::to_owned),
        expires_at,
    };
    let made = tokens::make(web, viewer.actor.clone(), new).await?;
    let address = format!("{}/api/v1/releases?limit=1", web.base_url());
    Ok(Made { name: made.name, secret: made.token, address, told: made.told })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    name: String,
}

/// Revokes a token.
pub(super) async fn revoke(State(web): State<Web>, Signed(viewer, which): Signed<Which>) -> Result<Redirect, Fault> {
    tokens::end(&web, viewer.actor, which.name).await?;
    Ok(Redirect::to("/tokens"))
}

/// Has the viewer vouch for a token.
pub(super) async fn adopt(State(web): State<Web>, Signed(viewer, which): Signed<Which>) -> Result<Redirect, Fault> {
    tokens::take_over(&web, viewer.actor, which.name).await?;
    Ok(Redirect::to("/tokens"))
}

impl TokenLine {
    fn of(token: TokenView, viewer: &Viewer) -> Self {
        let (looks, words) = (&viewer.looks, words::of(viewer.looks.language));
        let when = |at: Option<Timestamp>| at.map(|at| looks.when(at, viewer.now));
        let is_over = token.expires_at.is_some_and(|at| at <= viewer.now);
        let (tone, state) = if token.revoked_at.is_some() && !is_over {
            (tone::OFF, words.revoked)
        } else if is_over {
            (tone::OFF, words.expired)
        } else if token.person_gone {
            (tone::WARN, words.person_gone)
        } else if token.orphaned {
            (tone::WARN, words.orphaned)
        } else {
            (tone::OK, words.valid)
        };
        let is_open = token.revoked_at.is_none() && !is_over;
        Self {
            role: looks.language.role(&token.role).to_owned(),
            owner: token.person.or(token.vouched_by).unwrap_or_else(|| words.operator.to_owned()),
            scope: if token.services.is_empty() { words.all_services.to_owned() } else { token.services.join(", ") },
            made_by: if token.created_by == Actor::Operator.label() {
                words.operator.to_owned()
            } else {
                token.created_by
            },
            made: when(token.created_at),
            used: when(token.last_used_at),
            until: when(token.expires_at),
            tone,
            state,
            is_open,
            is_orphaned: is_open && token.orphaned,
            name: token.name,
        }
    }
}
