//! The folder of a surface on a host and what health checks ask there: a check of the host says what a run will meet.

use std::process::Command;

use crate::shop::{More, Plan, Shop};

#[tokio::test]
async fn a_folder_of_another_user_is_told_before_and_refused_until_git_is_told() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let host = &shop.hosts[0];
    // The user may write there by its group alone.
    let stage = host.home("stage");
    std::fs::create_dir(&stage).unwrap();
    let group = Command::new("chgrp").arg("--reference").arg(host.home("")).arg(&stage).status();
    let mode = Command::new("chmod").arg("2775").arg(&stage).status();
    assert!(group.unwrap().success() && mode.unwrap().success());
    let (content, said) = shop.check();
    let wrong = "FAIL directory /home/deploy/stage belongs to another user than deploy, and git refuses to work in it";
    assert!(!content && said.contains(wrong), "{said}");
    let first = shop.world.release_of_tag("v1").await;
    shop.world.until(first, "stage_building_failed").await;
    let reason = shop.world.reason(first).await;
    let allow = "git config --global --add safe.directory /home/deploy/stage";
    assert!(reason.contains("git refuses to work there") && reason.contains(allow), "{reason}");
    assert!(!stage.join(".git").exists(), "nothing was made there");

    host.sh(allow);
    let (content, said) = shop.check();
    assert!(content, "{said}");
    shop.deployed("v2").await;
    assert_eq!(host.read("stage/version"), "v2");
}

#[tokio::test]
async fn a_link_to_a_folder_is_a_folder_that_has_one_holder() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let host = &shop.hosts[0];
    host.sh("mkdir real && ln -s real stage");
    let (content, said) = shop.check();
    assert!(content, "{said}");
    let release = shop.world.release_of_tag("v1").await;
    shop.world.until(release, "manual_testing").await;
    assert_eq!(host.read("real/version"), "v1");

    host.sh("ln -s real production");
    let (content, said) = shop.check();
    assert!(!content, "{said}");
    for part in ["are one folder here, /home/deploy/real", "is held by shop on stage"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    shop.world.approve("ann", release).await.ok();
    shop.world.until(release, "rollback_done").await;
    let reason = shop.world.reason(release).await;
    assert!(reason.contains("/home/deploy/production is held by shop on stage"), "{reason}");
    host.sh("rm production && mkdir other && ln -s other production");
    let (content, said) = shop.check();
    assert!(content, "{said}");
    shop.deployed("v2").await;
    assert_eq!((host.read("real/version"), host.read("other/version")), ("v2".into(), "v2".into()));
}

#[tokio::test]
async fn the_address_of_a_health_check_is_tried_as_it_is_on_the_host() {
    let health = "{ url = \"http://{{ host.address }}:8080/{{ release.tag }}\", wait = \"1ms\" }";
    let more = More { surface: &[("health", health)], ..More::default() };
    let Some(shop) = Shop::with(&[Plan::default()], &more).await else { return };
    let host = &shop.hosts[0];
    host.sh("echo 'export RES_OPTIONS=\"timeout:1 attempts:1\"' >.bashrc");
    let (content, said) = shop.check();
    let tried =
        format!("ok forwarding {}:8080 can be asked through the host; nothing answers there now", host.address());
    assert!(content && said.contains(&tried), "{said}");
    host.sh("mkdir www && echo fine >www/v1 && busybox httpd -p 8080 -h ~/www </dev/null >/dev/null 2>&1");
    let release = shop.world.release_of_tag("v1").await;
    shop.world.until(release, "manual_testing").await;

    shop.reconfigure("{{ host.address }}", "{{ host.name }}").await;
    let (content, said) = shop.check();
    let nowhere =
        format!("a health check asks {}:8080 through the host, and the name leads nowhere there", host.name());
    assert!(!content && said.contains(&nowhere), "{said}");
}
