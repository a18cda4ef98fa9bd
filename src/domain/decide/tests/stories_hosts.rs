//! Several hosts: side by side or one after the other, and back from every one that was touched.

use super::sim::*;
use crate::domain::command::{Command, Outcome};
use crate::domain::ids::{HostName, RunId};
use crate::domain::person::Actor;
use crate::domain::run::{RunState, StepState};
use crate::domain::service::{Order, Target};
use crate::domain::status::Status;
use crate::wording::english;

/// A service whose surface `api` runs on two hosts in production. Its first release is there.
pub(super) fn on_two_hosts(order: Order) -> Sim {
    let mut w = Sim::with(|service| {
        let place =
            |name: &str| Target { host: HostName::parse("host", name).unwrap(), address: format!("{name}.example") };
        let mut api = surface("api");
        api.hosts = vec![place("one"), place("two")];
        api.order = order;
        service.environments.get_mut(&PRODUCTION).unwrap().surfaces.insert(api.name.clone(), api);
    });
    w.ship("v1.0.0");
    let release = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(release);
    w
}

/// What the steps of a run do and where; those of one wave on one line.
pub(super) fn waves(w: &Sim, run: RunId) -> Vec<String> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    for step in &w.runs[&run].steps {
        let text = format!("{}@{}", step.kind.as_str(), step.host);
        match lines.last_mut().filter(|(wave, _)| *wave == step.wave) {
            Some((_, line)) => *line = format!("{line} {text}"),
            None => lines.push((step.wave, text)),
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

pub(super) fn fails_on(w: &mut Sim, host: &str, kind: &str) -> RunId {
    w.follow(PRODUCTION, |step| {
        let bad = step.host.as_str() == host && step.kind.as_str() == kind;
        Some(Outcome::Exited(i32::from(bad)))
    })
}

#[test]
fn hosts_side_by_side_share_every_wave_and_migrate_once() {
    let mut w = on_two_hosts(Order::Parallel);
    let run = w.live(PRODUCTION).unwrap();
    assert_eq!(
        waves(&w, run),
        [
            "fetch@one fetch@two",
            "verify_tag@one verify_tag@two",
            "checkout@one checkout@two",
            "migrate_up@one",
            "deploy@one deploy@two",
            "health@one health@two",
        ]
    );
    w.production_ends_well();
    assert_eq!(w.runs[&run].state, RunState::Succeeded);
}

#[test]
fn a_step_that_fails_ends_those_beside_it_and_the_run_waits_for_them() {
    let mut w = on_two_hosts(Order::Parallel);
    let run = w.follow(PRODUCTION, |step| (step.kind.as_str() != "deploy").then_some(Outcome::Exited(0)));
    let [one, two] = [0, 1].map(|n| w.runs[&run].running_steps().nth(n).unwrap().index);
    w.ok(&Actor::Machine, Command::StepEnded { run, step: two, outcome: Outcome::Exited(3), said: Default::default() });
    assert!(w.runs[&run].state.is_live() && w.runs[&run].is_ending());
    w.ok(&Actor::Machine, Command::StepEnded { run, step: one, outcome: Outcome::Stopped, said: Default::default() });
    assert_eq!(w.runs[&run].steps[one as usize].state, StepState::Stopped);
    let RunState::Failed { reason } = &w.runs[&run].state else { panic!("{:?}", w.runs[&run].state) };
    assert_eq!(english(reason), "deploy of api on production (two) failed with exit status 3");
    let back = w.live(PRODUCTION).unwrap();
    assert_eq!(
        waves(&w, back),
        ["migrate_down@one", "checkout@two checkout@one", "deploy@two deploy@one", "health@two health@one"]
    );
}

#[test]
fn what_cannot_be_known_on_one_host_makes_the_whole_run_unknown() {
    let mut w = on_two_hosts(Order::Parallel);
    let run = w.follow(PRODUCTION, |step| {
        if step.kind.as_str() != "deploy" {
            return Some(Outcome::Exited(0));
        }
        Some(if step.host.as_str() == "one" { Outcome::Exited(1) } else { Outcome::Lost("no answer".into()) })
    });
    let RunState::Unknown { reason } = &w.runs[&run].state else { panic!("{:?}", w.runs[&run].state) };
    assert_eq!(english(reason), "deploy of api on production (two) cannot be judged: no answer");
}

#[test]
fn one_after_the_other_stops_at_the_first_that_is_ill() {
    let mut w = on_two_hosts(Order::Rolling);
    let run = w.live(PRODUCTION).unwrap();
    assert_eq!(
        waves(&w, run)[2..],
        ["checkout@one", "migrate_up@one", "deploy@one", "health@one", "checkout@two", "deploy@two", "health@two"]
    );
    fails_on(&mut w, "one", "health");
    let back = w.live(PRODUCTION).unwrap();
    assert_eq!(
        waves(&w, back),
        ["migrate_down@one", "checkout@one", "deploy@one", "health@one"],
        "two was not touched"
    );
}

#[test]
fn a_failure_on_the_last_host_takes_every_host_back_the_last_first() {
    let mut w = on_two_hosts(Order::Rolling);
    fails_on(&mut w, "two", "health");
    let back = w.live(PRODUCTION).unwrap();
    assert_eq!(
        waves(&w, back),
        ["migrate_down@one", "checkout@two", "deploy@two", "health@two", "checkout@one", "deploy@one", "health@one"]
    );
    w.production_ends_well();
    let release = *w.releases.keys().next_back().unwrap();
    assert_eq!(w.status(release), Status::RollbackDone);
}

#[test]
fn a_run_says_why_it_waits_and_forgets_it_at_its_end() {
    let mut w = on_two_hosts(Order::Parallel);
    let run = w.live(PRODUCTION).unwrap();
    let waits = |reason: Option<&str>| Command::RunWaits { run, reason: reason.map(Into::into) };
    w.ok(&Actor::Machine, waits(Some("waits for one: it does not answer")));
    assert_eq!(w.runs[&run].waiting, Some("waits for one: it does not answer".into()));
    w.ok(&Actor::Machine, waits(None));
    assert_eq!(w.runs[&run].waiting, None);
    w.ok(&Actor::Machine, waits(Some("waits for two: it does not answer")));
    w.production_ends_well();
    assert_eq!(w.runs[&run].waiting, None);
}
