//! The life cycle as people see it: stage, the vote, the line, production, the rollback.

use super::sim::*;
use jiff::SignedDuration;

use crate::domain::artifact::Artifact;
use crate::domain::cause::Code;
use crate::domain::command::{Command, NewRelease, Outcome};
use crate::domain::event::Event;
use crate::domain::gate::{GateName, GateState, Remedy};
use crate::domain::ids::ReleaseId;
use crate::domain::person::Actor;
use crate::domain::release::Rehearsal;
use crate::domain::run::RunState;
use crate::domain::status::Status::*;

#[test]
fn the_first_release_of_a_service_passes_the_rehearsal_at_once_and_the_record_says_so() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    assert_eq!(w.status(r), Initiated);
    w.works_until(STAGE, 0);
    assert_eq!(w.status(r), StageBuilding);
    w.stage_ends_well();
    assert_eq!(w.status(r), ManualTesting);
    assert!(w.reason(r).contains("nothing to go back to"));
    assert_eq!(w.happened(|event| *event == Event::NothingToRehearse { maybe_was: None }), 1);
    w.everybody_approves(r);
    assert_eq!(w.status(r), ManualTestPassed);
    w.works_until(PRODUCTION, 0);
    assert_eq!(w.status(r), Deploying);
    w.production_ends_well();
    assert_eq!(w.status(r), Deployed);
    assert_eq!((w.runs_what(STAGE), w.runs_what(PRODUCTION)), (Some(r), Some(r)));
    assert!(w.get(r).completed_at.is_some());
}

#[test]
fn a_release_rehearses_the_way_back_to_what_production_runs() {
    let mut w = Sim::new();
    let old = w.ship("v1.0.0");
    let r = w.release("v1.1.0");
    w.follow(STAGE, |_| Some(Outcome::Exited(0)));
    assert_eq!(w.status(r), StageTestRollback);
    let run = w.live(STAGE).unwrap();
    assert_eq!(
        w.steps(run),
        [
            "migrate_down api v1.1.0",
            "checkout api v1.0.0",
            "deploy api v1.0.0",
            "health api v1.0.0",
            "checkout api v1.1.0",
            "migrate_up api v1.1.0",
            "deploy api v1.1.0",
            "health api v1.1.0",
        ]
    );
    w.stage_ends_well();
    assert_eq!(w.status(r), ManualTesting);
    assert_eq!(w.get(r).rehearsal.as_ref().and_then(|Rehearsal { against, .. }| *against), Some(old));
}

#[test]
fn the_last_approval_while_production_is_locked_waits_for_the_unlock() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let r = w.release("v1.1.0");
    w.stage_ends_well();
    w.lock();
    w.everybody_approves(r);
    assert_eq!(w.status(r), ManualTestPassed);
    assert_eq!(w.live(PRODUCTION), None);
    assert_eq!(w.unmet(r), [GateName::NoLock]);
    let refusal = w.admin_refused(Command::Promote { release: r });
    assert_eq!(refusal.code, Code::GatesUnmet);
    assert!(matches!(refusal.unmet[0].remedy, Some(Remedy::Unlock)), "{refusal:?}");
    w.unlock();
    w.production_ends_well();
    assert_eq!(w.status(r), Deployed);
}

#[test]
fn a_lock_holds_back_a_deploy_of_which_nothing_has_started() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    w.everybody_approves(r);
    let queued = w.live(PRODUCTION).unwrap();
    w.lock();
    assert_eq!(w.start_step(queued), None);
    assert_eq!((w.status(r), w.live(PRODUCTION)), (ManualTestPassed, None));
    w.unlock();
    w.works_until(PRODUCTION, 1);
    w.lock();
    w.production_ends_well();
    assert_eq!(w.status(r), Deployed, "what has started goes on");
}

#[test]
fn a_release_that_finds_production_busy_waits_in_line_and_rehearses_again() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let first = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(first);
    w.works_until(PRODUCTION, 2);
    let second = w.release("v1.2.0");
    w.stage_ends_well();
    w.everybody_approves(second);
    assert_eq!(w.status(second), ManualTestPassed);
    assert!(w.unmet(second).contains(&GateName::ProductionFree));
    w.production_ends_well();
    assert_eq!(w.status(first), Deployed);
    assert_eq!(w.status(second), StageTestRollback, "it was rehearsed against v1.0.0");
    w.stage_ends_well();
    assert_eq!(w.status(second), ManualTestPassed, "the approvals stay");
    w.production_ends_well();
    assert_eq!(w.status(second), Deployed);
}

#[test]
fn the_line_keeps_its_order_and_tells_who_is_ahead() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    w.lock();
    let first = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(first);
    let second = w.release("v1.2.0");
    w.stage_ends_well();
    w.everybody_approves(second);
    let gate = w.gates(second).into_iter().find(|gate| gate.name == GateName::ProductionFree).unwrap();
    assert_eq!(gate.state, GateState::Behind { release: first });
    w.unlock();
    w.works_until(PRODUCTION, 0);
    assert_eq!((w.status(first), w.status(second)), (Deploying, ManualTestPassed));
}

#[test]
fn a_newer_release_waits_until_people_have_tested_the_one_before() {
    let mut w = Sim::new();
    let base = w.ship("v1.0.0");
    let first = w.release("v1.1.0");
    let second = w.release("v1.2.0");
    w.stage_ends_well();
    assert_eq!((w.status(first), w.status(second)), (ManualTesting, Initiated));
    w.lock();
    w.everybody_approves(first);
    let run = w.live(STAGE).unwrap();
    assert_eq!(w.runs[&run].to.release, base, "stage goes back to what production runs first");
    assert_eq!(w.steps(run)[0], "migrate_down api v1.1.0");
    w.stage_ends_well();
    assert_eq!(w.status(second), ManualTesting);
    assert_eq!(w.status(first), ManualTestPassed);
}

#[test]
fn with_supersede_a_newer_release_takes_the_place_of_the_older() {
    let mut w = Sim::with(|service| service.supersede = true);
    w.ship("v1.0.0");
    let first = w.release("v1.1.0");
    w.stage_ends_well();
    let second = w.release("v1.2.0");
    assert_eq!(w.status(first), Cancelled);
    assert_eq!(w.reason(first), format!("superseded by #{second} v1.2.0"));
    w.works_until(STAGE, 0);
    let third = w.release("v1.3.0");
    let fourth = w.release("v1.4.0");
    assert_eq!(w.status(third), Cancelled);
    w.stage_ends_well();
    assert_eq!((w.status(second), w.status(fourth)), (Cancelled, ManualTesting));
}

#[test]
fn with_supersede_a_step_at_work_on_stage_is_ended_first() {
    let mut w = Sim::with(|service| service.supersede = true);
    w.ship("v1.0.0");
    let first = w.release("v1.1.0");
    let run = w.works_until(STAGE, 2);
    let second = w.release("v1.2.0");
    assert_eq!(w.status(first), StageBuilding, "its step is being ended");
    assert!(w.runs[&run].stop.is_some());
    w.ends_at(STAGE, 2, Outcome::Stopped);
    assert_eq!(w.status(first), Cancelled);
    w.stage_ends_well();
    assert_eq!(w.status(second), ManualTesting);
}

#[test]
fn a_stale_rehearsal_in_manual_testing_is_repeated_and_the_approvals_stay() {
    let mut w = Sim::new();
    let first = w.ship("v1.0.0");
    let second = w.ship("v1.1.0");
    let r = w.release("v1.2.0");
    w.stage_ends_well();
    w.approve("ann", r);
    w.roll_back(second, None).unwrap();
    assert_eq!(w.status(r), ManualTesting, "production still runs v1.1.0");
    w.production_ends_well();
    assert_eq!(w.status(r), StageTestRollback);
    assert!(w.reason(r).contains("v1.0.0"));
    let artifact = Artifact { name: surface("api").name, artifact: None, digest: None, preview_url: None };
    let exchange = Command::Update { release: r, artifacts: vec![artifact], ci_run: None };
    assert_eq!(w.refused(&ci(), exchange).code, Code::ArtifactsFixed, "ann has approved what is there");
    w.stage_ends_well();
    assert_eq!(w.status(r), ManualTesting);
    assert_eq!(w.get(r).rehearsal.as_ref().unwrap().against, Some(first));
    w.approve("bob", r);
    w.approve("cid", r);
    assert_eq!(w.status(r), ManualTestPassed);
    assert_eq!(w.unmet(r), [GateName::NoLock]);
}

#[test]
fn a_tag_that_moved_cancels_its_release_and_the_new_commit_is_a_new_release() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let old = w.release("v1.1.0");
    w.stage_ends_well();
    let moved = |w: &Sim| NewRelease { commit: Some(commit("elsewhere")), ..w.new_release("v1.1.0") };
    let new = moved(&w);
    let new = w.create(new);
    assert_ne!(old, new);
    assert_eq!(w.status(old), Cancelled);
    assert!(w.reason(old).contains("moved"));
    assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { .. })), 1);
    w.stage_ends_well();
    assert_eq!(w.status(new), ManualTesting);
    w.everybody_approves(new);
    w.works_until(PRODUCTION, 3);
    let refusal = {
        let again = w.new_release("v1.1.0");
        w.refused(&ci(), Command::Create(again))
    };
    assert_eq!(refusal.code, Code::TagMoved);
    assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { .. })), 2, "also a refusal leaves the alarm");
    w.production_ends_well();
    let third = w.release("v1.1.0");
    assert_ne!(third, new);
    assert_eq!(w.status(new), Deployed, "production runs it already");
    assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { .. })), 3);
}

#[test]
fn a_tag_found_moved_by_rmm_cancels_before_production_and_only_alarms_later() {
    let mut w = Sim::new();
    let running = w.ship("v1.0.0");
    let r = w.release("v1.1.0");
    w.stage_ends_well();
    let moved = |release, to: &str| Command::TagMoved { release, now: Some(commit(to)) };
    w.ok(&Actor::Machine, moved(r, "v1.1.0"));
    assert_eq!(w.status(r), ManualTesting, "it has not moved");
    w.ok(&Actor::Machine, moved(r, "else"));
    w.ok(&Actor::Machine, moved(running, "else"));
    assert_eq!((w.status(r), w.status(running)), (Cancelled, Deployed));
    assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { .. })), 2);
}

#[test]
fn cancelling_before_anything_ran_and_in_the_line() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let r = w.release("v1.1.0");
    let queued = w.live(STAGE).unwrap();
    w.admin(cancel(r));
    assert_eq!(w.status(r), Cancelled);
    assert_eq!(w.start_step(queued), None);
    let s = w.release("v1.2.0");
    w.stage_ends_well();
    w.everybody_approves(s);
    w.admin(cancel(s));
    assert_eq!((w.status(s), w.live(PRODUCTION)), (Cancelled, None));
    assert!(w.live(STAGE).is_some(), "stage goes back to what production runs");
    w.stage_ends_well();
    assert_eq!(w.runs_what(STAGE), w.runs_what(PRODUCTION));
}

#[test]
fn the_initiator_cancels_his_own_and_others_do_not() {
    let mut w = Sim::new();
    let new = NewRelease { initiated_by: "mia-gh".into(), ..w.new_release("v1.0.0") };
    let r = w.create(new);
    assert_eq!(w.refused(&w.actor("ann"), cancel(r)).code, Code::Forbidden);
    w.ok(&w.actor("mia"), cancel(r));
    assert_eq!(w.status(r), Cancelled);
    let refusal = w.admin_refused(cancel(r));
    assert_eq!((refusal.code, refusal.legal.len()), (Code::IllegalTransition, 0));
}

#[test]
fn cancelling_while_a_stage_step_runs_ends_the_step_first() {
    let mut w = Sim::new();
    let base = w.ship("v1.0.0");
    let r = w.release("v1.1.0");
    let index = {
        let run = w.live(STAGE).unwrap();
        w.runs[&run].steps.len() as u32 - 3
    };
    let run = w.works_until(STAGE, index);
    w.admin(cancel(r));
    assert_eq!(w.status(r), StageBuilding);
    assert_eq!(w.start_step(run), Some(index), "the one who follows it finds it at work");
    w.ends_at(STAGE, index, Outcome::TimedOut);
    assert_eq!(w.status(r), Cancelled);
    assert!(matches!(w.runs[&run].state, RunState::Stopped { .. }));
    assert!(w.reason(r).starts_with("cancelled by root"));
    w.stage_ends_well();
    assert_eq!((w.runs_what(STAGE), w.stage().mixed.as_ref()), (Some(base), None));
}

#[test]
fn a_commit_that_cannot_be_known_fails_with_the_reason_and_can_be_retried() {
    let mut w = Sim::new();
    let new = NewRelease { commit: None, ..w.new_release("v1.0.0") };
    let r = w.create(new);
    assert_eq!((w.status(r), w.live(STAGE), w.effects.len()), (Initiated, None, 1));
    let unresolved = |again| Command::CommitUnresolved { release: r, reason: "no answer".into(), again };
    let machine = Actor::Machine;
    let soon = w.now + SignedDuration::from_secs(8);
    w.ok(&machine, unresolved(Some(soon)));
    let remedy = |w: &Sim| w.gates(r).into_iter().find(|gate| gate.name == GateName::CommitKnown).unwrap().remedy;
    assert_eq!((w.status(r), remedy(&w)), (Initiated, Some(Remedy::AskAgain { at: soon })));
    // That it is asked again later is told, and makes no button out of date.
    let (revision, later) = (w.get(r).revision, w.now + SignedDuration::from_mins(5));
    w.ok(&machine, unresolved(Some(later)));
    assert_eq!((w.get(r).revision, remedy(&w)), (revision, Some(Remedy::AskAgain { at: later })));
    assert_eq!(w.happened(|event| matches!(event, Event::CommitUnresolved { .. })), 1);
    w.ok(&machine, unresolved(None));
    assert_eq!((w.status(r), w.reason(r)), (StageBuildingFailed, "no answer".into()));
    w.ok(&w.actor("mia"), Command::Retry { release: r });
    w.ok(&machine, Command::CommitResolved { release: r, commit: commit("v1.0.0"), tag_object: None });
    w.ok(&machine, Command::CommitResolved { release: r, commit: commit("other"), tag_object: None });
    assert_eq!(w.get(r).commit, Some(commit("v1.0.0")), "it never changes");
    w.stage_ends_well();
    assert_eq!(w.status(r), ManualTesting);
}

#[test]
fn the_id_of_a_tag_itself_is_taken_for_its_commit() {
    let mut w = Sim::new();
    let r = w.create(NewRelease { commit: Some(commit("tag itself")), ..w.new_release("v1.0.0") });
    let first = w.live(STAGE).unwrap();
    let resolved = |object: &str| Command::CommitResolved {
        release: r,
        commit: commit("v1.0.0"),
        tag_object: Some(commit(object)),
    };
    w.ok(&Actor::Machine, resolved("another tag"));
    assert_eq!((w.get(r).commit.clone(), w.live(STAGE)), (Some(commit("tag itself")), Some(first)));
    w.ok(&Actor::Machine, resolved("tag itself"));
    assert_eq!(w.get(r).commit, Some(commit("v1.0.0")));
    let run = w.live(STAGE).unwrap();
    assert!(run != first && w.runs[&run].to.commit == Some(commit("v1.0.0")));
    w.stage_ends_well();
    // From now on it never changes.
    w.ok(
        &Actor::Machine,
        Command::CommitResolved { release: r, commit: commit("x"), tag_object: Some(commit("v1.0.0")) },
    );
    assert_eq!((w.status(r), w.get(r).commit.clone()), (ManualTesting, Some(commit("v1.0.0"))));
}

#[test]
fn a_release_without_a_commit_needs_a_repository_to_ask() {
    let mut w = Sim::with(|service| service.repository = None);
    let new = NewRelease { commit: None, ..w.new_release("v1.0.0") };
    let refusal = w.refused(&ci(), Command::Create(new));
    assert_eq!((refusal.code, refusal.field()), (Code::Invalid, Some("commit")));
}

#[test]
fn an_unresolved_release_does_not_hold_up_the_next() {
    let mut w = Sim::new();
    let new = NewRelease { commit: None, ..w.new_release("v1.0.0") };
    let first = w.create(new);
    let second = w.release("v1.0.1");
    w.stage_ends_well();
    assert_eq!((w.status(first), w.status(second)), (Initiated, ManualTesting));
}

#[test]
fn the_same_request_is_the_same_release() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    assert_eq!(w.release("v1.0.0"), r);
    let plain = || NewRelease { tag: None, ..w.new_release("v1.0.0") };
    let (one, two) = (plain(), plain());
    let candidate = w.create(one);
    assert_ne!(candidate, r, "a candidate of a plain commit is another thing than a tag");
    assert_eq!(w.create(two), candidate);
    w.admin(cancel(r));
    assert_ne!(w.release("v1.0.0"), r, "after it ended, a new release");
}

#[test]
fn a_retry_is_refused_while_the_same_tag_is_on_its_way() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    w.fails_at(STAGE, 0);
    let twin = w.release("v1.0.0");
    assert_ne!(twin, r);
    let refusal = w.refused(&w.actor("mia"), Command::Retry { release: r });
    assert_eq!(refusal.code, Code::AlreadyActive);
    assert!(words(&refusal).contains(&format!("#{twin}")));
}

#[test]
fn artifacts_come_from_a_ci_system_until_people_test() {
    let mut w = Sim::in_ci();
    let r = w.release("v1.0.0");
    w.report(r, StageBuilding);
    let artifact = |name: &str, digest: &str| Artifact {
        name: surface(name).name,
        artifact: None,
        digest: Some(digest.into()),
        preview_url: None,
    };
    let update = |artifacts| Command::Update { release: r, artifacts, ci_run: None };
    w.ok(&ci(), update(vec![artifact("api", "a")]));
    w.ok(&ci(), update(vec![artifact("api", "b")]));
    assert_eq!(w.get(r).artifacts, [artifact("api", "b")]);
    assert_eq!(w.refused(&ci(), update(vec![artifact("web", "b")])).code, Code::Invalid);
    assert_eq!(w.refused(&ci(), update(vec![artifact("api", "b"), artifact("api", "c")])).code, Code::Invalid);
    w.report(r, ManualTesting);
    assert_eq!(w.refused(&ci(), update(vec![artifact("api", "c")])).code, Code::ArtifactsFixed);
    w.everybody_approves(r);
    assert_eq!(w.status(r), ManualTestPassed);
}

fn cancel(release: ReleaseId) -> Command {
    Command::Cancel { release, reason: "not now".into() }
}

#[test]
fn releases_with_unknown_commits_do_not_block_those_behind_them() {
    let mut w = Sim::new();
    for number in 0..30 {
        let new = w.new_release(&format!("v0.0.{number}"));
        w.create(NewRelease { commit: None, ..new });
    }
    let known = w.release("v1.0.0");
    assert_eq!(w.live(STAGE).map(|run| w.runs[&run].release), Some(known));
}

#[test]
fn the_line_keeps_its_order_however_long_it_is() {
    let mut w = Sim::new();
    w.ship("v0.9.0");
    w.lock();
    let late: Vec<_> = (0..55)
        .map(|number| {
            let release = w.release(&format!("v1.0.{number}"));
            w.fails_at(STAGE, 0);
            w.stage_ends_well();
            release
        })
        .collect();
    let first = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(first);
    for release in late {
        w.admin(Command::Retry { release });
        w.stage_ends_well();
        w.everybody_approves(release);
    }
    w.unlock();
    assert_eq!(w.live(PRODUCTION).map(|run| w.runs[&run].release), Some(first));
}
