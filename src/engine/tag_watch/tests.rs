//! Time passes when the test says so.

use std::path::Path;
use std::process::Command as Program;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::domain::command::{Answer, NewRelease};
use crate::domain::ids::Commit;
use crate::engine::clock::Clock;
use crate::engine::testing::{catalog_of, engine_in};

/// A clock on which a pause lasts until the test ends it.
struct Paced(mpsc::UnboundedSender<oneshot::Sender<()>>);

impl Clock for Paced {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        let (end, ended) = oneshot::channel();
        let _ = self.0.send(end);
        Box::pin(async move {
            if ended.await.is_err() {
                std::future::pending().await
            }
        })
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let mut git = Program::new("git");
    git.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args).current_dir(folder);
    let output = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn tag(folder: &Path, tag: &str) -> Commit {
    git(folder, &["commit", "--quiet", "--allow-empty", "--message", tag]);
    git(folder, &["tag", "--force", "--annotate", "--message", tag, tag]);
    Commit::parse("commit", git(folder, &["rev-parse", "HEAD"])).unwrap()
}

struct Site {
    folder: tempfile::TempDir,
    engine: Engine,
    pauses: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    pause: Option<oneshot::Sender<()>>,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet"]);
        let (asked, pauses) = mpsc::unbounded_channel();
        let engine = engine_in(folder.path(), Arc::new(Paced(asked)));
        let text = format!(
            "[[services]]\nname = \"shop\"\nrepository = \"{}\"\napprovals = {{ minimum = 0 }}\n\
             environments.stage.driver = \"ci\"\nenvironments.production.driver = \"ci\"\n",
            folder.path().display()
        );
        engine.reconfigure(catalog_of(&text, &[])).await;
        tokio::spawn(watch(engine.clone(), Arc::default()));
        let mut site = Self { folder, engine, pauses, pause: None };
        site.pause = site.pauses.recv().await;
        site
    }

    /// RMM looks so many times.
    async fn looks(&mut self, times: u32) {
        for _ in 0..times {
            self.pause.take().unwrap().send(()).unwrap();
            self.pause = self.pauses.recv().await;
        }
    }

    async fn does(&self, command: Command) -> Answer {
        let request = Request::about(Actor::Operator, ServiceName::parse("service", "shop").unwrap(), command);
        self.engine.handle(request).await.unwrap().answer
    }

    /// A release of a tag at a commit, reported up to a status.
    async fn release(&self, name: &str, commit: Commit, reported: &[Status]) -> ReleaseId {
        let new = NewRelease {
            service: ServiceName::parse("service", "shop").unwrap(),
            tag: Some(Tag::parse("tag", name).unwrap()),
            commit: Some(commit),
            commit_checked: true,
            initiated_by: "ann".into(),
            proven: Vec::new(),
            owner: None,
            ci_run: None,
            attempt_told: false,
            tagged_at: None,
            notes: String::new(),
            artifacts: Vec::new(),
        };
        let Answer::Release { id, .. } = self.does(Command::Create(new)).await else { panic!() };
        for &status in reported {
            self.does(Command::Report { release: id, status, ci_run: None }).await;
        }
        id
    }

    async fn status(&self, id: ReleaseId) -> Status {
        self.engine.read(move |conn| releases::get(conn, id)).await.unwrap().unwrap().status
    }

    async fn alarms(&self, id: ReleaseId) -> usize {
        let all = self.engine.read(move |conn| events::of_release(conn, id, 0, 100, usize::MAX)).await.unwrap();
        all.events.iter().filter(|event| event.kind == "tag_moved").count()
    }
}

const TO_PRODUCTION: [Status; 4] =
    [Status::StageBuilding, Status::StageTestRollback, Status::Deploying, Status::Deployed];

#[tokio::test]
async fn a_tag_that_moves_while_people_test_takes_its_release_out_where_a_ci_system_does_the_work() {
    let mut site = Site::new().await;
    let folder = site.folder.path().to_owned();
    let [v1, v2] = ["v1", "v2"].map(|name| tag(&folder, name));
    let still = site.release("v1", v1, &[Status::StageBuilding]).await;
    let moves = site.release("v2", v2, &[]).await;
    site.looks(2).await;
    assert_eq!((site.status(still).await, site.status(moves).await), (Status::StageBuilding, Status::Initiated));
    tag(&folder, "v2");
    site.looks(1).await;
    assert_eq!((site.status(still).await, site.status(moves).await), (Status::StageBuilding, Status::Cancelled));
    assert_eq!(site.alarms(moves).await, 1);
    // One look is not enough for a tag that is gone.
    git(&folder, &["tag", "-d", "v1"]);
    site.looks(1).await;
    assert_eq!(site.status(still).await, Status::StageBuilding);
    site.looks(1).await;
    assert_eq!(site.status(still).await, Status::Cancelled);
}

#[tokio::test]
async fn a_tag_that_moves_while_production_runs_it_is_an_alarm_and_told_once() {
    let mut site = Site::new().await;
    let folder = site.folder.path().to_owned();
    let v1 = tag(&folder, "v1");
    let runs = site.release("v1", v1, &TO_PRODUCTION).await;
    assert_eq!(site.status(runs).await, Status::Deployed);
    tag(&folder, "v1");
    site.looks(2 * PRODUCTION).await;
    assert_eq!((site.status(runs).await, site.alarms(runs).await), (Status::Deployed, 1));
}

#[tokio::test]
async fn a_webhook_shows_a_moved_tag_at_once_and_a_missing_one_is_looked_for_again() {
    let mut site = Site::new().await;
    let folder = site.folder.path().to_owned();
    let [v1, v2] = ["v1", "v2"].map(|name| tag(&folder, name));
    let gone = site.release("v1", v1, &[Status::StageBuilding]).await;
    let moves = site.release("v2", v2, &[]).await;
    git(&folder, &["tag", "-d", "v1"]);
    tag(&folder, "v2");
    let shop = ServiceName::parse("service", "shop").unwrap();
    let mut progress = site.engine.store().progress();
    site.engine.look_at_tags(&shop);
    while site.status(moves).await != Status::Cancelled {
        progress.changed().await.unwrap();
    }
    site.engine.look_at_tags(&shop);
    site.looks(1).await;
    assert_eq!(site.status(gone).await, Status::StageBuilding, "one look in the usual time is not enough");
    site.looks(1).await;
    assert_eq!(site.status(gone).await, Status::Cancelled);
}
