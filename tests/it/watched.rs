//! What Prometheus sees of RMM, and what RMM hands out for it: figures, alert rules, dashboards.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::world::{SHOP, Setup, World, eventually};

/// What only steps of the shop may know.
const SECRET: &str = "canary-7Hq2-of-the-shop";

/// An answer of `/metrics`.
struct Figures(String);

impl Figures {
    async fn of(world: &World) -> Self {
        Self(world.operator().get("/metrics").await.with_status(200).text())
    }

    /// The value of a series as it is written, labels included.
    fn value(&self, series: &str) -> Option<f64> {
        self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    fn is(&self, series: &str, value: f64) -> bool {
        self.value(series) == Some(value)
    }

    /// Names and labels of all series.
    fn series(&self) -> BTreeSet<&str> {
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect()
    }

    /// The names of all figures, those without a value included.
    fn names(&self) -> BTreeSet<&str> {
        let types = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.filter_map(|line| line.split(' ').next()).collect()
    }
}

fn runs(environment: &str, kind: &str, outcome: &str) -> String {
    format!("rmm_runs_total{{service=\"{SHOP}\",environment=\"{environment}\",kind=\"{kind}\",outcome=\"{outcome}\"}}")
}

fn of_shop(name: &str) -> String {
    format!("{name}{{service=\"{SHOP}\"}}")
}

#[tokio::test]
async fn a_release_s_life_moves_the_figures_and_a_restart_loses_no_run() {
    let setup = Setup::new().surface("env.SHOP_PASSWORD", "env:SHOP_SECRET").variable("SHOP_SECRET", SECRET);
    let world = World::new(setup).await;
    let before = Figures::of(&world).await;
    assert!(before.is("rmm_ready", 1.0) && before.is("rmm_backup_last_timestamp_seconds", 0.0), "{}", before.0);
    assert_eq!(world.stranger().get("/metrics").await.status, 401);

    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let waiting = Figures::of(&world).await;
    assert!(
        waiting.is("rmm_releases_active{service=\"shop\",status=\"manual_testing\"} ".trim_end(), 1.0),
        "{}",
        waiting.0
    );
    world.approve("ann", release).await.ok();
    world.until(release, "deployed").await;
    let figures = eventually("the deploy is counted", async || {
        let figures = Figures::of(&world).await;
        figures.is(&runs("production", "deploy", "succeeded"), 1.0).then_some(figures)
    })
    .await;
    for (series, value) in [
        (runs("stage", "deploy", "succeeded"), 1.0),
        (runs("production", "deploy", "failed"), 0.0),
        (of_shop("rmm_releases_created_total"), 1.0),
        (of_shop("rmm_release_lead_time_seconds_count"), 1.0),
        ("rmm_release_phase_duration_seconds_count{phase=\"manual_testing\"}".to_owned(), 1.0),
        ("rmm_environment_locked{service=\"shop\",environment=\"production\"}".to_owned(), 0.0),
        ("rmm_runs_in_progress{state=\"running\"}".to_owned(), 0.0),
    ] {
        assert!(figures.is(&series, value), "{series} is not {value}: {}", figures.0);
    }
    assert!(!figures.series().iter().any(|series| series.contains("v1\"")), "a tag is no label: {}", figures.0);
    assert!(!figures.0.contains(SECRET));

    assert_eq!(world.rmm(&["backup", "copy.db"]).0, Some(0));
    assert_eq!(world.rmm(&["service", "lock", SHOP, "--reason", "a look"]).0, Some(0));
    world.restart_after_kill().await;
    let again = eventually("the record is read again", async || {
        let figures = Figures::of(&world).await;
        figures.is(&runs("production", "deploy", "succeeded"), 1.0).then_some(figures)
    })
    .await;
    assert!(again.is(&of_shop("rmm_release_lead_time_seconds_count"), 1.0), "{}", again.0);
    assert!(again.is("rmm_environment_locked{service=\"shop\",environment=\"production\"}", 1.0), "{}", again.0);
    assert!(again.value("rmm_backup_last_timestamp_seconds").is_some_and(|at| at > 1e9), "{}", again.0);
}

#[tokio::test]
async fn a_failed_run_is_counted_and_services_that_have_left_are_one() {
    let setup = Setup::new().without_migrations().surface("deploy", "exit 3").another_service("blog");
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "stage_building_failed").await;
    let figures = eventually("the failure is counted", async || {
        let figures = Figures::of(&world).await;
        figures.is(&runs("stage", "deploy", "failed"), 1.0).then_some(figures)
    })
    .await;
    let changes = "rmm_release_status_changes_total{service=\"shop\",status=\"stage_building_failed\"}";
    assert!(figures.is(changes, 1.0) && figures.is(&runs("stage", "deploy", "succeeded"), 0.0), "{}", figures.0);
    assert_eq!(figures.value(&of_shop("rmm_release_lead_time_seconds_count")), None, "{}", figures.0);

    world.kill();
    let mut config: toml::Table = std::fs::read_to_string(world.path("rmm.toml")).unwrap().parse().unwrap();
    config["services"].as_array_mut().unwrap().retain(|service| service["name"].as_str() != Some(SHOP));
    world.write("rmm.toml", &toml::to_string(&config).unwrap());
    world.start().await;
    let retired = runs("stage", "deploy", "failed").replace(SHOP, "(retired)");
    let left = eventually("the record is read again", async || {
        let figures = Figures::of(&world).await;
        figures.is(&retired, 1.0).then_some(figures)
    })
    .await;
    assert!(!left.series().iter().any(|series| series.contains("\"shop\"")), "{}", left.0);
    assert!(left.is("rmm_releases_created_total{service=\"blog\"}", 0.0), "{}", left.0);
}

#[tokio::test]
async fn odd_paths_and_methods_make_no_series() {
    let world = World::new(Setup::new()).await;
    let stranger = world.stranger();
    stranger.ask("ODD", "/odd?first", None).await;
    stranger.get("/releases/1").await;
    stranger.get("/api/v1/releases/1").await;
    Figures::of(&world).await;
    let before = Figures::of(&world).await;
    for number in 0..1000 {
        match number % 4 {
            0 => stranger.ask("GET", &format!("/odd/{number}"), None).await,
            1 => stranger.ask(&format!("ODD{number}"), "/odd", None).await,
            2 => stranger.ask("GET", &format!("/releases/{number}?of={number}"), None).await,
            _ => stranger.ask("GET", &format!("/api/v1/releases/{number}"), None).await,
        };
    }
    let after = Figures::of(&world).await;
    let of_http = |figures: &Figures| {
        let series = figures.series().into_iter().filter(|series| series.starts_with("rmm_http_request"));
        series.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let new: Vec<_> = of_http(&after).difference(&of_http(&before)).cloned().collect();
    // Wrong methods of a route that is there, and guesses that are too many, are answered in their own class.
    assert!(new.len() <= 4, "{new:#?}");
    assert!(!after.0.contains("ODD1") && !after.0.contains("/odd"), "{}", after.0);
}

#[tokio::test]
async fn a_scraper_gets_the_format_that_it_asks_for() {
    let world = World::new(Setup::new()).await;
    let plain = world.operator().get("/metrics").await.with_status(200);
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3";
    let open = world.operator().accepting(accept).get("/metrics").await.with_status(200);
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.text().ends_with("# EOF\n"));
}

/// The checker of Prometheus, of `tests/run` or of this machine.
fn promtool(arguments: &[&str], folder: &Path, input: &str) -> Option<Output> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/prometheus/usr/bin/promtool");
    let program = if own.exists() { own } else { PathBuf::from("promtool") };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    let begun = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut begun) = begun else {
        eprintln!("promtool is not installed (tests/run does it): the figures are not checked by it");
        return None;
    };
    begun.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(begun.wait_with_output().unwrap())
}

fn is_well(done: &Output) {
    let said = [done.stdout.as_slice(), &done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
}

fn assets(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(folder)
}

#[tokio::test]
async fn the_checker_of_prometheus_finds_nothing() {
    let world = World::new(Setup::new()).await;
    world.deployed("v1").await;
    let figures = Figures::of(&world).await;
    for arguments in [["check", "metrics", ""], ["check", "rules", "rules.yaml"], ["test", "rules", "rules.test.yaml"]]
    {
        let arguments: Vec<_> = arguments.into_iter().filter(|word| !word.is_empty()).collect();
        let Some(done) = promtool(&arguments, &assets("prometheus"), &figures.0) else { return };
        is_well(&done);
        // `check metrics` ends well with remarks.
        assert!(done.stderr.is_empty() || arguments[1] != "metrics", "{}", String::from_utf8_lossy(&done.stderr));
    }
    // The token is made by who sets it up; its file has to be there for the check.
    let folder = tempfile::tempdir().unwrap();
    for file in ["prometheus.yaml", "rules.yaml"] {
        std::fs::copy(assets("prometheus").join(file), folder.path().join(file)).unwrap();
    }
    std::fs::write(folder.path().join("rmm-token"), "x").unwrap();
    if let Some(done) = promtool(&["check", "config", "prometheus.yaml"], folder.path(), "") {
        is_well(&done);
    }
}

#[tokio::test]
async fn rmm_assets_writes_them_and_leaves_what_people_have_changed() {
    let world = World::without_rmm(Setup::new());
    let (status, said) = world.rmm(&["assets", "assets"]);
    assert!(status == Some(0) && said.contains("rmm token create prometheus --role viewer"), "{said}");
    let written = world.path("assets");
    for file in ["prometheus/rules.yaml", "prometheus/rules.test.yaml", "grafana/releases.json", "watch/compose.yaml"] {
        let ours = std::fs::read(assets(file)).unwrap();
        assert_eq!(std::fs::read(written.join(file)).unwrap(), ours, "{file}");
    }
    let rules = written.join("prometheus/rules.yaml");
    std::fs::write(&rules, "groups: []\n").unwrap();
    let (status, said) = world.rmm(&["assets", "assets"]);
    assert!(status == Some(1) && said.contains("rules.yaml") && said.contains("--force"), "{said}");
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), "groups: []\n");
    let (status, said) = world.rmm(&["--lang", "ru", "assets", "assets", "--force"]);
    assert!(status == Some(0) && said.contains("заменён") && said.contains("Дальше"), "{said}");
}

#[test]
fn every_file_that_the_compose_file_mounts_is_there() {
    let compose = std::fs::read_to_string(assets("watch/compose.yaml")).unwrap();
    let mounts = compose.split(|c: char| c.is_whitespace() || "[]\"".contains(c)).filter_map(|word| {
        let (from, to) = word.split_once(':')?;
        (from.starts_with('.') && to.starts_with('/')).then_some(from)
    });
    let mounts: Vec<_> = mounts.collect();
    assert!(mounts.len() >= 7, "{mounts:?}");
    for from in mounts {
        // Who sets it up puts the token there.
        assert!(from == "./rmm-token" || assets("watch").join(from).exists(), "{from} is not there");
    }
}

/// The names of figures of RMM and its process in a text.
fn figures_named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("rmm_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

/// The expressions and the variables of a dashboard.
fn expressions(dashboard: &Value, found: &mut Vec<String>) {
    match dashboard {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if ["expr", "query", "definition"].contains(&name.as_str()) => {
                        found.push(text.to_owned())
                    }
                    _ => expressions(value, found),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|one| expressions(one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn rules_and_dashboards_ask_for_figures_that_there_are() {
    let world = World::new(Setup::new()).await;
    let figures = Figures::of(&world).await;
    let names = figures.names();
    let exists = |name: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        names.contains(name) || names.contains(base)
    };
    let rules = std::fs::read_to_string(assets("prometheus").join("rules.yaml")).unwrap();
    let mut asked: Vec<(String, String)> =
        figures_named(&rules).into_iter().map(|name| ("rules".to_owned(), name)).collect();
    let mut uids = BTreeSet::new();
    for name in ["releases", "rmm"] {
        let text = std::fs::read_to_string(assets("grafana").join(format!("{name}.json"))).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()) && dashboard["title"].is_string());
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        assert!(variables.iter().any(|variable| variable["type"] == "datasource"), "{name}");
        for panel in dashboard["panels"].as_array().unwrap() {
            assert!(panel["type"] == "row" || panel["datasource"]["uid"] == "${datasource}", "{name}: {panel}");
            assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{name}: {panel}");
        }
        let mut found = Vec::new();
        expressions(&dashboard, &mut found);
        assert!(found.len() > 8, "{name} asks for too little");
        asked.extend(found.iter().flat_map(|text| figures_named(text)).map(|figure| (name.to_owned(), figure)));
    }
    let unknown: Vec<_> = asked.iter().filter(|(_, name)| !exists(name)).collect();
    assert!(asked.len() > 30 && unknown.is_empty(), "{unknown:?} are not among {names:?}");
}
