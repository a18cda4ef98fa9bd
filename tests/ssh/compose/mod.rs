//! The recipe `compose` from end to end: git, migrations, `docker compose` and health checks on hosts with docker. When
//! something fails, it is named, its last words are shown, and whatever was touched is as it was before.

mod containers;
mod images;
mod projects;
mod site;
mod trouble;
mod well;

use self::site::{Site, Stage, failed, named, steps, well};

#[tokio::test]
async fn a_version_that_is_ill_in_production_only_is_taken_back_with_its_migration() {
    let Some(site) = Site::open(1, Stage::OnHosts(1)).await else { return };
    site.tag("v1", &[]);
    site.deployed("v1").await;
    site.tag("v2", &[]);
    let first = [site.state(0, "stage"), site.state(0, "production")];
    let second = site.deployed("v2").await;
    let before = [site.state(0, "stage"), site.state(0, "production")];
    let rehearsal = site.run(second, "stage", "rehearsal").await;
    assert_eq!(rehearsal["state"], "succeeded", "{rehearsal:#}");
    for (before, first) in before.iter().zip(&first) {
        assert_eq!((before.code.as_str(), before.schema.as_str(), before.answer.as_str()), ("v2", "v1 v2", "v2"));
        assert_eq!(before.store, first.store, "what did not change goes on");
    }

    let ill =
        "[ $ENVIRONMENT = stage ] || printf 'Status: 500 Internal Server Error\\r\\n'\necho 'no luck' >&2\nprintf";
    let one_more = well("docker-compose.yml").to_owned() + "  cache: {build: {dockerfile: store.Dockerfile}}\n";
    site.tag("v3", &[("health", &well("health").replacen("printf", ill, 1)), ("docker-compose.yml", &one_more)]);
    let third = site.approved("v3").await;
    site.world.until(third, "rollback_done").await;
    site.world.quiet().await;

    let reason = site.world.reason(third).await;
    let named = named("health check", "production", &site.hosts[0]);
    assert!(reason.starts_with(&named) && reason.contains("500"), "{reason}");
    let run = site.run(third, "production", "deploy").await;
    let step = failed(&run);
    assert_eq!(step["kind"], "health");
    let printed = site.printed(&run, step).await;
    let containers_last_words = ["attempt 6 of 6", "web-1", "starts in production", "no luck"];
    assert!(containers_last_words.iter().all(|word| printed.contains(word)), "{printed}");

    let back = site.run(third, "production", "rollback").await;
    let kinds: Vec<_> = steps(&back).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["migrate_down", "checkout", "deploy", "health", "after_deploy"]);
    assert_eq!(site.migrations(), ["up v1 by v1", "up v2 by v2", "up v3 by v3", "down v3 by v3"]);
    assert_eq!([site.state(0, "stage"), site.state(0, "production")], before);
    assert_eq!(before[1].containers, "shop-web-production-store-1 shop-web-production-web-1");
    site.world.is_sound().await;
}

#[tokio::test]
async fn a_host_that_is_shown_another_commit_for_the_tag_refuses_it() {
    let Some(site) = Site::open(1, Stage::OnHosts(1)).await else { return };
    site.tag("v1", &[]);
    site.deployed("v1").await;
    let commit = site.tag("v2", &[]);
    let forgery = site.forgery("v2");
    let before = [site.state(0, "stage"), site.state(0, "production")];

    site.hosts_see(&forgery);
    let refused_on_stage = site.world.release_of_tag("v2").await;
    site.world.until(refused_on_stage, "cancelled").await;

    site.hosts_see_the_truth();
    let refused = site.world.release_of_tag("v2").await;
    site.world.until(refused, "manual_testing").await;
    let stage = site.state(0, "stage");
    site.hosts_see(&forgery);
    site.world.approve("ann", refused).await.ok();
    site.world.until(refused, "rollback_done").await;

    for (release, environment) in [(refused_on_stage, "stage"), (refused, "production")] {
        let reason = site.world.reason(release).await;
        let named = named("verify tag", environment, &site.hosts[0]) + "found that the tag has moved";
        assert!(reason.starts_with(&named), "{reason}");
        let run = site.run(release, environment, "deploy").await;
        let printed = site.printed(&run, failed(&run)).await;
        assert!(printed.starts_with("tag v2 points at ") && printed.contains(&format!("not at {commit}")), "{printed}");
    }
    assert_eq!([stage.code.as_str(), before[0].code.as_str()], ["v2", "v1"]);
    assert_eq!(site.state(0, "production"), before[1]);
}

#[tokio::test]
async fn when_the_second_of_three_hosts_is_ill_the_first_two_go_back_and_the_third_is_left_alone() {
    let Some(site) = Site::open(3, Stage::OnHosts(2)).await else { return };
    let names: Vec<_> = site.hosts.iter().map(|host| host.name().to_owned()).collect();
    let all = |site: &Site| [0, 1, 2].map(|host| site.state(host, "production"));
    site.tag("v1", &[]);
    site.deployed("v1").await;
    let (before, third) = (all(&site), site.web(2));

    let ill = format!("[ \"$ENVIRONMENT $HOST\" = \"production {}\" ] && exit 1\nprintf", names[1]);
    site.tag("v2", &[("health", &well("health").replacen("printf", &ill, 1))]);
    let release = site.approved("v2").await;
    site.world.until(release, "rollback_done").await;
    site.world.quiet().await;

    let stage = site.run(release, "stage", "deploy").await;
    let waves: Vec<_> = stage["steps"].as_array().unwrap().iter().filter(|step| step["kind"] == "deploy").collect();
    assert_eq!((waves.len(), &waves[0]["wave"]), (2, &waves[1]["wave"]), "stage is deployed to side by side");
    let run = site.run(release, "production", "deploy").await;
    let step = failed(&run);
    assert_eq!((&step["kind"], &step["host"]), (&"health".into(), &names[1].as_str().into()));
    let on_third: Vec<_> =
        steps(&run).into_iter().filter(|(host, _)| *host == names[2]).map(|(_, kind)| kind).collect();
    assert_eq!(on_third, ["fetch", "verify_tag"]);

    let back = site.run(release, "production", "rollback").await;
    let started: Vec<_> = steps(&back).into_iter().filter(|(_, kind)| kind == "deploy").map(|(host, _)| host).collect();
    assert_eq!(started, [names[1].as_str(), names[0].as_str()], "the last one goes back first");
    assert_eq!(site.migrations(), ["up v1 by v1", "up v2 by v2", "down v2 by v2"]);
    assert_eq!((all(&site), site.web(2)), (before, third));
}
