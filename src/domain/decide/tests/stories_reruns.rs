//! A CI run that comes again: the same release, or its next attempt.

use jiff::SignedDuration;

use super::sim::*;
use super::stories_ci::{push, pushed, report, ship, to_manual_testing, uncounted};
use crate::domain::cause::Code;
use crate::domain::command::{Answer, Command};
use crate::domain::event::Event;
use crate::domain::ids::ReleaseId;
use crate::domain::reason::Reason;
use crate::domain::status::Status::*;

#[test]
fn the_same_ci_run_is_the_same_release_and_a_higher_attempt_a_retry() {
    let mut w = Sim::in_ci();
    let r = push(&mut w, "v1.0.0", "1");
    let again = pushed(&mut w, "v1.0.0", "1", 1);
    assert_eq!(w.ok(&ci(), again), Answer::Release { id: r, created: false });
    w.report(r, StageBuilding);
    let other = pushed(&mut w, "v1.0.0", "2", 1);
    let refusal = w.refused(&ci(), other);
    assert_eq!(refusal.code, Code::AlreadyActive);
    assert!(words(&refusal).contains(&format!("#{r}")) && words(&refusal).contains("CI run 1"), "{refusal:?}");
    let renamed = pushed(&mut w, "v2.0.0", "1", 1);
    assert_eq!(w.refused(&ci(), renamed).code, Code::AlreadyActive);
    w.report(r, StageBuildingFailed);
    let again = pushed(&mut w, "v1.0.0", "1", 1);
    assert_eq!(w.refused(&ci(), again).code, Code::AlreadyEnded, "the same attempt begins nothing");
    let rerun = pushed(&mut w, "v1.0.0", "1", 2);
    assert_eq!(w.ok(&ci(), rerun), Answer::Release { id: r, created: true });
    assert_eq!((w.status(r), w.get(r).attempt.0), (Initiated, 2));
    assert_eq!(w.refused(&ci(), report(r, StageBuilding, "1", Some(1))).code, Code::StaleReport);
    w.ok(&ci(), report(r, StageBuilding, "1", Some(2)));
    w.report(r, StageBuildingFailed);
    let other = pushed(&mut w, "v1.0.0", "2", 1);
    assert_eq!(w.ok(&ci(), other), Answer::Release { id: ReleaseId(2), created: true }, "after it ended, a new one");
    let rerun = pushed(&mut w, "v1.0.0", "1", 3);
    assert_eq!(w.refused(&ci(), rerun).code, Code::AlreadyActive, "two releases of one tag do not go together");
}

#[test]
fn a_rerun_without_an_attempt_goes_on_after_a_failure_on_stage_and_nowhere_else() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    for (attempt, before) in [
        (2, [StageBuilding, StageBuildingFailed].as_slice()),
        (3, &[StageBuilding, StageTestRollback, StageTestRollbackFailed]),
    ] {
        before.iter().for_each(|status| w.report(r, *status));
        let again = uncounted(&mut w, "v1.1.0", "2");
        assert_eq!(w.ok(&ci(), again), Answer::Release { id: r, created: true });
        assert_eq!((w.status(r), w.get(r).attempt.0), (Initiated, attempt));
        let twice = uncounted(&mut w, "v1.1.0", "2");
        assert_eq!(w.ok(&ci(), twice), Answer::Release { id: r, created: false });
    }
    w.ok(&ci(), report(r, StageBuilding, "2", None));
    w.report(r, StageTestRollback);
    w.report(r, ManualTesting);
    w.admin(Command::Reject { release: r, reason: "no".into(), seen: None });
    assert_eq!(w.status(r), ManualTestFailed);
    let again = uncounted(&mut w, "v1.1.0", "2");
    let refusal = w.refused(&ci(), again);
    assert_eq!((refusal.code, refusal.legal.contains(&"retry")), (Code::AlreadyEnded, true));
    let counted = pushed(&mut w, "v1.1.0", "2", 2);
    assert_eq!(w.ok(&ci(), counted), Answer::Release { id: r, created: true });
    w.admin(Command::Cancel { release: r, reason: "no".into() });
    for attempt in [2, 3] {
        let again = pushed(&mut w, "v1.1.0", "2", attempt);
        assert_eq!(w.refused(&ci(), again).code, Code::AlreadyEnded);
    }
    let again = uncounted(&mut w, "v1.0.0", "v1.0.0");
    let refusal = w.refused(&ci(), again);
    assert_eq!(refusal.code, Code::AlreadyEnded, "what was deployed is not deployed once more");
    assert!(words(&refusal).contains("another CI run"), "{refusal:?}");
}

#[test]
fn a_job_that_died_on_stage_begins_again_with_its_next_attempt() {
    for reported in [&[StageBuilding][..], &[StageBuilding, StageTestRollback]] {
        let mut w = Sim::in_ci();
        ship(&mut w, "v1.0.0");
        let r = push(&mut w, "v1.1.0", "2");
        reported.iter().for_each(|status| w.report(r, *status));
        let twice = pushed(&mut w, "v1.1.0", "2", 1);
        assert_eq!(w.ok(&ci(), twice), Answer::Release { id: r, created: false }, "the same attempt is the same");
        let rerun = pushed(&mut w, "v1.1.0", "2", 2);
        assert_eq!(w.ok(&ci(), rerun), Answer::Release { id: r, created: true });
        assert_eq!((w.status(r), w.get(r).attempt.0), (Initiated, 2));
        let was = *reported.last().unwrap();
        assert_eq!(w.get(r).reason, Some(Reason::CiBeganAgain { ci_run: "2".into(), was }));
        let late = report(r, StageTestRollback, "2", Some(1));
        assert_eq!(w.refused(&ci(), late).code, Code::StaleReport);
        for status in [StageBuilding, StageTestRollback, ManualTesting] {
            w.ok(&ci(), report(r, status, "2", Some(2)));
        }
        w.everybody_approves(r);
        assert_eq!(w.status(r), ManualTestPassed);
    }
}

#[test]
fn a_job_that_counts_no_attempts_begins_again_while_its_release_is_on_stage() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    for before in [&[StageBuilding][..], &[StageBuilding, StageTestRollback]] {
        before.iter().for_each(|status| w.report(r, *status));
        let again = uncounted(&mut w, "v1.1.0", "2");
        assert_eq!(w.ok(&ci(), again), Answer::Release { id: r, created: true });
        let twice = uncounted(&mut w, "v1.1.0", "2");
        assert_eq!(w.ok(&ci(), twice), Answer::Release { id: r, created: false }, "it has begun already");
    }
    to_manual_testing(&mut w, r);
    w.everybody_approves(r);
    let again = uncounted(&mut w, "v1.1.0", "2");
    assert_eq!(w.ok(&ci(), again), Answer::Release { id: r, created: false }, "the vote is closed");
    assert_eq!(w.status(r), ManualTestPassed);
}

#[test]
fn what_people_test_is_deployed_anew_and_their_votes_are_void() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    to_manual_testing(&mut w, r);
    w.approve("ann", r);
    // Only a part of the jobs is repeated: none of them registers the release again.
    w.ok(&ci(), report(r, StageBuilding, "2", Some(2)));
    assert_eq!((w.status(r), w.get(r).attempt.0), (StageBuilding, 2));
    let said = |event: &Event| {
        matches!(event, Event::ReleaseMoved { to: Initiated, reason: Some(reason), .. }
            if crate::wording::english(reason).contains("approvals are void"))
    };
    assert_eq!(w.happened(said), 1);
    assert_eq!(w.report_refused(r, ManualTesting).code, Code::IllegalTransition);
    w.report(r, StageTestRollback);
    w.report(r, ManualTesting);
    assert_eq!(w.report_refused(r, Deploying).code, Code::GatesUnmet);
    w.everybody_approves(r);
    assert_eq!(w.status(r), ManualTestPassed);
}

#[test]
fn a_run_that_fell_silent_is_over_when_its_ci_run_begins_again() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    w.report(r, StageBuilding);
    w.passes(SignedDuration::from_hours(2));
    let rerun = pushed(&mut w, "v1.1.0", "2", 2);
    assert_eq!(w.ok(&ci(), rerun), Answer::Release { id: r, created: true });
    w.ok(&ci(), report(r, StageBuilding, "2", Some(2)));
    assert_eq!(w.status(r), StageBuilding);
}

/// GitHub's "Re-run failed jobs": the job that has registered the release is not among them, so that nothing but reports comes.
#[test]
fn failed_jobs_that_are_run_again_report_and_register_nothing() {
    let building = [StageBuilding, StageBuildingFailed].as_slice();
    let rehearsal = &[StageBuilding, StageTestRollback, StageTestRollbackFailed];
    for (failed, again, attempt) in [
        (building, StageBuilding, Some(2)),
        (building, StageBuilding, None),
        (rehearsal, StageBuilding, Some(2)),
        (rehearsal, StageBuilding, None),
        (rehearsal, StageTestRollback, Some(2)),
    ] {
        let mut w = Sim::in_ci();
        ship(&mut w, "v1.0.0");
        let r = push(&mut w, "v1.1.0", "2");
        failed.iter().for_each(|status| w.report(r, *status));
        assert_eq!(
            w.refused(&ci(), report(r, StageBuilding, "2", Some(1))).code,
            Code::IllegalTransition,
            "the same attempt"
        );
        w.ok(&ci(), report(r, again, "2", attempt));
        assert_eq!((w.status(r), w.get(r).attempt.0), (again, 2));
        if again == StageBuilding {
            w.ok(&ci(), report(r, StageTestRollback, "2", attempt));
        }
        w.ok(&ci(), report(r, ManualTesting, "2", attempt));
        w.everybody_approves(r);
        assert_eq!(w.status(r), ManualTestPassed);
    }

    // While stage is another release's, it stays failed.
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    building.iter().for_each(|status| w.report(r, *status));
    let other = push(&mut w, "v1.2.0", "3");
    w.report(other, StageBuilding);
    assert_eq!(w.refused(&ci(), report(r, StageBuilding, "2", Some(2))).code, Code::StageBusy);
    assert_eq!((w.status(r), w.status(other)), (StageBuildingFailed, StageBuilding));
}

/// A job that rehearses alone is at work on stage, whichever release has it.
#[test]
fn a_rehearsal_that_is_repeated_on_a_stage_of_another_leaves_nothing_there_to_approve() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    [StageBuilding, StageTestRollback, StageTestRollbackFailed].into_iter().for_each(|status| w.report(r, status));
    let other = push(&mut w, "v1.2.0", "3");
    to_manual_testing(&mut w, other);
    assert_eq!(w.refused(&ci(), report(r, StageTestRollback, "2", Some(2))).code, Code::StageBusy);
    assert_eq!((w.status(r), w.status(other)), (StageTestRollbackFailed, StageTestRollbackFailed));
}

#[test]
fn a_report_without_an_attempt_begins_nothing_after_people_have_decided() {
    let mut w = Sim::in_ci();
    ship(&mut w, "v1.0.0");
    let r = push(&mut w, "v1.1.0", "2");
    to_manual_testing(&mut w, r);
    w.admin(Command::Reject { release: r, reason: "no".into(), seen: None });
    for attempt in [None, Some(2)] {
        assert_eq!(w.refused(&ci(), report(r, StageBuilding, "2", attempt)).code, Code::IllegalTransition);
    }
    assert_eq!(w.status(r), ManualTestFailed);
}
