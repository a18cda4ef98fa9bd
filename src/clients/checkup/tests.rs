use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::*;
use crate::clients::local::Local;
use crate::clients::transport::{Channel, EnvPair, Stream};
use crate::domain::env::Env;
use crate::domain::ids::{ServiceName, SurfaceName};
use crate::wording::{Language, english_found};

/// What was found, as it is told.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    name: String,
    state: State,
    detail: String,
    fix: Option<String>,
}

impl From<Finding> for Told {
    fn from(Finding { topic, state, found, remedy }: Finding) -> Self {
        Self {
            name: topic.as_str().to_owned(),
            state,
            detail: english_found(&found),
            fix: remedy.map(|remedy| Language::En.finding_remedy(&remedy)),
        }
    }
}

/// This machine, with the programs of a folder and nothing else.
struct Machine {
    folder: tempfile::TempDir,
    local: Local,
}

const TOOLS: [&str; 27] = [
    "date", "id", "tr", "cut", "df", "timeout", "setsid", "mkfifo", "tail", "dd", "ln", "wc", "mkdir", "rmdir", "rm",
    "mv", "chmod", "sleep", "cat", "find", "grep", "sed", "sort", "cksum", "ls", "uniq", "xargs",
];

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        for tool in TOOLS {
            let paths = std::env::var_os("PATH").unwrap();
            let found = std::env::split_paths(&paths).map(|path| path.join(tool)).find(|path| path.exists());
            if let Some(found) = found {
                symlink(found, programs.join(tool)).unwrap();
            }
        }
        Self { folder, local: Local::new().with_shell("/bin/sh") }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A program that is a script.
    fn program(self, name: &str, script: &str) -> Self {
        let path = self.path(&format!("bin/{name}"));
        let _ = fs::remove_file(&path);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn without(self, name: &str) -> Self {
        fs::remove_file(self.path(&format!("bin/{name}"))).unwrap();
        self
    }

    async fn checkup(&self, wanted: &Wanted) -> Vec<Told> {
        told(checkup(self, wanted, &now, Duration::from_secs(30)).await)
    }
}

fn told(findings: Vec<Finding>) -> Vec<Told> {
    findings.into_iter().map(Told::from).collect()
}

#[expect(clippy::disallowed_methods, reason = "the script tells the machine's time")]
fn now() -> Timestamp {
    Timestamp::now()
}

impl Transport for Machine {
    fn exec<'a>(
        &'a self,
        script: &'a str,
        args: &'a [&'a str],
        env: &'a [EnvPair],
    ) -> BoxFuture<'a, Result<Channel, TransportError>> {
        Box::pin(async move {
            let own = [("PATH", self.path("bin")), ("HOME", self.path("home"))]
                .map(|(name, value)| (name.to_owned(), SecretString::from(value)));
            let env = [&own, env].concat();
            self.local.exec(script, args, &env).await
        })
    }

    fn connect<'a>(
        &'a self,
        host: &'a str,
        port: u16,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>> {
        if host == "forbidden" {
            return Box::pin(async { Err(TransportError::Forbidden("it does not allow that".into())) });
        }
        self.local.connect(host, port, limit)
    }
}

fn docker(directories: &[String]) -> Wanted {
    Wanted { git: true, docker: true, directories: directories.to_vec(), ..Wanted::default() }
}

#[track_caller]
fn one<'f>(findings: &'f [Told], name: &str) -> &'f Told {
    let mut found = findings.iter().filter(|finding| finding.name == name);
    let first = found.next().unwrap_or_else(|| panic!("no {name} in {findings:?}"));
    assert_eq!(found.next(), None, "one {name}");
    first
}

#[track_caller]
fn is(findings: &[Told], name: &str, state: State, part: &str) {
    let finding = one(findings, name);
    assert!(finding.state == state && finding.detail.contains(part), "{finding:?}");
}

#[tokio::test]
async fn a_machine_that_has_everything() {
    let machine = Machine::new()
        .program("git", "echo git version 2.50")
        .program("docker", "case $1 in compose) echo 2.40.1;; *) echo 28.1;; esac");
    let findings = machine.checkup(&docker(&[machine.path("home"), machine.path("home/new/deep")])).await;
    for name in ["login", "shell", "git", "docker", "compose", "clock"] {
        is(&findings, name, State::Ok, "");
    }
    is(&findings, "git", State::Ok, "git version 2.50");
    is(&findings, "docker", State::Ok, "28.1");
    is(&findings, "compose", State::Ok, "2.40.1");
    let directories: Vec<_> = findings.iter().filter(|finding| finding.name == "directory").collect();
    assert_eq!(directories.len(), 2);
    assert!(directories.iter().all(|finding| finding.state == State::Ok), "{directories:?}");
    assert!(directories[1].detail.contains("can be made"), "{directories:?}");
    assert!(one(&findings, "disk space").detail.contains("home/new/deep"), "one file system, one finding");
    assert!(!Path::new(&machine.path("home/new")).exists(), "nothing is changed");
}

#[tokio::test]
async fn what_is_missing_matters_only_where_it_is_needed() {
    let machine = Machine::new().without("setsid").without("mkfifo");
    let findings = machine.checkup(&docker(&[])).await;
    is(&findings, "shell", State::Fail, "setsid, mkfifo");
    is(&findings, "git", State::Fail, "missing");
    is(&findings, "docker", State::Fail, "missing");
    assert!(findings.iter().filter(|f| f.state == State::Fail).all(|f| f.fix.is_some()), "{findings:?}");
    let findings = Machine::new().checkup(&Wanted::default()).await;
    let asked = |name: &str| findings.iter().any(|finding| finding.name == name);
    assert!(!["git", "docker", "compose", "repository"].into_iter().any(asked), "{findings:?}");
}

#[tokio::test]
async fn a_machine_with_next_to_nothing_names_all_that_is_missing() {
    let mut machine = Machine::new();
    for tool in TOOLS {
        machine = machine.without(tool);
    }
    let wanted = Wanted { files: Some(machine.path("home/a/b")), ..docker(&[machine.path("home/deep/er")]) };
    let findings = machine.checkup(&wanted).await;
    let missing = "setsid, mkfifo, tail, dd, cat, ln, wc, mkdir, rmdir, rm, mv, chmod, sleep, cut, find, grep, id, sed, sort, \
                   cksum, ls, tr, uniq, xargs";
    is(&findings, "shell", State::Fail, missing);
    let fix = "sudo apt-get install coreutils findutils grep sed util-linux";
    assert_eq!(one(&findings, "shell").fix.as_deref(), Some(fix));
    is(&findings, "directory", State::Ok, "can be made");
    let findings = Machine::new().without("grep").checkup(&Wanted::default()).await;
    is(&findings, "shell", State::Ok, "");
}

#[tokio::test]
async fn a_docker_without_compose_says_what_to_install() {
    for said in [
        "docker: unknown command: docker compose",
        "docker: '\\''compose'\\'' is not a docker command.\\nSee '\\''docker --help'\\''",
    ] {
        let program = format!("case $1 in compose) printf '{said}\\n' >&2; exit 1;; *) echo 28.1;; esac");
        let findings = Machine::new().program("docker", &program).checkup(&docker(&[])).await;
        is(&findings, "compose", State::Fail, "docker has no plugin `compose`");
        let fix = one(&findings, "compose").fix.as_deref();
        assert_eq!(fix, Some("sudo apt-get install docker-compose-plugin"));
    }
}

#[tokio::test]
async fn where_the_files_of_steps_go_is_tried_and_left_as_it_was() {
    let machine = Machine::new();
    is(&machine.checkup(&Wanted::default()).await, "run files", State::Ok, "home takes the files of steps");
    fs::create_dir(machine.path("home/.rmm")).unwrap();
    is(&machine.checkup(&Wanted::default()).await, "run files", State::Ok, ".rmm takes");
    assert_eq!(fs::read_dir(machine.path("home/.rmm")).unwrap().count(), 0);
    let deep = Wanted { files: Some(machine.path("home/data/runs")), ..Wanted::default() };
    is(&machine.checkup(&deep).await, "run files", State::Ok, "home takes");
    fs::remove_dir(machine.path("home/.rmm")).unwrap();
    fs::write(machine.path("home/.rmm"), "").unwrap();
    is(&machine.checkup(&Wanted::default()).await, "run files", State::Fail, "it is no directory");
    let odd = Machine::new().program("ln", "echo ln: Operation not permitted >&2; exit 1");
    let findings = odd.checkup(&Wanted::default()).await;
    is(&findings, "run files", State::Fail, "hard links and FIFOs: ln: Operation not permitted");
    assert_eq!(fs::read_dir(odd.path("home")).unwrap().count(), 0);
}

#[tokio::test]
async fn the_repository_is_asked_as_a_step_asks_it() {
    let git = "case $1 in --version) echo git version 2.50;; *) case \"$GIT_TERMINAL_PROMPT $4\" in \
               '0 https://good.example/a.git') cat \"$GIT_SSL_CAINFO\" >\"$HOME/ca\";; \
               *) echo 'fatal: SSL certificate problem: unable to get local issuer certificate' >&2; exit 128;; esac;; esac";
    let machine = Machine::new().program("git", git);
    let repository = |url: &str, ca: Option<&str>| Repository { url: url.into(), ca: ca.map(str::to_owned) };
    let wanted = Wanted {
        git: true,
        repositories: vec![
            repository("https://bad.example/b.git", None),
            repository("https://good.example/a.git", Some("a certificate")),
        ],
        ..Wanted::default()
    };
    let findings = machine.checkup(&wanted).await;
    let [bad, good]: [_; 2] =
        findings.iter().filter(|finding| finding.name == "repository").collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((bad.state, good.state), (State::Fail, State::Ok), "{findings:?}");
    assert!(bad.detail.contains("unable to get local issuer") && bad.detail.contains("`repository_ca`"), "{bad:?}");
    assert_eq!(bad.fix.as_deref(), Some("git ls-remote -- https://bad.example/b.git HEAD"));
    assert_eq!(fs::read_to_string(machine.path("home/ca")).unwrap(), "a certificate\n");
}

#[tokio::test]
async fn a_repository_that_git_does_not_trust_comes_with_the_command_that_helps() {
    let git = "case $1 in --version) echo git version 2.50;; *) printf '%s\\n' \
               \"fatal: detected dubious ownership in repository at '/srv/my repo/.git'\" \
               'To add an exception for this directory, call:' '' \
               \"    git config --global --add safe.directory '/srv/my repo/.git'\" >&2; exit 128;; esac";
    let machine = Machine::new().program("git", git);
    let repositories = vec![Repository { url: "/srv/my repo".into(), ca: None }];
    let findings = machine.checkup(&Wanted { git: true, repositories, ..Wanted::default() }).await;
    let found = findings.iter().find(|finding| finding.name == "repository").unwrap();
    assert!(found.detail.contains("/srv/my repo/.git belongs to another user than"), "{found:?}");
    let fix = found.fix.as_deref().unwrap();
    // Steps have this home, whatever the system knows.
    let home = format!(" env HOME={} git config ", machine.path("home"));
    assert!(fix.starts_with("sudo -u ") && fix.contains(&home), "{fix}");
    assert!(fix.ends_with(" safe.directory '/srv/my repo/.git'"), "{fix}");
}

fn look(title: &str, calls: &str) -> Look {
    let place = Place {
        surface: SurfaceName::parse("surface", title).unwrap(),
        service: ServiceName::parse("service", "shop").unwrap(),
        environment: Env::Stage,
        folder: None,
    };
    Look { place, calls: calls.into() }
}

#[tokio::test]
async fn what_a_run_looks_at_first_is_looked_at_and_left_as_it_is() {
    let docker = "case $* in 'ps -q') ;; *project=free*) ;; *Names*) echo '|web|taken|/elsewhere' ;; \
                  ps*) echo 'taken|/elsewhere' ;; *) echo 28.1 ;; esac";
    let paths = std::env::var_os("PATH").unwrap();
    let git = std::env::split_paths(&paths).map(|path| path.join("git")).find(|path| path.exists()).unwrap();
    let machine = Machine::new().program("docker", docker).program("git", &format!("exec {} \"$@\"", git.display()));
    let (held, own) = (machine.path("home/held"), machine.path("home/own"));
    for (folder, holder) in [(&held, "blog production\n"), (&own, "shop stage\n")] {
        assert!(std::process::Command::new(&git).args(["init", "-q", folder]).status().unwrap().success());
        fs::write(format!("{folder}/.git/rmm-place"), holder).unwrap();
    }
    let place = |folder: &str, project: &str| {
        format!(
            "rmm_meet_holder {folder} shop stage\nrmm_room 1 {folder} docker\nrmm_compose_place {folder} {project} default"
        )
    };
    let wanted = Wanted {
        git: true,
        docker: true,
        looks: vec![
            look("held", &place(&held, "free")),
            look("narrow", &format!("rmm_room 999000000000000000 {own}")),
            look("taken", &place(&own, "taken")),
            look("named", &format!("rmm_compose_place {own} taken named")),
            look("good", &place(&own, "free")),
            look("new", &place(&machine.path("home/new"), "free")),
        ],
        ..Wanted::default()
    };
    let findings = machine.checkup(&wanted).await;
    let found = |title: &str| {
        let mut named =
            findings.iter().filter(|finding| finding.detail.starts_with(&format!("{title} of shop on stage in ~: ")));
        let found = named.next().unwrap_or_else(|| panic!("no {title} in {findings:?}"));
        assert_eq!(found.name, "place");
        (found.state, found.detail.clone())
    };
    for (title, part) in [
        ("held", "is held by blog on production, so shop on stage must not use it"),
        ("narrow", "free and a deploy wants"),
        ("named", "The compose project taken is that of containers in /elsewhere"),
        ("taken", "The compose project taken is that of containers in /elsewhere"),
    ] {
        let (state, said) = found(title);
        assert!(state == State::Fail && said.contains(part) && !said.contains("rmm: "), "{said}");
    }
    for title in ["good", "new"] {
        assert_eq!(found(title).0, State::Ok, "{:?}", found(title));
    }
    assert!(!Path::new(&machine.path("home/new")).exists() && !Path::new(&machine.path("home/.local")).exists());
}

#[tokio::test]
async fn a_folder_that_is_no_place_is_not_called_fit_and_what_to_do_is_said_to_the_end() {
    let machine = Machine::new();
    let (file, folder) = (machine.path("home/file"), machine.path("home/folder"));
    fs::write(&file, "").unwrap();
    let long = format!("rmm_say first; rmm_fail '{}; do this'", "x".repeat(600));
    let of = |title: &str, folder: &str, calls: &str| {
        let look = look(title, calls);
        Look { place: Place { folder: Some(folder.into()), ..look.place }, ..look }
    };
    let wanted = Wanted {
        looks: vec![of("bad", &file, ":"), of("good", &folder, ":"), of("long", &file, &long)],
        directories: vec![file.clone(), folder.clone()],
        ..Wanted::default()
    };
    let findings = machine.checkup(&wanted).await;
    let places: Vec<_> = findings.iter().filter(|finding| finding.name == "place").collect();
    let [good, long]: [_; 2] = places.try_into().unwrap_or_else(|places| panic!("{places:?}"));
    assert!(good.state == State::Ok && good.detail.starts_with("good of shop on stage in "), "{good:?}");
    assert!(long.state == State::Fail && long.detail.ends_with("xxx; do this"), "{long:?}");
    assert!(long.detail.contains("home/file: first; xxx"), "{long:?}");
}

#[tokio::test]
async fn names_that_lead_nowhere_are_told() {
    let machine = Machine::new();
    for here in [false, true] {
        let asked = Asked { host: "nowhere.invalid".into(), port: 80, instead: false, here };
        let found = Told::from(ask(&machine, &asked).await);
        let name = if here { "health" } else { "forwarding" };
        assert!(found.state == State::Fail && found.name == name, "{found:?}");
        assert!(found.detail.contains("nowhere.invalid:80") && is_unresolved(&found.detail), "{found:?}");
        assert_eq!(found.fix.as_deref(), Some("getent hosts nowhere.invalid"));
    }
    let wanted = Wanted {
        asked: ["nowhere.invalid", "127.0.0.1"]
            .map(|host| Asked { host: host.into(), port: 80, instead: false, here: false })
            .into(),
        ..Wanted::default()
    };
    let findings = machine.checkup(&wanted).await;
    let found: Vec<_> = findings.iter().filter(|finding| finding.name == "forwarding").map(|one| one.state).collect();
    assert_eq!(found, [State::Fail, State::Ok]);
    assert!(!is_unresolved("127.0.0.1:80, as box sees it, takes no connection: Connection refused."));
}

#[test]
fn no_finding_says_to_give_away_what_belongs_to_the_machine() {
    let mut said = Said::new(now());
    for path in ["/", "/home", "/etc", "/srv", "/usr/bin", "/srv/shop"] {
        for state in ["readonly", "foreign", "refused"] {
            assert!(said.hear(format!("{MARK}directory\t{path}\t{state}\t/\n").as_bytes(), &now));
        }
    }
    assert!(said.hear(format!("{MARK}run-files\tunfit\t/\tno\n").as_bytes(), &now));
    for finding in told(said.findings(&Wanted::default(), None)) {
        let fix = finding.fix.as_deref().unwrap_or_default();
        let own = finding.detail.contains("/srv/shop");
        assert_eq!(own, fix.contains("chown") || fix.contains("install -d"), "{finding:?}");
        assert!(own || finding.name != "directory" || finding.detail.contains("folder of its own"), "{finding:?}");
    }
}

#[tokio::test]
async fn what_health_checks_ask_through_the_host_is_tried() {
    let machine = Machine::new();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let asked = |host: &str, port, instead| Asked { host: host.into(), port, instead, here: false };
    for (one, state, part) in [
        (asked("127.0.0.1", free, false), State::Ok, "nothing answers there now"),
        (asked("forbidden", 80, false), State::Fail, "does not allow"),
        (asked("forbidden", 80, true), State::Warn, "in place of"),
    ] {
        let findings = machine.checkup(&Wanted { asked: vec![one], ..Wanted::default() }).await;
        is(&findings, "forwarding", state, part);
    }
}

#[tokio::test]
async fn a_docker_that_denies_access() {
    let machine = Machine::new()
        .program("id", "echo deploy")
        .program("docker", "printf 'permission denied\\n\\033[2Jon the socket' >&2; exit 1");
    let findings = machine.checkup(&docker(&[])).await;
    is(&findings, "docker", State::Fail, "does not answer deploy: permission denied  [2Jon the socket");
    assert_eq!(one(&findings, "docker").fix.as_deref(), Some("sudo usermod -aG docker deploy"));
    is(&findings, "compose", State::Fail, "");
    let down = Machine::new().program("docker", "echo Cannot connect to the Docker daemon >&2; exit 1");
    let findings = down.checkup(&docker(&[])).await;
    assert_eq!(one(&findings, "docker").fix.as_deref(), Some("sudo systemctl enable --now docker"));
}

#[tokio::test]
async fn a_disk_that_fills_up() {
    for (free, state) in [(100 * 1024, State::Fail), (1024 * 1024, State::Warn), (5 * 1024 * 1024, State::Warn)] {
        let row = format!("echo head; echo '/dev/my disk 100000000 1 {free} 99% /mnt/a b'");
        let findings = Machine::new().program("df", &row).checkup(&Wanted::default()).await;
        is(&findings, "disk space", state, "free for");
    }
    let findings = Machine::new().program("df", "echo 'x 30000000 1 20000000 34% /'").checkup(&Wanted::default()).await;
    is(&findings, "disk space", State::Ok, "19 GiB of 28 GiB");
    let findings = Machine::new().program("df", "exit 1").checkup(&Wanted::default()).await;
    is(&findings, "disk space", State::Warn, "df");
}

#[tokio::test]
async fn clocks_that_disagree() {
    let ahead = Machine::new().program("date", "echo 99999999999").checkup(&Wanted::default()).await;
    is(&ahead, "clock", State::Warn, "ahead");
    let behind = Machine::new().program("date", "echo 1000").checkup(&Wanted::default()).await;
    is(&behind, "clock", State::Warn, "behind");
    let silent = Machine::new().program("date", "exit 1").checkup(&Wanted::default()).await;
    is(&silent, "clock", State::Warn, "does not tell");
}

#[tokio::test]
async fn a_folder_without_a_checkout_has_to_be_there() {
    let machine = Machine::new();
    let wanted = |folder: String| Wanted { folders: vec![folder], ..Wanted::default() };
    is(&machine.checkup(&wanted("/".to_owned())).await, "directory", State::Ok, "nothing is checked out in it");
    is(&machine.checkup(&wanted(machine.path("home/new"))).await, "directory", State::Fail, "is not there");
}

#[tokio::test]
async fn directories_that_cannot_be() {
    let machine = Machine::new().program("id", "echo deploy");
    fs::write(machine.path("file"), "").unwrap();
    let findings = machine.checkup(&docker(&[machine.path("file")])).await;
    is(&findings, "directory", State::Fail, "is no directory");
    let findings = machine.checkup(&docker(&[machine.path("file/below it")])).await;
    is(&findings, "directory", State::Fail, "deploy cannot make it");
    let fix = format!("sudo install -d -o deploy '{}'", machine.path("file/below it"));
    assert_eq!(one(&findings, "directory").fix.as_deref(), Some(fix.as_str()));
}

#[tokio::test]
async fn what_a_link_leads_to_is_looked_at() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("home/shop")).unwrap();
    for (link, to) in [("shop", "live"), ("nowhere", "gone"), ("/etc/ssh", "keys"), ("/", "root")] {
        symlink(link, machine.path(&format!("home/{to}"))).unwrap();
    }
    let of = async |directories: &[&str], folders: &[&str]| {
        let paths = |names: &[&str]| names.iter().map(|name| machine.path(&format!("home/{name}"))).collect::<Vec<_>>();
        let wanted = Wanted { folders: paths(folders), directories: paths(directories), ..Wanted::default() };
        let found = machine.checkup(&wanted).await;
        found.into_iter().filter(|finding| finding.name == "directory").collect::<Vec<_>>()
    };
    for alone in [&["live"][..], &["live/new"], &["live/a", "shop/b"]] {
        let found = of(alone, &[]).await;
        assert!(found.len() == alone.len() && found.iter().all(|one| one.state == State::Ok), "{found:?}");
    }
    for (directories, folders, state, part) in [
        (&["gone"][..], &[][..], State::Fail, "leads to no folder"),
        (&["keys"], &[], State::Fail, "leads to /etc/ssh here, where no code may be checked out"),
        (&["root/proc/new"], &[], State::Fail, "leads to /proc/new here"),
        (&["live", "shop"], &[], State::Fail, "are one folder here"),
        (&["live/new", "shop/new"], &[], State::Fail, "are one folder here"),
        (&["shop"], &["live"], State::Fail, "are one folder here"),
        (&[], &["shop", "live"], State::Warn, "are one folder here"),
        (&[], &["root"], State::Ok, "is there"),
    ] {
        let found = of(directories, folders).await;
        let is_told = |one: &Told| one.state == state && one.detail.contains(part);
        assert!(found.iter().any(is_told), "no {part} in {found:?}");
    }
}

#[tokio::test]
async fn a_shell_that_will_not() {
    let machine = Machine::new().program("closed", "echo This account is closed. >&2; exit 1");
    let closed = Machine { local: Local::new().with_shell(machine.path("bin/closed")), folder: machine.folder };
    let findings = closed.checkup(&Wanted::default()).await;
    assert_eq!(findings.len(), 1);
    is(&findings, "shell", State::Fail, "did not run RMM's script (exit status 1): This account is closed.");
    let absent = Machine { local: Local::new().with_shell("/nowhere/sh"), folder: closed.folder };
    is(&absent.checkup(&Wanted::default()).await, "shell", State::Fail, "/nowhere/sh");
}

#[tokio::test]
async fn a_host_that_hangs_is_not_waited_for() {
    let machine = Machine::new().without("timeout").program("docker", "while [ -d \"$HOME\" ]; do sleep 0.1; done");
    let findings = told(checkup(&machine, &docker(&[]), &now, Duration::from_secs(2)).await);
    is(&findings, "shell", State::Fail, "within 2 s");
    is(&findings, "clock", State::Ok, "");
}
