//! What an environment of a service runs: a fact of its own, changed only by runs that ended.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::env::Env;
use super::ids::{HostName, RunId};
use super::position::Positions;
use super::reason::Reason;
use super::release::Release;
use super::run_name::RunName;
use super::service::Service;
use super::status::Status;
use super::version::Version;

/// The facts about one environment of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentState {
    /// Which.
    pub kind: Env,
    /// What it runs, if anything was ever brought there.
    pub current: Option<Version>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What a run that did not end well left half-way.
    pub mixed: Option<Mixed>,
    /// Hosts that did not answer when they were to be taken back: what they run is not known until a run has brought
    /// them to where they belong.
    pub left: BTreeMap<HostName, LeftHost>,
    /// Migrations that had begun on a host when it stopped answering: how they ended is asked when a run next comes there.
    pub unseen: Vec<UnseenStep>,
    /// A rollback failed: nothing more is deployed here until an admin has looked.
    pub dirty: Option<Dirty>,
    /// Nothing is deployed here until an admin unlocks.
    pub lock: Option<Lock>,
    /// What it runs is not known: nothing is deployed here until an admin says it (`settle`).
    pub unknown: Option<UnknownState>,
    /// Runs with a lower number that hosts name as the last ones here are taken for this installation's own, whether
    /// they are on record or not: an admin has said what the environment runs since.
    pub vouched_below: RunId,
    /// Other installations of RMM whose runs were found here, and the highest number of those. Unless the environment is
    /// unknown, an admin has said since that they are gone.
    pub others: BTreeMap<String, RunId>,
}

/// Why it is not known what an environment runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownState {
    /// A sentence.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
}

/// Another RMM was met that works with a copy of this database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnotherCopy {
    /// How it showed, a sentence.
    pub reason: Reason,
    /// When it was met first.
    pub since: Timestamp,
}

/// What a run that did not end well left half-way between two releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mixed {
    /// The newer of the two: the one that is to be left.
    pub newer: Version,
    /// The one to go back to.
    pub older: Version,
    /// Where each touched surface stands between them; the others stand at the older one.
    pub surfaces: Positions,
}

/// A failed rollback: the environment needs repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dirty {
    /// The run that failed.
    pub run: RunId,
    /// What the environment must run to be repaired; what an older RMM has noted lacks it.
    #[serde(default)]
    pub to: Option<Version>,
    /// A sentence.
    pub reason: Reason,
}

/// A host that did not answer, so that a run went on without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftHost {
    /// The run that went on.
    pub run: RunId,
    /// The newer of the two versions that it may run.
    pub newer: Version,
    /// Since when.
    pub since: Timestamp,
    /// What was heard of it last, a sentence.
    pub reason: Reason,
    /// An admin has given it up.
    #[serde(default)]
    pub given_up: bool,
    /// Unseen steps there, of rows from before they were noted with the environment: the run, and the index in it.
    #[serde(default, rename = "unfinished", skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<(RunId, u32)>,
}

/// Hosts of an environment that were left behind: they may run something else than the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stragglers {
    /// What the others run.
    pub runs: Version,
    /// Which hosts.
    pub hosts: Vec<HostName>,
    /// What they may still run, as far as that is something else.
    pub may_run: Vec<Version>,
}

impl Stragglers {
    /// Those that matter to who reads about a release: production went back from it, or runs it.
    #[must_use]
    pub fn of(release: &Release, production: &EnvironmentState, service: &Service) -> Option<Self> {
        let found = production.stragglers(&service.hosts_in(production.kind))?;
        let went_back =
            release.status == Status::RollbackDone && found.may_run.iter().any(|version| version.release == release.id);
        let is_there = release.status == Status::Deployed && found.runs.release == release.id;
        (went_back || is_there).then_some(found)
    }
}

/// A step whose end is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnseenStep {
    /// Where it is.
    pub host: HostName,
    /// Its run.
    pub run: RunId,
    /// Its index there.
    pub step: u32,
}

/// A lock on production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Why.
    pub reason: Reason,
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
}

impl EnvironmentState {
    /// An environment that nothing was ever brought to.
    #[must_use]
    pub const fn new(kind: Env) -> Self {
        Self {
            kind,
            current: None,
            since: None,
            mixed: None,
            left: BTreeMap::new(),
            unseen: Vec::new(),
            dirty: None,
            lock: None,
            unknown: None,
            vouched_below: RunId(0),
            others: BTreeMap::new(),
        }
    }

    /// The hosts that were left behind. One that was given up, and that is not `configured` any more, is no host of it.
    #[must_use]
    pub fn stragglers(&self, configured: &[HostName]) -> Option<Stragglers> {
        let runs = self.current.clone()?;
        let (mut hosts, mut may_run) = (Vec::new(), Vec::new());
        for (host, left) in self.left.iter().filter(|(host, left)| !left.given_up || configured.contains(host)) {
            hosts.push(host.clone());
            if left.newer.release != runs.release && !may_run.contains(&left.newer) {
                may_run.push(left.newer.clone());
            }
        }
        (!hosts.is_empty()).then_some(Stragglers { runs, hosts, may_run })
    }

    /// Whether a run of another installation, which a host names as the last one here, is over for good.
    #[must_use]
    pub fn is_gone(&self, token: &str) -> bool {
        let last = self.others.get(RunName::installation(token));
        self.unknown.is_none() && last.is_some_and(|last| RunName::number(token) <= *last)
    }
}
