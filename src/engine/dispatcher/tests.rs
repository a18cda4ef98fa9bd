//! Nothing that is to be done outside is overlooked.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::*;
use crate::domain::ids::ReleaseId;
use crate::engine::clock::Clock;
use crate::engine::testing::engine_in;
use crate::store::Store;
use crate::store::outbox::NewEffect;

/// Too long to wait for in a test: it never passes.
const LONG: Duration = TIMER_INTERVAL;
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Time passes only in short sleeps, and then at once. Looks at it are counted; at the chosen one, something happens
/// elsewhere, to its end.
#[derive(Default)]
struct Meddler {
    passed: Mutex<Duration>,
    looks: AtomicUsize,
    chosen: Option<usize>,
    happen: Mutex<Option<mpsc::Sender<mpsc::Sender<()>>>>,
    /// At this look, the caller panics.
    breaks: Option<usize>,
}

impl Clock for Meddler {
    fn now(&self) -> Timestamp {
        let look = self.looks.fetch_add(1, Ordering::SeqCst);
        assert!(Some(look) != self.breaks, "broken at look {look}");
        if Some(look) == self.chosen {
            let happen = self.happen.lock().unwrap().take().unwrap();
            let (done, over) = mpsc::channel();
            happen.send(done).unwrap();
            over.recv().unwrap();
        }
        Timestamp::UNIX_EPOCH + *self.passed.lock().unwrap()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        if time >= LONG {
            return Box::pin(std::future::pending());
        }
        *self.passed.lock().unwrap() += time;
        Box::pin(std::future::ready(()))
    }
}

/// An effect that comes to nothing.
async fn put(store: &Store, due_at: i64) {
    let payload = serde_json::to_string(&Effect::ResolveCommit { release: ReleaseId(7) }).unwrap();
    let put = store.write(move |tx| {
        let effect = NewEffect {
            kind: "resolve_commit",
            payload: &payload,
            service: None,
            release_id: None,
            run_id: None,
            due_at,
            trace_id: None,
            place: None,
        };
        outbox::enqueue(tx, &effect, 0)
    });
    put.await.unwrap();
}

/// An effect that rests for minutes.
async fn put_resting(store: &Store) {
    put(store, 0).await;
    let rested = store.write(|tx| -> Result<(), StoreError> {
        for _ in 0..8 {
            let leased = outbox::lease_due(tx, "", "test", i64::MAX, 1)?;
            outbox::postpone(tx, leased[0].id, i64::from(u32::MAX), "a test")?;
        }
        Ok(())
    });
    rested.await.unwrap();
}

/// Until only the effect is left that is not due.
async fn carried_out(engine: &Engine) {
    while engine.read(outbox::depth).await.unwrap() != 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_comes_while_the_next_one_is_looked_for_is_carried_out() {
    for chosen in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let (happen, wanted) = mpsc::channel::<mpsc::Sender<()>>();
        let clock = Meddler { chosen: Some(chosen), happen: Mutex::new(Some(happen)), ..Meddler::default() };
        let engine = engine_in(folder.path(), Arc::new(clock));
        let store = engine.store().clone();
        // Not due for long, so that the time is looked at also when there is nothing to do.
        put_resting(&store).await;
        let meddling = tokio::task::spawn_blocking(move || {
            let done = wanted.recv().unwrap();
            tokio::runtime::Handle::current().block_on(put(&store, 0));
            done.send(()).unwrap();
        });
        let stop = CancellationToken::new();
        let dispatcher = tokio::spawn(Dispatcher::new(engine.clone(), "test".into(), stop.clone()).run());
        let story = async {
            meddling.await.unwrap();
            carried_out(&engine).await;
        };
        tokio::time::timeout(TEST_TIMEOUT, story).await.unwrap();
        stop.cancel();
        dispatcher.await.unwrap();
    }
}

#[tokio::test]
async fn an_effect_that_failed_for_now_is_tried_again_though_nothing_else_happens() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Meddler::default());
    let engine = engine_in(folder.path(), clock.clone());
    put_resting(engine.store()).await;
    put(engine.store(), 0).await;
    let stop = CancellationToken::new();
    let dispatcher = Dispatcher::new(engine.clone(), "test".into(), stop.clone());
    let (leased, place) = dispatcher.lease().await.unwrap().remove(0);
    let looks = clock.looks.load(Ordering::SeqCst);
    let running = tokio::spawn(dispatcher.clone().run());
    let story = async {
        // The second look is the last one before it waits.
        while clock.looks.load(Ordering::SeqCst) < looks + 2 {
            tokio::task::yield_now().await;
        }
        dispatcher.postpone(&leased, "a test").await;
        drop(place);
        carried_out(&engine).await;
    };
    tokio::time::timeout(TEST_TIMEOUT, story).await.unwrap();
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn what_is_due_waits_for_no_clock_that_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine_in(folder.path(), Arc::new(Meddler::default()));
    // Written while the clock was a day ahead: one that was never tried, one that rests.
    put_resting(engine.store()).await;
    put(engine.store(), 86_400_000).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(Dispatcher::new(engine.clone(), "test".into(), stop.clone()).run());
    tokio::time::timeout(TEST_TIMEOUT, carried_out(&engine)).await.unwrap();
    let rests = engine.read(|conn| outbox::next_due(conn, "")).await.unwrap().unwrap();
    assert!(rests <= engine.now().as_millisecond() + outbox::pause(8), "it waits until {rests}");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn whatever_part_panics_goes_on_and_what_it_had_leased_is_carried_out() {
    let mut broken = 0;
    for breaks in 2..20 {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Meddler { breaks: Some(breaks), ..Meddler::default() });
        let engine = engine_in(folder.path(), clock.clone());
        put_resting(engine.store()).await;
        let stop = CancellationToken::new();
        let running = tokio::spawn(Dispatcher::new(engine.clone(), "test".into(), stop.clone()).run());
        for _ in 0..3 {
            put(engine.store(), 0).await;
            tokio::time::timeout(TEST_TIMEOUT, carried_out(&engine)).await.unwrap();
        }
        broken += usize::from(clock.looks.load(Ordering::SeqCst) > breaks);
        stop.cancel();
        running.await.unwrap();
    }
    assert!(broken > 3, "only {broken} of the looks came while something was done");
}

#[tokio::test]
async fn the_timer_deletes_output_that_is_older_than_it_is_kept() {
    use crate::config::{Config, EnvVars};
    use crate::domain::ids::RunId;
    use crate::engine::catalog::Catalog;
    use crate::store::{bounds, logs, testing};

    let folder = tempfile::tempdir().unwrap();
    let engine = engine_in(folder.path(), Arc::new(Meddler::default()));
    let config = Config::parse("[logs]\nkeep = \"2d\"", "rmm.toml", folder.path(), &EnvVars::new()).unwrap();
    engine.reconfigure(Catalog::new(&config)).await;
    let prepared = engine.store().write(|tx| -> Result<(), StoreError> {
        testing::put_release(tx, 7, "deployed", "successful");
        for (run, days_ago) in [(1, 3), (2, 1)] {
            testing::put_failed_run(tx, run, 7, -days_ago * 24 * 60 * 60 * 1000);
            logs::append(tx, run, 0, 3, b"out", jiff::Timestamp::UNIX_EPOCH)?;
        }
        Ok(())
    });
    prepared.await.unwrap();
    let deleted =
        async { while engine.read(|conn| bounds::output_deleted_at(conn, RunId(1))).await.unwrap().is_none() {} };
    let stop = CancellationToken::new();
    tokio::select! {
        () = Dispatcher::tick(engine.clone(), stop) => unreachable!("it is not stopped"),
        () = deleted => {}
        () = tokio::time::sleep(TEST_TIMEOUT) => panic!("nothing was deleted"),
    }
    let left = |run| engine.read(move |conn| logs::read(conn, run, 0, 100));
    assert_eq!(left(1).await.unwrap(), []);
    assert_eq!(left(2).await.unwrap().len(), 1);
}
