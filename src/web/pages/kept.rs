//! What is expensive to read and the same for every viewer, kept until something has changed: a thousand viewers who hear of a
//! change at the same time cost one look.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use moka::future::Cache;
use tokio::sync::Semaphore;

use super::doctor::Examination;
use crate::domain::commits::CommitList;
use crate::domain::ids::ServiceName;
use crate::domain::insights::{History, Insights};
use crate::engine::repositories::Repository;
use crate::engine::{Engine, Failure};
use crate::store::StoreError;
use crate::views::Board;

/// Not everything that a board shows is an event: why a run waits, for instance. After this time a board is read anew while viewers
/// are shown the one that is there, so that none of them waits for it;
const BOARD: Duration = Duration::from_secs(1);
/// after this time it is not shown any more.
const OLD_BOARD: Duration = Duration::from_secs(2);
/// Insights of a period change when a run ends, or a day does.
const INSIGHTS: Duration = Duration::from_hours(1);
/// Kept at the same time: boards of services, and insights of services and periods.
const MOST: u64 = 64;

/// What a repository said is kept for as long as a person may take to fill in the forms.
const REPOSITORIES: Duration = Duration::from_mins(30);

/// Steps whose first failure is remembered.
const FAILURES: u64 = 2000;
/// Searches at the same time.
const SEARCHES: usize = 2;
/// Comparisons that are remembered.
const COMPARISONS: u64 = 200;

/// The service, and the bounds of the parts.
type Period = (Option<ServiceName>, Vec<Timestamp>);
/// The newest run that has ended.
type Ended = Option<(i64, i64)>;

/// A service or all, and how far the record had come.
type BoardKey = (Option<ServiceName>, i64);

/// A board that was read.
struct KeptBoard {
    board: Arc<Board>,
    at: Instant,
    /// It is being read anew.
    is_renewed: AtomicBool,
}

impl KeptBoard {
    async fn read(engine: &Engine, of: Option<&ServiceName>) -> Result<Arc<Self>, Failure> {
        let at = Instant::now();
        let board = Arc::new(Board::read(engine, of).await?);
        Ok(Arc::new(Self { board, at, is_renewed: AtomicBool::new(false) }))
    }
}

/// What is kept.
pub(in crate::web) struct Kept {
    boards: Cache<BoardKey, Arc<KeptBoard>>,
    /// By what they are of, and the last run that had ended.
    insights: Cache<(Period, Ended), Arc<Insights>>,
    /// The first line that tells of trouble, by run, step and last piece of output: a log is looked through once.
    pub failures: Cache<(i64, i64, i64), Option<u64>>,
    /// Places for those who look through output: it holds a reader for a second, which all others would wait for.
    pub searches: Semaphore,
    /// What the repositories said that a person is connecting, by the address that was typed.
    pub repositories: Cache<String, Arc<Repository>>,
    /// What was found when RMM was last looked at.
    pub examination: Cache<(), Arc<Examination>>,
    /// The commits between two releases, by service and commits, which never change.
    pub compared: Cache<(String, String, String), Arc<CommitList>>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            boards: Cache::builder().max_capacity(MOST).time_to_live(OLD_BOARD).build(),
            insights: Cache::builder().max_capacity(MOST).time_to_live(INSIGHTS).build(),
            failures: Cache::new(FAILURES),
            repositories: Cache::builder().max_capacity(MOST).time_to_live(REPOSITORIES).build(),
            examination: Cache::new(1),
            compared: Cache::new(COMPARISONS),
            searches: Semaphore::new(SEARCHES),
        }
    }
}

impl Kept {
    /// The board of a service, or of all: with all that is on record, and the rest as it was at most [`OLD_BOARD`] ago.
    pub async fn board(&self, engine: &Engine, of: Option<ServiceName>) -> Result<Arc<Board>, Failure> {
        let key = (of, engine.store().progress().borrow().last_event);
        match self.boards.try_get_with(key.clone(), KeptBoard::read(engine, key.0.as_ref())).await {
            Ok(kept) => {
                self.renew(engine, key, &kept);
                Ok(kept.board.clone())
            }
            // The error is shared with all who waited; here is one of our own.
            Err(_) => Board::read(engine, key.0.as_ref()).await.map(Arc::new),
        }
    }

    /// Has a board read anew, once, if it is time.
    fn renew(&self, engine: &Engine, key: BoardKey, kept: &KeptBoard) {
        if kept.at.elapsed() < BOARD || kept.is_renewed.swap(true, Ordering::Relaxed) {
            return;
        }
        let (boards, engine) = (self.boards.clone(), engine.clone());
        tokio::spawn(async move {
            // If it cannot be read, the next caller is told why.
            if let Ok(board) = KeptBoard::read(&engine, key.0.as_ref()).await {
                boards.insert(key, board).await;
            }
        });
    }

    /// The insights of a period, of a service or of all.
    pub async fn insights(&self, engine: &Engine, period: Period) -> Result<Arc<Insights>, Failure> {
        let last = engine.last_ended_run().await?;
        let found = async { read(engine, &period).await.map(Arc::new) };
        match self.insights.try_get_with((period.clone(), last), found).await {
            Ok(insights) => Ok(insights),
            Err(_) => read(engine, &period).await.map(Arc::new),
        }
    }
}

async fn read(engine: &Engine, (service, bounds): &Period) -> Result<Insights, Failure> {
    Ok(Insights::of(&history(engine, service.clone(), bounds).await?, bounds.clone()))
}

/// What became of the runs of a period, of the one before, and of one more, which led to the first deploys.
pub(super) async fn history(
    engine: &Engine,
    service: Option<ServiceName>,
    bounds: &[Timestamp],
) -> Result<History, StoreError> {
    let (from, to) = (bounds.first().copied().unwrap_or_default(), bounds.last().copied().unwrap_or_default());
    let earlier = from.saturating_sub(to.duration_since(from) * 2).unwrap_or_default();
    engine.history(service, earlier, to).await
}
