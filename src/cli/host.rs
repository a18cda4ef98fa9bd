//! `rmm host …`: which servers there are, whether all is well there, and which keys are trusted.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::{Args, Subcommand};
use futures_util::future::join_all;
use serde_json::json;

use super::{answers, findings, words};
use crate::api_client::{Call, Client, Context, FAILED, Fault, Intent, print};
use crate::contract::{self, TrustHost};
use crate::domain::fault::cli::{CliFault, CliNote};
use crate::domain::finding::Finding;
use crate::domain::host::KeyState;
use crate::domain::plan::url_part;
use crate::terminal::{Column, Table, Tone, Ui, clean, note, sentence};
use crate::wording::Language;

/// How long a check may take; RMM itself gives a host two minutes.
const CHECK: Duration = Duration::from_secs(150);

/// Hosts.
#[derive(Debug, Subcommand)]
pub enum Host {
    /// List hosts with their keys and the services that use them
    #[command(after_help = "Example:\n  rmm host list\n\n\
        KEY: trusted (an admin confirmed it), pinned (rmm.toml names it), unknown (waits for `rmm host trust`), \
        changed (the host has none of those and shows another one: nothing is sent to it), never seen (`rmm host check` looks).")]
    List {
        /// Print the answer of the API
        #[arg(long)]
        json: bool,
    },
    /// Look whether hosts are ready: the way there, key, login, and what their services need
    #[command(after_help = "Examples:\n  rmm host check\n  rmm host check prod-1 stage-1\n  \
        rmm host check --json | jq '.[].findings[] | select(.state == \"fail\")'\n\n\
        Each thing that a release will do there is tried, as the user who will do it: run files, git and the \
        repository, docker, folders, what a run looks at first (who holds the folder, whose the compose project is, room on \
        the disks), whether another RMM works there, what health checks ask, jump hosts. What no service needs there \
        is not asked for. Nothing is changed on the hosts. Exit status 1: something fails, and each failure says what to type. \
        4: RMM itself is not reachable.")]
    Check {
        /// The hosts; default: all
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Print the answers of the API, as a list
        #[arg(long)]
        json: bool,
    },
    /// Trust the key that a host shows
    Trust(Trust),
}

/// Trust a key.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm host trust prod-1\n  \
    rmm host trust prod-1 --fingerprint SHA256:jZ1dW9V5oB7mE0sQ4cXtK2yLr8fHnGpUaTiD3kYvReM\n\n\
    Compare the fingerprint first, on the host itself and not through the network:\n  \
    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n\n\
    Runs that wait for the key go on. A key of rmm.toml (`host_key`) is changed there.")]
pub struct Trust {
    /// The host
    name: String,
    /// The key's fingerprint; without it, the host is asked and you are
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Option<String>,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Host {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        match self {
            Self::List { json } => {
                let client = Client::connect(context, Intent::Look).await?;
                let (hosts, text): (Vec<contract::HostView>, _) =
                    client.json(Call::get("/api/v1/hosts")).await.map_err(|fault| fault.in_json(json))?;
                if json { print(&format!("{text}\n")) } else { print(&list(&hosts, &context.ui)) }
            }
            Self::Check { names, json } => {
                let client = Client::connect(context, Intent::Administer).await?;
                check_all(&client, names, json, &context.ui).await
            }
            Self::Trust(trust) => trust.run(context).await,
        }
    }
}

fn path(name: &str, what: &str) -> String {
    format!("/api/v1/hosts/{}/{what}", url_part(name))
}

async fn check(client: &Client, name: &str, json: bool) -> Result<(contract::HostCheck, String), Fault> {
    let call = Call::post(path(name, "check"), json!({})).patience(CHECK);
    client.json(call).await.map_err(|fault| fault.in_json(json))
}

fn facts(findings: Vec<contract::Finding>) -> Vec<Finding> {
    findings.into_iter().map(Finding::from).collect()
}

/// What is found on each of these hosts.
pub(super) async fn check_each(client: &Client, names: Vec<String>) -> Vec<(String, Result<Vec<Finding>, Fault>)> {
    let look = |name: String| async move {
        let found = check(client, &name, false).await.map(|(found, _)| facts(found.findings));
        (name, found)
    };
    join_all(names.into_iter().map(look)).await
}

async fn check_all(client: &Client, names: Vec<String>, json: bool, ui: &Ui) -> Result<(), Fault> {
    let names = if names.is_empty() {
        let hosts: Vec<contract::HostView> = client.get("/api/v1/hosts").await.map_err(|fault| fault.in_json(json))?;
        hosts.into_iter().map(|host| host.name).collect()
    } else {
        names
    };
    let mut failed = Vec::new();
    let mut answers = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let (found, text) = check(client, name, json).await?;
        if found.findings.iter().any(contract::Finding::fails) {
            failed.push(name.as_str());
        }
        if json {
            answers.push(text);
        } else {
            print(&format!(
                "{}{}",
                if at > 0 { "\n" } else { "" },
                findings::report(&found.host.name, &facts(found.findings), ui)
            ))?;
        }
    }
    if json {
        print(&format!("[{}]\n", answers.join(",")))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    note(&ui.language.cli_note(&CliNote::HostsNotReady { hosts: failed.into_iter().map(ToOwned::to_owned).collect() }));
    Err(Fault::Said(FAILED))
}

impl Trust {
    async fn run(self, context: &Context) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Administer).await?;
        let fingerprint = match &self.fingerprint {
            Some(fingerprint) => fingerprint.clone(),
            None => self.ask(&client, context.ui.language).await?,
        };
        let call = Call::post(path(&self.name, "trust"), TrustHost { fingerprint });
        let text = client.text(call).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            return print(&format!("{text}\n"));
        }
        print(&answers::trusted(context.ui.language, &self.name))
    }

    /// Shows the key that the host shows, and asks.
    async fn ask(&self, client: &Client, language: Language) -> Result<String, Fault> {
        let words = words::words(language);
        let (found, _) = check(client, &self.name, self.json).await?;
        let Some(key) = found.host.offered else {
            let why = found.findings.iter().find(|finding| finding.fails()).map(|finding| clean(&finding.detail));
            let host = self.name.clone();
            return Err(match why {
                Some(why) => Fault::failed(CliFault::NoKey { host, why: sentence(&why) }),
                None => Fault::refuses("nothing_to_trust", CliFault::NoKeyToTrust { host }),
            });
        };
        let (fingerprint, algorithm) = (clean(key.fingerprint.as_str()), clean(&key.algorithm));
        note(&answers::shows_key(language, &self.name, &fingerprint, &algorithm));
        if found.host.key == KeyState::Changed {
            let before = found.host.fingerprint.as_deref().map(clean).unwrap_or_default();
            note(&format!("{}\n", language.cli_note(&CliNote::AnotherKey { before })));
        }
        let file = key_file(&algorithm);
        note(&format!("{}\n  ssh-keygen -lf {file}\n", words.compare_it));
        let again = format!("rmm host trust {} --fingerprint {fingerprint}", self.name);
        if !io::stdin().is_terminal() {
            let refusal = Fault::refused("not_confirmed", words.no_terminal);
            return Err(refusal.hint(format!("{}\n  {again}", words.once_compared)));
        }
        let mut err = io::stderr();
        // A reader who does not see the question does not say yes.
        let _ = write!(err, "{} [y/N] ", words.is_it_the_same).and_then(|()| err.flush());
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        if read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            return Ok(fingerprint);
        }
        Err(Fault::refused("not_confirmed", words.nothing_trusted).hint(format!("{}\n  {again}", words.later)))
    }
}

/// Where a host keeps the key of a type.
fn key_file(algorithm: &str) -> &'static str {
    match algorithm {
        rsa if rsa.contains("rsa") => "/etc/ssh/ssh_host_rsa_key.pub",
        ecdsa if ecdsa.starts_with("ecdsa") => "/etc/ssh/ssh_host_ecdsa_key.pub",
        _ => "/etc/ssh/ssh_host_ed25519_key.pub",
    }
}

fn list(hosts: &[contract::HostView], ui: &Ui) -> String {
    let words = words::words(ui.language);
    let mut table = Table::new([
        Column::new(words.host_column).least(10),
        Column::new(words.address_column).optional(3),
        Column::new(words.user_column).optional(2).least(8),
        Column::new(words.key_column),
        Column::new(words.fingerprint_column).optional(1),
        Column::new(words.services_column).least(10),
    ]);
    for host in hosts {
        let (key, tone) = match host.key.known() {
            Some(KeyState::Trusted | KeyState::Pinned) => (words::key(ui, host), Tone::Good),
            Some(KeyState::Changed) => (words.key_changed.to_owned(), Tone::Bad),
            Some(KeyState::NotNeeded) => ("-".to_owned(), Tone::Dim),
            Some(KeyState::Unknown | KeyState::NeverSeen) | None => (words::key(ui, host), Tone::Waiting),
        };
        let mut uses = host.services.clone();
        let behind: Vec<_> =
            hosts.iter().filter(|other| other.jump.contains(&host.name)).map(|other| other.name.as_str()).collect();
        if !behind.is_empty() {
            let behind = behind.join(", ");
            uses.push(match ui.language {
                Language::En => format!("jump host of {behind}"),
                Language::Ru => format!("промежуточный хост для {behind}"),
            });
        }
        let shown = host.offered.as_ref().map(|key| key.fingerprint.to_string());
        table.row([
            (host.name.clone(), Tone::Plain),
            (place(host, ui.language), Tone::Plain),
            (host.user.clone().unwrap_or_else(|| "-".to_owned()), Tone::Plain),
            (key, tone),
            (host.fingerprint.clone().or(shown).unwrap_or_else(|| "-".to_owned()), Tone::Dim),
            (if uses.is_empty() { "-".to_owned() } else { uses.join(", ") }, Tone::Plain),
        ]);
    }
    let mut out = table.render(ui);
    for host in hosts {
        let next = match host.key.known() {
            Some(KeyState::Unknown) => format!("rmm host trust {}", clean(&host.name)),
            Some(KeyState::Changed | KeyState::NeverSeen) => format!("rmm host check {}", clean(&host.name)),
            Some(KeyState::Trusted | KeyState::Pinned | KeyState::NotNeeded) | None => continue,
        };
        out.push_str(&format!("\n{}: {next}", clean(&host.name)));
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Where a host is, and through which others it is reached.
fn place(host: &contract::HostView, language: Language) -> String {
    let address = host.address.as_deref().unwrap_or("-");
    match language {
        _ if host.jump.is_empty() => address.to_owned(),
        Language::En => format!("{address} through {}", host.jump.join(", ")),
        Language::Ru => format!("{address} через {}", host.jump.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn host(name: &str, key: &str) -> contract::HostView {
        serde_json::from_value(json!({
            "name": name, "address": "prod-1.example.com:22", "user": "deploy", "key": key, "fingerprint": null,
            "offered": {"algorithm": "ssh-ed25519", "fingerprint": KEY}, "services": ["shop"],
        }))
        .unwrap()
    }

    #[test]
    fn a_list_says_what_to_do() {
        let text =
            list(&[host("prod-1", "unknown"), host("prod-2", "changed"), host("prod-3", "trusted")], &Ui::test(120));
        for part in ["prod-1.example.com:22", KEY, "prod-1: rmm host trust prod-1", "CHANGED", "host check prod-2"] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        assert!(!text.contains("prod-3: "), "{text}");
    }

    #[test]
    fn a_jump_host_says_whose_and_addresses_are_whole() {
        let bastion = contract::HostView { services: Vec::new(), ..host("bastion", "trusted") };
        let behind = contract::HostView {
            address: Some("a-rather-long-name.of.a.machine.internal.example.com:22".to_owned()),
            jump: vec!["bastion".to_owned()],
            ..host("prod-1", "trusted")
        };
        let text = list(&[bastion, behind], &Ui::test(120));
        assert!(text.contains("jump host of prod-1\n"), "{text}");
        assert!(text.contains("a-rather-long-name.of.a.machine.internal.example.com:22 through bastion"), "{text}");
    }

    #[test]
    fn a_report_shows_what_fails_and_what_to_type() {
        let found: contract::HostCheck = serde_json::from_value(json!({
            "host": {"name": "prod-1", "key": "trusted", "services": []},
            "findings": [
                {"name": "reachable", "state": "ok", "detail": "yes", "fix": null},
                {"name": "docker", "state": "fail", "detail": "no\u{1b}[2J", "fix": "sudo usermod -aG docker deploy"},
                {"name": "repository", "state": "fail", "detail": "it cannot", "fix": "ssh ".repeat(60)},
            ],
        }))
        .unwrap();
        let text = findings::report(&found.host.name, &facts(found.findings), &Ui::test(80));
        assert!(text.contains("  ok    reachable   yes\n"), "{text}");
        assert!(text.contains("  FAIL  docker      no·[2J\n"), "{text}");
        assert!(text.contains("                    sudo usermod -aG docker deploy\n"), "{text}");
        assert!(text.contains(&"ssh ".repeat(60)), "what is to be pasted is not wrapped: {text}");
    }
}
