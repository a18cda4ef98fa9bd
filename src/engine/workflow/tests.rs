//! Workflows whose GitHub is in trouble for longer than a test may last: the clock leaps.

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

/// Ann cancels, as soon as the clock shows so many seconds; how the run stands right after it.
fn cancels_at(site: &Site, seconds: i64) -> tokio::sync::oneshot::Receiver<Run> {
    let (told, hears) = tokio::sync::oneshot::channel();
    let (engine, release, id) = (site.engine.clone(), site.release, site.id);
    site.clock.at(seconds, move || {
        tokio::spawn(async move {
            handle(&engine, ann(), Command::Cancel { release, reason: "wrong".into() }).await;
            drop(told.send(run(&engine, id).await));
        });
    });
    hears
}

/// When the clock of a site shows so many seconds.
fn seconds(site: &Site) -> i64 {
    seconds_of(&site.clock)
}

fn seconds_of(clock: &Leap) -> i64 {
    clock.millis.load(Ordering::SeqCst) / 1000
}

const THREE_HOURS: i64 = 3 * 60 * 60;

#[tokio::test]
async fn a_dispatch_that_github_never_got_is_called_off_at_once() {
    let limited = json!({ "message": "You have exceeded a secondary rate limit. Please wait a few minutes." });
    for (case, fault) in [("away", None), ("takes no more", Some(limited))] {
        let site = site().await;
        match fault {
            None => site.peer.is_away(Some(502)),
            Some(said) => site.peer.dispatches_meet(std::iter::repeat_n(Fault::Answer(403, said), 10_000)),
        }
        drop(cancels_at(&site, THREE_HOURS));
        follow(&site.engine, site.id, false, None).await.unwrap();
        assert_eq!((status(&site.engine, site.release).await, site.peer.dispatched().1), (Status::Cancelled, 0));
        // GitHub stays as it is: nothing but the cancellation ends it. The clock leaps on while that is written down, ten
        // minutes at a time.
        assert!(seconds(&site) < THREE_HOURS + 3000, "{case}: {}", seconds(&site));
    }
}

#[tokio::test]
async fn what_github_may_have_got_is_cancelled_when_github_has_said_whether_it_did() {
    for (fault, runs) in [(Fault::Answer(502, json!({ "message": "Server Error" })), 0), (Fault::Ghost, 1)] {
        let site = site().await;
        site.peer.dispatches_meet([fault]);
        let (away, well) = (site.peer.clone(), site.peer.clone());
        site.clock.at(1, move || away.is_away(Some(502)));
        site.clock.at(2 * THREE_HOURS, move || well.is_away(None));
        let hears = cancels_at(&site, THREE_HOURS);
        let (engine, id, later) = (site.engine.clone(), site.id, Arc::new(Mutex::new(None)));
        let told = later.clone();
        site.clock.at(2 * THREE_HOURS - 600, move || {
            drop(tokio::spawn(async move { *told.lock().unwrap() = run(&engine, id).await.waiting }));
        });
        follow(&site.engine, site.id, false, None).await.unwrap();
        let later = english(&later.lock().unwrap().take().unwrap());
        assert_eq!(later.matches("is being cancelled").count(), 1, "{later}");
        let said = english(hears.await.unwrap().waiting.as_ref().unwrap());
        let sought = "is being cancelled: RMM waits for GitHub to say whether the run of deploy.yaml was created";
        assert!(said.starts_with(sought) && said.contains("502"), "{said}");
        assert_eq!(status(&site.engine, site.release).await, Status::Cancelled);
        assert_eq!((site.peer.dispatched(), site.peer.cancelled().len()), ((1, runs), runs));
        // GitHub's lists may lag behind by a minute.
        let took = seconds(&site) - 2 * THREE_HOURS;
        assert!(took <= 300, "{took} s after GitHub was well again");
    }
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
async fn a_run_behind_a_gateway_that_wants_no_more_questions_is_found_and_not_started_twice() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    peer.dispatches_meet([Fault::Made(429, json!({ "message": "Too many requests" }))]);
    let ends = peer.clone();
    clock.at(300, move || ends.ends(ends.runs()[0].id, "success"));
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((status(&engine, release).await, peer.dispatched()), (Status::Deployed, (1, 1)));
}

#[tokio::test]
async fn what_became_of_a_run_that_fell_silent_is_learned_when_github_answers_again() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let token = run(&engine, id).await.token(&engine.ports().instance);
    let ours = peer.has_run(json!({ "run_id": token }));
    machine(&engine, Command::DispatchTaken { run: id, seen: Some(seen(ours, 1, None)) }).await;
    peer.is_away(Some(502));
    clock.sleep(Duration::from_hours(2)).await;
    let shop = ServiceName::parse("service", "shop").unwrap();
    engine.handle(Request::about(Actor::Machine, shop, Command::Advance)).await.unwrap();
    assert!(run(&engine, id).await.has_fallen_silent());

    let (answers, day) = (peer.clone(), 24 * 60 * 60);
    clock.at(seconds_of(&clock) + day, move || {
        answers.is_away(None);
        answers.ends(ours, "success");
    });
    let asked = peer.calls();
    follow(&engine, id, true, None).await.unwrap();
    assert_eq!((status(&engine, release).await, run(&engine, id).await.state), (Status::Deployed, RunState::Succeeded));
    assert!(peer.calls() - asked < 60, "{} questions in a day", peer.calls() - asked);
}

#[tokio::test]
async fn that_github_has_no_run_any_more_is_said_also_of_one_that_fell_silent() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    machine(&engine, Command::DispatchTaken { run: id, seen: Some(seen(4242, 1, None)) }).await;
    peer.is_away(Some(502));
    clock.sleep(Duration::from_hours(2)).await;
    let shop = ServiceName::parse("service", "shop").unwrap();
    engine.handle(Request::about(Actor::Machine, shop, Command::Advance)).await.unwrap();
    assert!(run(&engine, id).await.has_fallen_silent());

    // It was deleted there meanwhile.
    peer.is_away(None);
    let began = seconds_of(&clock);
    follow(&engine, id, true, None).await.unwrap();
    let gone = Reason::WorkflowGone { workflow: "deploy.yaml".into(), ci_run: "4242".into() };
    assert_eq!(run(&engine, id).await.state, RunState::Unknown { reason: gone.clone() });
    let release = engine.read(move |conn| releases::get(conn, release)).await.unwrap().unwrap();
    assert_eq!((release.status, release.reason), (Status::Deploying, Some(gone)));
    assert!((60..120).contains(&(seconds_of(&clock) - began)), "after a minute in which it may have been late");
}

#[tokio::test]
async fn the_end_of_a_limit_is_not_told_any_more_when_it_has_come() {
    let Site { peer: _peer, clock, engine, release: _, id, _folder } = site().await;
    let until = engine.now().checked_add(Duration::from_mins(1)).unwrap();
    let limited = || Reason::Github { fault: GithubFault::RateLimited { until: Some(until), said: None } };
    let sought = || Reason::WorkflowSought { workflow: "deploy.yaml".into(), cause: None };
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let mut following = Following::of(engine.clone(), id, None);
    following.begin_looking();
    machine(&engine, Command::RunWaits { run: id, reason: Some(limited()) }).await;
    clock.sleep(Duration::from_secs(59)).await;
    following.step().await.unwrap();
    assert_eq!(run(&engine, id).await.waiting, Some(limited()), "it lasts");
    clock.sleep(Duration::from_secs(1)).await;
    // GitHub is asked again, and does not show the run yet.
    following.begin_looking();
    following.step().await.unwrap();
    assert_eq!(run(&engine, id).await.waiting, Some(sought()));
    // Nor where it was called off.
    let waits = Command::RunWaits { run: id, reason: Some(limited()) };
    let release = run(&engine, id).await.release;
    handle(&engine, ann(), Command::Cancel { release, reason: "wrong".into() }).await;
    machine(&engine, waits).await;
    let cause = Some(Box::new(sought()));
    following.step().await.unwrap();
    assert_eq!(run(&engine, id).await.waiting, Some(Reason::Stopping { why: StopKind::Cancel, cause }));
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
    let (early, asked) = (peer.clone(), Arc::new(Mutex::new(0)));
    let told = asked.clone();
    clock.at(50, move || *told.lock().unwrap() = early.dispatched().0);
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((*asked.lock().unwrap(), peer.dispatched()), (1, (2, 1)), "not again within a minute");
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

/// A report of the run at GitHub with this number, after it was looked up.
async fn reported(engine: &Engine, release: ReleaseId, status: Status, id: &str) -> Result<(), Code> {
    let reporter = Reporter::of(id.into(), Some(1), None);
    let ci_run = engine.look_up_reporter(release, Some(reporter)).await.unwrap();
    let ci = Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() };
    let request = Request::new(ci, Command::Report { release, status, ci_run });
    match engine.handle(request).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(refusal)) => Err(refusal.code),
        Err(failure) => panic!("{failure}"),
    }
}

#[tokio::test]
async fn no_other_run_is_taken_for_the_one_that_was_started() {
    let Site { peer, clock: _, engine, release, id, _folder } = site().await;
    let stale = Err(Code::StaleReport);
    assert_eq!(reported(&engine, release, Status::Deploying, "7000").await, stale, "GitHub was not asked for one yet");
    // It is asked, and its answer is lost.
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let token = run(&engine, id).await.token(&engine.ports().instance);
    peer.has_run(json!({ "run_id": "something else" }));
    peer.has_run(json!({ "run_id": token }));
    for other in ["7000", "6999", "build-12"] {
        assert_eq!(reported(&engine, release, Status::Deploying, other).await, stale, "{other}");
    }
    assert_eq!(status(&engine, release).await, Status::ManualTestPassed);
    assert_eq!(reported(&engine, release, Status::Deploying, "7001").await, Ok(()));
    assert_eq!(run(&engine, id).await.ci_run.as_deref(), Some("7001"));
}

#[tokio::test]
async fn a_run_that_github_denies_takes_no_release_over() {
    let Site { peer, clock: _, engine, release, id, _folder } = site().await;
    let stale = Err(Code::StaleReport);
    machine(&engine, Command::DispatchAsked { run: id }).await;
    // GitHub has made a run of it, and its lists do not show it yet.
    let token = run(&engine, id).await.token(&engine.ports().instance);
    let ours = peer.has_run(json!({ "run_id": token }));
    peer.change(ours, |run| run.shown = false);
    for status in [Status::Deploying, Status::Deployed] {
        assert_eq!(reported(&engine, release, status, "4242").await, stale, "{status:?}");
    }
    peer.change(ours, |run| run.shown = true);
    assert_eq!(reported(&engine, release, Status::Deployed, "4242").await, stale, "nor afterwards");
    assert_eq!(reported(&engine, release, Status::Deploying, &ours.to_string()).await, Ok(()));
    assert_eq!(run(&engine, id).await.ci_run, Some(ours.to_string()));
    assert_eq!(reported(&engine, release, Status::Deployed, "4242").await, stale);
}

#[tokio::test]
async fn while_github_says_nothing_a_report_has_to_wait_and_the_true_run_is_heard_afterwards() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let token = run(&engine, id).await.token(&engine.ports().instance);
    let ours = peer.has_run(json!({ "run_id": token })).to_string();
    for trouble in [502, 403, 429, 500] {
        peer.is_away(Some(trouble));
        for status in [Status::Deploying, Status::Deployed, Status::ProductionRollback, Status::RollbackDone] {
            for ci_run in ["4242", &ours] {
                let waits = Err(Code::ReporterNotKnown);
                assert_eq!(reported(&engine, release, status, ci_run).await, waits, "{trouble} {status} {ci_run}");
            }
        }
        // The end of a limit is waited for.
        clock.sleep(Duration::from_mins(2)).await;
    }
    assert_eq!(status(&engine, release).await, Status::ManualTestPassed);
    peer.is_away(None);
    assert_eq!(reported(&engine, release, Status::Deployed, "4242").await, Err(Code::StaleReport));
    assert_eq!(reported(&engine, release, Status::Deploying, &ours).await, Ok(()));
    assert_eq!(run(&engine, id).await.ci_run, Some(ours.clone()));
    // From here on its number tells, and GitHub need not be asked.
    peer.is_away(Some(502));
    assert_eq!(reported(&engine, release, Status::Deployed, "4242").await, Err(Code::StaleReport));
    assert_eq!(reported(&engine, release, Status::Deployed, &ours).await, Ok(()));
}

#[tokio::test]
async fn without_a_login_for_github_a_report_is_all_there_is() {
    let Site { peer, clock: _, engine, release, id, _folder } = site().await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let without = Config { github: None, ..config(_folder.path(), &peer.url, "") };
    engine.inner.catalog.send_replace(Arc::new(Catalog::new(&without)));
    assert_eq!(reported(&engine, release, Status::Deploying, "7000").await, Ok(()));
}

#[tokio::test]
async fn how_a_run_ended_is_asked_for_until_github_says_it() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    let at = |seconds, status: &'static str, conclusion: Option<&'static str>| {
        let peer = peer.clone();
        clock.at(seconds, move || {
            peer.change(peer.runs()[0].id, |run| {
                (run.begun, run.status, run.conclusion) = (true, status.into(), conclusion.map(Into::into));
            });
        });
    };
    at(30, "in_progress", None);
    at(60, "completed", None);
    at(180, "completed", Some("success"));
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((status(&engine, release).await, run(&engine, id).await.state), (Status::Deployed, RunState::Succeeded));
}

#[tokio::test]
async fn what_github_has_taken_and_does_not_show_within_a_minute_is_cancelled_then() {
    let site = site().await;
    site.peer.dispatches_meet([Fault::WithoutId]);
    let hidden = site.peer.clone();
    site.clock.at(1, move || hidden.change(hidden.runs()[0].id, |run| run.shown = false));
    drop(cancels_at(&site, 10));
    follow(&site.engine, site.id, false, None).await.unwrap();
    assert_eq!(status(&site.engine, site.release).await, Status::Cancelled);
    let state = run(&site.engine, site.id).await.state;
    assert!(matches!(state, RunState::Stopped { .. }), "{state:?}");
    assert!((60..=180).contains(&seconds(&site)), "{} s", seconds(&site));
}

#[tokio::test]
async fn a_rollback_that_the_workflow_does_itself_is_found_by_the_name_of_its_deploy() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    // The first version is there, and the next one goes back.
    let ends = peer.clone();
    clock.at(30, move || ends.ends(ends.runs()[0].id, "success"));
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!(status(&engine, release).await, Status::Deployed);
    let (newer, id) = approved_as(&engine, "v2", "1123456789abcdef0123456789abcdef01234567").await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let token = run(&engine, id).await.token(&engine.ports().instance);
    let at_github = peer.has_run(json!({ "run_id": token }));
    for status in [Status::Deploying, Status::ProductionRollback] {
        handle(&engine, ci(), Command::Report { release: newer, status, ci_run: None }).await;
    }
    let back = engine.read(move |conn| runs::of_release(conn, newer)).await.unwrap();
    let back = back.into_iter().find(|run| run.kind == RunKind::Rollback).unwrap();
    assert_eq!(back.ci_run, None);
    let ends = peer.clone();
    clock.at(120, move || ends.ends(at_github, "failure"));
    follow(&engine, back.id, true, None).await.unwrap();
    let back = run(&engine, back.id).await;
    assert_eq!(back.ci_run, Some(at_github.to_string()));
    assert_eq!((status(&engine, newer).await, peer.dispatched()), (Status::RollbackFailed, (1, 2)));
}

#[tokio::test]
async fn after_an_end_without_a_report_production_is_asked_whether_it_is_well() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = listener.local_addr().unwrap();
    for (address, comes_to) in [(there.to_string(), Status::Deployed), ("127.0.0.1:1".into(), Status::RollbackFailed)] {
        let health = format!("health = {{ tcp = \"{address}\", via = \"rmm\", attempts = 2 }}\n");
        let Site { peer, clock, engine, release, id, _folder } = site_with(&health).await;
        let ends = peer.clone();
        clock.at(30, move || ends.ends(ends.runs()[0].id, "success"));
        follow(&engine, id, false, None).await.unwrap();
        let state = run(&engine, id).await.state;
        assert_eq!(status(&engine, release).await, comes_to, "{state:?}");
    }
}

/// A hundred deliveries about a run, its tag, and what RMM does not follow, in the order in which they happened.
fn hundred() -> Vec<(String, &'static str, serde_json::Value)> {
    let repository = json!({ "full_name": "acme/shop" });
    let run = |action: &str, status: &str, conclusion: Option<&str>, id: u64| {
        let run = json!({ "id": id, "run_attempt": 1, "status": status, "conclusion": conclusion });
        (
            "workflow_run",
            json!({ "action": action, "workflow_run": run, "repository": repository, "sender": { "login": "ann" } }),
        )
    };
    let pushed = |event, name: &str| {
        (event, json!({ "ref": name, "ref_type": "tag", "repository": repository, "sender": { "login": "ann" } }))
    };
    let mut all = Vec::new();
    for round in 0..10 {
        all.push(pushed("create", &format!("v{round}")));
        all.push(pushed("push", &format!("refs/tags/v{round}")));
        all.push(pushed("push", "refs/heads/main"));
        all.push(("pull_request", json!({ "action": "closed", "repository": repository })));
        // Real ones contradict their own action.
        all.push(run("requested", "completed", Some("action_required"), 6000 + round));
        all.push(run("requested", "queued", None, 7000));
        all.push(run("in_progress", "in_progress", None, 7000));
        all.push(run("completed", "queued", None, 7000));
        all.push(run("completed", "completed", Some(if round < 5 { "failure" } else { "success" }), 7000));
        all.push(("ping", json!({ "zen": "Design for failure." })));
    }
    all.into_iter().enumerate().map(|(at, (event, payload))| (format!("guid-{at}"), event, payload)).collect()
}

/// What has become of a release while these came in, one every other second.
async fn comes_to(
    deliveries: Vec<(String, &'static str, serde_json::Value)>,
) -> (Status, RunState, (u32, usize), usize) {
    let site = site().await;
    let ends = site.peer.clone();
    site.clock.at(150, move || ends.ends(ends.runs()[0].id, "success"));
    let (told, mut all) = (Arc::new(Mutex::new(Vec::new())), 0);
    for (guid, event, payload) in deliveries {
        let (engine, told) = (site.engine.clone(), told.clone());
        all += 2;
        site.clock.at(all, move || {
            let coming = tokio::spawn(async move { engine.github_delivered(&guid, event, &payload).await.unwrap() });
            told.lock().unwrap().push(coming);
        });
    }
    follow(&site.engine, site.id, false, None).await.unwrap();
    while seconds(&site) <= all {
        site.clock.sleep(Duration::from_secs(2)).await;
    }
    let coming: Vec<_> = std::mem::take(&mut *told.lock().unwrap());
    for one in coming {
        one.await.unwrap();
    }
    let runs = site.engine.read({
        let release = site.release;
        move |conn| runs::of_release(conn, release)
    });
    let count = runs.await.unwrap().len();
    (status(&site.engine, site.release).await, run(&site.engine, site.id).await.state, site.peer.dispatched(), count)
}

#[tokio::test]
async fn a_hundred_deliveries_shuffled_doubled_and_dropped_come_to_the_same() {
    let in_order = comes_to(hundred()).await;
    assert_eq!((in_order.0, &in_order.1, in_order.2), (Status::Deployed, &RunState::Succeeded, (1, 1)));
    for seed in 1..=4_u64 {
        let mut state = seed;
        let mut number = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut deliveries: Vec<_> = hundred().into_iter().filter(|_| number() % 10 >= 3).collect();
        assert!((55..=85).contains(&deliveries.len()), "some 30 % are dropped: {}", deliveries.len());
        deliveries.extend(deliveries.clone());
        deliveries.sort_by_cached_key(|_| number());
        assert_eq!(comes_to(deliveries).await, in_order, "seed {seed}");
    }
}
