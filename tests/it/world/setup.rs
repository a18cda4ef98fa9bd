//! The configuration of a world.

use std::path::Path;

use toml::{Table, Value};

/// What `rmm.toml` says, and RMM's own environment. Without more: the service `shop` with one surface `app`, whose
/// steps note themselves in the ledger in stage and production alike; ann, an admin, approves.
#[derive(Debug, Clone)]
pub struct Setup {
    pub people: Vec<(String, String)>,
    approvers: Vec<String>,
    minimum: i64,
    repository: Option<String>,
    stage_driver: &'static str,
    production_driver: &'static str,
    surface: Table,
    stage_surface: Table,
    more_services: Vec<(String, Option<String>)>,
    /// Who approves in the other services, if not the same people.
    other_approver: Option<String>,
    /// More keys of the service.
    service: Table,
    /// More keys beside it.
    more: Table,
    pub variables: Vec<(String, String)>,
    pub open_files: Option<u64>,
    /// The API of the GitHub whose workflows deploy to production.
    workflows_at: Option<String>,
    /// The newest candidate takes out the older ones.
    pub supersede: bool,
    /// `[local]`: whom steps run as, and the home directory of that user.
    pub local: Option<(String, Option<String>)>,
    /// A bot whose Telegram is away, and people's numbers there; RMM is reached by https then.
    bot: Vec<(String, i64)>,
    /// Whom RMM itself runs as, if not as the user of the test; it is the program `rmm` of the world then.
    pub rmm_user: Option<u32>,
}

/// The command that notes a step.
pub const NOTE: &str = "echo $RMM_ENVIRONMENT $RMM_RUN_KIND $RMM_STEP $RMM_TAG >> ../ledger";

/// Where RMM with a bot is reached.
pub const ADDRESS: &str = "https://rmm.example.com";

impl Setup {
    pub fn new() -> Self {
        let surface = ["deploy", "migrate_up", "migrate_down"].map(|key| (key.to_owned(), Value::from(NOTE)));
        Self {
            people: vec![("ann".into(), "admin".into())],
            approvers: vec!["ann".into()],
            minimum: 1,
            repository: None,
            stage_driver: "local",
            production_driver: "local",
            surface: surface.into_iter().collect(),
            stage_surface: Table::new(),
            more_services: Vec::new(),
            other_approver: None,
            service: Table::new(),
            more: Table::new(),
            variables: Vec::new(),
            open_files: None,
            workflows_at: None,
            supersede: false,
            // Root has to be named.
            local: rustix::process::geteuid().is_root().then(|| ("root".into(), None)),
            bot: Vec::new(),
            rmm_user: None,
        }
    }

    /// A bot whose Telegram is away, with this token; people have numbers there, and RMM is reached at [`ADDRESS`].
    pub fn bot(mut self, token: &str, people: &[(&str, i64)]) -> Self {
        self.bot = people.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        self.variable("BOT_TOKEN", token)
    }

    /// One more person; ann is there already.
    pub fn person(mut self, name: &str, role: &str) -> Self {
        self.people.push((name.into(), role.into()));
        self
    }

    /// Removes a person.
    pub fn remove_person(&mut self, name: &str) {
        self.people.retain(|(known, _)| known != name);
    }

    /// The system lets RMM have so many open files, and no more.
    pub fn open_files(mut self, most: u64) -> Self {
        self.open_files = Some(most);
        self
    }

    /// One more service, as the first; nothing ever happens in it.
    pub fn another_service(mut self, name: &str) -> Self {
        self.more_services.push((name.into(), None));
        self
    }

    /// One more service, which this person alone approves.
    pub fn another_service_approved_by(mut self, name: &str, approver: &str) -> Self {
        self.other_approver = Some(approver.into());
        self.another_service(name)
    }

    /// One more service, whose tags are looked for in this repository; its code is not checked out.
    pub fn another_service_of(mut self, name: &str, repository: &str) -> Self {
        self.more_services.push((name.into(), Some(repository.into())));
        self
    }

    pub fn is_admin(&self, name: &str) -> bool {
        self.people.iter().any(|(known, role)| known == name && role == "admin")
    }

    pub fn approved_by<S: Into<String>>(mut self, minimum: i64, names: impl IntoIterator<Item = S>) -> Self {
        self.approvers = names.into_iter().map(Into::into).collect();
        self.minimum = minimum;
        self
    }

    /// The code comes from this repository, and is checked out.
    pub fn repository(mut self, path: &Path) -> Self {
        self.repository = Some(path.display().to_string());
        self.surface("checkout", true)
    }

    /// A CI system brings stage to releases and reports.
    pub fn stage_by_ci(mut self) -> Self {
        self.stage_driver = "ci";
        self
    }

    /// A CI system brings stage and production to releases and reports.
    pub fn by_ci(mut self) -> Self {
        self.production_driver = "ci";
        self.stage_by_ci()
    }

    /// Workflows of the GitHub behind this API deploy to production and roll it back.
    pub fn by_workflows(mut self, api: &str) -> Self {
        self.production_driver = "ci";
        self.workflows_at = Some(api.to_owned());
        self.github("token", "env:GITHUB_TOKEN").github("api_url", api).variable("GITHUB_TOKEN", "a-token-for-tests")
    }

    /// A key of the service itself; `oidc.NAME` reaches into its tables.
    pub fn service(mut self, key: &str, value: impl Into<Value>) -> Self {
        set(&mut self.service, key, value.into());
        self
    }

    /// A key of another table than those of people, hosts and services: `links.trace`.
    pub fn key(mut self, key: &str, value: impl Into<Value>) -> Self {
        set(&mut self.more, key, value.into());
        self
    }

    /// A key of `[github]`.
    pub fn github(self, key: &str, value: impl Into<Value>) -> Self {
        self.key(&format!("github.{key}"), value)
    }

    /// A key of the surface; `env.NAME` and `health.NAME` reach into its tables.
    pub fn surface(mut self, key: &str, value: impl Into<Value>) -> Self {
        set(&mut self.surface, key, value.into());
        self
    }

    /// A key of the surface in stage only.
    pub fn in_stage(mut self, key: &str, value: impl Into<Value>) -> Self {
        set(&mut self.stage_surface, key, value.into());
        self
    }

    /// The service has no migrations.
    pub fn without_migrations(mut self) -> Self {
        self.surface.remove("migrate_up");
        self.surface.remove("migrate_down");
        self
    }

    /// A variable in RMM's own environment.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub fn text(&self, directory: &Path, data: &Path) -> String {
        let mut surface = self.surface.clone();
        set(&mut surface, "name", "app".into());
        set(&mut surface, "recipe", "commands".into());
        let work = directory.join("work");
        surface.entry("directory").or_insert(work.display().to_string().into());
        surface.entry("checkout").or_insert(false.into());

        let mut service = Table::new();
        set(&mut service, "name", super::SHOP.into());
        if let Some(repository) = &self.repository {
            set(&mut service, "repository", repository.clone().into());
        }
        set(&mut service, "supersede", self.supersede.into());
        let plain = service.clone();
        service.extend(self.service.clone());
        set(&mut service, "approvals.required", self.approvers.clone().into());
        set(&mut service, "approvals.minimum", self.minimum.into());
        set(&mut service, "surfaces", vec![surface].into());
        set(&mut service, "environments.production.driver", self.production_driver.into());
        set(&mut service, "environments.stage.driver", self.stage_driver.into());
        if let Some(api) = &self.workflows_at {
            set(&mut service, "repository", format!("{api}/acme/shop").into());
            set(&mut service, "environments.production.workflow", "deploy.yaml".into());
            set(&mut service, "environments.production.rollback_workflow", "back.yaml".into());
        }
        if !self.stage_surface.is_empty() {
            set(&mut service, "environments.stage.surfaces.app", self.stage_surface.clone().into());
        }

        let mut config = self.more.clone();
        set(&mut config, "server.listen", "127.0.0.1:0".into());
        set(&mut config, "server.data_dir", data.display().to_string().into());
        if let Some((user, home)) = &self.local {
            set(&mut config, "local.user", user.clone().into());
            if let Some(home) = home {
                set(&mut config, "local.home", home.clone().into());
            }
        }
        let person = |(name, role): &(String, String)| {
            let fields = [("name", name.clone()), ("role", role.clone()), ("github", format!("{name}-at-github"))];
            let mut person = Table::from_iter(fields.map(|(field, value)| (field.to_owned(), value.into())));
            if let Some((_, number)) = self.bot.iter().find(|(owner, _)| owner == name) {
                set(&mut person, "telegram_id", (*number).into());
            }
            person
        };
        if !self.bot.is_empty() {
            set(&mut config, "server.public_url", ADDRESS.into());
            set(&mut config, "telegram.token", "env:BOT_TOKEN".into());
            set(&mut config, "telegram.api_url", "http://127.0.0.1:1".into());
        }
        set(&mut config, "people", self.people.iter().map(person).collect::<Vec<_>>().into());
        let others = self.more_services.iter().map(|(name, repository)| {
            let mut other = service.clone();
            // What is said of the first service alone.
            other.retain(|key, _| plain.contains_key(key) || !self.service.contains_key(key));
            set(&mut other, "name", name.clone().into());
            if let Some(approver) = &self.other_approver {
                set(&mut other, "approvals.required", vec![approver.clone()].into());
            }
            if let Some(repository) = repository {
                set(&mut other, "repository", repository.clone().into());
            }
            other
        });
        let mut services: Vec<_> = std::iter::once(service.clone()).chain(others).collect();
        if self.repository.is_some() {
            // What is checked out has a folder of its own for each service and environment.
            for service in &mut services {
                let name = service["name"].as_str().unwrap();
                let production = directory.join(format!("production-{name}")).display().to_string();
                set(service, "environments.production.surfaces.app.directory", production.into());
            }
        }
        set(&mut config, "services", services.into());
        config.to_string()
    }
}

fn set(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Table::new().into());
            set(inner.as_table_mut().unwrap(), rest, value);
        }
    }
}
