//! What a webhook could not bring is found in its log.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::clients::github::stand_in::StandIn;
use crate::clients::github::stand_in::log::Delivered;
use crate::clients::jose::testing::pem;
use crate::domain::command::{Command, NewRelease};
use crate::domain::ids::{ServiceName, Tag};
use crate::domain::person::{Actor, Role};
use crate::engine::Request;
use crate::engine::testing::{Hands, catalog_of, engine_in};
use crate::store::releases;

const NOW: i64 = 1_800_000_000;
const HERE: &str = "https://rmm.internal/hooks/github";

struct Site {
    github: StandIn,
    clock: Arc<Hands>,
    engine: Engine,
    logs: HashMap<Log, State>,
    folder: tempfile::TempDir,
}

fn configured(api: &str, keys: &str, candidates: &str) -> String {
    format!(
        "[github]\ntoken = \"env:TOKEN\"\napi_url = \"{api}\"\n{keys}\n[[services]]\nname = \"shop\"\n\
         repository = \"octo/shop\"\n{candidates}\napprovals = {{ minimum = 0 }}\n\
         environments.stage.driver = \"ci\"\nenvironments.production.driver = \"ci\"\n"
    )
}

impl Site {
    async fn new() -> Self {
        Self::with("", "candidates = \"tags\"").await
    }

    async fn with(keys: &str, candidates: &str) -> Self {
        let (folder, github) = (tempfile::tempdir().unwrap(), StandIn::start().await);
        github.has_hook(HERE);
        let clock = Arc::new(Hands(AtomicI64::new(NOW)));
        let engine = engine_in(folder.path(), clock.clone());
        let text = configured(&github.url, keys, candidates);
        engine.reconfigure(catalog_of(&text, &[("TOKEN", "a-token-for-tests")])).await;
        Self { github, clock, engine, logs: HashMap::new(), folder }
    }

    /// RMM is a GitHub App, whose one webhook tells of every repository that it is installed on.
    async fn of_app() -> Self {
        let site = Self::new().await;
        let login = "app_id = 7\nprivate_key = \"env:PEM\"";
        let text = configured(&site.github.url, "", "candidates = \"tags\"").replace("token = \"env:TOKEN\"", login);
        site.engine.reconfigure(catalog_of(&text, &[("PEM", pem())])).await;
        site.github.has_no_hook();
        site
    }

    /// Looks, and answers how many seconds are until the next look.
    async fn looks(&mut self) -> u64 {
        look(&self.engine, &mut self.logs).await.as_secs()
    }

    fn time_passes(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// A delivery with this answer; the number names it.
    fn delivers(&self, id: u64, status: u16, event: &str, payload: Value) {
        let at = self.engine.now().to_string();
        self.github.delivers(Delivered { id, guid: format!("guid-{id}"), at, status, event: event.into(), payload });
    }

    async fn pushed_by(&self, tag: &str) -> Option<String> {
        let (shop, tag) = (ServiceName::parse("service", "shop").unwrap(), Tag::parse("tag", tag).unwrap());
        self.engine.read(move |conn| noted::pushed_by(conn, &shop, &tag)).await.unwrap()
    }

    fn news(&self) -> u64 {
        *self.engine.workflow_news().borrow()
    }

    /// RMM ends and begins anew.
    async fn restarted(self) -> Self {
        let Self { github, clock, engine, folder, .. } = self;
        let catalog = engine.catalog();
        drop(engine);
        let engine = engine_in(folder.path(), clock.clone());
        engine.inner.catalog.send_replace(catalog);
        Self { github, clock, engine, logs: HashMap::new(), folder }
    }
}

fn tag(name: &str, by: &str, repository: &str) -> Value {
    json!({ "ref": name, "ref_type": "tag", "repository": { "full_name": repository }, "sender": { "login": by } })
}

#[tokio::test]
async fn what_github_could_not_bring_is_read_and_counts_once() {
    let mut site = Site::new().await;
    let before = site.news();
    site.delivers(1, 0, "create", tag("v1", "ann", "octo/shop"));
    site.delivers(2, 502, "workflow_run", json!({ "action": "completed" }));
    assert_eq!(site.looks().await, 60);
    assert_eq!((site.pushed_by("v1").await.as_deref(), site.news()), (Some("ann"), before + 1));
    // GitHub comes through after all, and the log shows the repetition, too.
    site.engine.github_delivered("guid-2", "workflow_run", &json!({})).await.unwrap();
    site.looks().await;
    let mut site = site.restarted().await;
    site.looks().await;
    assert_eq!((site.news(), site.github.fetched()), (0, vec![1, 2]));
}

#[tokio::test]
async fn where_nothing_arrives_a_look_without_news_changes_nothing() {
    let mut site = Site::new().await;
    site.delivers(1, 502, "create", tag("v1", "ann", "octo/shop"));
    for _ in 0..3 {
        assert_eq!(site.looks().await, 60);
    }
    // Also where the last one is too old to be looked at.
    site.time_passes(4 * 24 * 60 * 60);
    let mut site = site.restarted().await;
    assert_eq!(site.looks().await, 60);
    site.delivers(2, 202, "ping", json!({}));
    for _ in 0..2 {
        assert_eq!(site.looks().await, 300);
    }
}

#[tokio::test]
async fn a_pull_request_that_github_could_not_tell_of_is_fetched() {
    let mut site = Site::new().await;
    site.delivers(
        1,
        502,
        "pull_request",
        json!({ "action": "closed", "pull_request": {}, "repository": { "full_name": "octo/shop" } }),
    );
    site.looks().await;
    assert_eq!(site.github.fetched(), [1]);
    let noted = site.engine.read(|conn| noted::has_come(conn, "guid-1")).await;
    assert!(noted.unwrap());
}

#[tokio::test]
async fn the_webhook_of_another_rmm_is_not_read() {
    let public_url = "[server]\npublic_url = \"https://rmm.example.com/\"";
    let mut site = Site::with(public_url, "candidates = \"tags\"").await;
    site.delivers(1, 0, "create", tag("v1", "ann", "octo/shop"));
    assert_eq!((site.looks().await, site.github.fetched()), (300, Vec::new()));
    site.github.has_hook("https://RMM.example.com/hooks/github");
    site.time_passes(3601);
    site.looks().await;
    assert_eq!(site.github.fetched(), [1]);
}

#[tokio::test]
async fn what_has_come_is_not_fetched_and_the_looks_are_rare() {
    let mut site = Site::new().await;
    site.engine.github_delivered("guid-1", "workflow_run", &json!({})).await.unwrap();
    site.delivers(1, 202, "workflow_run", json!({}));
    site.delivers(2, 202, "ping", json!({}));
    assert_eq!(site.looks().await, 300);
    // One that came to another place of the same name is one that never came.
    site.delivers(
        3,
        202,
        "push",
        json!({ "ref": "refs/tags/v3", "repository": { "full_name": "octo/shop" }, "sender": { "login": "bob" } }),
    );
    site.looks().await;
    assert_eq!((site.github.fetched(), site.pushed_by("v3").await.as_deref()), (vec![3], Some("bob")));
}

#[tokio::test]
async fn a_long_log_is_read_from_its_oldest_end_and_old_ones_are_left() {
    let mut site = Site::new().await;
    site.delivers(1, 0, "create", tag("v1", "ann", "octo/shop"));
    site.time_passes(4 * 24 * 60 * 60);
    for id in 2..=131 {
        site.delivers(id, 0, "create", tag("v2", "ann", "octo/shop"));
    }
    site.looks().await;
    assert_eq!(site.github.fetched(), (2..=101).collect::<Vec<_>>());
    site.looks().await;
    assert_eq!(site.github.fetched().len(), 130);
    // Then only the first page is asked for.
    let before = site.github.calls();
    site.looks().await;
    assert_eq!(site.github.calls() - before, 1);
}

#[tokio::test]
async fn what_may_not_be_read_is_left_for_an_hour() {
    for status in [403, 404] {
        let mut site = Site::new().await;
        site.github.refuses_hooks(Some(status));
        site.delivers(1, 0, "create", tag("v1", "ann", "octo/shop"));
        for _ in 0..3 {
            site.looks().await;
        }
        assert_eq!(site.github.calls(), 1);
        site.github.refuses_hooks(None);
        site.time_passes(3601);
        site.looks().await;
        assert_eq!(site.pushed_by("v1").await.as_deref(), Some("ann"));
    }
}

#[tokio::test]
async fn github_is_not_asked_without_need() {
    for (keys, candidates) in [("", ""), ("read_deliveries = false", "candidates = \"tags\"")] {
        let mut site = Site::with(keys, candidates).await;
        assert_eq!((site.looks().await, site.github.calls()), (300, 0));
    }
    // A webhook of others is not RMM's.
    let mut site = Site::new().await;
    site.github.has_hook("https://chat.example.com/github");
    site.looks().await;
    site.looks().await;
    assert_eq!(site.github.calls(), 1);
}

#[tokio::test]
async fn an_empty_log_does_not_show_that_anything_arrives() {
    let mut site = Site::new().await;
    for _ in 0..2 {
        assert_eq!(site.looks().await, 60);
    }
}

#[tokio::test]
async fn who_pushed_a_tag_is_told_to_the_release_that_is_there_already() {
    let mut site = Site::new().await;
    let new = NewRelease {
        tag: Some(Tag::parse("tag", "v1").unwrap()),
        ..NewRelease::of(ServiceName::parse("service", "shop").unwrap(), "github".into())
    };
    site.engine.handle(Request::new(Actor::Machine, Command::Create(new))).await.unwrap();
    site.delivers(1, 502, "create", tag("v1", "ann", "octo/shop"));
    site.looks().await;
    let shop = ServiceName::parse("service", "shop").unwrap();
    let release = site
        .engine
        .read(move |conn| releases::active_candidate(conn, &shop, Some(&Tag::parse("tag", "v1").unwrap()), None));
    let release = release.await.unwrap().unwrap();
    assert_eq!((release.initiated_by.as_str(), release.proven_initiators), ("ann", vec!["ann".to_owned()]));
    // And one that CI says eve has started, of a tag that GitHub has shown as bob's before.
    site.delivers(2, 502, "create", tag("v2", "bob", "octo/shop"));
    site.looks().await;
    let new = NewRelease {
        tag: Some(Tag::parse("tag", "v2").unwrap()),
        ..NewRelease::of(ServiceName::parse("service", "shop").unwrap(), "eve".into())
    };
    let ci = Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() };
    let made = site.engine.handle(Request::new(ci, Command::Create(new))).await.unwrap().release.unwrap();
    assert_eq!((made.initiated_by.as_str(), made.said_by), ("bob", None));
}

#[tokio::test]
async fn an_outage_passes() {
    let mut site = Site::new().await;
    site.delivers(1, 0, "create", tag("v1", "ann", "octo/shop"));
    site.github.is_away(Some(502));
    assert_eq!(site.looks().await, 60);
    site.github.is_away(None);
    site.looks().await;
    assert_eq!(site.pushed_by("v1").await.as_deref(), Some("ann"));
}

#[tokio::test]
async fn odd_deliveries_do_no_harm() {
    let mut site = Site::new().await;
    site.delivers(1, 0, "create", tag("v1", "ann", "octo/other"));
    site.delivers(2, 0, "push", json!({ "ref": null, "repository": null, "sender": null }));
    site.delivers(3, 0, "workflow_run", json!({ "action": "something new", "workflow_run": null }));
    site.delivers(4, 0, "create", Value::Null);
    site.delivers(5, 0, "delete", json!(["delete"]));
    site.delivers(6, 0, "create", tag("v1", "ann", "octo/shop"));
    let at = site.engine.now().to_string();
    for guid in [String::new(), "g".repeat(200), "a\nb".to_owned()] {
        let payload = tag("v9", "eve", "octo/shop");
        site.github.delivers(Delivered { id: 7, guid, at: at.clone(), status: 0, event: "create".into(), payload });
    }
    site.looks().await;
    assert_eq!(site.pushed_by("v1").await.as_deref(), Some("ann"));
    assert_eq!(site.pushed_by("v9").await, None);
    assert_eq!(site.github.fetched(), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn the_log_of_an_app_is_read_past_the_repositories_that_no_service_has() {
    let mut site = Site::of_app().await;
    for id in 1..=130 {
        site.delivers(id, 0, "push", tag("v1", "eve", "octo/other"));
    }
    site.delivers(131, 0, "create", tag("v1", "ann", "octo/shop"));
    for _ in 0..2 {
        assert_eq!(site.looks().await, 60);
    }
    assert_eq!(site.pushed_by("v1").await.as_deref(), Some("ann"));
    assert_eq!(site.github.fetched(), (1..=131).collect::<Vec<_>>());
    let noted = site.engine.read(|conn| Ok((noted::has_come(conn, "guid-1")?, noted::has_come(conn, "guid-131")?)));
    assert_eq!(noted.await.unwrap(), (false, true));
    // From then on only what is new.
    site.delivers(132, 202, "create", tag("v2", "bob", "octo/shop"));
    assert_eq!(site.looks().await, 300);
    assert_eq!((site.github.fetched().len(), site.pushed_by("v2").await.as_deref()), (132, Some("bob")));
}
