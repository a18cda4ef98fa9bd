//! The service of these stories: its repository, served to the hosts, and an `rmm.toml` that deploys it there. Every
//! step notes itself in a ledger on the host; the one that a story has chosen counts slowly meanwhile.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use toml::Value;

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
while [ $i -lt 40 ]; do
    i=$((i + 1))
    echo "line $i of $me"
    echo $i > ~/progress
    sleep 0.05
done
"#;

/// Git for the hosts: the steps that RMM makes itself note themselves, too.
const GIT: &str = "#!/bin/sh\n[ -z \"$RMM_STEP\" ] || ~/bin/step >&2\nexec \"$RMM_TEST_GIT\" \"$@\"\n";

/// Serves a folder of repositories on the machine's side of the bridge.
struct GitDaemon {
    process: Child,
    url: String,
}

impl GitDaemon {
    async fn serve(folder: &Path, address: &str) -> Self {
        let port = TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
        let programs = Command::new("git").arg("--exec-path").output().unwrap().stdout;
        let program = Path::new(String::from_utf8(programs).unwrap().trim()).join("git-daemon");
        let process = Command::new(program)
            .args(["--reuseaddr", "--export-all", &format!("--listen={address}"), &format!("--port={port}")])
            .arg(format!("--base-path={}", folder.display()))
            .arg(folder)
            .envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        eventually("git is served", async || std::net::TcpStream::connect((address, port)).ok()).await;
        Self { process, url: format!("git://{address}:{port}") }
    }
}

impl Drop for GitDaemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// RMM and the hosts that it deploys the shop to. RMM ends first, then the hosts go.
pub struct Shop {
    pub world: World,
    pub hosts: Vec<Host>,
    _git: GitDaemon,
    _repositories: TempDir,
}

impl Shop {
    /// A running RMM with so many hosts; none where none can be made. `environment` changes each environment's table.
    pub async fn open(count: usize, environment: &[(&str, Value)]) -> Option<Self> {
        let git = command_path("git");
        let sshd = format!("SetEnv PATH=/home/deploy/bin:/usr/local/bin:/usr/bin:/bin RMM_TEST_GIT={git}");
        let hosts = (0..count).map(|_| Host::up_with_sshd(&sshd)).collect::<Option<Vec<_>>>()?;
        for host in &hosts {
            std::fs::create_dir(host.home("bin")).unwrap();
            for (name, text) in [("step", STEP), ("git", GIT)] {
                std::fs::write(host.home("bin").join(name), text).unwrap();
            }
            host_owns(host);
        }
        let repositories = tempfile::tempdir().unwrap();
        let repository = Repository::in_folder(&repositories.path().join("shop"));
        for tag in ["v1", "v2", "v3"] {
            repository.tag(tag, tag);
        }
        let git = GitDaemon::serve(repositories.path(), hosts[0].gateway()).await;
        let world = World::without_rmm(Setup::new());
        let text = config(world.data(), &format!("{}/shop", git.url), &hosts, environment);
        world.write("rmm.toml", &text);
        world.start().await;
        Some(Self { world, hosts, _git: git, _repositories: repositories })
    }

    /// What the steps noted on a host, without the numbers of the runs.
    pub fn ledger(&self, host: usize) -> Vec<String> {
        let text = self.hosts[host].read("ledger");
        text.lines().filter_map(|line| line.split_once(' ')).map(|(_, rest)| rest.to_owned()).collect()
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
fn config(data: &Path, repository: &str, hosts: &[Host], environment: &[(&str, Value)]) -> String {
    let (mut hosts_text, mut names) = (String::new(), Vec::new());
    for host in hosts {
        names.push(Value::from(host.name()).to_string());
        hosts_text += &format!(
            "[[hosts]]\nname = \"{}\"\naddress = \"{}:22\"\nuser = \"{}\"\nkey = \"file:{}\"\nhost_key = \"{}\"\n\
             limits = {{ connect = \"3s\", auth = \"3s\", open = \"3s\", keepalive = \"300ms\", idle = \"5m\" }}\n",
            host.name(),
            host.address(),
            host.user(),
            host.key_path(),
            host.fingerprint(),
        );
    }
    let names = names.join(", ");
    let more: String = environment.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let environments: String = ["stage", "production"]
        .map(|name| {
            format!(
                "[services.environments.{name}]\ndriver = \"ssh\"\nhosts = [{names}]\n{more}\
                 [services.environments.{name}.surfaces.app]\ndirectory = \"/home/deploy/{name}\"\n"
            )
        })
        .concat();
    let data = Value::from(data.display().to_string());
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {data}\n{hosts_text}\
         [[people]]\nname = \"ann\"\nrole = \"admin\"\n\
         [[services]]\nname = \"{SHOP}\"\nrepository = \"{repository}\"\n\
         [services.approvals]\nrequired = [\"ann\"]\n\
         [[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\ncheckout = true\n\
         directory = \"/home/deploy/stage\"\n\
         before_deploy = \"step\"\nmigrate_up = \"step\"\ndeploy = \"step\"\nafter_deploy = \"step\"\nmigrate_down = \"step\"\n\
         health = {{ command = \"step\", wait = \"1ms\" }}\n{environments}"
    )
}
