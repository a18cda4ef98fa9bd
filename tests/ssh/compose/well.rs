//! Surfaces without a health check of their own: their containers tell.

use serde_json::Value;

use super::site::{Site, Stage, failed, well};
use crate::host::Host;

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
    let printed = ill(&site, "v2", &[("docker-compose.yml", &job("'false'"))]).await;
    assert!(printed.contains("shop-web-production-job-1 has ended with exit status 1"), "{printed}");
    // What the deploy of v2 would not have changed is as it was; the job ran again, and well.
    assert_eq!(site.hosts[0].sh("docker inspect -f '{{.State.ExitCode}}' shop-web-production-job-1"), "0\n");
}
