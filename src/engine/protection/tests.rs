//! Runs of GitHub wait for RMM, and hear of it what people decide.

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::clients::github::stand_in::{Fault, StandIn};
use crate::clients::jose::testing::pem;
use crate::domain::command::{Answer, NewRelease};
use crate::domain::ids::PersonName;
use crate::domain::person::{Door, Role};
use crate::engine::testing::{Hands, catalog_of, engine_in};
use crate::store::runs;
use crate::store::testing::created_elsewhere;

const COMMIT: &str = "00112233445566778899aabbccddeeff00112233";

struct Site {
    github: StandIn,
    clock: Arc<Hands>,
    engine: Engine,
    troubles: HashMap<ServiceName, String>,
    folder: tempfile::TempDir,
}

fn site_with(workflow: &str) -> impl Future<Output = Site> {
    let workflow = workflow.to_owned();
    async move {
        let (folder, github) = (tempfile::tempdir().unwrap(), StandIn::start().await);
        let text = format!(
            "[github]\napp_id = 7\nprivate_key = \"env:PEM\"\napi_url = \"{}\"\n\
             [[people]]\nname = \"ann\"\nrole = \"admin\"\n[[people]]\nname = \"bob\"\nrole = \"member\"\n\
             [[services]]\nname = \"shop\"\nrepository = \"octo/shop\"\n\
             approvals = {{ required = [\"ann\", \"bob\"], minimum = 2 }}\nenvironments.stage.driver = \"ci\"\n\
             environments.production = {{ driver = \"ci\", protection_rule = \"production\"{workflow} }}\n",
            github.url
        );
        let clock = Arc::new(Hands(AtomicI64::new(1_800_000_000)));
        let engine = engine_in(folder.path(), clock.clone());
        engine.inner.catalog.send_replace(Arc::new(catalog_of(&text, &[("PEM", pem())])));
        Site { github, clock, engine, troubles: HashMap::new(), folder }
    }
}

async fn site() -> Site {
    site_with("").await
}

impl Site {
    async fn handle(&self, actor: Actor, command: Command) -> Answer {
        self.engine.handle(Request::new(actor, command)).await.unwrap().answer
    }

    /// A release that people can vote on.
    async fn tested(&self) -> ReleaseId {
        self.tested_at(Some(COMMIT)).await
    }

    async fn tested_at(&self, commit: Option<&str>) -> ReleaseId {
        let ci = || Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() };
        let new = NewRelease {
            service: ServiceName::parse("service", "shop").unwrap(),
            tag: Some(Tag::parse("tag", "v1").unwrap()),
            commit: commit.map(|commit| Commit::parse("commit", commit).unwrap()),
            commit_checked: commit.is_some(),
            initiated_by: "dev".into(),
            proven: Vec::new(),
            owner: None,
            ci_run: None,
            attempt_told: true,
            tagged_at: None,
            notes: String::new(),
            artifacts: Vec::new(),
        };
        let Answer::Release { id: release, .. } = self.handle(ci(), Command::Create(new)).await else { panic!() };
        for status in [Status::StageBuilding, Status::StageTestRollback] {
            self.handle(ci(), Command::Report { release, status, ci_run: None }).await;
        }
        release
    }

    async fn says(&self, name: &str, command: Command) {
        let role = if name == "ann" { Role::Admin } else { Role::Member };
        let actor = Actor::Person { name: PersonName::parse("name", name).unwrap(), role, door: Door::Api };
        self.handle(actor, command).await;
    }

    async fn approves(&self, name: &str, release: ReleaseId) {
        self.says(name, Command::Approve { release, seen: None }).await;
    }

    async fn looks(&mut self, look: Look) -> u64 {
        look_at_all(&self.engine, look, &mut self.troubles).await.as_secs()
    }

    fn time_passes(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// What the rule has said, oldest first.
    fn said(&self) -> Vec<String> {
        let word = |state: Option<String>| state.unwrap_or_else(|| "…".to_owned());
        self.github.ruled().into_iter().map(|ruled| format!("{} {}", word(ruled.state), ruled.comment)).collect()
    }

    async fn status(&self, release: ReleaseId) -> Status {
        self.engine.read(move |conn| releases::get(conn, release)).await.unwrap().unwrap().status
    }

    async fn kept(&self) -> Vec<Waiting> {
        let shop = ServiceName::parse("service", "shop").unwrap();
        self.engine.read(move |conn| kept::of(conn, &shop)).await.unwrap()
    }

    async fn told(&self, delivery: &str, payload: Value) {
        self.engine.github_delivered(delivery, "deployment_protection_rule", &payload).await.unwrap();
    }

    /// RMM ends and begins anew.
    fn restarted(self) -> Self {
        let Self { github, clock, engine, folder, .. } = self;
        let catalog = engine.catalog();
        drop(engine);
        let engine = engine_in(folder.path(), clock.clone());
        engine.inner.catalog.send_replace(catalog);
        Self { github, clock, engine, troubles: HashMap::new(), folder }
    }
}

fn asked(repository: &str, environment: &str, run: u64) -> Value {
    json!({
        "action": "requested", "environment": environment, "event": "push", "sha": COMMIT, "ref": "refs/tags/v1",
        "deployment_callback_url": format!("https://evil.example.com/repos/{repository}/actions/runs/{run}/deployment_protection_rule"),
        "deployment": { "id": 1 }, "repository": { "full_name": repository }, "installation": { "id": 42 },
        "sender": { "login": "ann" },
    })
}

#[tokio::test]
async fn a_run_waits_for_the_vote_and_goes_on_when_the_last_gate_is_clear() {
    let mut site = site().await;
    let release = site.tested().await;
    let run = site.github.starts(COMMIT, "v1", "production");
    assert_eq!(site.looks(Look::Wide).await, 60);
    assert_eq!(site.said(), ["… v1 waits: 0 of 2 approved. ann, bob must approve."]);
    // The same is not said again, nor after a start anew.
    site.looks(Look::Wide).await;
    let mut site = site.restarted();
    site.looks(Look::Known).await;
    assert_eq!(site.said().len(), 1);
    site.approves("ann", release).await;
    site.looks(Look::Known).await;
    assert_eq!(site.said()[1], "… v1 waits: 1 of 2 approved. bob must approve.");
    site.approves("bob", release).await;
    site.looks(Look::Known).await;
    assert_eq!(site.said()[2], "approved v1: every gate of production is clear.");
    // Production is this run's: its own reports count, and those of others do not.
    assert_eq!(site.status(release).await, Status::Deploying);
    let in_production = site.engine.read(move |conn| runs::of_release(conn, release)).await.unwrap().pop().unwrap();
    assert_eq!(in_production.ci_run, Some(run.to_string()));
    assert_eq!(site.looks(Look::Wide).await, 300);
    assert_eq!((site.said().len(), site.kept().await), (3, Vec::new()));
}

#[tokio::test]
async fn a_run_of_a_release_that_goes_nowhere_is_ended() {
    let mut site = site().await;
    let release = site.tested().await;
    site.github.starts(COMMIT, "main", "Production");
    site.looks(Look::Wide).await;
    site.says("ann", Command::Reject { release, seen: None, reason: "no [good](https://x) @all".into() }).await;
    site.looks(Look::Known).await;
    assert_eq!(site.said()[1], "rejected v1 does not go to production any more: rejected.");
    assert_eq!(site.github.runs()[0].conclusion.as_deref(), Some("failure"));
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_once() {
    let mut site = site().await;
    let release = site.tested().await;
    for name in ["ann", "bob"] {
        site.approves(name, release).await;
    }
    // GitHub has not heard it.
    site.github.starts(COMMIT, "v1", "production");
    site.github.answers_meet([Fault::Cut, Fault::Answer(502, json!({ "message": "Server Error" }))]);
    site.looks(Look::Wide).await;
    assert_eq!((site.kept().await[0].answer, site.status(release).await), (Some(true), Status::Deploying));
    let mut site = site.restarted();
    site.looks(Look::Wide).await;
    site.looks(Look::Wide).await;
    assert_eq!(site.said(), ["approved v1 goes to production by this run."]);
    // GitHub has, and the answer is lost.
    let mut other = self::site().await;
    let release = other.tested().await;
    for name in ["ann", "bob"] {
        other.approves(name, release).await;
    }
    other.github.starts(COMMIT, "v1", "production");
    other.github.answers_meet([Fault::Ghost]);
    for _ in 0..3 {
        other.looks(Look::Wide).await;
        other.time_passes(120);
    }
    assert_eq!(other.said().len(), 1);
}

#[tokio::test]
async fn a_run_that_rmm_has_started_itself_goes_on_and_another_one_waits() {
    let mut site = site_with(", workflow = \"deploy.yaml\"").await;
    let release = site.tested().await;
    for name in ["ann", "bob"] {
        site.approves(name, release).await;
    }
    let run = site.engine.read(move |conn| runs::of_release(conn, release)).await.unwrap().pop().unwrap();
    let stranger = site.github.starts(COMMIT, "v1", "production");
    site.looks(Look::Wide).await;
    assert_eq!(site.said(), ["… v1 waits: another run brings it to production."]);
    let own = site.github.starts("ffffffffffffffffffffffffffffffffffffffff", "main", "production");
    let seen = crate::domain::workflow::SeenRun { id: own.to_string(), attempt: 1, url: None };
    site.handle(Actor::Machine, Command::DispatchTaken { run: run.id, seen: Some(seen) }).await;
    site.looks(Look::Wide).await;
    let last = site.github.ruled().pop().unwrap();
    assert_eq!((last.run, last.state.as_deref()), (own, Some("approved")));
    assert!(site.kept().await.iter().any(|waiting| waiting.ci_run == stranger && waiting.answer.is_none()));
}

#[tokio::test]
async fn nothing_goes_on_by_the_name_of_a_release_whose_commit_is_not_known() {
    let mut site = site().await;
    let release = site.tested_at(None).await;
    for name in ["ann", "bob"] {
        site.approves(name, release).await;
    }
    // A branch may be called as the tag is.
    site.github.starts("ffffffffffffffffffffffffffffffffffffffff", "v1", "production");
    let own = site.github.starts(COMMIT, "v1", "production");
    site.looks(Look::Wide).await;
    assert_eq!(site.said(), ["… v1 waits: RMM does not know its commit yet."; 2]);
    assert_eq!(site.status(release).await, Status::ManualTestPassed);
    let commit = Commit::parse("commit", COMMIT).unwrap();
    site.handle(Actor::Machine, Command::CommitResolved { release, commit, tag_object: None }).await;
    site.looks(Look::Wide).await;
    assert_eq!(site.status(release).await, Status::ManualTesting, "no approver has said yes to that commit");
    for name in ["ann", "bob"] {
        site.approves(name, release).await;
    }
    site.looks(Look::Wide).await;
    let approved: Vec<_> = site.github.ruled().into_iter().filter(|it| it.state.is_some()).map(|it| it.run).collect();
    assert_eq!((approved, site.status(release).await), (vec![own], Status::Deploying));
}

#[tokio::test]
async fn a_webhook_is_a_hint_and_never_more() {
    let mut site = site().await;
    site.tested().await;
    let news = site.engine.protection_news();
    for (at, payload) in [
        asked("octo/other", "production", 9000),
        asked("octo/shop", "staging", 9000),
        json!({ "environment": null, "repository": null, "deployment_callback_url": null }),
        json!({ "environment": ["production"], "repository": { "full_name": 7 } }),
        json!({}),
        Value::Null,
    ]
    .into_iter()
    .enumerate()
    {
        site.told(&format!("odd-{at}"), payload).await;
    }
    assert_eq!((*news.borrow(), site.kept().await.len(), site.github.calls()), (0, 0, 0));
    // Odd, and about RMM's rule: it is looked whether anything waits.
    let mut without = asked("octo/shop", "production", 1);
    without["deployment_callback_url"] = json!("https://api.x/actions/runs/../../7/x");
    without["action"] = json!("something new");
    site.told("without", without).await;
    assert_eq!((*news.borrow(), site.kept().await.len()), (1, 0));

    // GitHub knows no such run, and it is forgotten after a while.
    for delivery in ["d1", "d1", "d2"] {
        site.told(delivery, asked("Octo/Shop", "PRODUCTION", 9000)).await;
    }
    assert_eq!((*news.borrow(), site.kept().await.len()), (3, 1));
    assert_eq!(site.looks(Look::Wide).await, 5);
    site.time_passes(61);
    assert_eq!((site.looks(Look::Wide).await, site.kept().await.len()), (300, 0));

    // It is there, and waits although the lists do not say so, since another job is at work.
    let run = site.github.starts(COMMIT, "v1", "production");
    site.github.change(run, |run| run.status = "in_progress".into());
    site.looks(Look::Wide).await;
    assert!(site.said().is_empty());
    site.told("d3", asked("octo/shop", "production", run)).await;
    site.looks(Look::Wide).await;
    assert_eq!(site.said().len(), 1);
}

#[tokio::test]
async fn what_the_rule_of_reports_refuses_is_not_asked_for_all_the_time() {
    let mut site = site().await;
    let release = site.tested().await;
    for name in ["ann", "bob"] {
        site.approves(name, release).await;
    }
    // The run has created a release of another service: it may not speak for this one.
    let run = site.github.starts(COMMIT, "v1", "production").to_string();
    let foreign = site.engine.store().write(move |tx| created_elsewhere(tx, &run));
    foreign.await.map_err(WriteError::flatten).unwrap();
    let record = |site: &Site| site.engine.store().progress().borrow().last_event;
    let before = record(&site);
    for _ in 0..3 {
        site.looks(Look::Wide).await;
        site.looks(Look::Known).await;
    }
    assert_eq!((record(&site) - before, site.status(release).await), (1, Status::ManualTestPassed));
    assert!(site.said()[0].starts_with("… v1 waits: ") && site.said().len() == 1, "{:?}", site.said());
    site.time_passes(3601);
    site.looks(Look::Wide).await;
    assert_eq!(record(&site) - before, 2);
}

#[tokio::test]
async fn what_github_refuses_holds_up_no_other_run_and_comments_are_few() {
    let mut site = site().await;
    let first = site.github.starts("ffffffffffffffffffffffffffffffffffffffff", "main", "production");
    site.tested().await;
    let second = site.github.starts(COMMIT, "v1", "production");
    let elsewhere = site.github.starts(COMMIT, "v1", "staging");
    site.github.answers_meet([Fault::Answer(403, json!({ "message": "Resource not accessible by integration" }))]);
    assert_eq!(site.looks(Look::Wide).await, 60);
    assert_eq!(site.troubles.len(), 1);
    site.looks(Look::Wide).await;
    let told: Vec<_> = site.github.ruled().into_iter().map(|ruled| (ruled.run, ruled.comment)).collect();
    assert_eq!(told.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [second, first]);
    assert_eq!(told[1].1, "RMM knows no release of fffffff yet.");
    assert!(site.troubles.is_empty() && told.iter().all(|(run, _)| *run != elsewhere));
    // A run that ended by itself is forgotten.
    site.github.ends(first, "cancelled");
    site.looks(Look::Wide).await;
    assert_eq!(site.kept().await.len(), 1);
}

#[test]
fn a_comment_is_text() {
    let found = Found { release: None, title: "#7 @all [x](y)\n`z` <b>".into(), clearance: Clearance::Clear };
    assert_eq!(comment(&found), "no. 7 ＠all \\[x\\](y) \\`z\\` \\<b\\>: every gate of production is clear.");
}
