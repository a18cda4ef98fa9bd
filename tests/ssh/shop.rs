//! The service of these stories: its repository, served to the hosts, and an `rmm.toml` that deploys it there. Every
//! step notes itself in a ledger on the host; the one that a story has chosen counts slowly meanwhile.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use toml::Value;

use crate::git::GitDaemon;
use crate::host::Host;
use crate::world::{Repository, SHOP, Setup, World, eventually};

/// How many lines the chosen step writes.
pub const LINES: usize = 40;

/// Notes a step, once for each session that it is run in; the chosen one counts, and tells how far it is.
const STEP: &str = r#"#!/bin/sh
me="$RMM_ENVIRONMENT $RMM_RUN_KIND $RMM_STEP"
session=$(ps -o sid= -p $$ | tr -d ' ')
mkdir -p ~/sessions
mkdir ~/sessions/"$session-$RMM_RUN-$RMM_STEP" 2>/dev/null || exit 0
echo "$RMM_RUN $me $RMM_TAG" >> ~/ledger
[ "$RMM_TAG $me" = "$(cat ~/chosen 2>/dev/null)" ] || exit 0
i=0
while [ $i -lt "$(cat ~/lines 2>/dev/null || echo 40)" ]; do
    i=$((i + 1))
    echo "line $i of $me"
    echo $i > ~/progress
    sleep 0.05
done
"#;

/// Git for the hosts: the steps that RMM makes itself note themselves, too. A fetch that was chosen to meet a fault needs
/// the network itself, so it is patient.
const GIT: &str = r#"#!/bin/sh
[ -z "$RMM_STEP" ] || ~/bin/step >&2
chosen=$(cat ~/chosen 2>/dev/null)
case " $* ,$chosen" in
*" fetch "*,"$RMM_TAG $RMM_ENVIRONMENT $RMM_RUN_KIND $RMM_STEP" | \
    *" clone "*,"$RMM_TAG $RMM_ENVIRONMENT $RMM_RUN_KIND $RMM_STEP")
    until "$RMM_TEST_GIT" "$@"; do sleep 0.2; done
    ;;
*) exec "$RMM_TEST_GIT" "$@" ;;
esac
"#;

/// RMM and the hosts that it deploys the shop to. RMM ends first, then the hosts go.
pub struct Shop {
    pub world: World,
    pub hosts: Vec<Host>,
    /// Where the repositories are that the hosts clone from.
    pub repositories: TempDir,
    _git: GitDaemon,
}

/// How a host of the shop is made, and how RMM gets in there.
#[derive(Default)]
pub struct Plan {
    /// More lines for sshd's configuration.
    pub sshd: &'static str,
    /// More variables for the script that makes hosts.
    pub host: &'static [(&'static str, &'static str)],
    /// The keys of `[[hosts]]` that are the login; by default, the key that opens the host.
    pub login: Option<Login>,
    /// RMM is not told the host's key.
    pub unpinned: bool,
}

/// Writes the keys of `[[hosts]]` that are the login. May add to RMM's own environment.
pub type Login = fn(&Host, &mut Setup) -> String;

/// What `rmm.toml` says besides.
#[derive(Default)]
pub struct More<'a> {
    /// Keys of each environment's table.
    pub environment: &'a [(&'a str, Value)],
    /// Keys of the surface that replace others.
    pub surface: &'a [(&'a str, &'a str)],
    /// Where stage and production are on the hosts; by default, the user's home.
    pub place: Option<&'a str>,
}

impl Shop {
    /// A running RMM with so many hosts; none where none can be made. `environment` changes each environment's table.
    pub async fn open(count: usize, environment: &[(&str, Value)]) -> Option<Self> {
        let plans: Vec<_> = (0..count).map(|_| Plan::default()).collect();
        Self::with(&plans, &More { environment, ..More::default() }).await
    }

    /// As [`Self::open`], with one host for each plan.
    pub async fn with(plans: &[Plan], more: &More<'_>) -> Option<Self> {
        let git = command_path("git");
        let (mut hosts, mut setup, mut entries) = (Vec::new(), Setup::new(), String::new());
        for plan in plans {
            let sshd =
                format!("SetEnv PATH=/home/deploy/bin:/usr/local/bin:/usr/bin:/bin RMM_TEST_GIT={git}; {}", plan.sshd);
            let host = Host::up_with_variables(&[plan.host, &[("RMM_HOST_SSHD", sshd.as_str())]].concat())?;
            std::fs::create_dir(host.home("bin")).unwrap();
            for (name, text) in [("step", STEP), ("git", GIT)] {
                std::fs::write(host.home("bin").join(name), text).unwrap();
            }
            host_owns(&host);
            let login = plan.login.unwrap_or(|host, _| format!("key = \"file:{}\"", host.key_path()));
            entries += &host.entry(&login(&host, &mut setup), !plan.unpinned);
            hosts.push(host);
        }
        let repositories = tempfile::tempdir().unwrap();
        let repository = Repository::in_folder(&repositories.path().join("shop"));
        for tag in ["v1", "v2", "v3"] {
            repository.tag(tag, tag);
        }
        let git = GitDaemon::serve(repositories.path(), hosts[0].gateway()).await;
        let world = World::without_rmm(setup);
        let text = config(world.data(), &git.url("shop"), &hosts, &entries, more);
        world.write("rmm.toml", &text);
        world.start().await;
        Some(Self { world, hosts, repositories, _git: git })
    }

    /// What a check of the first host says, and whether it is content.
    pub fn check(&self) -> (bool, String) {
        let (content, said) = self.rmm(&format!("host check {}", self.hosts[0].name()), None);
        (content, said.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Brings a tag through to production.
    pub async fn deployed(&self, tag: &str) -> i64 {
        let release = self.world.release_of_tag(tag).await;
        self.goes_live(release).await;
        release
    }

    /// The same with a release on its way.
    pub async fn goes_live(&self, release: i64) {
        self.world.until(release, "manual_testing").await;
        self.world.approve("ann", release).await.ok();
        self.world.until(release, "deployed").await;
        self.world.quiet().await;
    }

    /// Changes `rmm.toml`, which RMM reads when it starts again.
    pub async fn reconfigure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.world.path("rmm.toml")).unwrap();
        assert!(text.contains(from), "no {from} in {text}");
        self.world.write("rmm.toml", &text.replace(from, to));
        self.world.terminate().await;
        self.world.start().await;
    }

    /// What a command of RMM prints, and whether it succeeded; with an answer, it is typed on a terminal.
    pub fn rmm(&self, arguments: &str, typed: Option<&str>) -> (bool, String) {
        let config = self.world.path("rmm.toml").display().to_string();
        let line = format!("{} --config {config} {arguments}", env!("CARGO_BIN_EXE_rmm"));
        let mut command = Command::new(if typed.is_some() { "script" } else { "sh" });
        match typed {
            Some(_) => command.args(["-qec", &line, "/dev/null"]),
            None => command.args(["-c", &line]),
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut input = process.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, typed.unwrap_or_default().as_bytes()).unwrap();
        let done = if typed.is_some() {
            // An end of the input would end the terminal.
            let done = process.wait_with_output();
            drop(input);
            done
        } else {
            drop(input);
            process.wait_with_output()
        }
        .unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Waits until the first run of a release to end is in a state; answers with it.
    pub async fn run_in(&self, release: i64, state: &str) -> serde_json::Value {
        let mut last = Vec::new();
        eventually(&format!("a run of #{release} is {state}"), async || {
            last = self.world.runs(release).await;
            let found = last.iter().find(|run| run["state"] == state).cloned();
            let busy = last.iter().all(|run| run["state"] == "queued" || run["state"] == "running");
            assert!(found.is_some() || busy, "a run of #{release} should be {state}: {last:?}");
            found
        })
        .await
    }

    /// Waits until a run of a release says why it waits, and that has this part.
    pub async fn waits_for(&self, release: i64, part: &str) -> String {
        eventually(&format!("#{release} waits: {part}"), async || {
            let runs = self.world.runs(release).await;
            let said = runs.iter().filter_map(|run| run["waiting"].as_str()).find(|said| said.contains(part));
            said.map(ToOwned::to_owned)
        })
        .await
    }

    /// What the steps noted on a host, without the numbers of the runs.
    pub fn ledger(&self, host: usize) -> Vec<String> {
        let text = self.hosts[host].read("ledger");
        text.lines().filter_map(|line| line.split_once(' ')).map(|(_, rest)| rest.to_owned()).collect()
    }

    /// Each step was executed at most once on every host, and the deploy on each.
    pub fn is_deployed_once(&self) {
        for number in 0..self.hosts.len() {
            let ledger = self.ledger(number);
            let once = ledger.iter().all(|step| ledger.iter().filter(|other| *other == step).count() == 1);
            assert!(once && ledger.contains(&"stage deploy deploy v1".to_owned()), "{ledger:?}");
        }
    }

    /// Chooses the step that counts.
    pub fn choose(&self, step: &str) {
        std::fs::write(self.hosts[0].home("chosen"), step).unwrap();
    }

    /// How far the chosen step is.
    pub fn progress(&self) -> usize {
        self.hosts[0].read("progress").trim().parse().unwrap_or(0)
    }

    /// Waits until the chosen step has written so many lines.
    pub async fn until_line(&self, line: usize) {
        eventually(&format!("the chosen step writes line {line}"), async || (self.progress() >= line).then_some(()))
            .await;
    }
}

/// What was put into the home belongs to its user.
fn host_owns(host: &Host) {
    let owned = Command::new("chown").arg("-R").arg("--reference").arg(host.home("")).arg(host.home("bin")).status();
    let runs = Command::new("chmod").arg("-R").arg("a+rx").arg(host.home("bin")).status();
    assert!(owned.unwrap().success() && runs.unwrap().success());
}

fn command_path(name: &str) -> String {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

/// `rmm.toml`: stage and production on the same hosts, in folders of their own.
fn config(data: &Path, repository: &str, hosts: &[Host], entries: &str, more: &More<'_>) -> String {
    let names: Vec<_> = hosts.iter().map(|host| Value::from(host.name()).to_string()).collect();
    let names = names.join(", ");
    let place = more.place.unwrap_or("/home/deploy");
    let environment: String = more.environment.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let environments: String = ["stage", "production"]
        .map(|name| {
            format!(
                "[services.environments.{name}]\ndriver = \"ssh\"\nhosts = [{names}]\n{environment}\
                 [services.environments.{name}.surfaces.app]\ndirectory = \"{place}/{name}\"\n"
            )
        })
        .concat();
    let mut surface = vec![("health", "{ command = \"step\", wait = \"1ms\" }")];
    surface
        .extend(["before_deploy", "migrate_up", "deploy", "after_deploy", "migrate_down"].map(|key| (key, "\"step\"")));
    surface.retain(|(key, _)| !more.surface.iter().any(|(other, _)| other == key));
    let surface: String = surface.iter().chain(more.surface).map(|(key, value)| format!("{key} = {value}\n")).collect();
    let data = Value::from(data.display().to_string());
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {data}\n{entries}\
         [[people]]\nname = \"ann\"\nrole = \"admin\"\n\
         [[services]]\nname = \"{SHOP}\"\nrepository = \"{repository}\"\n\
         [services.approvals]\nrequired = [\"ann\"]\n\
         [[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\ncheckout = true\n\
         directory = \"{place}/stage\"\n{surface}{environments}"
    )
}
