//! People: roles, what they approve, which accounts in Telegram are theirs or claim to be, and where they are signed in.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Redirect};
use serde::Deserialize;

use super::fault::Fault;
use super::frame::{Frame, When};
use super::viewer::{Signed, Viewer};
use super::words::people::{self as words, People};
use crate::contract::PersonView;
use crate::domain::ids::PersonName;
use crate::domain::person::{Right, Role};
use crate::store::sessions::SessionRow;
use crate::web::Web;
use crate::web::api::people;

struct Claim {
    number: i64,
    account: String,
    person: String,
    since: Option<When>,
}

struct PersonLine {
    name: String,
    role: String,
    approves: Vec<String>,
    /// The username or the number, and how it is known.
    telegram: Option<(String, String)>,
    github: Option<String>,
}

struct SessionLine {
    id: i64,
    /// Empty: the operator.
    person: String,
    who: String,
    device: String,
    address: String,
    began: When,
    seen: When,
    is_this: bool,
}

#[derive(Template)]
#[template(path = "pages/people.html")]
struct PeoplePage {
    frame: Frame,
    words: &'static People,
    claims: Vec<Claim>,
    people: Vec<PersonLine>,
    /// None: the viewer may not see them.
    sessions: Option<Vec<SessionLine>>,
}

/// The people.
pub(super) async fn show(State(web): State<Web>, viewer: Viewer) -> Result<Html<String>, Fault> {
    viewer.actor.may(Right::Read, None, false)?;
    let words = words::of(viewer.looks.language);
    let views = people::views(&web).await?;
    let frame = Frame::inside(&viewer, "people", words.title);
    let sessions = if frame.administers { Some(sessions(&web, &viewer).await?) } else { None };
    let page = PeoplePage {
        frame,
        words,
        claims: views.iter().flat_map(|person| Claim::all(person, &viewer)).collect(),
        people: views.into_iter().map(|person| PersonLine::of(person, &viewer)).collect(),
        sessions,
    };
    Ok(Html(page.render()?))
}

/// Where everybody is signed in.
async fn sessions(web: &Web, viewer: &Viewer) -> Result<Vec<SessionLine>, Fault> {
    let people: Vec<_> = web.engine.catalog().people().keys().cloned().map(Some).chain([None]).collect();
    let all = web.engine.sessions_of(people.clone()).await?;
    let line = |person: &Option<PersonName>, session: SessionRow| SessionLine {
        id: session.id,
        person: person.as_ref().map(ToString::to_string).unwrap_or_default(),
        who: person.as_ref().map_or_else(|| words::of(viewer.looks.language).operator.to_owned(), ToString::to_string),
        began: viewer.looks.when(session.began, viewer.now),
        seen: viewer.looks.when(session.seen, viewer.now),
        is_this: session.id == viewer.session,
        device: session.device,
        address: session.address,
    };
    let lines = people.iter().zip(all).flat_map(|(person, rows)| rows.into_iter().map(move |row| line(person, row)));
    Ok(lines.collect())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Account {
    /// The number of an account in Telegram.
    who: String,
}

/// Says that an account is who it claims to be.
pub(super) async fn confirm(State(web): State<Web>, Signed(viewer, said): Signed<Account>) -> Result<Redirect, Fault> {
    web.engine.settle_claim_of(&viewer.actor, &said.who, true).await?;
    Ok(Redirect::to("/people"))
}

/// Says that an account is not who it claims to be.
pub(super) async fn refuse(State(web): State<Web>, Signed(viewer, said): Signed<Account>) -> Result<Redirect, Fault> {
    web.engine.settle_claim_of(&viewer.actor, &said.who, false).await?;
    Ok(Redirect::to("/people"))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Elsewhere {
    /// Empty: the operator.
    person: String,
    session: i64,
    /// All sessions of that person, but for the viewer's own.
    every: Option<u8>,
}

/// Ends a session of any person, or of the operator.
pub(super) async fn sign_out(
    State(web): State<Web>,
    Signed(viewer, said): Signed<Elsewhere>,
) -> Result<Redirect, Fault> {
    viewer.actor.may(Right::Administer, None, false)?;
    let person = Some(said.person).filter(|name| !name.is_empty());
    let person = person.map(|name| PersonName::parse("person", name)).transpose()?;
    let ended = if said.every.is_some() {
        let sessions = web.engine.sessions_of(vec![person.clone()]).await?;
        sessions.into_iter().flatten().map(|session| session.id).filter(|id| *id != viewer.session).collect()
    } else {
        vec![said.session]
    };
    for session in ended {
        web.engine.end_session_of(&viewer.actor, person.clone(), session).await?;
    }
    Ok(Redirect::to("/people"))
}

impl Claim {
    fn all<'p>(person: &'p PersonView, viewer: &'p Viewer) -> impl Iterator<Item = Self> + 'p {
        person.claims.iter().map(|claim| Self {
            number: claim.telegram_id,
            account: match &claim.username {
                Some(username) => format!("{} (@{username}, {})", claim.name, claim.telegram_id),
                None => format!("{} ({})", claim.name, claim.telegram_id),
            },
            person: person.name.clone(),
            since: claim.since.map(|at| viewer.looks.when(at, viewer.now)),
        })
    }
}

impl PersonLine {
    fn of(person: PersonView, viewer: &Viewer) -> Self {
        let words = words::of(viewer.looks.language);
        let telegram = match (person.telegram_id, person.telegram, person.confirmed_by) {
            (Some(id), _, Some(by)) => Some((id.to_string(), format!("{} {by}", words.confirmed_by))),
            (Some(id), _, None) => Some((id.to_string(), words.in_file.to_owned())),
            (None, Some(username), _) => {
                let how = if person.claims.is_empty() { words.unclaimed } else { words.claimed };
                Some((format!("@{username}"), how.to_owned()))
            }
            (None, None, _) => None,
        };
        let role = person.role.known().map_or_else(|| person.role.to_string(), |role: Role| role.as_str().to_owned());
        Self {
            name: person.name,
            role: viewer.looks.language.role(&role).to_owned(),
            approves: person.approves,
            telegram,
            github: person.github,
        }
    }
}
