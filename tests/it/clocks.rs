//! The clock on the wall is set while RMM is down: work goes on, and no time limit takes it for time that has passed.
//! The library `faketime` sets the clock; without it the stories are skipped, with a word.

use std::path::PathBuf;

use crate::world::{Setup, World, eventually};

/// Notes itself, and is at work as long as the file `hold` is there.
const DEPLOY: &str =
    "echo $RMM_ENVIRONMENT $RMM_RUN_KIND $RMM_TAG >> ../ledger; while [ -e ../hold ]; do sleep 0.02; done";

/// A world with a clock that reads `clock` (such as `+1h`), or none where the library is missing.
fn world() -> Option<World> {
    let library = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|machine| PathBuf::from(format!("/usr/lib/{machine}/faketime/libfaketime.so.1")))
        .into_iter()
        .find(|path| path.exists());
    let Some(library) = library else {
        eprintln!("SKIPPED: libfaketime is not installed, so no clock was set");
        return None;
    };
    let file = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
    let setup = Setup::new()
        .without_migrations()
        .surface("deploy", DEPLOY)
        .surface("step_timeout", "30m")
        .variable("LD_PRELOAD", library.display().to_string())
        .variable("FAKETIME_TIMESTAMP_FILE", file.display().to_string())
        .variable("FAKETIME_NO_CACHE", "1")
        .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let w = World::without_rmm(setup);
    w.write("clock", &file.display().to_string());
    Some(w)
}

fn set(w: &World, clock: &str) {
    let file = std::fs::read_to_string(w.path("clock")).unwrap();
    std::fs::write(file, format!("{clock}\n")).unwrap();
}

#[tokio::test]
async fn a_clock_that_is_set_holds_nothing_up_and_ends_nothing_early() {
    let Some(w) = world() else { return };
    let mut number = 0;
    for (before, after) in [("+1h", "+0"), ("+0", "+1d"), ("+1d", "-2d")] {
        set(&w, before);
        w.start().await;
        number += 1;
        let tag = format!("v{number}");
        w.write("hold", "");
        let release = w.release(&tag).await;
        let begun = format!("stage deploy {tag}");
        eventually("the step is at work", async || w.ledger().contains(&begun).then_some(())).await;
        w.kill();
        set(&w, after);
        w.start().await;
        w.remove("hold");
        w.until(release, "manual_testing").await;
        w.approve("ann", release).await.ok();
        w.until(release, "deployed").await;
        w.quiet().await;
        assert_eq!(w.ledger().iter().filter(|line| **line == begun).count(), 1);
        w.kill();
    }
    let file = std::fs::read_to_string(w.path("clock")).unwrap();
    std::fs::remove_file(file).unwrap();
}
