//! Hosts that forget, talk too much, have another time or are two, and health that is asked while they are away.

use std::time::Duration;

use crate::host::Fault;
use crate::shop::{LINES, More, Plan, Shop};
use crate::world::{eventually, peak_memory, within};

#[tokio::test]
async fn a_host_that_lost_the_run_directory_makes_the_run_unknown() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let host = &shop.hosts[0];
    shop.choose("v1 stage deploy deploy");
    let release = shop.world.release_of_tag("v1").await;
    shop.until_line(10).await;
    host.cut(Fault::Down);
    eventually("RMM gives the connection up", async || (!host.is_connected()).then_some(())).await;
    host.sh("rm -rf ~/.rmm");
    host.heal();
    shop.run_in(release, "unknown").await;
    let reason = shop.world.reason(release).await;
    assert!(reason.contains("lost the files of this"), "{reason:?}");
    let deploys = shop.ledger(0).iter().filter(|line| line.starts_with("stage deploy deploy")).count();
    assert_eq!(deploys, 1);
}

#[tokio::test]
async fn of_a_flood_from_a_host_beginning_and_end_are_kept() {
    // 128 MiB, more than RMM may need; a gigabyte with RMM_FAULTS=all.
    let all = std::env::var("RMM_FAULTS").is_ok_and(|value| value == "all");
    let last: u32 = (1 << if all { 26 } else { 23 }) - 1;
    let flood = format!("\"seq -f %015.0f 0 {last}\"");
    let more = More { surface: &[("deploy", &flood)], ..More::default() };
    let Some(shop) = Shop::with(&[Default::default()], &more).await else { return };
    let release = shop.world.release_of_tag("v1").await;
    within(Duration::from_secs(600), "the flood is over", async || {
        (shop.world.status(release).await == "manual_testing").then_some(())
    })
    .await;
    let peak = peak_memory(shop.world.pid());
    assert!(peak < 100, "{peak} MiB");
    let output = shop.world.printed(shop.world.last_run(release).await).await;
    assert!(output.len() <= 17 << 20, "{}", output.len());
    assert!(output.contains(&format!("{:015}\n{:015}\n", 0, 1)), "the beginning is missing");
    assert!(output.contains(" bytes left out …]"));
    assert!(output.contains(&format!("{:015}\n{last:015}\n", last - 1)), "the end is missing");
}

#[tokio::test]
async fn a_clock_that_is_a_day_off_changes_nothing_but_is_told() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let host = &shop.hosts[0];
    std::fs::write(host.home("bin/date"), "#!/bin/sh\nexec /bin/date -d '1 day' \"$@\"\n").unwrap();
    std::fs::set_permissions(host.home("bin/date"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (_, said) = shop.rmm(&format!("host check {}", host.name()), None);
    assert!(said.contains("ahead of RMM's"), "{said}");

    shop.choose("v1 stage deploy deploy");
    let first = shop.world.release_of_tag("v1").await;
    shop.until_line(5).await;
    // What runs left behind long ago, by the host's time.
    host.sh("cd ~/.rmm/shop.stage && token=$(echo */token) && for days in 12 15; do mkdir left-$days && \
         cp $token left-$days/ && touch -d \"$days days ago\" left-$days; done");
    shop.world.until(first, "manual_testing").await;
    shop.world.approve("ann", first).await.ok();
    shop.world.until(first, "deployed").await;
    let second = shop.world.release_of_tag("v2").await;
    shop.world.until(second, "manual_testing").await;
    assert!(host.home(".rmm/shop.stage/left-12").exists());
    assert!(!host.home(".rmm/shop.stage/left-15").exists());
    let ledger = shop.ledger(0);
    assert_eq!(ledger.iter().filter(|line| *line == "production deploy deploy v1").count(), 1, "{ledger:?}");
}

#[tokio::test]
async fn a_run_names_every_host_that_it_waits_for() {
    let Some(shop) = Shop::open(2, &[]).await else { return };
    shop.hosts.iter().for_each(|host| host.cut(Fault::Down));
    let release = shop.world.release_of_tag("v1").await;
    let both = format!("; and for {}", shop.hosts.iter().map(|host| host.name()).max().unwrap());
    let said = shop.waits_for(release, &both).await;
    assert!(shop.hosts.iter().all(|host| said.contains(host.name())), "{said}");
    // Names one of them as long as that one is away.
    shop.hosts[0].heal();
    eventually("the run waits for one host", async || {
        let said = shop.waits_for(release, shop.hosts[1].name()).await;
        (!said.contains(shop.hosts[0].name())).then_some(())
    })
    .await;
    shop.hosts[1].heal();
    shop.world.until(release, "manual_testing").await;
    shop.is_deployed_once();
}

#[tokio::test]
async fn what_one_host_refuses_for_good_does_not_wait_for_another() {
    let Some(shop) = Shop::open(2, &[]).await else { return };
    std::fs::write(shop.hosts[0].home(".rmm"), "no directory").unwrap();
    shop.hosts[1].cut(Fault::Down);
    let release = shop.world.release_of_tag("v1").await;
    shop.run_in(release, "failed").await;
    let reason = shop.world.reason(release).await;
    assert!(reason.contains(shop.hosts[0].name()) && reason.contains("cannot be made"), "{reason:?}");
    assert!((0..2).all(|host| shop.ledger(host).is_empty()));
}

#[tokio::test]
async fn health_by_url_outlives_a_cable_and_rmm() {
    let health = "{ url = \"http://127.0.0.1:8080/ok\", via = \"host\", wait = \"1ms\", interval = \"100ms\", \
                  attempts = 500 }";
    let more = More { surface: &[("health", health)], ..More::default() };
    let Some(shop) = Shop::with(&[Default::default()], &more).await else { return };
    let host = &shop.hosts[0];
    host.sh("mkdir www && busybox httpd -p 127.0.0.1:8080 -h ~/www </dev/null >/dev/null 2>&1");
    let release = shop.world.release_of_tag("v1").await;
    let asked = async |what: &str, at_least: usize| {
        eventually(what, async || {
            let runs = shop.world.runs(release).await;
            let printed = shop.world.printed(runs.first()?["id"].as_i64()?).await;
            let count = printed.matches("rmm: attempt ").count();
            (count >= at_least).then_some(count)
        })
        .await
    };
    let count = asked("health is asked", 3).await;
    host.cut(Fault::Down);
    shop.waits_for(release, host.name()).await;
    host.heal();
    let count = asked("health is asked again after the cable", count + 3).await;
    shop.world.restart_after_kill().await;
    asked("health is asked again after the kill", count + 3).await;
    host.sh("echo fine > www/ok");
    shop.world.until(release, "manual_testing").await;
    shop.is_deployed_once();
    let printed = shop.world.printed(shop.world.last_run(release).await).await;
    assert_eq!(printed.matches(": well, ").count(), 1, "{printed}");
}

#[tokio::test]
async fn the_output_of_a_login_shell_is_in_no_log() {
    let plan = Plan { host: &[("RMM_HOST_SHELL", "/bin/bash")], ..Plan::default() };
    let Some(shop) = Shop::with(&[plan], &More::default()).await else { return };
    let host = &shop.hosts[0];
    let greeting = "for i in 1 2 3 4 5 6 7 8; do echo Welcome $i; sleep 0.01; done\n";
    std::fs::write(host.home(".bashrc"), greeting).unwrap();
    shop.choose("v1 stage deploy deploy");
    let release = shop.world.release_of_tag("v1").await;
    shop.until_line(10).await;
    shop.world.restart_after_kill().await;
    shop.world.until(release, "manual_testing").await;
    let mut printed = String::new();
    for run in shop.world.runs(release).await {
        printed += &shop.world.printed(run["id"].as_i64().unwrap()).await;
    }
    for number in 1..=LINES {
        let line = format!("line {number} of stage deploy deploy\n");
        assert_eq!(printed.matches(&line).count(), 1, "{printed}");
    }
    assert!(!printed.contains("Welcome"), "{printed}");
}
