//! What the configuration says, as the engine uses it. Replaced as a whole when the configuration is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};

use super::clock::{Clock, SystemClock};
use super::kept::Kept;
use super::redact::Redactor;
use crate::clients::github::{Credentials, GitHub, Now, Settings};
use crate::clients::jose::SigningKey;
use crate::config::{Authorities, Backup, Config, FromGithub, Github, GithubLogin, IdTokens, Links, Secrets, Server};
use crate::domain::cause::Cause;
use crate::domain::env::Env;
use crate::domain::fault::github::GithubFault;
use crate::domain::host::Host;
use crate::domain::ids::{HostName, PersonName, ReleaseId, ServiceName};
use crate::domain::mark::MarkKind;
use crate::domain::person::{Person, Role};
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::repository::{GITHUB_API, RepoName};
use crate::domain::rule::{Invalid, Rule};
use crate::domain::service::{Driver, EnvValue, Service};
use crate::domain::text::meant;
use crate::domain::world::People;
use crate::store::tokens::TokenRow;
use crate::wording::Language;

/// How a browser on this machine reaches what listens on an address.
#[must_use]
pub fn http_address(mut listens: SocketAddr) -> String {
    if listens.ip().is_unspecified() {
        let here: IpAddr = if listens.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        listens.set_ip(here);
    }
    format!("http://{listens}")
}

/// Services, hosts, people and secrets.
#[derive(Debug, Default)]
pub struct Catalog {
    services: BTreeMap<ServiceName, Arc<Service>>,
    hosts: BTreeMap<HostName, Arc<Host>>,
    people: Arc<People>,
    secrets: Secrets,
    authorities: Authorities,
    redactor: Arc<Redactor>,
    keep_output: Option<Duration>,
    backup: Option<Backup>,
    links: Links,
    from_github: Option<FromGithub>,
    github_settings: Option<Github>,
    github: Option<Result<GitHub, GithubFault>>,
    server: Option<Server>,
    /// Reference to the token of the bot.
    bot_token: Option<String>,
    effective: String,
    warnings: Vec<String>,
    /// Where relative paths begin.
    folder: PathBuf,
    /// Services of the dashboard whose definitions do not hold; those that have no history are nowhere else.
    aside: BTreeSet<ServiceName>,
    kept: Vec<Kept>,
}

impl Catalog {
    /// The catalog of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            services: config.services.iter().map(|s| (s.name.clone(), Arc::new(s.clone()))).collect(),
            hosts: config.hosts.iter().map(|h| (h.name.clone(), Arc::new(h.clone()))).collect(),
            people: Arc::new(config.people.iter().map(|p| (p.name.clone(), p.clone())).collect()),
            redactor: Arc::new(Redactor::new(config.secrets.values())),
            keep_output: config.logs.keep,
            backup: config.backup.clone(),
            links: config.links.clone(),
            from_github: Some(config.from_github.clone()),
            secrets: config.secrets.clone(),
            authorities: config.authorities.clone(),
            github: config.github.as_ref().map(|github| github_client(config, github, true_time())),
            github_settings: config.github.clone(),
            server: Some(config.server.clone()),
            bot_token: config.telegram.as_ref().map(|telegram| telegram.token.clone()),
            effective: config.effective(),
            warnings: config.warnings.iter().map(ToString::to_string).collect(),
            folder: PathBuf::from(&config.source.1),
            aside: BTreeSet::new(),
            kept: Vec::new(),
        }
    }

    /// Where GitHub goes by the clock of a test.
    #[cfg(test)]
    pub fn at_github_time(mut self, config: &Config, now: &Now) -> Self {
        self.github = config.github.as_ref().map(|github| github_client(config, github, now.clone()));
        self
    }

    /// With what is known already of GitHub's limits: they hold whatever a new configuration says.
    pub(super) fn keep_limits_of(&mut self, before: &Self) {
        if let (Some(Ok(github)), Some(Ok(before))) = (&mut self.github, &before.github) {
            github.keep_limits_of(before);
        }
    }

    /// With services of the dashboard that are put aside.
    #[must_use]
    pub fn with_aside(mut self, aside: impl IntoIterator<Item = ServiceName>) -> Self {
        self.aside.extend(aside);
        self
    }

    /// With services that stay as an earlier configuration has them.
    #[must_use]
    pub(super) fn with_kept(mut self, kept: Vec<Kept>) -> Self {
        self.kept = kept;
        self
    }

    /// Services that stay as an earlier configuration has them.
    pub(super) fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// Services of the dashboard that are put aside, by name.
    pub const fn aside(&self) -> &BTreeSet<ServiceName> {
        &self.aside
    }

    /// Why there is nothing to be had of a service that is not here.
    #[must_use]
    pub fn no_service(&self, name: &ServiceName) -> Refusal {
        let service = name.clone();
        if self.aside.contains(name) {
            return Cause::ServiceAside { service }.into();
        }
        let known = self.services.keys().map(ServiceName::as_str);
        let near = meant(name.as_str(), known).map(ToOwned::to_owned);
        Cause::NoService { service, near }.into()
    }

    /// That there is no such person, and who was probably meant.
    #[must_use]
    pub fn no_person(&self, name: &PersonName) -> Invalid {
        let near = self.person_near(name.as_str());
        Invalid::new("person", Rule::KnownPerson { person: name.clone(), near })
    }

    /// Who was probably meant.
    #[must_use]
    pub fn person_near(&self, name: &str) -> Option<String> {
        meant(name, self.people().keys().map(PersonName::as_str)).map(ToOwned::to_owned)
    }

    /// Whether something new may begin in a service: it is here, and has not left the configuration.
    #[must_use]
    pub fn is_in_force(&self, name: &ServiceName) -> bool {
        self.service(name).is_some_and(|service| !service.retired)
    }

    /// The name under which a service is counted; none: those that have left the configuration are one.
    #[must_use]
    pub fn counted_as<'s>(&self, service: &'s str) -> Option<&'s str> {
        let name = ServiceName::parse("service", service).ok()?;
        self.is_in_force(&name).then_some(service)
    }

    /// The services in which something new may begin, by name: those that have left the configuration are retired.
    pub fn in_force(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services().filter(|service| !service.retired)
    }

    /// The configuration as RMM understood it, as TOML, without secrets.
    #[must_use]
    pub fn effective(&self) -> &str {
        &self.effective
    }

    /// How a service is defined, as TOML, without secrets.
    #[must_use]
    pub fn definition(&self, name: &ServiceName) -> Option<String> {
        self.services.get(name).map(|service| Config::effective_service(service))
    }

    /// Whether admins may define services in the dashboard.
    #[must_use]
    pub fn edits_services(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.edit_services)
    }

    /// Where relative paths of the configuration begin.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is questionable in the configuration.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Proxies that may say for whom a request is.
    #[must_use]
    pub fn trusted_proxies(&self) -> &[IpNet] {
        self.server.as_ref().map_or(&[], |server| &server.trusted_proxies)
    }

    /// Where people and CI reach RMM, where the configuration says it; no slash at the end.
    #[must_use]
    pub fn public_url(&self) -> Option<&str> {
        self.server.as_ref()?.public_url.as_deref()
    }

    /// Where people reach RMM as the configuration has it: by its public address, or on its own machine. No slash at the end.
    #[must_use]
    pub fn address(&self) -> String {
        let listen = self.server.as_ref().map(|server| server.listen);
        let own = || http_address(listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))));
        self.public_url().map_or_else(own, ToOwned::to_owned)
    }

    /// The language of those who have chosen none.
    #[must_use]
    pub fn language(&self) -> Language {
        self.server.as_ref().map_or(Language::En, |server| server.language)
    }

    /// The time zone of people.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        self.server.as_ref().map_or(TimeZone::UTC, |server| server.time_zone.clone())
    }

    /// The way to GitHub, where the configuration has one.
    ///
    /// # Errors
    /// Why it cannot be gone.
    pub fn github(&self) -> Option<Result<&GitHub, &GithubFault>> {
        self.github.as_ref().map(Result::as_ref)
    }

    /// What the configuration says of GitHub.
    #[must_use]
    pub fn github_settings(&self) -> Option<&Github> {
        self.github_settings.as_ref()
    }

    /// What RMM leaves at GitHub; nothing without a login there.
    #[must_use]
    pub fn marks(&self) -> BTreeSet<MarkKind> {
        self.github_settings.as_ref().map(|github| github.marks.clone()).unwrap_or_default()
    }

    /// The page of a release, where RMM has an address that people reach.
    #[must_use]
    pub fn release_page(&self, release: ReleaseId) -> Option<String> {
        Some(format!("{}/releases/{release}", self.public_url()?))
    }

    /// The copies that RMM makes by itself, where it does.
    #[must_use]
    pub fn backup(&self) -> Option<&Backup> {
        self.backup.as_ref()
    }

    /// How long the output of a run is kept after its end; for ever without it.
    #[must_use]
    pub fn keep_output(&self) -> Option<Duration> {
        self.keep_output
    }

    /// Where a trace is shown, where the configuration says that.
    #[must_use]
    pub fn trace_page(&self, trace_id: &str) -> Option<String> {
        self.links.of_trace(trace_id)
    }

    /// Where the log of a moment is shown, or of a trace where one is known, where the configuration says that.
    #[must_use]
    pub fn logs_page(&self, trace_id: Option<&str>, at: Timestamp) -> Option<String> {
        self.links.of_logs(trace_id, at)
    }

    /// Which id tokens of CI are taken; none: it is not known for whom they must be.
    #[must_use]
    pub fn id_tokens(&self) -> Option<&IdTokens> {
        self.from_github.as_ref()?.id_tokens.as_ref()
    }

    /// The secret that GitHub signs its webhooks with; none: no webhook is believed.
    #[must_use]
    pub fn github_webhook_secret(&self) -> Option<SecretString> {
        let reference = self.from_github.as_ref()?.webhook_secret.as_deref()?;
        self.secrets.get(reference).cloned()
    }

    /// Authorities that are trusted beside the public ones where GitHub is asked for something, in PEM format.
    #[must_use]
    pub fn github_ca(&self) -> Option<&str> {
        self.authorities.get(self.from_github.as_ref()?.ca.as_deref()?)
    }

    /// The address of GitHub's API.
    #[must_use]
    pub fn github_api(&self) -> &str {
        self.from_github.as_ref().map_or(GITHUB_API, |github| github.api_url.as_str())
    }

    /// A service.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&Arc<Service>> {
        self.services.get(name)
    }

    /// All services, by name.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// The names of all services, those that have left the file and have a history, too.
    #[must_use]
    pub fn service_names(&self) -> Vec<ServiceName> {
        self.services.keys().cloned().collect()
    }

    /// The way to the GitHub that a service's workflows are at, and what its repository is called there.
    ///
    /// # Errors
    /// Why there is none.
    pub fn github_of(&self, name: &ServiceName) -> Result<(&GitHub, RepoName), Reason> {
        let none = || Reason::NoGithub { service: name.clone() };
        let (github, settings) = self.github().zip(self.github_settings()).ok_or_else(none)?;
        let github = github.map_err(|fault| Reason::Github { fault: fault.clone() })?;
        let repository = self.service(name).and_then(|service| service.repository.as_deref()).ok_or_else(none)?;
        Ok((github, RepoName::of(repository, &settings.api_url).ok_or_else(none)?))
    }

    /// How long a CI system may be silent about a run in an environment of a service.
    #[must_use]
    pub fn report_timeout(&self, name: &ServiceName, environment: Env) -> Duration {
        match self.service(name).map(|service| &service.environment(environment).driver) {
            Some(Driver::Ci { report_timeout, .. }) => *report_timeout,
            Some(Driver::Local | Driver::Ssh) | None => Duration::from_hours(1),
        }
    }

    /// A server that is reached by SSH.
    #[must_use]
    pub fn host(&self, name: &HostName) -> Option<&Arc<Host>> {
        self.hosts.get(name)
    }

    /// All servers that are reached by SSH, by name.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.hosts.values()
    }

    /// Everybody.
    #[must_use]
    pub fn people(&self) -> &Arc<People> {
        &self.people
    }

    /// A person.
    #[must_use]
    pub fn person(&self, name: &PersonName) -> Option<&Person> {
        self.people.get(name)
    }

    /// The redactor of all secrets.
    #[must_use]
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// The value of an environment variable of a step. A secret that was not there when the configuration was read
    /// is empty; `rmm check` and the start refuse such a configuration.
    #[must_use]
    pub fn value(&self, value: &EnvValue) -> SecretString {
        match value {
            EnvValue::Plain(text) => SecretString::from(text.clone()),
            EnvValue::Secret(reference) => self.secret(reference),
        }
    }

    /// The certificates behind a reference, in PEM format.
    #[must_use]
    pub fn certificates(&self, reference: &str) -> Option<&str> {
        self.authorities.get(reference)
    }

    /// The value behind a reference; empty where [`Catalog::value`] is.
    #[must_use]
    pub fn secret(&self, reference: &str) -> SecretString {
        self.secrets.get(reference).cloned().unwrap_or_default()
    }

    /// The token of the bot; none without `[telegram]`.
    #[must_use]
    pub fn bot_token(&self) -> Option<SecretString> {
        self.bot_token.as_ref().map(|reference| self.secret(reference))
    }

    /// The person who should vouch for a token and cannot any more. A token that people made for themselves needs none:
    /// it has their rights of today.
    #[must_use]
    pub fn missing_voucher<'r>(&self, token: &'r TokenRow) -> Option<&'r str> {
        let vouched_by = token.vouched_by.as_deref().filter(|by| Some(*by) != token.person.as_deref())?;
        let person = self.person_called(vouched_by);
        person.is_none_or(|person| person.role != Role::Admin).then_some(vouched_by)
    }

    /// The person for whom a token speaks, where they are not known any more.
    #[must_use]
    pub fn missing_person<'r>(&self, token: &'r TokenRow) -> Option<&'r str> {
        token.person.as_deref().filter(|name| self.person_called(name).is_none())
    }

    /// The person whose name or account at GitHub this is.
    #[must_use]
    pub fn person_meant(&self, given: &str) -> Option<&Person> {
        self.people().values().find(|person| person.is_called(given))
    }

    fn person_called(&self, name: &str) -> Option<&Person> {
        self.person(&PersonName::parse("person", name).ok()?)
    }
}

/// GitHub judges by its own clock, so that no other one than the machine's will do.
fn true_time() -> Now {
    Arc::new(|| SystemClock.now())
}

fn github_client(config: &Config, github: &Github, now: Now) -> Result<GitHub, GithubFault> {
    let value = |reference: &str| config.secrets.get(reference).cloned().unwrap_or_default();
    let credentials = match &github.login {
        GithubLogin::Token(token) => Credentials::Token(value(token)),
        GithubLogin::App { id, private_key } => {
            let key = SigningKey::from_pem(value(private_key).expose_secret()).map_err(|_| GithubFault::AppKey)?;
            Credentials::App { id: id.to_string(), key }
        }
    };
    GitHub::new(Settings {
        api_url: github.api_url.clone(),
        credentials,
        ca: github.ca.as_deref().and_then(|reference| config.authorities.get(reference)).map(str::to_owned),
        now,
    })
}
