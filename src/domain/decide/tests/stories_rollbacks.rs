//! Rollbacks that people choose, and what it means for those that come after.

use super::sim::*;
use crate::domain::cause::Code;
use crate::domain::command::{Answer, Command, RollbackTo};
use crate::domain::gate::{GateName, Remedy};
use crate::domain::ids::ReleaseId;
use crate::domain::status::Status::*;
use crate::wording::english;

#[test]
fn two_versions_back_locks_production_until_an_admin_unlocks() {
    let mut w = Sim::new();
    let first = w.ship("v1.0.0");
    let second = w.ship("v1.1.0");
    let third = w.ship("v1.2.0");
    let wrong = w.roll_back(second, None).unwrap_err();
    assert_eq!(wrong.code, Code::NotInProduction);
    assert!(words(&wrong).contains("v1.2.0"), "{wrong:?}");
    assert_eq!(w.roll_back(third, Some("v9")).unwrap_err().code, Code::NoGoodVersion);
    assert_eq!(w.refused(&w.actor("ann"), rollback(third)).code, Code::Forbidden);
    w.roll_back(third, Some("v1.0.0")).unwrap();
    assert_eq!(w.status(third), ProductionRollback);
    let run = w.live(PRODUCTION).unwrap();
    assert_eq!(w.steps(run)[..2], ["migrate_down api v1.2.0", "checkout api v1.0.0"]);
    assert_eq!(w.admin_refused(cancel(third)).code, Code::IllegalTransition);
    w.production_ends_well();
    assert_eq!(w.status(third), RollbackDone);
    assert_eq!(w.get(third).rollback_to_tag, Some(tag("v1.0.0")));
    assert_eq!(w.runs_what(PRODUCTION), Some(first));
    assert_eq!(w.status(second), Deployed);
    let fix = w.release("v1.3.0");
    w.stage_ends_well();
    w.everybody_approves(fix);
    assert_eq!(w.unmet(fix), [GateName::NoLock]);
    assert!(english(&w.production().lock.as_ref().unwrap().reason).contains("broken"));
    w.unlock();
    w.production_ends_well();
    assert_eq!(w.status(fix), Deployed);
    w.roll_back(fix, None).unwrap();
    w.production_ends_well();
    assert_eq!(w.runs_what(PRODUCTION), Some(first), "v1.1.0 was passed over on purpose");
}

#[test]
fn a_lock_never_stops_a_rollback() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let second = w.ship("v1.1.0");
    w.lock();
    w.roll_back(second, None).unwrap();
    w.production_ends_well();
    assert_eq!(w.status(second), RollbackDone);
}

#[test]
fn a_rollback_sends_a_queued_deploy_back_into_the_line() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let second = w.ship("v1.1.0");
    let third = w.release("v1.2.0");
    w.stage_ends_well();
    w.everybody_approves(third);
    assert!(w.live(PRODUCTION).is_some());
    w.roll_back(second, None).unwrap();
    w.production_ends_well();
    assert_eq!((w.status(second), w.status(third)), (RollbackDone, StageTestRollback));
}

#[test]
fn after_a_rollback_the_release_can_be_retried() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let second = w.ship("v1.1.0");
    w.roll_back(second, None).unwrap();
    w.production_ends_well();
    w.unlock();
    w.ok(&w.actor("mia"), Command::Retry { release: second });
    assert_eq!(w.get(second).rollback_to_tag, None);
    w.stage_ends_well();
    w.everybody_approves(second);
    w.production_ends_well();
    assert_eq!((w.status(second), w.runs_what(PRODUCTION)), (Deployed, Some(second)));
}

#[test]
fn a_retried_older_release_is_undone_on_stage_with_its_own_code() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let old = w.release("v1.1.0");
    w.fails_at(STAGE, 0);
    assert_eq!(w.status(old), StageBuildingFailed);
    let newer = w.ship("v1.2.0");
    w.ok(&w.actor("mia"), Command::Retry { release: old });
    w.stage_ends_well();
    assert_eq!(w.status(old), ManualTesting);
    w.admin(cancel(old));
    let run = w.live(STAGE).unwrap();
    assert_eq!(w.steps(run)[..2], ["migrate_down api v1.1.0", "checkout api v1.2.0"]);
    w.stage_ends_well();
    assert_eq!(w.runs_what(STAGE), Some(newer));
}

#[test]
fn a_new_release_of_an_older_version_is_pointed_to_rollback_where_there_is_a_way_back() {
    let mut w = Sim::new();
    for (running, older, way_back) in [("v1.2.0", "v1.1.0", false), ("v1.2.1", "v1.1.1", true)] {
        w.ship(running);
        let old = w.release(older);
        w.stage_ends_well();
        w.everybody_approves(old);
        assert_eq!(w.unmet(old), [GateName::NotADowngrade]);
        let refusal = w.admin_refused(Command::Promote { release: old });
        let remedy = refusal.unmet[0].remedy.clone();
        assert_eq!(matches!(remedy, Some(Remedy::RollBack { .. })), way_back, "{refusal:?}");
    }
    let next = w.release("v1.3.0");
    w.stage_ends_well();
    w.everybody_approves(next);
    w.works_until(PRODUCTION, 0);
    assert_eq!(w.status(next), Deploying, "it does not hold up the others");
}

#[test]
fn a_rollback_names_its_target_by_number_too() {
    let mut w = Sim::new();
    let first = w.ship("v1.0.0");
    w.ship("v1.1.0");
    let third = w.ship("v1.2.0");
    let to = Some(RollbackTo::Release(first));
    let answer = w.admin(Command::Rollback { release: third, to, reason: "x".into(), force: false });
    assert_eq!(answer, Answer::Release { id: third, created: false });
    let lone = w.runs[&w.live(PRODUCTION).unwrap()].to.release;
    assert_eq!(lone, first);
}

fn cancel(release: ReleaseId) -> Command {
    Command::Cancel { release, reason: "not now".into() }
}

fn rollback(release: ReleaseId) -> Command {
    Command::Rollback { release, to: None, reason: "broken".into(), force: false }
}

#[test]
fn of_production_that_needs_repair_it_is_not_said_what_it_runs() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let failed = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(failed);
    w.fails_at(PRODUCTION, 2);
    w.fails_at(PRODUCTION, 0);
    assert_eq!(w.status(failed), RollbackFailed);
    let refused = w.roll_back(failed, None).unwrap_err();
    assert_eq!((refused.code, &refused.legal[..]), (Code::ProductionBusy, &["resolve"][..]), "{refused:?}");
}
