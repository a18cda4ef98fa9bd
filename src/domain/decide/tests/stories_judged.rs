//! What an admin has to judge: a production or a stage that is dirty, and runs whose end is not known.

use super::sim::*;
use crate::domain::cause::Code;
use crate::domain::command::{Command, Outcome, Resolution};
use crate::domain::event::Event;
use crate::domain::gate::{GateName, Remedy};
use crate::domain::ids::RunId;
use crate::domain::person::Actor;
use crate::domain::status::Status::*;
use crate::wording::english;

#[test]
fn a_rollback_that_fails_leaves_production_dirty_until_an_admin_has_looked() {
    let (mut w, old, r) = before_production(Sim::new());
    w.fails_at(PRODUCTION, 5);
    let back = w.fails_at(PRODUCTION, 3);
    assert_eq!(w.status(r), RollbackFailed);
    assert_eq!(w.reason(r), "health check of api on production failed with exit status 1");
    let next = w.release("v1.2.0");
    w.stage_ends_well();
    w.everybody_approves(next);
    assert_eq!(w.unmet(next), [GateName::ProductionClean]);
    let refusal = w.roll_back(old, None).unwrap_err();
    assert_eq!((refusal.code, refusal.legal.as_slice()), (Code::ProductionBusy, ["resolve"].as_slice()));
    let failed = Command::Resolve { run: back, verdict: Resolution::Failed, reason: String::new() };
    let refusal = w.admin_refused(failed);
    assert_eq!((refusal.code, refusal.legal.as_slice()), (Code::NothingToResolve, ["resolve"].as_slice()));
    assert!(words(&refusal).contains("mark it `succeeded` once it is on v1.0.0"), "{}", words(&refusal));
    w.resolve(back, Resolution::Succeeded);
    assert_eq!((w.status(r), w.runs_what(PRODUCTION)), (RollbackFailed, Some(old)));
    w.production_ends_well();
    assert_eq!(w.status(next), Deployed);
}

#[test]
fn a_dirty_stage_blocks_and_explains_and_resolve_repairs_it() {
    for (verdict, ends_well) in [(Resolution::Succeeded, false), (Resolution::Again, true)] {
        let mut w = Sim::new();
        let old = w.ship("v1.0.0");
        let r = w.release("v1.1.0");
        w.fails_at(STAGE, 4);
        let back = w.fails_at(STAGE, 1);
        let dirty = w.stage().dirty.clone().unwrap();
        assert_eq!(dirty.run, back);
        assert!(english(&dirty.reason).contains("check out of api on stage failed"));
        w.ok(&w.actor("mia"), Command::Retry { release: r });
        assert_eq!((w.status(r), w.live(STAGE)), (Initiated, None));
        let gate = w.gates(r).into_iter().find(|gate| gate.name == GateName::FreshRehearsal).unwrap();
        assert_eq!(gate.remedy, Some(Remedy::RepairStage { run: back, reason: dirty.reason }));
        assert_eq!(w.refused(&w.actor("ann"), resolve(back, verdict)).code, Code::Forbidden);
        w.resolve(back, verdict);
        assert_eq!(w.stage().dirty, None);
        if ends_well {
            w.follow(STAGE, |_| Some(Outcome::Exited(0)));
        }
        assert_eq!(w.runs_what(STAGE), Some(old));
        w.stage_ends_well();
        assert_eq!(w.status(r), ManualTesting);
    }
}

#[test]
fn stage_that_cannot_catch_up_with_production_is_dirty_instead_of_trying_for_ever() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let second = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(second);
    let third = w.release("v1.2.0");
    w.follow(STAGE, |_| Some(Outcome::Exited(0)));
    w.admin(Command::Cancel { release: third, reason: "x".into() });
    w.production_ends_well();
    let next = w.release("v1.3.0");
    let forward = w.fails_at(STAGE, 3);
    assert_eq!(w.runs[&forward].to.release, second);
    assert_eq!(w.stage().dirty.as_ref().unwrap().run, forward);
    assert_eq!(w.live(STAGE), None);
    w.resolve(forward, Resolution::Again);
    w.stage_ends_well();
    assert_eq!(w.status(next), ManualTesting);
}

#[test]
fn a_stage_run_whose_end_is_not_known_waits_for_an_admin() {
    for (verdict, then) in [
        (Resolution::Succeeded, StageTestRollback),
        (Resolution::Failed, StageBuildingFailed),
        (Resolution::Again, StageBuilding),
    ] {
        let mut w = Sim::new();
        w.ship("v1.0.0");
        let r = w.release("v1.1.0");
        let run = w.ends_at(STAGE, 3, Outcome::Lost("the host lost its files".into()));
        assert_eq!((w.status(r), w.live(STAGE)), (StageBuilding, None));
        assert!(w.reason(r).contains("cannot be judged"));
        let other = w.release("v1.2.0");
        assert_eq!(w.status(other), Initiated);
        w.resolve(run, verdict);
        assert_eq!(w.status(r), then);
        assert!(w.live(STAGE).is_some());
        assert!(matches!(w.admin_refused(resolve(run, verdict)).code, Code::NothingToResolve));
        w.stage_ends_well();
    }
}

#[test]
fn a_production_deploy_whose_end_is_not_known_is_resolved() {
    for (verdict, then, finally) in [
        (Resolution::Succeeded, Deployed, Deployed),
        (Resolution::Failed, ProductionRollback, RollbackDone),
        (Resolution::Again, Deploying, Deployed),
    ] {
        let (mut w, _, r) = before_production(Sim::new());
        let run = w.ends_at(PRODUCTION, 4, Outcome::Lost("x".into()));
        w.resolve(run, verdict);
        assert_eq!(w.status(r), then);
        if then == ProductionRollback {
            assert_eq!(w.steps(w.live(PRODUCTION).unwrap())[0], "migrate_down api v1.1.0");
        }
        w.production_ends_well();
        assert_eq!((w.status(r), w.production().mixed.as_ref()), (finally, None));
    }
}

#[test]
fn what_the_lost_run_has_touched_is_remembered_when_it_is_run_again() {
    let (mut w, _, r) = before_production(Sim::new());
    let run = w.ends_at(PRODUCTION, 4, Outcome::Lost("x".into()));
    w.resolve(run, Resolution::Again);
    w.admin(Command::Abort { release: r, reason: "stop".into(), force: false });
    assert_eq!(w.status(r), ProductionRollback, "nothing of the second run has started, but of the first");
    assert_eq!(w.steps(w.live(PRODUCTION).unwrap())[0], "migrate_down api v1.1.0");
}

#[test]
fn a_rollback_whose_end_is_not_known_is_resolved() {
    for (verdict, then) in [
        (Resolution::Succeeded, RollbackDone),
        (Resolution::Failed, RollbackFailed),
        (Resolution::Again, ProductionRollback),
    ] {
        let mut w = Sim::new();
        let old = w.ship("v1.0.0");
        let new = w.ship("v1.1.0");
        w.roll_back(new, None).unwrap();
        let run = w.ends_at(PRODUCTION, 2, Outcome::Lost("x".into()));
        assert_eq!(w.status(new), ProductionRollback);
        w.resolve(run, verdict);
        assert_eq!(w.status(new), then);
        assert_eq!(w.production().dirty.is_some(), then == RollbackFailed);
        if then == ProductionRollback {
            assert_eq!(w.steps(w.live(PRODUCTION).unwrap())[0], "checkout api v1.0.0", "the migrations are down");
            w.production_ends_well();
        }
        assert_eq!(w.runs_what(PRODUCTION) == Some(old), then != RollbackFailed);
    }
}

#[test]
fn a_way_back_from_a_deploy_that_is_not_known_needs_a_second_word() {
    let (mut w, old, r) = before_production(Sim::new());
    let run = w.ends_at(PRODUCTION, 4, Outcome::Lost("x".into()));
    let abort = |force| Command::Abort { release: r, reason: "500s".into(), force };
    let back = |release, force| Command::Rollback { release, to: None, reason: "500s".into(), force };
    for command in [abort(false), back(r, false), back(old, false), back(old, true)] {
        let refusal = w.admin_refused(command);
        assert_eq!(refusal.code, Code::RunUnknown);
        assert!(words(&refusal).contains(&format!("run {run}")), "{refusal:?}");
    }
    w.admin(back(r, true));
    assert_eq!(w.status(r), ProductionRollback);
    w.production_ends_well();
    assert_eq!((w.status(r), w.runs_what(PRODUCTION)), (RollbackDone, Some(old)));
}

#[test]
fn a_rollback_does_not_cut_into_the_automatic_one() {
    let (mut w, old, r) = before_production(Sim::new());
    w.fails_at(PRODUCTION, 4);
    assert_eq!(w.status(r), ProductionRollback);
    assert_eq!(w.roll_back(old, None).unwrap_err().code, Code::ProductionBusy);
    w.production_ends_well();
    assert_eq!(w.status(r), RollbackDone);
}

#[test]
fn a_way_back_that_was_in_doubt_keeps_the_reason_why_it_goes_back() {
    for verdict in [Resolution::Again, Resolution::Succeeded] {
        let (mut w, _, new) = before_production(Sim::new());
        w.fails_at(PRODUCTION, 4);
        let why = w.reason(new);
        for _ in 0..2 {
            let back = w.live(PRODUCTION).unwrap();
            w.ok(&Actor::Machine, Command::RunLost { run: back, reason: "gone".into() });
            assert_eq!(w.reason(new), format!("{why}; the outcome of the rollback is unknown: gone"));
            w.resolve(back, verdict);
            assert_eq!(w.reason(new), why);
            if verdict == Resolution::Succeeded {
                break;
            }
        }
        w.production_ends_well();
        assert_eq!((w.status(new), w.reason(new)), (RollbackDone, why));
    }
}

#[test]
fn a_failed_way_back_that_was_repaired_says_so() {
    for verdict in [Resolution::Again, Resolution::Succeeded] {
        let (mut w, old, new) = before_production(Sim::new());
        w.fails_at(PRODUCTION, 4);
        let back = w.fails_at(PRODUCTION, 1);
        assert_eq!(w.status(new), RollbackFailed);
        w.resolve(back, verdict);
        w.production_ends_well();
        assert_eq!(w.runs_what(PRODUCTION), Some(old));
        assert!(
            w.reason(new).ends_with("it has been repaired since: production runs v1.0.0 (#1)"),
            "{}",
            w.reason(new)
        );
        assert_eq!(w.happened(|event| matches!(event, Event::EnvironmentRepaired { .. })), 1);
    }
}

#[test]
fn a_cancel_is_not_forgotten_when_the_run_is_lost() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let r = w.release("v1.1.0");
    let run = w.works_until(STAGE, 3);
    w.admin(Command::Cancel { release: r, reason: "x".into() });
    w.ok(&Actor::Machine, Command::RunLost { run, reason: "gone".into() });
    assert_eq!(w.status(r), StageBuilding);
    w.resolve(run, Resolution::Succeeded);
    assert_eq!(w.status(r), Cancelled);
    w.stage_ends_well();
    assert_eq!(w.runs_what(STAGE), w.runs_what(PRODUCTION));
}

fn resolve(run: RunId, verdict: Resolution) -> Command {
    Command::Resolve { run, verdict, reason: "looked".into() }
}
