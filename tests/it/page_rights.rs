//! Every route of the dashboard by every kind of person: who may not is refused, and no form of another page does anything.

use std::collections::BTreeSet;

use crate::world::{Browser, SHOP, Setup, World};

/// A browser that is not signed in; a viewer; a member who approves nowhere; the approver of another service; an admin, who approves here.
const PEOPLE: [Option<&str>; 5] = [None, Some("vera"), Some("mia"), Some("oleg"), Some("ann")];

/// Everybody who is signed in sees it; others are led to the page to sign in.
const SIGNED_IN: [u16; 5] = [303, 200, 200, 200, 200];
/// Everybody sees it, signed in or not.
const OPEN: [u16; 5] = [200; 5];
/// Admins see it.
const ADMINS: [u16; 5] = [303, 403, 403, 403, 200];
/// There is none, and no viewer learns more.
const NO_SUCH_THING: [u16; 5] = [401, 404, 404, 404, 404];
/// An admin does it; `done` is what the last one hears.
const fn commands(done: u16) -> [u16; 5] {
    [401, 403, 403, 403, done]
}
/// A member does it, too, as far as the state allows.
const fn members(member: u16, elsewhere: u16, done: u16) -> [u16; 5] {
    [401, 403, member, elsewhere, done]
}

/// A route as it stands in the router, what is sent to it, and what each of [`PEOPLE`] is answered, in this order.
struct Row {
    method: &'static str,
    route: &'static str,
    path: String,
    fields: Vec<(&'static str, String)>,
    answers: [u16; 5],
}

fn get(route: &'static str, path: impl Into<String>, answers: [u16; 5]) -> Row {
    Row { method: "GET", route, path: path.into(), fields: Vec::new(), answers }
}

fn post(route: &'static str, path: impl Into<String>, fields: &[(&'static str, &str)], answers: [u16; 5]) -> Row {
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Row { method: "POST", route, path: path.into(), fields, answers }
}

/// The table. What is sent is done in this order, by everybody in turn.
fn table(release: i64, run: i64) -> Vec<Row> {
    let decide = |decision: &str| format!("/releases/{release}/{decision}");
    let shop = |act: &str| format!("/services/{SHOP}/{act}");
    let (decisions, acts) = ("/releases/{id}/{decision}", "/services/{name}/{act}");
    let (why, of_run) = ([("reason", "because")], run.to_string());
    let fingerprint = format!("SHA256:{}", "A".repeat(43));
    vec![
        get("/", "/", SIGNED_IN),
        get("/releases", "/releases?q=v1", SIGNED_IN),
        get("/insights", "/insights", SIGNED_IN),
        get("/insights.csv", "/insights.csv", SIGNED_IN),
        get("/insights/{measure}", "/insights/deploys", SIGNED_IN),
        get("/releases/{id}/plan", format!("/releases/{release}/plan"), SIGNED_IN),
        get("/releases/{id}/compare", format!("/releases/{release}/compare"), SIGNED_IN),
        get("/releases/{id}", format!("/releases/{release}"), SIGNED_IN),
        get("/releases/{id}", "/releases/999", [303, 404, 404, 404, 404]),
        get("/runs/{id}", format!("/runs/{run}"), SIGNED_IN),
        get("/runs/{id}/steps/{index}", format!("/runs/{run}/steps/0"), SIGNED_IN),
        get("/runs/{id}/steps/{index}/lines", format!("/runs/{run}/steps/0/lines"), SIGNED_IN),
        get("/services/{name}", format!("/services/{SHOP}"), SIGNED_IN),
        get("/services/{name}", "/services/nowhere", [303, 404, 404, 404, 404]),
        get("/connect", "/connect", ADMINS),
        get("/services/{name}/release", format!("/services/{SHOP}/release"), [303, 403, 200, 200, 200]),
        get("/services/{name}/definition", format!("/services/{SHOP}/definition"), SIGNED_IN),
        get("/services/{name}/definition", "/services/nowhere/definition", [303, 404, 404, 404, 404]),
        get("/audit", "/audit", SIGNED_IN),
        get("/audit/export.csv", "/audit/export.csv", SIGNED_IN),
        get("/audit/export.json", "/audit/export.json", SIGNED_IN),
        get("/people", "/people", SIGNED_IN),
        get("/hosts", "/hosts", SIGNED_IN),
        get("/tokens", "/tokens", ADMINS),
        get("/settings", "/settings", ADMINS),
        get("/settings/doctor", "/settings/doctor", ADMINS),
        get("/account", "/account", SIGNED_IN),
        get("/live", "/live?from=0", [303, 200, 200, 200, 200]),
        get("/login", "/login", OPEN),
        get("/login/{link}", "/login/unknown", [410; 5]),
        // Without a bot there is no Mini App.
        get("/telegram", "/telegram", [404; 5]),
        // Of another version: it leads to the one of this.
        get("/assets/{hash}/{name}", "/assets/0/app.css", [307; 5]),
        post("/audit/verify", "/audit/verify", &[], commands(303)),
        post("/tokens/make", "/tokens/make", &[("name", "more"), ("role", "viewer"), ("days", "30")], commands(200)),
        post("/tokens/adopt", "/tokens/adopt", &[("name", "more")], commands(303)),
        post("/tokens/revoke", "/tokens/revoke", &[("name", "more")], commands(303)),
        post("/people/confirm", "/people/confirm", &[("who", "7")], commands(404)),
        post("/people/refuse", "/people/refuse", &[("who", "7")], commands(404)),
        post("/people/sign-out", "/people/sign-out", &[("person", ""), ("session", "999")], commands(303)),
        post("/hosts/check", "/hosts/check", &[("host", "nowhere")], commands(404)),
        post("/hosts/trust", "/hosts/trust", &[("host", "nowhere"), ("fingerprint", &fingerprint)], commands(404)),
        post("/settings/reload", "/settings/reload", &[], commands(303)),
        post("/settings/doctor", "/settings/doctor", &[], commands(303)),
        // Locked, so that production stays where it is while everybody tries.
        post(acts, shop("lock"), &why, commands(303)),
        post(acts, shop("nonsense"), &[], NO_SUCH_THING),
        post("/connect/look", "/connect/look", &[("repository", "-evil")], commands(422)),
        post("/connect", "/connect", &[("name", "new"), ("text", "")], commands(422)),
        post("/services/{name}/release", shop("release"), &[("tag", "")], members(422, 422, 422)),
        // The shop stands in the file.
        post("/services/{name}/definition", shop("definition"), &[("text", "")], commands(409)),
        post(acts, shop("remove"), &[], commands(409)),
        post(decisions, decide("approve"), &[], members(403, 403, 303)),
        post(decisions, decide("reject"), &why, members(403, 403, 409)),
        post(decisions, decide("promote"), &[], commands(409)),
        post(decisions, decide("abort"), &why, commands(409)),
        post(decisions, decide("rollback"), &why, commands(409)),
        // It is approved.
        post(decisions, decide("bypass"), &[("reason", "because"), ("gates", "approvals")], commands(409)),
        post(decisions, decide("retry"), &[], members(409, 409, 409)),
        post(decisions, decide("cancel"), &why, commands(303)),
        post(
            decisions,
            decide("resolve"),
            &[("run", &of_run), ("verdict", "succeeded"), ("reason", "because")],
            commands(409),
        ),
        post(decisions, decide("settle"), &[("environment", "stage"), ("runs", "recorded")], commands(409)),
        post(decisions, decide("nonsense"), &[], NO_SUCH_THING),
        post(acts, shop("unlock"), &[], commands(303)),
        post("/account", "/account", &[("lang", "en"), ("theme", "")], [401, 303, 303, 303, 303]),
        post("/login", "/login", &[("code", "unknown")], [410; 5]),
        post("/telegram", "/telegram", &[("data", "unknown")], [404; 5]),
        // The last: no browser is signed in afterwards.
        post("/logout", "/logout", &[], [401, 303, 303, 303, 303]),
    ]
}

/// The routes of the dashboard, as its router has them.
fn routes() -> BTreeSet<(&'static str, &'static str)> {
    let source = include_str!("../../src/web/pages/mod.rs");
    let mut found = BTreeSet::new();
    for part in source.split(".route(\"").skip(1) {
        let (route, rest) = part.split_once('"').unwrap();
        let handlers = rest.split(".route(").next().unwrap().split(".layer(").next().unwrap();
        for (method, call) in [("GET", "get("), ("POST", "post(")] {
            if handlers.contains(call) {
                found.insert((method, route));
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

async fn world() -> (World, i64, i64) {
    let setup = Setup::new().person("vera", "viewer").person("mia", "member").person("oleg", "member");
    let world = World::new(setup.another_service_approved_by("blog", "oleg")).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let runs = world.operator().get(&format!("/api/v1/releases/{release}/runs")).await.with_status(200).json();
    let run = runs[0]["id"].as_i64().unwrap();
    (world, release, run)
}

#[test]
fn no_route_is_missing_from_the_table() {
    let table = table(1, 1);
    let listed: BTreeSet<_> = table.iter().map(|row| (row.method, row.route)).collect();
    assert_eq!(listed, routes(), "a route of src/web/pages/mod.rs and its row in this table go together");
}

#[tokio::test]
async fn everybody_sees_and_does_what_they_may_and_nothing_else() {
    let (world, release, run) = world().await;
    let mut browsers = Vec::new();
    for person in PEOPLE {
        let mut browser = Browser::of(&world);
        let mut csrf = String::new();
        if let Some(person) = person {
            browser = Browser::signed_in(&world, Some(person)).await;
            csrf = browser.open("/account").await.csrf();
        }
        browsers.push((browser, csrf));
    }
    let mut wrong = Vec::new();
    for row in table(release, run) {
        for ((browser, csrf), (person, expected)) in browsers.iter().zip(PEOPLE.iter().zip(row.answers)) {
            let mut fields: Vec<_> = row.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            fields.push(("csrf", csrf));
            let fields = (row.method == "POST").then_some(fields.as_slice());
            let status = browser.status(row.method, &row.path, fields, &[]).await;
            if status != expected {
                wrong.push(format!("{} {} by {person:?}: {status}, not {expected}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn who_may_not_hears_so_whatever_the_form_lacks() {
    let (world, release, run) = world().await;
    for (at, person) in PEOPLE.into_iter().enumerate().filter_map(|(at, person)| Some((at, person?))) {
        let mut browser = Browser::signed_in(&world, Some(person)).await;
        let csrf = browser.open("/account").await.csrf();
        for row in table(release, run).iter().filter(|row| row.method == "POST" && row.answers[at] == 403) {
            for fields in [&[("csrf", csrf.as_str())][..], &[("csrf", &csrf), ("revision", "x"), ("run", "x")]] {
                let status = browser.status("POST", &row.path, Some(fields), &[]).await;
                assert_eq!(status, 403, "{} by {person}", row.path);
            }
        }
    }
}

#[tokio::test]
async fn a_form_of_another_origin_does_nothing_anywhere() {
    let (world, release, run) = world().await;
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let csrf = ann.open("/account").await.csrf();
    let before = world.events().await.len();
    for row in table(release, run).into_iter().filter(|row| row.method == "POST") {
        let mut fields: Vec<_> = row.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        fields.push(("csrf", &csrf));
        for header in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let status = ann.status("POST", &row.path, Some(&fields), &[header]).await;
            assert_eq!(status, 403, "{} {header:?}", row.path);
        }
        // And none without the word of its session, but those that begin it.
        if !["/login", "/telegram"].contains(&row.route) {
            fields.retain(|(name, _)| *name != "csrf");
            assert_eq!(ann.status("POST", &row.path, Some(&fields), &[]).await, 403, "{}", row.path);
        }
    }
    assert_eq!(world.events().await.len(), before);
    assert_eq!(ann.open("/").await.status, 200, "still signed in");
}
