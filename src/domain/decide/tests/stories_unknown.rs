//! Environments of which it is not known what they run, and time that was set.

use jiff::SignedDuration;

use super::sim::*;
use crate::domain::cause::Code;
use crate::domain::command::{Command, Outcome, Resolution, Settled};
use crate::domain::env::Env;
use crate::domain::environment::UnknownState;
use crate::domain::event::Event;
use crate::domain::gate::GateName;
use crate::domain::ids::HostName;
use crate::domain::person::Actor;
use crate::domain::reason::{LastRun, Reason};
use crate::domain::run::RunState;
use crate::domain::run_name::RunName;
use crate::domain::status::Status;
use crate::wording::english;

fn restored(w: &mut Sim, kind: Env) {
    let unknown = Some(UnknownState { reason: "the database was restored".into(), since: w.now });
    w.environments.get_mut(&kind).unwrap().unknown = unknown;
}

fn settle(environment: Env, runs: Settled) -> Command {
    Command::Settle { environment, runs, reason: "looked".into() }
}

fn foreign(w: &mut Sim, kind: Env) {
    let (run, host) = (w.live(kind).unwrap(), HostName::local());
    w.ok(&Actor::Machine, Command::RunForeign { run, host, reason: "somebody else was here".into() });
}

#[test]
fn runs_have_words_and_hosts_know_them_by_both() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    let tokens: Vec<_> = w.runs.values().map(|run| run.token("here")).collect();
    for (run, token) in w.runs.values().zip(&tokens) {
        assert_eq!(RunName::of_token(token), Some(RunName { id: run.id, word: run.word.clone() }));
        assert!(run.word.len() >= 16 && tokens.iter().filter(|other| *other == token).count() == 1);
    }
    let old = RunName { id: crate::domain::ids::RunId(9), word: String::new() };
    assert_eq!((old.token("here").as_str(), RunName::of_token("here-9")), ("here-9", Some(old.clone())));
    assert_eq!(RunName::of_token("nonsense"), None);
}

#[test]
fn a_release_of_ci_is_told_at_once_that_stage_waits_for_an_admin() {
    let mut w = Sim::in_ci();
    restored(&mut w, STAGE);
    let release = w.release("v1.1.0");
    assert!(matches!(w.get(release).reason, Some(Reason::StageUnknown { .. })), "{:?}", w.get(release).reason);
}

#[test]
fn nothing_is_deployed_where_it_is_not_known_what_runs() {
    let mut w = Sim::new();
    let good = w.ship("v1.0.0");
    restored(&mut w, STAGE);
    restored(&mut w, PRODUCTION);
    let release = w.release("v1.1.0");
    assert_eq!((w.status(release), w.live(STAGE)), (Status::Initiated, None));
    assert!(w.reason(release).contains("rmm service settle shop --environment stage"), "{}", w.reason(release));
    w.admin(settle(STAGE, Settled::Recorded));
    w.stage_ends_well();
    w.everybody_approves(release);
    assert_eq!((w.unmet(release), w.live(PRODUCTION)), (vec![GateName::ProductionClean], None));
    let rollback = w.roll_back(good, None).unwrap_err();
    assert_eq!(rollback.code, Code::EnvironmentUnknown);
    assert!(words(&rollback).contains("rmm service settle shop --environment production"), "{rollback:?}");
    // Only an admin says it, and about something that is known.
    let ann = w.actor("ann");
    assert_eq!(w.refused(&ann, settle(PRODUCTION, Settled::Nothing)).code, Code::Forbidden);
    let nowhere = Settled::Release(crate::domain::ids::ReleaseId(99));
    assert_eq!(w.admin_refused(settle(PRODUCTION, nowhere)).code, Code::NotFound);
    w.admin(settle(PRODUCTION, Settled::Release(good)));
    w.production_ends_well();
    assert_eq!(w.status(release), Status::Deployed);
    assert_eq!(w.admin_refused(settle(PRODUCTION, Settled::Nothing)).code, Code::NothingToResolve);
}

#[test]
fn an_environment_that_runs_nothing_known_gets_a_first_release() {
    let mut w = Sim::new();
    w.ship("v1.0.0");
    for kind in [STAGE, PRODUCTION] {
        restored(&mut w, kind);
        w.admin(settle(kind, Settled::Nothing));
        assert_eq!((w.runs_what(kind), w.environment(kind).since), (None, None));
    }
    let release = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(release);
    let run = w.live(PRODUCTION).unwrap();
    assert_eq!(w.runs[&run].from, None);
    w.production_ends_well();
    assert_eq!(w.runs_what(PRODUCTION), Some(release));
}

#[test]
fn a_run_that_meets_another_copy_of_the_database_starts_nothing_and_all_is_told() {
    let mut w = Sim::new();
    let good = w.ship("v1.0.0");
    let release = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(release);
    foreign(&mut w, PRODUCTION);
    assert_eq!(w.status(release), Status::RollbackDone);
    assert!(w.reason(release).contains("somebody else was here"), "{}", w.reason(release));
    assert_eq!((w.runs_what(PRODUCTION), w.live(PRODUCTION)), (Some(good), None));
    assert_eq!(w.happened(|event| matches!(event, Event::ForeignRunFound { .. })), 1);
    assert!(w.production().unknown.is_some() && w.stage().unknown.is_none());
    assert_eq!((w.live(STAGE), w.runs_what(STAGE)), (None, Some(release)), "stage goes to nothing that is not known");
    w.admin(settle(PRODUCTION, Settled::Recorded));
    assert!(w.live(STAGE).is_some(), "now it does");
    assert_eq!(w.production().vouched_below.0, w.runs.len() as i64);
}

fn looked(w: &mut Sim, kind: Env, host: &str, token: &str, at_work: bool) {
    let (host, run) = (HostName::parse("host", host).unwrap(), RunName::number(token));
    let found = LastRun { host, run, at_work, other: Some(token.to_owned()) };
    w.ok(&Actor::Machine, Command::HostLooked { environment: kind, found });
}

#[test]
fn where_another_installation_was_at_work_an_admin_says_what_runs_and_that_it_is_gone() {
    let mut w = Sim::new();
    looked(&mut w, PRODUCTION, "one", "lost-5-ab", true);
    looked(&mut w, PRODUCTION, "two", "lost-4-cd", false);
    let told = english(&w.production().unknown.as_ref().unwrap().reason);
    assert!(
        told.contains("If the other RMM still runs, stop it") && told.contains("rmm service settle shop"),
        "{told}"
    );
    assert!(told.contains("a command of it is still at work there") && told.contains("run 4 of another"), "{told}");
    // The command has ended meanwhile.
    looked(&mut w, PRODUCTION, "one", "lost-5-ab", false);
    let told = english(&w.production().unknown.as_ref().unwrap().reason);
    assert!(!told.contains("still at work"), "{told}");
    assert_eq!(w.happened(|event| matches!(event, Event::EnvironmentUnknown { .. })), 2);
    assert!(!w.production().is_gone("lost-5-ab"));
    w.admin(settle(PRODUCTION, Settled::Nothing));
    assert!(w.another_copy.is_none());
    let gone = ["lost-5-ab", "lost-4-cd", "lost-6-ef", "other-1-ab"].map(|token| w.production().is_gone(token));
    assert_eq!(gone, [true, true, false, false]);
    // It lives: with its next run it is met again, and nothing of this one's begins.
    let release = w.release("v1.0.0");
    w.stage_ends_well();
    w.everybody_approves(release);
    let run = w.live(PRODUCTION).unwrap();
    let (service, host) = (w.service.name.clone(), HostName::local());
    let reason =
        Reason::OtherInstallation { host: host.clone(), token: "lost-6-ef".into(), service, environment: PRODUCTION };
    w.ok(&Actor::Machine, Command::RunForeign { run, host, reason });
    assert_eq!((w.status(release), w.runs_what(PRODUCTION)), (Status::RollbackDone, None));
    assert!(w.another_copy.is_none() && w.production().unknown.is_some() && !w.production().is_gone("lost-6-ef"));
    w.admin(settle(PRODUCTION, Settled::Nothing));
    assert!(w.production().is_gone("lost-6-ef"));
    w.ship("v1.0.1");
}

#[test]
fn a_copy_is_told_once_wherever_it_is_met_until_an_admin_has_looked() {
    let mut w = Sim::new();
    let good = w.ship("v1.0.0");
    let turned_away = |w: &mut Sim, run| {
        let reason = "another one was turned away".into();
        w.ok(&Actor::Machine, Command::ForeignTurnedAway { run, host: HostName::local(), reason });
    };
    let told = |w: &Sim| w.happened(|event| matches!(event, Event::ForeignRunFound { .. }));
    let recorded = |environment| settle(environment, Settled::Recorded);
    let release = w.release("v1.1.0");
    let run = w.live(STAGE).unwrap();
    turned_away(&mut w, run);
    turned_away(&mut w, run);
    w.stage_ends_well();
    w.everybody_approves(release);
    foreign(&mut w, PRODUCTION);
    assert_eq!((told(&w), w.production().unknown.is_some()), (1, true));
    assert_eq!(w.another_copy.as_ref().unwrap().reason, "another one was turned away".into());
    w.admin(settle(PRODUCTION, Settled::Release(good)));
    assert_eq!(w.another_copy, None);
    // Where nothing is unknown an admin has only this to say, and no run is taken for known by it.
    turned_away(&mut w, run);
    assert_eq!(told(&w), 2);
    let vouched = w.stage().vouched_below;
    let refused = w.admin_refused(settle(STAGE, Settled::Nothing));
    assert!(words(&refused).contains("--recorded means that the other copy"), "{refused:?}");
    w.admin(recorded(STAGE));
    assert_eq!((w.another_copy.clone(), w.stage().vouched_below), (None, vouched));
    assert_eq!(w.admin_refused(recorded(STAGE)).code, Code::NothingToResolve);
}

#[test]
fn a_step_begun_by_another_rmm_leaves_its_run_to_an_admin() {
    for (found, status) in [(true, Status::Deployed), (false, Status::RollbackDone)] {
        let mut w = Sim::new();
        let good = w.ship("v1.0.0");
        let release = w.release("v1.1.0");
        w.stage_ends_well();
        w.everybody_approves(release);
        let run = w.works_until(PRODUCTION, 2);
        foreign(&mut w, PRODUCTION);
        w.ok(
            &Actor::Machine,
            Command::StepEnded { run, step: 2, outcome: Outcome::Lost("foreign".into()), said: Default::default() },
        );
        assert!(matches!(w.runs[&run].state, RunState::Unknown { .. }));
        // What production runs is said first, and that ends the run.
        let resolve = Command::Resolve { run, verdict: Resolution::Succeeded, reason: String::new() };
        assert_eq!(w.admin_refused(resolve).code, Code::EnvironmentUnknown);
        let abort = Command::Abort { release, reason: "bad".into(), force: true };
        assert_eq!(w.admin_refused(abort).code, Code::EnvironmentUnknown);
        let runs = if found { release } else { good };
        w.admin(settle(PRODUCTION, Settled::Release(runs)));
        assert_eq!((w.status(release), w.runs_what(PRODUCTION), w.live(PRODUCTION)), (status, Some(runs), None));
        assert!(w.production().mixed.is_none() && w.production().dirty.is_none());
        w.ship("v1.2.0");
    }
}

#[test]
fn a_ci_system_may_not_take_a_stage_whose_version_is_unknown() {
    let mut w = Sim::in_ci();
    let release = w.release("v1.0.0");
    restored(&mut w, STAGE);
    assert_eq!(w.report_refused(release, Status::StageBuilding).code, Code::EnvironmentUnknown);
    w.admin(settle(STAGE, Settled::Nothing));
    w.report(release, Status::StageBuilding);
}

#[test]
fn the_silence_of_a_ci_system_is_time_that_has_passed() {
    let mut w = Sim::in_ci();
    let release = w.release("v1.0.0");
    w.report(release, Status::StageBuilding);
    let run = w.live(STAGE).unwrap();
    // The clock is set a day forward, and a day back.
    for days in [1, -2] {
        w.now += SignedDuration::from_hours(24 * days);
        w.uptime_lags += SignedDuration::from_hours(24 * days);
        w.ok(&Actor::Machine, Command::Advance);
        assert_eq!(w.live(STAGE), Some(run), "after {days} days");
    }
    // A run from before the machine's last start begins anew.
    let mark = w.runs.get_mut(&run).unwrap();
    mark.heard_uptime.as_mut().unwrap().boot = "before".into();
    w.passes(SignedDuration::from_hours(2));
    assert_eq!(w.live(STAGE), Some(run));
    w.passes(SignedDuration::from_hours(2));
    assert!(matches!(w.runs[&run].state, RunState::Unknown { .. }));
}
