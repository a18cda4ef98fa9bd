//! What the demo knows of RMM, from its events alone: it takes each piece of news in and puts it into words.
//!
//! Pure: prints nothing, asks no service.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::api::News;
use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::run::RunKind;
use crate::domain::status::Status;
use crate::domain::version::Version;
use crate::wording::{english, on_record};

/// Lines of output that are remembered for the live view.
const TAIL: usize = 3;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Well.
    Good,
    /// Badly.
    Bad,
    /// Under way.
    Busy,
    /// Not yet.
    Open,
    /// There is nothing to do.
    Skipped,
    /// Neither well nor badly.
    Note,
    /// Printed by a step.
    Output,
}

impl Mark {
    /// The sign for it.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Busy => "●",
            Self::Open => "○",
            Self::Skipped => "–",
            Self::Note => "·",
            Self::Output => "│",
        }
    }
}

/// A sentence about something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// How good it is.
    pub mark: Mark,
    /// The sentence.
    pub text: String,
    /// The live view shows it by other means.
    pub detail: bool,
}

impl Fact {
    /// A fact that is always told.
    pub fn new(mark: Mark, text: impl Into<String>) -> Self {
        Self { mark, text: text.into(), detail: false }
    }

    /// A fact for those who read everything.
    pub fn detail(mark: Mark, text: impl Into<String>) -> Self {
        Self { mark, text: text.into(), detail: true }
    }
}

/// A release as the events tell it.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its tag.
    pub tag: String,
    /// Every status it has been in.
    pub path: Vec<Status>,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// Who has approved it.
    pub approved_by: Vec<String>,
    /// It was the first.
    pub nothing_to_rehearse: bool,
}

impl Card {
    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.path.last().copied().unwrap_or(Status::Initiated)
    }

    /// The life cycle as stations.
    #[must_use]
    pub fn stations(&self) -> Vec<(&'static str, Mark)> {
        let [mut stage, mut rehearsal, mut approvals, mut production] = [Mark::Open; 4];
        let mut rollback = None;
        let rehearsed = if self.nothing_to_rehearse { Mark::Skipped } else { Mark::Good };
        for status in &self.path {
            match status {
                Status::Initiated | Status::Cancelled => {}
                Status::StageBuilding => stage = Mark::Busy,
                Status::StageBuildingFailed => stage = Mark::Bad,
                Status::StageTestRollback => (stage, rehearsal) = (Mark::Good, Mark::Busy),
                Status::StageTestRollbackFailed => rehearsal = Mark::Bad,
                Status::ManualTesting => (stage, rehearsal, approvals) = (Mark::Good, rehearsed, Mark::Busy),
                Status::ManualTestFailed => approvals = Mark::Bad,
                Status::ManualTestPassed => approvals = Mark::Good,
                Status::Deploying => (approvals, production) = (Mark::Good, Mark::Busy),
                Status::Deployed => production = Mark::Good,
                Status::ProductionRollback => {
                    production = if production == Mark::Good { Mark::Good } else { Mark::Bad };
                    rollback = Some(Mark::Busy);
                }
                Status::RollbackDone => rollback = Some(Mark::Good),
                Status::RollbackFailed => rollback = Some(Mark::Bad),
            }
        }
        let mut all =
            vec![("stage", stage), ("rehearsal", rehearsal), ("approvals", approvals), ("production", production)];
        all.extend(rollback.map(|mark| ("rollback", mark)));
        all
    }
}

/// A run as the events tell it.
#[derive(Debug, Clone)]
pub struct RunCard {
    /// Where.
    pub environment: Env,
    /// What it does, in words.
    pub title: String,
    /// Names of the steps that have begun.
    pub steps: Vec<String>,
    /// When its first step started.
    pub since: Option<Timestamp>,
    /// It has not ended.
    pub live: bool,
    /// A line of output whose end has not come yet.
    line: String,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub struct Board {
    /// The releases by number.
    pub releases: BTreeMap<i64, Card>,
    /// The runs by number.
    pub runs: BTreeMap<i64, RunCard>,
    /// What runs where.
    pub environments: BTreeMap<Env, Version>,
    /// The last lines of output.
    pub tail: VecDeque<String>,
}

impl Board {
    /// The tag that an environment runs.
    #[must_use]
    pub fn runs_tag(&self, environment: Env) -> Option<String> {
        self.environments.get(&environment).map(name)
    }

    /// The run that is under way, production first.
    #[must_use]
    pub fn live_run(&self) -> Option<&RunCard> {
        let live = || self.runs.values().filter(|run| run.live);
        live().find(|run| run.environment == Env::Production).or_else(|| live().next())
    }

    /// Takes a piece of news in, and says what it means.
    pub fn take(&mut self, news: &News) -> Vec<Fact> {
        match news {
            News::Printed { run, text } => self.printed(*run, text),
            News::Happened { at, release, run, actor, event } => {
                let facts = self.happened(*at, release.unwrap_or(0), run.unwrap_or(0), actor.label(), event);
                facts.into_iter().collect()
            }
        }
    }

    fn printed(&mut self, run: i64, text: &str) -> Vec<Fact> {
        let Some(run) = self.runs.get_mut(&run) else { return Vec::new() };
        run.line.push_str(text);
        let mut facts = Vec::new();
        while let Some(end) = run.line.find('\n') {
            let line: String = run.line.drain(..=end).filter(|c| !c.is_control()).collect();
            if line.trim().is_empty() {
                continue;
            }
            facts.push(Fact::detail(Mark::Output, line.clone()));
            self.tail.push_back(line);
        }
        while self.tail.len() > TAIL {
            self.tail.pop_front();
        }
        facts
    }

    fn happened(&mut self, at: Timestamp, release: i64, run: i64, who: &str, event: &Event) -> Option<Fact> {
        let title = |board: &Self| match board.releases.get(&release) {
            Some(card) => format!("#{release} {}", card.tag),
            None => format!("#{release}"),
        };
        match event {
            Event::ReleaseCreated { tag, initiated_by, .. } => {
                let tag = tag.as_ref().map(ToString::to_string).unwrap_or_default();
                let card = Card {
                    tag,
                    path: vec![Status::Initiated],
                    reason: None,
                    approved_by: Vec::new(),
                    nothing_to_rehearse: false,
                };
                self.releases.insert(release, card);
                let by = if initiated_by == who { String::new() } else { format!(", started by {initiated_by}") };
                Some(Fact::new(Mark::Note, format!("{who} creates the release {}{by}", title(self))))
            }
            Event::CommitResolved { commit } => Some(Fact::detail(
                Mark::Note,
                format!("{} is commit {}, says the repository; from now on that is fixed", title(self), commit.short()),
            )),
            Event::ReleaseMoved { from, to, reason, .. } => {
                let card = self.releases.get_mut(&release)?;
                card.path.push(*to);
                card.reason = reason.as_ref().map(english);
                Some(Fact { mark: mark_of(*from, *to), text: format!("{}: {to}", title(self)), detail: false })
            }
            Event::NothingToRehearse { .. } => {
                self.releases.get_mut(&release)?.nothing_to_rehearse = true;
                Some(Fact::new(
                    Mark::Skipped,
                    format!("{} has nothing to go back to yet: no rehearsal, and the record says so", title(self)),
                ))
            }
            Event::ReleaseApproved { person, progress, .. } => {
                self.releases.get_mut(&release)?.approved_by.push(person.to_string());
                Some(Fact::new(Mark::Good, format!("{person} approves {} ({progress})", title(self))))
            }
            Event::RunCreated { environment, kind, from, to } => {
                let card = RunCard {
                    environment: *environment,
                    title: run_title(*kind, from.as_ref(), to),
                    steps: Vec::new(),
                    since: None,
                    live: true,
                    line: String::new(),
                };
                self.runs.insert(run, card);
                None
            }
            Event::RunStarted { environment, .. } => {
                self.tail.clear();
                let card = self.runs.get_mut(&run)?;
                card.since = Some(at);
                Some(Fact::detail(Mark::Busy, format!("{environment}: {} begins (run {run})", card.title)))
            }
            Event::StepStarted { name, .. } => {
                self.runs.get_mut(&run)?.steps.push(name.replace('_', " "));
                None
            }
            Event::StepEnded { .. }
            | Event::RunWaiting { .. }
            | Event::NothingTells { .. }
            | Event::TokenCreated { .. }
            | Event::LoginLinkMade { .. }
            | Event::SignedIn { .. }
            | Event::SessionEnded { .. } => None,
            Event::RunEnded { environment, state, reason, .. } => {
                let card = self.runs.get_mut(&run)?;
                card.live = false;
                let took = card.since.map(|since| at.duration_since(since).as_secs_f64()).unwrap_or_default();
                let (mark, how) = match reason {
                    None if state == "succeeded" => (Mark::Good, format!("in {took:.1} s ({})", card.steps.join(", "))),
                    None => (Mark::Bad, state.clone()),
                    Some(reason) => (Mark::Bad, format!("{state}: {}", english(reason))),
                };
                Some(Fact::new(mark, format!("{environment}: {} {how}", card.title)))
            }
            Event::EnvironmentChanged { environment, version } => {
                self.environments.insert(*environment, version.clone());
                Some(Fact::detail(Mark::Note, format!("{environment} runs {} now", name(version))))
            }
            Event::EnvironmentDirty { environment, reason } => {
                Some(Fact::new(Mark::Bad, format!("{environment} needs repair: {}", english(reason))))
            }
            Event::ProductionLocked { reason } => {
                Some(Fact::new(Mark::Note, format!("production is locked: {}", english(reason))))
            }
            Event::InitiatorProven { .. }
            | Event::ReleaseRetried { .. }
            | Event::ReleaseUpdated { .. }
            | Event::ReleasePromoted {}
            | Event::CommitUnresolved { .. }
            | Event::TagMoved { .. }
            | Event::HandWorkFound { .. }
            | Event::ReleaseRejected { .. }
            | Event::GatesBypassed { .. }
            | Event::RehearsalStale { .. }
            | Event::WorkflowStarted { .. }
            | Event::RunStopping { .. }
            | Event::RunResolved { .. }
            | Event::HostLeftBehind { .. }
            | Event::HostCaughtUp { .. }
            | Event::HostGivenUp { .. }
            | Event::EarlierStepsEnded { .. }
            | Event::MigrationFoundDone { .. }
            | Event::EnvironmentRepaired { .. }
            | Event::EnvironmentUnknown { .. }
            | Event::EnvironmentSettled { .. }
            | Event::ForeignRunFound { .. }
            | Event::ServiceRenamed { .. }
            | Event::ServiceDefined { .. }
            | Event::ServiceRemoved { .. }
            | Event::ServiceMovedToFile { .. }
            | Event::DatabaseRestored { .. }
            | Event::RecordAlarmRaised { .. }
            | Event::RecordAlarmAcknowledged { .. }
            | Event::RecordKeyRotated {}
            | Event::ClockJumped { .. }
            | Event::ProductionUnlocked {}
            | Event::ReportRefused { .. }
            | Event::TokenAdopted { .. }
            | Event::TokenRevoked { .. }
            | Event::HostKeySeen { .. }
            | Event::HostKeyChanged { .. }
            | Event::HostKeyRestored { .. }
            | Event::HostTrusted { .. }
            | Event::TelegramClaimed { .. }
            | Event::TelegramConfirmed { .. }
            | Event::TelegramRefused { .. }
            | Event::BackupMade { .. }
            | Event::AlertSilenced { .. } => {
                // No part of the story; told all the same, because it happened.
                let (kind, data) = event.clone().into_record(on_record);
                Some(Fact::new(Mark::Note, format!("{who}: {} {data}", kind.replace('_', " "))))
            }
        }
    }
}

fn mark_of(from: Status, to: Status) -> Mark {
    match to {
        Status::Initiated
        | Status::StageBuilding
        | Status::StageTestRollback
        | Status::ManualTesting
        | Status::Deploying => Mark::Busy,
        Status::ManualTestPassed | Status::Deployed | Status::RollbackDone => Mark::Good,
        Status::StageBuildingFailed
        | Status::StageTestRollbackFailed
        | Status::ManualTestFailed
        | Status::RollbackFailed
        | Status::Cancelled => Mark::Bad,
        Status::ProductionRollback if from == Status::Deployed => Mark::Busy,
        Status::ProductionRollback => Mark::Bad,
    }
}

fn name(version: &Version) -> String {
    version.tag.as_ref().map_or_else(|| version.to_string(), ToString::to_string)
}

fn run_title(kind: RunKind, from: Option<&Version>, to: &Version) -> String {
    let to = name(to);
    let from = from.map_or_else(|| "nothing".to_owned(), name);
    match kind {
        RunKind::Deploy => format!("deploy of {to}"),
        RunKind::Rehearsal => format!("rehearsal of the way from {to} back to {from} and forward again"),
        RunKind::Rollback => format!("rollback from {from} to {to}"),
        RunKind::Drill => format!("drill of {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stations(path: &[Status]) -> String {
        let card = Card {
            tag: "v1".into(),
            path: path.to_vec(),
            reason: None,
            approved_by: Vec::new(),
            nothing_to_rehearse: false,
        };
        card.stations().iter().map(|(name, mark)| format!("{}{name} ", mark.sign())).collect()
    }

    #[test]
    fn the_stations_follow_the_life_cycle() {
        use Status::{
            Deployed, Deploying, Initiated, ManualTestPassed, ManualTesting, ProductionRollback, RollbackDone,
            StageBuilding, StageTestRollback,
        };
        let way = [Initiated, StageBuilding, StageTestRollback, ManualTesting, ManualTestPassed, Deploying];
        assert_eq!(stations(&way[..3]), "✓stage ●rehearsal ○approvals ○production ");
        assert_eq!(stations(&way), "✓stage ✓rehearsal ✓approvals ●production ");
        let failed = [&way[..], &[ProductionRollback]].concat();
        assert_eq!(stations(&failed), "✓stage ✓rehearsal ✓approvals ✗production ●rollback ");
        let taken_back = [&way[..], &[Deployed, ProductionRollback, RollbackDone]].concat();
        assert_eq!(stations(&taken_back), "✓stage ✓rehearsal ✓approvals ✓production ✓rollback ");
    }
}
