//! Every command in every status by every actor: none panics; the answers stand in `matrix.txt` for review.
//!
//! `RMM_BLESS=1 cargo test matrix` writes the file anew.

use std::fmt::Write as _;

use super::sim::*;
use crate::domain::command::{Command, NewRelease, Outcome, Resolution, Settled};
use crate::domain::gate::GateName;
use crate::domain::ids::{HostName, ReleaseId, RunId, ServiceName};
use crate::domain::person::{Actor, Role};
use crate::domain::reason::Reason;
use crate::domain::status::Status;
use crate::domain::workflow::WorkflowEnd;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/domain/decide/tests/matrix.txt");

fn actors(w: &Sim) -> Vec<(&'static str, Actor)> {
    let token = |role, services: &[&str]| Actor::Token {
        name: "token".into(),
        role,
        services: services.iter().map(|name| ServiceName::parse("service", *name).unwrap()).collect(),
    };
    vec![
        ("ci", token(Role::Ci, &["shop"])),
        ("ci-else", token(Role::Ci, &["other"])),
        ("viewer", w.actor("vic")),
        ("listed", w.actor("ann")),
        ("unlisted", w.actor("mia")),
        ("admin", w.actor("root")),
        ("admin-token", token(Role::Admin, &[])),
        ("operator", Actor::Operator),
        ("machine", Actor::Machine),
    ]
}

/// v1.0.0 is in production, and v1.1.0 in the status asked for. RMM runs both environments.
fn ours_at(status: Status) -> (Sim, ReleaseId) {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let r = w.release("v1.1.0");
    let deploy = |w: &mut Sim| w.follow(STAGE, |_| Some(Outcome::Exited(0)));
    let pass = |w: &mut Sim| {
        w.stage_ends_well();
        w.everybody_approves(r);
    };
    match status {
        Status::Initiated => {}
        Status::StageBuilding => {
            w.works_until(STAGE, 0);
        }
        Status::StageBuildingFailed => {
            w.fails_at(STAGE, 3);
        }
        Status::StageTestRollback => {
            deploy(&mut w);
            w.works_until(STAGE, 1);
        }
        Status::StageTestRollbackFailed => {
            deploy(&mut w);
            w.fails_at(STAGE, 1);
        }
        Status::ManualTesting => w.stage_ends_well(),
        Status::ManualTestFailed => {
            w.stage_ends_well();
            w.admin(Command::Reject { release: r, seen: None, reason: "no".into() });
        }
        Status::ManualTestPassed => {
            w.lock();
            pass(&mut w);
        }
        Status::Deploying => {
            pass(&mut w);
            w.works_until(PRODUCTION, 3);
        }
        Status::Deployed => {
            pass(&mut w);
            w.production_ends_well();
        }
        Status::ProductionRollback => {
            pass(&mut w);
            w.fails_at(PRODUCTION, 3);
            w.works_until(PRODUCTION, 0);
        }
        Status::RollbackDone => {
            pass(&mut w);
            w.fails_at(PRODUCTION, 3);
            w.production_ends_well();
        }
        Status::RollbackFailed => {
            pass(&mut w);
            w.fails_at(PRODUCTION, 3);
            w.fails_at(PRODUCTION, 0);
        }
        Status::Cancelled => {
            w.admin(Command::Cancel { release: r, reason: "x".into() });
        }
    }
    assert_eq!(w.status(r), status);
    (w, r)
}

/// The same in environments that a CI system runs.
fn ci_at(status: Status) -> (Sim, ReleaseId) {
    let mut w = Sim::in_ci();
    let reports = |w: &mut Sim, r, all: &[Status]| all.iter().for_each(|status| w.report(r, *status));
    let tested = [Status::StageBuilding, Status::StageTestRollback, Status::ManualTesting];
    let first = w.release("v1.0.0");
    reports(&mut w, first, &tested);
    w.everybody_approves(first);
    reports(&mut w, first, &[Status::Deploying, Status::Deployed]);
    let new = NewRelease { ci_run: Some(ci_run("2", 1)), ..w.new_release("v1.1.0") };
    let r = w.create(new);
    let pass = |w: &mut Sim, more: &[Status]| {
        reports(w, r, &tested);
        w.everybody_approves(r);
        reports(w, r, more);
    };
    match status {
        Status::Initiated => {}
        Status::StageBuilding => reports(&mut w, r, &tested[..1]),
        Status::StageBuildingFailed => reports(&mut w, r, &[Status::StageBuilding, status]),
        Status::StageTestRollback => reports(&mut w, r, &tested[..2]),
        Status::StageTestRollbackFailed => {
            reports(&mut w, r, &tested[..2]);
            reports(&mut w, r, &[status]);
        }
        Status::ManualTesting => reports(&mut w, r, &tested),
        Status::ManualTestFailed => {
            reports(&mut w, r, &tested);
            w.admin(Command::Reject { release: r, seen: None, reason: "no".into() });
        }
        Status::ManualTestPassed => {
            w.lock();
            pass(&mut w, &[]);
        }
        Status::Deploying => pass(&mut w, &[status]),
        Status::Deployed | Status::ProductionRollback => pass(&mut w, &[Status::Deploying, status]),
        Status::RollbackDone | Status::RollbackFailed => {
            pass(&mut w, &[Status::Deploying, Status::ProductionRollback, status]);
        }
        Status::Cancelled => {
            w.admin(Command::Cancel { release: r, reason: "x".into() });
        }
    }
    assert_eq!(w.status(r), status);
    (w, r)
}

fn commands(w: &Sim, release: ReleaseId) -> Vec<(String, Command)> {
    let dirty = w.production().dirty.as_ref().or(w.stage().dirty.as_ref()).map(|dirty| dirty.run);
    let run = dirty.or(w.runs.keys().last().copied()).unwrap_or(RunId(1));
    let step = w.runs[&run].current_steps().next().map_or(0, |step| step.index);
    let reason = || "because".to_owned();
    let other = |name: &str| NewRelease { commit: Some(commit("else")), ..w.new_release(name) };
    let mut all = vec![
        ("create: the same", Command::Create(w.new_release("v1.1.0"))),
        (
            "create: the same tag by another CI run",
            Command::Create(NewRelease { ci_run: Some(ci_run("77", 1)), ..w.new_release("v1.1.0") }),
        ),
        (
            "create: a higher attempt of CI run 2",
            Command::Create(NewRelease { ci_run: Some(ci_run("2", 2)), ..w.new_release("v1.1.0") }),
        ),
        ("create: the tag has moved", Command::Create(other("v1.1.0"))),
        ("create: another", Command::Create(other("v1.2.0"))),
        ("update", Command::Update { release, artifacts: Vec::new(), ci_run: None }),
        ("approve", Command::Approve { release, seen: None }),
        ("reject", Command::Reject { release, seen: None, reason: reason() }),
        ("cancel", Command::Cancel { release, reason: reason() }),
        ("abort", Command::Abort { release, reason: reason(), force: false }),
        ("retry", Command::Retry { release }),
        ("promote", Command::Promote { release }),
        ("rollback", Command::Rollback { release, to: None, reason: reason(), force: false }),
        ("bypass approvals", Command::Bypass { release, gates: vec![GateName::Approvals], reason: reason() }),
        ("lock", Command::Lock { reason: reason() }),
        ("unlock", Command::Unlock),
        ("settle", Command::Settle { environment: PRODUCTION, runs: Settled::Recorded, reason: reason() }),
        ("resolve: succeeded", Command::Resolve { run, verdict: Resolution::Succeeded, reason: reason() }),
        ("resolve: failed", Command::Resolve { run, verdict: Resolution::Failed, reason: reason() }),
        ("resolve: again", Command::Resolve { run, verdict: Resolution::Again, reason: reason() }),
        ("commit resolved", Command::CommitResolved { release, commit: commit("else"), tag_object: None }),
        ("commit unresolved", Command::CommitUnresolved { release, reason: Reason::NoAnswer, again: None }),
        ("tag moved", Command::TagMoved { release, now: Some(commit("else")) }),
        ("run prepared", Command::RunPrepared { run }),
        ("start step", Command::StartStep { run }),
        ("try step", Command::TryStep { run, step }),
        ("step ended", Command::StepEnded { run, step, outcome: Outcome::Exited(0), said: Default::default() }),
        ("run failed", Command::RunFailed { run, reason: Reason::NoAnswer }),
        ("run lost", Command::RunLost { run, reason: Reason::NoAnswer }),
        ("dispatch asked", Command::DispatchAsked { run }),
        ("dispatch taken", Command::DispatchTaken { run, seen: None }),
        ("dispatch not taken", Command::DispatchNotTaken { run, reason: None }),
        ("dispatch refused", Command::DispatchRefused { run, reason: Reason::NoAnswer }),
        ("workflow seen", Command::WorkflowSeen { run, attempt: 1 }),
        ("workflow ended", Command::WorkflowEnded { run, end: WorkflowEnd::Success }),
        ("leave hosts", Command::LeaveHosts { run, hosts: [(HostName::local(), Reason::NoAnswer)].into() }),
        ("host back", Command::HostBack { environment: PRODUCTION, host: HostName::local() }),
        ("give up a host", Command::GiveUpHost { environment: PRODUCTION, host: HostName::local(), reason: reason() }),
        ("advance", Command::Advance),
    ]
    .into_iter()
    .map(|(name, command)| (name.to_owned(), command))
    .collect::<Vec<_>>();
    let reports = Status::ALL.iter();
    all.extend(reports.map(|&status| (format!("report {status}"), Command::Report { release, status, ci_run: None })));
    all
}

/// One table for each command: lines of statuses that are answered alike.
fn tables(at: fn(Status) -> (Sim, ReleaseId)) -> String {
    let worlds: Vec<_> = Status::ALL.iter().map(|status| (*status, at(*status))).collect();
    let names: Vec<_> = commands(&worlds[0].1.0, worlds[0].1.1).into_iter().map(|(name, _)| name).collect();
    let mut text = String::new();
    for (index, name) in names.iter().enumerate() {
        let mut lines: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
        for (status, (w, release)) in &worlds {
            let answer = |actor: &Actor| {
                let command = commands(w, *release).swap_remove(index).1;
                w.clone().handle(actor, command).map_or_else(|refusal| refusal.code.as_str(), |_| "ok")
            };
            let cells: Vec<_> = actors(w).iter().map(|(_, actor)| answer(actor)).collect();
            match lines.iter_mut().find(|(known, _)| *known == cells) {
                Some((_, statuses)) => statuses.push(status.as_str()),
                None => lines.push((cells, vec![status.as_str()])),
            }
        }
        writeln!(text, "\n{name}").unwrap();
        for (cells, statuses) in lines {
            let who: Vec<_> = actors(&worlds[0].1.0).into_iter().map(|(who, _)| who).collect();
            let mut by_answer: Vec<(&str, Vec<&str>)> = Vec::new();
            for (cell, who) in cells.into_iter().zip(who) {
                match by_answer.iter_mut().find(|(known, _)| *known == cell) {
                    Some((_, all)) => all.push(who),
                    None => by_answer.push((cell, vec![who])),
                }
            }
            let whole = statuses.len() == Status::ALL.len();
            writeln!(text, "  {}", if whole { "in every status".to_owned() } else { statuses.join(", ") }).unwrap();
            for (answer, who) in by_answer {
                writeln!(text, "    {answer:<20} {}", who.join(", ")).unwrap();
            }
        }
    }
    text
}

#[test]
fn every_command_of_every_actor_in_every_status() {
    let text = format!(
        "v1.0.0 is in production, v1.1.0 stands as named. Written by matrix.rs.\n\n\
         ==== RMM runs stage and production ====\n{}\n==== A CI system runs stage and production ====\n{}",
        tables(ours_at),
        tables(ci_at)
    );
    if std::env::var_os("RMM_BLESS").is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    let known = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(text == known, "the answers have changed: RMM_BLESS=1 cargo test matrix, then review matrix.txt");
}
