//! Time passes when the test says so.

use std::path::Path;
use std::process::Command as Program;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::clients::github::stand_in::StandIn;
use crate::config::{Config, EnvVars};
use crate::engine::catalog::Catalog;
use crate::engine::clock::Clock;
use crate::engine::testing::{catalog_of, engine_in};
use crate::store::{deliveries, releases};

/// A clock on which a pause lasts until the test ends it.
struct Paced(mpsc::UnboundedSender<(Duration, oneshot::Sender<()>)>);

impl Clock for Paced {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let (end, ended) = oneshot::channel();
        let _ = self.0.send((time, end));
        Box::pin(async move {
            if ended.await.is_err() {
                std::future::pending().await
            }
        })
    }
}

/// A repository, an RMM that watches it, and its pauses.
struct Site {
    folder: tempfile::TempDir,
    engine: Engine,
    pauses: mpsc::UnboundedReceiver<(Duration, oneshot::Sender<()>)>,
    /// The end of the pause that lasts.
    pause: Option<oneshot::Sender<()>>,
    work: tokio::task::JoinHandle<()>,
}

/// `shop` and `blog` of one repository; without a pattern, no tag is a candidate.
fn catalog(folder: &Path, shop: Option<&str>, blog: Option<&str>) -> Catalog {
    let service = |name: &str, tags: Option<&str>| {
        let candidates = tags.map_or(String::new(), |tags| format!("candidates = \"tags\"\ntags = \"{tags}\"\n"));
        format!(
            "[[services]]\nname = \"{name}\"\nrepository = \"{}\"\n{candidates}approvals = {{ minimum = 0 }}\n\
             environments.stage.driver = \"ci\"\nenvironments.production.driver = \"ci\"\n",
            folder.join("repository").display()
        )
    };
    let text = service("shop", shop) + &service("blog", blog);
    Catalog::new(&Config::parse(&text, "rmm.toml", Path::new("/"), &EnvVars::new()).unwrap())
}

fn git(folder: &Path, args: &[&str]) -> String {
    let mut git = Program::new("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args).current_dir(folder.join("repository"));
    let output = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Site {
    /// A repository with the tag v0, of which `v*` are candidates of `shop`, after the first look.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("repository")).unwrap();
        git(folder.path(), &["init", "--quiet"]);
        let mut site = Self::on(folder, catalog_of_tags).await;
        site.pauses(60).await;
        site
    }

    /// An RMM on this folder.
    async fn on(folder: tempfile::TempDir, catalog: fn(&Path) -> Catalog) -> Self {
        let (asked, pauses) = mpsc::unbounded_channel();
        let engine = engine_in(folder.path(), Arc::new(Paced(asked)));
        git(folder.path(), &["commit", "--quiet", "--allow-empty", "--message", "a"]);
        if git(folder.path(), &["tag"]).is_empty() {
            git(folder.path(), &["tag", "v0"]);
        }
        engine.reconfigure(catalog(folder.path())).await;
        let work = tokio::spawn(watch(engine.clone(), Arc::default()));
        Self { folder, engine, pauses, pause: None, work }
    }

    /// Sets a tag on a new commit, and answers with that.
    fn tag(&self, tag: &str) -> String {
        git(self.folder.path(), &["commit", "--quiet", "--allow-empty", "--message", tag]);
        git(self.folder.path(), &["tag", "--force", "--annotate", "--message", tag, tag]);
        git(self.folder.path(), &["rev-parse", "HEAD"])
    }

    /// Waits until RMM has looked and pauses for so many seconds.
    async fn pauses(&mut self, seconds: u64) {
        let (pause, end) = self.pauses.recv().await.unwrap();
        assert_eq!(pause.as_secs(), seconds);
        self.pause = Some(end);
    }

    /// The pause is over; the next one is so long.
    async fn looks_and_pauses(&mut self, seconds: u64) {
        self.pause.take().unwrap().send(()).unwrap();
        self.pauses(seconds).await;
    }

    /// All releases, oldest first: service, tag, commit and initiator.
    async fn releases(&self) -> Vec<[String; 4]> {
        let all = releases::Page { list: None, service: None, before: None, limit: 100 };
        let mut found = self.engine.read(move |conn| releases::page(conn, &all)).await.unwrap();
        found.reverse();
        let row = |it: crate::domain::release::Release| {
            [it.service.to_string(), it.tag.unwrap().to_string(), it.commit.unwrap().to_string(), it.initiated_by]
        };
        found.into_iter().map(row).collect()
    }

    async fn tags(&self) -> Vec<String> {
        self.releases().await.into_iter().map(|[service, tag, ..]| format!("{service} {tag}")).collect()
    }

    /// RMM ends and begins anew.
    async fn restarted(self) -> Self {
        self.work.abort();
        let _ = self.work.await;
        drop(self.engine);
        Self::on(self.folder, catalog_of_tags).await
    }
}

fn catalog_of_tags(folder: &Path) -> Catalog {
    catalog(folder, Some("v*"), None)
}

#[tokio::test]
async fn a_new_tag_becomes_a_release_and_an_old_one_does_not() {
    let mut site = Site::new().await;
    assert!(site.releases().await.is_empty());
    let commit = site.tag("v1");
    site.tag("other");
    site.looks_and_pauses(60).await;
    assert_eq!(site.releases().await, [["shop".to_owned(), "v1".into(), commit, "git".into()]]);
    // Where nothing happens, the pauses grow.
    for seconds in [90, 135, 202, 300, 300] {
        site.looks_and_pauses(seconds).await;
    }
    for tag in ["v10.0.0", "v9.0.0", "v9.0.0-rc.1"] {
        site.tag(tag);
    }
    site.looks_and_pauses(60).await;
    assert_eq!(site.tags().await, ["shop v1", "shop v9.0.0-rc.1", "shop v9.0.0", "shop v10.0.0"]);
}

#[tokio::test]
async fn a_commit_becomes_one_release_however_many_tags_it_has() {
    let mut site = Site::new().await;
    site.tag("v1.4.0");
    for floating in ["v1", "v1.4", "v1.4.0-rc.1", "other"] {
        git(site.folder.path(), &["tag", floating]);
    }
    site.looks_and_pauses(60).await;
    assert_eq!(site.tags().await, ["shop v1.4.0"]);
    git(site.folder.path(), &["tag", "v1.4.1"]);
    site.looks_and_pauses(60).await;
    assert_eq!(site.tags().await, ["shop v1.4.0"], "nor one of a tag that comes later");
    let mut site = site.restarted().await;
    site.pauses(90).await;
    assert_eq!(site.tags().await, ["shop v1.4.0"]);
}

/// What is logged, as it is shown.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Those about tags that make no release, since the last time.
    /// What is logged in this thread from here on.
    fn followed() -> (Self, tracing::subscriber::DefaultGuard) {
        let out = Self::default();
        let lines = out.clone();
        let writer = move || lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO).with_writer(writer);
        (out, tracing::subscriber::set_default(log.finish()))
    }

    fn about_none(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().filter(|line| line.contains("makes no release")).map(ToOwned::to_owned).collect()
    }
}

#[tokio::test]
async fn a_tag_that_makes_no_release_says_which_one_has_its_commit_and_what_to_do() {
    let (out, _logged) = Lines::followed();
    let mut site = Site::new().await;
    site.tag("v12.0.0-rc.1");
    site.looks_and_pauses(60).await;
    assert_eq!(out.about_none(), [""; 0]);
    // From the candidate to the final version.
    git(site.folder.path(), &["tag", "v12.0.0"]);
    site.looks_and_pauses(60).await;
    let said = out.about_none();
    assert_eq!(said.len(), 1, "{said:?}");
    for part in
        [" INFO ", "tag=v12.0.0 ", "release=1 ", "v12.0.0-rc.1", "rmm release create --service shop --tag v12.0.0"]
    {
        assert!(said[0].contains(part), "{part}: {said:?}");
    }
    // It is said once, and also of one that came together with the one that says more.
    site.tag("v13.0.0");
    git(site.folder.path(), &["tag", "v13"]);
    site.looks_and_pauses(60).await;
    let said = out.about_none();
    assert!(said.len() == 1 && said[0].contains("tag=v13 ") && said[0].contains("release=2 "), "{said:?}");
}

#[tokio::test]
async fn a_webhook_makes_it_look_at_once() {
    let mut site = Site::new().await;
    let shop = ServiceName::parse("service", "shop").unwrap();
    let v1 = Tag::parse("tag", "v1").unwrap();
    site.tag("v1");
    let (name, now) = (shop.clone(), site.engine.now());
    site.engine.store().write(move |tx| deliveries::pushed(tx, &name, &v1, "ann", now)).await.unwrap();
    site.engine.look_at_tags(&shop);
    site.pauses(60).await;
    assert_eq!(site.releases().await[0][3], "ann");
    // The server may take a moment to show what it has told.
    site.engine.look_at_tags(&shop);
    site.pauses(7).await;
    site.looks_and_pauses(11).await;
}

#[tokio::test]
async fn a_start_anew_makes_nothing_twice_and_misses_nothing() {
    let mut site = Site::new().await;
    site.tag("v1");
    site.looks_and_pauses(60).await;
    site.tag("v2");
    // What was done is not noted: RMM was killed in between.
    let (shop, v1) = (ServiceName::parse("service", "shop").unwrap(), Tag::parse("tag", "v1").unwrap());
    site.engine.store().write(move |tx| tags::gone(tx, &shop, &v1)).await.unwrap();
    let mut site = site.restarted().await;
    site.pauses(60).await;
    assert_eq!(site.tags().await, ["shop v1", "shop v2"]);
    let mut site = site.restarted().await;
    site.pauses(90).await;
    assert_eq!(site.tags().await.len(), 2);
}

#[tokio::test]
async fn a_tag_that_moves_is_gone_or_comes_again_is_no_new_release() {
    let (out, _logged) = Lines::followed();
    let mut site = Site::new().await;
    let commit = site.tag("v1");
    site.looks_and_pauses(60).await;
    site.tag("v1");
    site.looks_and_pauses(90).await;
    let said = out.about_none();
    assert!(said.len() == 1 && said[0].contains("tag=v1 ") && said[0].contains("another commit"), "{said:?}");
    git(site.folder.path(), &["tag", "--delete", "v1"]);
    site.looks_and_pauses(135).await;
    git(site.folder.path(), &["tag", "v1", &commit]);
    site.looks_and_pauses(202).await;
    assert_eq!(site.tags().await, ["shop v1"]);
}

#[tokio::test]
async fn what_was_there_at_the_first_look_is_never_new_also_after_the_repository_was_empty() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("repository")).unwrap();
    git(folder.path(), &["init", "--quiet"]);
    git(
        folder.path(),
        &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "old"],
    );
    git(folder.path(), &["tag", "v0"]);
    let mut site = Site::on(folder, |folder| catalog(folder, Some("v*"), None)).await;
    site.pauses(60).await;
    site.tag("v1");
    site.looks_and_pauses(60).await;
    let place = site.folder.path().join("repository");
    std::fs::rename(&place, place.with_extension("away")).unwrap();
    std::fs::create_dir(&place).unwrap();
    git(site.folder.path(), &["init", "--quiet"]);
    site.looks_and_pauses(90).await;
    std::fs::remove_dir_all(&place).unwrap();
    std::fs::rename(place.with_extension("away"), &place).unwrap();
    site.looks_and_pauses(135).await;
    assert_eq!(site.tags().await, ["shop v1"]);
}

#[tokio::test]
async fn a_repository_that_is_away_loses_nothing() {
    let mut site = Site::new().await;
    site.tag("v1");
    site.looks_and_pauses(60).await;
    let place = site.folder.path().join("repository");
    std::fs::rename(&place, place.with_extension("away")).unwrap();
    site.looks_and_pauses(90).await;
    std::fs::rename(place.with_extension("away"), &place).unwrap();
    site.looks_and_pauses(135).await;
    site.tag("v2");
    site.looks_and_pauses(60).await;
    assert_eq!(site.tags().await, ["shop v1", "shop v2"]);
}

#[tokio::test]
async fn services_of_one_repository_have_tags_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("repository")).unwrap();
    git(folder.path(), &["init", "--quiet"]);
    let mut site = Site::on(folder, |folder| catalog(folder, Some("shop/v*"), Some("blog/v*"))).await;
    // They take turns at the repository.
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let (pause, end) = site.pauses.recv().await.unwrap();
        match pause.as_secs() {
            1 => end.send(()).unwrap(),
            _ => ends.push(end),
        }
    }
    for tag in ["shop/v1", "blog/v1", "v1"] {
        site.tag(tag);
    }
    ends.into_iter().for_each(|end| end.send(()).unwrap());
    let mut looked = 0;
    while looked < 2 {
        let (pause, end) = site.pauses.recv().await.unwrap();
        match pause.as_secs() {
            1 => end.send(()).unwrap(),
            seconds => {
                assert_eq!(seconds, 60);
                looked += 1;
            }
        }
    }
    let mut tags = site.tags().await;
    tags.sort();
    assert_eq!(tags, ["blog blog/v1", "shop shop/v1"]);
}

#[tokio::test]
async fn what_was_tagged_while_tags_were_no_candidates_stays_what_it_is() {
    let mut site = Site::new().await;
    site.engine.reconfigure(catalog(site.folder.path(), None, None)).await;
    // It ends with its next look.
    site.pause.take().unwrap().send(()).unwrap();
    let watched = async |site: &Site| site.engine.read(tags::watched).await.unwrap().len();
    while watched(&site).await > 0 {
        tokio::task::yield_now().await;
    }
    site.tag("v1");
    site.engine.reconfigure(catalog(site.folder.path(), Some("v*"), None)).await;
    site.pauses(60).await;
    assert!(site.releases().await.is_empty());
    site.tag("v2");
    site.looks_and_pauses(60).await;
    assert_eq!(site.tags().await, ["shop v2"]);
}

#[tokio::test]
async fn a_tag_of_a_file_is_no_release_and_neither_is_one_that_cannot_be_named() {
    let mut site = Site::new().await;
    std::fs::write(site.folder.path().join("repository/key"), "a key").unwrap();
    git(site.folder.path(), &["add", "key"]);
    site.tag("v1");
    git(site.folder.path(), &["tag", "v2", "HEAD:key"]);
    git(site.folder.path(), &["tag", "v3", "HEAD^{tree}"]);
    git(site.folder.path(), &["tag", "v4;id"]);
    site.looks_and_pauses(60).await;
    assert_eq!(site.tags().await, ["shop v1"]);
    site.looks_and_pauses(90).await;
    assert_eq!(site.tags().await, ["shop v1"], "and none later");
}

/// A catalog whose repository only the login at GitHub can read; where that is stands in the folder.
fn catalog_at_github(folder: &Path) -> Catalog {
    let api = std::fs::read_to_string(folder.join("api")).unwrap();
    let text = format!(
        "[github]\ntoken = \"env:TOKEN\"\napi_url = \"{api}\"\n[[services]]\nname = \"shop\"\nrepository = \"octo/shop\"\n\
         candidates = \"tags\"\napprovals = {{ minimum = 0 }}\nenvironments.stage.driver = \"ci\"\n\
         environments.production.driver = \"ci\"\n"
    );
    catalog_of(&text, &[("TOKEN", "a-token-for-tests")])
}

#[tokio::test]
async fn a_repository_that_only_the_login_can_read_is_watched_by_githubs_api() {
    let (folder, github) = (tempfile::tempdir().unwrap(), StandIn::start().await);
    std::fs::create_dir(folder.path().join("repository")).unwrap();
    git(folder.path(), &["init", "--quiet"]);
    std::fs::write(folder.path().join("api"), &github.url).unwrap();
    let (old, new) = ("a".repeat(40), "b".repeat(40));
    github.has_tag("v1", &old);
    let mut site = Site::on(folder, catalog_at_github).await;
    site.pauses(60).await;
    github.has_tag("v2", &new);
    site.looks_and_pauses(60).await;
    assert_eq!(site.releases().await, [["shop".to_owned(), "v2".into(), new, "github".into()]]);
}
