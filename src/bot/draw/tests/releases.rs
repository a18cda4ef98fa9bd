//! A release on its way, as people see it.

use super::rig::{PRODUCTION, Rig, SERVICE, STAGE, ci};
use crate::bot::draw::pen::wish;
use crate::bot::screen::{Act, Key, Screen, Why};
use crate::domain::artifact::Artifact;
use crate::domain::command::{Command, Outcome, RollbackTo};
use crate::domain::commits::{CommitLine, CommitList};
use crate::domain::gate::GateName;
use crate::domain::ids::{ReleaseId, SurfaceName};
use crate::domain::notice::Notice;
use crate::domain::person::Actor;
use crate::domain::person::Role::{Admin, Member, Viewer};
use crate::domain::reason::Reason;
use crate::domain::status::{List, Status};
use crate::domain::workflow::{SeenRun, WorkflowEnd};
use crate::engine::catalog::Catalog;
use crate::store::commits;

const NOTES: &str = "</b><a href=\"tg://user?id=1\">x</a> @everybody\n\nmore\nand more\n";

#[tokio::test]
async fn commits_stand_on_the_card_and_many_are_folded() {
    let rig = Rig::new();
    rig.ship("v1.0.0").await;
    rig.wait(1500);
    let id = rig.release("v1.1.0").await;
    let since = rig.get(ReleaseId(1)).await.version();
    let card = Screen::Release(id);
    for (name, total, kept) in
        [("card_few_commits", 3, 3), ("card_folded_commits", 4, 4), ("card_many_commits", 300, 250)]
    {
        let line = |number: u64| CommitLine {
            sha: "a".repeat(40),
            title: format!("Change <b>{number}"),
            author: "Ann".into(),
            login: None,
            url: None,
        };
        let (since, commits) = (since.clone(), (0..kept).map(|at| line(total - at)).collect());
        let list = CommitList { since, total, lacking: 0, url: None, commits, pull_requests: Vec::new() };
        rig.engine.store().write(move |tx| commits::put(tx, id, &list)).await.unwrap();
        seen!(name, rig.group(&card).await);
    }
    // What went live stays to be read.
    rig.ends_well(STAGE).await;
    rig.everybody_approves(id).await;
    rig.ends_well(PRODUCTION).await;
    assert!(rig.group(&card).await.contains("<blockquote expandable>• Change"));
}

#[tokio::test]
async fn a_workflow_that_does_not_begin_is_told_with_the_reason() {
    let rig = Rig::by_workflow();
    let id = rig.release("v1.2.3").await;
    rig.ends_well(STAGE).await;
    rig.everybody_approves(id).await;
    let machine = Actor::Machine;
    let run = rig.run(PRODUCTION).await.unwrap();
    rig.say(&machine, Command::DispatchAsked { run }).await;
    rig.say(&machine, Command::DispatchRefused { run, reason: Reason::NoAnswer }).await;
    seen!("notice_not_started", rig.notice_of_last(Notice::Approved, id, "run_ended").await);

    rig.admin(Command::Promote { release: id }).await;
    let run = rig.run(PRODUCTION).await.unwrap();
    rig.say(&machine, Command::DispatchAsked { run }).await;
    let seen = SeenRun { id: "78".into(), attempt: 1, url: None };
    rig.say(&machine, Command::DispatchTaken { run, seen: Some(seen) }).await;
    let reason = Reason::WorkflowNeverBegan { workflow: "deploy.yaml".into(), conclusion: "cancelled".into() };
    rig.say(&machine, Command::WorkflowEnded { run, end: WorkflowEnd::NeverBegan(reason) }).await;
    seen!("notice_never_began", rig.notice_of_last(Notice::Approved, id, "release_moved").await);
}

#[tokio::test]
async fn a_release_is_built_tested_and_deployed() {
    let rig = Rig::new();
    seen!("list_empty", rig.shot("gommgo", Admin, &Screen::List { list: List::Active, at: 0 }).await);
    rig.ship("v1.0.0").await;
    rig.wait(1500);
    rig.ship("v1.1.0").await;
    rig.wait(1500);
    let mut new = Rig::new_release(SERVICE, "v1.2.3");
    new.notes = NOTES.into();
    new.initiated_by = "משה\u{202E}".into();
    new.owner = Some("tech_lead".into());
    new.artifacts = vec![Artifact {
        name: SurfaceName::parse("surface", "app").unwrap(),
        artifact: None,
        digest: None,
        preview_url: Some("https://preview.example.com/?a=1&b=2".into()),
    }];
    let id = rig.create(new).await;
    let card = Screen::Release(id);
    rig.wait(3);
    rig.play(STAGE, |step| (step.index < 2).then_some(Outcome::Exited(0))).await;
    seen!("card_building", rig.shot("gommgo", Admin, &card).await);
    let next = rig.release("v1.2.4").await;
    seen!("card_waits_for_stage", rig.shot("tech_lead", Member, &Screen::Release(next)).await);
    rig.ends_well(STAGE).await;
    seen!("notice_waits", rig.notice(Notice::Waits, id).await);
    rig.wait(15);
    rig.approve("gommgo", id).await;
    seen!("card_voting_admin", rig.shot("gommgo", Admin, &card).await);
    seen!("card_voting_listed", rig.shot("tech_lead", Member, &card).await);
    seen!("card_voting_viewer", rig.shot("vic", Viewer, &card).await);
    seen!("card_voting_group", rig.group(&card).await);
    let first_yes = rig.notice(Notice::Approved, id).await;
    seen!("notice_approved", first_yes.clone());
    seen!("notice_reminder", rig.notice(Notice::Reminder, id).await);
    seen!("explain", rig.shot("gommgo", Admin, &Screen::Explain(id)).await);
    let release = rig.get(id).await;
    let confirm = |act| Screen::Confirm(wish(&release, act));
    seen!("confirm_approve", rig.shot("tech_lead", Member, &confirm(Act::Approve)).await);
    seen!("confirm_reject", rig.shot("tech_lead", Member, &confirm(Act::Reject(1))).await);
    seen!("confirm_cancel", rig.shot("gommgo", Admin, &confirm(Act::Cancel(Why::Open))).await);
    seen!("confirm_outdated", rig.shot("gommgo", Admin, &confirm(Act::Retry)).await);
    let reasons = Screen::Reasons { release: id, revision: release.revision };
    seen!("reasons", rig.shot("tech_lead", Member, &reasons).await);
    rig.approve("tech_lead", id).await;
    seen!("confirm_approve_last", rig.shot("devops_lead", Member, &confirm(Act::Approve)).await);
    rig.approve("devops_lead", id).await;
    assert_eq!(rig.notice_of(Notice::Approved, id, "release_approved").await, first_yes, "as it was");
    rig.play(PRODUCTION, |step| (step.index < 1).then_some(Outcome::Exited(0))).await;
    seen!("card_deploying", rig.shot("gommgo", Admin, &card).await);
    seen!("notice_deploying", rig.notice(Notice::Deploying, id).await);
    let release = rig.get(id).await;
    seen!("confirm_abort", rig.shot("gommgo", Admin, &Screen::Confirm(wish(&release, Act::Abort(Why::Open)))).await);
    rig.ends_well(PRODUCTION).await;
    seen!("card_deployed", rig.shot("gommgo", Admin, &card).await);
    seen!("notice_deployed", rig.notice(Notice::Deployed, id).await);
    seen!("list_middle", rig.shot("gommgo", Admin, &Screen::List { list: List::Successful, at: 1 }).await);
    seen!("list_beyond", rig.shot("vic", Viewer, &Screen::List { list: List::Successful, at: 99 }).await);
    goes_back(&rig, id).await;
}

/// From production to an older version.
async fn goes_back(rig: &Rig, id: ReleaseId) {
    let release = rig.get(id).await;
    seen!("versions", rig.shot("gommgo", Admin, &Screen::Versions { release: id, page: 0 }).await);
    seen!("versions_of_a_member", rig.shot("gommgo", Member, &Screen::Versions { release: id, page: 0 }).await);
    seen!("versions_elsewhere", rig.shot("gommgo", Admin, &Screen::Versions { release: ReleaseId(1), page: 0 }).await);
    let rehearsed = Screen::Confirm(wish(&release, Act::Rollback { to: ReleaseId(2), why: Why::Open }));
    seen!("confirm_rollback", rig.shot("gommgo", Admin, &rehearsed).await);
    let older = Screen::Confirm(wish(&release, Act::Rollback { to: ReleaseId(1), why: Why::Open }));
    seen!("confirm_rollback_older", rig.shot("gommgo", Admin, &older).await);
    let to = Some(RollbackTo::Release(ReleaseId(2)));
    rig.admin(Command::Rollback { release: id, to, reason: "payments fail".into(), force: false }).await;
    rig.play(PRODUCTION, |step| (step.index < 1).then_some(Outcome::Exited(0))).await;
    seen!("card_rolling_back", rig.group(&Screen::Release(id)).await);
    rig.ends_well(PRODUCTION).await;
    seen!("card_rolled_back", rig.shot("gommgo", Admin, &Screen::Release(id)).await);
    seen!("notice_rolled_back", rig.notice(Notice::RolledBack, id).await);
    let service = Screen::Service(Key::of(SERVICE));
    seen!("service_locked", rig.shot("gommgo", Admin, &service).await);
    let release = rig.get(id).await;
    seen!("confirm_retry", rig.shot("gommgo", Admin, &Screen::Confirm(wish(&release, Act::Retry))).await);
    rig.ends_well(STAGE).await;
    let next = ReleaseId(4);
    rig.everybody_approves(next).await;
    seen!("card_locked_out", rig.shot("gommgo", Admin, &Screen::Release(next)).await);
    let release = rig.get(next).await;
    seen!("confirm_unlock", rig.shot("gommgo", Admin, &Screen::Confirm(wish(&release, Act::Unlock))).await);
    let bypass = Command::Bypass { release: next, gates: vec![GateName::NoLock], reason: "hot fix".into() };
    rig.admin(bypass).await;
    seen!("notice_bypassed", rig.notice(Notice::Bypassed, next).await);
}

#[tokio::test]
async fn a_rollback_is_told_with_where_it_went_whatever_has_come_since() {
    let rig = Rig::new();
    rig.ship("v1").await;
    rig.ship("v2").await;
    let third = rig.ship("v3").await;
    let back_to = |number| {
        let to = Some(RollbackTo::Release(ReleaseId(number)));
        Command::Rollback { release: third, to, reason: "payments fail".into(), force: false }
    };
    rig.admin(back_to(2)).await;
    rig.ends_well(PRODUCTION).await;
    let event = rig.events(third).await.into_iter().rfind(|event| event.kind == "release_moved").unwrap();
    let told = rig.notice_at(Notice::RolledBack, third, &event).await;
    assert!(told.contains("production went back to v2"), "{told}");
    rig.admin(Command::Retry { release: third }).await;
    assert_eq!(rig.notice_at(Notice::RolledBack, third, &event).await, told, "it begins again");
    rig.ends_well(STAGE).await;
    rig.everybody_approves(third).await;
    rig.admin(Command::Bypass { release: third, gates: vec![GateName::NoLock], reason: "mended".into() }).await;
    rig.ends_well(PRODUCTION).await;
    rig.admin(back_to(1)).await;
    rig.ends_well(PRODUCTION).await;
    assert_eq!(rig.notice_at(Notice::RolledBack, third, &event).await, told, "it went elsewhere");
    assert!(rig.notice(Notice::RolledBack, third).await.contains("production went back to v1"));
}

#[tokio::test]
async fn a_release_is_rejected() {
    let rig = Rig::new();
    let id = rig.release("v1.0.0").await;
    rig.ends_well(STAGE).await;
    rig.admin(Command::Reject { release: id, seen: None, reason: "logo <b>\nis wrong".into() }).await;
    seen!("card_rejected", rig.shot("tech_lead", Member, &Screen::Release(id)).await);
    seen!("notice_rejected", rig.notice(Notice::Failed, id).await);
    let gone = rig.release("v1.0.1").await;
    rig.admin(Command::Cancel { release: gone, reason: "not needed".into() }).await;
    seen!("card_cancelled", rig.shot("vic", Viewer, &Screen::Release(gone)).await);
    seen!("notice_cancelled", rig.notice(Notice::Failed, gone).await);
    rig.admin(Command::Retry { release: id }).await;
    rig.ends_well(STAGE).await;
    rig.admin(Command::Reject { release: id, seen: None, reason: "logo is still wrong".into() }).await;
    seen!("notice_rejected_again", rig.notice(Notice::Failed, id).await);
}

#[tokio::test]
async fn a_release_that_ci_brings_on_its_way() {
    let rig = Rig::new();
    let mut new = Rig::new_release("landing", "2025.9");
    new.initiated_by = "dependabot".into();
    let id = rig.create(new).await;
    for status in [Status::StageBuilding, Status::StageTestRollback, Status::ManualTesting] {
        if rig.get(id).await.status != Status::ManualTesting {
            rig.say(&ci(), Command::Report { release: id, status, ci_run: None }).await;
        }
    }
    rig.approve("tech_lead", id).await;
    seen!("card_waits_for_promotion", rig.shot("gommgo", Admin, &Screen::Release(id)).await);
    let release = rig.get(id).await;
    seen!("confirm_promote", rig.shot("gommgo", Admin, &Screen::Confirm(wish(&release, Act::Promote))).await);
    seen!("service_ci", rig.shot("vic", Viewer, &Screen::Service(Key::of("landing"))).await);
}

#[tokio::test]
async fn a_service_that_has_left_the_configuration_leaves_its_history() {
    let rig = Rig::new();
    let id = rig.ship("v1.0.0").await;
    rig.engine.reconfigure(Catalog::default()).await;
    let list = Screen::List { list: List::Successful, at: 0 };
    seen!("card_without_service", rig.shot("gommgo", Admin, &Screen::Release(id)).await);
    for screen in [list, Screen::Explain(id), Screen::Versions { release: id, page: 0 }] {
        assert!(rig.shot("gommgo", Admin, &screen).await.contains("v1.0.0"));
    }
}

#[tokio::test]
async fn there_are_many_versions_to_go_back_to() {
    let rig = Rig::new();
    let mut last = ReleaseId(0);
    for minor in 0..8 {
        last = rig.ship(&format!("v1.{minor}.0")).await;
    }
    seen!("versions_first_page", rig.shot("gommgo", Admin, &Screen::Versions { release: last, page: 0 }).await);
    seen!("versions_last_page", rig.shot("gommgo", Admin, &Screen::Versions { release: last, page: 9 }).await);
}
