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
    /// Steps of other runs that were still at work there and have been ended: the run's token and the step's key.
    pub ended: Vec<(String, String)>,
}

impl Ready {
    pub(super) fn parse(made: Prepared, sentence: &str) -> Self {
        let mut parts = sentence.split(';').map(str::trim);
        let former = parts.next().filter(|former| !former.is_empty()).map(ToOwned::to_owned);
        let turned_away = parts.next().and_then(TurnedAway::parse);
        Self { made, former, turned_away, ended: steps(parts.next().unwrap_or_default()) }
    }
}

/// Steps as the script names them: `TOKEN/KEY`, with spaces between them.
pub(super) fn steps(text: &str) -> Vec<(String, String)> {
    let steps = text.split_whitespace().filter_map(|step| step.split_once('/'));
    steps.map(|(run, key)| (run.to_owned(), key.to_owned())).collect()
}

/// The run that was the last one in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// Its token, if there was one.
    pub token: Option<String>,
    /// How many steps are at work there, whichever run's.
    pub at_work: u64,
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
