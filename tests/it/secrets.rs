//! A secret of the configuration is seen by the steps that need it, and by no others.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stream::Listener;
use crate::world::{Setup, World, command_lines, commit_of};

const SECRET: &str = "hunter22-Tr0ub4dor";

fn keeper(deploy: &str) -> Setup {
    Setup::new()
        .without_migrations()
        .surface("env.SHOP_PASSWORD", "env:SHOP_SECRET")
        .surface("deploy", deploy)
        .variable("SHOP_SECRET", SECRET)
}

fn finds_it(text: impl AsRef<[u8]>) -> bool {
    text.as_ref().windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

#[tokio::test]
async fn a_secret_that_a_step_prints_is_hidden_everywhere() {
    let prints = r#"echo $$ > ../pid
        while test ! -e ../go; do sleep 0.02; done
        printf 'in pieces: %.6s' "$SHOP_PASSWORD"; sleep 0.1; printf '%s\n' "${SHOP_PASSWORD#??????}"
        echo "whole: $SHOP_PASSWORD, twice: $SHOP_PASSWORD$SHOP_PASSWORD" >&2
        test "$SHOP_PASSWORD" = "hunter22-""Tr0ub4dor" && echo "it arrived""#;
    let world = World::new(keeper(prints)).await;
    let mut listener = Listener::from(&world, "0-0").await;
    let release = world.release("v1").await;
    world.process("pid").await;

    // While the step is at work: it is in its environment and nowhere else.
    assert_eq!(world.files_with(SECRET.as_bytes()), Vec::<std::path::PathBuf>::new());
    assert!(!command_lines().iter().any(finds_it), "it stands on a command line");

    world.write("go", "");
    world.until(release, "manual_testing").await;
    world.quiet().await;
    let run = world.last_run(release).await;
    let printed = world.printed(run).await;
    assert_eq!(printed, "in pieces: •••\nwhole: •••, twice: ••••••\nit arrived\n");
    listener.until(|heard| heard.iter().any(|event| event.data["data"]["to"] == "manual_testing")).await;
    assert_eq!(listener.output(run), printed);
    for path in [
        format!("/api/v1/releases/{release}/plan"),
        format!("/api/v1/releases/{release}/runs"),
        format!("/api/v1/runs/{run}/log"),
        "/api/v1/services/shop".to_owned(),
        "/api/v1/audit".to_owned(),
    ] {
        let answer = world.operator().get(&path).await;
        assert!(!finds_it(&answer.body), "{path} shows it");
    }
    assert!(!finds_it(listener.heard_text()), "the stream shows it");
    assert!(!finds_it(world.log()), "the log shows it");
    assert_eq!(world.files_with(SECRET.as_bytes()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_secret_is_hidden_also_when_rmm_is_killed_in_the_middle_of_it() {
    let prints = r#"printf 'the password is %.9s' "$SHOP_PASSWORD"; echo $$ > ../pid
        while test ! -e ../go; do sleep 0.02; done
        printf '%s\n' "${SHOP_PASSWORD#?????????}""#;
    let world = World::new(keeper(prints)).await;
    let release = world.release("v1").await;
    world.process("pid").await;
    world.restart_after_kill().await;
    world.write("go", "");
    world.until(release, "manual_testing").await;
    assert_eq!(world.printed(world.last_run(release).await).await, "the password is •••\n");
}

#[tokio::test]
async fn a_secret_in_what_a_service_answers_is_hidden_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ill = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let body = format!("cannot log in with {SECRET}");
            let head = format!("HTTP/1.1 500 Oops\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(head.as_bytes()).await;
        }
    });
    let setup = keeper("true")
        .surface("health.url", format!("http://{address}/health"))
        .surface("health.wait", "1ms")
        .surface("health.interval", "1ms")
        .surface("health.attempts", 2);
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "stage_building_failed").await;
    ill.abort();
    let reason = world.reason(release).await;
    assert!(reason.contains("2 attempts") && reason.contains("answered 500: cannot log in with •••"), "{reason}");
    let printed = world.printed(world.last_run(release).await).await;
    assert!(printed.contains("attempt 1 of 2") && !finds_it(&printed), "{printed}");
    assert!(world.files_with(SECRET.as_bytes()).is_empty());
}

#[tokio::test]
async fn a_secret_in_the_words_of_people_and_ci_goes_no_further() {
    let world = World::new(keeper("true")).await;
    let told = json!({
        "service": "shop", "tag": "v1", "commit": commit_of("v1"), "initiated_by": "ci", "notes": format!("log in with {SECRET}"),
    });
    let made = world.ci().await.post("/api/v1/releases", &told).await.ok();
    assert_eq!(made["notes"], "log in with •••");
    world.until(made["id"].as_i64().unwrap(), "manual_testing").await;
    let reason = json!({ "reason": format!("{SECRET} is in the notes") });
    let lock = world.operator().post("/api/v1/services/shop/lock", &reason).await.ok();
    assert!(lock.to_string().contains("••• is in the notes"), "{lock}");
    let ann = world.person("ann").await;
    ann.post(&format!("/api/v1/releases/{}/reject", made["id"]), &reason).await.ok();
    assert!(world.files_with(SECRET.as_bytes()).is_empty());
}

#[tokio::test]
async fn a_step_sees_nothing_of_rmms_own_environment() {
    let setup = Setup::new()
        .without_migrations()
        .surface("deploy", "env > ../environment; echo ready > ../ready")
        .surface("env.SHOP_PASSWORD", "env:SHOP_SECRET")
        .variable("SHOP_SECRET", SECRET)
        .variable("OTHER_SECRET", "of something else");
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    world.file("ready").await;
    let environment = std::fs::read_to_string(world.path("environment")).unwrap();
    assert!(environment.contains(&format!("SHOP_PASSWORD={SECRET}\n")));
    assert!(environment.contains("RMM_TAG=v1\n") && environment.contains("RMM_ENVIRONMENT=stage\n"));
    assert!(!environment.contains("OTHER_SECRET") && !environment.contains("SHOP_SECRET"), "{environment}");
}

#[tokio::test]
async fn a_missing_secret_keeps_rmm_from_starting() {
    let world = World::without_rmm(Setup::new().surface("env.PASSWORD", "env:NOBODY_HAS_SET_THIS"));
    let (code, said) = world.try_start().await.unwrap_err();
    assert_eq!(code, Some(2));
    assert!(said.contains("`NOBODY_HAS_SET_THIS` is not set"), "{said}");
}

#[tokio::test]
async fn tokens_are_stored_hashed_and_files_are_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new(Setup::new()).await;
    let made = world.operator().post("/api/v1/tokens", &json!({ "name": "ci", "role": "ci" })).await.ok();
    let token = made["token"].as_str().unwrap();
    world.with_token(token).get("/api/v1/audit").await.refused(403, "forbidden");
    assert!(world.files_with(token.as_bytes()).is_empty());
    for file in
        ["rmm.db", "audit.key", "audit.key.head", "rmm.db.numbers", "generation", "instance", "rmm.sock", "rmm.lock"]
    {
        let mode = std::fs::metadata(world.data().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }

    // A directory that is open to others is told.
    assert!(!world.log().contains("data directory"), "{}", world.log());
    std::fs::set_permissions(world.data(), std::fs::Permissions::from_mode(0o777)).unwrap();
    world.restart_after_kill().await;
    assert!(world.log().contains("others can put files into the data directory"), "{}", world.log());
}
