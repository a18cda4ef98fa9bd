//! Random histories of random services. What must always hold is checked by [`Sim`] after every command; at the end
//! everything that waits comes to rest.

use jiff::SignedDuration;
use proptest::collection::vec;
use proptest::prelude::*;

use super::sim::*;
use crate::domain::artifact::Artifact;
use crate::domain::command::{Command, NewRelease, Outcome, Resolution, RollbackTo, Settled};
use crate::domain::decide::possible_moves;
use crate::domain::gate::{self, GateName, Remedy};
use crate::domain::ids::{HostName, ReleaseId, RunId};
use crate::domain::moves::Move;
use crate::domain::person::Actor;
use crate::domain::reason::Reason;
use crate::domain::run::{RunState, TAG_MOVED};
use crate::domain::status::Status;
use crate::domain::workflow::{SeenRun, WorkflowEnd};

#[derive(Debug, Clone)]
struct Shape {
    surfaces: usize,
    stage_in_ci: bool,
    production_in_ci: bool,
    by_workflows: bool,
    supersede: bool,
    auto_promote: bool,
    forbid_self: bool,
    minimum: usize,
    migrations: bool,
}

/// One thing that happens; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Turn {
    Push { version: u8, commit: Option<u8>, by_mia: bool, ci_run: Option<(u8, u32)> },
    Vote { who: u8, yes: bool, stale: bool, on: u8 },
    People { what: u8, who: u8, on: u8, force: bool },
    Resolve { run: u8, verdict: u8 },
    Step { production: bool, outcome: u8 },
    Steps { production: bool, all_but: u8, outcome: u8 },
    Machine { what: u8, on: u8 },
    Workflow { what: u8, ci_run: u8 },
    Report { on: u8, status: u8, ci_run: Option<(u8, u32)> },
    NextReport { on: u8 },
    Minutes(u8),
    List(u8),
}

fn shapes() -> impl Strategy<Value = Shape> {
    (1..4_usize, any::<[bool; 7]>(), 1..4_usize).prop_map(|(surfaces, b, minimum)| Shape {
        surfaces,
        stage_in_ci: b[0],
        production_in_ci: b[1],
        by_workflows: b[6],
        supersede: b[2],
        auto_promote: b[3],
        forbid_self: b[4],
        minimum,
        migrations: b[5],
    })
}

fn moves() -> impl Strategy<Value = Turn> {
    let ci_run = || proptest::option::of((0..4_u8, 1..3_u32));
    prop_oneof![
        3 => (0..6_u8, proptest::option::weighted(0.9, 0..8_u8), any::<bool>(), ci_run())
            .prop_map(|(version, commit, by_mia, ci_run)| Turn::Push { version, commit, by_mia, ci_run }),
        8 => (0..5_u8, proptest::bool::weighted(0.95), proptest::bool::weighted(0.1), any::<u8>())
            .prop_map(|(who, yes, stale, on)| Turn::Vote { who, yes, stale, on }),
        4 => (0..9_u8, 0..6_u8, any::<u8>(), any::<bool>())
            .prop_map(|(what, who, on, force)| Turn::People { what, who, on, force }),
        2 => (any::<u8>(), 0..3_u8).prop_map(|(run, verdict)| Turn::Resolve { run, verdict }),
        4 => (any::<bool>(), 0..12_u8).prop_map(|(production, outcome)| Turn::Step { production, outcome }),
        8 => (any::<bool>(), any::<u8>(), 0..12_u8)
            .prop_map(|(production, all_but, outcome)| Turn::Steps { production, all_but, outcome }),
        2 => (0..8_u8, any::<u8>()).prop_map(|(what, on)| Turn::Machine { what, on }),
        4 => (0..10_u8, 0..4_u8).prop_map(|(what, ci_run)| Turn::Workflow { what, ci_run }),
        1 => (any::<u8>(), 0..14_u8, ci_run()).prop_map(|(on, status, ci_run)| Turn::Report { on, status, ci_run }),
        8 => any::<u8>().prop_map(|on| Turn::NextReport { on }),
        1 => (0..90_u8).prop_map(Turn::Minutes),
        1 => (0..8_u8).prop_map(Turn::List),
    ]
}

fn start(shape: &Shape) -> Sim {
    Sim::with(|service| {
        service.surfaces = ["api", "bot", "app"][..shape.surfaces].iter().map(|name| surface(name)).collect();
        if !shape.migrations {
            service.surfaces[0].migrate_up = None;
            service.surfaces[0].health = None;
        }
        if shape.stage_in_ci {
            in_ci(service, STAGE);
        }
        match (shape.production_in_ci, shape.by_workflows) {
            (true, true) => by_workflows(service),
            (true, false) => in_ci(service, PRODUCTION),
            (false, _) => {}
        }
        service.supersede = shape.supersede;
        service.approvals.auto_promote = shape.auto_promote;
        service.approvals.forbid_self = shape.forbid_self;
        service.approvals.minimum = shape.minimum;
        service.approvals.required[2] = person("mia");
    })
}

fn outcome(number: u8) -> Outcome {
    match number {
        0 => Outcome::Exited(1),
        1 => Outcome::Exited(TAG_MOVED),
        2 => Outcome::Unhealthy("503".into()),
        3 => Outcome::TimedOut,
        4 => Outcome::Stopped,
        5 => Outcome::NotStarted("no shell".into()),
        6 => Outcome::Lost("gone".into()),
        _ => Outcome::Exited(0),
    }
}

fn reason() -> String {
    "because".into()
}

/// Mostly one that is on its way or in production, sometimes any, sometimes none.
fn pick(w: &Sim, on: u8) -> ReleaseId {
    let lively: Vec<_> = w
        .releases
        .values()
        .filter(|release| release.status.is_active() || release.status == Status::Deployed)
        .map(|release| release.id)
        .collect();
    let number = usize::from(on);
    if on >= 240 || lively.is_empty() {
        return ReleaseId(i64::from(on % 16));
    }
    lively[number % lively.len()]
}

fn actor(w: &Sim, who: u8) -> Actor {
    match who {
        0 => w.actor("ann"),
        1 => w.actor("bob"),
        2 => w.actor("mia"),
        3 => w.actor("vic"),
        4 => Actor::Operator,
        _ => w.actor("root"),
    }
}

fn happens(w: &mut Sim, one: &Turn) {
    // Refusals are answers; what they may not do is checked by the simulator.
    match one.clone() {
        Turn::Push { version, commit: number, by_mia, ci_run: by } => {
            let name = format!("v1.{version}.0");
            let commit = match number {
                None => None,
                Some(0) => Some(commit("moved")),
                Some(_) => Some(commit(&name)),
            };
            let initiated_by = if by_mia { "mia-gh" } else { "dev" }.to_owned();
            let ci_run = by.map(|(id, attempt)| ci_run(&format!("{version}-{id}"), attempt));
            let plain = number == Some(7);
            let new = NewRelease { commit, initiated_by, ci_run, ..w.new_release(&name) };
            let new = if plain { NewRelease { tag: None, ..new } } else { new };
            let _ = w.handle(&ci(), Command::Create(new));
        }
        Turn::Vote { who, yes, stale, on } => {
            let release = pick(w, on);
            let seen = stale.then_some(crate::domain::ids::Revision(1));
            let command = if yes {
                Command::Approve { release, seen }
            } else {
                Command::Reject { release, seen, reason: reason() }
            };
            let _ = w.handle(&actor(w, who), command);
        }
        Turn::People { what, who, on, force } => {
            let release = pick(w, on);
            let command = match what {
                0 => Command::Cancel { release, reason: reason() },
                1 => Command::Abort { release, reason: reason(), force },
                2 | 3 => Command::Retry { release: ReleaseId(i64::from(on % 16)) },
                4 => Command::Promote { release },
                5 => {
                    let release = w.production().current.as_ref().map_or(release, |version| version.release);
                    let to = (on.is_multiple_of(3)).then(|| RollbackTo::Tag(tag(&format!("v1.{}.0", on % 6))));
                    Command::Rollback { release, to, reason: reason(), force }
                }
                6 => {
                    let gates = match on % 4 {
                        0 => vec![GateName::Approvals],
                        1 => vec![GateName::FreshRehearsal, GateName::NotADowngrade],
                        2 => vec![GateName::NoLock],
                        _ => vec![GateName::ProductionFree],
                    };
                    Command::Bypass { release, gates, reason: reason() }
                }
                7 if force => Command::Lock { reason: reason() },
                7 | 8 => Command::Unlock,
                _ => unreachable!(),
            };
            let _ = w.handle(&actor(w, who), command);
        }
        Turn::Resolve { run, verdict } => {
            if run.is_multiple_of(2) {
                settle(w, verdict);
            }
            let open: Vec<_> = waits_for_a_verdict(w);
            let run = if open.is_empty() || run > 250 {
                RunId(i64::from(run % 16))
            } else {
                open[usize::from(run) % open.len()]
            };
            let verdict = [Resolution::Succeeded, Resolution::Failed, Resolution::Again][usize::from(verdict)];
            let _ = w.handle(&Actor::Operator, Command::Resolve { run, verdict, reason: reason() });
        }
        Turn::Step { production, outcome: number } => {
            let Some(run) = live_ours(w, production) else { return };
            if let Some(step) = w.start_step(run)
                && number < 11
            {
                let _ = w.handle(&Actor::Machine, Command::TryStep { run, step });
                w.ok(
                    &Actor::Machine,
                    Command::StepEnded { run, step, outcome: outcome(number), said: Default::default() },
                );
            }
        }
        Turn::Steps { production, all_but, outcome: number } => {
            if live_ours(w, production).is_some() {
                let kind = if production { PRODUCTION } else { STAGE };
                w.ends_at(kind, u32::from(all_but % 40), outcome(number));
            }
        }
        Turn::Machine { what, on } => {
            let release = pick(w, on);
            let run = w.live(STAGE).or(w.live(PRODUCTION)).unwrap_or(RunId(i64::from(on % 16)));
            let artifacts =
                vec![Artifact { name: surface("api").name, artifact: None, digest: None, preview_url: None }];
            let command = match what {
                0 => Command::CommitResolved { release, commit: commit("moved"), tag_object: None },
                1 => Command::CommitUnresolved {
                    release,
                    reason: Reason::NoAnswer,
                    again: Some(w.now).filter(|_| on.is_multiple_of(2)),
                },
                2 if on.is_multiple_of(4) => Command::TagMoved { release, now: Some(commit("again")) },
                3 if on.is_multiple_of(3) => {
                    Command::RunForeign { run, host: HostName::local(), reason: Reason::NoAnswer }
                }
                3 => Command::RunFailed { run, reason: Reason::NoAnswer },
                4 => Command::RunLost { run, reason: Reason::NoAnswer },
                2 | 5 => Command::Update { release, artifacts, ci_run: None },
                6 => {
                    let hosts = [(HostName::local(), Reason::NoAnswer)].into();
                    Command::LeaveHosts { run, hosts }
                }
                7 => Command::HostBack { environment: PRODUCTION, host: HostName::local() },
                _ => unreachable!(),
            };
            let _ = w.handle(&Actor::Machine, command);
        }
        Turn::Workflow { what, ci_run } => {
            let Some(run) = w.live(PRODUCTION) else { return };
            let seen = || SeenRun { id: format!("1-{ci_run}"), attempt: 1, url: None };
            w.ok(
                &Actor::Machine,
                match what {
                    0 | 1 => Command::DispatchAsked { run },
                    2 => Command::DispatchTaken { run, seen: None },
                    3 => Command::DispatchTaken { run, seen: Some(seen()) },
                    4 => Command::DispatchRefused { run, reason: Reason::NoAnswer },
                    5 => Command::WorkflowEnded { run, end: WorkflowEnd::NeverBegan(Reason::NoAnswer) },
                    6 => Command::WorkflowEnded { run, end: WorkflowEnd::Failure(Reason::NoAnswer) },
                    7 => Command::DispatchNotTaken { run, reason: None },
                    8 => Command::RunWaits { run, reason: Some(Reason::NoAnswer) },
                    _ => Command::WorkflowEnded { run, end: WorkflowEnd::Success },
                },
            );
        }
        Turn::Report { on, status, ci_run } => {
            let ci_run = ci_run.map(|(id, attempt)| reporter(&format!("1-{id}"), Some(attempt)));
            let status = Status::ALL[usize::from(status)];
            let _ = w.handle(&ci(), Command::Report { release: pick(w, on), status, ci_run });
        }
        Turn::NextReport { on } => {
            let release = pick(w, on);
            let Some(status) = w.releases.get(&release).and_then(|release| next_report(release.status, on)) else {
                return;
            };
            let _ = w.handle(&ci(), Command::Report { release, status, ci_run: None });
        }
        Turn::Minutes(minutes) => w.passes(SignedDuration::from_mins(minutes.into())),
        Turn::List(number) => {
            let all = ["ann", "bob", "mia"];
            w.service.approvals.required = all
                .iter()
                .enumerate()
                .filter(|(at, _)| number & (1 << at) != 0)
                .map(|(_, name)| person(name))
                .collect();
            w.passes(SignedDuration::from_secs(0));
        }
    }
}

fn live_ours(w: &Sim, production: bool) -> Option<RunId> {
    let kind = if production { PRODUCTION } else { STAGE };
    w.live(kind).filter(|_| w.service.environment(kind).driver.is_ours())
}

/// An admin says what the environments run of which it is not known.
fn settle(w: &mut Sim, what: u8) {
    for kind in
        [STAGE, PRODUCTION].into_iter().filter(|kind| w.environment(*kind).unknown.is_some()).collect::<Vec<_>>()
    {
        let lost =
            w.runs.values().find(|run| run.environment == kind && run.state.occupies()).map(|run| run.to.release);
        let runs = match (what, lost) {
            (0, Some(release)) => Settled::Release(release),
            (1, _) => Settled::Nothing,
            _ => Settled::Recorded,
        };
        let _ = w.handle(&Actor::Operator, Command::Settle { environment: kind, runs, reason: reason() });
    }
}

fn waits_for_a_verdict(w: &Sim) -> Vec<RunId> {
    let dirty = w.environments.values().filter_map(|state| state.dirty.as_ref().map(|dirty| dirty.run));
    let lost = w.runs.values().filter(|run| matches!(run.state, RunState::Unknown { .. })).map(|run| run.id);
    dirty.chain(lost).collect()
}

/// What a CI system reports next when all goes well, or sometimes not.
fn next_report(status: Status, number: u8) -> Option<Status> {
    let bad = number.is_multiple_of(8);
    match status {
        Status::Initiated => Some(Status::StageBuilding),
        Status::StageBuilding if bad => Some(Status::StageBuildingFailed),
        Status::StageBuilding => Some(Status::StageTestRollback),
        Status::StageTestRollback if bad => Some(Status::StageTestRollbackFailed),
        Status::StageTestRollback => Some(Status::ManualTesting),
        Status::ManualTesting | Status::ManualTestPassed => Some(Status::Deploying),
        Status::Deploying if bad => Some(Status::ProductionRollback),
        Status::Deploying => Some(Status::Deployed),
        Status::ProductionRollback if bad => Some(Status::RollbackFailed),
        Status::ProductionRollback => Some(Status::RollbackDone),
        Status::StageBuildingFailed
        | Status::StageTestRollbackFailed
        | Status::ManualTestFailed
        | Status::Deployed
        | Status::RollbackDone
        | Status::RollbackFailed
        | Status::Cancelled => None,
    }
}

/// No offered move is refused, and whatever is said to help in front of a gate is accepted.
fn what_is_offered_is_accepted(w: &Sim) {
    let accepts = |actor: &Actor, command: Command| {
        let mut w = w.clone();
        let said = format!("{command:?}");
        let refused = w.handle(actor, command).err();
        assert!(refused.is_none(), "{said}: {refused:?}");
    };
    let root = w.actor("root");
    for release in w.releases.values() {
        let world = w.world();
        let id = release.id;
        let back = Command::Rollback { release: id, to: None, reason: reason(), force: false };
        if release.status == Status::Deployed && w.clone().handle(&root, back).is_ok() {
            assert!(
                possible_moves(&world, release).any(|wanted| wanted == Move::Rollback),
                "no rollback of #{id} is offered"
            );
        }
        for wanted in possible_moves(&world, release) {
            let command = match wanted {
                Move::Approve => {
                    for person in world.tally(release).missing {
                        accepts(&w.actor(person.as_str()), Command::Approve { release: id, seen: None });
                    }
                    continue;
                }
                Move::Reject => Command::Reject { release: id, seen: None, reason: reason() },
                Move::Cancel => Command::Cancel { release: id, reason: reason() },
                Move::Abort => Command::Abort { release: id, reason: reason(), force: false },
                Move::Promote => Command::Promote { release: id },
                Move::Retry => Command::Retry { release: id },
                Move::Rollback => Command::Rollback { release: id, to: None, reason: reason(), force: false },
                other => panic!("{other:?} is not a move of the life cycle"),
            };
            accepts(&root, command);
        }
        for run in world.to_resolve(release) {
            accepts(&root, Command::Resolve { run, verdict: Resolution::Succeeded, reason: reason() });
        }
        if !release.status.is_cancellable() {
            continue;
        }
        let settle = |environment| Command::Settle { environment, runs: Settled::Recorded, reason: reason() };
        let again = |run| Command::Resolve { run, verdict: Resolution::Succeeded, reason: reason() };
        let gates = gate::explain(&world, release);
        let waits = |name| matches!(name, GateName::Promoted | GateName::ProductionFree);
        let last = gates.iter().all(|gate| gate.met() || waits(gate.name));
        for remedy in gates.into_iter().filter_map(|gate| gate.remedy) {
            match remedy {
                Remedy::Approve { of, .. } if release.status == Status::ManualTesting => {
                    for person in of {
                        accepts(&w.actor(person.as_str()), Command::Approve { release: id, seen: None });
                    }
                }
                Remedy::SettleStage { .. } => accepts(&root, settle(STAGE)),
                Remedy::SettleProduction { .. } => accepts(&root, settle(PRODUCTION)),
                Remedy::RepairStage { run, .. }
                | Remedy::ResolveStageRun { run }
                | Remedy::RepairProduction { run }
                | Remedy::ResolveRun { run } => accepts(&root, again(run)),
                Remedy::RollBack { release } => {
                    accepts(&root, Command::Rollback { release, to: None, reason: reason(), force: false });
                }
                Remedy::Promote if release.status == Status::ManualTestPassed && last => {
                    accepts(&root, Command::Promote { release: id });
                }
                Remedy::Unlock => accepts(&root, Command::Unlock),
                // Once it is tested, and all else is well.
                Remedy::Promote
                | Remedy::Define { .. }
                | Remedy::Approve { .. }
                | Remedy::AddApprover
                | Remedy::GoForward
                | Remedy::Rehearse
                | Remedy::CiRehearses
                | Remedy::RehearseAgain
                | Remedy::AskAgain { .. }
                | Remedy::SendCommit
                | Remedy::Ask
                | Remedy::WaitForEnd
                | Remedy::WaitForTurn => {}
            }
        }
    }
}

/// From now on all goes well: every run, every report, every verdict.
fn comes_to_rest(w: &mut Sim) {
    w.unlock();
    for _ in 0..400 {
        settle(w, 2);
        for run in waits_for_a_verdict(w) {
            w.resolve(run, Resolution::Succeeded);
        }
        for kind in [STAGE, PRODUCTION] {
            if live_ours(w, kind == PRODUCTION).is_some() {
                w.follow(kind, |_| Some(Outcome::Exited(0)));
            }
        }
        let ids: Vec<_> = w.releases.keys().copied().collect();
        for release in ids {
            let Some(status) = next_report(w.status(release), 1) else { continue };
            let kind = match status {
                Status::StageBuilding | Status::StageTestRollback | Status::ManualTesting => STAGE,
                _ => PRODUCTION,
            };
            if !w.service.environment(kind).driver.is_ours() {
                // Refused while stage is taken or a gate is closed.
                let _ = w.handle(&ci(), Command::Report { release, status, ci_run: None });
            }
        }
        let busy = [STAGE, PRODUCTION].into_iter().any(|kind| w.live(kind).is_some());
        if !busy && waits_for_a_verdict(w).is_empty() {
            for release in w.releases.values() {
                assert!(
                    !matches!(
                        release.status,
                        Status::StageBuilding
                            | Status::StageTestRollback
                            | Status::Deploying
                            | Status::ProductionRollback
                    ),
                    "#{} is stuck in {}",
                    release.id,
                    release.status
                );
            }
            assert!(w.production().mixed.is_none());
            return;
        }
    }
    panic!("it does not come to rest");
}

proptest! {
    // The seed is fixed, so that a run of the suite says the same everywhere; RMM_CASES looks further.
    #![proptest_config(ProptestConfig {
        cases: std::env::var("RMM_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300),
        failure_persistence: None,
        rng_seed: std::env::var("RMM_SEED").ok().and_then(|n| n.parse().ok())
            .map_or(proptest::test_runner::RngSeed::Fixed(2184), proptest::test_runner::RngSeed::Fixed),
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_that_happens_breaks_the_rules(shape in shapes(), history in vec(moves(), 1..150)) {
        let mut w = start(&shape);
        for (number, one) in history.iter().enumerate() {
            happens(&mut w, one);
            if number % 8 == 0 {
                what_is_offered_is_accepted(&w);
            }
        }
        comes_to_rest(&mut w);
    }

    /// Most random histories get nowhere; this one begins with two good versions in production.
    #[test]
    fn nothing_breaks_the_rules_once_there_is_something_to_go_back_to(shape in shapes(), history in vec(moves(), 1..120)) {
        let mut w = start(&Shape { stage_in_ci: false, production_in_ci: false, auto_promote: true, ..shape.clone() });
        w.service.approvals.required = ["ann", "bob", "cid"].map(person).to_vec();
        let definition = start(&shape).service;
        for name in ["v1.0.0", "v1.1.0"] {
            let release = w.release(name);
            w.stage_ends_well();
            for who in ["ann", "bob", "cid"] {
                let _ = w.handle(&w.actor(who), Command::Approve { release, seen: None });
            }
            w.production_ends_well();
            prop_assert_eq!(w.status(release), Status::Deployed);
        }
        w.service = definition;
        for (number, one) in history.iter().enumerate() {
            happens(&mut w, one);
            if number % 8 == 0 {
                what_is_offered_is_accepted(&w);
            }
        }
        comes_to_rest(&mut w);
    }
}
