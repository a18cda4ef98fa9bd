//! Writes the effective configuration out for `rmm check`: TOML with every default filled in and no secret.

use std::fmt::{self, Write};

use crate::domain::duration_text;
use crate::domain::ids::SurfaceName;
use crate::domain::service::{Driver, EnvValue, Environment, EnvironmentKind, Health, Probe, Service, Surface};

use super::Config;

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

    fn write(&self, out: &mut String) -> fmt::Result {
        let server = &self.server;
        writeln!(out, "[server]")?;
        writeln!(out, "listen = {}", quoted(&server.listen.to_string()))?;
        if let Some(url) = &server.public_url {
            writeln!(out, "public_url = {}", quoted(url))?;
        }
        writeln!(out, "data_dir = {}", quoted(&server.data_dir.to_string_lossy()))?;
        writeln!(out, "language = {}", quoted(server.language.as_str()))?;
        writeln!(out, "time_zone = {}", quoted(server.time_zone.iana_name().unwrap_or("UTC")))?;
        for person in &self.people {
            writeln!(out, "\n[[people]]\nname = {}", quoted(person.name.as_str()))?;
            if let Some(id) = person.telegram_id {
                writeln!(out, "telegram_id = {id}")?;
            }
            if let Some(login) = &person.github {
                writeln!(out, "github = {}", quoted(login))?;
            }
            writeln!(out, "role = {}", quoted(person.role.as_str()))?;
        }
        self.services.iter().try_for_each(|service| write_service(out, service))
    }
}

fn write_service(out: &mut String, service: &Service) -> fmt::Result {
    writeln!(out, "\n[[services]]\nname = {}", quoted(service.name.as_str()))?;
    if let Some(repository) = &service.repository {
        writeln!(out, "repository = {}", quoted(repository))?;
    }
    writeln!(out, "supersede = {}", service.supersede)?;
    let approvals = &service.approvals;
    let required: Vec<_> = approvals.required.iter().map(|name| quoted(name.as_str())).collect();
    writeln!(out, "\n[services.approvals]\nrequired = [{}]", required.join(", "))?;
    writeln!(out, "minimum = {}", approvals.minimum)?;
    writeln!(out, "forbid_self = {}\nauto_promote = {}", approvals.forbid_self, approvals.auto_promote)?;
    for surface in &service.surfaces {
        writeln!(out, "\n[[services.surfaces]]\nname = {}", quoted(surface.name.as_str()))?;
        write_surface(out, surface)?;
    }
    write_environment(out, EnvironmentKind::Stage, &service.stage)?;
    write_environment(out, EnvironmentKind::Production, &service.production)
}

fn write_environment(out: &mut String, kind: EnvironmentKind, environment: &Environment) -> fmt::Result {
    writeln!(out, "\n[services.environments.{kind}]")?;
    match &environment.driver {
        Driver::Local => writeln!(out, r#"driver = "local""#)?,
        Driver::Ssh { hosts } => {
            let hosts: Vec<_> = hosts.iter().map(|host| quoted(host.as_str())).collect();
            writeln!(out, "driver = \"ssh\"\nhosts = [{}]", hosts.join(", "))?;
        }
        Driver::Ci { workflow, rollback_workflow, report_timeout } => {
            writeln!(out, r#"driver = "ci""#)?;
            optional(out, "workflow", workflow.as_deref())?;
            optional(out, "rollback_workflow", rollback_workflow.as_deref())?;
            writeln!(out, "report_timeout = {}", quoted(&duration_text::text(*report_timeout)))?;
        }
    }
    for (name, surface) in &environment.surfaces {
        writeln!(out, "\n[services.environments.{kind}.surfaces.{}]", key(name))?;
        write_surface(out, surface)?;
    }
    Ok(())
}

fn write_surface(out: &mut String, surface: &Surface) -> fmt::Result {
    // With every command spelled out, no recipe has anything left to add.
    writeln!(out, r#"recipe = "commands""#)?;
    optional(out, "directory", surface.directory.as_deref())?;
    writeln!(out, "checkout = {}", surface.checkout)?;
    optional(out, "deploy", Some(surface.deploy.as_str()).filter(|command| !command.is_empty()))?;
    optional(out, "migrate_up", surface.migrate_up.as_deref())?;
    optional(out, "migrate_down", surface.migrate_down.as_deref())?;
    if let Some(Health { probe, wait, attempts, interval, timeout }) = &surface.health {
        let probe = match probe {
            Probe::Url(url) => format!("url = {}", quoted(url)),
            Probe::Command(command) => format!("command = {}", quoted(command)),
        };
        let [wait, interval, timeout] = [wait, interval, timeout].map(|d| quoted(&duration_text::text(*d)));
        writeln!(
            out,
            "health = {{ {probe}, wait = {wait}, attempts = {attempts}, interval = {interval}, timeout = {timeout} }}"
        )?;
    }
    for (name, value) in &surface.env {
        match value {
            EnvValue::Plain(text) => writeln!(out, "env.{name} = {}", quoted(text))?,
            EnvValue::Secret(reference) => {
                writeln!(out, "env.{name} = {} # {}", quoted(HIDDEN), reference.escape_debug())?;
            }
        }
    }
    writeln!(out, "step_timeout = {}", quoted(&duration_text::text(surface.step_timeout)))
}

fn optional(out: &mut String, key: &str, value: Option<&str>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(out, "{key} = {}", quoted(value)))
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A name as a part of a header: a dot in it would begin another table.
fn key(name: &SurfaceName) -> String {
    if name.as_str().contains('.') { quoted(name.as_str()) } else { name.to_string() }
}
