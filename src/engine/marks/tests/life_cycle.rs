//! What people find on GitHub after each step of a release.

use super::*;
use crate::domain::env::Env;

#[tokio::test]
async fn a_release_is_followed_from_its_tag_to_production() {
    let site = Site::new("").await;
    site.settles().await;
    let release = site.release("v1").await;
    site.settles().await;
    assert_eq!(site.statuses(), ["1 pending: 0 of 2 approvals given"]);
    let line = format!("<!-- rmm:release:test:{release} -->");
    let head =
        format!("{line}\n**`shop` `v1`** · [release #{release}](https://rmm.example.com/releases/{release})\n\n");
    assert_eq!(site.comment(), format!("{head}⏳ Waits for stage · 0 of 2 approvals given\n"));

    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    assert_eq!(site.deployments(), ["stage deploy 1: in_progress"]);
    site.reports(release, &[Status::StageTestRollback]).await;
    site.approves("ann", release).await;
    site.settles().await;
    assert_eq!(site.statuses(), ["1 pending: 0 of 2 approvals given", "1 pending: 1 of 2 approvals given"]);
    assert_eq!(site.deployments(), ["stage deploy 1: in_progress success"]);
    site.approves("bob", release).await;
    site.reports(release, &[Status::Deploying]).await;
    site.settles().await;
    assert_eq!(site.comment(), format!("{head}🚀 Goes to production · approved: 2 approvals\n"));
    site.reports(release, &[Status::Deployed]).await;
    site.settles().await;
    assert_eq!(site.statuses().last().unwrap(), "1 success: approved: 2 approvals");
    assert_eq!(site.deployments()[1], "production deploy 1: in_progress success");
    assert_eq!(site.comment(), format!("{head}✅ Went to production · approved: 2 approvals\n"));

    let [stage, production] = site.peer.deployments().try_into().unwrap();
    assert_eq!(
        (&stage.made["production_environment"], &production.made["production_environment"]),
        (&json!(false), &json!(true))
    );
    assert_eq!((&production.made["auto_merge"], &production.made["required_contexts"]), (&json!(false), &json!([])));
    let page = format!("https://rmm.example.com/releases/{release}");
    assert_eq!(production.statuses[0]["log_url"], page);
    assert_eq!(site.peer.commit_statuses()[0].1["target_url"], page);
    assert_eq!(site.peer.commit_statuses()[0].1["context"], "rmm/shop");
}

#[tokio::test]
async fn what_production_leaves_behind_is_inactive_and_a_rollback_is_a_deployment_of_the_older_version() {
    let site = Site::new("").await;
    site.settles().await;
    site.deployed("v1").await;
    site.settles().await;
    let second = site.deployed("v2").await;
    site.settles().await;
    let production =
        |site: &Site| site.deployments().into_iter().filter(|it| it.starts_with("production")).collect::<Vec<_>>();
    assert!(production(&site)[0].ends_with("success inactive"), "{:?}", production(&site));
    assert!(production(&site)[1].ends_with("success"));
    let back = Command::Rollback { release: second, to: None, reason: "slow".into(), force: false };
    site.handle(person("ann"), back).await;
    site.reports(second, &[Status::RollbackDone]).await;
    site.settles().await;
    let [first, second, back] = production(&site).try_into().unwrap();
    assert!(first.ends_with("success inactive") && second.ends_with("success inactive"), "{first}, {second}");
    assert!(back.starts_with("production rollback 1: ") && back.ends_with("success"), "{back}");
    let texts: String = site.peer.comments().into_iter().map(|(_, text)| text).collect();
    assert!(texts.contains("⏪ Production went back to `v1`"), "{texts}");
    // Those who may read the repository read no reason, no note and no name.
    assert!(!["slow", "secret", "ann", "dev"].iter().any(|hidden| texts.contains(hidden)), "{texts}");
}

#[tokio::test]
async fn another_rule_for_approvals_is_told_of_what_is_on_the_way() {
    let site = Site::new("").await;
    site.settles().await;
    let release = site.release("v1").await;
    site.settles().await;
    let env = EnvVars::from([("GITHUB_TOKEN".to_owned(), "a-token-for-tests".to_owned())]);
    let api = &site.peer.url;
    let one = format!(
        "[github]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{api}\"\n[[people]]\nname = \"ann\"\nrole = \"admin\"\n\
         [[services]]\nname = \"shop\"\nrepository = \"{api}/acme/shop\"\napprovals.required = [\"ann\"]\n\
         [services.environments]\nstage.driver = \"ci\"\nproduction.driver = \"ci\"\n"
    );
    site.engine.reconfigure(Catalog::new(&Config::parse(&one, "rmm.toml", site.folder.path(), &env).unwrap())).await;
    while site.statuses().len() < 2 {
        tokio::task::yield_now().await;
    }
    site.settles().await;
    assert_eq!(site.statuses()[1], "1 pending: 0 of 1 approval given");
    assert!(site.comment().contains(&format!("release #{release}\n")), "without an address of RMM there is no link");
}

#[tokio::test]
async fn a_host_that_a_rollback_has_left_is_told_until_it_is_caught_up() {
    let site = Site::new("").await;
    site.engine.reconfigure(on_two_hosts(site.folder.path(), &site.peer.url)).await;
    site.settles().await;
    let mut shipped = Vec::new();
    for tag in ["v1", "v2"] {
        let release = site.release(tag).await;
        site.reports(release, &[Status::StageBuilding, Status::StageTestRollback]).await;
        if tag == "v2" {
            site.reports(release, &[Status::ManualTesting]).await;
        }
        site.approves("ann", release).await;
        site.approves("bob", release).await;
        site.production_goes_on(&[]).await;
        shipped.push(release);
    }
    let back = Command::Rollback { release: shipped[1], to: None, reason: "slow".into(), force: false };
    site.handle(person("ann"), back).await;
    site.production_goes_on(&["one"]).await;
    site.settles().await;
    let told = |site: &Site| {
        let comments: Vec<_> = site.peer.comments().into_iter().map(|(_, text)| text).collect();
        let deployment = site.peer.deployments().pop().unwrap();
        let said = deployment.statuses.last().unwrap()["description"].as_str().unwrap().to_owned();
        (comments.join("\n"), said)
    };
    let (comments, deployment) = told(&site);
    let but = "on all hosts but one, which may still run v2";
    assert!(comments.contains(&format!("⏪ Rolled back; production runs v1 {but} · ")), "{comments}");
    assert!(comments.contains(&format!("✅ Production runs v1 {but} · ")), "{comments}");
    assert_eq!(deployment, format!("is there {but}"));

    let shop = ServiceName::parse("service", "shop").unwrap();
    let back = Command::HostBack { environment: Env::Production, host: name_of("one") };
    site.engine.handle(Request::about(Actor::Machine, shop, back)).await.unwrap();
    site.production_goes_on(&[]).await;
    site.settles().await;
    let (comments, deployment) = told(&site);
    assert!(!comments.contains("all hosts") && comments.contains("⏪ Production went back to `v1`"), "{comments}");
    assert_eq!(deployment, "is there");
}
