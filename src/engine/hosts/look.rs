//! What `host check` finds on a host: the way there and its key first, and only behind a good one the rest.

use std::sync::Arc;
use std::time::Duration;

use super::keys::{compare, key_state, may_show};
use super::uses::{Use, asked};
use super::{KeyState, configured, kept};
use crate::clients::checkup::{ALLOW_FORWARDING, Asked, ask, checkup, unasked};
use crate::clients::detached::StepError;
use crate::clients::git::Unresolved;
use crate::clients::health;
use crate::clients::ssh::Ssh;
use crate::clients::transport::{Transport, TransportError};
use crate::domain::env::Env;
use crate::domain::fault::HealthFault;
use crate::domain::fault::repository::RepositoryFault;
use crate::domain::finding::{Finding, Found, HostFact, Remedy, State, Topic};
use crate::domain::host::{Fingerprint, Host, HostKey};
use crate::domain::ids::{HostName, ServiceName};
use crate::domain::person::{Actor, Right};
use crate::domain::plan::{clone_url, known, shell_word};
use crate::domain::reason::Reason;
use crate::domain::service::{Health, Probe};
use crate::engine::catalog::Catalog;
use crate::engine::source::Source;
use crate::engine::{Engine, Failure};
use crate::store::hosts;

/// How long all the hosts on the way may take to let RMM in.
const WAY_TIME: Duration = Duration::from_secs(30);
/// How long a host may take to show its key in `host check`.
const KEY_TIME: Duration = Duration::from_secs(30);
/// How long a host may take to answer everything else.
const CHECK_TIME: Duration = Duration::from_secs(45);
/// How long it may take to find out who else works there, and what is asked from here.
const REST_TIME: Duration = Duration::from_secs(20);
/// How long a host may take to lead on to another one.
const ONWARD_TIME: Duration = Duration::from_secs(10);

impl Engine {
    /// Looks at a host, and remembers the key that it shows. Takes at most two minutes.
    ///
    /// # Errors
    /// A refusal when there is no such host, or the actor is no admin. What is wrong with the host is a finding.
    pub async fn check_host(&self, actor: &Actor, name: &HostName) -> Result<Vec<Finding>, Failure> {
        actor.may(Right::Administer, None, false)?;
        let mut findings = self.look_at_host(name).await?;
        let catalog = self.catalog();
        for finding in &mut findings {
            catalog.redactor().hide_in(finding);
        }
        let (now, name, text) = (self.now(), name.clone(), kept::text(&findings));
        // Best effort: what was found is told, whatever the disk takes.
        let _ = self.store().write(move |tx| hosts::note_check(tx, &name, &text, now)).await;
        Ok(findings)
    }

    async fn look_at_host(&self, name: &HostName) -> Result<Vec<Finding>, Failure> {
        let catalog = self.catalog();
        let mut findings = Vec::new();
        if name.is_local() {
            findings.push(Finding::ok(Topic::Reachable, HostFact::OwnMachine));
            let mut used = Use::of(&catalog, name);
            used.wanted.files = Some(self.ports().run_place.path().display().to_string());
            let around = self.look_around(&catalog, name, &used, self.ports().local.as_ref());
            let (around, own) = futures_util::join!(around, own_git(&catalog));
            findings.extend(around);
            findings.extend(own);
            return Ok(findings);
        }
        let host = configured(&catalog, name)?;
        let until = tokio::time::Instant::now() + WAY_TIME;
        for (hop, ssh) in self.way(&host).await? {
            let asked = tokio::time::timeout_at(until, ssh.log_in()).await;
            let late = || TransportError::Unreachable(Reason::AnswerLate { limit: WAY_TIME });
            let finding = self.hop_found(&hop, asked.unwrap_or_else(|_| Err(late()))).await?;
            let failed = finding.state == State::Fail;
            findings.push(finding);
            if failed {
                return Ok(findings);
            }
        }
        let ssh = self.ssh(host.clone()).await?;
        let offered = match tokio::time::timeout(KEY_TIME, ssh.offered_key()).await {
            Ok(Ok(key))
            | Ok(Err(TransportError::UnknownKey(key) | TransportError::KeyChanged { offered: key, .. })) => key,
            Ok(Err(error)) => {
                findings.push(unreached(&host, error.reason()));
                return Ok(findings);
            }
            Err(_) => {
                let fact = HostFact::ShowsNoKey { address: host.address.to_string(), limit: KEY_TIME };
                findings.push(unreached(&host, fact));
                return Ok(findings);
            }
        };
        findings.push(Finding::ok(Topic::Reachable, HostFact::SshAnswers { address: host.address.to_string() }));
        self.note_key(name, &host.address, offered.clone()).await?;
        let known = self.known(name).await?;
        let (state, fact) = about_key(&host, &may_show(&host, known.as_ref(), &host.address), &offered);
        let good = state == State::Ok;
        findings.push(Finding { state, remedy: key_remedy(&host, &offered, &fact), ..Finding::ok(Topic::Key, fact) });
        if good {
            let later = self.look_behind_the_key(&catalog, &host, &ssh).await;
            findings.retain(|one| later.iter().all(|other| other.topic != one.topic));
            findings.extend(later);
        }
        Ok(findings)
    }

    /// The hosts on the way to a host, and the way to each.
    async fn way(&self, host: &Host) -> Result<Vec<(Arc<Host>, Arc<Ssh>)>, Failure> {
        let catalog = self.catalog();
        let mut way = Vec::new();
        for at in 0..host.jump.len() {
            let hop = configured(&catalog, &host.jump[at])?;
            // The way to it is the one that leads to the host, whatever its own is.
            let reached = Host { jump: host.jump[..at].to_vec(), ..Host::clone(&hop) };
            way.push((hop, self.ssh(Arc::new(reached)).await?));
        }
        Ok(way)
    }

    /// What a host on the way says to RMM; remembers the key that it has shown.
    async fn hop_found(&self, hop: &Host, asked: Result<(), TransportError>) -> Result<Finding, Failure> {
        let Host { name, address, user, .. } = hop;
        let Err(error) = asked else {
            let (host, user, address) = (name.clone(), user.clone(), address.to_string());
            return Ok(Finding::ok(Topic::Jump, HostFact::Through { host, user, address }));
        };
        let (TransportError::UnknownKey(key) | TransportError::KeyChanged { offered: key, .. }) = &error else {
            let why = Reason::OnTheWay { host: name.clone(), cause: Box::new(error.reason()) };
            return Ok(Finding::fail(Topic::Jump, why).with(format!("rmm host check {name}")));
        };
        self.note_key(name, address, key.clone()).await?;
        let known = self.known(name).await?;
        let (state, fact) = about_key(hop, &may_show(hop, known.as_ref(), address), key);
        let remedy = key_remedy(hop, key, &fact);
        let fact = HostFact::OfJumpHost { host: name.clone(), found: Box::new(fact) };
        Ok(Finding { state, remedy, ..Finding::ok(Topic::Jump, fact) })
    }

    async fn look_behind_the_key(&self, catalog: &Catalog, host: &Host, ssh: &Ssh) -> Vec<Finding> {
        let mut used = Use::of(catalog, &host.name);
        used.wanted.user = Some(host.user.clone());
        let mut findings = Vec::new();
        if used.leads_on_only() {
            // Its user may have no shell at all.
            match ssh.log_in().await {
                Ok(()) => {
                    let fact = HostFact::LoginOnly { user: host.user.clone(), address: host.address.to_string() };
                    findings.push(Finding::ok(Topic::Login, fact));
                }
                Err(error) => return vec![unasked(&error)],
            }
        } else {
            findings.extend(self.look_around(catalog, &host.name, &used, ssh).await);
        }
        let onward = used.leads_to.iter().filter_map(|name| catalog.host(name)).map(|next| onward(ssh, next));
        findings.extend(futures_util::future::join_all(onward).await);
        findings
    }

    async fn look_around(&self, catalog: &Catalog, name: &HostName, used: &Use, host: &dyn Transport) -> Vec<Finding> {
        let mut findings = checkup(host, &used.wanted, &|| self.now(), CHECK_TIME).await;
        let rest = async {
            let holders = used.runs.iter().map(|(service, kind)| self.holder(service, *kind, name));
            let questions = used.asked_here.iter().map(|health| self.question(catalog, health));
            let (holders, questions) =
                futures_util::join!(futures_util::future::join_all(holders), futures_util::future::join_all(questions));
            holders.into_iter().chain(questions).flatten().collect::<Vec<_>>()
        };
        findings.extend(tokio::time::timeout(REST_TIME, rest).await.unwrap_or_default());
        findings
    }

    /// Who else works on a service there: what a run would be told when it comes.
    async fn holder(&self, service: &ServiceName, kind: Env, host: &HostName) -> Option<Finding> {
        let last = match self.last_run_on(service, kind, host).await {
            Ok(last) => last,
            Err(StepError::Transport(_)) => return None,
            Err(error) => return Some(Finding::fail(Topic::Holder, error.reason())),
        };
        let token = last.token?;
        let known = self.knows(service, kind, &token).await.unwrap_or(true);
        (!known).then(|| Finding::fail(Topic::Holder, self.stranger(service, kind, host, &token)))
    }

    /// Whether what a health check asks from RMM's own machine can be asked.
    async fn question(&self, catalog: &Catalog, health: &Health) -> Option<Finding> {
        let asked = asked(health).filter(|asked| !asked.instead)?;
        let found = ask(self.ports().local.as_ref(), &Asked { here: true, ..asked }).await;
        let Probe::Http { url, status, body, ca, .. } = &health.probe else { return Some(found) };
        if found.state != State::Ok || !url.starts_with("https:") || !known::is_whole(url) {
            return Some(found);
        }
        let expected = health::Expected { status: *status, body: body.as_deref() };
        let certificates = ca.as_deref().and_then(|reference| catalog.certificates(reference));
        match self.ports().prober.get(url, expected, certificates, ONWARD_TIME).await {
            Err(HealthFault::Unreached { .. }) => Some(found),
            Err(fault) => Some(Finding::warn(Topic::Health, HostFact::Unwell { cause: Reason::Health { fault } })),
            Ok(_) => Some(found),
        }
    }
}

/// What RMM's own git finds of the repositories of services: it asks them for tags and commits, with every driver.
async fn own_git(catalog: &Catalog) -> Vec<Finding> {
    let mut asked = Vec::new();
    for service in catalog.in_force() {
        let Some(repository) = &service.repository else { continue };
        let one = (clone_url(repository), service.repository_ca.clone());
        if asked.iter().all(|(_, known)| *known != one)
            && let Some(source) = Source::of(catalog, &service.name)
        {
            asked.push((source, one));
        }
    }
    let answers = asked.iter().map(async |(source, (url, _))| {
        let answer = tokio::time::timeout(REST_TIME, source.answers()).await;
        let late = || Unresolved::ForNow(Reason::AnswerLate { limit: REST_TIME });
        let Err(unresolved) = answer.unwrap_or_else(|_| Err(late())) else {
            let (url, by_api) = (url.clone(), source.is_at_github());
            return Finding::ok(Topic::OwnGit, HostFact::OwnRepositoryAnswers { url, by_api });
        };
        let (Unresolved::ForGood(why) | Unresolved::NoTag(why) | Unresolved::ForNow(why)) = unresolved;
        // The command stands on a line of its own.
        let (why, fix) =
            if let Reason::Repository { fault: RepositoryFault::NotRead { url, said, fix: Some(fix), .. } } = why {
                (Reason::Repository { fault: RepositoryFault::NotRead { url, said, advice: None, fix: None } }, fix)
            } else {
                let by_hand = format!("git ls-remote -- {} HEAD", shell_word(url));
                (why, by_hand)
            };
        let why = why.map_text(&|text| catalog.redactor().text(text));
        Finding::fail(Topic::OwnGit, why).with(fix)
    });
    futures_util::future::join_all(answers).await
}

/// Whether a host leads on to the next one.
async fn onward(ssh: &Ssh, next: &Host) -> Finding {
    let (host, address) = (next.name.clone(), next.address.to_string());
    match ssh.reach(&next.address.host, next.address.port, ONWARD_TIME).await {
        Ok(_) => Finding::ok(Topic::LeadsTo, HostFact::LeadsOn { host, address }),
        Err(error @ TransportError::Forbidden(_)) => {
            let fact = HostFact::LeadsOnNever { host, cause: error.reason() };
            Finding::fail(Topic::LeadsTo, fact).with(ALLOW_FORWARDING)
        }
        Err(error) => {
            let check = format!("rmm host check {host}");
            Finding::warn(Topic::LeadsTo, HostFact::LeadsOnNotNow { host, cause: error.reason() }).with(check)
        }
    }
}

fn unreached(host: &Host, why: impl Into<Found>) -> Finding {
    let Host { user, address, jump, .. } = host;
    let word = shell_word(&format!("{user}@{}", address.host));
    // From elsewhere it says nothing.
    let try_it = jump.is_empty().then(|| format!("ssh -p {} {word} true", address.port).into());
    Finding { remedy: try_it, ..Finding::fail(Topic::Reachable, why) }
}

/// How the key of a host stands.
fn about_key(host: &Host, may: &[Fingerprint], offered: &HostKey) -> (State, HostFact) {
    let key = offered.clone();
    match key_state(!host.host_keys.is_empty(), may, Some(offered)) {
        KeyState::Pinned => (State::Ok, HostFact::PinnedKey { key }),
        KeyState::Trusted => (State::Ok, HostFact::TrustedKey { key }),
        KeyState::Changed => (State::Fail, HostFact::OtherKey { trusted: may.to_vec(), offered: key }),
        KeyState::Unknown | KeyState::NeverSeen | KeyState::NotNeeded => {
            (State::Fail, HostFact::NewKey { compare: compare(&key.algorithm), key })
        }
    }
}

/// What to type about the key of a host.
fn key_remedy(host: &Host, offered: &HostKey, fact: &HostFact) -> Option<Remedy> {
    if let HostFact::OtherKey { .. } = fact {
        return Some(compare(&offered.algorithm).into());
    }
    let is_new = matches!(fact, HostFact::NewKey { .. });
    is_new.then(|| format!("rmm host trust {} --fingerprint {}", host.name, offered.fingerprint).into())
}
