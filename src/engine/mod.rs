//! One door: [`Engine::handle`]. Every change of state, through whichever door it is asked for, is one command that passes here, in one
//! transaction: load, decide, save the new state, its events and its effects. Nothing outside happens before that is
//! on disk; then the dispatcher carries the effects out and reports back as further commands.
//!
//! Must not: hold a rule of the life cycle (they are in `domain`), or speak HTTP or Telegram.

pub mod backups;
mod bounds;
pub mod catalog;
mod catch_up;
pub mod clock;
mod commits;
pub mod definitions;
mod deliveries;
mod delivery_log;
mod dispatcher;
mod following;
mod foreign;
pub mod guesses;
mod health;
pub mod hosts;
pub mod identity;
mod insights;
mod kept;
mod leftovers;
mod lists;
mod marks;
mod moved_tag;
mod output;
pub mod people;
mod protection;
mod questions;
mod reach;
pub mod redact;
mod refusals;
pub mod repositories;
mod request;
mod retired;
mod runner;
mod said;
pub mod sessions;
mod source;
mod step;
pub mod supervise;
mod tag_watch;
mod tags;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tokens;
mod trace;
mod workflow;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;
use tracing::Instrument;

use self::catalog::Catalog;
use self::clock::Clock;
use self::hosts::Hosts;
use self::refusals::Refusals;
use crate::clients::health::Prober;
use crate::clients::issuer::IssuerKeys;
use crate::clients::local::place::RunPlace;
use crate::clients::transport::{Transport, TransportError};
use crate::domain::cause;
use crate::domain::command::{Answer, Command, Subject};
use crate::domain::decide::{decide, still_current};
use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::ids::{HostName, ReleaseId, ServiceName};
use crate::domain::moment::{Moment, Seed};
use crate::domain::person::Actor;
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind};
use crate::domain::tally::Tally;
use crate::domain::world::{Changes, World};
use crate::store::chain::NewEvent;
use crate::store::deliveries::pushed_by;
use crate::store::snapshot::Stored;
use crate::store::world::Cause;
use crate::store::{Store, StoreError, Tx, WriteError, events, releases, runs, spans, telegram, world};
use crate::telemetry::traces::{self, Position};
use crate::wording::on_record;

pub use self::dispatcher::Dispatcher;
pub use self::request::{Asker, Failure, Handled, Request, no_release};

/// The machine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    catalog: watch::Sender<Arc<Catalog>>,
    clock: Arc<dyn Clock>,
    ports: Ports,
    /// Changes when a run is to end early.
    stops: watch::Sender<u64>,
    /// Changes when GitHub has told something about the run of a workflow.
    workflow_news: watch::Sender<u64>,
    /// Changes when GitHub has told that a run waits for a protection rule.
    protection_news: watch::Sender<u64>,
    hosts: Hosts,
    refusals: Arc<Refusals>,
    issuers: IssuerKeys,
    tag_news: watch::Sender<tags::Wanted>,
    /// Under which other names GitHub has told of the repositories of services.
    renamed: Mutex<HashMap<ServiceName, String>>,
    /// Changes when a session of the dashboard was ended.
    ended_sessions: watch::Sender<()>,
    /// Changes when a model has guessed something.
    guessed: watch::Sender<()>,
    looks: repositories::Looks,
}

/// What the engine reaches the world outside with.
#[derive(Clone)]
pub struct Ports {
    /// RMM's own machine, as a host.
    pub local: Arc<dyn Transport>,
    /// Health checks by URL.
    pub prober: Prober,
    /// Where the directories of runs on RMM's own machine are.
    pub run_place: RunPlace,
    /// Names this installation on hosts, so that another one keeps its hands off.
    pub instance: String,
    /// Grows with every start, so that hosts know an earlier process by its lower number.
    pub generation: u64,
    /// A random word of this process, which tells it from one with the same number that a copy of the data has.
    pub process: String,
}

/// What production runs, and on which hosts, where some were left behind: as the log says it.
#[must_use]
pub fn told_of(stragglers: &crate::domain::environment::Stragglers) -> String {
    format!("production runs {}", crate::wording::Language::En.stragglers(stragglers))
}

impl Engine {
    /// An engine over a store.
    #[must_use]
    pub fn new(store: Store, catalog: Catalog, clock: Arc<dyn Clock>, ports: Ports) -> Self {
        let inner = Inner {
            store,
            catalog: watch::Sender::new(Arc::new(catalog)),
            clock,
            ports,
            stops: watch::Sender::new(0),
            workflow_news: watch::Sender::new(0),
            protection_news: watch::Sender::new(0),
            hosts: Hosts::default(),
            refusals: Arc::default(),
            issuers: IssuerKeys::default(),
            tag_news: watch::Sender::default(),
            renamed: Mutex::default(),
            ended_sessions: watch::Sender::default(),
            guessed: watch::Sender::default(),
            looks: repositories::Looks::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Carries a command out. When this returns, the outcome is on disk.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the rules do not allow it; nothing has changed then.
    pub async fn handle(&self, request: Request) -> Result<Handled, Failure> {
        self.transact(request, None, None).await
    }

    /// As [`Engine::handle`], and then, in the same transaction, the command that `then` makes of the answer. If that
    /// is refused, neither is carried out. The answer is that of the first, the release as it is after both.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the rules do not allow one of them; nothing has changed then.
    pub async fn handle_then<F>(&self, request: Request, then: F) -> Result<Handled, Failure>
    where
        F: FnOnce(Answer) -> Option<Command> + Send + 'static,
    {
        self.transact(request, Some(Box::new(then)), None).await
    }

    /// As [`Engine::handle`], and takes the effect that led to the command out of the outbox in the same transaction.
    async fn handle_and_close(&self, request: Request, effect: i64) -> Result<Handled, Failure> {
        self.transact(request, None, Some(effect)).await
    }

    async fn transact(
        &self,
        mut request: Request,
        then: Option<Then>,
        effect: Option<i64>,
    ) -> Result<Handled, Failure> {
        let span = trace::handle(&mut request);
        let done = self.transact_within(request, then, effect).instrument(span.clone()).await;
        trace::handled(&span, &done);
        done
    }

    async fn transact_within(
        &self,
        mut request: Request,
        then: Option<Then>,
        effect: Option<i64>,
    ) -> Result<Handled, Failure> {
        let catalog = self.catalog();
        // A secret that slips into a text goes no further: everything shows what is stored.
        for text in request.command.texts() {
            *text = catalog.redactor().text(text);
        }
        let refusals = self.inner.refusals.clone();
        let (clock, seed) = (self.inner.clock.clone(), seed()?);
        let (handled, stopping) = self
            .inner
            .store
            .write_in(trace::transaction(), move |tx| -> Result<_, StoreError> {
                if let Some(effect) = effect {
                    crate::store::outbox::close(tx, effect)?;
                }
                // Here, where its turn has come: the record tells times in their order.
                let moment = Moment { now: clock.now(), uptime: clock.uptime(), seed };
                decide_and_save(tx, &catalog, &refusals, moment, request, then)
            })
            .await
            .map_err(Failure::from)?;
        if stopping {
            self.inner.stops.send_modify(|count| *count += 1);
        }
        handled.map_err(Failure::Refused)
    }

    /// Whether a command would be carried out as things are; nothing is.
    ///
    /// # Errors
    /// The refusal that [`Engine::handle`] would answer with.
    pub async fn would(&self, request: Request) -> Result<(), Failure> {
        let (catalog, moment) = (self.catalog(), self.moment()?);
        let decided = self.read(move |conn| {
            let name = match service_of(conn, &request)? {
                Ok(name) => name,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let Some(service) = catalog.service(&name) else { return Ok(Err(catalog.no_service(&name))) };
            let stored = Stored::of(conn, name);
            let world = world::open(&stored, service.clone(), catalog.people().clone(), moment)?;
            Ok(decide(world, &request.actor, request.command).answer.map(|_| ()))
        });
        Ok(decided.await??)
    }

    /// Looks at a release and at the world around it, as of one moment.
    ///
    /// # Errors
    /// A refusal when there is no such release, or its service was never configured.
    pub async fn look<T: Send + 'static>(
        &self,
        id: ReleaseId,
        see: impl FnOnce(&World<'_>, &Release) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let catalog = self.catalog();
        let moment = self.moment()?;
        let seen = self
            .read(move |conn| {
                let Some(name) = releases::service_of(conn, id)? else { return Ok(Err(no_release(id))) };
                let Some(service) = catalog.service(&name) else { return Ok(Err(catalog.no_service(&name))) };
                let stored = Stored::of(conn, name);
                let world = world::open(&stored, service.clone(), catalog.people().clone(), moment)?;
                Ok(world.find(id).map(|release| see(&world, &release)).ok_or_else(|| no_release(id)))
            })
            .await?;
        Ok(seen?)
    }

    /// How long the last rehearsal of a release took.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rehearsal_took(&self, id: ReleaseId) -> Result<Option<Duration>, StoreError> {
        let took = self.read(move |conn| runs::last_duration(conn, id, Env::Stage, RunKind::Rehearsal)).await?;
        Ok(took.and_then(|milliseconds| u64::try_from(milliseconds).ok()).map(Duration::from_millis))
    }

    /// How the vote on a release stood when it closed last, as far as the record says.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn closed_vote(&self, id: ReleaseId) -> Result<Option<Tally>, StoreError> {
        self.read(move |conn| events::closed_vote(conn, id)).await
    }

    /// Looks at the world around a service, as of one moment.
    ///
    /// # Errors
    /// A refusal when there is no such service.
    pub async fn look_at_service<T: Send + 'static>(
        &self,
        name: &ServiceName,
        see: impl FnOnce(&World<'_>) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let catalog = self.catalog();
        let service = catalog.service(name).cloned().ok_or_else(|| catalog.no_service(name))?;
        let moment = self.moment()?;
        let people = catalog.people().clone();
        let look = move |conn: &Connection| {
            let stored = Stored::of(conn, service.name.clone());
            world::open(&stored, service, people, moment).map(|world| see(&world))
        };
        Ok(self.read(look).await?)
    }

    /// Puts something that is not about a release on the record, in the transaction that does it.
    ///
    /// # Errors
    /// The error of `work`, or when the store cannot write.
    pub async fn record<T, E, F>(&self, asker: impl Into<Asker<'_>>, work: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        E: IntoIterator<Item = Event>,
        F: FnOnce(&Connection, Timestamp) -> Result<(T, E), Failure> + Send + 'static,
    {
        let clock = self.inner.clock.clone();
        let Asker { actor, update } = asker.into();
        let actor = serde_json::to_string(actor).unwrap_or_default();
        let done = self.inner.store.write_in(trace::transaction(), move |tx| {
            let (now, place) = (clock.now(), traces::here());
            if let Some(update) = update
                && !telegram::handled(tx, update, now)?
            {
                return Err(cause::Cause::TakenAlready.into());
            }
            let (value, events) = work(tx, now)?;
            for event in events {
                let service = event.service().map(ToString::to_string);
                let (kind, data) = event.into_record(on_record);
                let seq = tx.append_event(&NewEvent {
                    at: now.as_millisecond(),
                    service: service.as_deref(),
                    release_id: None,
                    run_id: None,
                    actor: &actor,
                    kind: &kind,
                    data: &data,
                    trace_id: place.as_ref().map(Position::trace_id).as_deref(),
                })?;
                if let Some(place) = place.filter(Position::is_sampled) {
                    spans::note(tx, seq, place)?;
                }
            }
            Ok(value)
        });
        done.await.map_err(|error| match error {
            WriteError::Rolled(failure) => failure,
            WriteError::Store(error) => Failure::Store(error),
        })
    }

    /// Looks at the database.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + Send + use<'_, T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.inner.store.read(work)
    }

    /// The store, for what is not a decision: streams, backups, verification.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The configuration as it is now.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.inner.catalog.borrow().clone()
    }

    /// Tells when the configuration is another one.
    #[must_use]
    pub fn reconfigured(&self) -> watch::Receiver<Arc<Catalog>> {
        self.inner.catalog.subscribe()
    }

    /// Takes a new configuration over; what follows from it (a shorter approver list, say) follows at once.
    pub async fn reconfigure(&self, mut catalog: Catalog) {
        catalog.keep_limits_of(&self.catalog());
        let catalog = Arc::new(catalog);
        self.inner.catalog.send_replace(catalog.clone());
        self.inner.hosts.reconfigured(&catalog);
        self.advance().await;
    }

    /// Lets everything happen that is due, in every service.
    pub async fn advance(&self) {
        let services: Vec<_> = self.catalog().services().map(|service| service.name.clone()).collect();
        for service in services {
            let done = async {
                // Mostly nothing is due, and then nothing is written.
                if self.is_due(&service).await? {
                    self.handle(Request::about(Actor::Machine, service.clone(), Command::Advance)).await?;
                }
                Ok::<_, Failure>(())
            };
            if let Err(error) = done.await {
                tracing::warn!(%service, %error, "what is due could not be done; it is tried again");
            }
        }
    }

    /// Whether [`Command::Advance`] would change anything in a service.
    async fn is_due(&self, service: &ServiceName) -> Result<bool, Failure> {
        let changes = |world: &World<'_>| {
            let decision = decide(world.clone(), &Actor::Machine, Command::Advance);
            decision.answer.is_err() || decision.world.changes != Changes::default()
        };
        self.look_at_service(service, changes).await
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// When a decision is made, and the random numbers for it.
    fn moment(&self) -> Result<Moment, StoreError> {
        Ok(Moment { now: self.now(), uptime: self.clock().uptime(), seed: seed()? })
    }

    /// Returns after `time` has passed.
    pub async fn sleep(&self, time: Duration) {
        self.clock().sleep(time).await;
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.inner.clock.as_ref()
    }

    fn ports(&self) -> &Ports {
        &self.inner.ports
    }

    fn issuers(&self) -> &IssuerKeys {
        &self.inner.issuers
    }

    fn stops(&self) -> watch::Receiver<u64> {
        self.inner.stops.subscribe()
    }

    /// Lets the followers of workflows ask GitHub now: it has said that something has changed there.
    pub fn look_at_workflows(&self) {
        self.inner.workflow_news.send_modify(|count| *count += 1);
    }

    /// Tells when GitHub has said that something has changed.
    #[must_use]
    pub fn workflow_news(&self) -> watch::Receiver<u64> {
        self.inner.workflow_news.subscribe()
    }

    /// The directory of a run on one of its hosts. Those of one service and environment lie side by side.
    fn run_directory(&self, host: &HostName, run: &Run, token: &str) -> String {
        self.run_place(host, &run.service, run.environment, token)
    }

    fn run_place(&self, host: &HostName, service: &ServiceName, environment: Env, name: &str) -> String {
        let catalog = self.catalog();
        let service = catalog.service(service).map_or(service, |service| service.name_on_hosts());
        let place = format!("{service}.{environment}/{name}");
        if host.is_local() {
            self.inner.ports.run_place.of(&place).display().to_string()
        } else {
            format!("~/.rmm/{place}")
        }
    }

    /// The way to a host, for callers that try again.
    async fn transport(&self, host: &HostName) -> Result<Arc<dyn Transport>, TransportError> {
        self.host(host).await.map_err(|failure| match failure {
            Failure::Refused(refusal) => TransportError::Login(Reason::Refused { cause: refusal.cause }),
            Failure::Store(error) => TransportError::Unreachable(Reason::Store { fault: Box::new(error.fault()) }),
        })
    }
}

fn seed() -> Result<Seed, StoreError> {
    Ok(Seed(crate::store::key::random_bytes()?))
}

/// Makes the second command of two that are carried out as one.
type Then = Box<dyn FnOnce(Answer) -> Option<Command> + Send>;

/// Whether a run was asked to stop, beside what the command led to.
type Transacted = (Result<Handled, Refusal>, bool);

fn decide_and_save(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    refusals: &Refusals,
    moment: Moment,
    request: Request,
    then: Option<Then>,
) -> Result<Transacted, StoreError> {
    let name = match service_of(tx, &request)? {
        Ok(name) => name,
        Err(refusal) => return Ok((Err(refusal), false)),
    };
    let Some(service) = catalog.service(&name) else { return Ok((Err(catalog.no_service(&name)), false)) };
    if let Some(update) = request.update
        && !telegram::handled(tx, update, moment.now)?
    {
        return Ok((Err(cause::Cause::TakenAlready.into()), false));
    }
    let request = with_pusher(tx, request)?;
    let stored = Stored::of(tx, name);
    let world = world::open(&stored, service.clone(), catalog.people().clone(), moment)?;
    if let (Subject::Release(id), Some(seen)) = (request.command.subject(), request.seen)
        && let Some(release) = world.find(id)
        && let Err(refusal) = still_current(&release, seen)
    {
        return Ok((Err(refusal), false));
    }
    let deciding = traces::within(|| tracing::info_span!("decide"));
    let mut decision = deciding.in_scope(|| decide(world, &request.actor, request.command));
    if let (Ok(first), Some(then)) = (&decision.answer, then)
        && let first = *first
        && let Some(command) = then(first)
    {
        decision = decide(decision.world, &request.actor, command);
        match (&decision.answer, first) {
            (Ok(_), _) => decision.answer = Ok(first),
            // Nothing goes on the record about a release that does not come to be.
            (Err(_), Answer::Release { id, created: true }) => {
                decision.world.changes.events.retain(|happened| happened.release != Some(id));
            }
            (Err(_), _) => {}
        }
    }
    let handled = decision.answer.map(|answer| Handled {
        release: match answer {
            Answer::Release { id, .. } => decision.world.find(id).map(Arc::unwrap_or_clone),
            Answer::Run(_) | Answer::Step(_) | Answer::Done => None,
        },
        answer,
    });
    let mut written = decision.world.written();
    refusals.thin(tx, &mut written.events, written.now)?;
    let cause = Cause { actor: &request.actor, trace_id: request.trace_id.as_deref() };
    world::save(tx, &written, &cause)?;
    let stopping = written.runs.iter().any(|(run, _)| has_news_for_follower(run));
    Ok((handled, stopping))
}

/// Whether the follower of a run has to look at it: it is to end, or to go on without a host.
fn has_news_for_follower(run: &Run) -> bool {
    run.is_ending() || !run.left.is_empty()
}

/// A new release of a tag, with the login that has pushed the tag where GitHub has told that.
fn with_pusher(conn: &Connection, mut request: Request) -> Result<Request, StoreError> {
    if let Command::Create(new) = &mut request.command
        && let Some(tag) = &new.tag
    {
        new.proven.extend(pushed_by(conn, &new.service, tag)?);
    }
    Ok(request)
}

/// The service that a request is about.
fn service_of(conn: &Connection, request: &Request) -> Result<Result<ServiceName, Refusal>, StoreError> {
    if let Some(service) = &request.service {
        return Ok(Ok(service.clone()));
    }
    match request.command.subject() {
        Subject::New(new) => Ok(Ok(new.service.clone())),
        Subject::Release(id) => Ok(releases::service_of(conn, id)?.ok_or_else(|| no_release(id))),
        Subject::Run(id) => {
            let refusal = || cause::Cause::NoRun { run: id }.into();
            Ok(runs::get(conn, id)?.map(|run| run.service).ok_or_else(refusal))
        }
        Subject::Service => Ok(Err(cause::Cause::NeedsService.into())),
    }
}
