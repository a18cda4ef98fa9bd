//! Workflows of GitHub that RMM starts: the last approval dispatches the deploy, a failure the rollback, and RMM goes by
//! what GitHub and the workflow say.

use jiff::SignedDuration;

use super::sim::*;
use crate::domain::cause::Code;
use crate::domain::command::{Answer, Command};
use crate::domain::effect::Effect;
use crate::domain::event::Event;
use crate::domain::fault::github::GithubFault;
use crate::domain::gate::GateName;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::person::Actor;
use crate::domain::reason::Reason;
use crate::domain::release::{Reporter, Shown};
use crate::domain::run::{RunKind, RunState};
use crate::domain::service::Driver;
use crate::domain::status::Status::{self, *};
use crate::domain::workflow::{DispatchState, SeenRun, WorkflowEnd};
use crate::wording::{Language, english};

fn with_workflows() -> Sim {
    Sim::with(by_workflows)
}

/// A release that everybody has approved, and the run of its deploy.
fn approved(w: &mut Sim, name: &str) -> (ReleaseId, RunId) {
    let release = w.release(name);
    w.stage_ends_well();
    w.everybody_approves(release);
    (release, w.live(PRODUCTION).unwrap())
}

fn machine(w: &mut Sim, command: Command) {
    w.ok(&Actor::Machine, command);
}

fn asked(w: &mut Sim, run: RunId) {
    machine(w, Command::DispatchAsked { run });
}

fn seen(w: &mut Sim, run: RunId, id: &str) {
    let seen = SeenRun { id: id.into(), attempt: 1, url: Some(format!("https://github.example/runs/{id}")) };
    machine(w, Command::DispatchTaken { run, seen: Some(seen) });
}

fn ends(w: &mut Sim, run: RunId, end: WorkflowEnd) {
    machine(w, Command::WorkflowEnded { run, end });
}

fn failure() -> WorkflowEnd {
    WorkflowEnd::Failure(Reason::WorkflowFailed { workflow: "deploy.yaml".into(), conclusion: "failure".into() })
}

fn never_began() -> WorkflowEnd {
    WorkflowEnd::NeverBegan(Reason::WorkflowNeverBegan {
        workflow: "deploy.yaml".into(),
        conclusion: "cancelled".into(),
    })
}

fn says(w: &mut Sim, release: ReleaseId, status: Status, ci_run: &str) {
    w.ok(&ci(), Command::Report { release, status, ci_run: Some(reporter(ci_run, Some(1))) });
}

fn deployed(w: &mut Sim, name: &str, id: &str) -> ReleaseId {
    let (release, run) = approved(w, name);
    asked(w, run);
    seen(w, run, id);
    ends(w, run, WorkflowEnd::Success);
    assert_eq!(w.status(release), Deployed);
    release
}

#[test]
fn the_last_approval_starts_the_workflow_and_its_end_is_the_deploys() {
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    assert!(w.effects.contains(&Effect::FollowWorkflow { run }));
    assert_eq!((w.status(release), &w.runs[&run].state), (ManualTestPassed, &RunState::Queued));
    asked(&mut w, run);
    machine(&mut w, Command::DispatchTaken { run, seen: None });
    assert_eq!(w.status(release), ManualTestPassed, "GitHub has said yes, and its run is not known yet");
    seen(&mut w, run, "77");
    assert_eq!((w.status(release), w.runs[&run].ci_run.as_deref()), (Deploying, Some("77")));
    seen(&mut w, run, "78");
    assert_eq!(w.runs[&run].ci_run.as_deref(), Some("77"), "the first that was seen is the run's");
    ends(&mut w, run, WorkflowEnd::Success);
    assert_eq!((w.status(release), w.runs_what(PRODUCTION)), (Deployed, Some(release)));
    ends(&mut w, run, failure());
    assert_eq!(w.status(release), Deployed, "an end that is told late changes nothing");
}

#[test]
fn the_workflow_may_speak_before_github_says_which_run_it_is() {
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    says(&mut w, release, Deploying, "77");
    assert_eq!((w.status(release), w.runs[&run].ci_run.as_deref()), (Deploying, Some("77")));
    assert_eq!(w.runs.values().filter(|run| run.environment == PRODUCTION).count(), 1);
    let other = Command::Report { release, status: Deployed, ci_run: Some(reporter("78", None)) };
    assert_eq!(w.refused(&ci(), other).code, Code::StaleReport);
    says(&mut w, release, Deployed, "77");
    ends(&mut w, run, WorkflowEnd::Success);
    assert_eq!(w.status(release), Deployed);
}

#[test]
fn a_run_that_github_shows_for_something_else_is_not_taken_for_the_dispatch() {
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    let other = Reporter { shown: Shown::Other, ..reporter("66", None) };
    for status in [Deploying, Deployed, ProductionRollback] {
        let report = Command::Report { release, status, ci_run: Some(other.clone()) };
        assert_eq!(w.refused(&ci(), report).code, Code::StaleReport);
    }
    // Nor is any while GitHub does not say which one it is: it has to come again.
    let unshown = Reporter { shown: Shown::NotYet, ..reporter("66", None) };
    for status in [Deploying, Deployed, ProductionRollback, RollbackDone] {
        let report = Command::Report { release, status, ci_run: Some(unshown.clone()) };
        assert_eq!(w.refused(&ci(), report).code, Code::ReporterNotKnown);
    }
    assert_eq!((w.status(release), w.live(PRODUCTION)), (ManualTestPassed, Some(run)));
    // What GitHub said is out of date when the run is known meanwhile.
    seen(&mut w, run, "66");
    w.ok(&ci(), Command::Report { release, status: Deployed, ci_run: Some(other) });
    assert_eq!(w.status(release), Deployed);
}

#[test]
fn a_rollback_that_the_workflow_does_itself_knows_for_whom_it_was_started() {
    let mut w = with_workflows();
    deployed(&mut w, "v1.0.0", "77");
    let (bad, run) = approved(&mut w, "v1.1.0");
    asked(&mut w, run);
    for status in [Deploying, ProductionRollback] {
        w.report(bad, status);
    }
    let back = w.live(PRODUCTION).unwrap();
    let dispatch = w.runs[&back].dispatch.clone().unwrap();
    assert_eq!((dispatch.dispatched_for, w.runs[&back].ci_run.clone()), (Some(run), None));
}

#[test]
fn a_report_without_a_dispatch_is_held_up_by_the_gates_as_ever() {
    let mut w = with_workflows();
    let release = w.release("v1.0.0");
    w.stage_ends_well();
    assert_eq!(w.report_refused(release, Deploying).code, Code::GatesUnmet);
}

#[test]
fn a_workflow_that_fails_is_rolled_back_by_the_other_one() {
    let mut w = with_workflows();
    let good = deployed(&mut w, "v1.0.0", "77");
    let (bad, run) = approved(&mut w, "v1.1.0");
    asked(&mut w, run);
    seen(&mut w, run, "78");
    ends(&mut w, run, failure());
    assert_eq!(w.status(bad), ProductionRollback);
    let back = w.live(PRODUCTION).unwrap();
    let dispatch = w.runs[&back].dispatch.as_ref().unwrap();
    assert_eq!((dispatch.workflow.as_str(), dispatch.state), ("back.yaml", DispatchState::Due));
    asked(&mut w, back);
    seen(&mut w, back, "79");
    ends(&mut w, back, WorkflowEnd::Success);
    assert_eq!((w.status(bad), w.runs_what(PRODUCTION)), (RollbackDone, Some(good)));
    assert_eq!(w.happened(|event| matches!(event, Event::WorkflowStarted { .. })), 3);
}

#[test]
fn a_workflow_that_goes_back_itself_is_only_waited_for() {
    let mut w = with_workflows();
    let good = deployed(&mut w, "v1.0.0", "77");
    let (bad, run) = approved(&mut w, "v1.1.0");
    asked(&mut w, run);
    seen(&mut w, run, "78");
    says(&mut w, bad, ProductionRollback, "78");
    let back = w.live(PRODUCTION).unwrap();
    let followed = &w.runs[&back];
    assert_eq!((followed.kind, followed.ci_run.as_deref()), (RunKind::Rollback, Some("78")));
    assert_eq!(followed.dispatch.as_ref().unwrap().state, DispatchState::Seen, "nothing is dispatched");
    assert!(w.effects.contains(&Effect::FollowWorkflow { run: back }));
    says(&mut w, bad, RollbackDone, "78");
    ends(&mut w, back, failure());
    assert_eq!((w.status(bad), w.runs_what(PRODUCTION)), (RollbackDone, Some(good)));
}

#[test]
fn what_ended_before_it_began_has_touched_nothing_and_waits_for_promote() {
    let mut w = with_workflows();
    let good = deployed(&mut w, "v1.0.0", "77");
    let (release, run) = approved(&mut w, "v1.1.0");
    asked(&mut w, run);
    seen(&mut w, run, "78");
    ends(&mut w, run, never_began());
    assert_eq!((w.status(release), w.runs_what(PRODUCTION)), (ManualTestPassed, Some(good)));
    assert_eq!(w.unmet(release), [GateName::Promoted]);
    assert!(w.reason(release).contains("before any of its jobs began"), "{}", w.reason(release));
    machine(&mut w, Command::Advance);
    assert_eq!(w.live(PRODUCTION), None, "it does not begin again by itself");
    assert_eq!(w.report_refused(release, Deploying).code, Code::GatesUnmet, "a re-run by hand has to be promoted, too");
    w.admin(Command::Promote { release });
    let again = w.live(PRODUCTION).unwrap();
    asked(&mut w, again);
    seen(&mut w, again, "79");
    ends(&mut w, again, WorkflowEnd::Success);
    assert_eq!(w.status(release), Deployed);
}

#[test]
fn a_run_whose_job_has_spoken_has_begun_whatever_github_says_of_its_jobs() {
    let mut w = with_workflows();
    let good = deployed(&mut w, "v1.0.0", "77");
    let (release, run) = approved(&mut w, "v1.1.0");
    asked(&mut w, run);
    seen(&mut w, run, "78");
    says(&mut w, release, Deploying, "78");
    ends(&mut w, run, never_began());
    assert_eq!((w.status(release), w.runs_what(PRODUCTION)), (ProductionRollback, Some(good)));
    assert!(w.reason(release).contains("ended with cancelled"), "{}", w.reason(release));

    // A report without the number of a run is of the current one, whether or not GitHub has told which that is.
    for is_seen in [true, false] {
        let mut w = with_workflows();
        let good = deployed(&mut w, "v1.0.0", "77");
        let (release, run) = approved(&mut w, "v1.1.0");
        asked(&mut w, run);
        if is_seen {
            seen(&mut w, run, "78");
        }
        w.report(release, Deploying);
        seen(&mut w, run, "78");
        ends(&mut w, run, never_began());
        assert_eq!((w.status(release), w.runs_what(PRODUCTION)), (ProductionRollback, Some(good)), "{is_seen}");
    }

    // One that was refused shows nothing.
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    seen(&mut w, run, "77");
    w.report_refused(release, RollbackDone);
    w.refused(&ci(), Command::Report { release, status: Deploying, ci_run: Some(reporter("78", None)) });
    ends(&mut w, run, never_began());
    assert_eq!(w.status(release), ManualTestPassed);
}

#[test]
fn a_rollback_that_rmm_starts_no_workflow_for_says_for_whom_it_waits() {
    let mut w = with_workflows();
    if let Driver::Ci { rollback_workflow, .. } = &mut w.service.environments.get_mut(&PRODUCTION).unwrap().driver {
        *rollback_workflow = None;
    }
    let good = deployed(&mut w, "v1.0.0", "77");
    let (bad, run) = approved(&mut w, "v1.1.0");
    asked(&mut w, run);
    seen(&mut w, run, "78");
    ends(&mut w, run, failure());
    let back = w.live(PRODUCTION).unwrap();
    let awaited = Reason::RollbackAwaited { workflow: "deploy.yaml".into() };
    assert_eq!((w.status(bad), w.runs[&back].waiting.clone()), (ProductionRollback, Some(awaited)));
    // A run that was started by hand goes back, and says so.
    says(&mut w, bad, ProductionRollback, "79");
    assert_eq!(w.runs[&back].waiting, None);
    says(&mut w, bad, RollbackDone, "79");
    assert_eq!((w.status(bad), w.runs_what(PRODUCTION)), (RollbackDone, Some(good)));
}

/// A rollback as it stands after its CI has reported it so many times, without a run id.
fn reported_back(w: &mut Sim, release: ReleaseId, times: usize) -> Vec<String> {
    for _ in 0..times {
        w.report(release, ProductionRollback);
    }
    let back = w.live(PRODUCTION).unwrap();
    // What RMM was about to ask GitHub is not asked any more.
    asked(w, back);
    let runs = w.runs.values().filter(|run| run.release == release && run.environment == PRODUCTION);
    let runs = runs.map(|run| format!("{:?} {:?} {:?} {:?}", run.kind, run.state, run.dispatch, run.ci_run));
    let follows = w.effects.iter().filter(|effect| matches!(effect, Effect::FollowWorkflow { .. })).count();
    runs.chain([format!("{} {follows}", w.status(release))]).collect()
}

#[test]
fn that_a_rollback_is_under_way_is_the_same_however_often_ci_says_so_without_its_run() {
    // The deploy's own workflow goes back; RMM is about to start one; RMM may have started one.
    for (by_itself, is_asked) in [(true, false), (false, false), (false, true)] {
        let after = |times: usize| {
            let mut w = with_workflows();
            let good = deployed(&mut w, "v1.0.0", "77");
            let (bad, run) = approved(&mut w, "v1.1.0");
            asked(&mut w, run);
            seen(&mut w, run, "78");
            if !by_itself {
                ends(&mut w, run, failure());
                assert_eq!(w.status(bad), ProductionRollback);
            }
            if is_asked {
                let back = w.live(PRODUCTION).unwrap();
                asked(&mut w, back);
            }
            let stands = reported_back(&mut w, bad, times);
            w.report(bad, RollbackDone);
            assert_eq!((w.status(bad), w.runs_what(PRODUCTION)), (RollbackDone, Some(good)));
            stands
        };
        let once = after(1);
        assert_eq!(once.len(), 3, "the deploy, one way back, and where the release stands: {once:?}");
        assert!(once[1].contains("Running"), "{once:?}");
        assert_eq!(once, after(2), "by itself: {by_itself}, asked: {is_asked}");
        assert_eq!(once, after(5));
    }
}

#[test]
fn an_end_is_repeated_by_no_other_run_also_when_production_has_gone_on() {
    let mut w = with_workflows();
    let first = deployed(&mut w, "v1.0.0", "77");
    let (second, run) = approved(&mut w, "v1.1.0");
    asked(&mut w, run);
    seen(&mut w, run, "78");
    let deployed_by = |release, id| Command::Report { release, status: Deployed, ci_run: Some(reporter(id, Some(1))) };
    let on_record = |w: &Sim| w.happened(|event| matches!(event, Event::ReportRefused { .. }));
    let both_ways = |w: &mut Sim| {
        // By the run of the release that came after it, and by one that no release knows.
        for other in ["78", "4711"] {
            let before = on_record(w);
            assert_eq!(w.refused(&ci(), deployed_by(first, other)).code, Code::StaleReport, "{other}");
            assert_eq!(on_record(w), before + 1, "{other}");
        }
        w.ok(&ci(), deployed_by(first, "77"));
        w.report(first, Deployed);
        assert_eq!(w.status(first), Deployed);
    };
    both_ways(&mut w);
    ends(&mut w, run, WorkflowEnd::Success);
    both_ways(&mut w);
    w.admin(Command::Rollback { release: second, to: None, reason: "slow".into(), force: false });
    let back = w.live(PRODUCTION).unwrap();
    asked(&mut w, back);
    seen(&mut w, back, "79");
    assert_eq!(w.refused(&ci(), deployed_by(first, "79")).code, Code::StaleReport);
    both_ways(&mut w);
}

#[test]
fn what_github_says_of_a_run_that_fell_silent_settles_it() {
    for (end, comes_to) in
        [(WorkflowEnd::Success, Deployed), (failure(), ProductionRollback), (never_began(), ManualTestPassed)]
    {
        let mut w = with_workflows();
        deployed(&mut w, "v1.0.0", "77");
        let (release, run) = approved(&mut w, "v1.1.0");
        asked(&mut w, run);
        seen(&mut w, run, "78");
        w.passes(SignedDuration::from_hours(2));
        assert!(w.runs[&run].has_fallen_silent(), "{:?}", w.runs[&run].state);
        // That it is still at work is no end.
        machine(&mut w, Command::WorkflowSeen { run, attempt: 1 });
        assert!(w.runs[&run].has_fallen_silent());
        ends(&mut w, run, end);
        assert_eq!((w.status(release), w.runs[&run].state.occupies()), (comes_to, false));
    }
}

#[test]
fn a_dispatch_that_is_refused_for_good_waits_for_promote_and_lets_others_pass() {
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    machine(&mut w, Command::DispatchRefused { run, reason: Reason::NoAnswer });
    assert_eq!((w.status(release), w.live(PRODUCTION)), (ManualTestPassed, None));
    assert!(w.reason(release).starts_with("the workflow was not started: "), "{}", w.reason(release));
    w.admin(Command::Promote { release });
    assert!(w.live(PRODUCTION).is_some());
}

#[test]
fn a_rollback_whose_workflow_is_refused_has_failed() {
    let mut w = with_workflows();
    deployed(&mut w, "v1.0.0", "77");
    let newer = deployed(&mut w, "v1.1.0", "78");
    w.admin(Command::Rollback { release: newer, to: None, reason: "slow".into(), force: false });
    let back = w.live(PRODUCTION).unwrap();
    asked(&mut w, back);
    machine(&mut w, Command::DispatchRefused { run: back, reason: Reason::NoAnswer });
    assert_eq!(w.status(newer), RollbackFailed);
    assert!(w.production().dirty.is_some());
}

#[test]
fn a_rollback_by_hand_starts_the_other_workflow() {
    let mut w = with_workflows();
    let older = deployed(&mut w, "v1.0.0", "77");
    let newer = deployed(&mut w, "v1.1.0", "78");
    w.admin(Command::Rollback { release: newer, to: None, reason: "slow".into(), force: false });
    let back = w.live(PRODUCTION).unwrap();
    asked(&mut w, back);
    says(&mut w, newer, ProductionRollback, "79");
    assert_eq!(w.runs[&back].ci_run.as_deref(), Some("79"), "the workflow has said so before GitHub did");
    says(&mut w, newer, RollbackDone, "79");
    assert_eq!((w.status(newer), w.runs_what(PRODUCTION)), (RollbackDone, Some(older)));
}

#[test]
fn a_dispatch_can_be_called_off_until_its_run_has_begun() {
    // Before GitHub was asked.
    let mut w = with_workflows();
    let (release, _) = approved(&mut w, "v1.0.0");
    w.admin(Command::Cancel { release, reason: "wrong".into() });
    assert_eq!((w.status(release), w.live(PRODUCTION)), (Cancelled, None));

    // GitHub may have made a run of it: that one is ended there first.
    for (end, comes_to) in [(never_began(), Cancelled), (failure(), RollbackFailed)] {
        let mut w = with_workflows();
        let (release, run) = approved(&mut w, "v1.0.0");
        asked(&mut w, run);
        w.admin(Command::Cancel { release, reason: "wrong".into() });
        assert_eq!((w.status(release), w.live(PRODUCTION)), (ManualTestPassed, Some(run)));
        asked(&mut w, run);
        seen(&mut w, run, "77");
        assert_eq!(w.status(release), ManualTestPassed);
        ends(&mut w, run, end);
        assert_eq!(w.status(release), comes_to);
    }
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    w.admin(Command::Cancel { release, reason: "wrong".into() });
    machine(&mut w, Command::DispatchRefused { run, reason: Reason::NoAnswer });
    assert_eq!(w.status(release), Cancelled, "GitHub has no run of it");
}

#[test]
fn what_github_has_certainly_not_taken_is_called_off_at_once() {
    let not_taken = |run| Command::DispatchNotTaken { run, reason: Some("GitHub takes no more questions".into()) };
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    machine(&mut w, not_taken(run));
    assert_eq!(w.runs[&run].waiting, Some("GitHub takes no more questions".into()));
    w.admin(Command::Cancel { release, reason: "wrong".into() });
    assert_eq!((w.status(release), w.live(PRODUCTION)), (Cancelled, None));

    // The cancellation came while GitHub was asked.
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    w.admin(Command::Cancel { release, reason: "wrong".into() });
    machine(&mut w, not_taken(run));
    assert_eq!((w.status(release), w.live(PRODUCTION)), (Cancelled, None));

    // So did a lock.
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    w.lock();
    machine(&mut w, not_taken(run));
    assert_eq!((w.status(release), w.live(PRODUCTION)), (ManualTestPassed, None));

    // One that is known by now goes on.
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    seen(&mut w, run, "77");
    machine(&mut w, not_taken(run));
    assert_eq!((w.status(release), w.runs[&run].dispatch.as_ref().unwrap().state), (Deploying, DispatchState::Seen));
}

#[test]
fn what_is_being_cancelled_says_so_and_so_does_the_one_behind_it() {
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    let behind = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(behind);
    asked(&mut w, run);
    let away = || Reason::Github { fault: GithubFault::Server { status: 502, said: None } };
    let waits = |w: &mut Sim, reason| machine(w, Command::RunWaits { run, reason });
    waits(&mut w, Some(away()));
    w.admin(Command::Cancel { release, reason: "wrong".into() });
    let sought = "is being cancelled: RMM waits for GitHub to say whether the run of deploy.yaml was created";
    let said = |w: &Sim| english(w.runs[&run].waiting.as_ref().unwrap());
    let trouble = " (GitHub has trouble of its own: it answered 502)";
    assert_eq!(said(&w), format!("{sought}{trouble}"));
    let gate = w.gates(behind).into_iter().find(|gate| gate.name == GateName::ProductionFree).unwrap();
    assert_eq!(
        Language::En.gate_state(&gate.state),
        format!("Production is busy with #{release}, which {sought}{trouble}.")
    );
    // Whatever is told of it meanwhile.
    waits(&mut w, None);
    assert_eq!(said(&w), sought);
    waits(&mut w, Some(away()));
    assert_eq!(said(&w), format!("{sought}{trouble}"));
    seen(&mut w, run, "77");
    assert_eq!(said(&w), "is being cancelled: RMM waits for GitHub to end the run of deploy.yaml");
}

#[test]
fn an_abort_ends_the_workflow_before_it_goes_back() {
    for (end, comes_to) in
        [(failure(), ProductionRollback), (never_began(), ManualTestPassed), (WorkflowEnd::Success, Deployed)]
    {
        let mut w = with_workflows();
        deployed(&mut w, "v1.0.0", "77");
        let (release, run) = approved(&mut w, "v1.1.0");
        asked(&mut w, run);
        seen(&mut w, run, "78");
        w.admin(Command::Abort { release, reason: "wrong".into(), force: false });
        assert_eq!((w.status(release), w.live(PRODUCTION)), (Deploying, Some(run)));
        ends(&mut w, run, end);
        assert_eq!(w.status(release), comes_to);
    }
}

#[test]
fn a_lock_calls_back_what_github_was_not_asked_for() {
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    w.lock();
    assert_eq!((w.status(release), w.live(PRODUCTION)), (ManualTestPassed, None));
    assert!(matches!(w.runs[&run].state, RunState::Stopped { .. }));
    w.unlock();
    let run = w.live(PRODUCTION).unwrap();
    asked(&mut w, run);
    w.lock();
    assert_eq!(w.live(PRODUCTION), Some(run), "it may be at work");
    let mut none = w.clone();
    seen(&mut w, run, "77");
    assert_eq!(w.status(release), Deploying);

    // GitHub has no run of it after all, and is not asked again.
    asked(&mut none, run);
    assert_eq!((none.status(release), none.live(PRODUCTION)), (ManualTestPassed, None));
    assert_eq!(none.runs[&run].state.reason(), Some(&Reason::ProductionLocked));
    none.unlock();
    assert!(none.live(PRODUCTION).is_some());
}

#[test]
fn what_an_old_attempt_of_the_workflow_says_counts_no_more() {
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    seen(&mut w, run, "77");
    machine(&mut w, Command::WorkflowSeen { run, attempt: 2 });
    for status in [ProductionRollback, Deployed] {
        let old = Command::Report { release, status, ci_run: Some(reporter("77", Some(1))) };
        assert_eq!(w.refused(&ci(), old).code, Code::StaleReport);
    }
    w.ok(&ci(), Command::Report { release, status: Deployed, ci_run: Some(reporter("77", Some(2))) });
    assert_eq!(w.status(release), Deployed);
}

#[test]
fn the_first_word_of_a_new_attempt_is_the_last_of_the_old_one() {
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    seen(&mut w, run, "77");
    let said = |status, attempt| Command::Report { release, status, ci_run: Some(reporter("77", Some(attempt))) };
    w.ok(&ci(), said(Deploying, 1));
    w.ok(&ci(), said(Deploying, 2));
    assert_eq!(w.refused(&ci(), said(ProductionRollback, 1)).code, Code::StaleReport);
    assert_eq!(w.status(release), Deploying);
    w.ok(&ci(), said(Deployed, 2));
    assert_eq!(w.status(release), Deployed);
}

#[test]
fn a_workflow_of_which_nothing_is_heard_cannot_be_judged() {
    let mut w = with_workflows();
    let (release, run) = approved(&mut w, "v1.0.0");
    asked(&mut w, run);
    seen(&mut w, run, "77");
    w.passes(jiff::SignedDuration::from_mins(50));
    machine(&mut w, Command::WorkflowSeen { run, attempt: 2 });
    assert_eq!(w.runs[&run].dispatch.as_ref().unwrap().attempt, 2, "it was run again by hand");
    w.passes(jiff::SignedDuration::from_mins(50));
    assert_eq!(w.live(PRODUCTION), Some(run));
    w.passes(jiff::SignedDuration::from_mins(20));
    assert!(matches!(w.runs[&run].state, RunState::Unknown { .. }));
    assert_eq!(w.status(release), Deploying);
    match w.admin(Command::Resolve { run, verdict: crate::domain::command::Resolution::Again, reason: "gone".into() }) {
        Answer::Run(again) => assert_eq!(w.runs[&again].dispatch.as_ref().unwrap().state, DispatchState::Due),
        other => panic!("{other:?}"),
    }
}
