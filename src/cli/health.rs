//! `rmm healthcheck`: for containers and monitors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;

use super::words;
use crate::api_client::{Call, Client, Context, Fault, print};
use crate::app::DataDir;
use crate::contract::Health;
use crate::domain::fault::cli::Unreached;
use crate::terminal::note;
use crate::wording::Language;

/// A check that takes longer says no.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// Check whether RMM works.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm healthcheck\n  rmm healthcheck --url https://rmm.example.com\n\n\
    Asks /readyz: RMM answers and its database can be written. Exit status 0, or 4 with what is wrong.")]
pub struct Healthcheck {
    /// The RMM to ask; default: the one of the configuration
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Healthcheck {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let url = match self.url {
            Some(url) => url,
            None => address(context)?,
        };
        let client = Client::http(&url, None)?;
        let language = context.ui.language;
        let answer = client.text(Call::get("/readyz").patience(TIMEOUT)).await;
        let text = answer.map_err(|fault| match fault {
            Fault::Trouble(problem) => {
                let why = language.problem(&problem.code).unwrap_or(&problem.detail).to_owned();
                Fault::Unreachable(Unreached::NotReady { url, why })
            }
            Fault::Refused(refusal) => Fault::Unreachable(Unreached::Answered { url, said: refusal.problem.detail }),
            other @ (Fault::Failed(_)
            | Fault::Usage(_)
            | Fault::Configuration(_)
            | Fault::Unreachable(_)
            | Fault::Said(_)
            | Fault::Pipe) => other,
        })?;
        if let Ok(health) = serde_json::from_str::<Health>(&text) {
            health.notes(context.ui.language).into_iter().for_each(note);
        }
        print("ok\n")
    }
}

impl Health {
    /// What is wrong although RMM works.
    pub(super) fn notes(&self, language: Language) -> Vec<&'static str> {
        let words = words::words(language);
        let record = self.record.as_ref().map(|_| words.record_changed);
        let token = self.telegram.as_ref().map(|_| words.token_refused);
        let chats = self.chats.as_ref().map(|_| words.chat_takes_nothing);
        let backups = self.backups.as_ref().map(|_| words.backups_need_a_look);
        record.into_iter().chain(token).chain(chats).chain(backups).collect()
    }
}

/// Says what is wrong although RMM works. Best effort: an RMM that cannot say it has other troubles, which are told elsewhere.
pub(super) async fn note_troubles(client: &Client, language: Language) {
    if let Ok((health, _)) = client.json::<Health>(Call::get("/readyz")).await {
        health.notes(language).into_iter().for_each(note);
    }
}

/// Where the RMM of the configuration listens: what it noted itself when it started, or what is configured.
pub(super) fn address(context: &Context) -> Result<String, Fault> {
    let local = context.local()?;
    let noted = std::fs::read_to_string(DataDir::new(&local.data_dir).address()).ok();
    let noted = noted.and_then(|text| text.trim().parse::<SocketAddr>().ok());
    let address = match (noted, local.config) {
        (Some(address), _) => address,
        (None, Ok(config)) => config.server.listen,
        (None, Err(errors)) => return Err(errors.into()),
    };
    Ok(format!("http://{}", from_here(address)))
}

/// An address that listens everywhere is asked on this machine.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everywhere_is_here() {
        assert_eq!(from_here("0.0.0.0:80".parse().unwrap()).to_string(), "127.0.0.1:80");
        assert_eq!(from_here("[::]:80".parse().unwrap()).to_string(), "[::1]:80");
        assert_eq!(from_here("10.0.0.1:80".parse().unwrap()).to_string(), "10.0.0.1:80");
    }
}
