//! `rmm assets`: what runs RMM (systemd, Caddy, nginx) and watches it (Prometheus, Grafana), written out of the binary.
//!
//! Writes only what is not there yet, unless it is told to.

mod told;

use std::path::PathBuf;

use clap::Args;

use super::written;
use crate::api_client::{Context, Fault, print};
use crate::assets;
use crate::terminal::note;

/// Write what runs and watches RMM: systemd unit, web servers in front, alert rules, dashboards
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm assets /etc/rmm/assets\n  rmm assets . --force         replace files that differ\n\n\
    systemd/ has the unit, container/ a Dockerfile, proxy/ Caddy and nginx in front of RMM, litestream/ a replica of the database, \
    prometheus/ the alert rules and a configuration that reads RMM, grafana/ the dashboards, watch/ a compose file with \
    Prometheus, Loki, Tempo, Grafana and a collector for those who have none. `rmm docs watch` leads through it."
)]
pub struct Assets {
    /// The folder to write them into; made where it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Replace files that differ
    #[arg(long)]
    force: bool,
}

impl Assets {
    pub(super) fn run(self, context: &Context) -> Result<(), Fault> {
        let language = context.ui.language;
        let files = assets::for_operators();
        let written = std::fs::create_dir_all(&self.folder)
            .map_err(|error| written::failed(&self.folder, &error))
            .and_then(|()| written::write(&self.folder, &files, self.force))
            .map_err(Fault::failed)?;
        print(&written::said(language, &written))?;
        note(&told::next(language, &self.folder));
        Ok(())
    }
}
