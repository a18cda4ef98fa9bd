//! What runs leave on a host for later runs: whose traces a run may meet, and whose it met.

use super::Prepared;

/// Whose traces [`super::prepare`] may find.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The run is on record as prepared: its own steps may have begun.
    pub prepared: bool,
    /// The tokens of earlier runs in the same place.
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
    /// The processes that have had the run so far, this one among them.
    pub processes: Vec<(u64, String)>,
}

impl Ready {
    pub(super) fn parse(made: Prepared, sentence: &str) -> Self {
        let mut parts = sentence.split(';').map(str::trim);
        let mut next = || parts.next().unwrap_or_default();
        let former = Some(next()).filter(|former| !former.is_empty()).map(ToOwned::to_owned);
        let turned_away = TurnedAway::parse(next());
        let ended = steps(next());
        Self { made, former, turned_away, ended, processes: next().split(',').filter_map(process).collect() }
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

/// The run or process that has a place which another one had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Successor {
    /// A process has taken the same run over: its number and its word.
    Process(u64, String),
    /// Another run works there.
    Run(String),
    /// The host does not say.
    Nameless,
}

impl Successor {
    pub(super) fn parse(text: &str) -> Self {
        match process(text) {
            Some((generation, word)) => Self::Process(generation, word),
            None if text.is_empty() || text.contains(' ') => Self::Nameless,
            None => Self::Run(text.to_owned()),
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Process(generation, word) => format!("{generation} {word}"),
            Self::Run(token) => token.clone(),
            Self::Nameless => String::new(),
        }
    }
}

/// `GENERATION PROCESS`. Those of former times have no word.
fn process(text: &str) -> Option<(u64, String)> {
    let (generation, word) = text.split_once(' ')?;
    (!word.is_empty()).then_some((generation.parse().ok()?, word.to_owned()))
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
    /// By whom, if it has heard of that: then it is alive.
    pub by: Option<Successor>,
}

impl TurnedAway {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, ' ');
        let (token, generation, process) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        let by = words.next().map(Successor::parse);
        Some(Self { token: token.to_owned(), generation, process: process.to_owned(), by })
    }
}
