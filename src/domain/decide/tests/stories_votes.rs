//! Who may say yes or no to a release, and what it takes.

use super::sim::*;
use crate::domain::cause::{Cause, Code};
use crate::domain::command::{Command, NewRelease};
use crate::domain::event::Event;
use crate::domain::gate::{GateName, GateState, Remedy};
use crate::domain::status::Status::*;

#[test]
fn one_rejection_at_two_of_three_ends_the_vote() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    w.approve("ann", r);
    w.approve("bob", r);
    let no_reason = Command::Reject { release: r, seen: None, reason: " ".into() };
    assert_eq!(w.refused(&w.actor("cid"), no_reason).code, Code::Invalid);
    w.ok(&w.actor("cid"), Command::Reject { release: r, seen: None, reason: "the cart is empty".into() });
    assert_eq!(w.status(r), ManualTestFailed);
    assert_eq!(w.reason(r), "rejected by cid: the cart is empty");
    let late = w.refused(&w.actor("cid"), Command::Approve { release: r, seen: None });
    assert_eq!((late.code, late.legal.as_slice()), (Code::VoteClosed, ["retry"].as_slice()));
    w.ok(&w.actor("mia"), Command::Retry { release: r });
    assert_eq!(w.get(r).attempt.0, 2);
    assert_eq!(w.get(r).completed_at, None);
    w.stage_ends_well();
    w.approve("cid", r);
    assert_eq!(w.status(r), ManualTesting, "votes start at zero");
    w.everybody_approves(r);
    w.production_ends_well();
    assert_eq!(w.status(r), Deployed);
}

#[test]
fn only_an_admin_may_reject_without_being_listed() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    let no = || Command::Reject { release: r, seen: None, reason: "no".into() };
    assert_eq!(w.refused(&w.actor("mia"), no()).code, Code::NotListed);
    assert_eq!(w.refused(&w.actor("root"), Command::Approve { release: r, seen: None }).code, Code::NotListed);
    w.ok(&w.actor("root"), no());
    assert_eq!(w.status(r), ManualTestFailed);
}

#[test]
fn two_of_three_are_enough_where_the_service_says_so() {
    let mut w = Sim::with(|service| service.approvals.minimum = 2);
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    w.approve("cid", r);
    let gate = w.gates(r).remove(0);
    assert_eq!(gate.state, GateState::ApprovalsMissing { given: 1, needed: 2, void: vec![] });
    assert_eq!(gate.remedy, Some(Remedy::Approve { count: 1, of: vec![person("ann"), person("bob")] }));
    w.approve("ann", r);
    assert_eq!(w.status(r), ManualTestPassed);
    w.approve("ann", r);
    let late = w.refused(&w.actor("bob"), Command::Approve { release: r, seen: None });
    assert_eq!(late.code, Code::VoteClosed);
}

#[test]
fn the_initiator_may_be_kept_from_approving_his_own() {
    let mut w = Sim::with(|service| {
        service.approvals.forbid_self = true;
        service.approvals.required.push(person("mia"));
        service.approvals.minimum = 4;
    });
    for (version, said) in
        ["MIA-gh", "@mia-gh", " @Mia", "mia", "Mia", "mia ", " MIA", "\u{a0}mia", "\u{ff4d}ia"].iter().enumerate()
    {
        let new = NewRelease { initiated_by: (*said).into(), ..w.new_release(&format!("v1.0.{version}")) };
        let r = w.create(new);
        w.stage_ends_well();
        let refusal = w.refused(&w.actor("mia"), Command::Approve { release: r, seen: None });
        assert_eq!(refusal.code, Code::SelfApproval, "{said:?}");
        assert_eq!(w.gates(r)[0].state, GateState::ApprovalsMissing { given: 0, needed: 3, void: vec![] }, "{said:?}");
        w.everybody_approves(r);
        assert_eq!(w.status(r), ManualTestPassed, "all others are enough");
        w.ok(&w.actor("mia"), Command::Cancel { release: r, reason: "his own".into() });
    }
}

#[test]
fn who_is_alone_on_the_list_does_not_ship_alone() {
    let mut w = Sim::with(|service| {
        service.approvals.forbid_self = true;
        service.approvals.required = vec![person("ann")];
        service.approvals.minimum = 1;
    });
    let new = NewRelease { initiated_by: "ann".into(), ..w.new_release("v1.0.0") };
    let r = w.create(new);
    w.stage_ends_well();
    assert_eq!(w.status(r), ManualTesting);
    assert_eq!(w.gates(r)[0].remedy, Some(Remedy::AddApprover));
    w.service.approvals.required.push(person("bob"));
    w.approve("bob", r);
    assert_eq!(w.status(r), ManualTestPassed);
}

#[test]
fn a_list_that_changes_counts_for_every_open_vote() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    w.approve("ann", r);
    w.approve("bob", r);
    w.service.approvals.required = vec![person("bob"), person("mia")];
    w.service.approvals.minimum = 2;
    w.passes(jiff::SignedDuration::from_secs(1));
    assert_eq!(w.status(r), ManualTesting, "ann is no longer listed");
    w.service.approvals.required = vec![person("bob")];
    w.service.approvals.minimum = 1;
    w.passes(jiff::SignedDuration::from_secs(1));
    assert_eq!(w.status(r), ManualTestPassed);
}

#[test]
fn a_list_that_changes_after_the_vote_has_closed_changes_nothing() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    w.lock();
    w.everybody_approves(r);
    w.service.approvals.required.push(person("mia"));
    w.service.approvals.minimum = 4;
    assert_eq!(w.unmet(r), [GateName::NoLock]);
    w.service.approvals.minimum = 3;
    w.unlock();
    w.production_ends_well();
    assert_eq!(w.status(r), Deployed);
}

#[test]
fn an_old_button_does_nothing() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    let seen = Some(w.get(r).revision);
    w.ok(&w.actor("ann"), Command::Approve { release: r, seen });
    w.ok(&w.actor("ann"), Command::Approve { release: r, seen });
    assert_eq!(w.votes.len(), 1, "the same tap twice is one vote");
    w.ok(&w.actor("bob"), Command::Approve { release: r, seen });
    assert_eq!(w.votes.len(), 2, "a vote does not change what people vote on");
    w.admin(Command::Reject { release: r, seen, reason: "no".into() });
    let refusal = w.refused(&w.actor("cid"), Command::Approve { release: r, seen });
    assert_eq!(refusal.code, Code::StaleRevision);
    assert_eq!(refusal.legal, ["retry"]);
}

#[test]
fn without_auto_promote_an_admin_says_go() {
    let mut w = Sim::with(|service| service.approvals.auto_promote = false);
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    w.everybody_approves(r);
    assert_eq!((w.status(r), w.live(PRODUCTION)), (ManualTestPassed, None));
    assert_eq!(w.unmet(r), [GateName::Promoted]);
    assert_eq!(w.refused(&w.actor("ann"), Command::Promote { release: r }).code, Code::Forbidden);
    w.admin(Command::Promote { release: r });
    w.production_ends_well();
    assert_eq!(w.status(r), Deployed);
}

#[test]
fn an_admin_skips_the_vote_on_the_record() {
    let mut w = Sim::new();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    let bypass = |gates: Vec<GateName>, reason: &str| Command::Bypass { release: r, gates, reason: reason.into() };
    assert_eq!(w.refused(&w.actor("ann"), bypass(vec![GateName::Approvals], "x")).code, Code::Forbidden);
    assert_eq!(w.admin_refused(bypass(vec![GateName::Approvals], "")).code, Code::Invalid);
    assert_eq!(w.admin_refused(bypass(vec![], "x")).code, Code::Invalid);
    assert_eq!(w.admin_refused(bypass(vec![GateName::ProductionClean], "x")).code, Code::Invalid);
    w.admin(bypass(vec![GateName::Approvals], "payments are down"));
    assert!(w.gates(r)[0].bypass.is_some());
    assert_eq!(w.happened(|event| matches!(event, Event::GatesBypassed { .. })), 1);
    w.production_ends_well();
    assert_eq!(w.status(r), Deployed);
}

#[test]
fn what_holds_already_is_not_skipped() {
    let mut w = Sim::new();
    w.lock();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    let bypass = |gates: Vec<GateName>| Command::Bypass { release: r, gates, reason: "payments are down".into() };
    let refused = w.admin_refused(bypass(vec![GateName::FreshRehearsal]));
    assert_eq!(refused.code, Code::IllegalTransition);
    assert!(matches!(&*refused.cause, Cause::GatesMet { gates, .. } if *gates == [GateName::FreshRehearsal]));
    assert!(refused.legal.contains(&"approve"), "{:?}", refused.legal);
    // Of several, those that stand in the way are skipped, and told.
    w.admin(bypass(vec![GateName::FreshRehearsal, GateName::Approvals]));
    let told = |event: &Event| matches!(event, Event::GatesBypassed { gates, .. } if *gates == [GateName::Approvals]);
    assert_eq!(w.happened(told), 1);
    assert_eq!(w.get(r).bypasses.iter().map(|skip| skip.gate).collect::<Vec<_>>(), [GateName::Approvals]);
}
