//! RMM's clock on the wall is set under a step that is at work on a host: while RMM is down, and while it looks on.
//! The library `faketime` sets the clock; without it the story is skipped, with a word.

use std::path::{Path, PathBuf};

use crate::host::{Fault, Host};
use crate::shop::{More, Plan, Shop};
use crate::world::{Setup, eventually};

fn library() -> Option<PathBuf> {
    ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|machine| PathBuf::from(format!("/usr/lib/{machine}/faketime/libfaketime.so.1")))
        .into_iter()
        .find(|path| path.exists())
}

/// The file that RMM's clock is read from.
fn clock(host: &Host) -> PathBuf {
    host.home("../../clock")
}

/// RMM's clock is what the file says.
fn with_clock(host: &Host, setup: &mut Setup) -> String {
    let show = |path: &Path| path.display().to_string();
    std::fs::write(clock(host), "+0\n").unwrap();
    for (name, value) in [
        ("LD_PRELOAD", show(&library().unwrap())),
        ("FAKETIME_TIMESTAMP_FILE", show(&clock(host))),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ] {
        setup.variables.push((name.into(), value));
    }
    format!("key = \"file:{}\"", host.key_path())
}

#[tokio::test]
async fn a_clock_that_is_set_ends_no_step_on_a_host_and_loses_none() {
    if library().is_none() {
        return eprintln!("SKIPPED: libfaketime is not installed, so no clock was set");
    }
    let plan = Plan { login: Some(with_clock), ..Plan::default() };
    let more = More { surface: &[("step_timeout", "\"30m\"")], ..More::default() };
    let Some(shop) = Shop::with(&[plan], &more).await else { return };
    let host = &shop.hosts[0];
    let set = |time: &str| std::fs::write(clock(host), format!("{time}\n")).unwrap();
    // Longer than a step may take, and then than a run may; back before all that the database knows.
    for (tag, time, restart) in [("v1", "+1h", true), ("v2", "+5h", false), ("v3", "-1d", true)] {
        std::fs::write(host.home("lines"), "1000000").unwrap();
        host.sh("rm -f progress");
        shop.choose(&format!("{tag} stage deploy deploy"));
        let release = shop.world.release_of_tag(tag).await;
        shop.until_line(5).await;
        if restart {
            shop.world.kill();
            set(time);
            shop.world.start().await;
        } else {
            set(time);
            host.cut(Fault::Rst);
        }
        let followed = shop.progress() + 1;
        let line = format!("line {followed} of stage deploy deploy\n");
        eventually("the step is followed", async || {
            let run = shop.world.last_run(release).await;
            shop.world.printed(run).await.contains(&line).then_some(())
        })
        .await;
        std::fs::write(host.home("lines"), "0").unwrap();
        shop.goes_live(release).await;
        let deploys = shop.ledger(0).into_iter().filter(|line| *line == format!("stage deploy deploy {tag}")).count();
        assert_eq!(deploys, 1, "{:?}", shop.ledger(0));
    }
    shop.world.is_sound().await;
}
