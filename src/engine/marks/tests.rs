//! A GitHub and an RMM that leaves marks there, for the stories of what people find.

mod life_cycle;
mod trouble;
mod wanted;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::clients::github::stand_in::StandIn;
use crate::clients::github::stand_in::marks::Deployment;
use crate::config::{Config, EnvVars};
use crate::domain::command::{Answer, Command, NewRelease, Outcome, Said};
use crate::domain::ids::{Commit, HostName, PersonName, ReleaseId, Tag};
use crate::domain::person::{Actor, Door, Role};
use crate::domain::reason::Reason;
use crate::domain::status::Status;
use crate::engine::Request;
use crate::engine::clock::Clock;
use crate::engine::testing::engine_in;
use crate::store::{releases, runs};

/// A clock on which a short pause is over at once, with the time that it takes; a longer one ends when time leaps.
#[derive(Clone, Default)]
struct Brisk {
    seconds: Arc<watch::Sender<i64>>,
    /// The end of the last long pause.
    until: Arc<AtomicI64>,
}

impl Brisk {
    /// A pause that lasts is over.
    fn leaps(&self) {
        let until = self.until.load(Ordering::SeqCst);
        self.seconds.send_if_modified(|now| until > std::mem::replace(now, until.max(*now)));
    }
}

impl Clock for Brisk {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + *self.seconds.borrow()).unwrap()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        if time < Duration::from_mins(1) {
            self.seconds.send_modify(|now| *now += i64::try_from(time.as_secs()).unwrap().max(1));
            return Box::pin(tokio::task::yield_now());
        }
        let mut seconds = self.seconds.subscribe();
        let until = *seconds.borrow() + i64::try_from(time.as_secs()).unwrap();
        self.until.store(until, Ordering::SeqCst);
        Box::pin(async move {
            let _ = seconds.wait_for(|now| *now >= until).await;
        })
    }
}

/// A GitHub, and an RMM that leaves marks there.
struct Site {
    peer: Arc<StandIn>,
    clock: Brisk,
    engine: Engine,
    work: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// `shop` at this GitHub, whose stage and production CI brings there.
fn catalog(folder: &Path, api: &str, switches: &str) -> Catalog {
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://rmm.example.com\"\n\
         [github]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{api}\"\n{switches}\n\
         [[people]]\nname = \"ann\"\nrole = \"admin\"\n[[people]]\nname = \"bob\"\n\
         [[services]]\nname = \"shop\"\nrepository = \"{api}/acme/shop\"\napprovals.required = [\"ann\", \"bob\"]\n\
         [services.environments]\nstage.driver = \"ci\"\nproduction.driver = \"ci\"\n"
    );
    let env = EnvVars::from([("GITHUB_TOKEN".to_owned(), "a-token-for-tests".to_owned())]);
    Catalog::new(&Config::parse(&text, "rmm.toml", folder, &env).unwrap())
}

/// The same; RMM brings production itself, on two hosts.
fn on_two_hosts(folder: &Path, api: &str) -> Catalog {
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[github]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{api}\"\n\
         [[hosts]]\nname = \"one\"\naddress = \"192.0.2.1\"\nuser = \"u\"\npassword = \"env:GITHUB_TOKEN\"\n\
         [[hosts]]\nname = \"two\"\naddress = \"192.0.2.2\"\nuser = \"u\"\npassword = \"env:GITHUB_TOKEN\"\n\
         [[people]]\nname = \"ann\"\nrole = \"admin\"\n[[people]]\nname = \"bob\"\n\
         [[services]]\nname = \"shop\"\nrepository = \"{api}/acme/shop\"\napprovals.required = [\"ann\", \"bob\"]\n\
         [[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\ncheckout = false\n\
         directory = \"/srv/shop\"\ndeploy = \"./start\"\n\
         [services.environments]\nstage.driver = \"ci\"\nproduction = {{ driver = \"ssh\", hosts = [\"one\", \"two\"] }}\n"
    );
    let env = EnvVars::from([("GITHUB_TOKEN".to_owned(), "a-token-for-tests".to_owned())]);
    Catalog::new(&Config::parse(&text, "rmm.toml", folder, &env).unwrap())
}

fn commit(of: &str) -> Commit {
    let digit = of.bytes().last().unwrap() as char;
    Commit::parse("commit", digit.to_string().repeat(40)).unwrap()
}

impl Site {
    async fn new(switches: &str) -> Self {
        let site = Self::on(tempfile::tempdir().unwrap(), Arc::new(StandIn::start().await), switches).await;
        let merged = |number, sha: &str| json!({ "number": number, "state": "closed", "merged_at": "2026-01-01T00:00:00Z", "merge_commit_sha": sha });
        site.peer.has_pulls(vec![
            json!({ "number": 3, "state": "closed", "merged_at": null }),
            json!({ "number": 4, "state": "open", "merged_at": null }),
            merged(5, "elsewhere"),
            merged(6, commit("v1").as_str()),
        ]);
        site
    }

    async fn on(folder: tempfile::TempDir, peer: Arc<StandIn>, switches: &str) -> Self {
        let clock = Brisk::default();
        let engine = engine_in(folder.path(), Arc::new(clock.clone()));
        engine.reconfigure(catalog(folder.path(), &peer.url, switches)).await;
        let work = tokio::spawn(watch(engine.clone()));
        Self { peer, clock, engine, work, folder }
    }

    /// RMM is killed, and begins anew.
    async fn killed(mut self) -> Self {
        self.work.abort();
        let _ = (&mut self.work).await;
        let (folder, peer) = (std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap()), self.peer.clone());
        self.engine = engine_in(self.folder.path(), Arc::new(self.clock.clone()));
        drop(self);
        Self::on(folder, peer, "").await
    }

    async fn handle(&self, actor: Actor, command: Command) -> Answer {
        self.engine.handle(Request::new(actor, command)).await.unwrap().answer
    }

    async fn release(&self, tag: &str) -> ReleaseId {
        let new = NewRelease {
            service: ServiceName::parse("service", "shop").unwrap(),
            tag: Some(Tag::parse("tag", tag).unwrap()),
            commit: Some(commit(tag)),
            commit_checked: true,
            initiated_by: "dev".into(),
            proven: Vec::new(),
            owner: None,
            ci_run: None,
            attempt_told: true,
            tagged_at: None,
            notes: "a secret of ours".into(),
            artifacts: Vec::new(),
        };
        let Answer::Release { id, .. } = self.handle(ci(), Command::Create(new)).await else { panic!("a release") };
        id
    }

    async fn reports(&self, release: ReleaseId, statuses: &[Status]) {
        for &status in statuses {
            self.handle(ci(), Command::Report { release, status, ci_run: None }).await;
        }
    }

    /// Production is brought to where it belongs, on these hosts; the others do not answer.
    async fn production_goes_on(&self, silent: &[&str]) {
        let shop = ServiceName::parse("service", "shop").unwrap();
        let occupying = self.engine.read(move |conn| runs::occupying(conn, &shop)).await.unwrap();
        let run = occupying.iter().find(|run| run.state.is_live()).unwrap().id;
        self.handle(Actor::Machine, Command::RunPrepared { run }).await;
        let hosts: BTreeMap<_, Reason> = silent.iter().map(|&host| (name_of(host), "no route".into())).collect();
        self.handle(Actor::Machine, Command::LeaveHosts { run, hosts }).await;
        while let Answer::Step(Some(_)) = self.handle(Actor::Machine, Command::StartStep { run }).await {
            let now = self.engine.read(move |conn| runs::get(conn, run)).await.unwrap().unwrap();
            for step in now.running_steps() {
                let ended =
                    Command::StepEnded { run, step: step.index, outcome: Outcome::Exited(0), said: Said::default() };
                self.handle(Actor::Machine, ended).await;
            }
        }
    }

    async fn approves(&self, name: &str, release: ReleaseId) {
        self.handle(person(name), Command::Approve { release, seen: None }).await;
    }

    /// A release that is in production.
    async fn deployed(&self, tag: &str) -> ReleaseId {
        let release = self.release(tag).await;
        self.reports(release, &[Status::StageBuilding, Status::StageTestRollback]).await;
        // The first one has nothing to rehearse.
        let found = self.engine.read(move |conn| releases::get(conn, release)).await.unwrap().unwrap();
        if found.status == Status::StageTestRollback {
            self.reports(release, &[Status::ManualTesting]).await;
        }
        self.approves("ann", release).await;
        self.approves("bob", release).await;
        self.reports(release, &[Status::Deploying, Status::Deployed]).await;
        release
    }

    /// Waits until GitHub shows what is so; of these kinds it does not.
    async fn settles_but(&self, kinds: &'static [MarkKind]) {
        loop {
            let last = self.engine.store().progress().borrow().last_event;
            let shop = ServiceName::parse("service", "shop").unwrap();
            let look = self.engine.read(move |conn| {
                let mut due = Vec::new();
                for kind in MarkKind::ALL {
                    due.extend(marks::next_due(conn, &shop, kind, None)?.filter(|due| !kinds.contains(&due.kind)));
                }
                Ok((marks::noted(conn)?, due.len()))
            });
            if look.await.unwrap() == (Some(last), 0) {
                return;
            }
            if kinds.is_empty() {
                self.clock.leaps();
            }
            tokio::task::yield_now().await;
        }
    }

    async fn settles(&self) {
        self.settles_but(&[]).await;
    }

    /// `environment task ref: states` of each deployment.
    fn deployments(&self) -> Vec<String> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = |deployment: Deployment| {
            let states: Vec<_> = deployment.statuses.iter().map(|status| word(&status["state"])).collect();
            let made = |key: &str| word(&deployment.made[key]);
            format!("{} {} {}: {}", made("environment"), made("task"), &made("ref")[..1], states.join(" "))
        };
        self.peer.deployments().into_iter().map(told).collect()
    }

    /// `ref state: description` of each status of a commit.
    fn statuses(&self) -> Vec<String> {
        let told = |(sha, status): (String, Value)| {
            format!("{} {}: {}", &sha[..1], status["state"].as_str().unwrap(), status["description"].as_str().unwrap())
        };
        self.peer.commit_statuses().into_iter().map(told).collect()
    }

    /// The comment.
    fn comment(&self) -> String {
        let [(pull, text)] = self.peer.comments().try_into().expect("one comment");
        assert_eq!(pull, 6);
        text
    }
}

fn ci() -> Actor {
    Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() }
}

fn person(name: &str) -> Actor {
    let role = if name == "ann" { Role::Admin } else { Role::Member };
    Actor::Person { name: PersonName::parse("name", name).unwrap(), role, door: Door::Api }
}

fn name_of(host: &str) -> HostName {
    HostName::parse("host", host).unwrap()
}
