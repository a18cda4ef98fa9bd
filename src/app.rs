//! Wires the parts together from a configuration, and supervises them. Tests build it too.

mod changes;
pub mod collector;
pub mod config_file;
mod counted;
pub mod local_steps;

pub mod systemd;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::bot;
use crate::clients::health::Prober;
use crate::clients::local::place::RunPlace;
use crate::config::{Composed, Config, EnvVars};
use crate::domain::fault::cli::CliFault;
use crate::domain::fault::machine::MachineFault;
use crate::domain::part::Part;
use crate::domain::person::Actor;
use crate::engine::catalog::{Catalog, http_address};
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::{Dispatcher, Engine, Ports};
use crate::store::lock::DirectoryLock;
use crate::store::restored::Start;
use crate::store::schema::open_reader;
use crate::store::{Store, StoreOptions, dashboard, key};
use crate::web::limits::{Limits, OpenFiles};
use crate::web::reload::{Reloads, Requests};
use crate::web::{self, server, socket};

/// The files of a data directory.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The data directory at a path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("rmm.db")
    }

    /// The key of the record's chain.
    #[must_use]
    pub fn audit_key(&self) -> PathBuf {
        self.0.join("audit.key")
    }

    /// The operator's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("rmm.sock")
    }

    /// Where the RMM that runs on it listens.
    #[must_use]
    pub fn address(&self) -> PathBuf {
        self.0.join("address")
    }

    /// The number of this start: higher than that of every earlier one, whatever the clock says. On a full disk it is not noted yet:
    /// no host hears it before the file of this name holds it.
    fn generation(&self, now: jiff::Timestamp) -> anyhow::Result<(u64, Option<PathBuf>)> {
        let path = self.0.join("generation");
        let last = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0);
        let number = last.saturating_add(1).max(now.as_millisecond().unsigned_abs());
        match key::replace(&path, number.to_string().as_bytes()) {
            Ok(()) => Ok((number, None)),
            Err(error) if error.is_disk_full() => {
                tracing::error!(%error, "the number of this start cannot be noted; nothing is done on hosts until it is");
                Ok((number, Some(path)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What others could do there, if they could.
    pub fn open_to_others(&self) -> Option<MachineFault> {
        let mode = std::fs::metadata(&self.0).ok()?.permissions().mode() & 0o777;
        (mode & 0o022 != 0).then(|| MachineFault::OpenToOthers { folder: self.0.clone(), mode })
    }

    fn make(&self) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        if self.0.is_dir() {
            if let Some(fault) = self.open_to_others() {
                tracing::error!("{fault}");
            }
            return Ok(());
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    /// The name of this installation, made at the first start.
    fn instance(&self) -> anyhow::Result<String> {
        let path = self.0.join("instance");
        match std::fs::read_to_string(&path) {
            Ok(name) if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(CliFault::NotRead { file: path.display().to_string(), said: error.to_string() }.into());
            }
        }
        let name = hex::encode(&key::random_bytes()?[..16]);
        key::replace(&path, name.as_bytes())?;
        Ok(name)
    }
}

/// RMM, ready to serve. Holds the data directory: there is only one on it.
pub struct App {
    engine: Engine,
    data_dir: DataDir,
    stop: CancellationToken,
    /// What the bot needs, where there is one.
    bot: Option<Config>,
    webhook_secret: Option<SecretString>,
    limits: Arc<Limits>,
    reloads: Reloads,
    requests: Option<Requests>,
    /// What holds at the start, for the one who takes it over.
    composed: Option<Composed>,
    _lock: DirectoryLock,
}

impl App {
    /// Opens the data directory of a configuration that was read with these variables.
    ///
    /// # Errors
    /// When another RMM works on it, or the database cannot be opened; each with what to do.
    pub fn open(config: &Config, env: &EnvVars) -> anyhow::Result<Self> {
        Self::open_with(config, env, Arc::new(SystemClock))
    }

    /// As [`App::open`], with a clock of one's own.
    ///
    /// # Errors
    /// Those of [`App::open`].
    pub fn open_with(config: &Config, env: &EnvVars, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let local = local_steps::transport(config).map_err(|fault| CliFault::Machine { fault: Box::new(fault) })?;
        let data_dir = DataDir::new(&config.server.data_dir);
        data_dir.make().map_err(|error| CliFault::NoDataFolder {
            folder: data_dir.path().display().to_string(),
            said: error.to_string(),
        })?;
        let lock = DirectoryLock::acquire(data_dir.path())?;
        let (now, process) = (clock.now(), hex::encode(&key::random_bytes()?[..8]));
        let (generation, unnoted) = data_dir.generation(now)?;
        let services = config.services.iter().map(|service| service.name.clone()).collect();
        let start = Some(Start { generation, process: process.clone(), now, services, unnoted });
        let options = StoreOptions { start, ..StoreOptions::new(data_dir.database(), data_dir.audit_key()) };
        let store = Store::open(&options)?;
        let absolute = std::path::absolute(data_dir.path())?;
        let instance = data_dir.instance()?;
        let ports = Ports {
            local: Arc::new(local.clone()),
            prober: Prober::new().map_err(|fault| CliFault::NoHttp { said: format!("{fault:?}") })?,
            run_place: RunPlace::new(absolute, instance.clone(), local),
            instance,
            generation,
            process,
        };
        let defined = dashboard::all(&open_reader(&data_dir.database())?)?;
        // Together with the services of the dashboard, whichever of them hold.
        let composed = config_file::at_a_start(config, defined, env)?;
        let engine = Engine::new(store, Catalog::new(&composed.config), clock, ports);
        let hook = config.telegram.as_ref().and_then(|telegram| telegram.webhook_secret.as_ref());
        let webhook_secret = hook.and_then(|reference| config.secrets.get(reference)).cloned();
        let bot = config.telegram.is_some().then(|| config.clone());
        let limits = Arc::new(Limits::new(OpenFiles::raised()));
        let (reloads, requests) = Reloads::channel();
        let (stop, requests) = (CancellationToken::new(), Some(requests));
        Ok(Self {
            engine,
            data_dir,
            stop,
            bot,
            webhook_secret,
            limits,
            reloads,
            requests,
            composed: Some(composed),
            _lock: lock,
        })
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Stops everything when cancelled.
    #[must_use]
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// What is served, for calls that do not come over a network.
    pub fn router(&self) -> Router {
        let (data_dir, secret) = (self.data_dir.path().to_owned(), self.webhook_secret.clone());
        let reloads = self.reloads.clone();
        web::router(self.engine.clone(), data_dir, secret, reloads, self.limits.clone(), self.stop.clone())
    }

    /// The file and the services of the dashboard together, as they were found at the opening; nothing the second time.
    fn composed(&mut self) -> Option<Composed> {
        self.composed.take()
    }

    /// The requests to read the configuration again, for the one who can; nothing the second time.
    pub fn reload_requests(&mut self) -> Option<Requests> {
        self.requests.take()
    }

    /// Takes the address.
    ///
    /// # Errors
    /// When it is taken already or not this machine's.
    pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
        let bound = TcpListener::bind(address).await;
        bound.map_err(|error| CliFault::CannotListen { address: address.to_string(), said: error.to_string() }.into())
    }

    /// Makes the operator's socket.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn listen_to_operator(&self) -> anyhow::Result<UnixListener> {
        let path = self.data_dir.socket();
        socket::listen(&path)
            .map_err(|error| CliFault::NoSocket { file: path.display().to_string(), said: error.to_string() }.into())
    }

    /// A link that signs the operator in to the dashboard, where no browser has been signed in yet.
    pub async fn first_link(&self, listens: SocketAddr) -> Option<String> {
        if self.engine.has_sessions().await.ok()? {
            return None;
        }
        let link = self.engine.make_login_link(&Actor::Operator, None).await.ok()?;
        let catalog = self.engine.catalog();
        let base = catalog.public_url().map_or_else(|| http_address(listens), ToOwned::to_owned);
        Some(format!("{base}/login/{}", link.secret.expose_secret()))
    }

    /// Serves its pages alone, and the list of them, until it is stopped: nothing is carried out.
    #[cfg(debug_assertions)]
    pub async fn show(self, listener: TcpListener, gallery: web::Gallery) {
        let router = self.router().merge(gallery.routes(&self.engine));
        server::serve(router, self.limits.clone(), listener, None, self.stop.clone()).await;
    }

    /// Serves and works until it is stopped. Steps that run then go on, and are found again at the next start.
    ///
    /// # Errors
    /// When a part of it ended badly.
    pub async fn serve(self, listener: TcpListener, operator: UnixListener) -> anyhow::Result<()> {
        let path = self.data_dir.socket();
        let owner = hex::encode(&key::random_bytes()?[..8]);
        // With port 0 it is not known otherwise. A full disk must not keep RMM from starting.
        let noted =
            listener.local_addr().and_then(|address| private(&self.data_dir.address(), &format!("{address}\n")));
        if let Err(error) = noted {
            tracing::warn!(%error, "the address could not be noted");
        }
        let (last, logged) = (self.engine.store().progress().borrow().last_event, CancellationToken::new());
        let log = tokio::spawn(changes::log(self.engine.clone(), last, logged.clone()));
        let counted = tokio::spawn(counted::count(self.engine.clone(), self.stop.clone()));
        let (engine, (look, looked)) = (self.engine.clone(), oneshot::channel());
        let looking = tokio::spawn(async move { engine.look_at_last_runs(look).await });
        tokio::select! {
            () = self.engine.await_numbers(looked) => {}
            () = self.stop.cancelled() => {}
        }
        if self.bot.is_none() {
            // There is no token any more.
            bot::note_token(&self.engine, false).await;
        }
        let bot = self.bot.clone().map(|config| bot::run(self.engine.clone(), config, self.stop.clone()));
        let bot = tokio::spawn(async {
            if let Some(bot) = bot {
                bot.await
            }
        });
        let dispatcher = tokio::spawn(Dispatcher::new(self.engine.clone(), owner, self.stop.clone()).run());
        let operator = Some((operator, path));
        server::serve(self.router(), self.limits.clone(), listener, operator, self.stop.clone()).await;
        self.stop.cancel();
        let _ = std::fs::remove_file(self.data_dir.address());
        looking.abort();
        counted.abort();
        let ended = |part: Part| move |error: JoinError| CliFault::PartEnded { part, said: error.to_string() };
        bot.await.map_err(ended(Part::Bot))?;
        dispatcher.await.map_err(ended(Part::Dispatcher))?;
        logged.cancel();
        log.await.map_err(ended(Part::ReleaseLog))?;
        // Best effort: the next start finds at least what was noted while it ran.
        if let Err(error) = self.engine.store().note_numbers(self.engine.now()).await {
            tracing::warn!(%error, "how far the database has come could not be noted");
        }
        Ok(())
    }
}

/// Writes a file that only RMM's user may read, whatever the umask is.
fn private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}
