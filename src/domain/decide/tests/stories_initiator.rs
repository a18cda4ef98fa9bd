//! Who began a release: whom GitHub names counts, in whichever order it comes.

use super::sim::*;
use super::stories_ci::{push, report};
use super::stories_content::built;
use crate::domain::cause::Code;
use crate::domain::command::{Command, NewRelease};
use crate::domain::event::Event;
use crate::domain::ids::ReleaseId;
use crate::domain::person::Actor;
use crate::domain::release::Reporter;
use crate::domain::status::Status::*;

/// CI brings stage to its releases; no person approves their own one. The login of mia is another than her name.
fn strict() -> Sim {
    let mut w = Sim::in_ci();
    w.service.approvals.forbid_self = true;
    w.service.approvals.required = ["ann", "bob", "mia"].map(person).to_vec();
    w.service.approvals.minimum = 1;
    w
}

fn made_by(w: &mut Sim, initiated_by: &str, proven: &[&str], actor: &Actor) -> ReleaseId {
    let proven = proven.iter().map(|login| (*login).to_owned()).collect();
    let new = NewRelease { initiated_by: initiated_by.into(), proven, ..w.new_release("v1.0.0") };
    w.ok(actor, Command::Create(new));
    *w.releases.keys().last().unwrap()
}

fn may_approve(w: &mut Sim, release: ReleaseId, who: &str) -> bool {
    let actor = w.actor(who);
    match w.clone().handle(&actor, Command::Approve { release, seen: None }) {
        Ok(_) => true,
        Err(refusal) => {
            assert_eq!(refusal.code, Code::SelfApproval);
            false
        }
    }
}

fn tested(w: &mut Sim, release: ReleaseId) {
    for status in [StageBuilding, StageTestRollback, ManualTesting] {
        w.report(release, status);
    }
}

fn proven(w: &Sim) -> usize {
    w.happened(|event| matches!(event, Event::InitiatorProven { .. }))
}

#[test]
fn who_has_pushed_the_tag_is_the_initiator_however_late_that_is_told() {
    let login = || "mia-gh".to_owned();
    for (said, by) in [("github", Actor::Machine), ("bob", ci())] {
        let mut w = strict();
        let release = made_by(&mut w, said, &[], &by);
        tested(&mut w, release);
        assert!(may_approve(&mut w, release, "mia"));
        let mia = w.actor("mia");
        if said == "bob" {
            // Her yes from before does not count any more.
            w.service.approvals.minimum = 2;
            w.ok(&mia, Command::Approve { release, seen: None });
        }
        for _ in 0..2 {
            w.ok(&Actor::Machine, Command::InitiatorProven { release, login: login() });
        }
        let now = w.get(release);
        assert_eq!((now.initiated_by.as_str(), &now.said_by, now.owner.as_str()), ("mia-gh", &None, "mia-gh"));
        assert_eq!(now.other_owner(w.people.values()), None, "it is hers, whichever name says so");
        assert_eq!(proven(&w), 1, "told once");
        assert_eq!(w.refused(&mia, Command::Approve { release, seen: None }).code, Code::SelfApproval);
        assert!(may_approve(&mut w, release, "bob"), "who was only said to be it is it no more");
    }
}

#[test]
fn the_order_in_which_it_is_told_does_not_count() {
    let told_first = {
        let mut w = strict();
        let release = made_by(&mut w, "bob", &["mia-gh"], &ci());
        w.get(release).clone()
    };
    let told_later = {
        let mut w = strict();
        let release = made_by(&mut w, "bob", &[], &ci());
        let again = NewRelease { initiated_by: "ann".into(), proven: vec!["mia-gh".into()], ..w.new_release("v1.0.0") };
        w.ok(&ci(), Command::Create(again));
        // What is only said afterwards changes nothing.
        let said = NewRelease { initiated_by: "ann".into(), ..w.new_release("v1.0.0") };
        w.ok(&ci(), Command::Create(said));
        w.get(release).clone()
    };
    for release in [told_first, told_later] {
        assert_eq!((release.initiated_by.as_str(), release.proven_initiators), ("mia-gh", vec!["mia-gh".to_owned()]));
    }
}

#[test]
fn who_creates_and_who_has_pushed_are_both_the_initiator() {
    let mut w = strict();
    let ann = w.actor("ann");
    let release = made_by(&mut w, "whoever", &["mia-gh"], &ann);
    tested(&mut w, release);
    assert_eq!((w.get(release).initiated_by.as_str(), proven(&w)), ("ann", 1));
    let may = ["ann", "bob", "mia"].map(|who| may_approve(&mut w, release, who));
    assert_eq!(may, [false, true, false]);
}

#[test]
fn whose_ci_run_takes_a_retry_over_is_an_initiator_too() {
    let mut w = strict();
    let release = push(&mut w, "v1.0.0", "1");
    w.ok(&Actor::Machine, Command::InitiatorProven { release, login: "ann".into() });
    w.ok(&ci(), report(release, StageBuilding, "1", Some(1)));
    w.ok(&ci(), report(release, StageBuildingFailed, "1", Some(1)));
    w.admin(Command::Retry { release });
    for status in [StageBuilding, StageTestRollback, ManualTesting] {
        let by = Reporter { actor: Some("mia-gh".into()), ..reporter("2", Some(1)) };
        w.ok(&ci(), Command::Report { release, status, ci_run: Some(by) });
    }
    assert_eq!(w.get(release).initiated_by, "ann");
    let may = ["ann", "bob", "mia"].map(|who| may_approve(&mut w, release, who));
    assert_eq!(may, [false, true, false]);
    // Whose run does the work in production has not begun the release.
    let bob = w.actor("bob");
    w.ok(&bob, Command::Approve { release, seen: None });
    let by = Reporter { actor: Some("bob".into()), ..reporter("3", Some(1)) };
    w.ok(&ci(), Command::Report { release, status: Deploying, ci_run: Some(by) });
    assert_eq!(w.get(release).proven_initiators, ["ann", "mia-gh"]);
}

#[test]
fn artifacts_are_told_by_the_ci_run_that_may_report_and_by_no_other() {
    let mut w = strict();
    let release = push(&mut w, "v1.0.0", "1");
    let other = push(&mut w, "v1.1.0", "2");
    w.ok(&ci(), report(release, StageBuilding, "1", Some(2)));
    let told = |w: &mut Sim, id: &str, attempt| {
        let artifacts = built(id);
        let ci_run = Some(reporter(id, attempt));
        w.handle(&ci(), Command::Update { release, artifacts, ci_run }).map_err(|refusal| refusal.code)
    };
    for (id, attempt) in [("1", Some(1)), ("2", None), ("7", Some(1))] {
        assert_eq!(told(&mut w, id, attempt).unwrap_err(), Code::StaleReport, "{id} {attempt:?}");
    }
    assert!(w.get(release).artifacts.is_empty() && w.get(other).artifacts.is_empty());
    assert!(told(&mut w, "1", Some(2)).is_ok() && told(&mut w, "1", None).is_ok());
}
