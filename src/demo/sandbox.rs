//! Everything that the demo puts on this machine, in one temporary folder: the repository, a configuration, RMM's data,
//! and two environments. Also its end: no process and no file of it stays.
//!
//! It must not read the configuration or the environment variables of an RMM that this machine may really run.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::repository::{self, Repository};
use super::service;
use super::telegram::Guest;
use crate::app::config_file::ConfigFile;
use crate::app::{App, DataDir};
use crate::bot;
use crate::clients::local::place::RunPlace;
use crate::config::Config;
use crate::domain::env::Env;
use crate::engine::Engine;

/// How long a step that runs when the demo ends may take to end by itself.
const LAST_STEP: Duration = Duration::from_secs(15);
/// How long Telegram may take to show the end; a chat hears no more than about one message a second.
const LAST_NEWS: Duration = Duration::from_secs(20);
/// A shell that was just started has no traces yet.
const SHELL_START: Duration = Duration::from_millis(200);
/// Where the kernel does not take ports for outgoing connections, on Linux or macOS.
const PORTS: std::ops::Range<u16> = 18_000..30_000;

/// The three sample people.
pub const PEOPLE: [&str; 3] = ["ann", "boris", "chen"];
/// What is released.
pub const SERVICE: &str = "guestbook";

/// One environment of the guestbook on this machine.
#[derive(Debug, Clone)]
pub struct Site {
    /// Which.
    pub kind: Env,
    /// The checkout.
    pub code: PathBuf,
    /// Database, log and pid file.
    pub data: PathBuf,
    /// Where it answers, on 127.0.0.1.
    pub port: u16,
}

impl Site {
    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The demo's part of this machine.
pub struct Sandbox {
    folder: TempDir,
    /// The repository of the guestbook.
    pub repository: Repository,
    /// Stage.
    pub stage: Site,
    /// Production.
    pub production: Site,
    address: SocketAddr,
    /// The operator's socket.
    pub socket: PathBuf,
    /// Who plays ann in Telegram.
    pub guest: Option<Guest>,
    engine: Engine,
    stop: CancellationToken,
    server: JoinHandle<Result<()>>,
}

impl Sandbox {
    /// Makes the folder and starts RMM in this process. Where a person watches, health checks take long enough to be
    /// seen.
    ///
    /// # Errors
    /// When the folder cannot be written, or RMM does not start.
    pub async fn start(watched: bool, guest: Option<Guest>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("rmm-demo-").tempdir();
        let folder = folder
            .with_context(|| format!("a temporary folder cannot be made in {}", std::env::temp_dir().display()))?;
        // On macOS the temporary folder is behind a symbolic link.
        let root = folder.path().canonicalize().context("the temporary folder cannot be resolved")?;
        let binary = std::env::current_exe().context("the path of this program is not known")?;
        let repository = repository::create(&root, &binary)?;
        let mut ports = free_ports()?;
        let mut site = |kind: Env| -> Result<Site> {
            let home = root.join(kind.to_string());
            std::fs::create_dir(&home).with_context(|| format!("{} cannot be made", home.display()))?;
            let port = ports.pop().context("no port is free")?;
            Ok(Site { kind, code: home.join("code"), data: home.join("data"), port })
        };
        let (stage, production) = (site(Env::Stage)?, site(Env::Production)?);
        let path = root.join("rmm.toml");
        std::fs::write(&path, configuration(&repository, &stage, &production, watched, guest.as_ref()))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        log_into(&root.join("rmm.log"));

        let variables = guest.as_ref().map(Guest::variables).unwrap_or_default();
        let config = Config::load(&path, &variables).map_err(|errors| anyhow::anyhow!("{errors}"))?;
        // Nothing of the demo stays behind.
        RunPlace::keep_in(&config.server.data_dir).context("the data directory cannot be made")?;
        let mut app = App::open(&config, &variables)?;
        let listener = App::bind(config.server.listen).await?;
        let address = listener.local_addr().context("the address of RMM is not known")?;
        let socket = DataDir::new(&config.server.data_dir).socket();
        let (engine, stop) = (app.engine().clone(), app.stop());
        let operator = app.listen_to_operator()?;
        let mut file = ConfigFile::of(&mut app, &path, config, variables).await?;
        if let Some(mut requests) = app.reload_requests() {
            tokio::spawn(async move {
                while let Some(wanted) = requests.recv().await {
                    file.serve(wanted).await;
                }
            });
        }
        let server = tokio::spawn(app.serve(listener, operator));
        Ok(Self { folder, repository, stage, production, address, socket, guest, engine, stop, server })
    }

    /// Waits until Telegram shows how everything ended; not for ever.
    pub async fn telegram_is_told(&self) {
        let begun = Instant::now();
        while self.guest.is_some() && begun.elapsed() < LAST_NEWS {
            match bot::has_told_everything(&self.engine).await {
                Ok(false) => tokio::time::sleep(Duration::from_millis(50)).await,
                Ok(true) | Err(_) => return,
            }
        }
    }

    /// RMM's address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where everything is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file that makes a shell speak for a person.
    pub fn token_of(&self, person: &str) -> PathBuf {
        self.folder.path().join(person)
    }

    /// Writes it: the address and the token, which the user need not copy.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_token(&self, person: &str, token: &str) -> Result<()> {
        let text = format!(
            "export RMM_URL={}\nexport RMM_TOKEN={token}\nAUTH=\"Authorization: Bearer $RMM_TOKEN\"\nAPI=$RMM_URL/api/v1\n",
            self.url()
        );
        // A person's token is for the one who runs the demo.
        let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.token_of(person));
        let written = open.and_then(|mut file| file.write_all(text.as_bytes()));
        written.context("the token of a person cannot be written")
    }

    /// Ends RMM and both guestbooks, and removes the folder unless it is to be kept. Gives its path where it stays.
    ///
    /// # Errors
    /// When something of it could not be ended or removed; the rest is ended all the same.
    pub async fn end(mut self, keep: bool) -> Result<Option<PathBuf>> {
        self.stop.cancel();
        let served = (&mut self.server).await.context("RMM crashed").flatten();
        self.wait_for_last_step().await;
        let (stage, production) = tokio::join!(service::stop(&self.stage.data), service::stop(&self.production.data));
        let path = self.folder.path().to_owned();
        let ended = served
            .and(stage)
            .and(production)
            .with_context(|| format!("not everything of {} ended well", path.display()));
        if keep || ended.is_err() {
            let kept = self.folder.keep();
            return ended.map(|_| Some(kept));
        }
        self.folder.close().with_context(|| format!("{} could not be removed", path.display()))?;
        Ok(None)
    }

    /// RMM leaves steps alone when it ends, so that they survive it; a step that starts a guestbook must not do so after
    /// the guestbooks have been ended.
    async fn wait_for_last_step(&self) {
        let runs = self.folder.path().join("rmm/runs");
        let is_empty = |path: &Path| std::fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none());
        if is_empty(&runs) {
            return;
        }
        tokio::time::sleep(SHELL_START).await;
        let begun = Instant::now();
        while begun.elapsed() < LAST_STEP && has_running_step(&runs) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// By the files that `clients/detached.sh` describes.
fn has_running_step(runs: &Path) -> bool {
    let entries = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    entries(runs.to_owned())
        .flat_map(|run| entries(run.join("steps")))
        .any(|step| !step.join("status").exists() && !step.join("stopped").exists())
}

/// The demo cannot do without.
///
/// # Errors
/// When there is no git.
pub fn require_git() -> Result<()> {
    let mut git = std::process::Command::new("git");
    match git.arg("--version").output() {
        Ok(said) if said.status.success() => Ok(()),
        Ok(said) => bail!("git does not work on this machine: {}", String::from_utf8_lossy(&said.stderr).trim()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("git is not installed, or not in the PATH; the demo releases a real git repository and needs it")
        }
        Err(error) => Err(error).context("git cannot be started"),
    }
}

/// Two ports on which no process listens. They are free again when this returns; nothing else can be given to a program
/// that other programs start.
fn free_ports() -> Result<Vec<u16>> {
    let mut seed = [0; 2];
    // Without randomness two demos merely try the same ports first.
    let _ = getrandom::fill(&mut seed);
    let offset = usize::from(u16::from_le_bytes(seed)) % PORTS.len();
    let candidates = PORTS.skip(offset).chain(PORTS.take(offset)).chain([0, 0]);
    let mut held = Vec::new();
    for port in candidates {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push(listener);
        }
        if held.len() == 2 {
            break;
        }
    }
    let ports = held.iter().map(|listener| listener.local_addr().map(|address| address.port()));
    ports.collect::<std::io::Result<_>>().context("no port is free on 127.0.0.1")
}

/// RMM's own log goes into the folder, where a failed demo leaves it; the screen belongs to the story.
fn log_into(path: &Path) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("RMM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,refinery_core=warn"));
    if let Ok(file) = std::fs::File::create(path) {
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(file);
        // Only where the program has no log yet.
        let _ = log.try_init();
    }
}

/// A real `rmm.toml`, to be read by the owner of the folder.
fn configuration(
    repository: &Repository,
    stage: &Site,
    production: &Site,
    watched: bool,
    guest: Option<&Guest>,
) -> String {
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let path = |path: &Path| text(&path.to_string_lossy());
    let mut out = format!(
        r#"# Written by `rmm demo`.
[server]
listen = "127.0.0.1:0"
data_dir = "rmm"
{}
[[people]]
name = "ann"
role = "admin"
{}
[[people]]
name = "boris"
role = "member"

[[people]]
name = "chen"
role = "member"

[[services]]
name = "{SERVICE}"
repository = {}

[services.approvals]
required = ["ann", "boris", "chen"]

[[services.surfaces]]
name = "web"
recipe = "commands"
migrate_up = "./migrate up"
migrate_down = "./migrate down {{{{ target.tag }}}}"
deploy = "./serve"
step_timeout = "30s"
health = {{ wait = "{}", attempts = 3, interval = "300ms", timeout = "2s" }}

[services.surfaces.env]
# The git configuration of the person who runs the demo must not change it.
GIT_CONFIG_GLOBAL = "/dev/null"
GIT_CONFIG_NOSYSTEM = "1"
"#,
        if rustix::process::geteuid().is_root() {
            "\n[local]\nuser = \"root\" # it is your demo, and its code is RMM's own\n"
        } else {
            ""
        },
        guest.map(|guest| format!("telegram_id = {}\n", guest.id)).unwrap_or_default(),
        path(&repository.path),
        if watched { "400ms" } else { "50ms" },
    );
    for site in [stage, production] {
        let name = site.kind.to_string();
        out += &format!(
            "\n[services.environments.{name}]\ndriver = \"local\"\n\n\
             [services.environments.{name}.surfaces.web]\ndirectory = {}\nhealth.url = {}\n",
            path(&site.code),
            text(&format!("{}/health", site.url())),
        );
        for (variable, value) in repository.settings(&name, site.port, &site.data) {
            out += &format!("env.{variable} = {}\n", text(&value.to_string_lossy()));
        }
    }
    out += &guest.map(Guest::section).unwrap_or_default();
    out
}
