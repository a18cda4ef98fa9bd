//! What can go wrong with containers, one after the other, in production: each time it is named, and production is as it
//! was before.

use serde_json::json;

use super::site::{Site, Stage, failed, named, well};
use crate::host::{Fault, Host};
use crate::world::eventually;

/// One thing that goes wrong.
struct Trouble<'a> {
    /// What is different in the version.
    change: (&'a str, &'a str),
    /// The kind of the step that fails.
    step: &'a str,
    /// What its sentence contains.
    reason: &'a str,
    /// What its output contains.
    says: &'a str,
}

/// Production runs v1, and each trouble comes with a version of its own.
async fn production_survives(site: &Site, troubles: &[Trouble<'_>]) {
    site.tag("v1", &[]);
    site.deployed("v1").await;
    let before = site.state(0, "production");
    assert_eq!((before.schema.as_str(), before.answer.as_str()), ("v1", "v1"));
    for (number, trouble) in (2..).zip(troubles) {
        let tag = format!("v{number}");
        site.tag(&tag, &[trouble.change]);
        let release = site.approved(&tag).await;
        site.world.until(release, "rollback_done").await;
        site.world.quiet().await;

        let run = site.run(release, "production", "deploy").await;
        let step = failed(&run);
        assert_eq!(step["kind"], trouble.step, "{tag}: {run:#}");
        let reason = site.world.reason(release).await;
        let step_name = if trouble.step == "health" { "health check" } else { trouble.step };
        let named = named(step_name, "production", &site.hosts[0]);
        assert!(reason.starts_with(&named) && reason.contains(trouble.reason), "{tag}: {reason}");
        let printed = site.printed(&run, step).await;
        assert!(printed.contains(trouble.says), "{tag}: {printed}");
        assert_eq!(site.state(0, "production"), before, "{tag}: {}", trouble.reason);
    }
}

#[tokio::test]
async fn what_docker_compose_cannot_start_is_taken_back() {
    let Some(site) = Site::open(1, Stage::Nowhere).await else { return };
    site.hosts[0].sh("busybox httpd -p 9009");
    let unbuildable = format!("{}COPY nothing-of-that-name /\n", well("Dockerfile"));
    let taken = well("docker-compose.yml").replace("ports: [", "ports: [\"9009:81\", ");
    let troubles = [
        Trouble {
            change: ("Dockerfile", &unbuildable),
            step: "deploy",
            reason: "exit status",
            says: "nothing-of-that-name",
        },
        Trouble {
            change: ("docker-compose.yml", ""),
            step: "deploy",
            reason: "exit status",
            says: "no configuration file",
        },
        Trouble {
            change: ("docker-compose.yml", &taken),
            step: "deploy",
            reason: "exit status",
            says: "address already in use",
        },
    ];
    production_survives(&site, &troubles).await;
}

#[tokio::test]
async fn what_starts_and_is_not_well_is_taken_back() {
    let Some(site) = Site::open(1, Stage::Nowhere).await else { return };
    let troubles = [
        Trouble {
            change: ("start", "echo 'no database' >&2\nexit 3\n"),
            step: "health",
            reason: "takes no connection: Connection refused",
            says: "no database",
        },
        Trouble { change: ("start", "exec busybox sleep 1000\n"), step: "health", reason: "", says: "attempt 6 of 6" },
        Trouble {
            change: ("health", "#!/bin/sh\nexec busybox sleep 1000\n"),
            step: "health",
            reason: "did not answer within 1 s",
            says: "starts in production",
        },
    ];
    production_survives(&site, &troubles).await;
}

#[tokio::test]
async fn a_host_without_docker_says_so() {
    let Some(host) = Host::up_with_variables(&[("RMM_HOST_SSHD", "SetEnv PATH=/home/deploy/bin")]) else { return };
    host.sh(
        "mkdir bin; for name in sh setsid tail dd mkfifo mkdir ln wc rm rmdir mv chmod sleep kill cat echo test printf git grep \
         sed sort tee touch; do ln -s $(command -v -p $name || echo /bin/$name) bin/$name; done",
    );
    let site = Site::on(vec![host], Stage::OnHosts(1)).await;
    site.tag("v1", &[]);
    let release = site.world.release_of_tag("v1").await;
    site.world.until(release, "stage_building_failed").await;
    let named = named("deploy", "stage", &site.hosts[0]) + "failed: a command was not found";
    let reason = site.world.reason(release).await;
    assert!(reason.starts_with(&named), "{reason}");
    let run = site.run(release, "stage", "deploy").await;
    let printed = site.printed(&run, failed(&run)).await;
    assert!(printed.contains("docker"), "{printed}");
}

#[tokio::test]
async fn when_docker_dies_nothing_can_go_back_until_it_is_there_again() {
    let Some(site) = Site::open(1, Stage::Nowhere).await else { return };
    site.tag("v1", &[]);
    site.deployed("v1").await;
    let before = site.state(0, "production");
    let slow = format!("{}RUN [\"/bin/busybox\", \"sleep\", \"1000\"]\n", well("Dockerfile"));
    site.tag("v2", &[("Dockerfile", &slow)]);
    let release = site.approved("v2").await;
    site.until_printed(release, "deploy", "RUN [").await;
    site.hosts[0].cut(Fault::NoDocker);
    site.world.until(release, "rollback_failed").await;
    site.world.quiet().await;

    let deploy = site.run(release, "production", "deploy").await;
    assert_eq!(failed(&deploy)["kind"], "deploy");
    let back = site.run(release, "production", "rollback").await;
    let step = failed(&back);
    assert_eq!(step["kind"], "deploy");
    let printed = site.printed(&back, step).await;
    assert!(printed.contains("Cannot connect to the Docker daemon"), "{printed}");
    let reason = site.world.reason(release).await;
    assert!(reason.starts_with(&named("deploy", "production", &site.hosts[0])), "{reason}");
    assert_eq!(site.migrations(), ["up v1 by v1", "up v2 by v2", "down v2 by v2"]);

    site.hosts[0].cut(Fault::Reboot);
    let resolve = format!("/api/v1/runs/{}/resolve", back["id"]);
    let again = json!({ "verdict": "again", "reason": "docker is there again" });
    site.world.person("ann").await.post(&resolve, &again).await.ok();
    eventually("production is repaired", async || {
        let last = site.run(release, "production", "rollback").await;
        (last["id"] != back["id"] && last["state"] == "succeeded").then_some(())
    })
    .await;
    let after = site.state(0, "production");
    assert_eq!((&after.code, &after.schema, &after.answer), (&before.code, &before.schema, &before.answer));
    assert_eq!(site.migrations().len(), 3, "what was taken back is not taken back again");
}
