//! The composite action that repositories take to speak to RMM: its script, run as a runner of GitHub runs it, against a
//! real RMM, one that is restarted meanwhile, and servers that say what RMM never would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tempfile::TempDir;

use crate::world::{Repository, SHOP, Setup, World};

const ACTION: &str = include_str!("../../assets/workflows/rmm/action.yml");
const CHECKOUT_ACTION: &str = include_str!("../../assets/workflows/rmm-checkout/action.yml");
const WORKFLOW: &str = include_str!("../../assets/workflows/on-create-version-tag.yaml");

/// The commit that the tag workflow runs on.
const COMMIT: &str = "1111111111111111111111111111111111111111";

/// The first script of a file, without its indentation.
fn script(file: &str) -> String {
    let (_, behind) = file.split_once("run: |\n").unwrap();
    let indent = behind.len() - behind.trim_start_matches(' ').len();
    let lines = behind.lines().take_while(|line| line.is_empty() || line.len() - line.trim_start().len() >= indent);
    lines.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect()
}

fn has_tools() -> bool {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok_and(|it| it.status.success());
    let all = has("curl") && has("jq");
    if !all {
        eprintln!("curl or jq is missing here: this test is skipped");
    }
    all
}

/// A job on a runner.
struct Job {
    folder: TempDir,
    env: BTreeMap<&'static str, String>,
}

/// What a step left.
#[derive(Debug)]
struct Step {
    success: bool,
    said: String,
    outputs: BTreeMap<String, String>,
}

impl Job {
    fn new(url: String, run: &str, tag: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("URL", url),
            ("SERVICE", SHOP.to_owned()),
            ("GITHUB_RUN_ID", run.to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_REPOSITORY", "YourOrg/shop".to_owned()),
            ("GITHUB_REF", format!("refs/tags/{tag}")),
            ("GITHUB_SHA", COMMIT.to_owned()),
            ("GITHUB_ACTOR", "ann-at-github".to_owned()),
            ("GITHUB_OUTPUT", folder.path().join("outputs").display().to_string()),
            // No test waits.
            ("RMM_PAUSE", "0".to_owned()),
        ]);
        Self { folder, env }
    }

    async fn of(world: &World, run: &str, tag: &str) -> Self {
        let mut job = Self::new(format!("http://{}", world.address()), run, tag);
        let made = world.operator().post("/api/v1/tokens", &json!({ "name": run, "role": "ci" })).await.ok();
        job.env.insert("TOKEN", made["token"].as_str().unwrap().to_owned());
        job
    }

    /// One step with the action, with these inputs as the environment has them.
    async fn step(&self, call: &str, inputs: &[(&str, &str)]) -> Step {
        let outputs = self.folder.path().join("outputs");
        let _ = std::fs::remove_file(&outputs);
        let mut command = tokio::process::Command::new("sh");
        command.args(["-e", "-c", &script(ACTION)]).current_dir(self.folder.path()).env_clear();
        let unset = ["TOKEN", "AUDIENCE", "RELEASE", "STATUS", "TAG", "COMMIT", "BACK_TO", "TRACEPARENT", "MASK"];
        command.envs(unset.map(|name| (name, ""))).envs(&self.env).env("CALL", call).envs(inputs.iter().copied());
        let output = command.output().await.unwrap();
        let written = std::fs::read_to_string(&outputs).unwrap_or_default();
        let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        Step {
            success: output.status.success(),
            said: String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
            outputs: written.lines().map(pair).collect(),
        }
    }

    async fn report(&self, release: &str, status: &str) -> Step {
        self.step("report", &[("RELEASE", release), ("STATUS", status)]).await.well()
    }
}

impl Step {
    fn well(self) -> Self {
        assert!(self.success, "{}", self.said);
        self
    }

    /// What the annotation of a step that failed says.
    fn refused(&self) -> &str {
        assert!(!self.success, "{}", self.said);
        let line = self.said.lines().find_map(|line| line.strip_prefix("::error title=RMM::"));
        line.unwrap_or_else(|| panic!("no annotation: {}", self.said))
    }

    fn output(&self, name: &str) -> &str {
        &self.outputs[name]
    }
}

#[tokio::test]
async fn the_action_takes_releases_to_production_and_back() {
    if !has_tools() {
        return;
    }
    let world = World::new(Setup::new().by_ci().person("bob", "member").approved_by(2, ["ann", "bob"])).await;
    let tag = Job::of(&world, "101", "v1").await;
    let registered = tag.step("register", &[]).await.well();
    assert_eq!((registered.output("release_id"), registered.output("status")), ("1", "initiated"));
    assert_eq!((registered.output("tag"), registered.output("commit")), ("v1", COMMIT));
    assert_eq!(tag.step("register", &[]).await.well().output("release_id"), "1", "the same run again");
    tag.report("1", "stage_building").await;
    let rehearsal = tag.report("1", "stage_test_rollback").await;
    assert_eq!((rehearsal.output("status"), rehearsal.output("back_to_commit")), ("manual_testing", ""));
    tag.report("1", "manual_testing").await;
    let shown = world.show(1).await;
    assert_eq!((&shown["initiator"], &shown["ci_run"]["id"]), (&json!("ann"), &json!("101")));
    assert_eq!(shown["ci_run"]["url"], "https://github.com/YourOrg/shop/actions/runs/101");

    // Production asks too early; it is told what RMM says, and only that.
    let production = Job::of(&world, "102", "v1").await;
    let ask = [("RELEASE", "1"), ("TAG", "v1")];
    let early = production.step("ask", &ask).await;
    let body = json!({ "status": "deploying" });
    let problem = world.ci().await.patch("/api/v1/releases/1", &body).await.with_status(409).problem();
    let told = early.refused();
    assert!(told.starts_with(problem["detail"].as_str().unwrap()), "{told}");
    assert!(told.contains("%0A") && told.contains("0 of 2 approved") && told.contains("ann"), "{told}");
    assert_eq!(world.status(1).await, "manual_testing");

    for person in ["ann", "bob"] {
        world.approve(person, 1).await.ok();
    }
    let allowed = production.step("ask", &ask).await.well();
    assert_eq!((allowed.output("status"), allowed.output("commit")), ("deploying", COMMIT));
    production.report("1", "deployed").await;
    assert_eq!(world.status(1).await, "deployed");

    // The second one learns what to go back to, for the rehearsal and when production is not well.
    let (tag, production) = (Job::of(&world, "103", "v2").await, Job::of(&world, "104", "v2").await);
    tag.step("register", &[("COMMIT", "2222222222222222222222222222222222222222")]).await.well();
    tag.report("2", "stage_building").await;
    let rehearsal = tag.report("2", "stage_test_rollback").await;
    assert_eq!((rehearsal.output("back_to_tag"), rehearsal.output("back_to_commit")), ("v1", COMMIT));
    tag.report("2", "manual_testing").await;
    for person in ["ann", "bob"] {
        world.approve(person, 2).await.ok();
    }
    let allowed = production.step("ask", &[("RELEASE", "2")]).await.well();
    assert_eq!(allowed.output("back_to_tag"), "v1");
    let unwell = production.report("2", "production_rollback").await;
    assert_eq!((unwell.output("status"), unwell.output("back_to_commit")), ("production_rollback", COMMIT));
    production.report("2", "rollback_done").await;
    assert_eq!(
        (world.status(2).await.as_str(), &world.show(2).await["rollback_to_tag"]),
        ("rollback_done", &json!("v1"))
    );
}

#[tokio::test]
async fn people_ask_for_a_rollback_and_its_workflow_learns_where_to() {
    if !has_tools() {
        return;
    }
    let world = World::new(Setup::new().by_ci()).await;
    for (release, run, tag) in [("1", "1", "v1"), ("2", "2", "v2")] {
        let job = Job::of(&world, run, tag).await;
        job.step("register", &[]).await.well();
        for status in ["stage_building", "stage_test_rollback", "manual_testing"] {
            job.report(release, status).await;
        }
        world.approve("ann", release.parse().unwrap()).await.ok();
        let production = Job::of(&world, &format!("production-{run}"), tag).await;
        production.step("ask", &[("RELEASE", release)]).await.well();
        production.report(release, "deployed").await;
    }
    let job = Job::of(&world, "3", "v2").await;
    let begin = |tag, to| [("RELEASE", "2"), ("STATUS", "production_rollback"), ("TAG", tag), ("BACK_TO", to)];
    let nothing = job.step("report", &begin("v2", "v1")).await;
    assert!(nothing.refused().contains("deployed"), "{}", nothing.said);

    world.person("ann").await.post("/api/v1/releases/2/rollback", &json!({ "reason": "slow" })).await.ok();
    let other = job.step("report", &begin("v1", "v1")).await;
    assert_eq!(other.refused(), "#2 is v2, and not v1");
    let elsewhere = job.step("report", &begin("v2", "v0")).await;
    assert_eq!(elsewhere.refused(), "#2 goes back to v1, and not to v0");
    let begun = job.step("report", &begin("v2", "v1")).await.well();
    assert_eq!((begun.output("back_to_tag"), begun.output("back_to_commit")), ("v1", COMMIT));
    job.report("2", "rollback_done").await;
    assert_eq!(world.status(2).await, "rollback_done");
}

#[tokio::test]
async fn what_is_to_be_masked_is_masked_before_anything_else() {
    if !has_tools() {
        return;
    }
    let job = Job::new("http://127.0.0.1:9".into(), "1", "v1");
    let mask = [("MASK", "first secret\r\n100%\n\nback\\nslash"), ("TOKEN", " rmm_token \n")];
    let said = job.step("mask", &mask).await.well().said;
    let wanted = ["first secret", "100%25", "back\\nslash", "rmm_token"].map(|it| format!("::add-mask::{it}\n"));
    assert_eq!(said, wanted.concat());
}

/// What a server was asked.
#[derive(Debug, Clone)]
struct Asked {
    path: String,
    authorization: String,
    traceparent: String,
}

/// A server of the test's own, which notes what it is asked.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// `answer`: how often it was asked before, and what for.
    async fn new<F, A>(answer: F) -> Self
    where
        F: Fn(usize, Request) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response> + Send,
    {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let noted = Arc::clone(&asked);
        let handler = move |request: Request| {
            let header =
                |name| request.headers().get(name).map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default();
            let path = request.uri().path_and_query().unwrap().to_string();
            let (authorization, traceparent) = (header("authorization"), header("traceparent"));
            let mut noted = noted.lock().unwrap();
            noted.push(Asked { path, authorization, traceparent });
            answer(noted.len() - 1, request)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await.unwrap() });
        Self { address, asked }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Hands a call on.
async fn handed_on(to: SocketAddr, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1_000_000).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{to}{}", parts.uri.path());
    let method = reqwest::Method::from_bytes(parts.method.as_str().as_bytes()).unwrap();
    let mut call = client.request(method, url).body(body.to_vec());
    for name in ["authorization", "content-type"] {
        call = call.header(name, parts.headers[name].to_str().unwrap());
    }
    let answer = call.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    (status, answer.bytes().await.unwrap().to_vec()).into_response()
}

#[tokio::test]
async fn trouble_on_the_way_is_waited_for_and_a_refusal_is_not() {
    if !has_tools() {
        return;
    }
    let world = World::new(Setup::new().by_ci()).await;
    let to = world.address();
    let proxy = Server::new(move |before, request| async move {
        match before {
            0 | 1 => (StatusCode::SERVICE_UNAVAILABLE, "no").into_response(),
            _ => handed_on(to, request).await,
        }
    })
    .await;
    let mut job = Job::of(&world, "1", "v1").await;
    job.env.insert("URL", proxy.url());
    let step = job.step("register", &[]).await.well();
    assert_eq!(step.said.matches("RMM cannot be asked now (answer 503); once more in 0 s").count(), 2, "{}", step.said);
    assert_eq!((step.output("release_id"), proxy.asked().len()), ("1", 3));

    let step = job.step("ask", &[("RELEASE", "1")]).await;
    assert!(step.refused().contains("production"), "{}", step.said);
    assert_eq!(proxy.asked().len(), 4, "a refusal is asked for once");
    let step = job.step("report", &[("RELEASE", "7"), ("STATUS", "deployed")]).await;
    assert!(step.refused().contains("#7"), "{}", step.said);
    assert_eq!(proxy.asked().len(), 5);

    // Nothing listens there at all.
    let nowhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nowhere.local_addr().unwrap();
    drop(nowhere);
    job.env.insert("URL", format!("http://{address}"));
    let step = job.step("register", &[]).await;
    assert!(step.refused().starts_with("RMM could not be asked: curl: (7)"), "{}", step.said);
    assert_eq!(step.said.matches("once more in").count(), 8);
}

#[tokio::test]
async fn without_a_token_each_try_takes_a_new_id_token_of_github() {
    if !has_tools() {
        return;
    }
    let github = Server::new(|before, _| async move {
        axum::Json(json!({ "value": format!("header.payload.{before}") })).into_response()
    })
    .await;
    let rmm = Server::new(|before, _| async move {
        if before == 0 {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        axum::Json(json!({ "id": 12, "status": "deploying", "tag": "v1", "goes_back_to": null })).into_response()
    })
    .await;
    let mut job = Job::new(format!("{}/", rmm.url()), "1", "v1");
    job.env.insert("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?api-version=2.0", github.url()));
    job.env.insert("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token".into());
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let step = job.step("ask", &[("RELEASE", "12"), ("TRACEPARENT", parent)]).await.well();
    assert_eq!((step.output("release_id"), step.output("commit")), ("12", ""));
    let audience = format!("/token?api-version=2.0&audience=http%3A%2F%2F127.0.0.1%3A{}", rmm.address.port());
    assert!(github.asked().iter().all(|it| it.path == audience && it.authorization == "Bearer request-token"));
    let asked = rmm.asked();
    let tokens: Vec<_> = asked.iter().map(|it| it.authorization.as_str()).collect();
    assert_eq!(tokens, ["Bearer header.payload.0", "Bearer header.payload.1"]);
    assert!(asked.iter().all(|it| it.path == "/api/v1/releases/12" && it.traceparent == parent), "{asked:?}");
    for token in ["header.payload.0", "header.payload.1"] {
        assert!(step.said.contains(&format!("::add-mask::{token}\n")), "{}", step.said);
    }

    let mut job = Job::new(rmm.url(), "1", "v1");
    assert!(job.step("ask", &[("RELEASE", "12")]).await.refused().contains("id-token: write"));
    let refusing = Server::new(|_, _| async { StatusCode::FORBIDDEN.into_response() }).await;
    job.env.insert("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?", refusing.url()));
    job.env.insert("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token".into());
    assert!(job.step("ask", &[("RELEASE", "12")]).await.refused().contains("id-token: write"));
    assert_eq!((refusing.asked().len(), rmm.asked().len()), (1, 2));
}

#[tokio::test]
async fn only_rmm_itself_says_that_a_release_may_go_on() {
    if !has_tools() {
        return;
    }
    let about = |id: u32, status: &str| json!({ "id": id, "status": status, "tag": "v1" }).to_string();
    let not_rmm = "is not RMM, or something before it answers; it says";
    for (status, body, said) in [
        (200, String::new(), format!("{not_rmm} 200: an empty body")),
        (204, String::new(), format!("{not_rmm} 204: an empty body")),
        (202, "{}".to_owned(), format!("{not_rmm} 202: {{}}")),
        (200, "null".to_owned(), format!("{not_rmm} 200: null")),
        (200, "\"ok\"".to_owned(), format!("{not_rmm} 200: \"ok\"")),
        (200, "<html>soon</html>".to_owned(), format!("{not_rmm} 200: <html>soon</html>")),
        (200, "{\"id\":1".to_owned(), format!("{not_rmm} 200: {{\"id\":1")),
        (200, about(1, "deploying").repeat(2), format!("{not_rmm} 200: ")),
        (200, about(7, "deploying"), "speaks of #7, and not of #1".to_owned()),
        (200, about(1, "manual_testing"), "#1 may not go to production: RMM says that it is manual_testing".to_owned()),
        (401, String::new(), "answers 401: an empty body".to_owned()),
        (403, "{}".to_owned(), "answers 403: {}".to_owned()),
        (403, "<html>no</html>".to_owned(), "answers 403: <html>no</html>".to_owned()),
    ] {
        let answer = body.clone();
        let server = Server::new(move |_, _| {
            let answer = answer.clone();
            async move { (StatusCode::from_u16(status).unwrap(), answer).into_response() }
        })
        .await;
        let mut job = Job::new(server.url(), "1", "v1");
        job.env.insert("TOKEN", "rmm_x".into());
        let step = job.step("ask", &[("RELEASE", "1")]).await;
        assert!(step.refused().contains(&said), "{status} {body}: {}", step.said);
        assert!(step.outputs.is_empty(), "{status} {body}: {:?}", step.outputs);
    }
}

#[tokio::test]
async fn an_answer_cannot_speak_to_the_runner() {
    if !has_tools() {
        return;
    }
    let hostile = "no\n::add-mask::a\r\n::error::b\\n::warning::c %0A";
    let server = Server::new(move |before, _| async move {
        let body = match before {
            0 => json!({ "detail": hostile }).to_string(),
            1 => format!("<html>\n{hostile}"),
            _ => {
                let (tag, status) = ("v1\nrelease_id=666", "deploying\n::error::d");
                return axum::Json(json!({ "id": 1, "status": status, "tag": tag })).into_response();
            }
        };
        (StatusCode::CONFLICT, body).into_response()
    })
    .await;
    let mut job = Job::new(server.url(), "1", "v1");
    job.env.insert("TOKEN", "rmm_x".into());
    for _ in 0..2 {
        let step = job.step("ask", &[("RELEASE", "1")]).await;
        assert!(step.refused().contains("no%0A::add-mask::a%0D%0A::error::b\\n::warning::c %250A"), "{}", step.said);
        let commands = step.said.lines().filter(|line| line.starts_with("::")).count();
        assert_eq!(commands, 3, "the token, that http:// is open, the refusal: {}", step.said);
    }
    let step = job.report("1", "deploying").await;
    assert_eq!((step.output("release_id"), step.output("tag")), ("1", "v1release_id=666"));
    assert!(step.said.ends_with("RMM: #1 v1release_id=666 is deploying::error::d\n"), "{}", step.said);
    for release in ["", "1/../2", "one", "1;"] {
        assert!(job.step("ask", &[("RELEASE", release)]).await.refused().contains("number of a release"));
    }
    assert_eq!(server.asked().len(), 3);
}

/// The checkouts, from a repository on this machine.
#[tokio::test]
async fn the_code_is_checked_out_and_no_credentials_stay() {
    let folder = tempfile::tempdir().unwrap();
    let remote = Repository::in_folder(&folder.path().join("remote"));
    let (first, second) = (remote.tag("v1", "one"), remote.tag("v2", "two"));
    let workspace = folder.path().join("workspace");
    std::fs::create_dir(&workspace).unwrap();
    std::fs::write(workspace.join("left-behind"), "by another job").unwrap();
    let run = |script: &str, env: &[(&str, &str)]| {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", script]).current_dir(&workspace).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder.path());
        command
            .env("GITHUB_SERVER_URL", format!("file://{}", folder.path().display()))
            .env("GITHUB_REPOSITORY", "remote");
        command.env("GITHUB_SHA", &second).env("TOKEN", "ghs_secret").envs(env.iter().copied());
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (success, said) = run(&script(WORKFLOW), &[]);
    assert!(success, "{said}");
    assert!(!workspace.join("left-behind").exists());
    for (commit, path) in [(&second, "release"), (&first, "before")] {
        let (success, said) = run(&script(CHECKOUT_ACTION), &[("COMMIT", commit), ("FOLDER", path)]);
        assert!(success, "{said}");
    }
    let read = |path: &str| std::fs::read_to_string(workspace.join(path)).unwrap();
    assert_eq!(["version", "release/version", "before/version"].map(read), ["two", "two", "one"]);
    let config = read(".git/config");
    assert!(!config.contains("extraHeader") && !config.contains("ghs_secret"), "{config}");
    for commit in ["", "--upload-pack=x", "v1"] {
        let (success, said) = run(&script(CHECKOUT_ACTION), &[("COMMIT", commit), ("FOLDER", "x")]);
        assert!(!success && said.contains("::error title=RMM::the commit"), "{said}");
    }
}
