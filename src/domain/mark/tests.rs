//! What each run and each release comes to on GitHub, with the words.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;
use crate::domain::env::Env;
use crate::domain::ids::{Attempt, Commit, PersonName, ReleaseId, Revision, RunId, ServiceName, Tag};
use crate::domain::reason::Reason;
use crate::domain::release::Bypass;
use crate::wording::marks as words;

fn release(status: Status) -> Release {
    let now = Timestamp::UNIX_EPOCH;
    Release {
        id: ReleaseId(12),
        service: ServiceName::parse("service", "shop").unwrap(),
        tag: Some(Tag::parse("tag", "v1.2.0").unwrap()),
        commit: Some(Commit::parse("commit", "a".repeat(40)).unwrap()),
        commit_check: None,
        status,
        status_since: now,
        reason: Some(Reason::NoAnswer),
        attempt: Attempt(1),
        revision: Revision(1),
        said_by: None,
        proven_initiators: Vec::new(),
        initiated_by: String::new(),
        owner: String::new(),
        ci_run: None,
        tagged_at: None,
        notes: String::new(),
        artifacts: Vec::new(),
        rollback_to_tag: Some(Tag::parse("tag", "v1.1.0").unwrap()),
        rehearsal: None,
        promoted: false,
        held: false,
        bypasses: Vec::new(),
        created_at: now,
        started_at: now,
        completed_at: None,
    }
}

fn run(kind: RunKind, state: RunState) -> Run {
    let now = Timestamp::UNIX_EPOCH;
    Run {
        id: RunId(7),
        word: String::new(),
        release: ReleaseId(12),
        attempt: Attempt(1),
        service: ServiceName::parse("service", "shop").unwrap(),
        environment: Env::Production,
        kind,
        housekeeping: false,
        content: None,
        from: None,
        to: release(Status::Deployed).version(),
        state,
        waiting: None,
        stop: None,
        left: BTreeMap::new(),
        prepared: false,
        ci_run: None,
        dispatch: None,
        steps: Vec::new(),
        created_at: now,
        started_at: Some(now),
        started_uptime: None,
        ended_at: None,
        heard_at: None,
        heard_uptime: None,
    }
}

fn tally(given: usize, needed: usize) -> Tally {
    let names = |from: usize, to: usize| {
        (from..to).map(|number| PersonName::parse("name", format!("p{number}")).unwrap()).collect()
    };
    Tally { given: names(0, given), missing: names(given, 3), needed }
}

#[test]
fn a_run_that_changes_what_an_environment_runs_is_a_deployment() {
    let is_one = |kind, housekeeping, from| is_deployment(&Run { housekeeping, from, ..run(kind, RunState::Queued) });
    let before = || Some(release(Status::Deployed).version());
    assert!(is_one(RunKind::Deploy, false, None) && is_one(RunKind::Deploy, false, before()));
    assert!(is_one(RunKind::Rollback, false, before()));
    assert!(
        is_one(RunKind::Rollback, true, before()) && is_one(RunKind::Deploy, true, before()),
        "stage is taken back"
    );
    assert!(!is_one(RunKind::Deploy, true, None), "a host catches up");
    assert!(!is_one(RunKind::Rehearsal, false, before()) && !is_one(RunKind::Drill, false, before()));
}

#[test]
fn every_state_of_a_run_is_one_of_githubs() {
    use DeploymentState as D;
    let reason = || Reason::NoAnswer;
    let states = [
        (RunState::Queued, D::Queued, "waits"),
        (RunState::Running, D::InProgress, "is under way"),
        (RunState::Succeeded, D::Success, "is there"),
        (RunState::Failed { reason: reason() }, D::Failure, "failed"),
        (RunState::Stopped { reason: reason() }, D::Failure, "failed"),
        (RunState::Unknown { reason: reason() }, D::Error, "it is not known how it ended; an admin must check"),
    ];
    for kind in [RunKind::Deploy, RunKind::Rollback] {
        for (state, expected, said) in &states {
            let run = run(kind, state.clone());
            assert_eq!(DeploymentState::of(&run, false), *expected);
            assert_eq!(words::deployment_state(*expected, None), *said);
            // Only what was there makes way.
            let replaced = if *expected == D::Success { D::Inactive } else { *expected };
            assert_eq!(DeploymentState::of(&run, true), replaced);
        }
    }
    let unbegun = Run { started_at: None, ..run(RunKind::Deploy, RunState::Stopped { reason: reason() }) };
    assert_eq!(DeploymentState::of(&unbegun, false), D::Inactive);
    let described = [RunKind::Deploy, RunKind::Rollback].map(|kind| words::deployment(&run(kind, RunState::Running)));
    assert_eq!(described, ["shop: deploy of v1.2.0 (#12)", "shop: back to v1.2.0 (#12)"]);
}

#[test]
fn every_status_of_a_release_has_its_words_on_its_commit_and_its_pull_request() {
    let told: Vec<_> = Status::ALL
        .iter()
        .map(|&status| {
            let release = release(status);
            let how = VoteOutcome::of(&release, &tally(1, 2));
            let text = words::comment("<!-- line -->", &release, how, None, None);
            let last = text.strip_prefix("<!-- line -->\n**`shop` `v1.2.0`** · release #12\n\n").expect("the head");
            format!("{:?}: {}", how.state(), last.trim_end())
        })
        .collect();
    assert_eq!(
        told,
        [
            "Pending: ⏳ Waits for stage · 1 of 2 approvals given",
            "Pending: 🔧 Goes to stage · 1 of 2 approvals given",
            "Failure: ❌ Failed on stage · not approved: it failed on stage",
            "Pending: 🔧 Its rollback is rehearsed on stage · 1 of 2 approvals given",
            "Failure: ❌ The rehearsal of its rollback failed · not approved: it failed on stage",
            "Pending: 👀 Is on stage, and is tested there · 1 of 2 approvals given",
            "Failure: ❌ Did not pass the test on stage · rejected",
            "Success: ⏳ Waits for production · approved",
            "Success: 🚀 Goes to production · approved",
            "Success: ✅ Went to production · approved",
            "Success: ⏪ Production goes back · approved",
            "Success: ⏪ Production went back to `v1.1.0` · approved",
            "Success: 🔥 Production could not be rolled back; an admin must check · approved",
            "Error: 🚫 Ended before production · cancelled",
        ]
    );
}

#[test]
fn the_vote_is_told_as_it_is() {
    let told = |status, given, needed| {
        let how = VoteOutcome::of(&release(status), &tally(given, needed));
        (how.state(), words::standing(how))
    };
    assert_eq!(told(Status::ManualTesting, 0, 1), (CommitState::Pending, "0 of 1 approval given".into()));
    assert_eq!(told(Status::ManualTesting, 2, 3), (CommitState::Pending, "2 of 3 approvals given".into()));
    assert_eq!(told(Status::Initiated, 0, 0), (CommitState::Success, "no approvals needed".into()));
    assert_eq!(told(Status::ManualTestPassed, 1, 1), (CommitState::Success, "approved: 1 approval".into()));
    assert_eq!(told(Status::Deployed, 3, 2), (CommitState::Success, "approved: 3 approvals".into()));
    let mut skipped = release(Status::Deploying);
    let gate = GateName::Approvals;
    skipped.bypasses.push(Bypass { gate, by: "ann".into(), reason: "fire".into(), content: None });
    let how = VoteOutcome::of(&skipped, &tally(0, 2));
    assert_eq!((how.state(), &*words::standing(how)), (CommitState::Success, "approvals were skipped by an admin"));
}

#[test]
fn each_kind_has_its_name_its_switch_and_its_permission() {
    for kind in MarkKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert!(kind.permission().ends_with(": write") && !kind.switch().is_empty());
    }
}
