//! The dashboard: finding one release among all, and seeing only what concerns one service or person.

use crate::world::{Browser, Setup, World, commit_of};

#[tokio::test]
async fn a_release_is_found_by_its_number_tag_commit_and_people() {
    let world = World::new(Setup::new()).await;
    let release = world.deployed("v1.4.2").await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let page = ann.open("/").await;
    assert!(page.has("header form[role=search][action='/releases'] input[name=q]"), "{}", page.html);
    for text in [
        format!("%23{release}"),
        "1.4".to_owned(),
        "v1.4.2".to_owned(),
        commit_of("v1.4.2")[..8].to_owned(),
        "ANN".to_owned(),
    ] {
        let page = ann.open(&format!("/releases?q={text}")).await;
        assert_eq!(page.texts("tbody th a"), ["shop v1.4.2"], "{text}: {}", page.html);
    }
    let page = ann.open("/releases?q=v1.4.20").await;
    assert!(page.text("main section").contains("Nothing fits"), "{}", page.html);
    let page = ann.open("/releases?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert_eq!(page.attribute("input#find", "value"), "\"><script>alert(1)</script>");
    assert!(!page.has("main script"));
}

#[tokio::test]
async fn a_filter_that_names_nothing_says_so_on_every_page() {
    let world = World::new(Setup::new()).await;
    world.deployed("v1.4.2").await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    for (address, told) in [
        ("/?service=no-such", "There is no service no-such."),
        ("/?service=SHOP", "There is no service SHOP."),
        ("/?person=ghost", "There is nobody by the name ghost."),
        ("/releases?service=no-such", "There is no service no-such."),
        ("/insights?service=no-such", "There is no service no-such."),
        ("/insights?period=90d", "There is no period 90d."),
        ("/insights/failed?service=no-such", "There is no service no-such."),
        ("/insights.csv?service=no-such", "There is no service no-such."),
    ] {
        let page = ann.open(address).await;
        assert_eq!(page.status, 404, "{address}: {}", page.html);
        assert!(page.text("main").contains(told) && !page.text("main").contains("1.4.2"), "{address}: {}", page.html);
        let back = address.split('?').next().unwrap();
        assert!(page.has(&format!("main a[href='{back}']")), "{address}: {}", page.html);
    }
    assert!(ann.open("/audit?service=no-such").await.has("#none"));
}

#[tokio::test]
async fn of_many_services_the_board_lists_some_or_those_that_differ() {
    let mut setup = Setup::new();
    for number in 0..60 {
        setup = setup.another_service(&format!("many-{number:02}"));
    }
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let first = ann.open("/").await;
    assert_eq!(first.texts("#places tbody th").len(), 50);
    assert_eq!(first.text("#parts .meta"), "1–50 / 61");
    let second = ann.open(first.attribute("#parts a[rel=next]", "href").split('#').next().unwrap()).await;
    assert_eq!(second.texts("#places tbody th").len(), 11);
    assert_eq!(second.attribute("#parts a[rel=prev]", "href"), "/#where");
    assert_eq!(ann.open("/?differ=1").await.texts("#places tbody th"), ["shop"]);
}

#[tokio::test]
async fn older_releases_are_reached_page_by_page() {
    let world = World::new(Setup::new().by_ci()).await;
    for number in 1..=60 {
        world.release(&format!("v0.{number}")).await;
    }
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let first = ann.open("/releases").await;
    assert_eq!(first.texts("tbody th a").len(), 50);
    assert_eq!(first.texts("tbody th a")[0], "shop v0.60");
    let second = ann.open(&first.attribute("a[rel=next]", "href")).await;
    assert_eq!(second.texts("tbody th a").last().unwrap(), "shop v0.1");
    assert_eq!(second.texts("tbody th a").len(), 10);
    assert!(!second.has("a[rel=next]"));
}

#[tokio::test]
async fn the_board_shows_what_concerns_a_service_or_a_person() {
    let setup = Setup::new().person("bob", "member").person("eve", "member").approved_by(1, ["bob"]);
    let world = World::new(setup.another_service("bot")).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let cards = |page: &crate::world::Page| page.texts(".card h4 a");
    assert_eq!(cards(&ann.open("/").await), ["shop v1"]);
    assert_eq!(cards(&ann.open("/?service=bot").await), Vec::<String>::new());
    assert_eq!(ann.open("/?service=bot").await.texts("#places tbody th"), ["bot"]);
    assert_eq!(cards(&ann.open("/?person=bob").await), ["shop v1"], "his yes is what it waits for");
    let page = ann.open("/?person=eve&service=shop").await;
    assert_eq!(cards(&page), Vec::<String>::new());
    assert_eq!(page.texts("#who option[selected]"), ["eve"]);
    assert!(page.has("main a[href='/']"), "the way back to everything");
}
