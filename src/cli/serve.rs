//! `rmm serve`: the machine itself.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::{check, words};
use crate::api_client::{Context, Fault, USAGE};
use crate::app::App;
use crate::app::collector;
use crate::app::config_file::ConfigFile;
use crate::app::systemd;
use crate::config::{Config, env_vars};
use crate::domain::fault::cli::CliFault;
use crate::domain::fault::machine::MachineFault;
use crate::telemetry::{self, hide};
use crate::web::descent;
use crate::wording::Language;

/// Run the machine.
#[derive(Debug, clap::Args)]
pub struct Serve {}

impl Serve {
    pub(super) fn run(&self, context: &Context) -> ExitCode {
        let (path, language) = (&context.config, context.ui.language);
        let config = match begin(path, language) {
            Ok(config) => config,
            Err(errors) => {
                eprintln!("{errors}");
                return ExitCode::from(USAGE);
            }
        };
        let served = super::runtime().and_then(|runtime| {
            let exports =
                telemetry::init(&config.telemetry.settings, &|url| collector::client(&config, url), runtime.handle());
            keep_to_itself();
            runtime.block_on(async {
                let served = serve(config, path).await;
                exports.end(telemetry::END_TIMEOUT).await;
                served
            })
        });
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("rmm: {}", Fault::from(error).told(language));
                ExitCode::FAILURE
            }
        }
    }
}

/// The configuration, if it is right. What only a check refuses, an RMM that has released something goes on with.
fn begin(path: &Path, language: Language) -> Result<Config, String> {
    let config = Config::load(path, &env_vars(std::env::vars_os())).map_err(|errors| errors.told(language))?;
    if !check::is_new(&config) {
        return Ok(config);
    }
    let config = config.without_collisions().map_err(|errors| errors.told(language))?;
    let told = |error: &MachineFault| format!("{}: {}", words::words(language).error, language.machine(error));
    let errors: Vec<_> = check::refused(&config, path).iter().map(told).collect();
    if errors.is_empty() { Ok(config) } else { Err(errors.join("\n")) }
}

/// Keeps others of the same user out of this process: its memory, its environment, its core. What it starts is marked,
/// so that the operator's socket knows it.
fn keep_to_itself() {
    let limit = Rlimit { current: Some(0), ..getrlimit(Resource::Core) };
    let kept = set_dumpable_behavior(DumpableBehavior::NotDumpable).and_then(|()| setrlimit(Resource::Core, limit));
    if let Err(error) = kept {
        tracing::warn!(%error, "other processes of this user can read RMM's memory and environment");
    }
    descent::mark();
}

async fn serve(config: Config, path: &Path) -> anyhow::Result<()> {
    let env = env_vars(std::env::vars_os());
    let mut app = App::open(&config, &env)?;
    let catalog = app.engine().reconfigured();
    hide::by(move |text| catalog.borrow().redactor().text(text));
    let listener = App::bind(config.server.listen).await?;
    let address = listener.local_addr()?;
    let operator = app.listen_to_operator()?;
    let stop = app.stop();
    let data_dir = config.server.data_dir.clone();
    let mut file = ConfigFile::of(&mut app, path, config, env).await?;
    let mut requests =
        app.reload_requests().ok_or_else(|| anyhow::anyhow!("the configuration is read by another part"))?;
    let heard = |kind| signal(kind).map_err(|error| CliFault::NoSignals { said: error.to_string() });
    let mut terminate = heard(SignalKind::terminate())?;
    let mut interrupt = heard(SignalKind::interrupt())?;
    let mut hangup = heard(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => drop(file.read_again().await),
                Some(wanted) = requests.recv() => file.serve(wanted).await,
            }
        }
        tracing::info!("stopping; running steps go on and are found again at the next start");
        systemd::tell(&NotifyState::Stopping);
        stop.cancel();
    });
    tracing::info!(%address, data_dir = %data_dir.display(), "RMM {} serves http://{address}", env!("CARGO_PKG_VERSION"));
    // A log is no place for it.
    let link = if std::io::stderr().is_terminal() { app.first_link(address).await } else { None };
    if let Some(link) = link {
        eprintln!(
            "\nThere was no sign-in to the dashboard yet. As the operator, once, within 10 minutes:\n\n  {link}\n"
        );
    }
    systemd::tell(&NotifyState::Ready);
    // A service manager counts from its being ready on.
    let alive = tokio::spawn(systemd::keep_alive(app.engine().clone()));
    let served = app.serve(listener, operator).await;
    alive.abort();
    served
}
