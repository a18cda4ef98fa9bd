//! What a command costs the writer, and in which order it is told.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;

use futures_util::future::BoxFuture;

use super::testing::engine_in;
use super::*;
use crate::config::{Config, EnvVars};
use crate::domain::command::{NewRelease, Outcome};
use crate::domain::ids::{Commit, Tag};
use crate::store::events::{self, Scope};

/// A clock that stands still until it is moved.
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// An engine with one service on so many hosts.
fn engine(folder: &std::path::Path, clock: Arc<Hands>, hosts: usize) -> Engine {
    let mut text = String::from("[server]\nlisten = \"127.0.0.1:0\"\n[local]\nuser = \"root\"\n");
    let names: Vec<_> = (0..hosts).map(|number| format!("h{number}")).collect();
    for name in &names {
        writeln!(
            text,
            "[[hosts]]\nname = \"{name}\"\naddress = \"{name}.test:22\"\nuser = \"deploy\"\npassword = \"env:P\""
        )
        .unwrap();
    }
    writeln!(
        text,
        "[[services]]\nname = \"shop\"\napprovals = {{ required = [], minimum = 0 }}\n[[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\ncheckout = false\n\
         directory = \"/srv/app\"\nbefore_deploy = \"./before\"\ndeploy = \"./start\"\nafter_deploy = \"./after\"\n\
         [services.environments.stage]\ndriver = \"ssh\"\nhosts = {names:?}\n\
         [services.environments.production]\ndriver = \"ssh\"\nhosts = {names:?}"
    )
    .unwrap();
    let env: EnvVars = [("P".to_owned(), "x-y-z-1-2-3".to_owned())].into();
    let config = Config::parse(&text, "rmm.toml", folder, &env).unwrap();
    let engine = engine_in(folder, clock);
    engine.inner.catalog.send_replace(Arc::new(Catalog::new(&config)));
    engine
}

fn service() -> ServiceName {
    ServiceName::parse("service", "shop").unwrap()
}

async fn release(engine: &Engine, tag: &str) -> ReleaseId {
    let new = NewRelease {
        service: service(),
        tag: Some(Tag::parse("tag", tag).unwrap()),
        commit: Some(Commit::parse("commit", "a".repeat(40)).unwrap()),
        commit_checked: false,
        initiated_by: "ann".into(),
        owner: None,
        ci_run: None,
        tagged_at: None,
        notes: String::new(),
        artifacts: Vec::new(),
    };
    let answer = engine.handle(Request::new(Actor::Operator, Command::Create(new))).await.unwrap().answer;
    let Answer::Release { id, .. } = answer else { panic!("{answer:?}") };
    id
}

/// How often rows of a table have been written since it was counted first.
async fn written(engine: &Engine, table: &'static str) -> i64 {
    let count = engine.inner.store.write(move |tx| crate::store::testing::written(tx, table));
    count.await.unwrap()
}

/// Keeps the writer busy until what is given back is dropped.
async fn busy(engine: &Engine) -> mpsc::Sender<()> {
    let (begun, seen) = tokio::sync::oneshot::channel();
    let (open, closed) = mpsc::channel::<()>();
    let store = engine.store().clone();
    tokio::spawn(async move {
        let work = move |_: &mut Tx<'_>| -> Result<(), StoreError> {
            begun.send(()).unwrap();
            let _ = closed.recv();
            Ok(())
        };
        store.write(work).await.unwrap();
    });
    seen.await.unwrap();
    open
}

#[tokio::test]
async fn times_on_record_never_run_backwards_however_long_a_request_has_waited() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hands(AtomicI64::new(1_000)));
    let engine = engine(folder.path(), clock.clone(), 1);
    let writer = busy(&engine).await;
    let mut early = Box::pin(release(&engine, "v1"));
    assert!(futures_util::poll!(&mut early).is_pending(), "it is in the queue");
    clock.0.store(2_000, Ordering::SeqCst);
    drop(writer);
    early.await;
    let told = engine.read(|conn| events::after(conn, 0, &Scope::default(), 100, usize::MAX)).await.unwrap();
    let times: Vec<_> = told.events.iter().map(|event| event.at).collect();
    assert!(!times.is_empty() && times.iter().all(|at| *at == engine.now().as_millisecond()), "{times:?}");
}

#[tokio::test]
async fn nothing_is_written_while_nothing_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), Arc::new(Hands(AtomicI64::new(1_000))), 1);
    release(&engine, "v1").await;
    // It would wait for the writer.
    let _writer = busy(&engine).await;
    engine.advance().await;
}

#[tokio::test]
async fn a_step_that_changes_is_written_alone_however_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), Arc::new(Hands(AtomicI64::new(1_000))), 40);
    release(&engine, "v1").await;
    let run = engine.service_world(&service()).await.unwrap().occupying_run(EnvironmentKind::Stage).unwrap().id;
    let machine = |command| engine.handle(Request::new(Actor::Machine, command));
    machine(Command::RunPrepared { run }).await.unwrap();
    machine(Command::StartStep { run }).await.unwrap();
    let step =
        engine.read(move |conn| runs::get(conn, run)).await.unwrap().unwrap().running_steps().next().unwrap().index;
    let (steps, rows) = (written(&engine, "steps").await, written(&engine, "runs").await);
    machine(Command::StepEnded { run, step, outcome: Outcome::Exited(0), said: Default::default() }).await.unwrap();
    assert_eq!((written(&engine, "steps").await - steps, written(&engine, "runs").await - rows), (1, 1));
}
