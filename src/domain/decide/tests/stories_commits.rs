//! What the repository says of a release's commit: nothing that it denies reaches production, and it is asked again.

use super::sim::*;
use jiff::SignedDuration;

use crate::domain::cause::Code;
use crate::domain::command::{Command, NewRelease, Outcome};
use crate::domain::effect::Effect;
use crate::domain::event::Event;
use crate::domain::fault::repository::RepositoryFault;
use crate::domain::gate::GateName;
use crate::domain::ids::ReleaseId;
use crate::domain::person::Actor;
use crate::domain::plan::clone_url;
use crate::domain::reason::Reason;
use crate::domain::run::{StepKind, TAG_GONE, TAG_MOVED};
use crate::domain::status::Status::*;

fn told(w: &Sim, name: &str) -> NewRelease {
    NewRelease { commit_checked: false, ..w.new_release(name) }
}

/// A first release that a CI system takes the whole way.
fn ci_ships(w: &mut Sim, release: ReleaseId) {
    for status in [StageBuilding, StageTestRollback] {
        w.report(release, status);
    }
    w.everybody_approves(release);
    for status in [Deploying, Deployed] {
        w.report(release, status);
    }
    assert_eq!(w.status(release), Deployed);
}

fn no_tag(w: &Sim, name: &str) -> Reason {
    let url = clone_url(w.service.repository.as_deref().unwrap());
    Reason::Repository { fault: RepositoryFault::NoTag { url, tag: tag(name) } }
}

fn asked(w: &Sim, release: ReleaseId) -> usize {
    w.effects.iter().filter(|effect| **effect == Effect::ResolveCommit { release }).count()
}

fn resolved(release: ReleaseId, name: &str) -> Command {
    Command::CommitResolved { release, commit: commit(name), tag_object: None }
}

#[test]
fn a_commit_given_beside_a_tag_is_looked_up_whether_rmm_or_ci_brings_stage_to_it() {
    for mut w in [Sim::new(), Sim::in_ci()] {
        let new = told(&w, "v1.0.0");
        let r = w.create(new);
        assert_eq!(asked(&w, r), 1);
        let new = NewRelease { tag: None, ..told(&w, "alone") };
        let alone = w.create(new);
        assert_eq!(asked(&w, alone), 1);
        // RMM has read it there itself.
        let checked = w.release("v2.0.0");
        assert_eq!(asked(&w, checked), 0);
    }
}

#[test]
fn what_the_repository_denies_fails_before_stage_is_touched_and_a_tag_that_never_was_there_has_not_moved() {
    let mut w = Sim::new();
    let new = told(&w, "v1.0.0");
    let r = w.create(new);
    assert!(w.live(STAGE).is_some(), "it goes to stage meanwhile");
    w.ok(&Actor::Machine, Command::TagMoved { release: r, now: Some(commit("else")) });
    assert_eq!((w.status(r), w.live(STAGE)), (StageBuildingFailed, None));
    assert!(w.reason(r).contains("is not what tag v1.0.0 names"), "{}", w.reason(r));
    assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { .. })), 0);

    // A retry asks, and waits for the answer.
    w.ok(&w.actor("mia"), Command::Retry { release: r });
    assert_eq!((w.status(r), w.live(STAGE), asked(&w, r)), (Initiated, None, 2));
    w.ok(&Actor::Machine, resolved(r, "v1.0.0"));
    w.stage_ends_well();
    assert_eq!(w.status(r), ManualTesting);
    // Now that it was there, it can move.
    w.ok(&Actor::Machine, Command::TagMoved { release: r, now: Some(commit("else")) });
    assert_eq!((w.status(r), w.happened(|event| matches!(event, Event::TagMoved { .. }))), (Cancelled, 1));
}

#[test]
fn what_a_host_finds_of_a_tag_that_was_never_confirmed_is_no_move() {
    for (found, said) in [
        (
            TAG_MOVED,
            "verify tag of api on stage found that the tag points at another commit than the one that was told",
        ),
        (TAG_GONE, "verify tag of api on stage found no such tag in the repository"),
    ] {
        let mut w = Sim::new();
        let new = told(&w, "v1.0.0");
        let r = w.create(new);
        let check = w.index(STAGE, StepKind::VerifyTag, 0);
        w.ends_at(STAGE, check, Outcome::Exited(found));
        assert_eq!((w.status(r), w.reason(r).as_str()), (StageBuildingFailed, said));
        assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { .. })), 0);
    }
}

#[test]
fn in_ci_what_the_repository_denies_stays_told_and_reaches_production_only_once_it_is_there() {
    let mut w = Sim::in_ci();
    let first = w.release("v1.0.0");
    ci_ships(&mut w, first);
    for commit_told in [None, Some(commit("v2.0.0"))] {
        let new = NewRelease { commit: commit_told, ..told(&w, "v2.0.0") };
        let r = w.create(new.clone());
        let (cause, soon) = (no_tag(&w, "v2.0.0"), w.now + SignedDuration::from_secs(4));
        w.ok(&Actor::Machine, Command::CommitUnresolved { release: r, reason: cause.clone(), again: Some(soon) });
        let said = w.reason(r);
        assert!(said.starts_with("there is no tag v2.0.0 in "), "{said}");
        for status in [StageBuilding, StageTestRollback, ManualTesting] {
            w.report(r, status);
            assert_eq!((w.status(r), w.reason(r)), (status, said.clone()));
        }
        w.everybody_approves(r);
        assert_eq!((w.status(r), w.unmet(r)), (ManualTestPassed, vec![GateName::CommitKnown]));
        assert_eq!(w.report_refused(r, Deploying).code, Code::GatesUnmet);

        // The same once more, and a retry, have it asked at once; what it said stands until then.
        let before = asked(&w, r);
        assert_eq!(w.create(new), r);
        w.ok(&w.actor("mia"), Command::Retry { release: r });
        assert_eq!((asked(&w, r), w.get(r).attempt.0), (before + 2, 1));
        assert_eq!(w.unmet(r), [GateName::CommitKnown]);
        let events = w.record.len();
        w.ok(&Actor::Machine, Command::CommitUnresolved { release: r, reason: cause, again: Some(soon) });
        assert_eq!(w.record.len(), events, "it is told once");
        w.ok(&Actor::Machine, resolved(r, "v2.0.0"));
        assert_eq!((w.reason(r), w.unmet(r)), (String::new(), vec![]));
        assert_eq!(w.refused(&w.actor("mia"), Command::Retry { release: r }).code, Code::IllegalTransition);
        w.admin(Command::Cancel { release: r, reason: "done".into() });
    }
}

#[test]
fn a_repository_that_cannot_be_read_denies_nothing() {
    let mut w = Sim::in_ci();
    let new = told(&w, "v1.0.0");
    let r = w.create(new);
    w.ok(&Actor::Machine, Command::CommitUnresolved { release: r, reason: Reason::NoAnswer, again: Some(w.now) });
    assert_eq!((w.reason(r), w.get(r).denied()), (String::new(), None));
    ci_ships(&mut w, r);
}

#[test]
fn the_right_commit_after_a_wrong_one_replaces_it_without_an_alarm() {
    let mut w = Sim::in_ci();
    let new = NewRelease { commit: Some(commit("wrong")), ..told(&w, "v1.0.0") };
    let wrong = w.create(new);
    let right = w.release("v1.0.0");
    assert_ne!(wrong, right);
    assert_eq!(w.status(wrong), Cancelled);
    assert!(w.reason(wrong).contains("is not what tag v1.0.0 names"), "{}", w.reason(wrong));
    assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { .. })), 0);
}

#[test]
fn a_commit_that_stands_alone_takes_out_nothing_before_it_is_there() {
    let mut w = Sim::with(|service| service.supersede = true);
    let old = w.release("v1.0.0");
    w.stage_ends_well();
    let new = NewRelease { tag: None, ..told(&w, "alone") };
    let alone = w.create(new);
    assert_eq!(w.status(old), ManualTesting);
    w.ok(&Actor::Machine, resolved(alone, "alone"));
    assert_eq!(w.status(old), Cancelled);
}

/// CI brings stage; RMM starts the workflow of production.
fn starts_workflow() -> Sim {
    Sim::with(|service| {
        in_ci(service, STAGE);
        by_workflows(service);
    })
}

/// A release of a tag that people test before RMM knows its commit.
fn tested_unknown(w: &mut Sim) -> ReleaseId {
    let new = NewRelease { commit: None, ..told(w, "v1.0.0") };
    let r = w.create(new);
    for status in [StageBuilding, StageTestRollback, ManualTesting] {
        w.report(r, status);
    }
    r
}

#[test]
fn what_rmm_starts_waits_until_its_commit_is_known_and_who_approved_before_is_asked_again() {
    let mut w = starts_workflow();
    let r = tested_unknown(&mut w);
    let (cause, soon) = (Reason::NoAnswer, w.now + SignedDuration::from_secs(4));
    w.ok(&Actor::Machine, Command::CommitUnresolved { release: r, reason: cause, again: Some(soon) });
    w.everybody_approves(r);
    assert_eq!((w.status(r), w.live(PRODUCTION)), (ManualTestPassed, None));
    assert_eq!(w.unmet(r), [GateName::CommitKnown]);

    w.ok(&Actor::Machine, resolved(r, "moved meanwhile"));
    assert_eq!((w.status(r), w.live(PRODUCTION)), (ManualTesting, None));
    assert_eq!(w.unmet(r), [GateName::Approvals]);
    assert!(w.reason(r).contains("approvals are void"), "{}", w.reason(r));
    w.everybody_approves(r);
    assert_eq!(w.unmet(r), []);
    assert!(w.live(PRODUCTION).is_some());
}

#[test]
fn a_commit_that_becomes_known_during_the_vote_on_what_rmm_starts_makes_what_was_said_before_void() {
    let mut w = starts_workflow();
    let r = tested_unknown(&mut w);
    w.approve("ann", r);
    w.ok(&Actor::Machine, resolved(r, "v1.0.0"));
    assert_eq!(w.status(r), ManualTesting);
    assert!(w.reason(r).contains("approvals are void"), "{}", w.reason(r));
    for who in ["bob", "cid"] {
        w.approve(who, r);
    }
    assert_eq!((w.status(r), w.unmet(r)), (ManualTesting, vec![GateName::Approvals]));
    w.approve("ann", r);
    assert!(w.live(PRODUCTION).is_some());
}

#[test]
fn what_was_skipped_while_the_commit_was_not_known_has_to_be_skipped_again() {
    let mut w = starts_workflow();
    let r = tested_unknown(&mut w);
    let skip = || Command::Bypass { release: r, gates: vec![GateName::Approvals], reason: "hot fix".into() };
    w.admin(skip());
    w.ok(&Actor::Machine, resolved(r, "v1.0.0"));
    assert_eq!(w.live(PRODUCTION), None);
    assert!(w.unmet(r).contains(&GateName::Approvals), "{:?}", w.unmet(r));
}
