//! Looks at a host before RMM relies on it: one script, a list of findings, and for each what to type.
//!
//! Must not: change anything on the host, or believe what it says to be harmless: a host's words are cut, cleaned and
//! shown, nothing else.

mod findings;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use self::findings::Said;
use super::tools;
use super::transport::{EnvPair, Transport, TransportError};
use crate::domain::finding::host::{AskedFrom, Place};
use crate::domain::finding::{Finding, HostFact, State, Topic};
use crate::domain::plan::shell_word;
use crate::wording::english;

const SCRIPT: &str = include_str!("checkup.sh");
/// What every line of the script begins with.
const MARK: &str = "rmm-checkup\t";
/// Bytes of output that are read; a host that says more is not listened to.
const MAX_OUTPUT_BYTES: u64 = 256 * 1024;
/// How long words on standard error are waited for, when the script broke off.
const STDERR_TIMEOUT: Duration = Duration::from_secs(2);

/// What lets RMM through a host.
pub const ALLOW_FORWARDING: &str =
    "echo 'AllowTcpForwarding local' | sudo tee /etc/ssh/sshd_config.d/00-rmm.conf && sudo systemctl reload ssh";

/// How long an address may take that is asked through the host.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take where a name has to be looked up first.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether docker says, in one way or another, that it knows no `docker compose`.
#[must_use]
pub fn lacks_compose(said: &str) -> bool {
    // Without the plugin, the flags of `docker compose up -d` are taken for those of docker itself.
    let flags = ["unknown flag: ", "unknown shorthand flag: "].iter().any(|words| said.contains(words));
    said.contains("unknown command: docker compose")
        || said.contains("'compose' is not a docker command")
        || (flags && said.contains("docker [OPTIONS] COMMAND"))
}

/// Why a host could not be asked.
#[must_use]
pub fn unasked(error: &TransportError) -> Finding {
    let topic = match error {
        TransportError::Jump { .. } => Topic::Jump,
        TransportError::UnknownKey(_) | TransportError::KeyChanged { .. } => Topic::Key,
        TransportError::Login(_) => Topic::Login,
        TransportError::Unreachable(_)
        | TransportError::Refused(_)
        | TransportError::Silent(_)
        | TransportError::Forbidden(_) => Topic::Reachable,
        TransportError::ProgramMissing { .. } | TransportError::Start(_) | TransportError::Died(_) => Topic::Shell,
    };
    Finding::fail(topic, error.reason())
}

/// What is wanted of a host. What nothing there needs is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whom RMM logs in as.
    pub user: Option<String>,
    /// Where the files of steps go; by default below the user's home.
    pub files: Option<String>,
    /// Some surface is checked out there.
    pub git: bool,
    /// Some surface is started with docker there.
    pub docker: bool,
    /// The directories of its surfaces where RMM checks code out.
    pub directories: Vec<String>,
    /// The directories where commands run in what is there already.
    pub folders: Vec<String>,
    /// What runs look at before they touch anything.
    pub looks: Vec<Look>,
    /// The repositories that are fetched from there.
    pub repositories: Vec<Repository>,
    /// What health checks ask through the host.
    pub asked: Vec<Asked>,
}

/// What a run looks at in one place before it touches anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The place.
    pub place: Place,
    /// Calls of RMM's own shell functions, as a plan makes them.
    pub calls: String,
}

/// A repository that a host fetches from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// As git takes it.
    pub url: String,
    /// The authorities that its certificate is checked against, in PEM format.
    pub ca: Option<String>,
}

/// What a health check asks through a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// A name or an IP address, as the host sees it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether it is another one, since the right one is not known before a release.
    pub instead: bool,
    /// Whether RMM asks from its own machine.
    pub here: bool,
}

impl Wanted {
    /// What the script is told, and what it finds in its environment.
    fn told(&self) -> (Vec<String>, Vec<EnvPair>) {
        let mut args = Vec::new();
        let mut env = Vec::new();
        args.extend(self.files.as_ref().map(|files| format!("files={files}")));
        args.extend(self.git.then(|| "git".to_owned()));
        args.extend(self.docker.then(|| "docker".to_owned()));
        args.extend(self.directories.iter().map(|directory| format!("directory={directory}")));
        args.extend(self.folders.iter().map(|folder| format!("folder={folder}")));
        for (index, look) in self.looks.iter().enumerate() {
            let number = index + 1;
            args.push(format!("look={number}"));
            env.push((format!("RMM_LOOK_{number}"), SecretString::from(look.calls.as_str())));
        }
        for (index, repository) in self.repositories.iter().enumerate() {
            args.push(format!("repository={}", repository.url));
            env.extend(
                repository.ca.as_ref().map(|ca| (format!("RMM_CA_{}", index + 1), SecretString::from(ca.as_str()))),
            );
        }
        (args, env)
    }
}

/// Looks at a host. `now` tells RMM's time; the whole takes at most `timeout`.
pub async fn checkup(
    host: &dyn Transport,
    wanted: &Wanted,
    now: &(dyn Fn() -> Timestamp + Sync),
    timeout: Duration,
) -> Vec<Finding> {
    let mut said = Said::new(now());
    let heard = tokio::time::timeout(timeout, listen(host, wanted, now, &mut said)).await;
    let trouble = match heard {
        Ok(Ok(None)) => None,
        Ok(Ok(Some(trouble))) => {
            // A shell that has begun with the script is not to blame.
            let user = wanted.user.as_deref().filter(|_| !said.has_begun());
            let finding = Finding::fail(Topic::Shell, trouble);
            Some(Finding { remedy: user.map(|user| findings::other_shell(user).into()), ..finding })
        }
        Ok(Err(error)) => Some(unasked(&error)),
        Err(_) => Some(Finding::fail(Topic::Shell, HostFact::AnswersLate { limit: timeout })),
    };
    let reached = trouble.is_none();
    let mut findings = said.findings(wanted, trouble);
    if reached {
        findings.extend(futures_util::future::join_all(wanted.asked.iter().map(|asked| ask(host, asked))).await);
    }
    findings
}

impl Asked {
    fn is_by_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }

    const fn topic(&self) -> Topic {
        if self.here { Topic::Health } else { Topic::Forwarding }
    }

    const fn from(&self) -> AskedFrom {
        if self.here { AskedFrom::Rmm } else { AskedFrom::Host }
    }
}

/// Whether words say that a name leads nowhere.
#[must_use]
pub fn is_unresolved(said: &str) -> bool {
    let words = [
        "does not resolve",
        "no name server said",
        "no name server tells",
        "has no address",
        "Name or service not known",
        "Name does not resolve",
        "name resolution",
        "No address associated",
        "nodename nor servname",
    ];
    words.iter().any(|words| said.contains(words))
}

/// Whether what a health check will ask can be asked, from RMM's own machine or through a host.
pub async fn ask(host: &dyn Transport, asked: &Asked) -> Finding {
    let (from, address, instead) = (asked.from(), format!("{}:{}", asked.host, asked.port), asked.instead);
    let limit = if asked.is_by_name() { LOOKUP_TIMEOUT } else { FORWARD_TIMEOUT };
    match host.connect(&asked.host, asked.port, limit).await {
        Ok(_) => Finding::ok(asked.topic(), HostFact::Askable { address, from }),
        Err(TransportError::Forbidden(cause)) => {
            let fact = HostFact::AskedForbidden { address, from, cause, instead };
            match instead {
                false => Finding::fail(asked.topic(), fact).with(ALLOW_FORWARDING),
                true => Finding::warn(asked.topic(), fact),
            }
        }
        Err(TransportError::Refused(cause) | TransportError::Silent(cause))
            if asked.is_by_name() && is_unresolved(&english(&cause)) =>
        {
            // An sshd that was asked for the name itself does not say what it waits for.
            let state = if english(&cause).contains("; perhaps") { State::Warn } else { State::Fail };
            let fact = HostFact::AskedNowhere { address, from, cause };
            let look = format!("getent hosts {}", shell_word(&asked.host));
            Finding { state, ..Finding::fail(asked.topic(), fact).with(look) }
        }
        Err(TransportError::Refused(_) | TransportError::Silent(_)) => {
            Finding::ok(asked.topic(), HostFact::AskableSilent { address, from })
        }
        Err(error) => Finding { topic: asked.topic(), ..unasked(&error) },
    }
}

/// Runs the script and hears what it says; what went wrong on the way, if anything.
async fn listen(
    host: &dyn Transport,
    wanted: &Wanted,
    now: &(dyn Fn() -> Timestamp + Sync),
    said: &mut Said,
) -> Result<Option<HostFact>, TransportError> {
    let (args, env) = wanted.told();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let channel = host.exec(&tools::with(SCRIPT), &args, &env).await?;
    let mut lines = BufReader::new(channel.stdout.take(MAX_OUTPUT_BYTES));
    let (mut line, mut noise) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line).await {
            Ok(0) => break,
            Ok(_) if said.hear(&line, now) => {}
            Ok(_) => noise.clone_from(&line),
            Err(error) => return Err(TransportError::lost(error)),
        }
    }
    if said.complete() {
        return Ok(None);
    }
    let mut words = first_words(channel.stderr).await;
    if words.is_empty() && !said.has_begun() {
        // `nologin` says it here.
        words = findings::clean(&noise[..noise.len().min(300)]);
    }
    let status = channel.status.await?;
    let said_so = Some(words).filter(|words| !words.is_empty());
    Ok(Some(if said.has_begun() {
        HostFact::ShellBroke { status, said: said_so }
    } else {
        HostFact::ShellRefuses { status, said: said_so }
    }))
}

async fn first_words(stream: Box<dyn AsyncRead + Send + Unpin>) -> String {
    let mut bytes = Vec::new();
    let mut stream = stream.take(1024);
    // What came so far is worth telling, whether more follows or not.
    let _ = tokio::time::timeout(STDERR_TIMEOUT, stream.read_to_end(&mut bytes)).await;
    findings::clean(&bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}
