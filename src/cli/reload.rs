//! `rmm reload`: the configuration is read again.

use clap::Args;

use super::words;
use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract::Reloaded;
use crate::terminal::{clean, note};

/// Read the configuration again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm reload\n\n\
    The running RMM reads its rmm.toml again, with its own environment, as SIGHUP makes it do: services, people and hosts \
    take effect at once, and so do most keys of [server]; its `listen` and `data_dir`, for the bot its `language`, \
    `time_zone` and `public_url`, [local], [telegram] and [telemetry] at the next start. A file that is not right is refused, and \
    the old configuration stays active.")]
pub struct Reload {
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Watch).await?;
        let call = Call::post("/api/v1/reload", serde_json::json!({}));
        let (reloaded, text): (Reloaded, _) = client.json(call).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            return print(&format!("{text}\n"));
        }
        for line in reloaded.warnings.iter().flat_map(|warning| warning.lines()) {
            note(&clean(line));
        }
        print(words::words(context.ui.language).reloaded)
    }
}
