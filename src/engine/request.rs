//! What the engine is asked for, and what becomes of it.

use crate::domain::cause::Cause;
use crate::domain::command::{Answer, Command};
use crate::domain::ids::{ReleaseId, Revision, ServiceName};
use crate::domain::person::Actor;
use crate::domain::refusal::Refusal;
use crate::domain::release::Release;
use crate::domain::rule::Invalid;
use crate::store::{StoreError, WriteError};
use crate::wording::Language;

/// A command and who asks for it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who.
    pub actor: Actor,
    /// What.
    pub command: Command,
    /// The service, for commands that name neither a release nor a run.
    pub service: Option<ServiceName>,
    /// The trace that it belongs to.
    pub trace_id: Option<String>,
    /// The revision of the release that was seen; another one by now refuses the command.
    pub seen: Option<Revision>,
    /// The stored update of Telegram that asks for it: it counts as handled in the same transaction, whatever the
    /// outcome, and a command whose update has been handled already is not carried out.
    pub update: Option<i64>,
}

impl Request {
    /// A command about a release or a run.
    #[must_use]
    pub const fn new(actor: Actor, command: Command) -> Self {
        Self { actor, command, service: None, trace_id: None, seen: None, update: None }
    }

    /// A command about a service.
    #[must_use]
    pub fn about(actor: Actor, service: ServiceName, command: Command) -> Self {
        Self { service: Some(service), ..Self::new(actor, command) }
    }

    /// The same command, as a part of a trace.
    #[must_use]
    pub fn traced(self, trace_id: Option<String>) -> Self {
        Self { trace_id, ..self }
    }
}

/// What became of a command.
#[derive(Debug, Clone)]
pub struct Handled {
    /// The outcome.
    pub answer: Answer,
    /// The release that it was about, as it is now.
    pub release: Option<Release>,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The rules do not allow it.
    #[error("{}", Language::En.refusal(&.0.cause))]
    Refused(Refusal),
    /// The machine could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteError<StoreError>> for Failure {
    fn from(error: WriteError<StoreError>) -> Self {
        Self::Store(error.flatten())
    }
}

/// Who wants something that is no command about a release.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// The update of Telegram that asks for it: taken as handled in the same transaction, and carried out once.
    pub update: Option<i64>,
}

impl<'a> From<&'a Actor> for Asker<'a> {
    fn from(actor: &'a Actor) -> Self {
        Self { actor, update: None }
    }
}

/// The refusal of a command about a release that does not exist.
#[must_use]
pub fn no_release(id: ReleaseId) -> Refusal {
    Cause::NoRelease { release: id }.into()
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Refused(invalid.into())
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self::Refused(cause.into())
    }
}
