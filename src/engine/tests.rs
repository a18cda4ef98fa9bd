//! What a command costs the writer, and in which order it is told.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;

use super::testing::{Hands, engine_in};
use super::*;
use crate::config::{Config, EnvVars};
use crate::domain::command::{NewRelease, Outcome, RollbackTo};
use crate::domain::ids::{Commit, Tag};
use crate::domain::person::Role;
use crate::domain::status::Status;
use crate::store::events::{self, Scope};
use crate::store::testing::rows_written;

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

/// An engine with one service that a CI system deploys.
fn ci_engine(folder: &std::path::Path, clock: Arc<Hands>) -> Engine {
    let text = "[server]\nlisten = \"127.0.0.1:0\"\n[[services]]\nname = \"shop\"\napprovals = { required = [], minimum = 0 }\n\
                [[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\ncheckout = false\ndirectory = \"/srv/app\"\n\
                deploy = \"./start\"\n[services.environments.stage]\ndriver = \"ci\"\n[services.environments.production]\n\
                driver = \"ci\"";
    let config = Config::parse(text, "rmm.toml", folder, &EnvVars::new()).unwrap();
    let engine = engine_in(folder, clock);
    engine.inner.catalog.send_replace(Arc::new(Catalog::new(&config)));
    engine
}

fn service() -> ServiceName {
    ServiceName::parse("service", "shop").unwrap()
}

async fn release(engine: &Engine, tag: &str) -> ReleaseId {
    let new = NewRelease {
        tag: Some(Tag::parse("tag", tag).unwrap()),
        commit: Some(Commit::parse("commit", "a".repeat(40)).unwrap()),
        ..NewRelease::of(service(), "ann".into())
    };
    let answer = engine.handle(Request::new(Actor::Operator, Command::Create(new))).await.unwrap().answer;
    let Answer::Release { id, .. } = answer else { panic!("{answer:?}") };
    id
}

/// How often rows of a table have been written since it was counted first.
async fn written(engine: &Engine, table: &'static str) -> i64 {
    engine.inner.store.write(move |tx| rows_written(tx, table)).await.unwrap()
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
    let run = engine.look_at_service(&service(), |world| world.occupying_run(Env::Stage).unwrap().id).await.unwrap();
    let machine = |command| engine.handle(Request::new(Actor::Machine, command));
    machine(Command::RunPrepared { run }).await.unwrap();
    machine(Command::StartStep { run }).await.unwrap();
    let step =
        engine.read(move |conn| runs::get(conn, run)).await.unwrap().unwrap().running_steps().next().unwrap().index;
    let (steps, rows) = (written(&engine, "steps").await, written(&engine, "runs").await);
    machine(Command::StepEnded { run, step, outcome: Outcome::Exited(0), said: Default::default() }).await.unwrap();
    assert_eq!((written(&engine, "steps").await - steps, written(&engine, "runs").await - rows), (1, 1));
}

#[tokio::test]
async fn production_goes_back_to_a_good_version_however_many_there_were_since() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ci_engine(folder.path(), Arc::new(Hands(AtomicI64::new(1_000))));
    let ci = Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() };
    let says = |actor: Actor, command| engine.handle(Request::new(actor, command));
    let mut all = Vec::new();
    for number in 0..60 {
        let id = release(&engine, &format!("v1.{number}.0")).await;
        for status in [Status::StageBuilding, Status::StageTestRollback, Status::ManualTesting, Status::Deploying] {
            says(ci.clone(), Command::Report { release: id, status, ci_run: None }).await.unwrap();
        }
        says(ci.clone(), Command::Report { release: id, status: Status::Deployed, ci_run: None }).await.unwrap();
        all.push(id);
    }
    let back = |from: ReleaseId, to: ReleaseId| Command::Rollback {
        release: from,
        to: Some(RollbackTo::Release(to)),
        reason: "broken".into(),
        force: false,
    };
    let newest = all[59];
    says(Actor::Operator, back(newest, all[2])).await.unwrap();
    says(ci.clone(), Command::Report { release: newest, status: Status::RollbackDone, ci_run: None }).await.unwrap();
    // From there, only older ones count, though they are none of the newest fifty.
    let name = service();
    let older = engine.look_at_service(&name, |world| {
        world.good_before_current(50).into_iter().map(|good| good.version.release).collect::<Vec<_>>()
    });
    let older = older.await.unwrap();
    assert_eq!(older, [all[1], all[0]]);
    let known = engine.look_at_service(&name, |world| world.newest_good(50)).await.unwrap();
    let last: Vec<_> = known.iter().rev().take(3).map(|good| good.version.release).collect();
    assert_eq!(last, [all[0], all[1], all[2]], "what production can go back to is told, too");
    assert!(says(Actor::Operator, back(all[2], all[5])).await.is_err());
    says(Actor::Operator, back(all[2], all[0])).await.unwrap();
}

#[tokio::test]
async fn troubles_of_hosts_and_repositories_are_facts_that_read_as_their_errors() {
    use crate::clients::git::{self, Unresolved};
    use crate::clients::transport::TransportError;
    use crate::domain::fault::repository::RepositoryFault;
    use crate::domain::host::HostKey;
    use crate::domain::reason::Reason;
    use crate::wording::Language;

    let key = || HostKey {
        algorithm: "ssh-ed25519".into(),
        fingerprint: serde_json::from_str(&format!("\"SHA256:{}\"", "A".repeat(43))).unwrap(),
    };
    let system = || std::io::Error::other("broken");
    let changed = TransportError::KeyChanged { expected: vec![key().fingerprint; 2], offered: key() };
    let jump = crate::domain::ids::HostName::parse("host", "jump").unwrap();
    for error in [
        TransportError::ProgramMissing { program: "sh".into(), source: system() },
        TransportError::not_started(&system()),
        TransportError::lost(system()),
        TransportError::UnknownKey(key()),
        TransportError::Jump { host: jump, error: Box::new(changed) },
        TransportError::Unreachable("the line is cut".into()),
    ] {
        assert_eq!(Language::En.reason(&error.reason()), error.to_string());
    }

    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("gone").display().to_string();
    let tag = crate::domain::ids::Tag::parse("tag", "v1").unwrap();
    let Err(Unresolved::ForNow(reason)) = git::resolve(&url, None, &tag).await else { panic!("a repository") };
    assert_eq!(reason, Reason::Repository { fault: RepositoryFault::NotThere { url: url.clone() } });
    assert_eq!(Language::En.reason(&reason), format!("there is no repository at {url}"));
    assert_eq!(Language::Ru.reason(&reason), format!("репозитория {url} нет"));
}
