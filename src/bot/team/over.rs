//! Alarms that are over: which of those that chats were told an event ends, and the words for that.

use crate::bot::audience::About;
use crate::bot::words::facts;
use crate::bot::{Bot, Viewer};
use crate::clients::telegram::Text;
use crate::domain::env::Env;
use crate::domain::ids::{RunId, ServiceName};
use crate::domain::notice::Notice;
use crate::domain::person::Actor;
use crate::domain::reason::Reason;
use crate::domain::run::{Run, RunState};
use crate::domain::version::Version;
use crate::store::events::{self, EventRow};
use crate::store::news::Due;
use crate::store::{StoreError, releases, runs, telegram};

/// Of the runs that chats were told of, the newest are looked at.
const RUNS: usize = 50;
/// Events of a release that are looked through.
const LOOKED: u32 = 100;
const LOOKED_BYTES: usize = 256 * 1024;

fn data_of(event: &EventRow) -> serde_json::Value {
    serde_json::from_str(&event.data).unwrap_or_default()
}

fn environment(data: &serde_json::Value) -> Option<Env> {
    serde_json::from_value(data["environment"].clone()).ok()
}

/// The run whose alarm is over with an event, and all others whose cards have to be looked at again.
pub(super) async fn ended_by(bot: &Bot, event: &EventRow) -> Result<Vec<(About, Option<Notice>)>, StoreError> {
    let data = data_of(event);
    let known_again = event.kind == "run_ended" && data["state"] != "unknown";
    let kinds = ["environment_repaired", "environment_settled", "host_caught_up", "host_given_up"];
    if !known_again && !kinds.contains(&event.kind.as_str()) {
        return Ok(Vec::new());
    }
    let Some((service, kind)) = service_of(event).zip(environment(&data)) else { return Ok(Vec::new()) };
    let told = told_runs(bot, service, kind).await?;
    let mine = told.iter().find(|run| event.run == Some(run.id.0));
    let over = match event.kind.as_str() {
        "run_ended" => match mine {
            Some(run) if was_lost(bot, run, event.seq).await? => Some(run),
            Some(_) | None => None,
        },
        "environment_repaired" if mine.is_some() => mine,
        "environment_repaired" => told.iter().find(|run| matches!(run.state, RunState::Failed { .. })),
        "environment_settled" => told.first(),
        _ => told.iter().find(|run| run.left.keys().any(|host| data["host"] == host.as_str())),
    };
    let over = over.map(|run| run.id);
    Ok(told.iter().map(|run| (About::Run(run.id), (over == Some(run.id)).then_some(Notice::Alarm))).collect())
}

fn service_of(event: &EventRow) -> Option<ServiceName> {
    ServiceName::parse("service", event.service.clone()?).ok()
}

/// The runs in an environment of which chats were told, the newest first.
async fn told_runs(bot: &Bot, service: ServiceName, kind: Env) -> Result<Vec<Run>, StoreError> {
    bot.engine
        .read(move |conn| {
            let subjects = telegram::subjects(conn, "run")?;
            let mut ids: Vec<RunId> = subjects.iter().filter_map(|it| run_of(&About::parse(it)?)).collect();
            ids.sort_unstable_by(|one, other| other.cmp(one));
            let mut told = Vec::new();
            for id in ids.into_iter().take(RUNS) {
                let Some(run) = runs::get(conn, id)? else { continue };
                if run.environment == kind && releases::service_of(conn, run.release)?.as_ref() == Some(&service) {
                    told.push(run);
                }
            }
            Ok(told)
        })
        .await
}

const fn run_of(about: &About) -> Option<RunId> {
    if let About::Run(id) = about { Some(*id) } else { None }
}

/// Whether it was unknown, until an event, how a run had ended, and no person has said it: then that is what is told.
async fn was_lost(bot: &Bot, run: &Run, before: i64) -> Result<bool, StoreError> {
    let last = last_of(bot, run, before, |event| ["run_resolved", "run_ended"].contains(&event.kind.as_str())).await?;
    Ok(last.is_some_and(|event| event.kind == "run_ended" && data_of(&event)["state"] == "unknown"))
}

/// The newest event of a run, of those that are wanted, before a place in the record.
async fn last_of(
    bot: &Bot,
    run: &Run,
    before: i64,
    wanted: impl Fn(&EventRow) -> bool + Send + 'static,
) -> Result<Option<EventRow>, StoreError> {
    let (release, id) = (run.release, run.id.0);
    let read =
        move |conn: &rusqlite::Connection| events::last_of_release(conn, release, Some(before), LOOKED, LOOKED_BYTES);
    let rows = bot.engine.read(read).await?.events;
    Ok(rows.into_iter().find(|event| event.run == Some(id) && wanted(event)))
}

/// Whether what is to be told is that an alarm is over.
pub(super) async fn is_over(bot: &Bot, due: &Due) -> Result<bool, StoreError> {
    let about = About::parse(&due.about);
    if due.notice != Notice::Alarm || !matches!(about, Some(About::Run(_) | About::Host(_))) {
        return Ok(false);
    }
    let seq = due.seq;
    let event = bot.engine.read(move |conn| events::at(conn, seq)).await?;
    Ok(event.is_some_and(|event| match event.kind.as_str() {
        "run_ended" => data_of(&event)["state"] != "unknown",
        "run_resolved"
        | "environment_repaired"
        | "environment_settled"
        | "host_caught_up"
        | "host_given_up"
        | "host_key_restored"
        | "host_trusted" => true,
        _ => false,
    }))
}

/// Who has done it.
pub(super) fn by(event: &EventRow) -> String {
    serde_json::from_str::<Actor>(&event.actor).map(|actor| actor.label().to_owned()).unwrap_or_default()
}

/// What is said of the end of an alarm; nothing to the person who has seen to it.
pub(super) async fn words(bot: &Bot, event: &EventRow, viewer: &Viewer) -> Result<Option<Text>, StoreError> {
    if viewer.actor.as_ref().is_some_and(|actor| actor.label() == by(event)) {
        return Ok(None);
    }
    let (data, language) = (data_of(event), viewer.language);
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let because = |name: &str| serde_json::from_value::<Reason>(data[name].clone()).ok();
    let because = ["because", "reason"].iter().find_map(|name| because(name));
    let run = match event.run.map(RunId) {
        Some(id) => bot.engine.read(move |conn| runs::get(conn, id)).await?,
        None => None,
    };
    let key = match (event.kind.as_str(), run.as_ref()) {
        ("host_key_restored", _) => "host_key_restored",
        ("host_trusted", _) => "host_trusted",
        ("host_caught_up", _) => "host_caught_up",
        ("host_given_up", _) => "host_given_up",
        ("environment_settled", _) => "environment_settled",
        (_, None) => return Ok(None),
        ("run_ended", Some(run)) if run.state == RunState::Succeeded => "run_known_well",
        ("run_ended", Some(_)) => "run_known",
        ("environment_repaired", Some(_)) => "run_repaired",
        (_, Some(run)) => match text("verdict") {
            // That the environment is repaired is an event of its own.
            "succeeded" if run.state != RunState::Succeeded => return Ok(None),
            "succeeded" => "run_ended_well",
            "failed" => "run_judged_failed",
            _ => "run_begins_again",
        },
    };
    let said = because.map_or_else(|| text("reason").to_owned(), |reason| language.reason(&reason));
    let reason = match &run {
        Some(run) if key == "run_repaired" => reason_of_repair(bot, run, event).await?,
        // Who it was is said anyway.
        Some(_) | None => {
            data["because"]["why"].as_str().filter(|_| key == "host_given_up").map_or(said, str::to_owned)
        }
    };
    let phrase = |key: &str| bot.words.phrase(language, key, facts!());
    let kind = environment(&data).or(run.as_ref().map(|run| run.environment));
    let settled = serde_json::from_value::<Version>(data["version"].clone()).ok();
    let version = if key == "environment_settled" { settled } else { run.as_ref().map(|run| run.to.clone()) };
    let facts = facts! {
        by => by(event),
        service => event.service.as_deref().unwrap_or_default(),
        where => kind.map(|kind| phrase(&format!("where.{kind}"))).unwrap_or_default(),
        version => version.map(|version| version.to_string()),
        run => run.as_ref().map(|run| phrase(&format!("run.{}_{}", run.kind.as_str(), run.environment))),
        number => event.run,
        host => text("host"),
        reason => reason.trim_end_matches('.'),
    };
    Ok(Some(bot.say(language, key, facts)))
}

/// What the admin has said who repaired an environment; nothing where a later run did it.
async fn reason_of_repair(bot: &Bot, run: &Run, event: &EventRow) -> Result<String, StoreError> {
    let said = last_of(bot, run, event.seq, |event| event.kind == "run_resolved").await?;
    Ok(said.and_then(|said| data_of(&said)["reason"].as_str().map(ToOwned::to_owned)).unwrap_or_default())
}
