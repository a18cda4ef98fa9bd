//! The RMM of the gallery: its configuration, its clock, and what has happened in it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::hands::Hands;
use super::story;
use crate::app::App;
use crate::app::config_file::ConfigFile;
use crate::config::{Block, Config, EnvVars};
use crate::domain::ids::ServiceName;
use crate::engine::Engine;
use crate::engine::clock::Clock;
use crate::store::WriteError;
use crate::store::dashboard::{self, Defined};
use crate::store::definitions::{self, Definition};

const CONFIGURATION: &str = include_str!("sample.toml");

/// A person has left the configuration, and a host is gone.
const HANDBOOK: &str = r#"[[services]]
name = "handbook"
repository = "acme/handbook"
approvals = { required = ["dana"] }

[[services.surfaces]]
name = "app"
directory = "/srv/handbook"

[services.environments.stage]
driver = "ssh"
hosts = ["web-9"]

[services.environments.production]
driver = "ci"
"#;

/// An RMM in a folder in which everything has happened, and in which nothing goes on. It is now what the clock says.
pub(super) async fn told(folder: &Path, clock: Arc<Hands>) -> anyhow::Result<App> {
    let of_no_bot = format!("1:{}", "x".repeat(35));
    let env =
        EnvVars::from([("HOST_PASSWORD".to_owned(), "of no host".to_owned()), ("BOT_TOKEN".to_owned(), of_no_bot)]);
    let path = folder.join("sample.toml");
    let config = Config::parse(CONFIGURATION, "sample.toml", folder, &env)
        .map_err(|errors| anyhow::anyhow!("{errors}"))
        .context("the configuration of the gallery is wrong")?;
    let now = clock.now();
    clock.turn(now - story::LASTS);
    let mut app = App::open_with(&config, &env, clock.clone())?;
    let engine = app.engine().clone();
    let (aside, known) = (aside(&config, &env)?, config.clone());
    let mut file = ConfigFile::of(&mut app, &path, config, env.clone()).await?;
    put_aside(&engine, aside).await?;
    engine.configure(known, &env).await;
    if let Some(mut requests) = app.reload_requests() {
        tokio::spawn(async move {
            while let Some(wanted) = requests.recv().await {
                file.serve(wanted).await;
            }
        });
    }
    engine.store().note_numbers(engine.now()).await.context("the numbers could not be noted")?;
    story::Story::new(engine, clock.clone(), now).tell().await?;
    clock.turn(now);
    Ok(app)
}

/// Defines a service, as if it had held once.
async fn put_aside(engine: &Engine, defined: Defined) -> anyhow::Result<()> {
    let now = engine.now();
    let put = engine.store().write(move |tx| {
        let is = Definition { text: HANDBOOK, written: Some(HANDBOOK), by: Some("ann") };
        definitions::revise(tx, &defined.service, &is, now)?;
        dashboard::put(tx, &defined)
    });
    put.await.map_err(WriteError::flatten).context("the service could not be defined")
}

/// A service of the dashboard that does not hold, with what is wrong with it.
fn aside(config: &Config, env: &EnvVars) -> anyhow::Result<Defined> {
    let service = ServiceName::parse("service", "handbook")?;
    let block = Block { service: service.clone(), text: HANDBOOK.to_owned() };
    let composed = config.compose(&[block], env, Ok, |_| true).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    let problem = composed.aside.get(&service).map(ToString::to_string);
    Ok(Defined { service, text: HANDBOOK.to_owned(), number: 1, problem })
}
