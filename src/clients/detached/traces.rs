//! What runs leave on a host for those who come after them: whose traces a run may meet, and whose it met.

use super::Prepared;

/// Whose traces [`super::prepare`] may find.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The run is on record as prepared: its own steps may have begun.
    pub prepared: bool,
    /// The tokens of earlier runs of this installation in the same place.
    pub vouched: &'a [String],
}

/// What [`super::prepare`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Whether the directory is new.
    pub made: Prepared,
    /// The run that held the place before, if it was another one.
    pub former: Option<String>,
    /// Who was turned away there since the last look.
    pub turned_away: Option<TurnedAway>,
}

/// A process that a host turned away, because a run of another copy of its database works there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnedAway {
    /// Its run.
    pub token: String,
    /// Its number.
    pub generation: u64,
    /// Its word.
    pub process: String,
}

impl TurnedAway {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (token, generation, process) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        Some(Self { token: token.to_owned(), generation, process: process.to_owned() })
    }
}
