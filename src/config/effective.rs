//! Writes the effective configuration out for `rmm check`: TOML with every default filled in and no secret.

use std::fmt::{self, Write};

use crate::domain::duration_text;
use crate::domain::env::Env;
use crate::domain::host::{Host, Limits, Login};
use crate::domain::ids::SurfaceName;
use crate::domain::mark::MarkKind;
use crate::domain::plan::project;
use crate::domain::service::{
    Candidates, Dirty, Driver, EnvValue, Health, Order, Probe, Recipe, Service, Surface, Via,
};

use super::{Ai, Backup, Config, FromGithub, GithubLogin, Links, Telegram, Telemetry};
use crate::telemetry::Sampling;

/// Stands for every secret.
const HIDDEN: &str = "•••";

impl Config {
    /// The configuration as RMM understood it. Recipes are resolved: every surface is shown with its own commands.
    #[must_use]
    pub fn effective(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    /// A service as RMM understood it: its part of [`Config::effective`].
    #[must_use]
    pub fn effective_service(service: &Service) -> String {
        let mut out = String::new();
        let _ = write_service(&mut out, service);
        out.trim_start().to_owned()
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let server = &self.server;
        writeln!(out, "[server]")?;
        writeln!(out, "listen = {}", quoted(&server.listen.to_string()))?;
        if let Some(url) = &server.public_url {
            writeln!(out, "public_url = {}", quoted(url))?;
        }
        if !server.trusted_proxies.is_empty() {
            let single = |network: &ipnet::IpNet| network.prefix_len() == network.max_prefix_len();
            let text =
                |network: &ipnet::IpNet| if single(network) { network.addr().to_string() } else { network.to_string() };
            let proxies: Vec<_> = server.trusted_proxies.iter().map(|network| quoted(&text(network))).collect();
            writeln!(out, "trusted_proxies = [{}]", proxies.join(", "))?;
        }
        writeln!(out, "data_dir = {}", quoted(&server.data_dir.to_string_lossy()))?;
        writeln!(out, "language = {}", quoted(server.language.as_str()))?;
        writeln!(out, "time_zone = {}", quoted(server.time_zone.iana_name().unwrap_or("UTC")))?;
        writeln!(out, "edit_services = {}", server.edit_services)?;
        if let Some(local) = &self.local {
            writeln!(out, "\n[local]\nuser = {}", quoted(&local.user))?;
            optional(out, "home", local.home.as_ref().map(|home| home.to_string_lossy()).as_deref())?;
        }
        if let Some(backup) = &self.backup {
            write_backup(out, backup)?;
        }
        writeln!(out, "\n[logs]\nkeep = {}", quoted(&super::logs::text(self.logs.keep)))?;
        if self.links != Links::default() {
            writeln!(out, "\n[links]")?;
            optional(out, "trace", self.links.trace.as_deref())?;
            optional(out, "logs", self.links.logs.as_deref())?;
        }
        self.write_telemetry(out)?;
        for person in &self.people {
            writeln!(out, "\n[[people]]\nname = {}", quoted(person.name.as_str()))?;
            if let Some(id) = person.telegram_id {
                writeln!(out, "telegram_id = {id}")?;
            }
            optional(out, "telegram", person.telegram_username.as_deref())?;
            if let Some(login) = &person.github {
                writeln!(out, "github = {}", quoted(login))?;
            }
            writeln!(out, "role = {}", quoted(person.role.as_str()))?;
        }
        self.telegram.iter().try_for_each(|telegram| write_telegram(out, telegram))?;
        self.ai.iter().try_for_each(|ai| write_ai(out, ai))?;
        self.write_github(out)?;
        self.hosts.iter().try_for_each(|host| write_host(out, host))?;
        self.services.iter().try_for_each(|service| write_service(out, service))
    }

    fn write_telemetry(&self, out: &mut String) -> fmt::Result {
        let Telemetry { settings, endpoint, headers, ca } = &self.telemetry;
        if settings.traces.is_none() && settings.logs.is_none() {
            return Ok(());
        }
        writeln!(out, "\n[telemetry]")?;
        optional(out, "endpoint", endpoint.as_deref())?;
        optional(out, "ca", ca.as_deref())?;
        for (what, whole) in [("spans", &settings.traces), ("lines of the log", &settings.logs)] {
            match whole {
                Some(whole) => writeln!(out, "# {what} go to {}", whole.escape_debug())?,
                None => writeln!(out, "# {what} go nowhere")?,
            }
        }
        match settings.sampling {
            Sampling::Parent(share) => writeln!(out, "sample = {share}")?,
            Sampling::Share(share) => writeln!(out, "sample = {share} # whatever callers do")?,
        }
        writeln!(out, "logs = {}\nservice_name = {}", settings.logs.is_some(), quoted(&settings.service))?;
        headers.iter().try_for_each(|(name, reference)| secret(out, &format!("headers.{name}"), reference))?;
        let mut said = settings.resource.iter();
        said.try_for_each(|(name, value)| writeln!(out, "resource.{} = {}", quoted(name), quoted(value)))
    }

    fn write_github(&self, out: &mut String) -> fmt::Result {
        let FromGithub { api_url, webhook_secret, id_tokens, ca } = &self.from_github;
        let id_tokens = id_tokens.as_ref().filter(|_| self.services.iter().any(|service| service.oidc.is_some()));
        if self.github.is_none() && webhook_secret.is_none() && id_tokens.is_none() {
            return Ok(());
        }
        writeln!(out, "\n[github]")?;
        match self.github.as_ref().map(|github| &github.login) {
            Some(GithubLogin::Token(token)) => secret(out, "token", token)?,
            Some(GithubLogin::App { id, private_key }) => {
                writeln!(out, "app_id = {id}")?;
                secret(out, "private_key", private_key)?;
            }
            None => {}
        }
        webhook_secret.as_ref().map_or(Ok(()), |reference| secret(out, "webhook_secret", reference))?;
        optional(out, "api_url", Some(api_url))?;
        let audience = self.github.as_ref().and_then(|github| github.oidc_audience.as_deref());
        optional(out, "oidc_audience", id_tokens.map(|tokens| tokens.audience.as_str()).or(audience))?;
        optional(out, "oidc_issuer", id_tokens.map(|tokens| tokens.issuer.as_str()))?;
        optional(out, "ca", ca.as_deref())?;
        let Some(github) = &self.github else { return Ok(()) };
        writeln!(out, "read_deliveries = {}", github.read_deliveries)?;
        MarkKind::ALL.iter().try_for_each(|kind| writeln!(out, "{} = {}", kind.switch(), github.marks.contains(kind)))
    }
}

fn write_telegram(out: &mut String, telegram: &Telegram) -> fmt::Result {
    writeln!(out, "\n[telegram]")?;
    secret(out, "token", &telegram.token)?;
    let remind_after = telegram.remind_after.map_or_else(|| "0s".to_owned(), duration_text::text);
    writeln!(out, "remind_after = {}", quoted(&remind_after))?;
    optional(out, "templates", telegram.templates.as_ref().map(|folder| folder.to_string_lossy()).as_deref())?;
    optional(out, "api_url", Some(&telegram.api_url))?;
    telegram.webhook_secret.as_ref().map_or(Ok(()), |reference| secret(out, "webhook_secret", reference))?;
    for chat in telegram.chats.iter().filter(|chat| chat.alerts) {
        writeln!(out, "alerts_chat = {}", chat.id)?;
        chat.topic.map_or(Ok(()), |topic| writeln!(out, "alerts_topic = {topic}"))?;
    }
    for chat in telegram.chats.iter().filter(|chat| !chat.alerts) {
        writeln!(out, "\n[[telegram.chats]]\nid = {}", chat.id)?;
        if let Some(topic) = chat.topic {
            writeln!(out, "topic = {topic}")?;
        }
        let notices: Vec<_> = chat.notices.iter().map(|notice| quoted(notice.as_str())).collect();
        writeln!(out, "notices = [{}]", notices.join(", "))?;
        let services: Vec<_> = chat.services.iter().map(|name| quoted(name.as_str())).collect();
        if !services.is_empty() {
            writeln!(out, "services = [{}]", services.join(", "))?;
        }
        writeln!(out, "cards = {}", chat.cards)?;
    }
    Ok(())
}

fn write_ai(out: &mut String, ai: &Ai) -> fmt::Result {
    writeln!(out, "\n[ai]\nurl = {}\nmodel = {}", quoted(ai.base()), quoted(&ai.model))?;
    optional(out, "ca", ai.ca.as_deref())?;
    ai.key.as_ref().map_or(Ok(()), |reference| secret(out, "key", reference))?;
    writeln!(out, "timeout = {}", quoted(&duration_text::text(ai.timeout)))?;
    writeln!(out, "max_input = {}\nmax_output = {}", ai.max_input, ai.max_output)
}

fn write_host(out: &mut String, host: &Host) -> fmt::Result {
    writeln!(out, "\n[[hosts]]\nname = {}", quoted(host.name.as_str()))?;
    writeln!(out, "address = {}\nuser = {}", quoted(&host.address.to_string()), quoted(&host.user))?;
    match &host.login {
        Login::Password(password) => secret(out, "password", password)?,
        Login::Key { key, passphrase } => {
            secret(out, "key", key)?;
            passphrase.as_ref().map_or(Ok(()), |passphrase| secret(out, "passphrase", passphrase))?;
        }
    }
    match host.host_keys.as_slice() {
        [] => {}
        [only] => optional(out, "host_key", Some(only.as_str()))?,
        several => {
            let keys: Vec<_> = several.iter().map(|key| quoted(key.as_str())).collect();
            writeln!(out, "host_key = [{}]", keys.join(", "))?;
        }
    }
    if !host.jump.is_empty() {
        let way: Vec<_> = host.jump.iter().map(|name| quoted(name.as_str())).collect();
        writeln!(out, "jump = [{}]", way.join(", "))?;
    }
    let Limits { connect, auth, open, keepalive, idle } = host.limits;
    let [connect, auth, open, keepalive, idle] =
        [connect, auth, open, keepalive, idle].map(|limit| quoted(&duration_text::text(limit)));
    writeln!(
        out,
        "limits = {{ connect = {connect}, auth = {auth}, open = {open}, keepalive = {keepalive}, idle = {idle} }}"
    )
}

fn write_backup(out: &mut String, backup: &Backup) -> fmt::Result {
    writeln!(out, "\n[backup]\nfolder = {}", quoted(&backup.folder.to_string_lossy()))?;
    writeln!(out, "every = {}", quoted(&duration_text::text(backup.every)))?;
    writeln!(out, "keep = {}", backup.keep)?;
    writeln!(out, "test_every = {}", quoted(&duration_text::text(backup.test_every)))?;
    for (key, words) in [("pipe", &backup.pipe), ("open", &backup.open), ("send", &backup.send)] {
        if !words.is_empty() {
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            writeln!(out, "{key} = [{}]", words.join(", "))?;
        }
    }
    writeln!(out, "time_limit = {}", quoted(&duration_text::text(backup.time_limit)))
}

fn write_service(out: &mut String, service: &Service) -> fmt::Result {
    writeln!(out, "\n[[services]]\nname = {}", quoted(service.name.as_str()))?;
    optional(out, "was", service.was.as_ref().map(crate::domain::ids::ServiceName::as_str))?;
    if let Some(repository) = &service.repository {
        writeln!(out, "repository = {}", quoted(repository))?;
    }
    optional(out, "repository_ca", service.repository_ca.as_deref())?;
    writeln!(out, "supersede = {}", service.supersede)?;
    match &service.candidates {
        Candidates::Call => writeln!(out, "candidates = \"call\"")?,
        Candidates::Tags(pattern) => writeln!(out, "candidates = \"tags\"\ntags = {}", quoted(pattern.as_str()))?,
    }
    if let Some(trusted) = &service.oidc {
        let workflows: Vec<_> = trusted.workflows.iter().map(|workflow| quoted(&workflow.to_string())).collect();
        let only =
            if workflows.is_empty() { String::new() } else { format!(", workflow = [{}]", workflows.join(", ")) };
        writeln!(out, "oidc = {{ repository_id = {}{only} }}", trusted.repository_id)?;
    }
    let approvals = &service.approvals;
    let required: Vec<_> = approvals.required.iter().map(|name| quoted(name.as_str())).collect();
    writeln!(out, "\n[services.approvals]\nrequired = [{}]", required.join(", "))?;
    writeln!(out, "minimum = {}", approvals.minimum)?;
    writeln!(out, "forbid_self = {}\nauto_promote = {}", approvals.forbid_self, approvals.auto_promote)?;
    for surface in &service.surfaces {
        writeln!(out, "\n[[services.surfaces]]\nname = {}", quoted(surface.name.as_str()))?;
        write_surface(out, surface, !surface.hosts.is_empty() || surface.order == Order::Rolling)?;
    }
    write_environment(out, Env::Stage, service)?;
    write_environment(out, Env::Production, service)
}

fn write_environment(out: &mut String, kind: Env, service: &Service) -> fmt::Result {
    let environment = service.environment(kind);
    writeln!(out, "\n[services.environments.{kind}]\ndriver = {}", quoted(environment.driver.as_str()))?;
    match &environment.driver {
        Driver::Local | Driver::Ssh => {
            writeln!(out, "run_timeout = {}", quoted(&duration_text::text(environment.run_timeout)))?;
        }
        Driver::Ci { workflow, rollback_workflow, report_timeout } => {
            optional(out, "workflow", workflow.as_deref())?;
            optional(out, "rollback_workflow", rollback_workflow.as_deref())?;
            if kind == Env::Production {
                optional(out, "protection_rule", service.protection_rule.as_deref())?;
            }
            writeln!(out, "report_timeout = {}", quoted(&duration_text::text(*report_timeout)))?;
        }
    }
    for surface in service.surfaces_in(kind).filter(|surface| surface.project.is_none()) {
        if let Some(project) = project::name(&service.name, surface, kind).filter(|_| environment.driver.is_ours()) {
            let name = &surface.name;
            writeln!(out, "# compose project of {name}: {project}, unless its containers have another name already")?;
        }
    }
    let ssh = environment.driver == Driver::Ssh;
    for (name, surface) in environment.surfaces.iter().filter(|(_, surface)| ssh || differs(surface, service)) {
        writeln!(out, "\n[services.environments.{kind}.surfaces.{}]", key(name))?;
        write_surface(out, surface, ssh)?;
    }
    Ok(())
}

/// Whether a surface is another one in its environment, apart from what follows from the driver.
fn differs(surface: &Surface, service: &Service) -> bool {
    service.surfaces.iter().find(|own| own.name == surface.name).is_none_or(|own| {
        let own = Surface { hosts: surface.hosts.clone(), order: surface.order, ..own.clone() };
        own != *surface
    })
}

fn write_surface(out: &mut String, surface: &Surface, with_hosts: bool) -> fmt::Result {
    writeln!(out, "recipe = {}", quoted(surface.recipe.as_str()))?;
    if with_hosts {
        let hosts: Vec<_> = surface.hosts.iter().map(|place| quoted(place.host.as_str())).collect();
        if !hosts.is_empty() {
            writeln!(out, "hosts = [{}]", hosts.join(", "))?;
        }
        writeln!(out, "order = {}", quoted(order(surface.order)))?;
    }
    optional(out, "directory", surface.directory.as_deref())?;
    writeln!(out, "checkout = {}", surface.checkout)?;
    if surface.checkout {
        writeln!(out, "dirty = {}", quoted(if surface.dirty == Dirty::Refuse { "refuse" } else { "keep" }))?;
    }
    optional(out, "project", surface.project.as_deref())?;
    if surface.recipe == Recipe::Compose {
        writeln!(out, "keep = {}", surface.keep)?;
    }
    match surface.min_free {
        Some(bytes) => writeln!(out, "min_free = {}", quoted(&size(bytes)))?,
        None if surface.checkout || surface.recipe == Recipe::Compose => {
            writeln!(out, "# min_free: 500 MB, or a twentieth of a small disk")?;
        }
        None => {}
    }
    optional(out, "before_deploy", surface.before_deploy.as_deref())?;
    optional(out, "deploy", Some(surface.deploy.as_str()).filter(|command| !command.is_empty()))?;
    optional(out, "after_deploy", surface.after_deploy.as_deref())?;
    optional(out, "migrate_up", surface.migrate_up.as_deref())?;
    optional(out, "migrate_down", surface.migrate_down.as_deref())?;
    surface.health.as_ref().map_or(Ok(()), |health| write_health(out, health))?;
    optional(out, "logs", surface.logs.as_deref())?;
    for (name, value) in &surface.env {
        match value {
            EnvValue::Plain(text) => writeln!(out, "env.{name} = {}", quoted(text))?,
            EnvValue::Secret(reference) => secret(out, &format!("env.{name}"), reference)?,
        }
    }
    writeln!(out, "step_timeout = {}", quoted(&duration_text::text(surface.step_timeout)))
}

fn write_health(out: &mut String, health: &Health) -> fmt::Result {
    let Health { probe, wait, attempts, interval, timeout } = health;
    let probe = match probe {
        // Nothing is asked: the containers tell.
        Probe::Containers => String::new(),
        Probe::Http { url, via, status, body, ca } => {
            let status = status.map_or_else(String::new, |status| format!(", status = {status}"));
            let body = body.as_ref().map_or_else(String::new, |body| format!(", body = {}", quoted(body)));
            let ca = ca.as_ref().map_or_else(String::new, |ca| format!(", ca = {}", quoted(ca)));
            format!("url = {}, via = {}{status}{body}{ca}, ", quoted(url), quoted(self::via(*via)))
        }
        Probe::Tcp { address, via } => format!("tcp = {}, via = {}, ", quoted(address), quoted(self::via(*via))),
        Probe::Command(command) => format!("command = {}, ", quoted(command)),
    };
    let [wait, interval, timeout] = [wait, interval, timeout].map(|d| quoted(&duration_text::text(*d)));
    writeln!(
        out,
        "health = {{ {probe}wait = {wait}, attempts = {attempts}, interval = {interval}, timeout = {timeout} }}"
    )
}

/// The value is hidden; where it comes from is told.
fn secret(out: &mut String, key: &str, reference: &str) -> fmt::Result {
    writeln!(out, "{key} = {} # {}", quoted(HIDDEN), reference.escape_debug())
}

fn optional(out: &mut String, key: &str, value: Option<&str>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(out, "{key} = {}", quoted(value)))
}

const fn order(order: Order) -> &'static str {
    match order {
        Order::Parallel => "parallel",
        Order::Rolling => "rolling",
    }
}

const fn via(via: Via) -> &'static str {
    match via {
        Via::Host => "host",
        Via::Rmm => "rmm",
    }
}

/// A size as it can be written.
fn size(bytes: u64) -> String {
    format!("{bytes} B")
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A name as a part of a header: a dot in it would begin another table.
fn key(name: &SurfaceName) -> String {
    if name.as_str().contains('.') { quoted(name.as_str()) } else { name.to_string() }
}
