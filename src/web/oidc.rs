//! Workflows of GitHub that call with an id token (OpenID Connect) instead of a token of RMM: what they are answered, and which run of
//! CI they speak for.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::Web;
use super::problem::Problem;
use crate::contract::{CreatingRun, ReportingRun};
use crate::domain::identity::ProvenRun;
use crate::domain::text::{is_same_name, prose_line};
use crate::domain::world::People;
use crate::engine::identity::Unproven;
use crate::wording::Language;

/// When it makes sense to show a token again whose issuer does not answer, in seconds.
const ISSUER_PAUSE: u64 = 60;

impl From<Unproven> for Problem {
    fn from(unproven: Unproven) -> Self {
        match unproven {
            Unproven::Fault(fault) => {
                Self::new(StatusCode::UNAUTHORIZED, "oidc_refused", Language::En.id_token(&fault))
            }
            Unproven::Away { issuer } => {
                let sentence = format!(
                    "{issuer} does not give its keys now, so the id token cannot be checked; try again with a new one"
                );
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "oidc_unavailable", sentence).retry_after(ISSUER_PAUSE)
            }
            Unproven::AskLater { issuer } => {
                let sentence = format!(
                    "the id token is signed with a key that {issuer} did not have when RMM asked a moment ago, and it is asked once a \
                     minute; try again with a new id token"
                );
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "oidc_unavailable", sentence).retry_after(ISSUER_PAUSE)
            }
            Unproven::Store(error) => error.into(),
        }
    }
}

/// The run of CI that calls, where it has proven which one it is. To be asked for behind the caller.
#[derive(Debug, Clone, Default)]
pub struct Run(Option<ProvenRun>);

impl From<ProvenRun> for Run {
    fn from(run: ProvenRun) -> Self {
        Self(Some(run))
    }
}

impl FromRequestParts<Web> for Run {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

impl Run {
    /// The run that creates: the proven one, with what else was sent of it; without a proof the one that was sent.
    ///
    /// # Errors
    /// When another run was sent than the one that was proven.
    pub fn creating(self, sent: Option<CreatingRun>) -> Result<Option<CreatingRun>, Problem> {
        let Some(run) = self.0 else { return Ok(sent) };
        check(&run, sent.as_ref().map(|sent| (sent.id.as_str(), sent.attempt)))?;
        let (url, git_ref) = sent.map_or((None, None), |sent| (sent.url, sent.git_ref));
        Ok(Some(CreatingRun { id: run.id, attempt: Some(run.attempt), url, git_ref: run.git_ref.or(git_ref) }))
    }

    /// The login that has started it, where that is proven.
    pub fn actor(&self) -> Option<String> {
        self.0.as_ref()?.actor.clone()
    }

    /// Who has started it: the login that the id token names, and what was sent where it names none.
    ///
    /// # Errors
    /// When the body names another person than the token proves: people must not approve their own release under another name.
    pub fn initiator(&self, sent: String, people: &People) -> Result<String, Problem> {
        let Some(actor) = self.0.as_ref().and_then(|run| run.actor.clone()) else { return Ok(sent) };
        let told = prose_line(&sent, usize::MAX);
        let is_same = is_same_name(told.trim_start_matches('@'), &actor)
            || people.values().any(|person| person.is_called(&told) && person.is_called(&actor));
        if told.is_empty() || is_same {
            return Ok(actor);
        }
        let sentence = format!(
            "initiated_by is another one than the id token says, which is {actor}; leave it out: the id token counts"
        );
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "initiator_differs", sentence).field("initiated_by"))
    }

    /// The run that reports; as [`Run::creating`].
    ///
    /// # Errors
    /// Those of [`Run::creating`].
    pub fn reporting(self, sent: Option<ReportingRun>) -> Result<Option<ReportingRun>, Problem> {
        let Some(run) = self.0 else { return Ok(sent) };
        check(&run, sent.as_ref().map(|sent| (sent.id.as_str(), sent.attempt)))?;
        let url = sent.and_then(|sent| sent.url);
        Ok(Some(ReportingRun { id: run.id, attempt: Some(run.attempt), url }))
    }
}

fn check(run: &ProvenRun, sent: Option<(&str, Option<u32>)>) -> Result<(), Problem> {
    let Some((id, attempt)) = sent else { return Ok(()) };
    let (field, proven) = if id != run.id {
        ("ci_run.id", run.id.clone())
    } else if attempt.is_some_and(|attempt| attempt != run.attempt) {
        ("ci_run.attempt", run.attempt.to_string())
    } else {
        return Ok(());
    };
    let sentence =
        format!("{field} is another one than the id token says, which is {proven}; leave it out: the id token counts");
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "ci_run_differs", sentence).field(field))
}
