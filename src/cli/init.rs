//! `rmm init`: a first `rmm.toml`, guessed from the git checkout that it is called in. Asks nothing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::answers;
use crate::api_client::{Context, Fault, print};
use crate::assets;
use crate::config::{EXAMPLE, FirstService, Init as FirstConfig, init_text};
use crate::domain::cause::Cause;
use crate::domain::fault::cli::{CliFault, CliNote};
use crate::domain::ids::{PersonName, ServiceName};
use crate::domain::rule::Invalid;
use crate::terminal::{note, shell_word};

/// What the unit hides from RMM (`ProtectHome=`).
const HIDDEN: [&str; 3] = ["/root", "/home", "/run/user"];

/// Write a first rmm.toml.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm init\n  rmm init --service shop --repository git@github.com:acme/shop.git --person ann\n  \
    rmm init --no-service --person ann   the service is connected in the dashboard\n  \
    rmm init --example > rmm.toml        every key with its explanation\n  \
    rmm --config /etc/rmm/rmm.toml init --systemd > /etc/systemd/system/rmm.service\n\n\
    What is not given is guessed from the git checkout of the current folder and from $USER. Where there is no checkout, the \
    file has no service: \"Connect a repository\" in the dashboard makes one."
)]
pub struct Init {
    /// The first service; default: the name of the repository
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Write no service: it is connected in the dashboard
    #[arg(long, conflicts_with_all = ["service", "repository", "directory"])]
    no_service: bool,
    /// Where its code comes from; default: origin of the checkout
    #[arg(long, value_name = "URL")]
    repository: Option<String>,
    /// Below which folder RMM checks releases out; default: `deployments` beside the configuration
    #[arg(long, value_name = "FOLDER")]
    directory: Option<PathBuf>,
    /// The first person, admin and approver; default: $USER
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    /// Print the complete example instead, and write nothing
    #[arg(long, exclusive = true)]
    example: bool,
    /// Print the unit of RMM for systemd instead, with the paths of this machine
    #[arg(long, exclusive = true)]
    systemd: bool,
}

impl Init {
    pub(super) fn run(self, context: &Context) -> Result<(), Fault> {
        if self.example {
            return print(EXAMPLE);
        }
        let (path, language) = (&context.config, context.ui.language);
        if self.systemd {
            print(&unit(path)?)?;
            if let Some(hidden) =
                HIDDEN.into_iter().find(|folder| absolute(path).is_ok_and(|path| path.starts_with(folder)))
            {
                let (file, folder) = (path.display().to_string(), hidden.to_owned());
                note(&language.cli_note(&CliNote::HiddenFromUnit { file, folder }));
            }
            return Ok(());
        }
        if path.exists() && !self.force {
            return Err(Fault::failed(CliFault::ThereAlready { file: path.display().to_string() }));
        }
        let person = match &self.person {
            Some(name) => PersonName::parse("--person", name.as_str()).map_err(|invalid| wrong(invalid, context))?,
            None => guess(context.var("USER"), "admin")
                .and_then(|name| PersonName::parse("person", name).ok())
                .ok_or_else(|| no_guess("--person"))?,
        };
        let found = self.first_service(context)?;
        let text = init_text(&FirstConfig {
            service: found.as_ref().map(Found::service),
            person: &person,
            root: rustix::process::geteuid().is_root(),
        });
        write(path, &text, self.force).map_err(|error| {
            Fault::failed(CliFault::NotWritten { file: path.display().to_string(), said: error.to_string() })
        })?;
        print(&answers::written(language, path))?;
        note(&next_steps(context, &person, found.as_ref()));
        Ok(())
    }

    /// The first service, as far as its code is known: none is made up.
    fn first_service(&self, context: &Context) -> Result<Option<Found>, Fault> {
        if self.no_service {
            return Ok(None);
        }
        let given = self.service.as_ref().map(|name| ServiceName::parse("--service", name.as_str()));
        let given = given.transpose().map_err(|invalid| wrong(invalid, context))?;
        let checkout = Checkout::here();
        let of_checkout = || checkout.origin.clone().or_else(|| Some(checkout.root.as_ref()?.display().to_string()));
        let Some(repository) = self.repository.clone().or_else(of_checkout) else {
            return match given {
                Some(name) => Err(Fault::usage(CliFault::WhereIsCode { service: name.to_string() })),
                None => Ok(None),
            };
        };
        let name = match given {
            Some(name) => name,
            None => guess(name_in(&repository).or_else(|| checkout.name()).as_deref(), "my-service")
                .and_then(|name| ServiceName::parse("service", name).ok())
                .ok_or_else(|| no_guess("--service"))?,
        };
        let directory = self.directory.clone().unwrap_or_else(|| "deployments".into());
        Ok(Some(Found { name, repository, directory }))
    }
}

fn wrong(invalid: Invalid, context: &Context) -> Fault {
    Fault::usage(CliFault::BadInit { why: context.ui.language.refusal(&Cause::Invalid(invalid)) })
}

/// No name can be guessed; `option` gives one.
fn no_guess(option: &str) -> Fault {
    Fault::usage(CliFault::NoGuess { option: option.to_owned() })
}

/// The first service of the file.
struct Found {
    name: ServiceName,
    repository: String,
    directory: PathBuf,
}

impl Found {
    fn service(&self) -> FirstService<'_> {
        FirstService { name: &self.name, repository: &self.repository, directory: &self.directory }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Fault> {
    std::path::absolute(path).map_err(|error| Fault::failed(error.to_string()))
}

/// The unit of RMM for systemd, with this program and this configuration.
fn unit(config: &Path) -> Result<String, Fault> {
    let program =
        std::env::current_exe().map_err(|error| Fault::failed(CliFault::NoProgram { said: error.to_string() }))?;
    let missing = || Fault::failed(CliFault::NotInBinary { file: "rmm.service".to_owned() });
    let unit = assets::unit().ok_or_else(missing)?;
    // As systemd reads it: a blank would end the word, `%` begin a specifier.
    let word = |path: &Path| format!("\"{}\"", path.display().to_string().replace('%', "%%"));
    let (program, config) = (word(&program), word(&absolute(config)?));
    Ok(unit
        .replace("/usr/local/bin/rmm ", &format!("{program} "))
        .replace("--config /etc/rmm/rmm.toml", &format!("--config {config}")))
}

fn write(path: &Path, text: &str, force: bool) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes()))
}

fn next_steps(context: &Context, person: &PersonName, found: Option<&Found>) -> String {
    let config = match context.config.to_str() {
        Some("rmm.toml") => String::new(),
        Some(path) => format!(" --config {}", shell_word(path)),
        None => " --config …".to_owned(),
    };
    let link = format!("rmm login-link{config} {person}");
    let Some(Found { name, repository, .. }) = found else {
        return answers::next_without_service(context.ui.language, &config, &link);
    };
    answers::next_with_service(context.ui.language, &config, &link, name, repository)
}

/// What a repository is called, by the end of its address.
fn name_in(repository: &str) -> Option<String> {
    let last = repository.trim_end_matches('/').rsplit(['/', ':']).next()?;
    Some(last.strip_suffix(".git").unwrap_or(last).to_owned()).filter(|name| !name.is_empty())
}

/// The git checkout of the current folder.
#[derive(Debug, Default)]
struct Checkout {
    root: Option<PathBuf>,
    origin: Option<String>,
}

impl Checkout {
    fn here() -> Self {
        Self {
            root: git(&["rev-parse", "--show-toplevel"]).map(PathBuf::from),
            origin: git(&["remote", "get-url", "origin"]).map(|url| without_credentials(&url)),
        }
    }

    fn name(&self) -> Option<String> {
        let of_folder = || self.root.as_ref()?.file_name()?.to_str().map(ToOwned::to_owned);
        self.origin.as_deref().and_then(name_in).or_else(of_folder)
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A token in the address of origin has no business in a file that people share.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{scheme}://{host}/{path}")
        }
        Some(_) | None => url.to_owned(),
    }
}

/// A name with what does not fit left out.
fn guess(text: Option<&str>, otherwise: &str) -> Option<String> {
    let fitting: String = text
        .unwrap_or(otherwise)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
        .take(64)
        .collect();
    let fitting = fitting.trim_matches(['-', '_', '.']).to_owned();
    Some(if fitting.is_empty() { otherwise.to_owned() } else { fitting })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_guessed_from_where_the_code_is() {
        for (origin, name) in [
            ("git@github.com:acme/shop.git", "shop"),
            ("https://github.com/acme/shop", "shop"),
            ("https://example.com/a/b/c.git/", "c"),
            ("host:app.git", "app"),
        ] {
            let checkout = Checkout { root: None, origin: Some(origin.into()) };
            assert_eq!(checkout.name().as_deref(), Some(name), "{origin}");
        }
    }

    #[test]
    fn tokens_do_not_get_into_the_file() {
        assert_eq!(without_credentials("https://x-token:ghp_1@github.com/a/b.git"), "https://github.com/a/b.git");
        assert_eq!(without_credentials("git@github.com:a/b.git"), "git@github.com:a/b.git");
    }

    #[test]
    fn names_fit() {
        assert_eq!(guess(Some("Анна Ann"), "x").as_deref(), Some("Ann"));
        assert_eq!(guess(Some("Анна"), "admin").as_deref(), Some("admin"));
        assert_eq!(guess(None, "admin").as_deref(), Some("admin"));
    }
}
