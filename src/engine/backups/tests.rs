//! Stories of backups that are made by themselves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::domain::backup::CommandEnd;
use crate::engine::testing::{Hands, catalog_of, engine_in};

const DAY: i64 = 24 * 3600;
const BEGIN: i64 = 1_800_000_000;

/// An RMM whose backups go into `backups` beside its data.
struct Story {
    engine: Engine,
    hands: Arc<Hands>,
    place: tempfile::TempDir,
}

impl Story {
    async fn with(settings: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        for name in ["data", "backups"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        let hands = Arc::new(Hands(AtomicI64::new(BEGIN)));
        let engine = engine_in(&place.path().join("data"), hands.clone());
        let story = Self { engine, hands, place };
        story.configured(settings).await;
        story
    }

    async fn configured(&self, settings: &str) {
        let folder = self.folder().display().to_string();
        let text = format!(
            "[backup]\nfolder = \"{folder}\"\n{}",
            settings.replace("PLACE", &self.place.path().display().to_string())
        );
        self.engine.reconfigure(catalog_of(&text, &[("SECRET", "hunter2hunter2")])).await;
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join("backups")
    }

    /// So much time passes, and RMM looks.
    async fn after(&self, seconds: i64) -> Backups {
        self.hands.0.fetch_add(seconds, Ordering::SeqCst);
        self.engine.tend_backups().await;
        self.engine.backups().await.unwrap()
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.folder())
            .unwrap()
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Nothing of the work is left beside the database.
    fn is_clean(&self) -> bool {
        !self.place.path().join("data/backup.work").exists()
            && self.files().iter().all(|name| !name.contains("partial"))
    }
}

fn newest(state: &BackupState) -> &Path {
    Path::new(&state.made.as_ref().unwrap().file)
}

fn fault(backups: &Backups) -> &BackupFault {
    &backups.state.failed.as_ref().unwrap().fault
}

#[tokio::test]
async fn a_copy_is_made_each_day_tried_and_the_old_ones_go() {
    let story = Story::with("keep = 3").await;
    let first = story.after(0).await;
    let made = first.state.made.clone().unwrap();
    let tested = first.state.tested.clone().unwrap();
    assert_eq!((tested.fault, tested.head, tested.file), (None, Some(made.head), made.file.clone()));
    assert_eq!(fs::metadata(&made.file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(first.alarm, None);
    assert_eq!(story.after(DAY - 1).await.state.made.unwrap(), made, "not before its time");
    for day in 1..5_usize {
        let made_now = story.after(if day == 1 { 1 } else { DAY }).await.state.made.unwrap();
        assert!(made_now.head > made.head && story.files().len() == (day + 1).min(3), "{:?}", story.files());
    }
    assert!(story.is_clean());
    let events = crate::store::figures::last_backup;
    assert!(story.engine.read(events).await.unwrap().is_some(), "it is on the record");
}

#[tokio::test]
async fn what_goes_wrong_is_told_tried_again_and_leaves_nothing() {
    let story = Story::with("").await;
    fs::remove_dir(story.folder()).unwrap();
    let failed = story.after(0).await;
    assert_eq!(*fault(&failed), BackupFault::FolderMissing { folder: story.folder().display().to_string() });
    assert_eq!(failed.alarm.unwrap().code(), "failing");
    fs::create_dir(story.folder()).unwrap();
    assert!(story.after(299).await.state.made.is_none());
    let well = story.after(1).await;
    assert!(well.state.made.is_some() && well.alarm.is_none() && story.is_clean());

    story.configured(r#"pipe = ["sh", "-c", "head -c 100; echo it is hunter2hunter2 >&2; exit 3"]"#).await;
    let failed = story.after(DAY).await;
    let said = "it is hunter2hunter2".to_owned();
    assert_eq!(*fault(&failed), BackupFault::Command { program: "sh".into(), end: CommandEnd::Status(3), said });
    assert!(story.is_clean() && story.files().len() == 1, "{:?}", story.files());
    story.configured(r#"pipe = ["true"]"#).await;
    let failed = story.after(DAY).await;
    let end = CommandEnd::Nothing;
    assert_eq!(*fault(&failed), BackupFault::Command { program: "true".into(), end, said: String::new() });
    assert!(story.is_clean() && story.files().len() == 1, "{:?}", story.files());
}

#[tokio::test]
async fn a_copy_that_goes_through_a_command_is_tried_on_the_way_or_back() {
    let story = Story::with(r#"pipe = ["gzip", "-c"]"#).await;
    let first = story.after(0).await;
    assert!(newest(&first.state).to_string_lossy().ends_with(".db.gzip"));
    let tested = first.state.tested.unwrap();
    assert!(tested.before_pipe && tested.fault.is_none(), "{tested:?}");
    assert!(fs::read(newest(&story.engine.backups().await.unwrap().state)).unwrap().starts_with(b"\x1f\x8b"));

    story.configured("pipe = [\"gzip\", \"-c\"]\nopen = [\"gzip\", \"-dc\"]").await;
    let second = story.after(DAY).await;
    let tested = second.state.tested.clone().unwrap();
    assert!(!tested.before_pipe && tested.fault.is_none(), "{tested:?}");
    fs::write(newest(&second.state), "bit rot").unwrap();
    let third = story.after(DAY - 1).await;
    assert_eq!(third.alarm, None, "not looked at yet");
    story
        .configured("pipe = [\"gzip\", \"-c\"]\nopen = [\"gzip\", \"-dc\"]\nevery = \"96h\"\ntest_every = \"24h\"")
        .await;
    let rotten = story.after(1).await;
    assert_eq!(rotten.alarm.unwrap().code(), "unsound");
    assert!(story.is_clean());
}

#[tokio::test]
async fn a_copy_of_another_record_is_no_copy_to_rely_on() {
    let [story, other] = [Story::with("every = \"96h\"\ntest_every = \"24h\"").await, Story::with("").await];
    let file = story.after(0).await.state.made.unwrap().file;
    // With as many events, and of another key.
    other.after(0).await;
    fs::copy(newest(&other.after(DAY).await.state), &file).unwrap();
    let backups = story.after(DAY).await;
    let Some(BackupAlarm::Unsound { fault: BackupFault::Record { flaw, .. }, .. }) = backups.alarm else {
        panic!("{backups:?}")
    };
    assert!(flaw.contains("Event 1"), "{flaw}");
}

#[tokio::test]
async fn a_finished_file_is_handed_on_and_only_that_is_repeated() {
    let story =
        Story::with(r#"send = ["sh", "-c", "cp \"$1\" PLACE/elsewhere/\"$2\"", "send", "{file}", "{name}"]"#).await;
    let failed = story.after(0).await;
    assert!(
        matches!(fault(&failed), BackupFault::Command { end: CommandEnd::Status(1), said, .. } if said.contains("elsewhere"))
    );
    fs::create_dir(story.place.path().join("elsewhere")).unwrap();
    let sent = story.after(300).await;
    assert!(sent.alarm.is_none() && !sent.state.made.as_ref().unwrap().unsent);
    let name = newest(&sent.state).file_name().unwrap();
    assert!(story.place.path().join("elsewhere").join(name).is_file());
    assert_eq!(story.files().len(), 1, "it is the copy of the first attempt");
}

#[tokio::test]
async fn without_a_folder_nothing_is_made() {
    let place = tempfile::tempdir().unwrap();
    let engine = engine_in(place.path(), Arc::new(Hands(AtomicI64::new(BEGIN))));
    engine.tend_backups().await;
    let backups = engine.backups().await.unwrap();
    assert!(backups.settings.is_none() && backups.alarm.is_none() && backups.state == BackupState::default());
}
