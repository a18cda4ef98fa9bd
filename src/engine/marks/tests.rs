//! What people find on GitHub after each step of a release, and when GitHub does not do its part.

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
use crate::domain::env::Env;
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

#[tokio::test]
async fn a_release_is_followed_from_its_tag_to_production() {
    let site = Site::new("").await;
    site.settles().await;
    let release = site.release("v1").await;
    site.settles().await;
    assert_eq!(site.statuses(), ["1 pending: 0 of 2 approvals given"]);
    let line = format!("<!-- rmm:release:test:{release} -->");
    let head =
        format!("{line}\n**`shop` `v1`** · [release #{release}](https://rmm.example.com/releases/{release})\n\n");
    assert_eq!(site.comment(), format!("{head}⏳ Waits for stage · 0 of 2 approvals given\n"));

    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    assert_eq!(site.deployments(), ["stage deploy 1: in_progress"]);
    site.reports(release, &[Status::StageTestRollback]).await;
    site.approves("ann", release).await;
    site.settles().await;
    assert_eq!(site.statuses(), ["1 pending: 0 of 2 approvals given", "1 pending: 1 of 2 approvals given"]);
    assert_eq!(site.deployments(), ["stage deploy 1: in_progress success"]);
    site.approves("bob", release).await;
    site.reports(release, &[Status::Deploying]).await;
    site.settles().await;
    assert_eq!(site.comment(), format!("{head}🚀 Goes to production · approved: 2 approvals\n"));
    site.reports(release, &[Status::Deployed]).await;
    site.settles().await;
    assert_eq!(site.statuses().last().unwrap(), "1 success: approved: 2 approvals");
    assert_eq!(site.deployments()[1], "production deploy 1: in_progress success");
    assert_eq!(site.comment(), format!("{head}✅ Went to production · approved: 2 approvals\n"));

    let [stage, production] = site.peer.deployments().try_into().unwrap();
    assert_eq!(
        (&stage.made["production_environment"], &production.made["production_environment"]),
        (&json!(false), &json!(true))
    );
    assert_eq!((&production.made["auto_merge"], &production.made["required_contexts"]), (&json!(false), &json!([])));
    let page = format!("https://rmm.example.com/releases/{release}");
    assert_eq!(production.statuses[0]["log_url"], page);
    assert_eq!(site.peer.commit_statuses()[0].1["target_url"], page);
    assert_eq!(site.peer.commit_statuses()[0].1["context"], "rmm/shop");
}

#[tokio::test]
async fn what_production_leaves_behind_is_inactive_and_a_rollback_is_a_deployment_of_the_older_version() {
    let site = Site::new("").await;
    site.settles().await;
    site.deployed("v1").await;
    site.settles().await;
    let second = site.deployed("v2").await;
    site.settles().await;
    let production =
        |site: &Site| site.deployments().into_iter().filter(|it| it.starts_with("production")).collect::<Vec<_>>();
    assert!(production(&site)[0].ends_with("success inactive"), "{:?}", production(&site));
    assert!(production(&site)[1].ends_with("success"));
    let back = Command::Rollback { release: second, to: None, reason: "slow".into(), force: false };
    site.handle(person("ann"), back).await;
    site.reports(second, &[Status::RollbackDone]).await;
    site.settles().await;
    let [first, second, back] = production(&site).try_into().unwrap();
    assert!(first.ends_with("success inactive") && second.ends_with("success inactive"), "{first}, {second}");
    assert!(back.starts_with("production rollback 1: ") && back.ends_with("success"), "{back}");
    let texts: String = site.peer.comments().into_iter().map(|(_, text)| text).collect();
    assert!(texts.contains("⏪ Production went back to `v1`"), "{texts}");
    // Those who may read the repository read no reason, no note and no name.
    assert!(!["slow", "secret", "ann", "dev"].iter().any(|hidden| texts.contains(hidden)), "{texts}");
}

#[tokio::test]
async fn after_an_outage_github_shows_what_is_so_and_not_how_it_came() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.is_away(Some(502));
    site.deployed("v1").await;
    // What was looked at before the end is refused, too.
    let calls = site.peer.calls();
    while site.peer.calls() < calls + 3 {
        site.clock.leaps();
        tokio::task::yield_now().await;
    }
    site.peer.is_away(None);
    site.settles().await;
    assert_eq!(site.statuses(), ["1 success: approved: 2 approvals"]);
    let mut deployments = site.deployments();
    deployments.sort();
    assert_eq!(deployments, ["production deploy 1: success", "stage deploy 1: success"]);
    assert!(site.comment().contains("✅ Went to production"));
    assert_eq!(site.peer.edits(), 0);
}

#[tokio::test]
async fn what_fails_for_one_holds_up_no_other() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.refuses(Some(("/commits/1", 500)));
    site.deployed("v1").await;
    site.deployed("v2").await;
    while site.peer.comments().is_empty() {
        tokio::task::yield_now().await;
    }
    site.settles_but(&[MarkKind::Comment]).await;
    assert_eq!(site.deployments().len(), 4);
    site.peer.refuses(None);
    site.settles().await;
    assert_eq!(site.peer.comments().len(), 2);
}

#[tokio::test]
async fn what_was_made_without_an_answer_is_found_again() {
    let site = Site::new("").await;
    site.settles().await;
    // One deployment and one comment, at least; what comes after them is tried again, too.
    site.peer.loses_answers(2);
    let release = site.release("v1").await;
    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    assert_eq!(site.deployments(), ["stage deploy 1: in_progress"]);
    assert!(site.comment().contains("🔧 Goes to stage"));
}

#[tokio::test]
async fn an_rmm_that_is_killed_before_it_has_noted_what_it_made_makes_it_once() {
    let site = Site::new("").await;
    site.settles().await;
    let release = site.release("v1").await;
    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    // As if the process had ended between GitHub's answer and the note of it.
    let run = site.engine.read(move |conn| runs::of_release(conn, release)).await.unwrap().pop().unwrap();
    let shop = ServiceName::parse("service", "shop").unwrap();
    let at = site.engine.now();
    let forgotten = site.engine.store().write(move |tx| -> Result<(), StoreError> {
        for (kind, about) in [(MarkKind::Deployment, run.id.0), (MarkKind::Comment, release.0)] {
            marks::forget(tx, kind, about)?;
            marks::note_due(tx, &Due { kind, about, service: shop.clone(), since: 1, at })?;
        }
        Ok(())
    });
    forgotten.await.unwrap();
    let site = site.killed().await;
    site.settles().await;
    assert_eq!(site.deployments().len(), 1);
    assert!(site.comment().contains("🔧 Goes to stage"));
    site.reports(release, &[Status::StageTestRollback]).await;
    site.settles().await;
    assert!(site.deployments()[0].ends_with(" success"), "{:?}", site.deployments());
    assert_eq!(site.peer.comments().len(), 1);
}

#[tokio::test]
async fn what_github_does_not_permit_is_asked_once_and_holds_up_nothing() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.refuses(Some(("/deployments", 403)));
    let release = site.deployed("v1").await;
    site.settles_but(&[MarkKind::Deployment]).await;
    let status = site.engine.read(move |conn| releases::get(conn, release)).await.unwrap().unwrap().status;
    assert_eq!(status, Status::Deployed);
    assert_eq!(site.statuses().last().unwrap(), "1 success: approved: 2 approvals");
    assert!(site.comment().contains("✅ Went to production"));
    assert_eq!(site.peer.refusals(), 1);

    // Hours later it is tried again, and shows what is so.
    site.peer.refuses(None);
    while site.deployments().is_empty() {
        site.clock.leaps();
        tokio::task::yield_now().await;
    }
    site.settles().await;
    assert!(*site.clock.seconds.borrow() >= 6 * 60 * 60);
    let mut deployments = site.deployments();
    deployments.sort();
    assert_eq!(deployments, ["production deploy 1: success", "stage deploy 1: success"]);
}

#[tokio::test]
async fn with_another_configuration_what_was_refused_is_asked_at_once() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.refuses(Some(("/comments", 404)));
    let release = site.release("v1").await;
    site.settles_but(&[MarkKind::Comment]).await;
    while site.peer.refusals() == 0 {
        tokio::task::yield_now().await;
    }
    site.peer.refuses(None);
    site.engine.reconfigure(catalog(site.folder.path(), &site.peer.url, "")).await;
    site.settles().await;
    assert!(site.comment().contains(&format!("release #{release}")));
}

#[tokio::test]
async fn what_one_release_cannot_have_is_left_out_for_it_alone() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.refuses(Some(("/statuses/1", 422)));
    let first = site.release("v1").await;
    site.settles().await;
    assert_eq!((site.statuses().len(), site.peer.comments().len()), (0, 1));
    site.handle(person("ann"), Command::Cancel { release: first, reason: "no".into() }).await;
    site.release("v2").await;
    site.settles().await;
    assert_eq!(site.statuses(), ["2 pending: 0 of 2 approvals given"]);
}

#[tokio::test]
async fn a_comment_that_was_deleted_stays_away_and_without_a_pull_request_there_is_none() {
    let site = Site::new("").await;
    site.settles().await;
    let release = site.release("v1").await;
    site.settles().await;
    site.peer.deletes_comments();
    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    let asked =
        || site.peer.asked_about_marks().iter().filter(|it| it.contains("/comments") || it.contains("/pulls")).count();
    let before = asked();
    site.reports(release, &[Status::StageTestRollback]).await;
    site.settles().await;
    assert_eq!((asked(), site.peer.comments().len()), (before, 0));

    let pulls = site.peer.pulls();
    site.peer.has_pulls(Vec::new());
    site.handle(person("ann"), Command::Cancel { release, reason: "no".into() }).await;
    let release = site.release("v2").await;
    site.settles().await;
    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    assert_eq!((asked(), site.peer.comments().len()), (before + 2, 0), "once for each thing there is to say");
    // One is opened later.
    site.peer.has_pulls(pulls);
    site.reports(release, &[Status::StageTestRollback]).await;
    site.settles().await;
    assert_eq!(site.peer.comments().len(), 1);
}

#[tokio::test]
async fn what_is_switched_off_is_not_asked_for() {
    for (switch, part) in
        [("deployments", "/deployments"), ("commit_status", "/shop/statuses/"), ("pull_request_comment", "/comments")]
    {
        let site = Site::new(&format!("{switch} = false")).await;
        site.settles().await;
        site.deployed("v1").await;
        site.settles().await;
        let asked = site.peer.asked_about_marks();
        assert!(!asked.is_empty() && asked.iter().all(|it| !it.contains(part)), "{switch}: {asked:?}");
    }
}

#[tokio::test]
async fn without_any_switch_nothing_is_asked_and_what_happened_meanwhile_is_not_left_afterwards() {
    let off = "deployments = false\ncommit_status = false\npull_request_comment = false";
    let site = Site::new("").await;
    site.settles().await;
    site.engine.reconfigure(catalog(site.folder.path(), &site.peer.url, off)).await;
    site.deployed("v1").await;
    while site.engine.read(marks::noted).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.peer.calls(), 0);
    site.engine.reconfigure(catalog(site.folder.path(), &site.peer.url, "")).await;
    while site.engine.read(marks::noted).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    site.release("v2").await;
    site.settles().await;
    assert_eq!(site.statuses(), ["2 pending: 0 of 2 approvals given"]);
    assert_eq!(site.deployments(), Vec::<String>::new());
}

#[tokio::test]
async fn another_rule_for_approvals_is_told_of_what_is_on_the_way() {
    let site = Site::new("").await;
    site.settles().await;
    let release = site.release("v1").await;
    site.settles().await;
    let env = EnvVars::from([("GITHUB_TOKEN".to_owned(), "a-token-for-tests".to_owned())]);
    let api = &site.peer.url;
    let one = format!(
        "[github]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{api}\"\n[[people]]\nname = \"ann\"\nrole = \"admin\"\n\
         [[services]]\nname = \"shop\"\nrepository = \"{api}/acme/shop\"\napprovals.required = [\"ann\"]\n\
         [services.environments]\nstage.driver = \"ci\"\nproduction.driver = \"ci\"\n"
    );
    site.engine.reconfigure(Catalog::new(&Config::parse(&one, "rmm.toml", site.folder.path(), &env).unwrap())).await;
    while site.statuses().len() < 2 {
        tokio::task::yield_now().await;
    }
    site.settles().await;
    assert_eq!(site.statuses()[1], "1 pending: 0 of 1 approval given");
    assert!(site.comment().contains(&format!("release #{release}\n")), "without an address of RMM there is no link");
}

#[tokio::test]
async fn a_host_that_a_rollback_has_left_is_told_until_it_is_caught_up() {
    let site = Site::new("").await;
    site.engine.reconfigure(on_two_hosts(site.folder.path(), &site.peer.url)).await;
    site.settles().await;
    let mut shipped = Vec::new();
    for tag in ["v1", "v2"] {
        let release = site.release(tag).await;
        site.reports(release, &[Status::StageBuilding, Status::StageTestRollback]).await;
        if tag == "v2" {
            site.reports(release, &[Status::ManualTesting]).await;
        }
        site.approves("ann", release).await;
        site.approves("bob", release).await;
        site.production_goes_on(&[]).await;
        shipped.push(release);
    }
    let back = Command::Rollback { release: shipped[1], to: None, reason: "slow".into(), force: false };
    site.handle(person("ann"), back).await;
    site.production_goes_on(&["one"]).await;
    site.settles().await;
    let told = |site: &Site| {
        let comments: Vec<_> = site.peer.comments().into_iter().map(|(_, text)| text).collect();
        let deployment = site.peer.deployments().pop().unwrap();
        let said = deployment.statuses.last().unwrap()["description"].as_str().unwrap().to_owned();
        (comments.join("\n"), said)
    };
    let (comments, deployment) = told(&site);
    let but = "on all hosts but one, which may still run v2";
    assert!(comments.contains(&format!("⏪ Rolled back; production runs v1 {but} · ")), "{comments}");
    assert!(comments.contains(&format!("✅ Production runs v1 {but} · ")), "{comments}");
    assert_eq!(deployment, format!("is there {but}"));

    let shop = ServiceName::parse("service", "shop").unwrap();
    let back = Command::HostBack { environment: Env::Production, host: name_of("one") };
    site.engine.handle(Request::about(Actor::Machine, shop, back)).await.unwrap();
    site.production_goes_on(&[]).await;
    site.settles().await;
    let (comments, deployment) = told(&site);
    assert!(!comments.contains("all hosts") && comments.contains("⏪ Production went back to `v1`"), "{comments}");
    assert_eq!(deployment, "is there");
}

fn name_of(host: &str) -> HostName {
    HostName::parse("host", host).unwrap()
}
