//! Secrets of every kind, in their usual spellings, reach nothing that people or programs can read.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use toml::{Table, Value};

use crate::alerts::{Model, with_alerts};
use crate::collector::{Collector, Manner};
use crate::story::set;
use crate::telegram::TOKEN;
use crate::traced::exporting;
use crate::world::Browser;

/// The variable of the environment that holds each secret, and the secret.
const CANARIES: [(&str, &str); 4] = [
    ("OF_THE_STEP", "canary/of+the.step!"),
    ("OF_GITHUB", "canary/of+GitHub=7"),
    ("OF_THE_HOST", "canary of the <host> & more"),
    ("OF_THE_MODEL", "canary-of-the-model/1"),
];

/// As it is, and as programs write it.
fn spellings(secret: &str) -> [String; 3] {
    let in_an_address = serde_urlencoded::to_string([("", secret)]).unwrap();
    [secret.to_owned(), BASE64_STANDARD.encode(secret), in_an_address.trim_start_matches('=').to_owned()]
}

// The peers answer while a command of RMM is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_any_kind_comes_out_of_any_door() {
    let secrets = || CANARIES.iter().map(|(_, secret)| *secret).chain([TOKEN]);
    let (model, url) = Model::saying("the disk is full").await;
    let collector = Collector::start(Manner::Takes).await;
    let (world, alerts) = with_alerts(
        |setup| {
            let setup = CANARIES.iter().fold(setup, |setup, (name, secret)| setup.variable(name, *secret));
            // A step that has got hold of all of them, and shows them.
            let setup = setup.surface("env.DB", "env:OF_THE_STEP").surface("deploy", "cat ../canaries >&2; exit 3");
            exporting(setup.variable("OTEL_LOGS_EXPORTER", "otlp"), &collector)
        },
        |config| {
            set(config, "ai.url", url);
            set(config, "ai.model", "m");
            set(config, "ai.key", "env:OF_THE_MODEL");
            set(config, "github.token", "env:OF_GITHUB");
            set(config, "github.api_url", "http://127.0.0.1:9");
            let host =
                [("name", "one"), ("address", "127.0.0.1:9"), ("user", "deploy"), ("password", "env:OF_THE_HOST")];
            let host: Table = host.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect();
            set(config, "hosts", Value::Array(vec![host.into()]));
        },
    )
    .await;
    world.rmm.write("canaries", &secrets().flat_map(spellings).collect::<Vec<_>>().join("\n"));
    let token = json!({ "name": "canary", "role": "admin", "person": "ann" });
    let token = world.rmm.operator().post("/api/v1/tokens", &token).await.ok()["token"].as_str().unwrap().to_owned();
    let caller = world.rmm.with_token(token.as_str());

    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "stage_building_failed").await;
    alerts.shows("A guess by m").await;
    world.all_is_told().await;
    let run = world.rmm.last_run(release).await;
    let mut doors = vec![
        ("the team's chat".to_owned(), world.team.transcript()),
        ("the chat for alerts".to_owned(), alerts.transcript()),
        ("what the model was asked".to_owned(), model.questions().join("\n")),
    ];
    let lock = json!({ "reason": secrets().collect::<Vec<_>>().join(" ") });
    doors.push(("a lock".into(), caller.post("/api/v1/services/shop/lock", &lock).await.text()));
    for path in [
        "/metrics".to_owned(),
        "/readyz".to_owned(),
        "/api/v1/audit".to_owned(),
        "/api/v1/backups".to_owned(),
        "/api/v1/services/shop".to_owned(),
        format!("/api/v1/releases/{release}"),
        format!("/api/v1/releases/{release}/runs"),
        format!("/api/v1/releases/{release}/plan"),
        format!("/api/v1/runs/{run}/log"),
    ] {
        let answer = caller.get(&path).await.text();
        doors.push((path, answer));
    }
    let mut ann = Browser::signed_in(&world.rmm, Some("ann")).await;
    for path in ["/", "/settings", "/services/shop", "/hosts", "/audit", "/tokens"]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("/releases/{release}"), format!("/runs/{run}")])
    {
        let page = ann.open(&path).await;
        assert_eq!(page.status, 200, "{path}");
        doors.push((format!("the page {path}"), page.html));
    }
    for command in [
        vec!["check", "--config", "rmm.toml"],
        vec!["doctor"],
        vec!["host", "check", "one"],
        vec!["backup", "copy.db"],
        vec!["backup", "status"],
        vec!["release", "show", "1"],
        vec!["release", "logs", "1"],
    ] {
        let (_, said) = world.rmm.rmm(&command);
        doors.push((format!("rmm {}", command.join(" ")), said));
    }
    world.rmm.terminate().await;
    doors.push(("the log".into(), world.rmm.log()));

    assert!(doors.iter().any(|(_, said)| said.contains("•••")), "the step has shown nothing");
    for secret in secrets().flat_map(spellings).chain([token]) {
        for (door, said) in &doors {
            assert!(!said.contains(&secret), "{door} shows {secret}:\n{said}");
        }
        assert!(!collector.has(&secret), "the collector has {secret}");
        assert_eq!(world.rmm.files_with(secret.as_bytes()), Vec::<std::path::PathBuf>::new(), "{secret}");
    }
}
