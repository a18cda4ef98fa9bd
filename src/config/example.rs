//! Configurations for newcomers: the complete example, and the first one that `rmm init` writes.

use std::path::Path;

use crate::domain::ids::{PersonName, ServiceName};

/// `rmm.toml.example`: every key of this version, with a comment.
pub const EXAMPLE: &str = include_str!("../../rmm.toml.example");

/// What the first configuration is about.
#[derive(Debug, Clone, Copy)]
pub struct Init<'a> {
    /// The first service; none: it is connected in the dashboard.
    pub service: Option<FirstService<'a>>,
    /// The first person: admin and only approver.
    pub person: &'a PersonName,
    /// RMM is root, and commands must not be.
    pub root: bool,
}

/// The first service.
#[derive(Debug, Clone, Copy)]
pub struct FirstService<'a> {
    /// Its name.
    pub name: &'a ServiceName,
    /// Its repository, in any form that the configuration accepts.
    pub repository: &'a str,
    /// Where stage is checked out; production goes into a folder beside it.
    pub directory: &'a Path,
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A short commented `rmm.toml`, for a first service that RMM runs on its own machine where there is one.
#[must_use]
pub fn init_text(init: &Init<'_>) -> String {
    let local = if init.root {
        r#"
# Commands on this machine run as this user, not as root like RMM. `useradd --create-home rmm-steps` makes it, and
# `usermod -aG docker rmm-steps` lets it run docker.
[local]
user = "rmm-steps"
"#
    } else {
        ""
    };
    format!(
        r#"# RMM: what it releases, who approves, where it runs.
# `rmm check` says whether this file is right; rmm.toml.example explains every key.

[server]
listen = "127.0.0.1:8080"
{local}
[[people]]
name = {person}
role = "admin"
# telegram_id = 123456789 # the bot answers /id with it

# Copies of the database, made once a day and restored on trial; better on another disk.
# [backup]
# folder = "/var/backups/rmm"

# The bot in which people approve; `rmm docs telegram` leads there.
# [telegram]
# token = "env:RMM_TELEGRAM_TOKEN"
# chat = -1001234567890 # the team's group; the bot answers /id there with its number

{services}"#,
        person = quoted(init.person.as_str()),
        services = init.service.map_or_else(|| NO_SERVICE.to_owned(), |service| service.text(init.person)),
    )
}

/// In place of a first service.
const NO_SERVICE: &str = "\
# Services: \"Connect a repository\" in the dashboard leads from an address to a first release, and needs nothing here.
# Or define them in this file, with [[services]]; `rmm docs services` shows both.
";

impl FirstService<'_> {
    /// Its `[[services]]` table.
    fn text(&self, person: &PersonName) -> String {
        let folder = |environment: &str| {
            let name = format!("{}-{environment}", self.name);
            quoted(&self.directory.join(name).to_string_lossy())
        };
        format!(
            r#"[[services]]
name = {service}
repository = {repository}

[services.approvals]
required = [{person}] # all of them must approve before production

# What runs: RMM checks the release out into `directory` and starts it there.
[[services.surfaces]]
name = "app"
recipe = "compose" # docker compose up -d --build; or "commands", with your own `deploy`
directory = {stage}
# migrate_up = "./migrate up"
# migrate_down = "./migrate down {{{{ target.tag }}}}"

# Both environments on this machine, in folders of their own.
[services.environments.stage]
driver = "local"
# surfaces.app.health.url = "http://127.0.0.1:8001/health" # how RMM tells that it is well, beyond "its containers run"

[services.environments.production]
driver = "local"
surfaces.app.directory = {production}
# surfaces.app.health.url = "http://127.0.0.1:8000/health"
"#,
            person = quoted(person.as_str()),
            service = quoted(self.name.as_str()),
            repository = quoted(self.repository),
            stage = folder("stage"),
            production = folder("production"),
        )
    }
}
