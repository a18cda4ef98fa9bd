//! What became of a dispatch is told so that the caller knows whether it may ask again.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;

const DISPATCH: &str = "POST /repos/acme/shop/actions/workflows/deploy.yml/dispatches";

fn inputs() -> BTreeMap<String, String> {
    BTreeMap::from([("run_id".to_owned(), "rmm-12-x7".to_owned())])
}

async fn dispatch(github: &GitHub) -> Dispatched {
    github.dispatch(&repo(), "deploy.yml", "v1.4.0", &inputs()).await
}

/// What a dispatch becomes that is answered like this, and that nothing was asked twice.
async fn answered(reply: Reply) -> Dispatched {
    let peer = Peer::start().await;
    peer.answers(DISPATCH, reply);
    let dispatched = dispatch(&hasty(&peer)).await;
    assert_eq!(peer.lines().iter().filter(|line| *line == DISPATCH).count(), 1, "asked once");
    dispatched
}

fn details() -> Reply {
    let url = "https://github.com/acme/shop/actions/runs/4711";
    says(200, &json!({ "workflow_run_id": 4711, "run_url": "https://api.github.com/x", "html_url": url }))
}

const NO_RUN: Dispatched = Dispatched::Accepted { run: None, url: None };

#[tokio::test]
async fn github_is_asked_for_the_run_and_tells_it() {
    let peer = Peer::start().await;
    peer.answers(DISPATCH, details());
    let url = "https://github.com/acme/shop/actions/runs/4711".to_owned();
    assert_eq!(dispatch(&peer.client()).await, Dispatched::Accepted { run: Some(4711), url: Some(url) });
    let [asked] = &peer.asked()[..] else { panic!("one question") };
    assert_eq!(asked.body, json!({ "ref": "v1.4.0", "inputs": { "run_id": "rmm-12-x7" }, "return_run_details": true }));
    assert_eq!(asked.all("authorization"), [format!("Bearer {TOKEN}")]);
    assert_eq!(asked.all("user-agent"), [concat!("rmm/", env!("CARGO_PKG_VERSION"))]);
    assert_eq!(asked.all("x-github-api-version"), ["2022-11-28"]);
    assert_eq!(asked.all("accept"), ["application/vnd.github+json"]);
    assert_eq!(asked.all("content-length").len(), 1);
}

#[tokio::test]
async fn an_answer_without_a_run_is_taken_as_well() {
    for reply in [nothing(204), nothing(200), says(200, &json!({})), says(200, &json!({ "workflow_run_id": 0 }))] {
        assert_eq!(answered(reply.clone()).await, NO_RUN, "{reply:?}");
    }
}

#[tokio::test]
async fn an_older_server_is_asked_without_what_it_does_not_know_and_not_asked_again_for_it() {
    for status in [400, 422] {
        let peer = Peer::start().await;
        peer.answers(DISPATCH, refuses(status, "\"return_run_details\" is not a permitted key."));
        peer.answers(DISPATCH, nothing(204));
        let github = peer.client();
        assert_eq!([dispatch(&github).await, dispatch(&github.clone()).await], [NO_RUN, NO_RUN]);
        let with: Vec<_> = peer.asked().iter().map(|asked| asked.body.get("return_run_details").is_some()).collect();
        assert_eq!(with, [true, false, false]);
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_change() {
    use GithubFault as F;
    let workflow = || "deploy.yml".to_owned();
    let of = |said: &str| Some(said.to_owned());
    for (reply, fault) in [
        (refuses(401, "Bad credentials"), F::Unauthorized { said: of("Bad credentials") }),
        (
            refuses(403, "Resource not accessible by personal access token")
                .with("x-accepted-github-permissions", "actions=write")
                .with("x-ratelimit-remaining", 4711),
            F::Forbidden { said: of("Resource not accessible by personal access token"), needs: of("actions=write") },
        ),
        (
            refuses(403, "Must have admin rights to Repository.").with("x-accepted-oauth-scopes", "repo"),
            F::Forbidden { said: of("Must have admin rights to Repository"), needs: of("repo") },
        ),
        (
            refuses(403, "Resource protected by organization SAML enforcement.")
                .with("x-github-sso", "required; url=https://github.com/orgs/acme/sso?authorization_request=A"),
            F::SignOn { url: of("https://github.com/orgs/acme/sso?authorization_request=A") },
        ),
        (
            refuses(422, "Workflow does not have 'workflow_dispatch' trigger"),
            F::NoDispatchTrigger { repo: repo(), workflow: workflow(), git_ref: "v1.4.0".into() },
        ),
        (refuses(422, "No ref found for: v1.4.0"), F::NoRef { repo: repo(), git_ref: "v1.4.0".into() }),
        (
            refuses(422, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"),
            F::WorkflowDisabled { repo: repo(), workflow: workflow() },
        ),
        (
            refuses(403, "Workflow is disabled").with("x-accepted-github-permissions", "actions=write"),
            F::WorkflowDisabled { repo: repo(), workflow: workflow() },
        ),
        (
            refuses(422, "Unexpected inputs provided: [\"run_id\"]"),
            F::UnknownInput { workflow: workflow(), said: "Unexpected inputs provided: [\"run_id\"]".into() },
        ),
        (
            refuses(422, "Required input 'env' not provided"),
            F::UnknownInput { workflow: workflow(), said: "Required input 'env' not provided".into() },
        ),
        (
            refuses(422, "you may only define up to 10 `inputs` for a `workflow_dispatch` event"),
            F::TooManyInputs {
                workflow: workflow(),
                said: "you may only define up to 10 `inputs` for a `workflow_dispatch` event".into(),
            },
        ),
        (refuses(422, "Another day"), F::Invalid { status: 422, said: of("Another day") }),
        (
            says(422, &json!({ "message": "Validation Failed", "errors": [{ "message": "ref is bad" }, "and so on"] })),
            F::Invalid { status: 422, said: of("Validation Failed: ref is bad; and so on") },
        ),
        (nothing(410), F::Invalid { status: 410, said: None }),
    ] {
        assert_eq!(answered(reply).await, Dispatched::Refused(fault));
    }
}

#[tokio::test]
async fn of_a_404_it_is_found_out_what_is_missing() {
    let peer = Peer::start().await;
    let what = Sought::Repository { repo: repo() };
    assert_eq!(dispatch(&peer.client()).await, Dispatched::Refused(GithubFault::NotFound { what }));
    peer.answers(
        "GET /repos/acme/shop",
        says(
            200,
            &json!({ "id": 1, "full_name": "acme/shop", "default_branch": "main", "permissions": { "push": true } }),
        ),
    );
    let fault = GithubFault::NoWorkflow { repo: repo(), workflow: "deploy.yml".into() };
    assert_eq!(dispatch(&peer.client()).await, Dispatched::Refused(fault));
}

#[tokio::test]
async fn where_the_run_may_exist_it_is_said_so() {
    use GithubFault as F;
    let says_so = |reply| async move {
        let dispatched = answered(reply).await;
        let Dispatched::Unclear(fault) = dispatched else { panic!("{dispatched:?}") };
        fault
    };
    let said = Some("Server Error".to_owned());
    assert_eq!(says_so(refuses(502, "Server Error")).await, F::Server { status: 502, said });
    assert_eq!(says_so(nothing(500)).await, F::Server { status: 500, said: None });
    let to = "https://elsewhere.example.com/".to_owned();
    let moved = nothing(307).with("location", &to);
    assert_eq!(says_so(moved).await, F::Redirected { status: 307, to: Some(to) });
    let page = Reply::Says { status: 200, headers: Vec::new(), body: "<html>log in, hunter22</html>".into() };
    assert_eq!(says_so(page).await, F::Unreadable { said: "`.` is no JSON".into() });
    assert!(matches!(says_so(Reply::Never).await, F::Late { .. }));
    assert!(matches!(says_so(Reply::Cut).await, F::Cut { .. }));
    assert!(matches!(says_so(nothing(408)).await, F::Invalid { status: 408, .. }));
}

#[tokio::test]
async fn a_line_that_is_cut_before_the_answer_leaves_it_open() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer::start().await.at(format!("http://{}", listener.local_addr().unwrap()));
    let cut = tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            connections += 1;
            let mut bytes = [0; 4096];
            assert!(stream.read(&mut bytes).await.unwrap() > 0);
            drop(stream);
            if connections == 1 {
                return listener;
            }
        }
        unreachable!("a listener goes on")
    });
    let dispatched = dispatch(&peer.client()).await;
    assert!(matches!(dispatched, Dispatched::Unclear(GithubFault::Cut { .. })), "{dispatched:?}");
    let listener = cut.await.unwrap();
    let again = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(again.is_err(), "it was not asked again");
}

#[tokio::test]
async fn an_endless_answer_does_not_fill_the_memory() {
    let peer = Peer::start().await;
    peer.answers(DISPATCH, Reply::Endless);
    let dispatched = dispatch(&peer.client()).await;
    assert_eq!(dispatched, Dispatched::Unclear(GithubFault::TooLong { limit: 4 * 1024 * 1024 }));
    // The rest is what lies in the buffers between both.
    assert!(peer.megabytes_sent() < 64, "{} MB were taken", peer.megabytes_sent());
}

#[tokio::test]
async fn what_was_certainly_not_done_can_be_asked_for_later() {
    use GithubFault as F;
    let now = Peer::start().await.now();
    let minute = Duration::from_secs(60);
    let in_a_minute = now + minute;
    for (reply, until, after) in [
        (
            refuses(403, "API rate limit exceeded for user ID 7.")
                .with("x-ratelimit-remaining", 0)
                .with("x-ratelimit-reset", in_a_minute.as_second()),
            Some(in_a_minute),
            Some(minute),
        ),
        (
            refuses(403, "You have exceeded a secondary rate limit.").with("retry-after", 60),
            Some(in_a_minute),
            Some(minute),
        ),
        (refuses(403, "You have exceeded a secondary rate limit."), Some(in_a_minute), Some(minute)),
    ] {
        let Dispatched::Later { fault: F::RateLimited { until: told, said: Some(_) }, after: waits } =
            answered(reply).await
        else {
            panic!("a limit")
        };
        assert_eq!((told, waits), (until, after));
    }
}

#[tokio::test]
async fn a_limit_that_may_be_a_gateways_leaves_open_whether_it_was_done() {
    let in_a_minute = Peer::start().await.now() + Duration::from_secs(60);
    for reply in [refuses(429, "slow down"), refuses(429, "slow down").with("retry-after", 60)] {
        let Dispatched::Unclear(GithubFault::RateLimited { until, .. }) = answered(reply).await else {
            panic!("it is to be looked for");
        };
        assert_eq!(until, Some(in_a_minute));
    }
}

#[tokio::test]
async fn a_closed_door_is_certainly_not_a_dispatch() {
    let peer = Peer::start().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let peer = peer.at(format!("http://{closed}"));
    let dispatched = dispatch(&peer.client()).await;
    let Dispatched::Later { fault, after: None } = dispatched else { panic!("{dispatched:?}") };
    let said = crate::wording::english(&fault.into());
    assert_eq!(
        said,
        format!("http://{closed} could not be reached: {closed} refuses the connection: nothing listens there")
    );

    let peer = peer.at("http://rmm.invalid".into());
    let dispatched = dispatch(&peer.client()).await;
    assert!(matches!(dispatched, Dispatched::Later { fault: GithubFault::Unreached { .. }, .. }), "{dispatched:?}");
}

#[tokio::test]
async fn a_server_that_nothing_vouches_for_gets_no_token() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let chain = vec![key.cert.der().clone()];
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
            }
        }
    });
    let peer = Peer::start().await.at(url);
    let dispatched = dispatch(&peer.client()).await;
    assert!(
        matches!(dispatched, Dispatched::Later { fault: GithubFault::Untrusted { .. }, after: None }),
        "{dispatched:?}"
    );
    let trusting =
        Settings { ca: Some(key.cert.pem()), ..peer.settings(Credentials::Token(SecretString::from(TOKEN))) };
    assert_eq!(dispatch(&GitHub::new(trusting).unwrap()).await, NO_RUN);
}
