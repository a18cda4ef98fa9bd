//! What goes wrong, and what an admin can do about it.

use super::rig::{PRODUCTION, Rig, SERVICE, STAGE};
use crate::bot::screen::{Key, Screen};
use crate::domain::alert::{Alert, AlertKind, Silence};
use crate::domain::command::{Command, Outcome, Resolution};
use crate::domain::ids::{Commit, HostName};
use crate::domain::notice::Notice;
use crate::domain::person::Actor;
use crate::domain::person::Role::{Admin, Member};
use crate::domain::run::StepKind;
use crate::domain::status::List;
use crate::store::alerts::{Guess, Told};
use crate::store::events;

const OUTPUT: &str = "\
compiling\r100 %\n\
\u{1b}[32mok\u{1b}[0m\n\
<b>error</b>: relation \"users\" & more\n\
  at line 12\n\
\n\
six\nseven\neight\n";

#[tokio::test]
async fn stage_fails() {
    let rig = Rig::new();
    let id = rig.release("v1.0.0").await;
    let run = rig.run(STAGE).await.unwrap();
    let fails =
        |kind: StepKind| move |step: &crate::domain::run::Step| Some(Outcome::Exited(i32::from(step.kind == kind)));
    rig.play(STAGE, fails(StepKind::MigrateUp)).await;
    let steps = rig.engine.read(move |conn| crate::store::runs::get(conn, run)).await.unwrap().unwrap().steps;
    let bad = steps.iter().find(|step| step.kind == StepKind::MigrateUp).unwrap().index;
    rig.prints(run, i64::from(bad), OUTPUT).await;
    seen!("card_stage_failed", rig.shot("tech_lead", Member, &Screen::Release(id)).await);
    seen!("list_failed", rig.shot("tech_lead", Member, &Screen::List { list: List::Failed, at: 0 }).await);
    seen!("failure", rig.shot("tech_lead", Member, &Screen::Failure(id)).await);
    seen!("notice_failed", rig.notice(Notice::Failed, id).await);
    seen!("run_failed", rig.shot("gommgo", Admin, &Screen::Run(run)).await);
    let failed = move |conn: &rusqlite::Connection| events::last_of_release(conn, id, None, 50, usize::MAX);
    let events = rig.engine.read(failed).await.unwrap().events;
    let seq = events.iter().find(|event| event.data.contains("stage_building_failed")).map(|event| event.seq);
    let alert = rig.told(AlertKind::Failed, SERVICE, "");
    let mut alert = Told { alert: Alert { about: format!("release:{id}"), seq, ..alert.alert }, ..alert };
    seen!("alert_failed", rig.alert(&alert).await);
    let told = rig.alert(&alert).await;
    // What failed is told as it was, whatever a later attempt has come to by then.
    rig.admin(Command::Retry { release: id }).await;
    rig.ends_well(STAGE).await;
    assert_eq!(rig.alert(&alert).await, told);
    let said = "The table users exists.\n<b>Look</b> at https://x.example, /unlock and @all".into();
    alert.guess = Some(Guess { model: "qwen<3>".into(), said: Ok(said) });
    alert.alert.trace = Some("4bf92f3577b34da6a3ce929d0e0e4736".into());
    seen!("alert_failed_with_a_guess", rig.alert(&alert).await);
}

#[tokio::test]
async fn alerts_of_every_kind() {
    let rig = Rig::new();
    let begun = rig.told(AlertKind::Error, "rmm::store::writer", "writes fail; each caller is told\nerror=<disk> full");
    rig.wait(6);
    let now = rig.engine.now();
    let trace = Some("4bf92f3577b34da6a3ce929d0e0e4736".into());
    let error = Told { seen: 10_000, last: now, alert: Alert { trace, ..begun.alert.clone() }, ..begun };
    seen!("alert_error", rig.alert(&error).await);
    let guess = Some(Guess { model: "qwen".into(), said: Err("it answers 500".into()) });
    let silent = |silence: Silence| silence.from(now).map(|silent| (silent, "gommgo".to_owned()));
    let over = Told { seen: 2, guess, silent: silent(Silence::EightHours), ..error.clone() };
    seen!("alert_silent", rig.alert(&over).await);
    seen!("alert_silent_until_over", rig.alert(&Told { silent: silent(Silence::UntilOver), ..error }).await);
    let kinds = [
        (AlertKind::Broken, "bot_news", "a part of RMM has broken\npanic=index out of bounds"),
        (AlertKind::TagMoved, SERVICE, ""),
        (AlertKind::Record, "", r#"{"code":"rewritten","seq":7}"#),
        (AlertKind::Disk, "/var/lib/rmm", "734003200"),
        (AlertKind::Backup, "", "1758000000000"),
        (AlertKind::Github, "", "2400"),
    ];
    let mut shots = Vec::new();
    for (kind, place, what) in kinds {
        shots.push(rig.alert(&rig.told(kind, place, what)).await);
    }
    let away = rig.told(AlertKind::Telegram, "", "5400");
    shots.push(rig.alert(&Told { over_at: Some(now), ..away }).await);
    seen!("alert_kinds", shots.join("\n════════\n"));
}

#[tokio::test]
async fn production_fails_and_cannot_go_back() {
    let rig = Rig::new();
    rig.ship("v1.0.0").await;
    let id = rig.release("v1.1.0").await;
    rig.ends_well(STAGE).await;
    rig.everybody_approves(id).await;
    let ill = |step: &crate::domain::run::Step| {
        Some(if step.kind == StepKind::Health { Outcome::Unhealthy("exit 1".into()) } else { Outcome::Exited(0) })
    };
    rig.play(PRODUCTION, ill).await;
    seen!("card_automatic_rollback", rig.group(&Screen::Release(id)).await);
    let run = rig.play(PRODUCTION, ill).await;
    rig.prints(run, 0, "cannot connect to database\n").await;
    seen!("card_rollback_failed", rig.shot("gommgo", Admin, &Screen::Release(id)).await);
    seen!("notice_rollback_failed", rig.notice(Notice::RollbackFailed, id).await);
    seen!("notice_alarm_dirty", rig.notice(Notice::Alarm, id).await);
    seen!("run_dirty", rig.shot("gommgo", Admin, &Screen::Run(run)).await);
    seen!("run_dirty_group", rig.group(&Screen::Run(run)).await);
    for (name, verdict) in [("again", Resolution::Again), ("repaired", Resolution::Succeeded)] {
        let shot = rig.shot("gommgo", Admin, &Screen::ConfirmResolve(run, verdict)).await;
        seen!(format!("resolve_dirty_{name}"), shot);
    }
}

#[tokio::test]
async fn what_fails_again_is_told_with_its_attempt() {
    let rig = Rig::new();
    rig.ship("v1.0.0").await;
    let id = rig.release("v1.1.0").await;
    let ill = |step: &crate::domain::run::Step| {
        Some(if step.kind == StepKind::Health { Outcome::Unhealthy("exit 1".into()) } else { Outcome::Exited(0) })
    };
    let fails = async || {
        rig.ends_well(STAGE).await;
        rig.everybody_approves(id).await;
        rig.play(PRODUCTION, ill).await;
    };
    fails().await;
    rig.ends_well(PRODUCTION).await;
    let first = rig.notice_of_last(Notice::RolledBack, id, "release_moved").await;
    rig.admin(Command::Retry { release: id }).await;
    fails().await;
    rig.ends_well(PRODUCTION).await;
    seen!("notice_rolled_back_again", rig.notice_of_last(Notice::RolledBack, id, "release_moved").await);
    assert!(!first.contains("attempt") && !first.contains("попытка"), "{first}");
    rig.admin(Command::Retry { release: id }).await;
    fails().await;
    rig.play(PRODUCTION, ill).await;
    seen!("notice_rollback_failed_again", rig.notice(Notice::RollbackFailed, id).await);
}

#[tokio::test]
async fn a_way_back_goes_on_without_a_host() {
    let rig = Rig::on_two_hosts();
    let older = rig.ship("v1.0.0").await;
    let id = rig.release("v1.1.0").await;
    rig.ends_well(STAGE).await;
    rig.everybody_approves(id).await;
    rig.play(PRODUCTION, |step| Some(Outcome::Exited(i32::from(step.host.as_str() == "prod-2")))).await;
    let run = rig.run(PRODUCTION).await.unwrap();
    let silent = [(HostName::parse("host", "prod-2").unwrap(), "prod-2 did not answer within 30 s.".into())];
    rig.say(&Actor::Machine, Command::LeaveHosts { run, hosts: silent.into() }).await;
    seen!("notice_alarm_left_host", rig.notice(Notice::Alarm, id).await);
    rig.ends_well(PRODUCTION).await;
    seen!("card_left_host", rig.group(&Screen::Release(id)).await);
    seen!("card_left_host_of_what_runs", rig.group(&Screen::Release(older)).await);
    seen!("notice_rolled_back_left_host", rig.notice(Notice::RolledBack, id).await);
    seen!("run_left_host", rig.shot("gommgo", Admin, &Screen::Run(run)).await);
    seen!("service_left_host", rig.shot("gommgo", Admin, &Screen::Service(Key::of(SERVICE))).await);
}

#[tokio::test]
async fn the_end_of_a_run_is_unknown() {
    let rig = Rig::new();
    let id = rig.release("v1.0.0").await;
    rig.ends_well(STAGE).await;
    rig.everybody_approves(id).await;
    let run = rig.play(PRODUCTION, |step| (step.index < 1).then_some(Outcome::Exited(0))).await;
    rig.say(&Actor::Machine, Command::RunWaits { run, reason: Some("prod-1 cannot be reached".into()) }).await;
    seen!("card_waits_for_host", rig.group(&Screen::Release(id)).await);
    seen!("notice_alarm_waits", rig.notice(Notice::Alarm, id).await);
    rig.say(&Actor::Machine, Command::RunLost { run, reason: "prod-1 has lost the run's files".into() }).await;
    seen!("card_unknown", rig.shot("gommgo", Admin, &Screen::Release(id)).await);
    seen!("card_unknown_group", rig.group(&Screen::Release(id)).await);
    seen!("notice_alarm_unknown", rig.notice(Notice::Alarm, id).await);
    seen!("run_unknown", rig.shot("gommgo", Admin, &Screen::Run(run)).await);
    seen!("resolve_succeeded", rig.shot("gommgo", Admin, &Screen::ConfirmResolve(run, Resolution::Succeeded)).await);
    seen!("resolve_failed", rig.shot("gommgo", Admin, &Screen::ConfirmResolve(run, Resolution::Failed)).await);
}

#[tokio::test]
async fn another_copy_of_the_database_is_at_work() {
    let rig = Rig::new();
    let id = rig.release("v1.0.0").await;
    rig.ends_well(STAGE).await;
    rig.everybody_approves(id).await;
    let run = rig.play(PRODUCTION, |step| (step.index < 1).then_some(Outcome::Exited(0))).await;
    let (host, reason) = (HostName::local(), "local: steps of this run were taken over by another copy".into());
    rig.say(&Actor::Machine, Command::RunForeign { run, host, reason }).await;
    seen!("card_settle", rig.shot("gommgo", Admin, &Screen::Release(id)).await);
    seen!("notice_alarm_settle", rig.notice(Notice::Alarm, id).await);
    seen!("run_settle", rig.shot("gommgo", Admin, &Screen::Run(run)).await);
    seen!("service_settle", rig.shot("gommgo", Admin, &Screen::Service(Key::of(SERVICE))).await);
}

#[tokio::test]
async fn a_tag_moves() {
    let rig = Rig::new();
    let moved = |release, now: Option<&str>| {
        let now = now.map(|digit| Commit::parse("commit", digit.repeat(40)).unwrap());
        Command::TagMoved { release, now }
    };
    let confirmed = async |release| {
        let commit = rig.get(release).await.commit.unwrap();
        rig.say(&Actor::Machine, Command::CommitResolved { release, commit, tag_object: None }).await;
    };
    let shipped = rig.ship("v1.0.0").await;
    confirmed(shipped).await;
    rig.say(&Actor::Machine, moved(shipped, Some("b"))).await;
    seen!("notice_tag_moved_in_production", rig.notice_of(Notice::Alarm, shipped, "tag_moved").await);
    let next = rig.release("v1.1.0").await;
    rig.ends_well(STAGE).await;
    confirmed(next).await;
    rig.say(&Actor::Machine, moved(next, None)).await;
    seen!("notice_tag_gone", rig.notice_of(Notice::Alarm, next, "tag_moved").await);
}
