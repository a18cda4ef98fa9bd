//! What a decision asks: answers of the snapshot, with what the decision has changed since.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::World;
use crate::domain::approval::{Verdict, Vote};
use crate::domain::command::RollbackTo;
use crate::domain::content::Content;
use crate::domain::env::Env;
use crate::domain::environment::EnvironmentState;
use crate::domain::gate::{self, Gate, GateName, Standing};
use crate::domain::ids::{Commit, PersonName, ReleaseId, RunId, Tag};
use crate::domain::release::{Bypass, Release};
use crate::domain::run::{Run, RunState};
use crate::domain::snapshot::{GoodAt, GoodVersion};
use crate::domain::status::Status;
use crate::domain::tally::Tally;

/// Of the releases that wait for stage, this many are looked at; the others wait behind them.
const FEW: u32 = 20;

impl World<'_> {
    /// A release of the service, if there is one of that number.
    #[must_use]
    pub fn find(&self, id: ReleaseId) -> Option<Arc<Release>> {
        self.memory.release(id)
    }

    /// A release of the service.
    ///
    /// # Panics
    /// If there is none of that number, which is a mistake in this program: what names it is on record.
    #[must_use]
    pub fn release(&self, id: ReleaseId) -> Arc<Release> {
        self.find(id).unwrap_or_else(|| unreachable!("there is no release {id}"))
    }

    /// A run of the service, if there is one of that number.
    #[must_use]
    pub fn find_run(&self, id: RunId) -> Option<Arc<Run>> {
        self.memory.run(id)
    }

    /// A run of the service.
    ///
    /// # Panics
    /// If there is none of that number, which is a mistake in this program: what names it is on record.
    #[must_use]
    pub fn run(&self, id: RunId) -> Arc<Run> {
        self.find_run(id).unwrap_or_else(|| unreachable!("there is no run {id}"))
    }

    /// The releases in a status that is on the way, by number. Of those that wait for stage, only the first few, unless the
    /// newest takes all others out.
    #[must_use]
    pub fn in_status(&self, status: Status) -> Vec<Arc<Release>> {
        let few = status == Status::Initiated && !self.service.supersede;
        let mut ids = self.memory.stored_in(status, if few { FEW } else { u32::MAX });
        ids.extend(&self.changes.releases);
        ids.into_iter().filter_map(|id| self.find(id)).filter(|release| release.status == status).collect()
    }

    /// The release that goes to stage next: the first of those that wait whose commit is known, and not
    /// denied by the repository.
    #[must_use]
    pub fn next_for_stage(&self) -> Option<Arc<Release>> {
        let can_go = |release: &Release| release.commit.is_some() && release.denied().is_none();
        let first = |of: Vec<Arc<Release>>| of.into_iter().find(|release| can_go(release));
        first(self.in_status(Status::Initiated)).or_else(|| {
            // Behind more than a few whose commits are unknown.
            let stored = self.memory.stored().first_with_commit()?;
            self.memory.read(stored).filter(|release| release.status == Status::Initiated && can_go(release))
        })
    }

    /// The newest active release of a tag, or without one of a commit.
    #[must_use]
    pub fn candidate(&self, tag: Option<&Tag>, commit: Option<&Commit>) -> Option<Arc<Release>> {
        let stored = self.memory.stored().candidate(tag, commit).and_then(|stored| self.memory.read(stored));
        let changed = self.changes.releases.iter().filter_map(|id| self.find(*id));
        let is_same = |release: &Arc<Release>| {
            release.status.is_active()
                && release.tag.as_ref() == tag
                && (tag.is_some() || commit.is_some() && release.commit.as_ref() == commit)
        };
        stored.into_iter().chain(changed).filter(is_same).max_by_key(|release| release.id)
    }

    /// The last release that a CI run has created.
    #[must_use]
    pub fn of_ci_run(&self, ci_run: &str) -> Option<Arc<Release>> {
        self.memory.stored().of_ci_run(ci_run).and_then(|stored| self.memory.read(stored))
    }

    /// Whether a CI run has created a release of another service.
    #[must_use]
    pub fn is_ci_run_elsewhere(&self, ci_run: &str) -> bool {
        self.memory.stored().is_ci_run_elsewhere(ci_run)
    }

    /// The votes on a release in its current attempt.
    #[must_use]
    pub fn votes(&self, release: &Release) -> Arc<Vec<Vote>> {
        self.memory.votes(release)
    }

    /// The facts about an environment.
    ///
    /// # Panics
    /// If the service does not have it.
    #[must_use]
    pub fn environment(&self, env: Env) -> &EnvironmentState {
        &self.environments[&env]
    }

    /// The facts about stage.
    #[must_use]
    pub fn stage(&self) -> &EnvironmentState {
        self.environment(Env::Stage)
    }

    /// The facts about production.
    #[must_use]
    pub fn production(&self) -> &EnvironmentState {
        self.environment(Env::Production)
    }

    /// The environments for which a release waits until an admin says what they run.
    pub fn to_settle(&self, release: &Release) -> impl Iterator<Item = Env> {
        let (id, status) = (release.id, release.status);
        let waits = move |state: &&EnvironmentState| match state.kind {
            _ if state.unknown.is_none() => false,
            Env::Preview(of) => of == id && status.is_active(),
            Env::Stage => status.is_active() && !matches!(status, Status::Deploying | Status::ProductionRollback),
            Env::Production => status.is_active() || status == Status::Deployed,
        };
        self.environments.values().filter(waits).map(|state| state.kind)
    }

    /// The runs of a release about which an admin has to say what became of them, because they hold an environment or have
    /// left it in between.
    pub fn to_resolve(&self, release: &Release) -> impl Iterator<Item = RunId> {
        let of = release.id;
        let known = self.environments.values().filter(|state| state.unknown.is_none());
        let runs = known.filter_map(|state| {
            let lost = |run: &Arc<Run>| matches!(run.state, RunState::Unknown { .. });
            let lost = self.occupying_run(state.kind).filter(lost).map(|run| run.id);
            lost.or_else(|| state.dirty.as_ref().map(|dirty| dirty.run))
        });
        runs.filter(move |run| self.find_run(*run).is_some_and(|run| run.release == of))
    }

    /// What a release would bring now.
    #[must_use]
    pub fn content(&self, release: &Release) -> Content {
        release.content(&self.definition)
    }

    /// The runs that hold an environment.
    pub fn occupying(&self) -> impl Iterator<Item = Arc<Run>> {
        let ids: BTreeSet<_> = self.memory.stored_occupying().union(&self.changes.runs).copied().collect();
        ids.into_iter().filter_map(|id| self.find_run(id)).filter(|run| run.state.occupies())
    }

    /// The run that holds an environment.
    #[must_use]
    pub fn occupying_run(&self, environment: Env) -> Option<Arc<Run>> {
        self.occupying().find(|run| run.environment == environment)
    }

    /// The last run in an environment.
    #[must_use]
    pub fn last_run(&self, environment: Env) -> Option<Arc<Run>> {
        let changed = self.changes.runs.iter().filter_map(|id| self.find_run(*id));
        let here = changed.filter(|run| run.environment == environment);
        here.chain(self.memory.last_run(environment)).max_by_key(|run| run.id)
    }

    /// The last run of a release in an environment.
    #[must_use]
    pub fn last_run_of(&self, release: ReleaseId, environment: Env) -> Option<Arc<Run>> {
        let changed = self.changes.runs.iter().filter_map(|id| self.find_run(*id));
        let here = changed.filter(|run| (run.release, run.environment) == (release, environment));
        here.chain(self.memory.last_run_of(release, environment)).max_by_key(|run| run.id)
    }

    /// How the vote on a release stands, under the rule as it is now.
    #[must_use]
    pub fn tally(&self, release: &Release) -> Tally {
        Tally::count(&self.service.approvals, release, &self.votes(release), &self.definition, |name| {
            self.people.get(name)
        })
    }

    /// How a release stands before production.
    #[must_use]
    pub fn standing(&self, id: ReleaseId) -> Standing {
        let release = self.release(id);
        let gates = if release.status.is_cancellable() { gate::explain(self, &release) } else { Vec::new() };
        let worth = |gate: &Gate| gate.remedy.is_some();
        Standing { tally: self.tally(&release), gates: gates.into_iter().filter(worth).collect() }
    }

    /// People who have approved the release when it would have brought something else, and not again since.
    #[must_use]
    pub fn approved_something_else(&self, release: &Release) -> Vec<PersonName> {
        let (votes, brought) = (self.votes(release), LazyCell::new(|| release.brought(&self.definition)));
        let void = votes
            .iter()
            .filter(|vote| vote.attempt == release.attempt && vote.verdict == Verdict::Approved)
            .filter(|vote| !vote.is_about(release, &brought));
        void.map(|vote| vote.person.clone()).collect()
    }

    /// The commit of a release that people have let pass before it was known.
    #[must_use]
    pub fn learned_after_votes(&self, release: &Release) -> Option<Commit> {
        let is_early = |vote: &Vote| {
            (vote.attempt, vote.commit.is_none()) == (release.attempt, true) && vote.verdict == Verdict::Approved
        };
        let is_void = |skip: &Bypass| skip.gate == GateName::Approvals && !skip.is_about(release, &self.definition);
        let passed = self.votes(release).iter().any(is_early) || release.bypasses.iter().any(is_void);
        release.commit.clone().filter(|_| passed)
    }

    /// The releases that wait for production, in their order.
    #[must_use]
    pub fn line(&self) -> Vec<Arc<Release>> {
        let mut line = self.in_status(Status::ManualTestPassed);
        line.sort_by_key(|release| (release.status_since, release.id));
        line
    }

    /// The release that occupies stage, or is just about to: its run waits to be started.
    #[must_use]
    pub fn stage_holder(&self) -> Option<Arc<Release>> {
        let run = self.occupying_run(Env::Stage).filter(|run| !run.housekeeping);
        let holders =
            Status::ALL.iter().filter(|status| status.holds_stage()).flat_map(|status| self.in_status(*status));
        holders.chain(run.and_then(|run| self.find(run.release))).min_by_key(|release| release.id)
    }

    /// Whether a release was in production before another one, which production runs now.
    #[must_use]
    pub fn ran_before(&self, older: ReleaseId, current: ReleaseId) -> bool {
        match (self.good_at(older), self.good_at(current)) {
            (Some(older), Some(current)) => older < current,
            // This very decision has made it a good version.
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    fn good_at(&self, id: ReleaseId) -> Option<GoodAt> {
        self.memory.stored().good(id).map(|good| good.at())
    }

    /// The place of what production runs in the order of good versions.
    fn current_at(&self) -> Option<GoodAt> {
        self.good_at(self.production().current.as_ref()?.release)
    }

    /// Where a rollback of the release that production runs goes to unless the command says otherwise: to the version that
    /// its rehearsal went back to, or else to the newest good one before it.
    #[must_use]
    pub fn usual_way_back(&self, release: &Release) -> Option<GoodVersion> {
        let rehearsed = release.rehearsal.as_ref().and_then(|rehearsal| rehearsal.against);
        let rehearsed = rehearsed.and_then(|id| self.good_meant(&RollbackTo::Release(id)));
        rehearsed.or_else(|| self.good_before_current(1).pop())
    }

    /// The good versions before the one that production runs, newest first.
    #[must_use]
    pub fn good_before_current(&self, most: u32) -> Vec<GoodVersion> {
        self.memory.stored().good_before(self.current_at(), most)
    }

    /// The newest good version before the one that production runs that is meant.
    #[must_use]
    pub fn good_meant(&self, meant: &RollbackTo) -> Option<GoodVersion> {
        let (stored, before) = (self.memory.stored(), self.current_at());
        match meant {
            RollbackTo::Release(id) => stored.good(*id).filter(|good| before.is_none_or(|before| good.at() < before)),
            RollbackTo::Tag(tag) => stored.good_of_tag(tag, before),
        }
    }

    /// Whether production ran a commit before what it runs now.
    #[must_use]
    pub fn has_run(&self, commit: &Commit) -> bool {
        self.memory.stored().good_of_commit(commit, self.current_at()).is_some()
    }

    /// The newest good versions; where production runs an older one, that one, too, and those before it.
    #[must_use]
    pub fn newest_good(&self, most: u32) -> Vec<GoodVersion> {
        let stored = self.memory.stored();
        let mut good = stored.good_before(None, most);
        let current = self.production().current.as_ref().and_then(|version| stored.good(version.release));
        if let Some(current) = current.filter(|current| !good.contains(current)) {
            good.push(current);
            good.extend(self.good_before_current(most));
        }
        good
    }
}
