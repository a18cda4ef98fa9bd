//! What must hold after every command, whatever it was.

use super::*;
use crate::domain::text::is_same_name;

impl Sim {
    pub(super) fn check_moves(&mut self, events: &[Happened], releases: &[Arc<Release>]) {
        let mut at: BTreeMap<ReleaseId, Status> = self.releases.iter().map(|(id, one)| (*id, one.status)).collect();
        for happened in events {
            let Event::ReleaseMoved { from, to, .. } = &happened.event else { continue };
            let id = happened.release.unwrap();
            assert_eq!(*at.entry(id).or_insert(Status::Initiated), *from, "#{id} jumped");
            assert!(from.next().contains(to), "#{id}: {from} to {to}");
            // One that comes back from a workflow that never began has its vote behind it.
            if *to == Status::ManualTestPassed && *from != Status::Deploying {
                self.closed_under.insert(id, self.service.approvals.clone());
            }
            if *to == Status::ManualTestPassed || *to == Status::Deploying {
                self.check_quorum(releases.iter().find(|release| release.id == id).unwrap());
            }
            at.insert(id, *to);
        }
        for release in releases {
            let status = at.get(&release.id).copied().unwrap_or(Status::Initiated);
            assert_eq!(status, release.status, "#{} moved off the record", release.id);
        }
    }

    /// Counts on its own, without the code that it checks.
    fn check_quorum(&self, release: &Release) {
        if release.bypasses.iter().any(|bypass| bypass.gate == GateName::Approvals) {
            return;
        }
        let rule = &self.closed_under[&release.id];
        let initiator = |name: &PersonName| {
            let github = self.people.get(name).and_then(|p| p.github.clone());
            [Some(name.to_string()), github]
                .into_iter()
                .flatten()
                .any(|name| is_same_name(&name, release.initiated_by.trim().trim_start_matches('@')))
        };
        let counted: Vec<_> = rule.required.iter().filter(|name| !(rule.forbid_self && initiator(name))).collect();
        let yes = counted.iter().filter(|name| {
            self.votes.iter().any(|vote| {
                (vote.release, vote.attempt, &vote.person) == (release.id, release.attempt, **name)
                    && vote.verdict == Verdict::Approved
                    && (vote.commit.is_none() || vote.commit == release.commit)
            })
        });
        assert!(yes.count() >= rule.minimum.min(counted.len().max(1)), "#{} without a quorum", release.id);
    }

    pub(super) fn check(&self) {
        for kind in [STAGE, PRODUCTION] {
            let state = self.environment(kind);
            let occupying: Vec<_> =
                self.runs.values().filter(|run| run.environment == kind && run.state.occupies()).collect();
            assert!(occupying.len() <= 1, "two runs on {kind}: {occupying:?}");
            if let Some(dirty) = &state.dirty {
                let run = &self.runs[&dirty.run];
                assert_eq!(run.environment, kind);
                assert!(matches!(run.state, RunState::Failed { .. } | RunState::Stopped { .. }));
                assert!(occupying.is_empty(), "{kind} is dirty and at work");
            }
            if let Some(mixed) = &state.mixed {
                assert_ne!(mixed.newer.release, mixed.older.release);
                assert!(!mixed.surfaces.is_empty());
                let known = |name: &SurfaceName| self.service.surfaces.iter().any(|surface| surface.name == *name);
                assert!(mixed.surfaces.keys().all(known));
                let here = state.current.as_ref().map(|version| version.release);
                assert!(here == Some(mixed.newer.release) || here == Some(mixed.older.release));
            }
            for run in occupying.iter().filter(|run| run.state.is_live()) {
                let release = &self.releases[&run.release];
                assert!(run.housekeeping || release.status.is_active(), "run {} of an ended release", run.id);
                assert!(run.housekeeping || release.attempt == run.attempt, "run {} of an old attempt", run.id);
            }
            let at_work = |id| occupying.iter().any(|run| run.release == id);
            for release in self.releases.values() {
                let needs = match release.status {
                    Status::StageBuilding => kind == STAGE,
                    Status::StageTestRollback if kind == STAGE => {
                        let stopped = state.dirty.is_some() || state.unknown.is_some();
                        assert!(!occupying.is_empty() || stopped, "#{} is stuck", release.id);
                        false
                    }
                    Status::Deploying | Status::ProductionRollback => kind == PRODUCTION,
                    _ => false,
                };
                assert!(!needs || at_work(release.id), "#{} is {} and nothing happens", release.id, release.status);
            }
        }
        let holders = self.releases.values().filter(|release| release.status.holds_stage()).count();
        assert!(holders <= 1, "stage holds {holders} releases");
        for release in self.releases.values() {
            assert_eq!(release.completed_at.is_none(), release.status.is_active(), "#{}", release.id);
        }
        self.check_ready();
    }

    /// No release and no run waits without a cause.
    fn check_ready(&self) {
        let waits = |status| self.releases.values().filter(move |release| release.status == status);
        let free = |kind| {
            self.environment(kind).dirty.is_none()
                && self.environment(kind).unknown.is_none()
                && !self.runs.values().any(|run| run.environment == kind && run.state.occupies())
                && match &self.service.environment(kind).driver {
                    Driver::Ci { workflow, .. } => workflow.is_some(),
                    Driver::Local | Driver::Ssh => true,
                }
                && !self.service.retired
        };
        if free(STAGE) && !self.releases.values().any(|release| release.status.holds_stage()) {
            let ready = waits(Status::Initiated).find(|it| it.commit.is_some() && it.denied().is_none());
            assert!(ready.is_none(), "stage is free and #{} waits", ready.unwrap().id);
        }
        if free(PRODUCTION) {
            let plannable = |release: &&Release| !self.reason(release.id).contains("cannot be made");
            let ready =
                waits(Status::ManualTestPassed).filter(plannable).find(|release| self.unmet(release.id).is_empty());
            assert!(ready.is_none(), "production is free and #{} waits", ready.unwrap().id);
        }
    }
}
