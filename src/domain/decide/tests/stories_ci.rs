//! The life cycle in environments that a CI system runs: reports move it, along the arrows only.

use jiff::SignedDuration;

use super::sim::*;
use crate::domain::cause::Code;
use crate::domain::command::{Answer, Command, NewRelease, Resolution};
use crate::domain::event::Event;
use crate::domain::gate::GateName;
use crate::domain::ids::ReleaseId;
use crate::domain::person::Actor;
use crate::domain::reason::Reason;
use crate::domain::run::RunState;
use crate::domain::status::Status::{self, *};

pub(super) fn report(release: ReleaseId, status: Status, ci_run: &str, attempt: Option<u32>) -> Command {
    Command::Report { release, status, ci_run: Some(reporter(ci_run, attempt)) }
}

/// The concept's own request: a tag, a CI run, no commit.
pub(super) fn pushed(w: &mut Sim, name: &str, id: &str, attempt: u32) -> Command {
    Command::Create(NewRelease { commit: None, ci_run: Some(ci_run(id, attempt)), ..w.new_release(name) })
}

/// The same request again, from a CI system that does not count attempts.
pub(super) fn uncounted(w: &mut Sim, name: &str, id: &str) -> Command {
    match pushed(w, name, id, 1) {
        Command::Create(new) => Command::Create(NewRelease { attempt_told: false, ..new }),
        other => panic!("{other:?}"),
    }
}

pub(super) fn push(w: &mut Sim, name: &str, id: &str) -> ReleaseId {
    let command = pushed(w, name, id, 1);
    match w.ok(&ci(), command) {
        Answer::Release { id, created: true } => id,
        other => panic!("{other:?}"),
    }
}

pub(super) fn to_manual_testing(w: &mut Sim, release: ReleaseId) {
    for status in [StageBuilding, StageTestRollback, ManualTesting] {
        w.report(release, status);
    }
}

pub(super) fn ship(w: &mut Sim, name: &str) -> ReleaseId {
    let release = push(w, name, name);
    to_manual_testing(w, release);
    w.everybody_approves(release);
    w.report(release, Deploying);
    w.report(release, Deployed);
    release
}

#[test]
fn the_calls_of_the_concept_are_enough() {
    let mut w = Sim::in_ci();
    let first = push(&mut w, "v1.0.0", "1");
    w.report(first, StageBuilding);
    w.report(first, StageTestRollback);
    assert_eq!(w.status(first), ManualTesting, "the first release has nothing to rehearse");
    w.report(first, ManualTesting);
    assert_eq!(w.report_refused(first, Deploying).code, Code::GatesUnmet);
    w.everybody_approves(first);
    assert_eq!(w.status(first), ManualTestPassed);
    w.report(first, Deploying);
    w.report(first, Deployed);
    assert_eq!((w.runs_what(STAGE), w.runs_what(PRODUCTION)), (Some(first), Some(first)));

    let second = push(&mut w, "v1.1.0", "2");
    w.report(second, StageBuilding);
    w.report(second, StageTestRollback);
    assert_eq!(w.status(second), StageTestRollback);
    w.report(second, ManualTesting);
    assert_eq!(w.get(second).rehearsal.as_ref().unwrap().against, Some(first));
    w.everybody_approves(second);
    w.report(second, Deploying);
    w.report(second, ProductionRollback);
    assert_eq!(w.get(second).rollback_to_tag, Some(tag("v1.0.0")));
    w.report(second, RollbackDone);
    assert_eq!((w.status(second), w.runs_what(PRODUCTION)), (RollbackDone, Some(first)));
    assert_eq!(w.production().lock, None, "the automatic rollback does not lock");
}

#[test]
fn an_end_is_repeated_by_the_ci_run_that_has_told_it_and_by_no_other() {
    let mut w = Sim::in_ci();
    let release = push(&mut w, "v1.0.0", "1");
    to_manual_testing(&mut w, release);
    w.everybody_approves(release);
    w.ok(&ci(), report(release, Deploying, "77", Some(2)));
    w.ok(&ci(), report(release, Deployed, "77", Some(2)));
    w.ok(&ci(), report(release, Deployed, "77", Some(2)));
    w.ok(&ci(), report(release, Deployed, "77", None));
    w.report(release, Deployed);
    assert_eq!(w.refused(&ci(), report(release, Deployed, "78", None)).code, Code::StaleReport);

    // One that never said which CI run it is cannot be told from others when another release has come after it.
    let unnamed = push(&mut w, "v1.0.1", "11");
    to_manual_testing(&mut w, unnamed);
    w.everybody_approves(unnamed);
    w.report(unnamed, Deploying);
    w.report(unnamed, Deployed);
    w.ok(&ci(), report(unnamed, Deployed, "90", None));
    ship(&mut w, "v1.0.2");
    let refusal = w.refused(&ci(), report(unnamed, Deployed, "90", None));
    assert_eq!((refusal.code, words(&refusal).contains("is over")), (Code::StaleReport, true), "{refusal:?}");
    w.ok(&ci(), report(unnamed, Deployed, "11", None));
    w.report(unnamed, Deployed);

    // It went back, and was tried again: another CI run may deploy it then.
    let newer = push(&mut w, "v1.1.0", "2");
    to_manual_testing(&mut w, newer);
    w.everybody_approves(newer);
    w.ok(&ci(), report(newer, Deploying, "79", None));
    w.ok(&ci(), report(newer, ProductionRollback, "79", None));
    w.ok(&ci(), report(newer, RollbackDone, "79", None));
    assert_eq!(w.refused(&ci(), report(newer, RollbackDone, "77", None)).code, Code::StaleReport);
    w.admin(Command::Retry { release: newer });
    to_manual_testing(&mut w, newer);
    w.everybody_approves(newer);
    w.ok(&ci(), report(newer, Deploying, "80", None));
}

#[test]
fn the_reports_of_a_first_release_do_not_fail_when_people_were_quick() {
    let mut w = Sim::in_ci();
    let r = push(&mut w, "v1.0.0", "1");
    w.report(r, StageBuilding);
    w.report(r, StageTestRollback);
    w.everybody_approves(r);
    w.report(r, ManualTesting);
    assert_eq!(w.status(r), ManualTestPassed);
}

#[test]
fn deploying_is_refused_with_the_list_of_gates_until_all_are_clear() {
    let mut w = Sim::in_ci();
    let r = push(&mut w, "v1.0.0", "1");
    assert_eq!(w.report_refused(r, Deploying).code, Code::GatesUnmet);
    to_manual_testing(&mut w, r);
    w.lock();
    w.approve("ann", r);
    let refusal = w.report_refused(r, Deploying);
    assert_eq!(refusal.code, Code::GatesUnmet);
    let unmet: Vec<_> = refusal.unmet.iter().map(|gate| gate.name).collect();
    assert_eq!(unmet, [GateName::Approvals, GateName::NoLock]);
    w.approve("bob", r);
    w.approve("cid", r);
    assert_eq!(w.report_refused(r, Deploying).unmet.len(), 1);
    w.unlock();
    w.report(r, Deploying);
}

#[test]
fn rmm_runs_stage_and_the_ci_system_runs_production() {
    let mut w = Sim::with(|service| in_ci(service, PRODUCTION));
    let r = w.release("v1.0.0");
    assert_eq!(w.report_refused(r, StageBuilding).code, Code::NotReportedByCi);
    w.stage_ends_well();
    w.everybody_approves(r);
    assert_eq!((w.status(r), w.live(PRODUCTION)), (ManualTestPassed, None));
    w.ok(&ci(), report(r, Deploying, "77", None));
    assert_eq!(w.refused(&ci(), report(r, Deployed, "78", None)).code, Code::StaleReport);
    w.ok(&ci(), report(r, Deployed, "77", None));
    assert_eq!(w.status(r), Deployed);
    assert_eq!(w.report_refused(r, ManualTestPassed).code, Code::NotReportedByCi);
}

#[test]
fn the_same_report_twice_changes_nothing() {
    let mut w = Sim::in_ci();
    let r = push(&mut w, "v1.0.0", "1");
    w.report(r, StageBuilding);
    let before = w.get(r).clone();
    w.report(r, StageBuilding);
    assert_eq!(*w.get(r), before);
    let heard = w.runs.values().next().unwrap().heard_at;
    assert_eq!(heard, Some(w.now), "but shows that the CI system is alive");
}

#[test]
fn reports_that_skip_an_arrow_are_refused_with_the_legal_ones() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    w.report(r, StageBuilding);
    let refusal = w.report_refused(r, ManualTesting);
    assert_eq!(refusal.code, Code::IllegalTransition);
    assert_eq!(refusal.legal, ["stage_test_rollback", "stage_building_failed", "cancel"]);
    assert_eq!(w.report_refused(r, Deployed).code, Code::IllegalTransition);
}

#[test]
fn stage_is_busy_until_the_release_before_has_left_manual_testing() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let first = push(&mut w, "v1.1.0", "2");
    let second = push(&mut w, "v1.2.0", "3");
    w.report(first, StageBuilding);
    for status in [StageTestRollback, ManualTesting] {
        let refusal = w.report_refused(second, StageBuilding);
        assert_eq!(refusal.code, Code::StageBusy);
        assert!(words(&refusal).contains("v1.1.0"));
        w.report(first, status);
    }
    assert_eq!(w.report_refused(second, StageBuilding).code, Code::StageBusy);
    w.everybody_approves(first);
    w.report(second, StageBuilding);
}

#[test]
fn a_script_that_goes_to_a_busy_stage_all_the_same_leaves_nothing_there_to_approve() {
    for reached in [StageBuilding, StageTestRollback, ManualTesting] {
        let mut w = Sim::in_ci();
        ship(&mut w, "v1.0.0");
        let first = push(&mut w, "v1.1.0", "2");
        let second = push(&mut w, "v1.2.0", "3");
        for status in [StageBuilding, StageTestRollback, ManualTesting] {
            w.report(first, status);
            if status == reached {
                break;
            }
        }
        if reached == ManualTesting {
            w.approve("ann", first);
        }
        assert_eq!(w.report_refused(second, StageBuilding).code, Code::StageBusy);
        assert_eq!(w.status(first), reached, "what is refused is not done, as far as RMM knows");
        let ended = if reached == StageBuilding { StageBuildingFailed } else { StageTestRollbackFailed };
        assert_eq!(w.report_refused(second, StageTestRollback).code, Code::IllegalTransition);
        assert_eq!(w.status(first), ended);
        assert_eq!(w.get(first).reason, Some(Reason::StageOvertaken { by: second, title: "v1.2.0".into() }));
        assert_eq!(w.runs_what(STAGE), Some(second), "its CI says so");
        assert_eq!(w.report_refused(second, ManualTesting).code, Code::IllegalTransition);
        for release in [first, second] {
            w.refused(&w.actor("bob"), Command::Approve { release, seen: None });
        }
        // Either of them goes the whole way when its CI is run again.
        to_manual_testing(&mut w, second);
        let again = uncounted(&mut w, "v1.1.0", "2");
        assert_eq!(w.ok(&ci(), again), Answer::Release { id: first, created: true });
        w.everybody_approves(second);
        to_manual_testing(&mut w, first);
        assert_eq!(w.status(first), ManualTesting, "ann's yes to what she saw then does not count");
    }
}

/// Makes a release that ends, and another one that people test on stage.
type Way<'a> = &'a dyn Fn(&mut Sim) -> (ReleaseId, ReleaseId);

/// Whatever has become of the release whose script goes on, or begins again: what people test on stage is not theirs any more.
#[test]
fn the_script_of_a_release_that_has_ended_leaves_nothing_on_stage_to_approve() {
    let superseded = |w: &mut Sim| {
        w.service.supersede = true;
        let old = push(w, "v1.1.0", "2");
        w.report(old, StageBuilding);
        let new = push(w, "v1.2.0", "3");
        to_manual_testing(w, new);
        assert_eq!(w.status(old), Cancelled);
        (old, new)
    };
    let after = |end: fn(&mut Sim, ReleaseId)| {
        move |w: &mut Sim| {
            let old = push(w, "v1.1.0", "2");
            end(w, old);
            let new = push(w, "v1.2.0", "3");
            to_manual_testing(w, new);
            (old, new)
        }
    };
    let cancelled = after(|w, old| {
        w.report(old, StageBuilding);
        w.admin(Command::Cancel { release: old, reason: "not now".into() });
    });
    let rejected = after(|w, old| {
        to_manual_testing(w, old);
        w.admin(Command::Reject { release: old, reason: "no".into(), seen: None });
    });
    let deployed = after(|w, old| {
        to_manual_testing(w, old);
        w.everybody_approves(old);
        w.report(old, Deploying);
        w.report(old, Deployed);
    });
    let deploying = after(|w, old| {
        to_manual_testing(w, old);
        w.everybody_approves(old);
        w.report(old, Deploying);
    });
    let ways: [Way<'_>; 5] = [&superseded, &cancelled, &rejected, &deployed, &deploying];
    for way in ways {
        let mut w = Sim::in_ci();
        ship(&mut w, "v1.0.0");
        let (old, new) = way(&mut w);
        let was = w.status(old);
        w.refused(&ci(), report(old, ManualTesting, "2", None));
        assert_eq!(w.status(old), was, "its own end stands");
        assert_eq!(w.status(new), StageTestRollbackFailed, "{was:?}");
        assert_eq!(w.get(new).reason, Some(Reason::StageOvertaken { by: old, title: "v1.1.0".into() }));
        assert_eq!(w.runs_what(STAGE), Some(old));
        w.refused(&w.actor("bob"), Command::Approve { release: new, seen: None });
    }
}

#[test]
fn so_it_is_where_the_vote_closes_while_the_script_goes_to_the_busy_stage() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let first = push(&mut w, "v1.1.0", "2");
    let second = push(&mut w, "v1.2.0", "3");
    to_manual_testing(&mut w, first);
    assert_eq!(w.report_refused(second, StageBuilding).code, Code::StageBusy);
    w.everybody_approves(first);
    assert_eq!(w.status(first), ManualTestPassed);
    assert_eq!(w.report_refused(second, StageTestRollback).code, Code::IllegalTransition);
    assert_eq!((w.status(first), w.runs_what(STAGE)), (StageTestRollbackFailed, Some(second)));
    assert_eq!(w.report_refused(first, Deploying).code, Code::IllegalTransition);

    // What has begun in production goes on.
    let again = uncounted(&mut w, "v1.1.0", "2");
    w.ok(&ci(), again);
    to_manual_testing(&mut w, first);
    let third = push(&mut w, "v1.3.0", "4");
    assert_eq!(w.report_refused(third, StageBuilding).code, Code::StageBusy);
    w.everybody_approves(first);
    w.report(first, Deploying);
    w.report_refused(third, StageTestRollback);
    assert_eq!(w.status(first), Deploying);
}

#[test]
fn the_ci_run_of_another_service_says_nothing_here_unless_it_has_created_this_release_too() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let release = push(&mut w, "v1.1.0", "2");
    w.elsewhere = vec!["900".into(), "2".into()];
    to_manual_testing(&mut w, release);
    w.everybody_approves(release);
    w.report(release, Deploying);
    assert_eq!(w.refused(&ci(), report(release, ProductionRollback, "900", None)).code, Code::StaleReport);
    assert_eq!(w.status(release), Deploying);
    w.ok(&ci(), report(release, Deployed, "2", None));
    assert_eq!(w.status(release), Deployed);
}

#[test]
fn with_supersede_a_newer_report_takes_stage_and_an_older_one_does_not() {
    let mut w = Sim::in_ci();
    w.service.supersede = true;
    ship(&mut w, "v1.0.0");
    let first = push(&mut w, "v1.1.0", "2");
    let second = push(&mut w, "v1.2.0", "3");
    let third = push(&mut w, "v1.3.0", "4");
    w.report(second, StageBuilding);
    assert_eq!(w.report_refused(first, StageBuilding).code, Code::StageBusy);
    w.report(third, StageBuilding);
    assert_eq!((w.status(second), w.status(third)), (Cancelled, StageBuilding));
}

#[test]
fn the_ci_run_of_one_release_says_nothing_about_another() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    let none = w.release("v1.2.0");
    assert_eq!(w.refused(&ci(), report(none, StageBuilding, "2", None)).code, Code::StaleReport);
    to_manual_testing(&mut w, r);
    w.everybody_approves(r);
    assert_eq!(w.refused(&ci(), report(r, Deploying, "v1.0.0", None)).code, Code::StaleReport);
    w.report(r, Deploying);
    for status in [ProductionRollback, Deployed] {
        let refusal = w.refused(&ci(), report(r, status, "v1.0.0", None));
        assert_eq!(refusal.code, Code::StaleReport);
        assert!(words(&refusal).contains("v1.0.0"), "{refusal:?}");
    }
    assert_eq!(w.status(r), Deploying);
    w.ok(&ci(), report(r, ProductionRollback, "deploy-2", None));
    assert_eq!(w.refused(&ci(), report(r, RollbackDone, "deploy-1", None)).code, Code::StaleReport);
    w.ok(&ci(), report(r, RollbackDone, "deploy-2", None));
}

#[test]
fn a_stale_report_is_refused_and_on_the_record() {
    let mut w = Sim::in_ci();
    let r = push(&mut w, "v1.0.0", "1");
    let refused = w.refused(&ci(), report(r, StageBuilding, "9", None));
    assert_eq!(refused.code, Code::StaleReport);
    assert_eq!(w.happened(|event| matches!(event, Event::ReportRefused { .. })), 1);
    w.report(r, StageBuilding);
    w.report(r, StageBuildingFailed);
    w.ok(&w.actor("mia"), Command::Retry { release: r });
    assert_eq!(w.refused(&ci(), report(r, StageBuildingFailed, "1", Some(1))).code, Code::StaleReport);
    w.ok(&ci(), report(r, StageBuilding, "5", None));
    assert_eq!(w.get(r).ci_run.as_ref().unwrap().id, "5", "after a retry another CI run may take over");
    assert_eq!(w.refused(&ci(), report(r, StageBuildingFailed, "1", Some(2))).code, Code::StaleReport);
}

#[test]
fn a_stage_that_stays_silent_is_unknown_and_an_admin_resolves_it() {
    for (verdict, then) in [
        (Resolution::Succeeded, StageTestRollback),
        (Resolution::Failed, StageBuildingFailed),
        (Resolution::Again, StageBuilding),
    ] {
        let mut w = Sim::in_ci();
        ship(&mut w, "v1.0.0");
        let r = push(&mut w, "v1.1.0", "2");
        w.report(r, StageBuilding);
        w.passes(SignedDuration::from_mins(61));
        let run = w.runs.values().last().unwrap().clone();
        assert!(matches!(run.state, RunState::Unknown { .. }));
        assert_eq!(w.status(r), StageBuilding);
        w.resolve(run.id, verdict);
        assert_eq!(w.status(r), then);
    }
}

#[test]
fn a_late_report_settles_what_was_unknown() {
    let mut w = Sim::in_ci();
    let r = push(&mut w, "v1.0.0", "1");
    to_manual_testing(&mut w, r);
    w.everybody_approves(r);
    w.report(r, Deploying);
    w.passes(SignedDuration::from_mins(61));
    assert!(w.reason(r).contains("said nothing"));
    w.report(r, Deployed);
    assert_eq!(w.status(r), Deployed);
}

#[test]
fn production_that_stays_silent_is_resolved() {
    for (verdict, then) in
        [(Resolution::Succeeded, Deployed), (Resolution::Failed, ProductionRollback), (Resolution::Again, Deploying)]
    {
        let mut w = Sim::in_ci();
        ship(&mut w, "v1.0.0");
        let r = push(&mut w, "v1.1.0", "2");
        to_manual_testing(&mut w, r);
        w.everybody_approves(r);
        w.report(r, Deploying);
        w.passes(SignedDuration::from_mins(61));
        let run = w.runs.values().last().unwrap().id;
        w.resolve(run, verdict);
        assert_eq!(w.status(r), then);
        if then == ProductionRollback {
            w.ok(&ci(), report(r, RollbackDone, "another", None));
            assert_eq!(w.status(r), RollbackDone);
        }
    }
}

#[test]
fn what_is_not_known_on_stage_keeps_others_away() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let first = push(&mut w, "v1.1.0", "2");
    w.report(first, StageBuilding);
    w.passes(SignedDuration::from_mins(61));
    w.admin(Command::Cancel { release: first, reason: "x".into() });
    let second = push(&mut w, "v1.2.0", "3");
    let refusal = w.report_refused(second, StageBuilding);
    assert_eq!(refusal.code, Code::StageBusy);
    assert!(words(&refusal).contains("not known"), "{refusal:?}");
    w.resolve(w.runs.values().last().unwrap().id, Resolution::Failed);
    w.report(second, StageBuilding);
}

#[test]
fn a_rollback_of_a_deployed_release_waits_for_the_report_of_its_end() {
    let mut w = Sim::in_ci();
    let first = ship(&mut w, "v1.0.0");
    let second = ship(&mut w, "v1.1.0");
    w.roll_back(second, None).unwrap();
    w.ok(&ci(), report(second, ProductionRollback, "rb", None));
    assert_eq!(w.refused(&ci(), report(second, RollbackDone, "other", None)).code, Code::StaleReport);
    w.ok(&ci(), report(second, RollbackDone, "rb", None));
    assert_eq!((w.status(second), w.runs_what(PRODUCTION)), (RollbackDone, Some(first)));
    assert!(w.production().lock.is_some());
}

#[test]
fn aborting_waits_for_the_way_back_that_the_ci_system_takes() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    to_manual_testing(&mut w, r);
    w.everybody_approves(r);
    w.ok(&ci(), report(r, Deploying, "d", None));
    w.admin(Command::Abort { release: r, reason: "500s".into(), force: false });
    assert_eq!(w.status(r), ProductionRollback);
    assert_eq!(w.report_refused(r, Deployed).code, Code::IllegalTransition);
    w.report(r, RollbackFailed);
    assert_eq!(w.status(r), RollbackFailed);
    let run = w.production().dirty.as_ref().unwrap().run;
    let next = push(&mut w, "v1.2.0", "3");
    to_manual_testing(&mut w, next);
    w.everybody_approves(next);
    assert_eq!(w.unmet(next), [GateName::ProductionClean]);
    w.resolve(run, Resolution::Succeeded);
    assert_eq!(w.unmet(next), []);
}

#[test]
fn a_rehearsal_that_went_stale_has_to_be_reported_again() {
    let mut w = Sim::in_ci();
    let first = ship(&mut w, "v1.0.0");
    let second = ship(&mut w, "v1.1.0");
    let r = push(&mut w, "v1.2.0", "3");
    to_manual_testing(&mut w, r);
    w.everybody_approves(r);
    w.roll_back(second, None).unwrap();
    w.report(second, RollbackDone);
    assert_eq!(w.status(r), StageTestRollback);
    w.report(r, ManualTesting);
    assert_eq!(w.status(r), ManualTestPassed, "the approvals stay");
    assert_eq!(w.get(r).rehearsal.as_ref().unwrap().against, Some(first));
    w.unlock();
    w.report(r, Deploying);
}

#[test]
fn a_commit_that_becomes_known_during_the_vote_takes_no_vote_away() {
    let mut w = Sim::in_ci();
    let r = push(&mut w, "v1.0.0", "1");
    to_manual_testing(&mut w, r);
    w.approve("ann", r);
    w.ok(&Actor::Machine, Command::CommitResolved { release: r, commit: commit("v1.0.0"), tag_object: None });
    w.approve("bob", r);
    w.approve("cid", r);
    assert_eq!(w.status(r), ManualTestPassed);
    w.report(r, Deploying);
}

#[test]
fn a_first_production_deploy_that_fails_has_nothing_to_go_back_to() {
    let mut w = Sim::in_ci();
    let r = push(&mut w, "v1.0.0", "1");
    to_manual_testing(&mut w, r);
    w.everybody_approves(r);
    w.report(r, Deploying);
    w.report(r, ProductionRollback);
    assert_eq!(w.status(r), RollbackFailed);
    assert!(w.reason(r).contains("nothing to go back to"));
    w.report(r, RollbackFailed);
}

#[test]
fn a_token_for_another_service_is_kept_out() {
    let mut w = Sim::in_ci();
    let r = push(&mut w, "v1.0.0", "1");
    let services = vec![crate::domain::ids::ServiceName::parse("service", "other").unwrap()];
    let other = Actor::Token { name: "x".into(), role: crate::domain::person::Role::Ci, services };
    assert_eq!(w.refused(&other, report(r, StageBuilding, "1", None)).code, Code::Forbidden);
    let create = pushed(&mut w, "v2.0.0", "2", 1);
    assert_eq!(w.refused(&other, create).code, Code::Forbidden);
}

#[test]
fn a_rollback_that_ci_is_to_do_waits_for_it_until_it_has_spoken() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let second = ship(&mut w, "v1.1.0");
    let back = Command::Rollback { release: second, to: None, reason: "slow".into(), force: false };
    w.admin(back);
    let run = w.live(PRODUCTION).unwrap();
    assert!(w.runs[&run].waits_for_ci(), "CI has not begun");
    assert_eq!(w.runs[&run].waiting, None, "where RMM starts no workflow at all, CI knows what it has to do");
    w.report(second, ProductionRollback);
    assert!(!w.runs[&run].waits_for_ci());
    w.report(second, RollbackDone);
    assert_eq!(w.status(second), RollbackDone);
}

#[test]
fn a_rollback_that_ci_never_begins_is_unknown_after_its_time() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let second = ship(&mut w, "v1.1.0");
    w.admin(Command::Rollback { release: second, to: None, reason: "slow".into(), force: false });
    let run = w.live(PRODUCTION).unwrap();
    w.passes(SignedDuration::from_hours(2));
    w.ok(&Actor::Machine, Command::Advance);
    assert!(matches!(w.runs[&run].state, RunState::Unknown { reason: Reason::CiSilent { .. } }));
    assert!(!w.runs[&run].waits_for_ci());
}
