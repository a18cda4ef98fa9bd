//! `rmm service workflows`: the workflows with which a repository on GitHub speaks to RMM, filled in for a service.
//!
//! Works from `rmm.toml` alone. Writes only what is not there yet, unless it is told to.

mod told;

use std::path::PathBuf;

use clap::Args;

use super::written;
use crate::api_client::{Context, Fault, print};
use crate::app::config_file::with_dashboard;
use crate::assets::File;
use crate::assets::workflows::{RUNNER, TAG_WORKFLOW, Unfit, Words};
use crate::config::Config;
use crate::domain::fault::cli::CliFault;
use crate::domain::service::Service;
use crate::domain::text::meant;
use crate::terminal::note;

/// Write the workflows for GitHub of a service.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm service workflows shop                         show them\n  \
    rmm service workflows shop --write ../shop         write them into a checkout of the repository\n  \
    rmm service workflows shop --write . --runner self-hosted,linux\n\n\
    Reads rmm.toml; no RMM has to run. Files that are there already and differ stay, unless --force. \
    `rmm docs github` leads through the whole connection.")]
pub struct Workflows {
    /// The name of the service
    #[arg(value_name = "NAME")]
    name: String,
    /// The checkout of the repository to write them into; without it, they are shown
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Show them on standard output
    #[arg(long, conflicts_with = "write")]
    print: bool,
    /// Which runner the jobs take: a label of GitHub's, or those of your own
    #[arg(long, value_name = "LABEL", value_delimiter = ',', default_value = RUNNER)]
    runner: Vec<String>,
    /// Which tags are releases, as GitHub's patterns go; default: `tags` of the service, or "v*"
    #[arg(long, value_name = "PATTERN")]
    tags: Option<String>,
    /// Where the runners reach RMM; default: server.public_url
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The name of the workflow that a tag starts
    #[arg(long, value_name = "FILE", default_value = TAG_WORKFLOW)]
    tag_workflow: String,
    /// Replace files that differ
    #[arg(long, requires = "write")]
    force: bool,
}

impl Workflows {
    pub(super) fn run(self, context: &Context) -> Result<(), Fault> {
        let language = context.ui.language;
        let file = Config::load_without_secrets(&context.config, &context.env)?;
        let config = with_dashboard(&file, &context.env)?.config;
        let known = || config.services.iter().map(|service| service.name.to_string()).collect::<Vec<_>>();
        let service = config.services.iter().find(|service| service.name.as_str() == self.name);
        let service = service.ok_or_else(|| {
            let (name, known) = (self.name.clone(), known());
            let near = meant(&name, known.iter().map(String::as_str)).map(ToOwned::to_owned);
            Fault::usage(CliFault::NoService { name, near, known })
        })?;
        let url = self.url.as_ref().or(config.server.public_url.as_ref());
        let url = url.ok_or_else(|| Fault::usage(CliFault::NoPublicUrl))?;
        let files = self.files(service, url).map_err(|unfit| {
            let said = told::unfit(language, &unfit);
            if matches!(unfit, Unfit::Missing(_)) { Fault::failed(said) } else { Fault::usage(said) }
        })?;
        match &self.write {
            Some(folder) if !folder.is_dir() => {
                return Err(Fault::failed(CliFault::NoCheckout { folder: folder.display().to_string() }));
            }
            Some(folder) => {
                let written = written::write(folder, &files, self.force).map_err(Fault::failed)?;
                print(&written::said(language, &written))?;
            }
            None => print(&shown(&files))?,
        }
        note(&told::next(language, service, &self.name, self.write.is_some()));
        Ok(())
    }

    /// The files for a service.
    fn files(&self, service: &Service, url: &str) -> Result<Vec<File>, Unfit> {
        let runners: Vec<_> = self.runner.iter().map(|label| label.trim().to_owned()).collect();
        let words =
            Words { service, url, runners: &runners, tags: self.tags.as_deref(), tag_workflow: &self.tag_workflow };
        words.files()
    }
}

/// All of them, each below its name.
fn shown(files: &[File]) -> String {
    files.iter().map(|file| format!("# ==> {}\n{}\n", file.path.display(), file.text)).collect()
}

#[cfg(test)]
mod tests;
