//! What really is on the hosts, as steps leave it: it must agree with what RMM believes.

use std::collections::BTreeMap;

use super::sim::{PRODUCTION, STAGE, Sim};
use crate::domain::command::{Command, Outcome, Resolution};
use crate::domain::env::Env;
use crate::domain::ids::{ReleaseId, RunId, SurfaceName};
use crate::domain::reason::Found;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind, Step, StepKind, StepState};

/// The code and the database schema of one surface, each as the release that it belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Installed {
    code: Option<ReleaseId>,
    schema: Option<ReleaseId>,
}

#[derive(Clone, Default)]
pub struct Hosts {
    places: BTreeMap<(Env, SurfaceName), Installed>,
    coin: u32,
}

impl Hosts {
    /// A step that did not end well may have done its work or not.
    fn coin(&mut self) -> bool {
        self.coin = self.coin.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.coin >> 31 == 1
    }

    /// `same` tells the first release that has the same code as another.
    fn step_does(
        &mut self,
        run: &Run,
        step: &Step,
        well: bool,
        deploy_migrates: bool,
        same: impl Fn(ReleaseId) -> ReleaseId,
    ) {
        let done = well || self.coin();
        let (about, to) = (same(step.about), same(run.to.release));
        let from = run.from.as_ref().map(|version| same(version.release));
        let place = self.places.entry((run.environment, step.surface.clone())).or_default();
        match step.kind {
            StepKind::Fetch
            | StepKind::VerifyTag
            | StepKind::BeforeDeploy
            | StepKind::Health
            | StepKind::AfterDeploy => {}
            StepKind::Checkout => place.code = if done { Some(about) } else { place.code },
            StepKind::MigrateUp => {
                assert_eq!(place.code, Some(about), "migrations up with the code of another release");
                let expected = [from, Some(about)].contains(&place.schema);
                assert!(expected || from.is_none(), "run {}: #{} migrates {place:?}, not {from:?}", run.id, step.about);
                place.schema = if done { Some(about) } else { place.schema };
            }
            StepKind::MigrateDown => {
                assert_eq!(place.code, Some(about), "migrations down need the code that has the scripts");
                let to = if about == to { from } else { Some(to) };
                assert!([Some(about), to].contains(&place.schema), "run {}: {place:?} down to {to:?}", run.id);
                place.schema = if done { to } else { place.schema };
            }
            StepKind::Deploy => {
                assert_eq!(place.code, Some(about), "the code of another release is started");
                if deploy_migrates && done && run.kind != RunKind::Rollback && about == to {
                    place.schema = Some(about);
                }
            }
        }
    }

    fn set(&mut self, kind: Env, surface: &SurfaceName, release: ReleaseId) {
        let place = Installed { code: Some(release), schema: Some(release) };
        self.places.insert((kind, surface.clone()), place);
    }
}

impl Sim {
    /// What a command that is about to be decided means for the hosts.
    pub fn hosts_before(&mut self, command: &Command) {
        let lost = |run: &RunId| {
            let run = self.runs.get(run).filter(|run| run.state.is_live())?;
            let step = run.steps.iter().find(|step| step.state == StepState::Running)?;
            Some((run.clone(), step.clone(), false))
        };
        let done = match command {
            Command::StepEnded { run, step, outcome, .. } => self.runs.get(run).and_then(|run| {
                let step = run.steps.get(*step as usize).filter(|step| step.state == StepState::Running)?;
                Some((run.clone(), step.clone(), matches!(outcome, Outcome::Exited(0) | Outcome::Healthy)))
            }),
            // It ended unseen.
            Command::MigrationFound { run, of, step, found: Found::Exited(0) } => {
                let (of, run) = (&self.runs[of], &self.runs[run]);
                let step = &of.steps[*step as usize];
                let repeats = run.next_migration(step).is_some_and(|next| next.kind == step.kind);
                repeats.then(|| (of.clone(), step.clone(), true))
            }
            Command::RunFailed { run, .. } | Command::RunLost { run, .. } | Command::RunForeign { run, .. } => {
                lost(run)
            }
            Command::LeaveHosts { run, .. } => lost(run).filter(|(run, ..)| run.stop.is_some() || run.is_catch_up()),
            _ => None,
        };
        if let Some((run, step, well)) = done {
            let surface = self.service.surfaces.iter().find(|surface| surface.name == step.surface);
            let deploy_migrates = surface.is_some_and(|surface| surface.migrate_up.is_none());
            let releases = &self.releases;
            self.hosts.step_does(&run, &step, well, deploy_migrates, |id| same(releases, id));
        }
    }

    /// What an admin has repaired, or a CI system has done, is as told.
    pub fn hosts_after(&mut self, command: &Command) {
        let repaired = match command {
            Command::Resolve { run, verdict: Resolution::Succeeded, .. } => {
                self.runs.get(run).map(|run| (run.environment, run.to.release))
            }
            Command::Settle { environment, .. } => {
                self.environment(*environment).current.as_ref().map(|version| (*environment, version.release))
            }
            _ => None,
        };
        let told = [STAGE, PRODUCTION].into_iter().filter_map(|kind| {
            let version = self.environment(kind).current.as_ref()?;
            (!self.service.environment(kind).driver.is_ours()).then_some((kind, version.release))
        });
        for (kind, release) in told.chain(repaired).collect::<Vec<_>>() {
            for surface in &self.service.surfaces {
                self.hosts.set(kind, &surface.name, same(&self.releases, release));
            }
        }
    }

    /// Where nothing is at work or half-way, every surface is where RMM says.
    pub fn check_hosts(&self) {
        for kind in [STAGE, PRODUCTION] {
            let state = self.environment(kind);
            let busy = self.runs.values().any(|run| run.environment == kind && run.state.occupies());
            let Some(current) = &state.current else { continue };
            let in_doubt = state.unknown.is_some() || state.mixed.is_some() || !state.left.is_empty();
            if busy || in_doubt || state.dirty.is_some() {
                continue;
            }
            for surface in &self.service.surfaces {
                let place = self.hosts.places.get(&(kind, surface.name.clone())).copied().unwrap_or_default();
                let current = same(&self.releases, current.release);
                assert_eq!(place.code, Some(current), "the code of {} on {kind}", surface.name);
                let migrates = surface.migrate_down.is_some();
                assert!(!migrates || place.schema == Some(current), "{} on {kind}: {place:?}", surface.name);
            }
        }
    }
}

/// The first release that has the same tag and commit.
fn same(releases: &BTreeMap<ReleaseId, Release>, id: ReleaseId) -> ReleaseId {
    let of = |release: &Release| (release.tag.clone(), release.commit.clone());
    let wanted = releases.get(&id).map(of);
    releases.values().find(|release| Some(of(release)) == wanted).map_or(id, |release| release.id)
}
