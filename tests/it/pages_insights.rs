//! The dashboard: how well a team delivers, and the releases behind each number.

use crate::world::{Browser, Setup, World};

#[tokio::test]
async fn a_failed_version_that_was_rolled_back_and_the_one_that_mends_it_are_counted() {
    let world = World::new(Setup::new()).await;
    let first = world.deployed("v1").await;
    let second = world.deployed("v2").await;
    let back = serde_json::json!({ "reason": "prices are wrong" });
    world.person("ann").await.post(&format!("/api/v1/releases/{second}/rollback"), &back).await.with_status(200);
    world.until(second, "rollback_done").await;
    world.operator().post("/api/v1/services/shop/unlock", &serde_json::json!({})).await;
    let third = world.deployed("v3").await;

    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open("/insights?period=30d").await;
    assert_eq!(page.status, 200, "{}", page.html);
    let figures = page.texts(".measure .fig");
    assert_eq!(figures[0], "0.7 a week", "3 in 30 days: {figures:?}");
    assert_eq!((figures[2].as_str(), figures[4].as_str()), ("33.3 %", "33.3 %"));
    assert_eq!(page.texts(".measure svg.chart").len(), 5);
    assert_eq!(page.texts("section[aria-labelledby=back] .cap a"), ["1"]);

    let titles = async |ann: &mut Browser, kind: &str| {
        ann.open(&format!("/insights/{kind}?period=30d")).await.texts("tbody th a")
    };
    assert_eq!(titles(&mut ann, "deploys").await, ["shop v3", "shop v2", "shop v1"]);
    assert_eq!(titles(&mut ann, "failed").await, ["shop v2"]);
    assert_eq!(titles(&mut ann, "rework").await, ["shop v3"]);
    assert_eq!(titles(&mut ann, "rollbacks").await, ["shop v2"]);
    assert_eq!(titles(&mut ann, "caught").await, Vec::<String>::new());
    assert_eq!(ann.open("/insights/nonsense").await.status, 404);
    // The numbers of the period before have a list, too; where there is no number, there is no link.
    let earlier = ann.open("/insights/deploys?period=30d&before=1").await;
    assert!(earlier.text("main").contains("Nothing in this period."), "{}", earlier.text("main"));
    assert!(page.has(".measure .meta a[href^='/insights/failed']"), "1 of 3 is a link");
    assert!(!page.has("a[href*='before=1']"));
    assert_eq!(page.texts(".charts svg.chart").len(), 4);

    let csv = ann.open("/insights.csv?period=1y&service=shop").await;
    let rows: Vec<Vec<&str>> = csv.html.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let told: Vec<_> = rows.iter().map(|row| (row[1], row[2], row[9], row[12])).collect();
    let [first, second, third] = [first, second, third].map(|id| id.to_string());
    assert_eq!(
        told,
        [
            (first.as_str(), "v1", "false", "false"),
            (second.as_str(), "v2", "true", "false"),
            (third.as_str(), "v3", "false", "true")
        ],
    );
    assert!(rows.iter().all(|row| row.len() == 13));
}

#[tokio::test]
async fn nothing_yet_is_told_as_such() {
    let world = World::new(Setup::new()).await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    for period in ["30d", "12w", "1y"] {
        let page = ann.open(&format!("/insights?period={period}&service=shop")).await;
        assert_eq!(page.status, 200);
        assert!(!page.has(".measure"));
        assert!(page.text("main").contains("Nothing in this period."));
    }
}
