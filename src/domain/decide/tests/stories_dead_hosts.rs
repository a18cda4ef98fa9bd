//! Hosts that do not answer: the rollback goes on without them, and they are caught up or given up.

use super::sim::*;
use super::stories_hosts::{fails_on, on_two_hosts, waves};
use crate::domain::cause::Code;
use crate::domain::command::{Command, Outcome, Resolution};
use crate::domain::environment::UnseenStep;
use crate::domain::event::Event;
use crate::domain::ids::{HostName, RunId};
use crate::domain::person::Actor;
use crate::domain::reason::{Found, Hint, Reason, Wait};
use crate::domain::run::{RunState, Step, StepState};
use crate::domain::service::Order;
use crate::domain::status::Status;
use crate::wording::english;

fn host(name: &str) -> HostName {
    HostName::parse("host", name).unwrap()
}

fn is_silent(w: &mut Sim, run: RunId, name: &str) {
    let hosts = [(host(name), "no route".into())].into();
    w.ok(&Actor::Machine, Command::LeaveHosts { run, hosts });
}

/// A deploy has failed on the second of two hosts; the rollback is queued.
fn going_back(order: Order) -> (Sim, RunId) {
    let mut w = on_two_hosts(order);
    fails_on(&mut w, "two", "health");
    let back = w.live(PRODUCTION).unwrap();
    (w, back)
}

fn newest(w: &Sim) -> crate::domain::ids::ReleaseId {
    *w.releases.keys().next_back().unwrap()
}

fn done(w: &Sim, run: RunId) -> Vec<String> {
    let well = |step: &&Step| step.state == StepState::Succeeded;
    w.runs[&run].steps.iter().filter(well).map(|step| format!("{}@{}", step.kind.as_str(), step.host)).collect()
}

/// The one migration whose end is unknown.
fn unseen(w: &Sim) -> (RunId, u32) {
    let [unseen] = w.production().unseen.as_slice() else { panic!("{:?}", w.production().unseen) };
    (unseen.run, unseen.step)
}

fn give_up(name: &str) -> Command {
    Command::GiveUpHost { environment: PRODUCTION, host: host(name), reason: "burnt down".into() }
}

#[test]
fn a_way_back_goes_on_where_it_can_and_names_the_host_that_does_not_answer() {
    let (mut w, back) = going_back(Order::Parallel);
    is_silent(&mut w, back, "two");
    w.production_ends_well();
    assert_eq!(done(&w, back), ["migrate_down@one", "checkout@one", "deploy@one", "health@one"]);
    assert_eq!(w.runs[&back].state, RunState::Succeeded);
    let release = newest(&w);
    assert_eq!(w.status(release), Status::RollbackDone);
    assert!(w.reason(release).ends_with("; continued without two (no route)"));
    assert_eq!(w.production().left.keys().collect::<Vec<_>>(), [&host("two")]);
    assert!(w.production().mixed.is_none() && w.production().dirty.is_none());
}

#[test]
fn a_database_is_taken_back_from_another_host() {
    for order in [Order::Parallel, Order::Rolling] {
        let (mut w, back) = going_back(order);
        is_silent(&mut w, back, "one");
        w.production_ends_well();
        assert_eq!(done(&w, back), ["migrate_down@two", "checkout@two", "deploy@two", "health@two"], "{order:?}");
        assert_eq!(w.status(newest(&w)), Status::RollbackDone);
    }
}

#[test]
fn a_host_that_dies_in_the_middle_of_the_way_back_is_left_when_its_step_is_in_doubt() {
    let (mut w, back) = going_back(Order::Parallel);
    w.follow(PRODUCTION, |step| match (step.kind.as_str(), step.host.as_str()) {
        ("deploy", "two") => Some(Outcome::Unreachable { reason: "no route".into(), begun: true }),
        _ => Some(Outcome::Exited(0)),
    });
    assert_eq!(w.runs[&back].state, RunState::Succeeded);
    let deploy = w.runs[&back].steps.iter().find(|s| s.kind.as_str() == "deploy" && s.host.as_str() == "two").unwrap();
    assert!(matches!(deploy.state, StepState::Unknown { .. }), "{deploy:?}");
}

#[test]
fn a_migration_in_doubt_is_for_a_person_to_judge() {
    let (mut w, back) = going_back(Order::Parallel);
    w.follow(PRODUCTION, |step| match step.kind.as_str() {
        "migrate_down" => Some(Outcome::Unreachable { reason: "no route".into(), begun: true }),
        _ => Some(Outcome::Exited(0)),
    });
    let RunState::Unknown { reason } = &w.runs[&back].state else { panic!("{:?}", w.runs[&back].state) };
    assert_eq!(english(reason), "migrate down of api on production (one) cannot be judged: no route");
    assert!(w.runs[&back].left.is_empty() && w.runs[&back].waiting.is_none(), "the run does not go on without it");
}

#[test]
fn a_host_that_is_given_up_in_the_middle_of_its_migration_has_it_done_by_another_one() {
    let (mut w, back) = going_back(Order::Parallel);
    w.follow(PRODUCTION, |step| (step.kind.as_str() != "migrate_down").then_some(Outcome::Exited(0)));
    w.admin(give_up("one"));
    w.production_ends_well();
    assert_eq!(done(&w, back), ["migrate_down@two", "checkout@two", "deploy@two", "health@two"]);
    assert_eq!(w.status(newest(&w)), Status::RollbackDone);
    // It may have been done twice, unseen.
    let (of, step) = unseen(&w);
    let given_up = Reason::GivenUp { by: "root".into(), why: "burnt down".into() };
    assert_eq!(w.production().left[&host("one")].reason, given_up);
    w.admin(Command::CatchUpHost { environment: PRODUCTION, host: host("one") });
    let run = w.live(PRODUCTION).unwrap();
    w.ok(&Actor::Machine, Command::MigrationFound { run, of, step, found: Found::Exited(0) });
    assert!(w.production().unknown.is_some());
}

#[test]
fn a_host_that_fails_on_the_way_back_does_not_keep_the_others_on_the_bad_version() {
    let (mut w, back) = going_back(Order::Parallel);
    w.follow(PRODUCTION, |step| {
        let bad = step.kind.as_str() == "checkout" && step.host.as_str() == "two";
        Some(Outcome::Exited(i32::from(bad)))
    });
    assert_eq!(done(&w, back), ["migrate_down@one", "checkout@one", "deploy@one", "health@one"]);
    let RunState::Failed { reason } = &w.runs[&back].state else { panic!("{:?}", w.runs[&back].state) };
    assert_eq!(english(reason), "check out of api on production (two) failed with exit status 1");
    assert_eq!(w.status(newest(&w)), Status::RollbackFailed);
}

#[test]
fn without_a_host_that_answers_there_is_nothing_to_go_on_with() {
    let (mut w, back) = going_back(Order::Parallel);
    let both = [(host("one"), "no route".into()), (host("two"), "no route".into())].into();
    w.ok(&Actor::Machine, Command::LeaveHosts { run: back, hosts: both });
    assert!(w.runs[&back].left.is_empty(), "it waits for both");
    is_silent(&mut w, back, "two");
    is_silent(&mut w, back, "one");
    assert_eq!(w.runs[&back].left.keys().collect::<Vec<_>>(), [&host("two")], "it waits for the last one");
    w.admin(give_up("one"));
    w.start_step(back);
    assert!(matches!(w.runs[&back].state, RunState::Failed { .. }), "{:?}", w.runs[&back].state);
    assert_eq!(w.status(newest(&w)), Status::RollbackFailed);
    assert_eq!(w.reason(newest(&w)).matches("continued without").count(), 1, "{}", w.reason(newest(&w)));
}

#[test]
fn an_aborted_deploy_ends_though_one_of_its_hosts_is_dead_and_every_other_goes_back() {
    let mut w = on_two_hosts(Order::Parallel);
    let release = newest(&w);
    let run = w.follow(PRODUCTION, |step| match (step.kind.as_str(), step.host.as_str()) {
        ("deploy", "two") => None,
        _ => Some(Outcome::Exited(0)),
    });
    w.admin(Command::Abort { release, reason: "two is dead".into(), force: false });
    assert!(w.runs[&run].state.is_live(), "its step has to end first");
    is_silent(&mut w, run, "two");
    assert!(matches!(w.runs[&run].state, RunState::Stopped { .. }), "{:?}", w.runs[&run].state);
    assert!(w.production().left.contains_key(&host("two")));
    let back = w.live(PRODUCTION).unwrap();
    is_silent(&mut w, back, "two");
    w.production_ends_well();
    assert_eq!(w.status(release), Status::RollbackDone);
    assert!(
        w.production().left.contains_key(&host("two")) && w.production().unseen.is_empty(),
        "a deploy can be done again"
    );
}

#[test]
fn an_abort_waits_for_the_judgement_of_a_migration_unless_it_is_forced() {
    for force in [false, true] {
        let mut w = on_two_hosts(Order::Parallel);
        let release = newest(&w);
        let run = w.follow(PRODUCTION, |step| (step.kind.as_str() != "migrate_up").then_some(Outcome::Exited(0)));
        w.admin(Command::Abort { release, reason: "one is dead".into(), force });
        is_silent(&mut w, run, "one");
        if !force {
            assert!(matches!(w.runs[&run].state, RunState::Unknown { .. }), "{:?}", w.runs[&run].state);
            w.admin(Command::Abort { release, reason: "I have looked".into(), force: true });
        }
        let back = w.live(PRODUCTION).unwrap();
        assert_eq!(waves(&w, back)[..2], ["migrate_down@one", "checkout@two checkout@one"]);
        is_silent(&mut w, back, "one");
        w.production_ends_well();
        assert_eq!(done(&w, back)[..2], ["migrate_down@two", "checkout@two"]);
        assert_eq!(w.status(release), Status::RollbackDone);
    }
}

#[test]
fn a_host_that_returns_is_brought_to_what_the_others_run() {
    let (mut w, back) = going_back(Order::Parallel);
    is_silent(&mut w, back, "two");
    w.production_ends_well();
    let came_back = Command::HostBack { environment: PRODUCTION, host: host("two") };
    w.ok(&Actor::Machine, came_back.clone());
    let catch_up = w.live(PRODUCTION).unwrap();
    assert_eq!(waves(&w, catch_up), ["checkout@two", "deploy@two", "health@two"]);
    w.ends_at(PRODUCTION, 1, Outcome::Unreachable { reason: "gone again".into(), begun: true });
    assert!(matches!(w.runs[&catch_up].state, RunState::Failed { .. }), "{:?}", w.runs[&catch_up].state);
    assert!(w.production().dirty.is_none());
    assert_eq!(w.production().left[&host("two")].reason, "gone again".into());

    w.ok(&Actor::Machine, came_back);
    w.production_ends_well();
    assert!(w.production().left.is_empty());
    assert_eq!(w.happened(|event| matches!(event, Event::HostCaughtUp { .. })), 1);
    assert_eq!(w.status(newest(&w)), Status::RollbackDone, "its status is as it was");
}

#[test]
fn the_next_deploy_brings_a_left_host_along() {
    let (mut w, back) = going_back(Order::Parallel);
    is_silent(&mut w, back, "two");
    w.production_ends_well();
    w.ship("v1.2.0");
    assert!(w.production().left.is_empty());
}

fn came_back(name: &str) -> Command {
    Command::HostBack { environment: PRODUCTION, host: host(name) }
}

#[test]
fn an_admin_gives_a_host_up_and_has_it_caught_up_after_all() {
    let (mut w, back) = going_back(Order::Parallel);
    is_silent(&mut w, back, "two");
    w.production_ends_well();
    let refused = w.refused(&w.actor("ann"), give_up("two"));
    assert_eq!(refused.code, Code::Forbidden);
    w.admin(give_up("two"));
    assert_eq!(w.admin_refused(give_up("two")).code, Code::NothingToResolve);
    w.ok(&Actor::Machine, came_back("two"));
    assert!(w.live(PRODUCTION).is_none(), "no run waits for it");
    let left = &w.production().left[&host("two")];
    assert!(left.given_up && english(&left.reason).ends_with(": burnt down"), "what it may run stays known: {left:?}");

    let catch_up = |name: &str| Command::CatchUpHost { environment: PRODUCTION, host: host(name) };
    assert_eq!(w.refused(&w.actor("ann"), catch_up("two")).code, Code::Forbidden);
    assert_eq!(w.admin_refused(catch_up("one")).code, Code::NothingToResolve);
    w.admin(catch_up("two"));
    assert_eq!(w.admin_refused(catch_up("two")).code, Code::ProductionBusy);
    w.production_ends_well();
    assert!(w.production().left.is_empty());
}

#[test]
fn a_host_that_is_given_up_is_not_forgotten_by_the_run_that_goes_on_without_it() {
    let (mut w, back) = going_back(Order::Parallel);
    is_silent(&mut w, back, "two");
    w.ok(&Actor::Machine, Command::RunWaits { run: back, reason: Some("waits for two".into()) });
    w.admin(give_up("two"));
    assert_eq!(w.runs[&back].waiting, None);
    w.production_ends_well();
    assert!(w.production().left[&host("two")].given_up);
    w.ship("v1.2.0");
    assert!(w.production().left.is_empty(), "the next deploy has reached it");
}

#[test]
fn a_host_that_the_configuration_does_not_name_for_a_while_is_caught_up_afterwards() {
    let (mut w, back) = going_back(Order::Parallel);
    is_silent(&mut w, back, "two");
    w.production_ends_well();
    let before = w.service.clone();
    let api = w.service.environments.get_mut(&PRODUCTION).unwrap().surfaces.values_mut().next().unwrap();
    api.hosts.retain(|place| place.host != host("two"));
    w.ok(&Actor::Machine, Command::Advance);
    w.ok(&Actor::Machine, came_back("two"));
    assert!(w.live(PRODUCTION).is_none());
    let refusal = w.admin_refused(Command::CatchUpHost { environment: PRODUCTION, host: host("two") });
    assert!(words(&refusal).contains("rmm.toml does not name two"), "{refusal:?}");
    w.ship("v1.2.0");
    assert_eq!(w.happened(|event| matches!(event, Event::HostGivenUp { .. })), 0);

    w.service = before;
    w.ok(&Actor::Machine, came_back("two"));
    let run = w.live(PRODUCTION).unwrap();
    assert_eq!(w.runs[&run].to.tag.as_ref().map(ToString::to_string).as_deref(), Some("v1.2.0"));
    w.production_ends_well();
    assert!(w.production().left.is_empty());
}

#[test]
fn a_catch_up_that_fails_says_why_and_is_tried_again() {
    let (mut w, back) = going_back(Order::Parallel);
    is_silent(&mut w, back, "two");
    w.production_ends_well();
    w.ok(&Actor::Machine, came_back("two"));
    let catch_up = w.live(PRODUCTION).unwrap();
    w.ends_at(PRODUCTION, 1, Outcome::Exited(3));
    let left = w.production().left[&host("two")].clone();
    let wanted = format!(
        "run {catch_up} could not bring it to v1.0.0 (#1): deploy of api on production (two) failed with exit status 3"
    );
    assert_eq!((english(&left.reason), left.run), (wanted, catch_up));
    w.ok(&Actor::Machine, came_back("two"));
    w.production_ends_well();
    assert!(w.production().left.is_empty());
}

/// A deploy was ended by force while one host, which does not answer, may still migrate; the other one has gone back.
fn migrating_unseen() -> (Sim, RunId, u32) {
    let mut w = on_two_hosts(Order::Parallel);
    let release = newest(&w);
    let run = w.follow(PRODUCTION, |step| (step.kind.as_str() != "migrate_up").then_some(Outcome::Exited(0)));
    w.admin(Command::Abort { release, reason: "one is dead".into(), force: true });
    is_silent(&mut w, run, "one");
    let back = w.live(PRODUCTION).unwrap();
    is_silent(&mut w, back, "one");
    w.production_ends_well();
    let (of, step) = unseen(&w);
    assert_eq!(of, run);
    (w, of, step)
}

#[test]
fn a_migration_that_went_on_unseen_makes_the_environment_unknown() {
    for catches_up in [true, false] {
        let (mut w, of, step) = migrating_unseen();
        if catches_up {
            w.ok(&Actor::Machine, came_back("one"));
        } else {
            let next = w.release("v1.2.0");
            w.stage_ends_well();
            w.everybody_approves(next);
        }
        let run = w.live(PRODUCTION).unwrap();
        let found = Command::MigrationFound { run, of, step, found: Found::Exited(0) };
        w.ok(&Actor::Machine, found.clone());
        let reason = w.production().unknown.clone().unwrap().reason;
        let found = Found::Exited(0);
        assert!(matches!(&reason, Reason::MigrationUnseen { found: is, .. } if *is == found), "{reason:?}");
        assert!(w.production().unseen.is_empty(), "it is told once");
        assert_eq!(w.runs[&run].state.is_live(), catches_up, "nothing goes forward from there");
    }
}

#[test]
fn a_way_back_that_takes_the_migration_back_itself_needs_no_admin() {
    let mut w = on_two_hosts(Order::Parallel);
    let release = newest(&w);
    let run = w.follow(PRODUCTION, |step| (step.kind.as_str() != "migrate_up").then_some(Outcome::Exited(0)));
    w.admin(Command::Abort { release, reason: "one is dead".into(), force: true });
    is_silent(&mut w, run, "one");
    let back = w.live(PRODUCTION).unwrap();
    let (of, step) = unseen(&w);
    w.ok(&Actor::Machine, Command::MigrationFound { run: back, of, step, found: Found::Exited(0) });
    w.production_ends_well();
    assert!(w.production().unknown.is_none() && w.production().left.is_empty());
    assert_eq!(w.status(release), Status::RollbackDone);
}

/// A rollback whose migration cannot be judged, and that is run again.
fn repeated() -> (Sim, RunId, u32, RunId) {
    let (mut w, back) = going_back(Order::Parallel);
    w.follow(PRODUCTION, |step| match step.kind.as_str() {
        "migrate_down" => Some(Outcome::Unreachable { reason: "no route".into(), begun: true }),
        _ => Some(Outcome::Exited(0)),
    });
    let (of, step) = unseen(&w);
    assert_eq!(of, back);
    w.admin(Command::Resolve { run: back, verdict: Resolution::Again, reason: "it is back".into() });
    let again = w.live(PRODUCTION).unwrap();
    (w, of, step, again)
}

#[test]
fn a_migration_that_ended_well_unseen_is_not_done_twice() {
    let (mut w, of, step, again) = repeated();
    w.ok(&Actor::Machine, Command::MigrationFound { run: again, of, step, found: Found::Exited(0) });
    let down = w.runs[&again].steps.iter().find(|step| step.kind.as_str() == "migrate_down").unwrap();
    assert_eq!(down.state, StepState::Succeeded);
    w.production_ends_well();
    assert!(w.production().unknown.is_none() && w.production().unseen.is_empty());
    assert_eq!(w.status(newest(&w)), Status::RollbackDone);
}

#[test]
fn a_migration_that_did_not_end_well_unseen_is_done_again() {
    for found in [Found::NotStarted, Found::Exited(1), Found::Stopped, Found::Lost(None)] {
        let (mut w, of, step, again) = repeated();
        w.ok(&Actor::Machine, Command::MigrationFound { run: again, of, step, found });
        let down = w.runs[&again].steps.iter().find(|step| step.kind.as_str() == "migrate_down").unwrap();
        assert_eq!(down.state, StepState::Pending);
        assert!(w.production().unknown.is_none() && w.production().unseen.is_empty());
    }
}

#[test]
fn a_migration_that_is_to_be_repeated_waits_for_its_host_until_that_is_given_up() {
    let (mut w, _, _, again) = repeated();
    is_silent(&mut w, again, "one");
    assert!(w.runs[&again].left.is_empty());
    is_silent(&mut w, again, "two");
    assert!(w.runs[&again].left.contains_key(&host("two")), "others are not waited for");
    let (mut w, of, step, again) = repeated();
    w.admin(give_up("one"));
    w.production_ends_well();
    assert_eq!(done(&w, again), ["migrate_down@two", "checkout@two", "deploy@two", "health@two"]);
    assert_eq!(unseen(&w), (of, step), "what it did there is asked when it is back");
}

#[test]
fn what_an_admin_has_judged_is_asked_again_only_where_it_turns_out_otherwise() {
    for (verdict, found, known) in [
        (Resolution::Failed, Found::Exited(1), true),
        (Resolution::Failed, Found::Lost(None), true),
        (Resolution::Failed, Found::Stopped, false),
        (Resolution::Failed, Found::Exited(0), false),
    ] {
        let (mut w, back) = going_back(Order::Parallel);
        w.follow(PRODUCTION, |step| match step.kind.as_str() {
            "migrate_down" => Some(Outcome::Unreachable { reason: "no route".into(), begun: true }),
            _ => Some(Outcome::Exited(0)),
        });
        let (of, step) = unseen(&w);
        w.admin(Command::Resolve { run: back, verdict, reason: "I have looked".into() });
        w.admin(Command::Resolve { run: back, verdict: Resolution::Succeeded, reason: "repaired".into() });
        assert!(w.production().unseen.is_empty(), "the admin who repaired it has looked");
        w.environments.get_mut(&PRODUCTION).unwrap().unseen.push(UnseenStep { host: host("one"), run: of, step });
        let next = w.release("v1.2.0");
        w.stage_ends_well();
        w.everybody_approves(next);
        let run = w.live(PRODUCTION).unwrap();
        w.ok(&Actor::Machine, Command::MigrationFound { run, of, step, found: found.clone() });
        assert_eq!(w.production().unknown.is_none(), known, "{found:?}");
    }
}

#[test]
fn a_way_back_that_waits_for_every_host_names_the_way_out() {
    let (mut w, back) = going_back(Order::Parallel);
    let (service, one) = (w.service.name.clone(), host("one"));
    let hint = Some(Hint::GiveUp { service, host: one.clone(), environment: PRODUCTION });
    let hosts = [(one, Wait { cause: "no route".into(), hint })].into();
    w.ok(&Actor::Machine, Command::RunWaits { run: back, reason: Some(Reason::WaitsFor { hosts }) });
    let refusal = w.admin_refused(Command::Abort { release: newest(&w), reason: "enough".into(), force: true });
    assert!(words(&refusal).contains("give-up"), "{refusal:?}");
    assert_eq!(refusal.legal, ["give-up"]);
}

#[test]
fn a_deploy_forward_gives_no_host_up() {
    let mut w = on_two_hosts(Order::Parallel);
    let run = w.live(PRODUCTION).unwrap();
    is_silent(&mut w, run, "two");
    assert!(w.runs[&run].left.is_empty());
    let refusal = w.admin_refused(give_up("two"));
    assert_eq!((refusal.code, refusal.legal.as_slice()), (Code::IllegalTransition, ["abort"].as_slice()));
}

/// A production deploy whose last step cannot be judged, run again.
#[test]
fn a_migration_that_ended_well_is_not_done_twice_by_the_run_that_repeats_its_run() {
    let mut w = on_two_hosts(Order::Parallel);
    let run = w.follow(PRODUCTION, |step| match step.kind.as_str() {
        "deploy" => Some(Outcome::Lost("it was started anew".into())),
        _ => Some(Outcome::Exited(0)),
    });
    for old in [run, RunId(run.0 + 1)] {
        w.admin(Command::Resolve { run: old, verdict: Resolution::Again, reason: "it is back".into() });
        let again = w.live(PRODUCTION).unwrap();
        let up = w.runs[&again].steps.iter().find(|step| step.kind.as_str() == "migrate_up").unwrap();
        assert_eq!(up.state, StepState::Succeeded);
        let mut ran = Vec::new();
        w.follow(PRODUCTION, |step| {
            ran.push(step.kind.as_str());
            let lost = step.kind.as_str() == "deploy" && again.0 == run.0 + 1;
            Some(if lost { Outcome::Lost("once more".into()) } else { Outcome::Exited(0) })
        });
        assert!(!ran.contains(&"migrate_up"), "{ran:?}");
    }
    assert_eq!(w.status(newest(&w)), Status::Deployed);
}

#[test]
fn a_catch_up_that_is_repeated_brings_the_same_host_its_code_and_nothing_else() {
    let (mut w, back) = going_back(Order::Parallel);
    is_silent(&mut w, back, "two");
    w.production_ends_well();
    w.ok(&Actor::Machine, came_back("two"));
    let run = w.follow(PRODUCTION, |step| match step.kind.as_str() {
        "deploy" => Some(Outcome::Lost("it was started anew".into())),
        _ => Some(Outcome::Exited(0)),
    });
    let plan = |w: &Sim, run: RunId| -> Vec<String> {
        w.runs[&run].steps.iter().map(|step| format!("{}@{}", step.kind.as_str(), step.host)).collect()
    };
    let before = plan(&w, run);
    w.admin(Command::Resolve { run, verdict: Resolution::Again, reason: "it is back".into() });
    let again = w.live(PRODUCTION).unwrap();
    assert_eq!(plan(&w, again), before);
    w.production_ends_well();
    assert!(w.production().left.is_empty());
}

#[test]
fn no_step_of_a_run_that_was_resolved_is_at_work() {
    for verdict in [Resolution::Succeeded, Resolution::Failed, Resolution::Again] {
        let mut w = on_two_hosts(Order::Parallel);
        let run = w.follow(PRODUCTION, |step| (step.kind.as_str() != "deploy").then_some(Outcome::Exited(0)));
        w.ok(&Actor::Machine, Command::RunLost { run, reason: "its directory is gone".into() });
        w.admin(Command::Resolve { run, verdict, reason: "I have looked".into() });
        assert_eq!(w.runs[&run].running_steps().count(), 0);
    }
}
