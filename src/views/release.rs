//! A release and what surrounds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::approval::Vote;
use crate::domain::commits::CommitList;
use crate::domain::content::Content;
use crate::domain::decide::possible_moves;
use crate::domain::env::Env;
use crate::domain::environment::{AnotherCopy, EnvironmentState, Stragglers};
use crate::domain::gate::{self, Gate, GateName, GateState};
use crate::domain::ids::{PersonName, ReleaseId, RunId};
use crate::domain::moves::Move;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind, RunState};
use crate::domain::service::Service;
use crate::domain::snapshot::GoodVersion;
use crate::domain::status::Status;
use crate::domain::tally::Tally;
use crate::domain::version::Version;
use crate::domain::world::World;
use crate::engine::{Engine, Failure};

/// Of the versions to go back to, this many are told.
const VERSIONS: u32 = 50;

/// A release and what surrounds it, as of one moment.
#[derive(Debug, Clone)]
pub struct ReleaseOverview {
    /// The release.
    pub release: Release,
    /// Its service.
    pub service: Arc<Service>,
    /// What it would bring now.
    pub content: Content,
    /// How the vote stands; where it has closed, how it stood then.
    pub tally: Tally,
    /// The votes of this attempt.
    pub votes: Vec<Vote>,
    /// Every gate of production; none when the release has passed them or has ended.
    pub gates: Vec<Gate>,
    /// What the environments of its service run.
    pub environments: BTreeMap<Env, EnvironmentState>,
    /// The runs whose end is not known, by the environment that they hold.
    pub lost: BTreeMap<Env, RunId>,
    /// The run that is at work for it, or about to.
    pub run: Option<Run>,
    /// Another release that production is busy with.
    pub busy_with: Option<ReleaseId>,
    /// The release that holds stage.
    pub on_stage: Option<Version>,
    /// Where a rollback of what production runs goes unless the command says otherwise.
    pub way_back: Option<GoodVersion>,
    /// What its rehearsal or the rollback of its deploy goes back to: the target of the rollback that is under way, or what
    /// production runs, where that is another release.
    pub goes_back_to: Option<Version>,
    /// The versions that production can go back to, newest first.
    pub versions: Vec<GoodVersion>,
    /// The person who has started it, if RMM knows them.
    pub initiator: Option<PersonName>,
    /// Who answers for it, where that is another than its initiator.
    pub other_owner: Option<String>,
    /// The moves of the life cycle that would not be refused to a person with the right to make them.
    pub possible: Vec<Move>,
    /// Its runs about which an admin has to say what became of them.
    pub to_resolve: Vec<RunId>,
    /// The environments for which it waits until an admin says what they run.
    pub to_settle: Vec<Env>,
    /// The commits that it brings beside what production runs, or has brought beside what ran there before, where they are known.
    pub commits: Option<CommitList>,
    /// Another RMM that works with a copy of the database was met.
    pub another_copy: Option<AnotherCopy>,
}

impl ReleaseOverview {
    /// Reads it.
    ///
    /// # Errors
    /// A refusal when there is no such release, or its service was never configured.
    pub async fn read(engine: &Engine, id: ReleaseId) -> Result<Self, Failure> {
        let mut overview = engine.look(id, Self::of).await?;
        if overview.is_vote_closed()
            && let Some(closed) = engine.closed_vote(id).await?
        {
            overview.count_as_closed(closed);
        }
        overview.commits =
            engine.commits_of(id).await?.filter(|listed| listed.tells_of(&overview.release, overview.current()));
        Ok(overview)
    }

    pub(super) fn of(world: &World<'_>, release: &Release) -> Self {
        let lost = world.occupying().filter(|run| matches!(run.state, RunState::Unknown { .. }));
        let in_production = world.occupying_run(Env::Production).map(|run| run.release);
        let deploys = [Status::Deploying, Status::ProductionRollback];
        let deploys = deploys.into_iter().flat_map(|status| world.in_status(status)).map(|other| other.id);
        Self {
            service: Arc::clone(&world.service),
            content: world.content(release),
            tally: world.tally(release),
            votes: world.votes(release).to_vec(),
            gates: if release.status.is_cancellable() { gate::explain(world, release) } else { Vec::new() },
            environments: world.environments.clone(),
            lost: lost.map(|run| (run.environment, run.id)).collect(),
            run: world
                .occupying()
                .find(|run| run.release == release.id && run.state.is_live() && run.moves_its_release())
                .map(Arc::unwrap_or_clone),
            busy_with: in_production.into_iter().chain(deploys).find(|other| *other != release.id),
            on_stage: world.stage_holder().map(|holder| holder.version()),
            way_back: world.usual_way_back(release),
            goes_back_to: goes_back_to(world, release),
            versions: world.good_before_current(VERSIONS),
            initiator: release.initiator(world.people.values()).map(|person| person.name.clone()),
            other_owner: release.other_owner(world.people.values()),
            possible: possible_moves(world, release).collect(),
            to_resolve: world.to_resolve(release).collect(),
            to_settle: world.to_settle(release).collect(),
            commits: None,
            another_copy: world.another_copy.clone(),
            release: release.clone(),
        }
    }

    /// No vote is taken any more, and none that was given has to be given again.
    fn is_vote_closed(&self) -> bool {
        let status = self.release.status;
        let opens_again = self.gates.iter().any(|gate| gate.name == GateName::Approvals && !gate.met());
        (status.has_passed_vote() || !status.is_active()) && !opens_again
    }

    /// What changes afterwards, in `rmm.toml` or in what the release would bring, takes no vote back.
    fn count_as_closed(&mut self, closed: Tally) {
        for gate in &mut self.gates {
            if let GateState::VoteClosed { approved_by } = &mut gate.state {
                approved_by.clone_from(&closed.given);
            }
        }
        self.tally = closed;
    }

    /// Hosts of production that may run something else than it does, where that is about this release.
    #[must_use]
    pub fn stragglers(&self) -> Option<Stragglers> {
        Stragglers::of(&self.release, self.production(), &self.service)
    }

    /// The facts about production.
    #[must_use]
    pub fn production(&self) -> &EnvironmentState {
        &self.environments[&Env::Production]
    }

    /// What production runs.
    #[must_use]
    pub fn current(&self) -> Option<&Version> {
        self.production().current.as_ref()
    }

    /// Production runs it now.
    #[must_use]
    pub fn is_in_production(&self) -> bool {
        self.current().is_some_and(|version| version.release == self.release.id)
    }
}

fn goes_back_to(world: &World<'_>, release: &Release) -> Option<Version> {
    let run = world.occupying_run(Env::Production);
    let rollback = run.filter(|run| run.release == release.id && run.kind == RunKind::Rollback);
    let current = || world.production().current.clone().filter(|current| current.release != release.id);
    rollback.map(|run| run.to.clone()).or_else(current)
}
