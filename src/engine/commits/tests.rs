//! What a release brings, as GitHub tells it.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::*;
use crate::clients::github::stand_in::StandIn;
use crate::domain::command::{Answer, Command, NewRelease};
use crate::domain::ids::{ServiceName, Tag};
use crate::domain::person::{Actor, Role};
use crate::domain::status::Status;
use crate::engine::Request;
use crate::engine::testing::{Hands, catalog_of, engine_in};

const SECRET: &str = "hunter2-hunter2-hunter2";

struct Site {
    github: StandIn,
    engine: Engine,
    _folder: tempfile::TempDir,
}

impl Site {
    /// A service whose production runs v0.
    async fn new() -> Self {
        let (folder, github) = (tempfile::tempdir().unwrap(), StandIn::start().await);
        let text = format!(
            "[github]\ntoken = \"env:TOKEN\"\napi_url = \"{}\"\n[[services]]\nname = \"shop\"\n\
             repository = \"octo/shop\"\napprovals = {{ minimum = 0 }}\nenvironments.stage.driver = \"ci\"\n\
             environments.production.driver = \"ci\"\n",
            github.url
        );
        let engine = engine_in(folder.path(), Arc::new(Hands(AtomicI64::new(1_800_000_000))));
        engine.inner.catalog.send_replace(Arc::new(catalog_of(&text, &[("TOKEN", SECRET)])));
        let site = Self { github, engine, _folder: folder };
        let first = site.creates("v0", 'a').await;
        for status in [Status::StageBuilding, Status::StageTestRollback, Status::Deploying, Status::Deployed] {
            site.handle(Command::Report { release: first, status, ci_run: None }).await;
        }
        site
    }

    async fn handle(&self, command: Command) -> Answer {
        let ci = Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() };
        self.engine.handle(Request::new(ci, command)).await.unwrap().answer
    }

    async fn creates(&self, tag: &str, digit: char) -> ReleaseId {
        let new = NewRelease {
            service: ServiceName::parse("service", "shop").unwrap(),
            tag: Some(Tag::parse("tag", tag).unwrap()),
            commit: Some(Commit::parse("commit", digit.to_string().repeat(40)).unwrap()),
            commit_checked: true,
            initiated_by: "dev".into(),
            proven: Vec::new(),
            owner: None,
            ci_run: None,
            attempt_told: true,
            tagged_at: None,
            notes: String::new(),
            artifacts: Vec::new(),
        };
        let Answer::Release { id, .. } = self.handle(Command::Create(new)).await else { panic!("a release") };
        id
    }

    async fn lists(&self, id: ReleaseId) -> CommitList {
        assert!(matches!(list(&self.engine, id).await.unwrap(), Listed::Done));
        self.engine.commits_of(id).await.unwrap().unwrap()
    }
}

fn numbers(list: &CommitList) -> Vec<u64> {
    list.pull_requests.iter().map(|pull| pull.number).collect()
}

#[tokio::test]
async fn the_newest_commits_are_listed_with_their_pull_requests() {
    let site = Site::new().await;
    let release = site.creates("v1", 'b').await;
    site.github.has_commits(420);
    site.github.closes_pull(7, "Long ago", 1, true);
    site.github.closes_pull(8, "Cart", 300, true);
    site.github.closes_pull(9, "Given up", 301, false);
    site.github.closes_pull(10, &format!("Prices {SECRET}\n@all"), 420, true);
    site.github.closes_pull(11, "Of another branch", 999, true);
    let list = site.lists(release).await;
    assert_eq!((list.total, list.commits.len()), (420, 250));
    assert_eq!((list.commits[0].title.as_str(), list.commits[249].title.as_str()), ("Change 420", "Change 171"));
    assert_eq!(numbers(&list), [10, 8]);
    let first = &list.pull_requests[0];
    assert!(first.title.starts_with("Prices ") && !first.title.contains(SECRET) && !first.title.contains("@all"));
    assert_eq!((first.author.as_deref(), first.url.as_str()), (Some("ann"), "https://x.example/pull/10"));
}

#[tokio::test]
async fn without_the_permission_there_are_commits_all_the_same() {
    let site = Site::new().await;
    let release = site.creates("v1", 'b').await;
    site.github.has_commits(2);
    site.github.closes_pull(1, "Cart", 2, true);
    for status in [403, 404, 502] {
        site.github.refuses_pulls(Some(status));
        let list = site.lists(release).await;
        assert_eq!((list.commits.len(), numbers(&list)), (2, Vec::new()));
    }
    site.github.refuses_pulls(None);
    assert_eq!(numbers(&site.lists(release).await), [1]);
}

#[tokio::test]
async fn what_was_closed_long_before_is_not_searched_for() {
    let site = Site::new().await;
    let release = site.creates("v1", 'b').await;
    site.github.has_commits(1);
    for number in 1..=300 {
        site.github.closes_pull(number, "Cart", if number == 20 || number == 250 { 1 } else { 999 }, true);
    }
    let before = site.github.calls();
    assert_eq!(numbers(&site.lists(release).await), [250]);
    assert_eq!(site.github.calls() - before, 5);
}

/// What people see of the commits of a release: since which one, and how many.
async fn seen(site: &Site, id: ReleaseId) -> Option<(ReleaseId, u64)> {
    let found = site.engine.read(move |conn| {
        let release = releases::get(conn, id)?.unwrap();
        let current = runs::environment(conn, &release.service, Env::Production)?.current;
        Ok(commits::get(conn, id)?.filter(|list| list.tells_of(&release, current.as_ref())))
    });
    found.await.unwrap().map(|list| (list.since.release, list.total))
}

#[tokio::test]
async fn what_went_live_is_shown_afterwards_and_what_waits_is_listed_anew() {
    let site = Site::new().await;
    let reports = async |release, statuses: &[Status]| {
        for status in statuses {
            site.handle(Command::Report { release, status: *status, ci_run: None }).await;
        }
    };
    let up_to = |last: Status| {
        let way = [Status::StageBuilding, Status::StageTestRollback, Status::ManualTesting, Status::Deploying];
        let way = way.into_iter().chain([Status::Deployed]);
        way.take_while(move |status| *status != last).chain([last]).collect::<Vec<_>>()
    };
    let first = ReleaseId(1);
    let going = site.creates("v1", 'b').await;
    site.github.has_commits(2);
    site.lists(going).await;
    reports(going, &up_to(Status::Deploying)).await;
    assert_eq!(seen(&site, going).await, Some((first, 2)), "on its way into production");
    let waiting = site.creates("v2", 'c').await;
    site.github.has_commits(5);
    site.lists(waiting).await;
    assert_eq!(seen(&site, waiting).await, Some((first, 5)));

    reports(going, &[Status::Deployed]).await;
    assert_eq!(seen(&site, going).await, Some((first, 2)), "what went live");
    assert_eq!(seen(&site, waiting).await, None, "it counts since what production ran before");
    // Asked once more, late: there is nothing to compare it with any more.
    assert_eq!(site.lists(going).await.since.release, first);
    site.github.has_commits(3);
    site.lists(waiting).await;
    assert_eq!(seen(&site, waiting).await, Some((going, 3)));

    // It has gone live as well, and then taken production back.
    reports(waiting, &up_to(Status::Deployed)).await;
    for id in [going, waiting] {
        assert!(seen(&site, id).await.is_some());
    }
}

#[tokio::test]
async fn what_could_not_be_compared_until_it_went_live_is_compared_afterwards() {
    let site = Site::new().await;
    let going = site.creates("v1", 'b').await;
    site.github.is_away(Some(502));
    assert!(matches!(list(&site.engine, going).await.unwrap(), Listed::Later(_)));
    let way = [Status::StageBuilding, Status::StageTestRollback, Status::ManualTesting, Status::Deploying];
    for status in way.into_iter().chain([Status::Deployed]) {
        site.handle(Command::Report { release: going, status, ci_run: None }).await;
        assert!(matches!(list(&site.engine, going).await.unwrap(), Listed::Later(_)), "{status}");
    }
    site.github.is_away(None);
    site.github.has_commits(2);
    let listed = site.lists(going).await;
    assert_eq!((listed.since.release, listed.total), (ReleaseId(1), 2));
    assert_eq!(seen(&site, going).await, Some((ReleaseId(1), 2)));
}

#[test]
fn a_list_of_an_earlier_version_has_no_pull_requests() {
    let list = r#"{"since":{"release":1,"tag":"v0","commit":null},"total":0,"commits":[]}"#;
    assert!(serde_json::from_str::<CommitList>(list).unwrap().pull_requests.is_empty());
}
