//! An engine over a real store whose runs the test plays, and whose clock it moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::bot::Viewer;
use crate::bot::draw::pen::Pen;
use crate::bot::draw::scene::Then;
use crate::bot::screen::Screen;
use crate::bot::words::Words;
use crate::clients::health::Prober;
use crate::clients::local::Local;
use crate::clients::local::place::RunPlace;
use crate::clients::telegram::{Button, Text};
use crate::config::{Config, EnvVars};
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::command::{Answer, Command, NewRelease, Outcome};
use crate::domain::env::Env;
use crate::domain::host::{Address, Fingerprint, HostKey};
use crate::domain::ids::{Commit, HostName, PersonName, ReleaseId, RunId, ServiceName, Tag};
use crate::domain::notice::Notice;
use crate::domain::person::{Actor, Door, Role};
use crate::domain::release::{CiRun, Release};
use crate::domain::run::Step;
use crate::engine::catalog::Catalog;
use crate::engine::testing::Hands;
use crate::engine::{Engine, Ports, Request};
use crate::store::alerts::Told;
use crate::store::{Store, StoreOptions, events, logs, releases};
use crate::views::ServiceOverview;
use crate::wording::Language;

pub const STAGE: Env = Env::Stage;
pub const PRODUCTION: Env = Env::Production;
pub const SERVICE: &str = "name-authorization";

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
[links]
trace = "https://tempo.example.com/?a=1&id={trace_id}"
logs = "https://loki.example.com/?q={trace_id}&from={from}&to={to}"
[[people]]
name = "gommgo"
telegram_id = 100000001
github = "gommgo"
role = "admin"
[[people]]
name = "tech_lead"
telegram_id = 100000002
role = "member"
[[people]]
name = "devops_lead"
telegram = "dev_ops"
role = "member"
[[people]]
name = "vic"
telegram_id = 100000004
role = "viewer"
[[hosts]]
name = "prod-1"
address = "203.0.113.7:22"
user = "deploy"
password = "env:PASSWORD"
[[hosts]]
name = "prod-2"
address = "203.0.113.8:22"
user = "deploy"
password = "env:PASSWORD"
host_key = "SHA256:PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"
[[services]]
name = "name-authorization"
repository = "YourOrg/name-authorization"
approvals = { required = ["gommgo", "tech_lead", "devops_lead"] }
[[services.surfaces]]
name = "app"
recipe = "commands"
checkout = false
directory = "/srv/app"
deploy = "./start"
[[services.surfaces]]
name = "api"
recipe = "commands"
checkout = false
directory = "/srv/api"
migrate_up = "./migrate up"
migrate_down = "./migrate down {{ target.tag }}"
deploy = "./start"
health = { command = "./healthy", wait = "1s" }
[services.environments.stage]
driver = "local"
[services.environments.production]
driver = "ssh"
hosts = ["prod-1"]
[[services]]
name = "landing"
approvals = { required = ["tech_lead"], minimum = 1, auto_promote = false }
[[services.surfaces]]
name = "web"
recipe = "commands"
checkout = false
directory = "/srv/web"
deploy = "./start"
[services.environments.stage]
driver = "ci"
[services.environments.production]
driver = "ci"
"#;

pub struct Rig {
    pub engine: Engine,
    pub words: Words,
    clock: Arc<Hands>,
    _folder: tempfile::TempDir,
}

pub fn person(name: &str) -> PersonName {
    PersonName::parse("name", name).unwrap()
}

pub fn viewer(name: &str, role: Role, language: Language) -> Viewer {
    let actor = Actor::Person { name: person(name), role, door: Door::Telegram };
    Viewer { user: Some(1), actor: Some(actor), first_name: "Ivan".into(), language, aloud: false }
}

pub fn ci() -> Actor {
    Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() }
}

pub fn key(letter: &str) -> HostKey {
    let fingerprint = Fingerprint::parse(format!("SHA256:{}", letter.repeat(43))).unwrap();
    HostKey { algorithm: "ssh-ed25519".into(), fingerprint }
}

pub fn prod() -> HostName {
    HostName::parse("name", "prod-1").unwrap()
}

impl Rig {
    /// At noon of a day in Moscow.
    pub fn new() -> Self {
        Self::with(CONFIG)
    }

    /// Production on both hosts.
    pub fn on_two_hosts() -> Self {
        Self::with(&CONFIG.replace(r#"hosts = ["prod-1"]"#, r#"hosts = ["prod-1", "prod-2"]"#))
    }

    /// RMM starts the workflow that deploys.
    pub fn by_workflow() -> Self {
        let ours = "driver = \"ssh\"\nhosts = [\"prod-1\"]";
        let config = CONFIG.replace(ours, "driver = \"ci\"\nworkflow = \"deploy.yaml\"");
        Self::with(&format!("{config}[github]\ntoken = \"env:PASSWORD\"\n"))
    }

    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = EnvVars::from([("PASSWORD".to_owned(), "a-long-password".to_owned())]);
        let config = Config::parse(config, "rmm.toml", folder.path(), &env).unwrap();
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
        let start: Timestamp = "2025-09-27T09:00:00Z".parse().unwrap();
        let clock = Arc::new(Hands(AtomicI64::new(start.as_second())));
        let engine = Engine::new(store, Catalog::new(&config), clock.clone(), ports);
        Self { engine, words: Words::new(None), clock, _folder: folder }
    }

    pub fn wait(&self, minutes: i64) {
        self.pass(minutes * 60);
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub async fn say(&self, actor: &Actor, command: Command) -> Answer {
        self.engine.handle(Request::new(actor.clone(), command)).await.unwrap().answer
    }

    pub async fn admin(&self, command: Command) -> Answer {
        self.say(&viewer("gommgo", Role::Admin, Language::En).actor.unwrap(), command).await
    }

    pub fn new_release(service: &str, tag: &str) -> NewRelease {
        let digits = hex::encode(tag);
        NewRelease {
            tag: Some(Tag::parse("tag", tag).unwrap()),
            commit: Some(Commit::parse("commit", format!("{digits:0<40}")[..40].to_owned()).unwrap()),
            attempt_told: true,
            ci_run: Some(CiRun {
                id: format!("run-{tag}"),
                attempt: 1,
                url: Some(format!("https://github.com/YourOrg/{service}/actions/runs/1?a=1&b=2")),
                git_ref: None,
            }),
            ..NewRelease::of(ServiceName::parse("service", service).unwrap(), "gommgo".into())
        }
    }

    pub async fn create(&self, new: NewRelease) -> ReleaseId {
        let Answer::Release { id, .. } = self.say(&ci(), Command::Create(new)).await else { panic!("no release") };
        id
    }

    pub async fn release(&self, tag: &str) -> ReleaseId {
        self.create(Self::new_release(SERVICE, tag)).await
    }

    pub async fn approve(&self, who: &str, release: ReleaseId) {
        let actor = Actor::Person { name: person(who), role: Role::Member, door: Door::Telegram };
        self.say(&actor, Command::Approve { release, seen: None }).await;
    }

    pub async fn everybody_approves(&self, release: ReleaseId) {
        for who in ["gommgo", "tech_lead", "devops_lead"] {
            self.approve(who, release).await;
        }
    }

    pub async fn run(&self, kind: Env) -> Option<RunId> {
        let name = ServiceName::parse("service", SERVICE).unwrap();
        let overview = ServiceOverview::read(&self.engine, &name).await.unwrap();
        overview.run_in(kind).filter(|run| run.state.is_live()).map(|run| run.id)
    }

    /// Plays the run that is live: every step takes twelve seconds and ends as told; none leaves it at work.
    pub async fn play(&self, kind: Env, ends: impl Fn(&Step) -> Option<Outcome>) -> RunId {
        let run = self.run(kind).await.expect("a run is live");
        let mut next = self.say(&Actor::Machine, Command::StartStep { run }).await;
        while let Answer::Step(Some(index)) = next {
            self.pass(12);
            let step = self.engine.read(move |conn| crate::store::runs::get(conn, run)).await.unwrap().unwrap();
            let Some(outcome) = ends(&step.steps[index as usize]) else { return run };
            next = self
                .say(&Actor::Machine, Command::StepEnded { run, step: index, outcome, said: Default::default() })
                .await;
        }
        run
    }

    pub async fn ends_well(&self, kind: Env) {
        while self.run(kind).await.is_some() {
            self.play(kind, |_| Some(Outcome::Exited(0))).await;
        }
    }

    pub async fn ship(&self, tag: &str) -> ReleaseId {
        let release = self.release(tag).await;
        self.ends_well(STAGE).await;
        self.everybody_approves(release).await;
        self.ends_well(PRODUCTION).await;
        release
    }

    pub async fn prints(&self, run: RunId, step: i64, output: &'static str) {
        let end = output.len() as u64;
        let run = run.0;
        self.engine
            .store()
            .write(move |tx| logs::append(tx, run, step, end, output.as_bytes(), jiff::Timestamp::UNIX_EPOCH))
            .await
            .unwrap();
    }

    pub async fn shows_key(&self, key: HostKey) {
        let address = Address { host: "203.0.113.7".into(), port: 22 };
        self.engine.note_key(&prod(), &address, key).await.unwrap();
    }

    pub async fn get(&self, id: ReleaseId) -> Release {
        self.engine.read(move |conn| releases::get(conn, id)).await.unwrap().unwrap()
    }

    fn pen<'a>(&'a self, zone: &'a TimeZone, viewer: &'a Viewer) -> Pen<'a> {
        Pen { engine: &self.engine, words: &self.words, zone, viewer, now: self.engine.now() }
    }

    /// A screen for a person, in all languages.
    pub async fn shot(&self, name: &str, role: Role, screen: &Screen) -> String {
        self.both(|language| viewer(name, role, language), screen).await
    }

    /// A screen in a group.
    pub async fn group(&self, screen: &Screen) -> String {
        self.both(Viewer::everybody, screen).await
    }

    async fn both(&self, viewer: impl Fn(Language) -> Viewer, screen: &Screen) -> String {
        let zone = TimeZone::get("Europe/Moscow").unwrap();
        let mut shots = Vec::new();
        for language in [Language::Ru, Language::En] {
            let viewer = viewer(language);
            let drawn = self.pen(&zone, &viewer).draw(screen).await.unwrap();
            check(&drawn.text);
            let about = drawn.about.map(|about| format!("\nabout {about}")).unwrap_or_default();
            shots.push(format!("{}{about}", told(&drawn.text)));
        }
        shots.join("\n════════\n")
    }

    pub async fn notice(&self, notice: Notice, release: ReleaseId) -> String {
        self.write(notice, release, Then::default()).await
    }

    /// A notice as it was when the release had its first event of a kind.
    pub async fn notice_of(&self, notice: Notice, release: ReleaseId, kind: &str) -> String {
        let events = self.events(release).await;
        let event = events.iter().find(|event| event.kind == kind).unwrap();
        self.write(notice, release, Then::of(event)).await
    }

    /// A notice as it was when the release had its last event of a kind.
    pub async fn notice_of_last(&self, notice: Notice, release: ReleaseId, kind: &str) -> String {
        let events = self.events(release).await;
        let event = events.iter().rfind(|event| event.kind == kind).unwrap();
        self.write(notice, release, Then::of(event)).await
    }

    /// A notice as it was when an event happened.
    pub async fn notice_at(&self, notice: Notice, release: ReleaseId, event: &events::EventRow) -> String {
        self.write(notice, release, Then::of(event)).await
    }

    pub async fn events(&self, release: ReleaseId) -> Vec<events::EventRow> {
        let all = move |conn: &rusqlite::Connection| events::of_release(conn, release, 0, 1000, usize::MAX);
        self.engine.read(all).await.unwrap().events
    }

    /// An alert, in all languages.
    pub async fn alert(&self, alert: &Told) -> String {
        let zone = TimeZone::get("Europe/Moscow").unwrap();
        let mut shots = Vec::new();
        for language in [Language::Ru, Language::En] {
            let viewer = Viewer::everybody(language);
            let text = crate::bot::draw::alert::write(&self.pen(&zone, &viewer), alert).await.unwrap();
            check(&text);
            shots.push(told(&text));
        }
        shots.join("\n════════\n")
    }

    /// An alert as it was told a minute ago.
    pub fn told(&self, kind: AlertKind, place: &str, what: &str) -> Told {
        let (place, what) = (place.to_owned(), what.to_owned());
        let at = self.engine.now();
        Told {
            key: "00112233445566ff".into(),
            alert: Alert { kind, place, what, about: String::new(), seq: None, trace: None },
            seen: 1,
            since: at,
            last: at,
            over_at: None,
            silent: None,
            guess: None,
            message: None,
            revision: 1,
            shown_at: None,
        }
    }

    async fn write(&self, notice: Notice, release: ReleaseId, then: Then) -> String {
        let zone = TimeZone::get("Europe/Moscow").unwrap();
        let ids = BTreeMap::from([(person("gommgo"), 100_000_001), (person("tech_lead"), 100_000_002)]);
        let mut shots = Vec::new();
        for language in [Language::Ru, Language::En] {
            let viewer = Viewer::everybody(language);
            let pen = self.pen(&zone, &viewer);
            let written = crate::bot::draw::notice::write(&pen, notice, release, then.clone(), &ids);
            let text = written.await.unwrap().unwrap();
            check(&text);
            shots.push(told(&text));
        }
        shots.join("\n════════\n")
    }
}

/// What every message keeps to.
pub fn check(text: &Text) {
    crate::bot::words::check_html(&text.html).unwrap_or_else(|what| panic!("{what}\n{}", text.html));
    assert!(text.html.chars().count() <= 4096, "{}", text.html);
    for button in text.buttons.iter().flatten() {
        if let Button::Tap { data, .. } = button {
            assert!(data.len() <= crate::bot::screen::LONGEST, "{data}");
            assert!(data.parse::<crate::bot::screen::Tap>().is_ok(), "{data}");
        }
    }
    assert!(text.buttons.iter().all(|row| !row.is_empty()));
}

/// A text and its buttons, to be read by a reviewer.
pub fn told(text: &Text) -> String {
    let button = |button: &Button| match button {
        Button::Tap { label, data } => format!("[{label}]({data})"),
        Button::Link { label, url } | Button::MiniApp { label, url } => format!("[{label}]({url})"),
    };
    let rows: Vec<_> = text.buttons.iter().map(|row| row.iter().map(button).collect::<Vec<_>>().join(" ")).collect();
    let rule = if rows.is_empty() { "" } else { "\n────────\n" };
    format!("{}{rule}{}", text.html, rows.join("\n"))
}
