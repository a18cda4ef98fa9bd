//! A GitHub App: what it signs, and the tokens that it gets.

use jiff::SignedDuration;

use super::*;
use crate::clients::jose::testing::{components, pem};
use crate::clients::jose::{SigningKey, decode, public_key, signature_only};
use crate::domain::reason::Reason;
use crate::wording::Language;

const INSTALLATION: &str = "GET /repos/acme/shop/installation";
const TOKENS: &str = "POST /app/installations/42/access_tokens";
const RUN: &str = "GET /repos/acme/shop/actions/runs/4711";

fn app(peer: &Peer) -> GitHub {
    peer.client_as(Credentials::App { id: "7".into(), key: SigningKey::from_pem(pem()).unwrap() })
}

/// GitHub where the App is installed; its tokens end after an hour.
async fn installed() -> Peer {
    let peer = Peer::start().await;
    peer.answers(INSTALLATION, says(200, &json!({ "id": 42 })));
    peer.answers(RUN, says(200, &run_at("queued", Value::Null)));
    give(&peer, "ghs_first");
    peer
}

/// The next token.
fn give(peer: &Peer, token: &str) {
    let until = peer.now() + SignedDuration::from_hours(1);
    peer.answers(TOKENS, says(201, &json!({ "token": token, "expires_at": until, "permissions": {} })));
}

/// Who asked what, in order.
fn told(peer: &Peer) -> Vec<(String, String)> {
    let name = |asked: super::super::peer::Asked| {
        let who = asked.all("authorization").concat();
        let who = if who.contains("ghs_") { who.replace("Bearer ", "") } else { "the App".to_owned() };
        (asked.line, who)
    };
    peer.asked().into_iter().map(name).collect()
}

fn times(peer: &Peer, line: &str) -> usize {
    peer.lines().iter().filter(|asked| *asked == line).count()
}

#[tokio::test]
async fn an_app_gets_a_token_for_the_repository_and_keeps_it() {
    let peer = installed().await;
    let github = app(&peer);
    github.run(&repo(), 4711).await.unwrap();
    github.run(&repo(), 4711).await.unwrap();
    let of = |line: &str, who: &str| (line.to_owned(), who.to_owned());
    assert_eq!(
        told(&peer),
        [of(INSTALLATION, "the App"), of(TOKENS, "the App"), of(RUN, "ghs_first"), of(RUN, "ghs_first")]
    );
    assert_eq!(peer.asked()[1].body, json!({ "repositories": ["shop"] }), "of no use for other repositories");

    let signed = peer.asked()[0].all("authorization").concat().replace("Bearer ", "");
    let (n, e) = components(pem());
    let claims = decode::<Value>(&signed, &public_key(&n, &e).unwrap(), &signature_only()).unwrap().claims;
    let now = peer.now().as_second();
    assert_eq!(claims, json!({ "iss": "7", "iat": now - 60, "exp": now + 540 }));
}

#[tokio::test]
async fn a_token_is_renewed_a_minute_before_its_end() {
    let peer = installed().await;
    let github = app(&peer);
    let start = peer.now();
    github.run(&repo(), 4711).await.unwrap();
    give(&peer, "ghs_second");
    peer.set_time(start + SignedDuration::from_secs(3539));
    github.run(&repo(), 4711).await.unwrap();
    assert_eq!(told(&peer).last().unwrap().1, "ghs_first");
    peer.set_time(start + SignedDuration::from_secs(3540));
    // The first one is answered once more by this peer.
    github.run(&repo(), 4711).await.unwrap();
    assert_eq!(times(&peer, TOKENS), 2);
}

#[tokio::test]
async fn many_who_want_a_token_fetch_it_once() {
    let peer = installed().await;
    let github = app(&peer);
    let shop = repo();
    let all = (0..20).map(|_| github.run(&shop, 4711));
    for found in futures_util::future::join_all(all).await {
        found.unwrap();
    }
    assert_eq!((times(&peer, TOKENS), times(&peer, INSTALLATION), times(&peer, RUN)), (1, 1, 20));
}

#[tokio::test]
async fn a_token_that_github_does_not_take_any_more_is_fetched_anew() {
    let peer = installed().await;
    let github = app(&peer);
    github.run(&repo(), 4711).await.unwrap();
    peer.answers(RUN, refuses(401, "Bad credentials"));
    peer.answers(RUN, says(200, &run_at("completed", json!("failure"))));
    github.run(&repo(), 4711).await.unwrap();
    let run = github.run(&repo(), 4711).await.unwrap();
    assert_eq!(run.conclusion, Some(Conclusion::Failure));
    assert_eq!(times(&peer, TOKENS), 2);
}

#[tokio::test]
async fn where_its_tokens_are_of_no_use_the_app_is_to_be_looked_at_and_not_the_key_token() {
    let peer = installed().await;
    let github = app(&peer);
    // Neither the first one nor the one that it fetches then.
    peer.answers_instead(RUN, refuses(401, "Bad credentials"));
    let fault = github.run(&repo(), 4711).await.unwrap_err();
    assert_eq!(fault, GithubFault::AppUnauthorized { said: Some("Bad credentials".into()) });
    for said in [Language::En, Language::Ru].map(|language| language.reason(&Reason::Github { fault: fault.clone() })) {
        assert!(said.contains("Settings, GitHub Apps, Configure") && !said.contains("`token`"), "{said}");
    }
}

#[tokio::test]
async fn an_app_that_is_not_installed_or_not_believed_is_told_so() {
    let peer = Peer::start().await;
    let github = app(&peer);
    let dispatch = || async { github.dispatch(&repo(), "deploy.yml", "main", &BTreeMap::new()).await };
    let fault = GithubFault::AppNotInstalled { repo: repo() };
    assert_eq!(dispatch().await, Dispatched::Refused(fault));
    peer.answers(INSTALLATION, refuses(401, "A JSON web token could not be decoded"));
    let fault = GithubFault::AppRefused { said: Some("A JSON web token could not be decoded".into()) };
    assert_eq!(dispatch().await, Dispatched::Refused(fault.clone()));
    peer.answers("GET /app", refuses(401, "A JSON web token could not be decoded"));
    assert_eq!(github.meet().await.who, Err(fault));
}

#[tokio::test]
async fn without_a_token_nothing_was_started() {
    let peer = Peer::start().await;
    peer.answers(INSTALLATION, refuses(502, "Server Error"));
    let dispatched = app(&peer).dispatch(&repo(), "deploy.yml", "main", &BTreeMap::new()).await;
    let fault = GithubFault::Server { status: 502, said: Some("Server Error".into()) };
    assert_eq!(dispatched, Dispatched::Later { fault, after: None });
    assert_eq!(peer.lines(), [INSTALLATION]);
}

#[tokio::test]
async fn no_secret_gets_into_a_text() {
    let peer = installed().await;
    let github = app(&peer);
    github.run(&repo(), 4711).await.unwrap();
    peer.answers(TOKENS, says(201, &json!({ "token": "ghs_first", "expires_at": 7 })));
    let odd = app(&peer);
    peer.set_time(peer.now() + SignedDuration::from_hours(2));
    let _ = odd.run(&repo(), 4711).await;
    let fault = odd.run(&repo(), 4711).await.unwrap_err();
    assert_eq!(fault, GithubFault::Unreadable { said: "`expires_at` has another type or is missing".into() });
    for text in [format!("{github:?}"), format!("{:?}", Credentials::Token("ghs_first".into())), format!("{fault:?}")] {
        assert!(!text.contains("ghs_"), "{text}");
    }
}

#[tokio::test]
async fn an_app_tells_its_name_and_permissions() {
    let peer = Peer::start().await;
    peer.answers(
        "GET /app",
        says(
            200,
            &json!({ "id": 7, "name": "RMM of acme", "permissions": { "actions": "write", "metadata": "read" } }),
        ),
    );
    let me = app(&peer).meet().await.who.unwrap();
    assert_eq!((me.name.as_str(), me.is_app, me.permissions["actions"].as_str()), ("RMM of acme", true, "write"));
    let deliveries = "GET /app/hook/deliveries";
    peer.answers(deliveries, says(200, &json!([])));
    assert_eq!(app(&peer).deliveries(&HookPlace::App, None).await.unwrap().deliveries, []);
}
