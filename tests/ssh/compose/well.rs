//! What runs is what the version has: renamed services hand over. Surfaces without a health check of their own: their containers tell.

use serde_json::Value;

use super::site::{Site, Stage, failed, well};
use crate::host::Host;

#[tokio::test]
async fn a_renamed_service_hands_over_its_port_on_the_way_there_and_back() {
    let Some(site) = Site::open(1, Stage::Nowhere).await else { return };
    let with = |name: &str| {
        let service =
            format!("  {name}: {{build: {{context: ., dockerfile: store.Dockerfile}}, ports: [\"8055:80\"]}}\n");
        well("docker-compose.yml").to_owned() + &service
    };
    site.tag("v1", &[("docker-compose.yml", &with("first"))]);
    site.deployed("v1").await;
    // What is started by hand beside it from another file is not RMM's to remove.
    site.hosts[0].sh("cd production && printf 'services:\n  aside: {image: shop-web-production-store}\n' >aside.yml \
         && docker compose -p shop-web-production -f aside.yml up -d");
    site.tag("v2", &[("docker-compose.yml", &with("second"))]);
    site.deployed("v2").await;
    let before = site.state(0, "production");
    let names = ["aside", "second", "store", "web"].map(|name| format!("shop-web-production-{name}-1"));
    assert_eq!(before.containers, names.join(" "));

    let ill = well("health").replacen("printf", "exit 1\nprintf", 1);
    site.tag("v3", &[("docker-compose.yml", &with("third")), ("health", &ill)]);
    let third = site.approved("v3").await;
    site.world.until(third, "rollback_done").await;
    let after = site.hosts[0].sh("docker ps --filter name=shop-web-production- --format '{{.Names}}' | sort | xargs");
    assert_eq!(after.trim(), names[1..].join(" "), "the rollback removes what the version does not have");
}

/// Without the health check of the stories, and impatient.
fn without_health(config: String) -> String {
    let other = |line: &str| match line.split([' ', '=']).next() {
        Some("health") => "health = { wait = \"1ms\", attempts = 1 }".to_owned(),
        Some("health.url") => String::new(),
        Some(_) | None => line.to_owned(),
    };
    config.lines().map(other).collect::<Vec<_>>().join("\n")
}

async fn site() -> Option<Site> {
    Some(Site::with(vec![Host::up_with_docker()?], Stage::Nowhere, without_health).await)
}

/// The health check that failed in production, with its output.
async fn ill(site: &Site, tag: &str, changes: &[(&str, &str)]) -> String {
    site.tag(tag, changes);
    let release = site.approved(tag).await;
    site.world.until(release, "rollback_done").await;
    site.world.quiet().await;
    let run: Value = site.run(release, "production", "deploy").await;
    let step = failed(&run);
    assert_eq!(step["kind"], "health", "{run:#}");
    let reason = site.world.reason(release).await;
    assert!(reason.contains("Not well: shop-web-production-"), "{reason}");
    site.printed(&run, step).await
}

#[tokio::test]
async fn containers_that_end_or_say_that_they_are_ill_are_taken_back() {
    let Some(site) = site().await else { return };
    site.tag("v1", &[]);
    let first = site.deployed("v1").await;
    let run = site.run(first, "production", "deploy").await;
    let printed = site.world.printed(run["id"].as_i64().unwrap()).await;
    assert!(
        printed.contains("all containers of the compose project shop-web-production are well (2 run)"),
        "{printed}"
    );
    let before = site.state(0, "production");

    let again = well("docker-compose.yml").replace("    ports", "    restart: always\n    ports");
    let crash = [("start", "echo 'no database' >&2\nexit 3\n"), ("docker-compose.yml", again.as_str())];
    let printed = ill(&site, "v2", &crash).await;
    assert!(printed.contains("shop-web-production-web-1") && printed.contains("no database"), "{printed}");
    assert_eq!(site.state(0, "production"), before);

    let never =
        format!("{}HEALTHCHECK --interval=1s --retries=1 CMD [\"/bin/busybox\", \"false\"]\n", well("Dockerfile"));
    let printed = ill(&site, "v3", &[("Dockerfile", &never)]).await;
    assert!(printed.contains("shop-web-production-web-1 runs and is unhealthy"), "{printed}");
    assert_eq!(site.state(0, "production"), before);
}

#[tokio::test]
async fn jobs_may_end_well_and_must_not_end_badly() {
    let Some(site) = site().await else { return };
    let job = |command: &str| {
        format!("{}  job: {{build: ., command: [/bin/busybox, {command}]}}\n", well("docker-compose.yml"))
    };
    site.tag("v1", &[("docker-compose.yml", &job("'true'"))]);
    site.deployed("v1").await;
    let server = job("'true'").replace("'true']}", "'true'], ports: [\"8055:80\"]}");
    let printed = ill(&site, "v2", &[("docker-compose.yml", &server)]).await;
    assert!(printed.contains("what publishes ports has to run"), "{printed}");
    let printed = ill(&site, "v3", &[("docker-compose.yml", &job("'false'"))]).await;
    assert!(printed.contains("shop-web-production-job-1 has ended with exit status 1"), "{printed}");
    // What the deploy of v3 would not have changed is as it was; the job ran again, and well.
    assert_eq!(site.hosts[0].sh("docker inspect -f '{{.State.ExitCode}}' shop-web-production-job-1"), "0\n");
}
