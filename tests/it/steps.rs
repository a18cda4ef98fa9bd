//! Steps that do not do what one wants: missing commands, too much output, output that is no text, processes that do
//! not end and ones that stay behind. Each ends in the right status, with a sentence that a person understands.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::world::{Setup, World, alive, end_process, eventually, peak_memory, within};

/// A service of one step, without migrations.
fn one_step(deploy: &str) -> Setup {
    Setup::new().without_migrations().surface("deploy", deploy)
}

#[tokio::test]
async fn a_command_that_is_not_there_is_told_as_such() {
    let world = World::new(one_step("no-such-command --now")).await;
    let release = world.release("v1").await;
    world.until(release, "stage_building_failed").await;
    let reason = world.reason(release).await;
    assert!(
        reason.starts_with("deploy of app on stage failed: a command was not found (exit status 127): "),
        "{reason}"
    );
    assert!(reason.contains("no-such-command"), "{reason}");
    let run = world.last_run(release).await;
    assert!(world.printed(run).await.contains("no-such-command"));
    let run = world.operator().get(&format!("/api/v1/runs/{run}")).await.ok();
    assert_eq!((&run["state"], &run["steps"][0]["exit"]), (&json!("failed"), &json!(127)));
}

#[tokio::test]
async fn a_failure_that_is_well_known_is_told_with_what_mostly_helps() {
    let deploy = "echo 'Error: listen EADDRINUSE: address already in use :::3000' >&2; exit 1";
    let world = World::new(one_step(deploy)).await;
    let release = world.release("v1").await;
    world.until(release, "stage_building_failed").await;
    let reason = world.reason(release).await;
    assert!(reason.contains("address already in use :::3000 (probably another program has the port"), "{reason}");
    let run = world.operator().get(&format!("/api/v1/runs/{}", world.last_run(release).await)).await.ok().to_string();
    assert!(run.contains("port_taken"), "{run}");
    // A health check that does not pass: the surface's own logs tell.
    let setup = one_step("true").surface("health.command", "false").surface("health.wait", "0s");
    let setup = setup.surface("health.attempts", 1);
    let world =
        World::new(setup.surface("logs", "echo 'FATAL: password authentication failed for user \"shop\"'")).await;
    let release = world.release("v1").await;
    world.until(release, "stage_building_failed").await;
    let reason = world.reason(release).await;
    assert!(reason.contains("(probably the database refuses the user or the password)"), "{reason}");
}

#[tokio::test]
async fn where_nothing_tells_that_a_surface_is_well_the_record_of_the_first_release_says_so() {
    let checked = one_step("true").surface("health.command", "true").surface("health.wait", "0s");
    for (setup, told) in [(one_step("true"), true), (checked, false)] {
        let world = World::new(setup).await;
        let release = world.release("v1").await;
        world.until(release, "manual_testing").await;
        let events = world.operator().get(&format!("/api/v1/releases/{release}/events")).await.ok().to_string();
        assert_eq!(events.contains("nothing_tells"), told, "{events}");
    }
}

#[tokio::test]
async fn what_was_open_when_rmm_started_is_not_open_to_steps() {
    let place = tempfile::tempdir().unwrap();
    let open = std::fs::File::create(place.path().join("open-to-nobody")).unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    let world = World::new(one_step("ls -l /proc/self/fd /proc/$$/fd /proc/$PPID/fd")).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let printed = world.printed(world.last_run(release).await).await;
    assert!(printed.contains("0 ->") && !printed.contains("open-to-nobody"), "{printed}");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_told_as_such() {
    let world = World::new(one_step("true").surface("directory", "nowhere")).await;
    let release = world.release("v1").await;
    world.until(release, "stage_building_failed").await;
    let reason = world.reason(release).await;
    let start = "deploy of app on stage failed: a command could not be executed (exit status 126): the directory ";
    assert!(reason.starts_with(start) && reason.contains("nowhere cannot be entered"), "{reason}");
}

#[tokio::test]
async fn a_step_that_is_killed_is_told_as_such() {
    let world = World::new(one_step("kill -s KILL $$")).await;
    let release = world.release("v1").await;
    world.until(release, "stage_building_failed").await;
    let reason = world.reason(release).await;
    let killed = "deploy of app on stage was killed by signal 9 (exit status 137)";
    assert_eq!(reason, format!("{killed} (probably it ran out of memory, and `dmesg` names what was killed)"));
}

#[tokio::test]
async fn output_that_is_no_text_is_kept_byte_for_byte() {
    let world = World::new(one_step("head -c 3000000 /dev/urandom > ../bytes; cat ../bytes; cat ../bytes >&2")).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let bytes = std::fs::read(world.path("bytes")).unwrap();
    let output = world.output(world.last_run(release).await).await;
    assert_eq!(output.len(), 6_000_000);
    assert!(output == [bytes.clone(), bytes].concat());
}

#[tokio::test]
async fn of_a_gigabyte_of_output_beginning_and_end_are_kept() {
    let mib = 1024;
    // Each line of 16 bytes tells its own number.
    let flood = format!("seq -f %015.0f 0 {}", mib * 65536 - 1);
    let world = World::new(one_step(&flood)).await;
    let release = world.release("v1").await;
    within(Duration::from_secs(600), "the flood is over", async || {
        (world.status(release).await == "manual_testing").then_some(())
    })
    .await;
    let peak = peak_memory(world.pid());
    assert!(peak < 100, "{peak} MiB");

    let output = world.output(world.last_run(release).await).await;
    let line = |number: usize| format!("{number:015}\n");
    let head: String = (0..65536).map(line).collect();
    assert!(output.starts_with(head.as_bytes()), "the first 1 MiB is not whole");
    let rest = String::from_utf8_lossy(&output[1 << 20..]).into_owned();
    let (marker, tail) = rest.trim_start_matches('\n').split_once('\n').unwrap();
    let dropped: usize = marker
        .trim_start_matches("[… ")
        .trim_end_matches(" bytes left out …]")
        .parse()
        .unwrap_or_else(|_| panic!("{marker}"));
    assert_eq!((1 << 20) + dropped + tail.len(), mib << 20, "{marker}");
    assert!(tail.len() <= 15 << 20 && tail.len() > (15 << 20) - (64 << 10), "{}", tail.len());
    assert!(tail.ends_with(&line(mib * 65536 - 1)), "the end is missing");
    let whole = &tail[tail.len() % 16..];
    let first = mib * 65536 - whole.len() / 16;
    assert!(whole.as_bytes().chunks(16).zip(first..).all(|(found, number)| found == line(number).as_bytes()));
}

/// Ten seconds lie between RMM's TERM and KILL.
#[tokio::test]
async fn a_step_that_ignores_sigterm_is_killed() {
    let world = World::new(one_step("trap '' TERM; echo $$ > ../pid; while :; do sleep 600; done")).await;
    let release = world.release("v1").await;
    let step = world.process("pid").await;
    let why = json!({ "reason": "the wrong tag" });
    world.operator().post(&format!("/api/v1/releases/{release}/cancel"), &why).await.ok();
    eventually("the release is cancelled", async || (world.status(release).await == "cancelled").then_some(())).await;
    assert!(!alive(step));
    assert_eq!(world.reason(release).await, "cancelled by operator: the wrong tag");
    world.quiet().await;
}

#[tokio::test]
async fn a_cancel_goes_on_when_rmm_is_killed_in_the_middle_of_it() {
    let world = World::new(one_step("echo $$ > ../pid; trap 'sleep 0.3; exit 3' TERM; sleep 600 & wait")).await;
    let release = world.release("v1").await;
    let step = world.process("pid").await;
    let why = json!({ "reason": "the wrong tag" });
    world.operator().post(&format!("/api/v1/releases/{release}/cancel"), &why).await.ok();
    world.restart_after_kill().await;
    eventually("the release is cancelled", async || (world.status(release).await == "cancelled").then_some(())).await;
    assert!(!alive(step));
    world.quiet().await;
    world.is_sound().await;
}

/// Makes a command one that may run a script which has not been read.
const WATCHED: &str = "[ -z \"$NONE\" ] || ./none; ";

#[tokio::test]
async fn a_cancelled_step_is_ended_with_all_its_children() {
    for watched in ["", WATCHED] {
        let command = "trap 'echo >../cleaned; exit 1' TERM; sleep 600 & echo $! > ../child; echo $$ > ../pid; wait";
        let world = World::new(one_step(&format!("{watched}{command}"))).await;
        let release = world.release("v1").await;
        let (child, step) = (world.process("child").await, world.process("pid").await);
        let why = json!({ "reason": "the wrong tag" });
        world.operator().post(&format!("/api/v1/releases/{release}/cancel"), &why).await.ok();
        eventually("the release is cancelled", async || (world.status(release).await == "cancelled").then_some(()))
            .await;
        assert!(!alive(child) && !alive(step));
        assert!(world.path("cleaned").exists(), "it could clear up after itself");
    }
}

#[tokio::test]
async fn a_step_that_leaves_a_child_behind_ends_at_once() {
    for watched in ["", WATCHED] {
        let command = "sleep 600 & echo $! > ../child; echo started";
        let world = World::new(one_step(&format!("{watched}{command}"))).await;
        let release = world.release("v1").await;
        world.until(release, "manual_testing").await;
        let child = world.process("child").await;
        let lives = alive(child);
        end_process(child);
        assert!(lives, "what the step has started was ended with it");
        assert_eq!(world.printed(world.last_run(release).await).await, "started\n");
    }
}

#[tokio::test]
async fn a_step_over_its_time_limit_is_ended() {
    let world =
        World::new(one_step("echo $$ > ../pid; echo working; sleep 600").surface("step_timeout", "500ms")).await;
    let release = world.release("v1").await;
    world.until(release, "stage_building_failed").await;
    let reason = world.reason(release).await;
    assert_eq!(reason, "deploy of app on stage was over its time limit and has been ended");
    assert!(!alive(world.process("pid").await));
    let printed = world.printed(world.last_run(release).await).await;
    assert_eq!(printed, "working\nrmm: the step was over its time limit and has been ended\n");
}

/// It is ended first; of what it has written, its host keeps no more than can be read soon.
#[tokio::test]
async fn a_step_that_writes_without_end_is_ended_in_time_and_fills_no_disk() {
    for timeout in [true, false] {
        let flood = "echo $$ > ../pid; exec yes 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
        let setup = one_step(flood);
        let world = World::new(if timeout { setup.surface("step_timeout", "5s") } else { setup }).await;
        let release = world.release("v1").await;
        let (step, run) = (world.process("pid").await, world.last_run(release).await);
        let parts = || {
            let found =
                std::process::Command::new("find").arg(world.run_directories()).args(["-name", "out*"]).output();
            String::from_utf8(found.unwrap().stdout).unwrap().lines().map(std::path::PathBuf::from).collect::<Vec<_>>()
        };
        // It has gone beyond what is kept.
        eventually("its beginning and its end are apart", async || {
            let parts = parts();
            let first = parts.iter().filter_map(|part| part.extension()?.to_str()?.parse().ok()).min();
            (first > Some(16 << 20) || !alive(step)).then_some(())
        })
        .await;
        let kept: u64 = parts().iter().filter_map(|part| Some(part.metadata().ok()?.len())).sum();
        assert!(kept < 27 << 20, "{kept}");
        if !timeout {
            let why = json!({ "reason": "the wrong tag" });
            world.operator().post(&format!("/api/v1/releases/{release}/cancel"), &why).await.ok();
        }
        let status = if timeout { "stage_building_failed" } else { "cancelled" };
        eventually("it has ended", async || (world.status(release).await == status).then_some(())).await;
        assert!(!alive(step));
        let output = world.output(run).await;
        assert!(output.starts_with(b"0123456789abcdef") && output.len() < 17 << 20, "{}", output.len());
        assert!(String::from_utf8_lossy(&output).contains(" bytes left out …]"));
        world.quiet().await;
    }
}

/// As if the step at work had a limit that is over by now: how long it has been at work, its host tells.
fn its_limit_is_over(world: &World) {
    let conn = Connection::open(world.database()).unwrap();
    let shorter = "UPDATE steps SET action = json_set(action, '$.timeout.secs', 0) WHERE state LIKE '%running%'";
    assert_eq!(conn.execute(shorter, []).unwrap(), 1);
}

/// RMM was dead for longer than the limit; the step was not at work that long.
#[tokio::test]
async fn a_step_that_ended_in_time_while_rmm_was_dead_has_ended_well() {
    let world = World::new(one_step("echo $$ > ../pid; while test ! -e ../go; do sleep 0.02; done; echo done")).await;
    let release = world.release("v1").await;
    let step = world.process("pid").await;
    world.kill();
    world.write("go", "");
    eventually("the step has ended", async || (!alive(step)).then_some(())).await;
    its_limit_is_over(&world);
    world.start().await;
    world.until(release, "manual_testing").await;
    assert_eq!(world.printed(world.last_run(release).await).await, "done\n");
}

/// The other side of the same: it is still at work, and over its limit.
#[tokio::test]
async fn a_step_that_went_over_its_limit_while_rmm_was_dead_is_ended() {
    let world = World::new(one_step("echo $$ > ../pid; sleep 600")).await;
    let release = world.release("v1").await;
    let step = world.process("pid").await;
    world.kill();
    its_limit_is_over(&world);
    world.start().await;
    world.until(release, "stage_building_failed").await;
    assert!(world.reason(release).await.contains("over its time limit"));
    assert!(!alive(step));
}

#[tokio::test]
async fn a_run_whose_files_are_lost_is_unknown_and_a_person_decides() {
    let world = World::new(one_step("echo $$ > ../pid; while test ! -e ../go; do sleep 0.02; done")).await;
    let release = world.release("v1").await;
    let step = world.process("pid").await;
    let run = world.last_run(release).await;
    world.kill();
    std::fs::remove_dir_all(world.run_directories()).unwrap();
    world.write("go", "");
    eventually("the step has ended", async || (!alive(step)).then_some(())).await;
    world.start().await;
    let path = format!("/api/v1/runs/{run}");
    let shown = eventually("the run is unknown", async || {
        Some(world.operator().get(&path).await.ok()).filter(|run| run["state"] == "unknown")
    })
    .await;
    let reason = shown["reason"].as_str().unwrap();
    for part in ["has lost the run directory", "`[local]`", "cannot be known"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(world.status(release).await, "stage_building");

    let found = json!({ "verdict": "succeeded", "reason": "I looked: it runs" });
    world.operator().post(&format!("{path}/resolve"), &found).await.ok();
    world.until(release, "manual_testing").await;
    world.operator().post(&format!("{path}/resolve"), &found).await.refused(409, "nothing_to_resolve");
}

#[tokio::test]
async fn a_watcher_that_was_killed_leaves_an_unknown_run() {
    let world =
        World::new(one_step("echo $$ > ../pid; echo $PPID > ../watcher; while test ! -e ../go; do sleep 0.02; done"))
            .await;
    let release = world.release("v1").await;
    let (step, watcher) = (world.process("pid").await, world.process("watcher").await);
    end_process(watcher);
    end_process(step);
    let run = world.last_run(release).await;
    let shown = eventually("the run is unknown", async || {
        Some(world.operator().get(&format!("/api/v1/runs/{run}")).await.ok()).filter(|run| run["state"] == "unknown")
    })
    .await;
    let reason = shown["reason"].as_str().unwrap();
    assert!(reason.contains("cannot be judged") && reason.contains("was killed"), "{reason}");

    // Run it again: a new run.
    world.write("go", "");
    let again = json!({ "verdict": "again", "reason": "I looked: nothing happened" });
    let new = world.operator().post(&format!("/api/v1/runs/{run}/resolve"), &again).await.ok();
    assert_ne!(new["id"], run);
    world.until(release, "manual_testing").await;
}

#[tokio::test]
async fn a_way_back_that_fails_offers_what_an_admin_can_do_about_it() {
    let fails = "test $RMM_ENVIRONMENT != production || test ! -e ../broken";
    let world = World::new(one_step(fails)).await;
    world.deployed("v1").await;
    let second = world.release("v2").await;
    world.until(second, "manual_testing").await;
    world.write("broken", "");
    world.approve("ann", second).await.ok();
    world.until(second, "rollback_failed").await;
    let shown = world.show(second).await;
    let run = world.service().await["production"]["dirty"]["run"].as_i64().unwrap();
    assert_eq!((&shown["legal"], &shown["to_resolve"]), (&json!(["resolve"]), &json!([run])));

    world.remove("broken");
    let again = json!({ "verdict": "again", "reason": "there was a file in the way" });
    world.operator().post(&format!("/api/v1/runs/{run}/resolve"), &again).await.ok();
    world.quiet().await;
    let shown = world.show(second).await;
    assert_eq!((&shown["legal"], &shown["to_resolve"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn a_failed_deploy_to_production_goes_back_and_the_first_one_cannot() {
    let fails = "test $RMM_ENVIRONMENT != production || test ! -e ../broken";
    let world = World::new(one_step(fails)).await;
    world.write("broken", "");
    let first = world.release("v1").await;
    world.until(first, "manual_testing").await;
    world.approve("ann", first).await.ok();
    world.until(first, "rollback_failed").await;
    let reason = world.reason(first).await;
    assert_eq!(
        reason,
        "deploy of app on production failed with exit status 1; there was nothing to go back to: the first release"
    );
}

#[tokio::test]
async fn a_candidate_that_waits_for_a_dirty_stage_says_so() {
    let world = World::new(one_step("test $RMM_ENVIRONMENT = production || test ! -e ../broken")).await;
    world.deployed("v1").await;
    world.write("broken", "");
    let bad = world.release("v2").await;
    world.until(bad, "stage_building_failed").await;
    world.quiet().await;
    let run = world.service().await["stage"]["dirty"]["run"].as_i64().unwrap();
    let next = world.release("v3").await;
    let reason = world.reason(next).await;
    assert!(reason.contains("stage") && reason.contains(&format!("`resolve` of run {run}")), "{reason}");
}

#[tokio::test]
async fn a_way_back_that_fails_makes_stage_dirty_until_an_admin_has_repaired_it() {
    // v2 cannot be deployed to stage; and while the file is there, v1 cannot be brought back.
    let deploy = r#"echo $RMM_ENVIRONMENT $RMM_RUN_KIND $RMM_TAG >> ../ledger
        test $RMM_ENVIRONMENT = production || { test $RMM_TAG != v2 && test ! -e ../broken; }"#;
    let world = World::new(one_step(deploy)).await;
    world.deployed("v1").await;
    world.write("broken", "");
    let bad = world.release("v2").await;
    world.until(bad, "stage_building_failed").await;
    world.quiet().await;
    let dirty = world.service().await["stage"]["dirty"].clone();
    assert_eq!(dirty["reason"], "deploy of app on stage failed with exit status 1", "{dirty}");
    let run = dirty["run"].as_i64().unwrap();

    // The next candidate waits, also when RMM starts anew.
    let next = world.release("v3").await;
    world.quiet().await;
    assert_eq!(world.status(next).await, "initiated");
    world.restart_after_kill().await;
    world.quiet().await;
    assert_eq!(world.status(next).await, "initiated");

    // Saying that it failed repairs nothing; another try fails again.
    let path = |run: i64| format!("/api/v1/runs/{run}/resolve");
    world.operator().post(&path(run), &json!({ "verdict": "failed" })).await.refused(409, "nothing_to_resolve");
    let again = world.operator().post(&path(run), &json!({ "verdict": "again" })).await.ok();
    world.quiet().await;
    let dirty = world.service().await["stage"]["dirty"].clone();
    assert_eq!(dirty["run"], again["id"], "{dirty}");
    assert_eq!(world.status(next).await, "initiated");

    world.remove("broken");
    world.operator().post(&path(again["id"].as_i64().unwrap()), &json!({ "verdict": "again" })).await.ok();
    world.until(next, "manual_testing").await;
    assert!(world.service().await["stage"]["dirty"].is_null());
    assert_eq!(world.service().await["stage"]["runs"]["tag"], "v3");
}
