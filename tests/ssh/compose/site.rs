//! The service of these stories: a small web server with a migration, and a store beside it, each in a container; its
//! repository, and the hosts with docker that RMM deploys it to.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::git::GitDaemon;
use crate::host::Host;
use crate::world::{Repository, SHOP, Setup, World, eventually};

/// The files of a version that is well.
const FILES: &[(&str, &str)] = &[
    ("Dockerfile", include_str!("service/Dockerfile")),
    ("docker-compose.yml", include_str!("service/docker-compose.yml")),
    ("health", include_str!("service/health")),
    ("migrate", include_str!("service/migrate")),
    ("start", include_str!("service/start")),
    ("store.Dockerfile", include_str!("service/store.Dockerfile")),
    (".gitignore", "/data/\n"),
];

/// What a file of the well version is, as a story changes it.
pub fn well(name: &str) -> &'static str {
    FILES.iter().find(|(known, _)| *known == name).unwrap().1
}

/// Where stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// On the first so many hosts of production, in a folder and on a port of its own.
    OnHosts(usize),
    /// Nowhere: whatever comes is well.
    Nowhere,
}

/// What can be seen of an environment on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The version that is checked out.
    pub code: String,
    /// The migrations that hold.
    pub schema: String,
    /// What the web server answers.
    pub answer: String,
    /// The store's container and when it was started.
    pub store: String,
    /// The containers there are.
    pub containers: String,
}

/// RMM, and the hosts that it deploys to. RMM ends first, then the hosts go.
pub struct Site {
    pub world: World,
    pub hosts: Vec<Host>,
    pub repository: Repository,
    git: GitDaemon,
    repositories: TempDir,
}

impl Site {
    /// A running RMM and so many hosts with docker; none where none can be made.
    pub async fn open(count: usize, stage: Stage) -> Option<Self> {
        let hosts = (0..count).map(|_| Host::up_with_docker()).collect::<Option<Vec<_>>>()?;
        Some(Self::on(hosts, stage).await)
    }

    pub async fn on(hosts: Vec<Host>, stage: Stage) -> Self {
        Self::with(hosts, stage, |config| config).await
    }

    /// As [`Self::on`], with another `rmm.toml`.
    pub async fn with(hosts: Vec<Host>, stage: Stage, change: impl FnOnce(String) -> String) -> Self {
        let repositories = tempfile::tempdir().unwrap();
        let repository = Repository::in_folder(&repositories.path().join("shop"));
        std::fs::copy("/bin/busybox", repository.path.join("busybox")).unwrap();
        let git = GitDaemon::serve(repositories.path(), hosts[0].gateway()).await;
        let world = World::without_rmm(Setup::new());
        world.write("rmm.toml", &change(config(world.data(), &git.url("shop"), &hosts, stage)));
        world.start().await;
        Self { world, hosts, repository, git, repositories }
    }

    /// A version that differs from a well one in some files; an empty file is not there.
    pub fn tag(&self, tag: &str, changes: &[(&str, &str)]) -> String {
        let migrations = (1..=tag[1..].parse().unwrap()).map(|number: u32| format!("v{number}\n")).collect::<String>();
        for (name, text) in FILES.iter().chain(&[("migrations", migrations.as_str())]).chain(changes) {
            let path = self.repository.path.join(name);
            if text.is_empty() {
                std::fs::remove_file(path).unwrap();
            } else {
                std::fs::write(&path, text).unwrap();
                std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
            }
        }
        self.repository.tag(tag, tag)
    }

    /// From now on the hosts, and they alone, find another repository at the address of the service's.
    pub fn hosts_see(&self, repository: &Repository) {
        let name = repository.path.strip_prefix(self.repositories.path()).unwrap().to_str().unwrap();
        let instead = format!("[url \"{}\"]\n\tinsteadOf = {}\n", self.git.url(name), self.git.url("shop"));
        for host in &self.hosts {
            std::fs::write(host.home(".gitconfig"), &instead).unwrap();
        }
    }

    /// The hosts see the same as all others again.
    pub fn hosts_see_the_truth(&self) {
        for host in &self.hosts {
            std::fs::remove_file(host.home(".gitconfig")).unwrap();
        }
    }

    /// Where hosts find the service's repository.
    pub fn repository_url(&self) -> String {
        self.git.url("shop")
    }

    /// Another repository beside the service's, with a version of its own.
    pub fn forgery(&self, tag: &str) -> Repository {
        let forgery = Repository::in_folder(&self.repositories.path().join(format!("forged-{tag}")));
        forgery.tag(tag, "something else");
        forgery
    }

    /// A release of a tag that has passed stage and is approved.
    pub async fn approved(&self, tag: &str) -> i64 {
        let release = self.world.release_of_tag(tag).await;
        self.world.until(release, "manual_testing").await;
        self.world.approve("ann", release).await.ok();
        release
    }

    /// A release on its whole way.
    pub async fn deployed(&self, tag: &str) -> i64 {
        let release = self.approved(tag).await;
        self.world.until(release, "deployed").await;
        self.world.quiet().await;
        release
    }

    /// An environment as it can be seen on a host.
    pub fn state(&self, host: usize, environment: &str) -> State {
        let port = port(environment);
        let seen = self.hosts[host].sh(&format!(
            "cat {environment}/version; echo; tr '\\n' ' ' 2>/dev/null <{environment}/data/schema; echo; \
             timeout 5 busybox wget -q -O - http://127.0.0.1:{port}/cgi-bin/health; echo; \
             docker inspect -f '{{{{.Id}}}} {{{{.State.StartedAt}}}}' shop-web-{environment}-store-1; \
             docker ps --all --filter name=^shop-web-{environment}- --format '{{{{.Names}}}}' | sort | xargs"
        ));
        let mut lines = seen.lines().map(|line| line.trim().to_owned());
        let mut next = || lines.next().unwrap_or_default();
        State { code: next(), schema: next(), answer: next(), store: next(), containers: next() }
    }

    /// The container of the web server in production, and when it was started.
    pub fn web(&self, host: usize) -> String {
        self.hosts[host].sh("docker inspect -f '{{.Id}} {{.State.StartedAt}}' shop-web-production-web-1")
    }

    /// The migrations that were made in production, in order, with the code that made them.
    pub fn migrations(&self) -> Vec<String> {
        self.hosts[0].read("production/data/history").lines().map(ToOwned::to_owned).collect()
    }

    /// The run of a release in an environment, of a kind; the last one, when there are several.
    pub async fn run(&self, release: i64, environment: &str, kind: &str) -> Value {
        let runs = self.world.runs(release).await;
        let run = runs.iter().rfind(|run| run["environment"] == environment && run["kind"] == kind);
        run.unwrap_or_else(|| panic!("no {kind} in {environment}: {runs:#?}")).clone()
    }

    /// What the step at this place of a run has printed.
    pub async fn printed(&self, run: &Value, step: &Value) -> String {
        let path = format!("/api/v1/runs/{}/log?after=", run["id"]);
        let (mut text, mut after) = (String::new(), 0);
        loop {
            let page = self.world.operator().get(&format!("{path}{after}")).await.ok();
            let pieces = page["pieces"].as_array().unwrap();
            if pieces.is_empty() {
                return text;
            }
            for piece in pieces.iter().filter(|piece| piece["step"] == step["index"]) {
                text += piece["text"].as_str().unwrap();
            }
            after = page["next"].as_i64().unwrap();
        }
    }

    /// Waits until a run has printed a text.
    pub async fn until_printed(&self, release: i64, kind: &str, text: &str) {
        eventually(&format!("the {kind} prints {text:?}"), async || {
            let runs = self.world.runs(release).await;
            let run = runs.iter().rfind(|run| run["environment"] == "production" && run["kind"] == kind)?;
            self.world.printed(run["id"].as_i64()?).await.contains(text).then_some(())
        })
        .await;
    }
}

/// How a sentence about a step begins.
pub fn named(step: &str, environment: &str, host: &Host) -> String {
    format!("{step} of web on {environment} ({}) ", host.name())
}

/// The one step of a run that failed.
pub fn failed(run: &Value) -> &Value {
    let mut failed = run["steps"].as_array().unwrap().iter().filter(|step| step["state"] == "failed");
    let step = failed.next().unwrap_or_else(|| panic!("no step failed: {run:#}"));
    assert!(failed.next().is_none(), "several steps failed: {run:#}");
    step
}

/// The hosts and kinds of the steps of a run that were at work, in order.
pub fn steps(run: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let steps = run["steps"].as_array().unwrap().iter().filter(|step| step["state"] != "pending");
    steps.map(|step| (text(&step["host"]), text(&step["kind"]))).collect()
}

fn port(environment: &str) -> u16 {
    if environment == "stage" { 8001 } else { 8002 }
}

fn config(data: &Path, repository: &str, hosts: &[Host], stage: Stage) -> String {
    let tables: String = hosts.iter().map(Host::table).collect();
    let environment = |name: &str, order: &str, hosts: &[Host]| {
        let names: Vec<_> = hosts.iter().map(|host| format!("{:?}", host.name())).collect();
        let (names, port) = (names.join(", "), port(name));
        format!(
            "[services.environments.{name}]\ndriver = \"ssh\"\nhosts = [{names}]\norder = \"{order}\"\n\
             [services.environments.{name}.surfaces.web]\ndirectory = \"/home/deploy/{name}\"\n\
             health.url = \"http://127.0.0.1:{port}/cgi-bin/health\"\n\
             env = {{ ENVIRONMENT = \"{name}\", PORT = \"{port}\" }}\n"
        )
    };
    let stage = match stage {
        Stage::OnHosts(count) => environment("stage", "parallel", &hosts[..count]),
        Stage::Nowhere => {
            "[services.environments.stage]\ndriver = \"local\"\n[services.environments.stage.surfaces.web]\n\
             recipe = \"commands\"\ncheckout = false\ndirectory = \"/\"\ndeploy = \"true\"\nmigrate_up = \"true\"\n\
             migrate_down = \"true\"\nhealth.command = \"true\"\n"
                .to_owned()
        }
    };
    let production = environment("production", "rolling", hosts);
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"{}\"\n[local]\nuser = \"root\"\n{tables}\
         [[people]]\nname = \"ann\"\nrole = \"admin\"\n\
         [[services]]\nname = \"{SHOP}\"\nrepository = \"{repository}\"\napprovals.required = [\"ann\"]\n\
         [[services.surfaces]]\nname = \"web\"\nrecipe = \"compose\"\n\
         migrate_up = \"./migrate up\"\nmigrate_down = \"./migrate down {{{{ target.tag }}}}\"\n\
         health = {{ url = \"http://127.0.0.1/\", wait = \"100ms\", attempts = 6, interval = \"500ms\", timeout = \"1s\" }}\n\
         {stage}{production}",
        data.display()
    )
}
