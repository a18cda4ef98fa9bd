//! `rmm service workflows`: the workflows with which a repository on GitHub speaks to RMM, filled in for a service.
//!
//! Works from `rmm.toml` alone. Writes only what is not there yet, unless it is told to.

mod told;

use std::path::{Component, Path, PathBuf};

use clap::Args;

use crate::api_client::{Context, Fault, print};
use crate::assets;
use crate::config::Config;
use crate::domain::env::Env;
use crate::domain::service::{Candidates, Driver, Service};
use crate::terminal::note;

/// What the files of `assets/` say where a service has its own words.
mod sample {
    pub const URL: &str = "\"https://rmm.example.com\"";
    pub const SERVICE: &str = "\"my-service\"";
    pub const GROUP: &str = "\"rmm-production-my-service\"";
    pub const TAGS: &str = "tags: [\"v*\"]";
    pub const RUNNER: &str = "runs-on: ubuntu-latest";
}

/// The names of the files, where `rmm.toml` does not say others.
const TAG_WORKFLOW: &str = "on-create-version-tag.yaml";
const DEPLOY_WORKFLOW: &str = "on-approve-manual-testing.yaml";
const ROLLBACK_WORKFLOW: &str = "on-rollback.yaml";

/// Write the workflows for GitHub of a service.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm service workflows shop                         show them\n  \
    rmm service workflows shop --write ../shop         write them into a checkout of the repository\n  \
    rmm service workflows shop --write . --runner self-hosted,linux\n\n\
    Reads rmm.toml; no RMM has to run. What is there already and says something else stays, unless --force. \
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
    #[arg(long, value_name = "LABEL", value_delimiter = ',', default_value = "ubuntu-latest")]
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
    /// Replace files that say something else
    #[arg(long, requires = "write")]
    force: bool,
}

/// A file of the repository.
#[derive(Debug, PartialEq, Eq)]
struct File {
    /// Where it belongs, from the root of the repository.
    path: PathBuf,
    text: String,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    New,
    Replaced,
    AsItWas,
}

impl Workflows {
    pub(super) fn run(self, context: &Context) -> Result<(), Fault> {
        let language = context.ui.language;
        let config = Config::load_without_secrets(&context.config, &context.env)?;
        let known = || config.services.iter().map(|service| service.name.to_string()).collect::<Vec<_>>();
        let service = config.services.iter().find(|service| service.name.as_str() == self.name);
        let service = service.ok_or_else(|| Fault::Usage(told::no_service(language, &self.name, &known())))?;
        let url = self.url.as_ref().or(config.server.public_url.as_ref());
        let url = url.ok_or_else(|| Fault::Usage(told::no_url(language).to_owned()))?;
        let files = self.files(service, url)?;
        match &self.write {
            Some(folder) => {
                let written = write(folder, &files, self.force)
                    .map_err(|wrong| Fault::Failed(told::not_written(language, &wrong)))?;
                print(&told::written(language, &written))?;
            }
            None => print(&shown(&files))?,
        }
        note(&told::next(language, service, &self.name, self.write.is_some()));
        Ok(())
    }

    /// The files for a service. What RMM does itself needs no workflow.
    fn files(&self, service: &Service, url: &str) -> Result<Vec<File>, Fault> {
        let workflows = |env| match &service.environment(env).driver {
            Driver::Ci { workflow, rollback_workflow, .. } => Some((workflow.as_deref(), rollback_workflow.as_deref())),
            Driver::Local | Driver::Ssh => None,
        };
        // A stage whose workflow RMM starts is not brought there by the tag.
        let stage = matches!(workflows(Env::Stage), Some((None, _)));
        let tag = if stage { "on-create-version-tag.yaml" } else { "registers/on-create-version-tag.yaml" };
        let mut wanted = vec![("rmm/action.yml", ".github/actions/rmm/action.yml".to_owned())];
        let production = workflows(Env::Production);
        if stage || production.is_some() {
            wanted.push(("rmm-checkout/action.yml", ".github/actions/rmm-checkout/action.yml".to_owned()));
        }
        wanted.push((tag, in_workflows(&self.tag_workflow)?));
        if let Some((deploy, rollback)) = production {
            wanted.push(("on-approve-manual-testing.yaml", in_workflows(deploy.unwrap_or(DEPLOY_WORKFLOW))?));
            wanted.push(("on-rollback.yaml", in_workflows(rollback.unwrap_or(ROLLBACK_WORKFLOW))?));
        }
        let file = |(asset, path): (&str, String)| {
            let text =
                assets::workflow(asset).ok_or_else(|| Fault::Failed(format!("{asset} is not in this binary")))?;
            Ok(File { path: path.into(), text: self.filled(&text, service, url) })
        };
        wanted.into_iter().map(file).collect()
    }

    /// A file with the words of the service. They go in as JSON, which YAML takes as it is.
    fn filled(&self, text: &str, service: &Service, url: &str) -> String {
        let of_service = match &service.candidates {
            Candidates::Tags(pattern) => pattern.to_string(),
            Candidates::Call => "v*".to_owned(),
        };
        let (tags, service) = (self.tags.as_ref().unwrap_or(&of_service), service.name.as_str());
        let quoted = |value: &str| serde_json::Value::from(value).to_string();
        let runner = match self.runner.as_slice() {
            [one] => quoted(one),
            several => serde_json::Value::from(several).to_string(),
        };
        text.replace(sample::URL, &quoted(url))
            .replace(sample::SERVICE, &quoted(service))
            .replace(sample::GROUP, &quoted(&format!("rmm-production-{service}")))
            .replace(sample::TAGS, &format!("tags: [{}]", quoted(tags)))
            .replace(sample::RUNNER, &format!("runs-on: {runner}"))
    }
}

/// Where a workflow of this name belongs; GitHub looks nowhere else, and at no other files.
fn in_workflows(name: &str) -> Result<String, Fault> {
    let plain = Path::new(name).components().eq([Component::Normal(name.as_ref())]);
    let is_yaml = [".yaml", ".yml"].iter().any(|end| name.len() > end.len() && name.ends_with(end));
    if plain && is_yaml {
        return Ok(format!(".github/workflows/{name}"));
    }
    Err(Fault::Usage(format!("{name:?} is no name of a workflow: it must be a file name that ends in .yaml or .yml")))
}

/// All of them, each below its name.
fn shown(files: &[File]) -> String {
    files.iter().map(|file| format!("# ==> {}\n{}\n", file.path.display(), file.text)).collect()
}

/// Writes them, or none of them.
fn write(folder: &Path, files: &[File], force: bool) -> Result<Vec<(PathBuf, Written)>, told::NotWritten> {
    if !folder.is_dir() {
        return Err(told::NotWritten::NoFolder(folder.to_owned()));
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| told::NotWritten::Failed(path, error)
    };
    let mut planned = Vec::new();
    for file in files {
        let path = folder.join(&file.path);
        let there = match std::fs::read(&path) {
            Ok(there) if there == file.text.as_bytes() => Written::AsItWas,
            Ok(_) => Written::Replaced,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Written::New,
            Err(error) => return Err(failed(&path)(error)),
        };
        planned.push((path, there));
    }
    let others = planned.iter().filter(|(_, there)| *there == Written::Replaced).map(|(path, _)| path.clone());
    let others: Vec<_> = others.collect();
    if !others.is_empty() && !force {
        return Err(told::NotWritten::Others(others));
    }
    for (file, (path, there)) in files.iter().zip(&planned) {
        if *there != Written::AsItWas {
            let parent = path.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent).map_err(failed(parent))?;
            std::fs::write(path, &file.text).map_err(failed(path))?;
        }
    }
    Ok(planned)
}

#[cfg(test)]
mod tests;
