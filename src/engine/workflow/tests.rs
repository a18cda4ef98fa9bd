//! Workflows whose GitHub is in trouble for longer than a test may last: the clock leaps.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::clients::github::stand_in::{Fault, StandIn};
use crate::config::{Config, EnvVars};
use crate::domain::command::{Answer, NewRelease};
use crate::domain::ids::{Commit, PersonName, ReleaseId, ServiceName, Tag};
use crate::domain::person::{Actor, Door, Role};
use crate::domain::reason::Reason;
use crate::domain::status::Status;
use crate::engine::catalog::Catalog;
use crate::engine::clock::Clock;
use crate::engine::testing::engine_in;
use crate::engine::{Engine, Request};
use crate::wording::english;

/// What happens when so many seconds have passed.
type Later = (i64, Box<dyn FnOnce() + Send>);

/// A clock on which every sleep is over at once; time has passed then.
struct Leap {
    millis: AtomicI64,
    later: Mutex<Vec<Later>>,
}

impl Leap {
    fn new() -> Arc<Self> {
        Arc::new(Self { millis: AtomicI64::new(0), later: Mutex::default() })
    }

    fn at(&self, seconds: i64, happens: impl FnOnce() + Send + 'static) {
        self.later.lock().unwrap().push((seconds, Box::new(happens)));
    }
}

impl Clock for Leap {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + self.millis.load(Ordering::SeqCst)).unwrap()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let time = i64::try_from(time.as_millis()).unwrap();
        let now = (self.millis.fetch_add(time, Ordering::SeqCst) + time) / 1000;
        let mut later = self.later.lock().unwrap();
        let (due, rest) = later.drain(..).partition(|(at, _)| *at <= now);
        *later = rest;
        drop(later);
        let due: Vec<Later> = due;
        due.into_iter().for_each(|(_, happens)| happens());
        Box::pin(tokio::task::yield_now())
    }
}

/// An engine whose service a workflow of this GitHub deploys.
fn engine(folder: &Path, clock: Arc<Leap>, api: &str) -> Engine {
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[github]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{api}\"\n\
         [[people]]\nname = \"ann\"\nrole = \"admin\"\n\
         [[services]]\nname = \"shop\"\nrepository = \"{api}/acme/shop\"\napprovals.required = [\"ann\"]\n\
         [[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\ncheckout = false\ndirectory = \"/srv/shop\"\n\
         deploy = \"true\"\n\
         [services.environments]\nstage.driver = \"ci\"\nproduction = {{ driver = \"ci\", workflow = \"deploy.yaml\" }}\n"
    );
    let env = EnvVars::from([("GITHUB_TOKEN".to_owned(), "a-token-for-tests".to_owned())]);
    let config = Config::parse(&text, "rmm.toml", folder, &env).unwrap();
    let engine = engine_in(folder, clock);
    engine.inner.catalog.send_replace(Arc::new(Catalog::new(&config)));
    engine
}

async fn handle(engine: &Engine, actor: Actor, command: Command) -> Answer {
    engine.handle(Request::new(actor, command)).await.unwrap().answer
}

/// A release that everybody has approved, and the run of its deploy.
async fn approved(engine: &Engine) -> (ReleaseId, RunId) {
    let ci = || Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() };
    let new = NewRelease {
        service: ServiceName::parse("service", "shop").unwrap(),
        tag: Some(Tag::parse("tag", "v1").unwrap()),
        commit: Some(Commit::parse("commit", "0123456789abcdef0123456789abcdef01234567").unwrap()),
        commit_checked: true,
        initiated_by: "dev".into(),
        owner: None,
        ci_run: None,
        attempt_told: true,
        tagged_at: None,
        notes: String::new(),
        artifacts: Vec::new(),
    };
    let Answer::Release { id: release, .. } = handle(engine, ci(), Command::Create(new)).await else {
        panic!("a release");
    };
    for status in [Status::StageBuilding, Status::StageTestRollback] {
        handle(engine, ci(), Command::Report { release, status, ci_run: None }).await;
    }
    let ann = Actor::Person { name: PersonName::parse("name", "ann").unwrap(), role: Role::Admin, door: Door::Api };
    handle(engine, ann, Command::Approve { release, seen: None }).await;
    let run = engine.read(move |conn| runs::of_release(conn, release)).await.unwrap().pop().unwrap();
    assert!(run.dispatch.is_some());
    (release, run.id)
}

/// A release that everybody has approved, at a GitHub of its own.
struct Site {
    peer: Arc<StandIn>,
    clock: Arc<Leap>,
    engine: Engine,
    release: ReleaseId,
    id: RunId,
    _folder: tempfile::TempDir,
}

async fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let (peer, clock) = (Arc::new(StandIn::start().await), Leap::new());
    let engine = engine(folder.path(), clock.clone(), &peer.url);
    let (release, id) = approved(&engine).await;
    Site { peer, clock, engine, release, id, _folder: folder }
}

async fn run(engine: &Engine, id: RunId) -> Run {
    engine.read(move |conn| runs::get(conn, id)).await.unwrap().unwrap()
}

async fn status(engine: &Engine, id: ReleaseId) -> Status {
    engine.read(move |conn| releases::get(conn, id)).await.unwrap().unwrap().status
}

#[tokio::test]
async fn six_hours_of_502_lead_to_one_run_and_the_wait_is_seen_meanwhile() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    let bad = || Fault::Answer(502, json!({ "message": "Server Error" }));
    peer.dispatches_meet(std::iter::repeat_with(bad).take(10_000));
    let six_hours = 6 * 60 * 60;
    clock.at(six_hours, {
        let peer = peer.clone();
        move || peer.dispatches_go_well()
    });
    // The run ends well as soon as it is under way.
    clock.at(six_hours + 180, {
        let peer = peer.clone();
        move || peer.ends(peer.runs()[0].id, "success")
    });
    let before = engine.now();
    let seen = Arc::new(Mutex::new(None));
    clock.at(3 * 60 * 60, {
        let (engine, seen) = (engine.clone(), seen.clone());
        move || drop(tokio::spawn(async move { *seen.lock().unwrap() = run(&engine, id).await.waiting }))
    });
    follow(&engine, id, false, None).await.unwrap();
    let waited: Option<Reason> = seen.lock().unwrap().take();
    assert!(english(&waited.unwrap()).contains("502"), "the wait is to be seen");
    assert_eq!(status(&engine, release).await, Status::Deployed);
    let (asked, made) = peer.dispatched();
    assert_eq!(made, 1);
    assert!((60..=400).contains(&asked), "asked {asked} times in six hours");
    assert!(engine.now().duration_since(before).as_hours() >= 6);
}

#[tokio::test]
async fn a_ghost_is_found_and_github_is_not_asked_again() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    peer.dispatches_meet([Fault::Ghost]);
    // The lists do not show it at once.
    let hide = || {
        let peer = peer.clone();
        move || peer.change(peer.runs()[0].id, |run| run.shown = false)
    };
    clock.at(1, hide());
    for (seconds, happens) in [(40, true), (90, false)] {
        let peer = peer.clone();
        clock.at(seconds, move || {
            let id = peer.runs()[0].id;
            if happens { peer.change(id, |run| run.shown = true) } else { peer.ends(id, "success") }
        });
    }
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((status(&engine, release).await, peer.dispatched()), (Status::Deployed, (1, 1)));
}

#[tokio::test]
async fn a_run_that_github_has_taken_and_does_not_show_is_not_started_twice() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    peer.dispatches_meet([Fault::WithoutId]);
    let hidden = peer.clone();
    clock.at(1, move || hidden.change(hidden.runs()[0].id, |run| run.shown = false));
    follow(&engine, id, false, None).await.unwrap();
    let run = run(&engine, id).await;
    let reason = english(run.state.reason().unwrap());
    assert!(matches!(run.state, RunState::Unknown { .. }) && reason.contains("`run-name`"), "{:?}", run.state);
    assert_eq!((status(&engine, release).await, peer.dispatched()), (Status::Deploying, (1, 1)));
    assert!(engine.clock().now().as_millisecond() >= 1_800_000_000_000 + 60 * 60 * 1000, "not before an hour");
}

#[tokio::test]
async fn a_limit_of_github_is_waited_for() {
    let Site { peer, clock, engine, release: _, id, _folder } = site().await;
    peer.dispatches_meet([Fault::Answer(
        403,
        json!({ "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again." }),
    )]);
    let ends = peer.clone();
    clock.at(600, move || ends.ends(ends.runs()[0].id, "success"));
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!(peer.dispatched(), (2, 1));
    assert!(peer.calls() < 40, "{} calls", peer.calls());
}

#[tokio::test]
async fn lists_that_lag_behind_after_an_outage_make_no_second_run() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    peer.dispatches_meet([Fault::Ghost]);
    let at = |seconds, happens: fn(&StandIn, u64)| {
        let peer = peer.clone();
        clock.at(seconds, move || happens(&peer, peer.runs()[0].id));
    };
    at(1, |peer, id| {
        peer.change(id, |run| run.shown = false);
        peer.is_away(Some(502));
    });
    at(90, |peer, _| peer.is_away(None));
    at(120, |peer, id| peer.change(id, |run| run.shown = true));
    at(200, |peer, id| peer.ends(id, "success"));
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((status(&engine, release).await, peer.dispatched()), (Status::Deployed, (1, 1)));
}
