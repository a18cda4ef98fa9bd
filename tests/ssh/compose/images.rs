//! Images of earlier versions go, others stay, and a deploy that has no room is refused before it touches anything.

use super::site::{Site, Stage, failed};
use crate::host::Host;

#[tokio::test]
async fn images_of_the_versions_that_count_stay_and_those_of_others_are_not_touched() {
    prunes(|config| config).await;
}

#[tokio::test]
async fn so_it_is_where_the_builder_does_not_mark_its_images() {
    prunes(|config| config.replace("env = { ", "env = { DOCKER_BUILDKIT = \"0\", ")).await;
}

async fn prunes(change: impl FnOnce(String) -> String) {
    let Some(host) = Host::up_with_docker() else { return };
    let site = Site::with(vec![host], Stage::Nowhere, change).await;
    let host = &site.hosts[0];
    host.sh(
        "mkdir foreign; cp /bin/busybox foreign; cd foreign; printf 'FROM scratch\\nCOPY busybox /\\n' >Dockerfile; \
         docker build -q -t foreign . >/dev/null; echo 'LABEL again=1' >>Dockerfile; docker build -q -t foreign . >/dev/null",
    );
    let images = || {
        let all = host.sh("docker images --no-trunc --format '{{.ID}} {{.Repository}}'");
        let foreign = all.lines().filter(|line| line.ends_with("foreign") || line.ends_with("<none>")).count();
        let mut web: Vec<_> = all.lines().filter(|line| line.ends_with("-web")).map(ToOwned::to_owned).collect();
        web.sort();
        web.dedup();
        (foreign, web)
    };
    let mut seen = Vec::new();
    for tag in ["v1", "v2", "v3", "v4"] {
        site.tag(tag, &[]);
        site.deployed(tag).await;
        let (foreign, web) = images();
        assert_eq!(foreign, 2, "{tag}: those of others stay, with a name or without");
        seen.push(web);
    }
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2, 2]);
    assert!(seen[3].iter().any(|image| seen[2].contains(image)), "v3 can be gone back to");
}

#[tokio::test]
async fn without_room_nothing_is_touched() {
    let Some(host) = Host::up_with_docker() else { return };
    let little =
        |config: String| config.replace("recipe = \"compose\"", "recipe = \"compose\"\nmin_free = \"1000000 TB\"");
    let site = Site::with(vec![host], Stage::OnHosts(1), little).await;
    site.tag("v1", &[]);
    let release = site.world.release_of_tag("v1").await;
    site.world.until(release, "stage_building_failed").await;
    let run = site.run(release, "stage", "deploy").await;
    let step = failed(&run);
    assert_eq!(step["kind"], "fetch");
    let printed = site.printed(&run, step).await;
    assert!(printed.contains("The disk of /home/deploy/stage has ") && printed.contains("min_free"), "{printed}");
    assert!(!site.hosts[0].home("stage").exists());
}
