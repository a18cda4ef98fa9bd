//! What the doctor says of a GitHub where all is well, and of each thing that is not.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::assets;
use crate::clients::github::peer::{Peer, Reply, nothing, refuses, says};
use crate::clients::github::{Credentials, GitHub};
use crate::clients::jose::SigningKey;
use crate::clients::jose::testing::pem;

const FILE: &str = r#"
[server]
public_url = "https://rmm.example.com"
[github]
token = "env:TOKEN"
webhook_secret = "env:HOOK"
[[services]]
name = "shop"
repository = "acme/shop"
oidc = { repository_id = 74 }
approvals = { required = ["ann"] }
[services.environments.stage]
driver = "ci"
[services.environments.production]
driver = "ci"
workflow = "deploy.yaml"
rollback_workflow = "back.yaml"
[[people]]
name = "ann"
"#;
const WHO: &str = "GET /user";
const REPOSITORY: &str = "GET /repos/acme/shop";
const COMMITS: &str = "GET /repos/acme/shop/commits";
const TRY: &str = "POST /repos/acme/shop/actions/runs/0/cancel";
const DEPLOYMENT: &str = "POST /repos/acme/shop/deployments/0/statuses";
const COMMENT: &str = "PATCH /repos/acme/shop/issues/comments/0";
const WORKFLOW: &str = "GET /repos/acme/shop/actions/workflows/deploy.yaml";
const BACK: &str = "GET /repos/acme/shop/actions/workflows/back.yaml";
const TEXT: &str = "GET /repos/acme/shop/contents/.github%2Fworkflows%2Fdeploy.yaml";
const BACK_TEXT: &str = "GET /repos/acme/shop/contents/.github%2Fworkflows%2Fback.yaml";
const TAG_TEXT: &str = "GET /repos/acme/shop/contents/.github%2Fworkflows%2Fon-create-version-tag.yaml";
const HOOKS: &str = "GET /repos/acme/shop/hooks";
const DELIVERIES: &str = "GET /repos/acme/shop/hooks/5/deliveries";
const INSTALLATION: &str = "GET /repos/acme/shop/installation";

fn config(text: &str) -> Config {
    let env = [("TOKEN", "github_pat_hunter22"), ("HOOK", "0123456789abcdef0123")];
    let env = env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Config::parse(text, "rmm.toml", Path::new("/nowhere"), &env).unwrap_or_else(|errors| panic!("{errors}"))
}

fn user() -> Reply {
    says(200, &json!({ "login": "acme-bot", "id": 1 })).with("date", "Sun, 29 Nov 2026 06:00:00 GMT")
}

fn repository(changes: &Value) -> Reply {
    let mut body = json!({
        "id": 74, "full_name": "acme/shop", "default_branch": "main", "private": true, "archived": false,
        "permissions": { "admin": false, "push": true, "pull": true },
    });
    for (key, value) in changes.as_object().expect("a table") {
        body[key] = value.clone();
    }
    says(200, &body)
}

fn file(text: &str) -> Reply {
    says(200, &json!({ "encoding": "base64", "content": BASE64_STANDARD.encode(text) }))
}

fn workflow(state: &str) -> Reply {
    says(200, &json!({ "id": 9, "name": "Deploy", "path": ".github/workflows/deploy.yaml", "state": state }))
}

fn hook(changes: &Value) -> Value {
    let mut hook = json!({
        "id": 5, "active": true, "events": ["workflow_run", "create", "push", "pull_request"],
        "config": { "url": "https://rmm.example.com/hooks/github", "content_type": "json", "secret": "********" },
    });
    for (key, value) in changes.as_object().expect("a table") {
        hook[key] = value.clone();
    }
    hook
}

/// The newest first.
fn deliveries(codes: &[i64]) -> Reply {
    let one = |(at, code): (usize, &i64)| {
        json!({
            "id": 100 - at, "guid": format!("guid-{at}"), "delivered_at": "2026-11-29T05:00:00Z", "event": "workflow_run",
            "action": "completed", "status": if *code == 0 { "timed out" } else { "Invalid HTTP Response" }, "status_code": code,
        })
    };
    says(200, &Value::from(codes.iter().enumerate().map(one).collect::<Vec<_>>()))
}

/// A GitHub where all is well.
async fn well() -> Peer {
    let peer = Peer::start().await;
    let text = |name| file(&assets::workflow(name).expect("a workflow to copy"));
    for (line, reply) in [
        (WHO, user()),
        (REPOSITORY, repository(&json!({}))),
        (COMMITS, says(200, &json!([]))),
        (TRY, refuses(404, "Not Found")),
        (WORKFLOW, workflow("active")),
        (BACK, workflow("active")),
        (TEXT, text("on-approve-manual-testing.yaml")),
        (BACK_TEXT, text("on-rollback.yaml")),
        (TAG_TEXT, text("on-create-version-tag.yaml")),
        (HOOKS, says(200, &json!([hook(&json!({}))]))),
        (DELIVERIES, deliveries(&[202, 202, 0, 202])),
    ] {
        peer.answers(line, reply);
    }
    peer
}

fn report(one: &Examined, ui: &Ui) -> String {
    findings::report(&ui.language.about(&one.about), &one.findings, ui)
}

/// Without numbers, which would shift with every finding.
fn plain(examined: &[Examined]) -> String {
    let parts: Vec<_> = examined.iter().map(|one| report(one, &Ui::test(110))).collect();
    parts.join("\n")
}

/// What is said, with the address of the peer taken out.
async fn told(peer: &Peer, github: &GitHub, text: &str) -> String {
    let config = config(text);
    let examined = doctor::github::examine(&config, Some(Ok(github))).await;
    plain(&examined).replace(&peer.url, "http://peer")
}

/// What is said beside what is well, where these answers are others.
async fn ill(title: &str, changes: impl IntoIterator<Item = (&str, Reply)>) -> String {
    let peer = well().await;
    for (line, reply) in changes {
        peer.answers_instead(line, reply);
    }
    let told = told(&peer, &peer.client(), FILE).await;
    format!("# {title}\n{}", without_what_is_well(&told))
}

fn without_what_is_well(told: &str) -> String {
    let (mut out, mut is_well) = (String::new(), false);
    for line in told.lines().filter(|line| line.starts_with(' ')) {
        if !line.starts_with("     ") {
            is_well = line.starts_with("  ok");
        }
        if !is_well {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[tokio::test]
async fn all_is_well() {
    let peer = well().await;
    insta::assert_snapshot!(told(&peer, &peer.client(), FILE).await);
    let tried: Vec<_> = peer.lines().into_iter().filter(|line| !line.starts_with("GET ")).collect();
    let nothing = ["/runs/0/", "/deployments/0/", "/statuses/00000000", "/comments/0"];
    let is_of = |(line, what): (&String, &&str)| line.contains(*what);
    assert!(tried.len() == 4 && tried.iter().zip(&nothing).all(is_of), "only what is not there is changed: {tried:?}");
}

#[tokio::test]
async fn what_is_wrong_with_the_login_is_said() {
    let dated = |reply: Reply, date: &str| reply.with("date", date);
    let late = || dated(says(200, &json!({ "login": "acme-bot" })), "Sun, 29 Nov 2026 06:02:00 GMT");
    let drifting = || dated(says(200, &json!({ "login": "acme-bot" })), "Sun, 29 Nov 2026 05:59:20 GMT");
    let classic = |scopes: &str| user().with("x-oauth-scopes", scopes);
    let ending = user().with("github-authentication-token-expiration", "2026-12-01 00:00:00 UTC");
    let lasting = user().with("github-authentication-token-expiration", "2027-06-01 00:00:00 UTC");
    let needs = |reply: Reply, needs: &str| reply.with("x-accepted-github-permissions", needs);
    let forbidden = || refuses(403, "Resource not accessible by personal access token");
    let stories = [
        ill(
            "a wrong token, and a clock that is behind",
            [(WHO, dated(refuses(401, "Bad credentials"), "Sun, 29 Nov 2026 06:02:00 GMT"))],
        )
        .await,
        ill("the clock is behind", [(WHO, late())]).await,
        ill("the clock drifts", [(WHO, drifting())]).await,
        ill("the token ends soon", [(WHO, ending)]).await,
        ill("the token ends later", [(WHO, lasting)]).await,
        ill("a classic token", [(WHO, classic("repo, workflow"))]).await,
        ill("a classic token without scopes", [(WHO, classic("gist"))]).await,
        ill("no Actions", [(TRY, needs(forbidden(), "actions=write"))]).await,
        ill("no marks", [(DEPLOYMENT, forbidden()), (COMMENT, forbidden())]).await,
        ill("no Contents", [(COMMITS, needs(forbidden(), "contents=read"))]).await,
        ill(
            "an account that may read",
            [(REPOSITORY, repository(&json!({ "permissions": { "push": false, "pull": true } })))],
        )
        .await,
        ill("rate limited", [(COMMITS, refuses(429, "API rate limit exceeded"))]).await,
        ill("nobody there", [(WHO, Reply::Cut)]).await.replace("hyper", "the library"),
    ];
    insta::assert_snapshot!(stories.join("\n"));
}

#[tokio::test]
async fn what_is_wrong_with_the_repository_is_said() {
    let moved = nothing(301).with("location", "https://api.github.com/repositories/74");
    let known = ("GET /repositories/74", repository(&json!({ "full_name": "acme/store" })));
    let stories = [
        ill("not there", [(REPOSITORY, refuses(404, "Not Found"))]).await,
        ill("renamed", [(REPOSITORY, moved.clone()), known]).await,
        ill("moved out of sight", [(REPOSITORY, moved)]).await,
        ill("another number", [(REPOSITORY, repository(&json!({ "id": 75 })))]).await,
        ill("archived", [(REPOSITORY, repository(&json!({ "archived": true })))]).await,
    ];
    insta::assert_snapshot!(stories.join("\n"));
}

#[tokio::test]
async fn what_speaks_to_rmm_by_itself_is_looked_at() {
    let trusting =
        |workflows: &str| FILE.replace("repository_id = 74", &format!("repository_id = 74, workflow = [{workflows}]"));
    let own = |file: &str, git_ref: &str| format!("\"acme/shop/.github/workflows/{file}@{git_ref}\"");
    let started = [own("deploy.yaml", "refs/heads/main"), own("back.yaml", "refs/heads/*")].join(", ");
    let mut said = Vec::new();
    for (title, file) in [
        ("the tag's is not there", FILE.to_owned()),
        ("trusted, and there", trusting(&started)),
        ("trusted elsewhere", trusting(&format!("{started}, {}", own("gone.yaml", "refs/tags/*")))),
        ("at a branch that is not there", trusting(&format!("{started}, {}", own("deploy.yaml", "refs/heads/mian")))),
        ("started, and not trusted", trusting(&own("deploy.yaml", "refs/heads/mian"))),
        ("in another repository", trusting(&format!("{started}, \"acme/common/.github/workflows/ship.yaml\""))),
    ] {
        let peer = well().await;
        peer.answers_instead(TAG_TEXT, refuses(404, "Not Found"));
        let told = told(&peer, &peer.client(), &file).await;
        let asked: Vec<_> = peer.lines().into_iter().filter(|line| line.contains("mian")).collect();
        said.push(format!("# {title}\n{}{}\n", without_what_is_well(&told), asked.join("\n")));
    }
    insta::assert_snapshot!(said.concat());
}

#[tokio::test]
async fn what_is_wrong_with_a_workflow_is_said() {
    let good = assets::workflow("on-approve-manual-testing.yaml").expect("a workflow to copy");
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        file(&good.replace(from, to))
    };
    let input = "      run_id:\n";
    let required = "      region:\n        type: string\n        required: true\n      run_id:\n";
    let number = "      release_id:\n        description: The number of the release\n        type: string\n";
    let stories = [
        ill("unknown to GitHub", [(WORKFLOW, refuses(404, "Not Found"))]).await,
        ill("not on the default branch", [(TEXT, refuses(404, "Not Found"))]).await,
        ill("neither", [(WORKFLOW, refuses(404, "Not Found")), (TEXT, refuses(404, "Not Found"))]).await,
        ill("switched off", [(WORKFLOW, workflow("disabled_inactivity"))]).await,
        ill("started otherwise", [(TEXT, with("workflow_dispatch:", "workflow_call:"))]).await,
        ill("no input", [(TEXT, with("      traceparent:\n", "      trace:\n"))]).await,
        ill("an input too many", [(TEXT, with(input, required))]).await,
        ill("an input of another type", [(TEXT, with(number, &number.replace("string", "number")))]).await,
        ill("no name", [(TEXT, with("run-name: ", "x-name: "))]).await,
        ill("no YAML", [(TEXT, file("on: ["))]).await,
        ill("a rollback as a deploy", [(BACK_TEXT, file(&good))]).await,
    ];
    insta::assert_snapshot!(stories.join("\n"));
}

#[tokio::test]
async fn what_is_wrong_with_the_webhook_is_said() {
    let hooks = |changes: Value| says(200, &json!([hook(&changes)]));
    let to = |url: &str, secret: &str| json!({ "url": url, "content_type": "json", "secret": secret });
    let here = "https://rmm.example.com/hooks/github";
    let mut form = to(here, "********");
    form["content_type"] = json!("form");
    let mut stories = vec![
        ill("none", [(HOOKS, says(200, &json!([])))]).await,
        ill("to another one", [(HOOKS, hooks(json!({ "config": to("https://old.example.com/hooks/github", "*") })))])
            .await,
        ill("not to be seen", [(HOOKS, refuses(403, "Resource not accessible by personal access token"))]).await,
        ill("switched off", [(HOOKS, hooks(json!({ "active": false })))]).await,
        // GitHub shows a secret as stars, and says nothing where there is none.
        ill("without a secret", [(HOOKS, hooks(json!({ "config": { "url": here, "content_type": "json" } })))]).await,
        ill("as forms", [(HOOKS, hooks(json!({ "config": form })))]).await,
        ill("without events", [(HOOKS, hooks(json!({ "events": ["push", "create"] })))]).await,
    ];
    for code in [0, 301, 400, 401, 404, 413, 429, 502] {
        stories.push(ill(&format!("answered {code}"), [(DELIVERIES, deliveries(&[code, 202]))]).await);
    }
    let peer = well().await;
    let without = FILE.replace("webhook_secret = \"env:HOOK\"\n", "");
    let ours = without_what_is_well(&told(&peer, &peer.client(), &without).await);
    stories.push(format!("# RMM has no secret\n{ours}"));
    insta::assert_snapshot!(stories.join("\n"));
}

#[tokio::test]
async fn an_app_is_looked_at_where_it_is_installed() {
    let app = |peer: &Peer| {
        peer.client_as(Credentials::App { id: "7".into(), key: SigningKey::from_pem(pem()).expect("a key") })
    };
    let mut stories = Vec::new();
    for (title, reply) in [
        (
            "all is well",
            says(
                200,
                &json!({ "id": 42, "permissions": {
                    "actions": "write", "contents": "read", "metadata": "read", "deployments": "write", "statuses": "write",
                    "pull_requests": "write",
                } }),
            ),
        ),
        (
            "it may leave nothing",
            says(200, &json!({ "id": 42, "permissions": { "actions": "write", "contents": "read" } })),
        ),
        ("it lacks permissions", says(200, &json!({ "id": 42, "permissions": { "actions": "read" } }))),
        ("it is suspended", says(200, &json!({ "id": 42, "suspended_at": "2026-11-01T00:00:00Z" }))),
        ("it is not installed", refuses(404, "Not Found")),
    ] {
        let peer = well().await;
        let until = "2026-11-29T07:00:00Z";
        peer.answers(
            "GET /app",
            says(200, &json!({ "name": "RMM of Acme" })).with("date", "Sun, 29 Nov 2026 06:00:00 GMT"),
        );
        peer.answers(
            "POST /app/installations/42/access_tokens",
            says(201, &json!({ "token": "ghs_1", "expires_at": until })),
        );
        peer.answers(INSTALLATION, reply);
        let own =
            json!({ "url": "https://rmm.example.com/hooks/github", "content_type": "json", "secret": "********" });
        peer.answers_instead(HOOKS, refuses(403, "Resource not accessible by integration"));
        peer.answers("GET /app/hook/config", says(200, &own));
        peer.answers("GET /app/hook/deliveries", deliveries(&[202]));
        stories.push(format!("# {title}\n{}", told(&peer, &app(&peer), FILE).await));
    }
    let peer = well().await;
    let refused = refuses(401, "A JSON web token could not be decoded");
    peer.answers("GET /app", refused.with("date", "Sun, 29 Nov 2026 06:00:00 GMT"));
    stories.push(format!("# it signs with another key\n{}", told(&peer, &app(&peer), FILE).await));
    insta::assert_snapshot!(stories.join("\n"));
}

#[tokio::test]
async fn without_a_login_there_is_nothing_to_ask_or_it_is_said() {
    let (head, rest) = FILE.split_once("[github]").expect("a section");
    let (_, services) = rest.split_once("[[services]]").expect("a service");
    let starting = format!("{head}[[services]]{services}");
    let workflows = "workflow = \"deploy.yaml\"\nrollback_workflow = \"back.yaml\"\n";
    let reporting = starting.replace(workflows, "");
    let nothing = doctor::github::examine(&config(&reporting), None).await;
    insta::assert_snapshot!(plain(&nothing));
}

#[tokio::test]
async fn what_is_found_is_told_in_the_readers_language() {
    let peer = well().await;
    peer.answers_instead(WORKFLOW, workflow("disabled_inactivity"));
    peer.answers_instead(BACK_TEXT, refuses(404, "Not Found"));
    peer.answers_instead(HOOKS, says(200, &json!([hook(&json!({ "events": ["push", "create"] }))])));
    peer.answers_instead(DELIVERIES, deliveries(&[401, 202]));
    let examined = doctor::github::examine(&config(FILE), Some(Ok(&peer.client()))).await;
    let ui = Ui { language: Language::Ru, ..Ui::test(110) };
    let told = examined.iter().map(|one| report(one, &ui)).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(told.replace(&peer.url, "http://peer"));
}
