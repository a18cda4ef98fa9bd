use super::*;
use crate::clients::health::Prober;
use crate::clients::local::Local;
use crate::clients::local::place::RunPlace;
use crate::config::{Config, EnvVars};
use crate::domain::cause::Code;
use crate::domain::finding::{State, Topic};
use crate::domain::host::Limits;
use crate::domain::person::Role;
use crate::engine::Ports;
use crate::engine::clock::SystemClock;
use crate::store::record::{self, Filter, Most};
use crate::store::{Store, StoreOptions};
use crate::wording::{Language, english, english_found};

struct World {
    engine: Engine,
    folder: tempfile::TempDir,
}

fn name() -> HostName {
    HostName::parse("name", "prod-1").unwrap()
}

fn key(letter: &str) -> HostKey {
    let fingerprint = Fingerprint::parse(format!("SHA256:{}", letter.repeat(43))).unwrap();
    HostKey { algorithm: "ssh-ed25519".into(), fingerprint }
}

/// A host behind a port where nothing listens.
fn host() -> Host {
    Host {
        name: name(),
        address: Address { host: "127.0.0.1".into(), port: 1 },
        user: "deploy".into(),
        login: Login::Password("env:PASSWORD".into()),
        host_keys: Vec::new(),
        jump: Vec::new(),
        limits: Limits::default(),
    }
}

fn catalog(folder: &std::path::Path, hosts: Vec<Host>, password: &str) -> Catalog {
    let text = r#"
[server]
listen = "127.0.0.1:0"
[[services]]
name = "shop"
approvals = { minimum = 0 }
[[services.surfaces]]
name = "app"
recipe = "commands"
checkout = false
deploy = "docker compose up -d"
directory = "/srv/shop"
env.PASSWORD = "env:PASSWORD"
[services.environments.stage]
driver = "local"
[services.environments.production]
driver = "ci"
"#;
    let env = EnvVars::from([("PASSWORD".to_owned(), password.to_owned())]);
    let config = Config::parse(text, "rmm.toml", folder, &env).unwrap();
    Catalog::new(&Config { hosts, ..config })
}

impl World {
    fn new(hosts: Vec<Host>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&StoreOptions::new(folder.path().join("rmm.db"), folder.path().join("audit.key"))).unwrap();
        let ports = Ports {
            local: Arc::new(Local::new()),
            prober: Prober::new().unwrap(),
            run_place: RunPlace::at("/nowhere"),
            generation: 1,
            process: "test".into(),
            instance: "test".into(),
        };
        let catalog = catalog(folder.path(), hosts, "first-word");
        Self { engine: Engine::new(store, catalog, Arc::new(SystemClock), ports), folder }
    }

    async fn reconfigure(&self, hosts: Vec<Host>, password: &str) {
        self.engine.reconfigure(catalog(self.folder.path(), hosts, password)).await;
    }

    async fn shows(&self, key: &HostKey) {
        self.engine.note_key(&name(), &host().address, key.clone()).await.unwrap();
    }

    async fn trust(&self, key: &HostKey) -> Result<HostKey, Refusal> {
        refusal(self.engine.trust(&Actor::Operator, &name(), &key.fingerprint).await)
    }

    async fn state(&self) -> KeyState {
        self.engine.hosts().await.unwrap()[1].key
    }

    /// What is on the record about hosts.
    async fn record(&self) -> Vec<String> {
        let rows = self
            .engine
            .read(|conn| record::look(conn, &Filter::default(), i64::MAX, Most { events: 100, bytes: usize::MAX }))
            .await
            .unwrap()
            .events;
        rows.into_iter().rev().map(|row| row.kind).filter(|kind| kind.starts_with("host")).collect()
    }
}

fn refusal<T>(result: Result<T, Failure>) -> Result<T, Refusal> {
    result.map_err(|failure| match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Store(error) => panic!("{error}"),
    })
}

#[tokio::test]
async fn a_key_is_seen_once_trusted_once_and_a_change_is_an_alarm() {
    let world = World::new(vec![host()]);
    assert_eq!(world.state().await, KeyState::NeverSeen);
    let refused = world.trust(&key("a")).await.unwrap_err();
    assert_eq!(refused.code, Code::KeyNotSeen);
    assert!(
        matches!(&*refused.cause, Cause::KeyNotShown { why, .. } if english(why).contains("refuses the connection"))
    );
    for _ in 0..2 {
        world.shows(&key("a")).await;
    }
    assert_eq!(world.state().await, KeyState::Unknown);
    let refused = world.trust(&key("b")).await.unwrap_err();
    assert_eq!(refused.code, Code::KeyDiffers);
    assert!(
        matches!(&*refused.cause, Cause::KeyDiffers { compare, .. } if compare.contains("ssh_host_ed25519_key.pub"))
    );

    let mut news = world.engine.surroundings();
    news.mark_unchanged();
    for _ in 0..2 {
        assert_eq!(world.trust(&key("a")).await, Ok(key("a")));
    }
    assert!(news.has_changed().unwrap(), "runs that wait are woken");
    assert_eq!(world.state().await, KeyState::Trusted);

    for _ in 0..2 {
        world.shows(&key("b")).await;
    }
    assert_eq!(world.state().await, KeyState::Changed);
    assert_eq!(world.record().await, ["host_key_seen", "host_trusted", "host_key_changed"]);
    assert_eq!(world.trust(&key("b")).await, Ok(key("b")));
    assert_eq!(world.state().await, KeyState::Trusted);
}

#[tokio::test]
async fn only_an_admin_trusts_and_only_a_host_with_a_key_of_its_own() {
    let world = World::new(vec![Host { host_keys: vec![key("p").fingerprint], ..host() }]);
    let member = Actor::Token { name: "m".into(), role: Role::Member, services: Vec::new() };
    let result = world.engine.trust(&member, &name(), &key("a").fingerprint).await;
    assert_eq!(refusal(result).unwrap_err().code, Code::Forbidden);
    let result = world.engine.check_host(&member, &name()).await;
    assert_eq!(refusal(result).unwrap_err().code, Code::Forbidden);

    assert_eq!(world.state().await, KeyState::Pinned);
    world.shows(&key("a")).await;
    assert_eq!(world.state().await, KeyState::Changed);
    let refused = world.trust(&key("a")).await.unwrap_err();
    assert_eq!(refused.code, Code::KeyPinned);
    assert_eq!(world.record().await, ["host_key_changed"]);
    for _ in 0..2 {
        world.shows(&key("p")).await;
    }
    assert_eq!(world.state().await, KeyState::Pinned);
    assert_eq!(world.record().await, ["host_key_changed", "host_key_restored"], "the alarm is over");

    let fingerprint = key("a").fingerprint;
    let result = world.engine.trust(&Actor::Operator, &HostName::local(), &fingerprint).await;
    assert_eq!(refusal(result).unwrap_err().code, Code::NothingToTrust);
    let stranger = HostName::parse("name", "prod-9").unwrap();
    let refused = refusal(world.engine.trust(&Actor::Operator, &stranger, &fingerprint).await).unwrap_err();
    assert!(matches!(&*refused.cause, Cause::NoHost { known, .. } if *known == ["local", "prod-1"]), "{refused:?}");
}

#[tokio::test]
async fn another_address_asks_again() {
    let world = World::new(vec![host()]);
    world.shows(&key("a")).await;
    world.trust(&key("a")).await.unwrap();
    let moved = Host { address: Address { port: 2, ..host().address }, ..host() };
    world.reconfigure(vec![moved.clone()], "first-word").await;
    assert_eq!(world.state().await, KeyState::NeverSeen);
    assert_eq!(world.trust(&key("a")).await.unwrap_err().code, Code::KeyNotSeen);
    world.engine.note_key(&name(), &moved.address, key("b")).await.unwrap();
    assert_eq!(world.record().await, ["host_key_seen", "host_trusted", "host_key_seen"]);
}

#[tokio::test]
async fn a_connection_is_shared_until_something_about_it_changes() {
    let world = World::new(vec![host()]);
    let mut last = world.engine.host(&name()).await.unwrap();
    assert!(Arc::ptr_eq(&last, &world.engine.host(&name()).await.unwrap()));
    world.reconfigure(vec![host()], "first-word").await;
    assert!(Arc::ptr_eq(&last, &world.engine.host(&name()).await.unwrap()), "the same configuration");
    world.reconfigure(vec![host()], "other-word").await;
    let now = world.engine.host(&name()).await.unwrap();
    assert!(!Arc::ptr_eq(&last, &now), "another secret");
    last = now;
    world.shows(&key("a")).await;
    world.trust(&key("a")).await.unwrap();
    let now = world.engine.host(&name()).await.unwrap();
    assert!(!Arc::ptr_eq(&last, &now), "a trusted key");
    last = now;
    world.reconfigure(vec![Host { user: "root".into(), ..host() }], "other-word").await;
    assert!(!Arc::ptr_eq(&last, &world.engine.host(&name()).await.unwrap()), "another user");

    let news = world.engine.surroundings();
    world.reconfigure(Vec::new(), "other-word").await;
    assert!(news.has_changed().unwrap());
    assert!(matches!(world.engine.host(&name()).await, Err(Failure::Refused(r)) if r.code == Code::NotFound));
    assert!(world.engine.inner.hosts.links.lock().unwrap().is_empty());
    assert!(world.engine.host(&HostName::local()).await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_reached_is_a_finding() {
    let world = World::new(vec![host()]);
    let findings = world.engine.check_host(&Actor::Operator, &name()).await.unwrap();
    assert_eq!((findings.len(), &findings[0].topic, findings[0].state), (1, &Topic::Reachable, State::Fail));
    assert_eq!(findings[0].remedy, Some("ssh -p 1 deploy@127.0.0.1 true".into()));
}

#[tokio::test]
async fn its_own_machine_is_looked_at_for_the_services_on_it() {
    let world = World::new(Vec::new());
    let findings = world.engine.check_host(&Actor::Operator, &HostName::local()).await.unwrap();
    assert!(findings.iter().any(|finding| finding.topic == Topic::Shell && finding.state == State::Ok), "{findings:?}");
    assert!(findings.iter().any(|finding| english_found(&finding.found).contains("/srv/shop")), "{findings:?}");
    let all = world.engine.hosts().await.unwrap();
    assert_eq!((all.len(), all[0].key, all[0].services[0].as_str()), (1, KeyState::NotNeeded, "shop"));
}

#[tokio::test]
async fn its_own_machine_is_asked_whether_rmms_own_git_reads_the_repositories() {
    // Only root can give a folder away.
    if !rustix::process::geteuid().is_root() {
        return eprintln!("not root; skipped");
    }
    let world = World::new(Vec::new());
    let folder = world.folder.path().join("a repository");
    let git = std::process::Command::new("git").args(["init", "--quiet", "--bare"]).arg(&folder).status().unwrap();
    assert!(git.success());
    let text = format!(
        "[[services]]\nname = \"blog\"\nrepository = \"{}\"\napprovals = {{ minimum = 0 }}\n\
         environments.stage.driver = \"ci\"\nenvironments.production.driver = \"ci\"\n",
        folder.display()
    );
    world.engine.reconfigure(crate::engine::testing::catalog_of(&text, &[])).await;
    let own = async || {
        let mut findings = world.engine.check_host(&Actor::Operator, &HostName::local()).await.unwrap();
        findings.retain(|finding| finding.topic == Topic::OwnGit);
        assert_eq!(findings.len(), 1);
        findings.remove(0)
    };
    assert_eq!(own().await.state, State::Ok);
    std::os::unix::fs::chown(&folder, Some(1), Some(1)).unwrap();
    let found = own().await;
    assert_eq!(found.state, State::Fail);
    let fix = Language::En.finding_remedy(&found.remedy.unwrap());
    let detail = english_found(&found.found);
    assert!(
        fix.starts_with("sudo env HOME=") && fix.ends_with(&format!("safe.directory '{}'", folder.display())),
        "{fix}"
    );
    assert!(detail.contains("dubious ownership") && !detail.contains("git config"), "{detail}");
}
