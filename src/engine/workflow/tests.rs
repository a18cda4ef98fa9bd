//! Workflows whose GitHub is in trouble for longer than a test may last: the clock leaps.

mod deliveries;
mod dispatch;
mod ended;
mod reports;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::clients::github::Now;
use crate::clients::github::stand_in::{Fault, StandIn};
use crate::config::{Config, EnvVars};
use crate::domain::cause::Code;
use crate::domain::command::{Answer, NewRelease};
use crate::domain::ids::{Commit, PersonName, ReleaseId, ServiceName, Tag};
use crate::domain::person::{Actor, Door, Role};
use crate::domain::reason::Reason;
use crate::domain::release::Reporter;
use crate::domain::run::StopKind;
use crate::domain::status::Status;
use crate::engine::catalog::Catalog;
use crate::engine::clock::Clock;
use crate::engine::testing::engine_in;
use crate::engine::{Engine, Request};
use crate::wording::english;

/// What happens when so many seconds have passed.
type Later = (i64, BoxFuture<'static, ()>);

/// A clock on which every sleep is over at once; time has passed then. It stands while what is due happens.
struct Leap {
    millis: AtomicI64,
    later: Mutex<Vec<Later>>,
}

impl Leap {
    fn new() -> Arc<Self> {
        Arc::new(Self { millis: AtomicI64::new(0), later: Mutex::default() })
    }

    fn at(&self, seconds: i64, happens: impl FnOnce() + Send + 'static) {
        self.during(seconds, async move { happens() });
    }

    fn during(&self, seconds: i64, happens: impl Future<Output = ()> + Send + 'static) {
        self.later.lock().unwrap().push((seconds, Box::pin(happens)));
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
        // It goes on where the one who sleeps is called off by it.
        let happening: Vec<_> = due.into_iter().map(|(_, happens)| tokio::spawn(happens)).collect();
        Box::pin(async move {
            for happens in happening {
                happens.await.unwrap();
            }
            tokio::task::yield_now().await;
        })
    }
}

/// A service that a workflow of this GitHub deploys.
fn config(folder: &Path, api: &str, surface: &str) -> Config {
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[github]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{api}\"\n\
         [[people]]\nname = \"ann\"\nrole = \"admin\"\n\
         [[services]]\nname = \"shop\"\nrepository = \"{api}/acme/shop\"\napprovals.required = [\"ann\"]\n\
         [[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\ncheckout = false\ndirectory = \"/srv/shop\"\n\
         deploy = \"true\"\n{surface}\
         [services.environments]\nstage.driver = \"ci\"\nproduction = {{ driver = \"ci\", workflow = \"deploy.yaml\" }}\n"
    );
    let env = EnvVars::from([("GITHUB_TOKEN".to_owned(), "a-token-for-tests".to_owned())]);
    Config::parse(&text, "rmm.toml", folder, &env).unwrap()
}

fn engine(folder: &Path, clock: Arc<Leap>, api: &str, surface: &str) -> Engine {
    let engine = engine_in(folder, clock.clone());
    let config = config(folder, api, surface);
    let now: Now = Arc::new(move || clock.now());
    engine.inner.catalog.send_replace(Arc::new(Catalog::new(&config).at_github_time(&config, &now)));
    engine
}

async fn handle(engine: &Engine, actor: Actor, command: Command) -> Answer {
    engine.handle(Request::new(actor, command)).await.unwrap().answer
}

fn ci() -> Actor {
    Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() }
}

fn ann() -> Actor {
    Actor::Person { name: PersonName::parse("name", "ann").unwrap(), role: Role::Admin, door: Door::Api }
}

async fn machine(engine: &Engine, command: Command) {
    handle(engine, Actor::Machine, command).await;
}

/// A release that everybody has approved, and the run of its deploy.
async fn approved(engine: &Engine) -> (ReleaseId, RunId) {
    approved_as(engine, "v1", "0123456789abcdef0123456789abcdef01234567").await
}

async fn approved_as(engine: &Engine, tag: &str, commit: &str) -> (ReleaseId, RunId) {
    let new = NewRelease {
        tag: Some(Tag::parse("tag", tag).unwrap()),
        commit: Some(Commit::parse("commit", commit).unwrap()),
        commit_checked: true,
        attempt_told: true,
        ..NewRelease::of(ServiceName::parse("service", "shop").unwrap(), "dev".into())
    };
    let Answer::Release { id: release, .. } = handle(engine, ci(), Command::Create(new)).await else {
        panic!("a release");
    };
    for status in [Status::StageBuilding, Status::StageTestRollback, Status::ManualTesting] {
        handle(engine, ci(), Command::Report { release, status, ci_run: None }).await;
    }
    handle(engine, ann(), Command::Approve { release, seen: None }).await;
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
    site_with("").await
}

/// With keys of the surface.
async fn site_with(surface: &str) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let (peer, clock) = (Arc::new(StandIn::start().await), Leap::new());
    let engine = engine(folder.path(), clock.clone(), &peer.url, surface);
    let (release, id) = approved(&engine).await;
    Site { peer, clock, engine, release, id, _folder: folder }
}

async fn run(engine: &Engine, id: RunId) -> Run {
    engine.read(move |conn| runs::get(conn, id)).await.unwrap().unwrap()
}

async fn status(engine: &Engine, id: ReleaseId) -> Status {
    engine.read(move |conn| releases::get(conn, id)).await.unwrap().unwrap().status
}

/// When the clock of a site shows so many seconds.
fn seconds(site: &Site) -> i64 {
    seconds_of(&site.clock)
}

fn seconds_of(clock: &Leap) -> i64 {
    clock.millis.load(Ordering::SeqCst) / 1000
}

const THREE_HOURS: i64 = 3 * 60 * 60;
