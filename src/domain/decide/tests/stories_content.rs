//! What is approved is what ships: whatever changes a release's artifacts or commands voids what people have said of it.

use super::sim::*;
use crate::domain::artifact::Artifact;
use crate::domain::cause::Code;
use crate::domain::command::{Command, NewRelease, Outcome, Resolution};
use crate::domain::event::Event;
use crate::domain::gate::{GateName, GateState};
use crate::domain::ids::{ReleaseId, SurfaceName};
use crate::domain::person::Actor;
use crate::domain::release::CiRun;
use crate::domain::run::{Action, RunState};
use crate::domain::status::Status;

pub(super) fn built(artifact: &str) -> Vec<Artifact> {
    let name = SurfaceName::parse("surface", "api").unwrap();
    vec![Artifact { name, artifact: Some(artifact.into()), digest: Some("sha256:1".into()), preview_url: None }]
}

fn update(release: ReleaseId, artifacts: Vec<Artifact>) -> Command {
    Command::Update { release, artifacts, ci_run: None }
}

/// The commands that production was planned with.
fn commands(w: &Sim) -> String {
    let run = w.live(PRODUCTION).unwrap();
    let scripts = w.runs[&run].steps.iter().filter_map(|step| match &step.action {
        Action::Command { script, .. } => Some(script.command.clone()),
        _ => None,
    });
    scripts.collect::<Vec<_>>().join("\n")
}

/// The operator edits the definition and RMM starts anew.
fn deploys_otherwise(w: &mut Sim) {
    w.service.surfaces[0].deploy = "./deploy-otherwise".into();
    w.ok(&Actor::Machine, Command::Advance);
}

#[test]
fn an_artifact_that_a_command_may_read_once_more_is_refused_at_the_door() {
    let hostile = || built("app@good;reboot");
    let mut w = Sim::with(|service| service.surfaces[0].deploy = "ssh app deploy {{ surface.artifact }}".into());
    let mut new = w.new_release("v1.0.0");
    new.artifacts = hostile();
    let refusal = w.refused(&ci(), Command::Create(new));
    assert_eq!(refusal.code, Code::Invalid);
    assert_eq!(refusal.field(), Some("surfaces[0].artifact"));
    // Nor does it come in later, or with other commands.
    let mut w = Sim::with(|service| service.surfaces[0].deploy = "./deploy {{ surface.artifact }}".into());
    let mut new = w.new_release("v1.0.0");
    new.artifacts = hostile();
    let release = w.create(new);
    w.service.surfaces[0].deploy = "ssh app deploy {{ surface.artifact }}".into();
    assert_eq!(w.refused(&ci(), update(release, hostile())).code, Code::Invalid);
}

#[test]
fn artifacts_are_fixed_as_soon_as_stage_is_planned() {
    let mut w = Sim::with(|service| service.surfaces[0].deploy = "run {{ surface.artifact }}".into());
    let mut new = w.new_release("v1.0.0");
    new.artifacts = built("app@good");
    let release = w.create(new);
    assert!(w.live(STAGE).is_some_and(|run| w.runs[&run].state == RunState::Queued));
    for (status, evil) in [(Status::Initiated, "app@evil"), (Status::StageBuilding, "app@evil")] {
        if status == Status::StageBuilding {
            let run = w.live(STAGE).unwrap();
            w.start_step(run);
        }
        assert_eq!(w.status(release), status);
        let refusal = w.refused(&ci(), update(release, built(evil)));
        assert_eq!(refusal.code, Code::ArtifactsFixed);
        let digest = vec![Artifact { digest: Some("sha256:2".into()), ..built("app@good").remove(0) }];
        assert_eq!(w.refused(&ci(), update(release, digest)).code, Code::ArtifactsFixed);
        // Where people can try it may still become known.
        let preview = vec![Artifact { preview_url: Some("https://try.example".into()), ..built("app@good").remove(0) }];
        w.ok(&ci(), update(release, preview));
    }
    w.stage_ends_well();
    w.everybody_approves(release);
    assert!(commands(&w).contains("app@good"));
    // A new attempt may be of something else, of which nothing is known.
    w.fails_at(PRODUCTION, 0);
}

#[test]
fn a_release_waiting_for_stage_may_still_get_other_artifacts() {
    let mut w = Sim::new();
    let first = w.release("v1.0.0");
    w.stage_ends_well();
    let second = w.release("v1.1.0");
    assert_eq!((w.status(first), w.status(second)), (Status::ManualTesting, Status::Initiated));
    w.ok(&ci(), update(second, built("app@later")));
    assert_eq!(w.get(second).artifacts, built("app@later"));
}

#[test]
fn a_definition_that_changes_voids_the_rehearsal_and_the_approvals() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let release = w.release("v1.1.0");
    w.stage_ends_well();
    let first = w.service.approvals.required[0].to_string();
    w.approve(&first, release);
    deploys_otherwise(&mut w);
    assert_eq!(w.status(release), Status::StageTestRollback);
    assert!(w.reason(release).contains("approvals are void"), "{}", w.reason(release));
    w.stage_ends_well();
    assert_eq!(w.status(release), Status::ManualTesting);
    let approvals = &w.gates(release)[0];
    let void = vec![person(&first)];
    assert!(matches!(&approvals.state, GateState::ApprovalsMissing { void: of, .. } if *of == void), "{approvals:?}");
    w.everybody_approves(release);
    assert!(commands(&w).contains("./deploy-otherwise"));
    w.production_ends_well();
    assert_eq!(w.status(release), Status::Deployed);
}

#[test]
fn a_release_that_waits_for_production_does_not_go_there_with_other_commands() {
    for bypassed in [false, true] {
        let mut w = Sim::new();
        w.ship("v1.0.0");
        w.lock();
        let release = w.release("v1.1.0");
        w.stage_ends_well();
        if bypassed {
            let gates = vec![GateName::Approvals];
            w.admin(Command::Bypass { release, gates, reason: "in a hurry".into() });
        } else {
            w.everybody_approves(release);
        }
        assert_eq!(w.status(release), Status::ManualTestPassed);
        w.service.surfaces[0].deploy = "./deploy-otherwise".into();
        w.unlock();
        assert!(w.live(PRODUCTION).is_none(), "bypassed: {bypassed}");
        w.stage_ends_well();
        assert_eq!(w.status(release), Status::ManualTesting, "people have to see it again");
        w.everybody_approves(release);
        w.production_ends_well();
        assert_eq!(w.status(release), Status::Deployed);
    }
}

#[test]
fn a_first_release_goes_to_stage_again_with_the_changed_commands() {
    let mut w = Sim::new();
    let release = w.release("v1.0.0");
    w.stage_ends_well();
    deploys_otherwise(&mut w);
    let run = w.live(STAGE).unwrap();
    let again = w.runs[&run].steps.iter().any(
        |step| matches!(&step.action, Action::Command { script, .. } if script.command.contains("./deploy-otherwise")),
    );
    assert!(again, "stage shows what people have to see");
    w.stage_ends_well();
    assert_eq!(w.status(release), Status::ManualTesting);
    w.everybody_approves(release);
    w.production_ends_well();
}

#[test]
fn what_does_not_change_what_is_brought_voids_nothing() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    w.lock();
    let release = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(release);
    w.service.surfaces[0].step_timeout *= 2;
    w.service.surfaces[0].keep += 1;
    w.service.approvals.minimum = 1;
    w.ok(&Actor::Machine, Command::Advance);
    assert_eq!(w.status(release), Status::ManualTestPassed);
    assert_eq!(w.happened(|event| matches!(event, Event::RehearsalStale { .. })), 0);
}

#[test]
fn a_lost_deploy_is_not_repeated_with_other_commands() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let release = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(release);
    let lost = w.ends_at(PRODUCTION, 0, Outcome::Lost("the host was restarted".into()));
    w.service.surfaces[0].deploy = "./deploy-otherwise".into();
    let again = Command::Resolve { run: lost, verdict: Resolution::Again, reason: "looked".into() };
    let refusal = w.admin_refused(again.clone());
    assert_eq!(refusal.code, Code::ContentChanged);
    w.service = Sim::new().service;
    w.admin(again);
    w.production_ends_well();
    assert_eq!(w.status(release), Status::Deployed);
}

#[test]
fn a_person_who_creates_with_a_token_is_the_initiator() {
    let mut w = Sim::with(|service| service.approvals.forbid_self = true);
    let member = w.actor("ann");
    let new = NewRelease { initiated_by: "bob".into(), ..w.new_release("v1.0.0") };
    w.ok(&member, Command::Create(new));
    let release = *w.releases.keys().last().unwrap();
    assert_eq!((w.get(release).initiated_by.as_str(), &w.get(release).said_by), ("ann", &None));
    w.stage_ends_well();
    assert_eq!(w.refused(&member, Command::Approve { release, seen: None }).code, Code::SelfApproval);
    // What a CI system says is its word.
    let other = w.release("v1.1.0");
    assert_eq!((w.get(other).initiated_by.as_str(), w.get(other).said_by.as_deref()), ("dev", Some(ci().label())));
}

#[test]
fn an_unchecked_commit_does_not_cancel_a_release_of_the_same_tag() {
    let mut w = Sim::new();
    w.service.repository = Some("https://git.example/shop".into());
    let release = w.release("v1.0.0");
    let invented = NewRelease { commit: Some(commit("another")), commit_checked: false, ..w.new_release("v1.0.0") };
    for caller in [w.actor("ann"), ci(), w.actor("root")] {
        let refusal = w.refused(&caller, Command::Create(invented.clone()));
        assert_eq!(refusal.code, Code::TagMoved, "{refusal:?}");
    }
    assert_eq!(w.happened(|event| matches!(event, Event::TagMoved { .. })), 0);
    // Without a repository a CI system is believed, a person is not.
    w.service.repository = None;
    let member = w.actor("ann");
    assert_eq!(w.refused(&member, Command::Create(invented.clone())).code, Code::TagMoved);
    w.ok(&ci(), Command::Create(invented));
    assert_ne!(w.status(release), Status::Initiated);
}

#[test]
fn a_bypass_lets_through_only_what_it_was_made_for() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    w.lock();
    let release = w.release("v1.1.0");
    w.stage_ends_well();
    let gates = vec![GateName::Approvals];
    w.admin(Command::Bypass { release, gates: gates.clone(), reason: "in a hurry".into() });
    assert_eq!(w.status(release), Status::ManualTestPassed);
    deploys_otherwise(&mut w);
    w.unlock();
    w.stage_ends_well();
    assert_eq!((w.status(release), w.live(PRODUCTION)), (Status::ManualTesting, None));
    assert_eq!(w.gates(release)[0].void_bypass.as_deref(), Some("root"));
    w.admin(Command::Bypass { release, gates, reason: "I have seen it".into() });
    w.production_ends_well();
    assert_eq!(w.status(release), Status::Deployed);
}

#[test]
fn posting_the_same_tag_with_other_artifacts_answers_that_those_do_not_ship() {
    let mut w = Sim::new();
    let mut new = w.new_release("v1.0.0");
    new.artifacts = built("app@good");
    let release = w.create(new.clone());
    w.stage_ends_well();
    assert_eq!(w.create(new.clone()), release, "the same once more");
    new.artifacts = built("app@evil");
    assert_eq!(w.refused(&ci(), Command::Create(new.clone())).code, Code::ArtifactsFixed);
    // Another CI run hears who is at work on it, as ever.
    let other = CiRun { id: "4711".into(), attempt: 1, url: None, git_ref: None };
    let mut twice = NewRelease { ci_run: Some(CiRun { id: "1".into(), ..other.clone() }), ..new.clone() };
    twice.artifacts = built("app@good");
    assert_eq!(w.create(twice), release);
    let refusal = w.refused(&ci(), Command::Create(NewRelease { ci_run: Some(other), ..new.clone() }));
    assert_eq!(refusal.code, Code::AlreadyActive);
    new.artifacts = Vec::new();
    assert_eq!(w.create(new), release);
    assert_eq!(w.get(release).artifacts, built("app@good"));
}

#[test]
fn a_ci_run_that_is_run_again_brings_what_it_has_built_then() {
    let mut w = Sim::new();
    let mut new = w.new_release("v1.0.0");
    new.ci_run = Some(CiRun { id: "4711".into(), attempt: 1, url: None, git_ref: None });
    new.artifacts = built("app@first");
    let release = w.create(new.clone());
    w.fails_at(STAGE, 0);
    new.ci_run.as_mut().unwrap().attempt = 2;
    new.artifacts = built("app@second");
    assert_eq!(w.create(new), release);
    assert_eq!((w.get(release).attempt.0, &w.get(release).artifacts), (2, &built("app@second")));
}
