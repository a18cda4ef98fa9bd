//! A refusal: a command that the rules do not allow, told so that a person can act on it. Not an error.

use super::cause::{Cause, Code};
use super::gate::facts::Gate;
use super::rule::Invalid;

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// What is in the way.
    pub cause: Box<Cause>,
    /// What would be legal now, as names of commands.
    pub legal: Vec<&'static str>,
    /// The gates that are not met, for [`Cause::GatesUnmet`].
    pub unmet: Vec<Gate>,
}

impl Refusal {
    /// Adds the moves that would be legal.
    #[must_use]
    pub fn legal(mut self, moves: impl IntoIterator<Item = &'static str>) -> Self {
        self.legal = moves.into_iter().collect();
        self
    }

    /// The field that breaks a rule, for [`Cause::Invalid`].
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        if let Cause::Invalid(invalid) = &*self.cause { Some(&invalid.field) } else { None }
    }
}

impl From<Cause> for Refusal {
    fn from(cause: Cause) -> Self {
        Self { code: cause.code(), cause: Box::new(cause), legal: Vec::new(), unmet: Vec::new() }
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Cause::Invalid(invalid).into()
    }
}
