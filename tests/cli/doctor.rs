//! `rmm doctor`: what it finds on this machine, with and without a running RMM.

use super::*;

/// The findings of a part, as `name: state`.
fn of_part(told: &Value, part: &str) -> Vec<String> {
    let parts = told.as_array().unwrap().iter().filter(|one| one["part"] == part);
    let findings = parts.flat_map(|one| one["findings"].as_array().unwrap());
    findings
        .map(|finding| format!("{}: {}", finding["name"].as_str().unwrap(), finding["state"].as_str().unwrap()))
        .collect()
}

#[test]
fn what_is_found_is_numbered_and_a_running_rmm_is_asked() {
    let mut place = Sandbox::new();
    place.run(&["doctor"]).ends(0).says("  1.  ok    config").says("there is none yet").says("rmm serve");
    place.serve();

    let told = place.run(&["doctor", "--json"]).json();
    let findings = told.as_array().unwrap().iter().flat_map(|one| one["findings"].as_array().unwrap());
    let numbers: Vec<_> = findings.map(|finding| finding["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    let machine = of_part(&told, "machine");
    for well in ["config: ok", "database: ok", "disk: ok"] {
        assert!(machine.iter().any(|found| found == well), "{machine:?}");
    }
    assert_eq!(of_part(&told, "running"), ["ready: ok", "version: ok"]);
    assert_eq!(of_part(&told, "backups"), ["backups: warn"]);
    assert_eq!(of_part(&told, "address"), ["address: ok"]);
    assert_eq!(of_part(&told, "telegram"), Vec::<String>::new());

    let some = place.run(&["doctor", "machine", "--json"]).json();
    assert_eq!(some.as_array().map(Vec::len), Some(1));
}

#[test]
fn an_address_that_leads_nowhere_is_not_well() {
    let place = Sandbox::empty();
    let server = "[server]\npublic_url = \"http://127.0.0.1:1\"";
    fs::write(place.path("rmm.toml"), CONFIG.replacen("[server]", server, 1)).unwrap();
    place.run(&["doctor", "address"]).ends(1).says("FAIL").says("webhooks").says("rmm: not well: http://127.0.0.1:1");
    place.run(&["--lang", "ru", "doctor", "address"]).ends(1).says("rmm: не в порядке");
}

#[test]
fn a_database_of_a_newer_rmm_is_told() {
    let place = Sandbox::new();
    fs::create_dir(place.path("data")).unwrap();
    let made =
        "CREATE TABLE refinery_schema_history (version INTEGER); INSERT INTO refinery_schema_history VALUES (999)";
    rusqlite::Connection::open(place.path("data/rmm.db")).unwrap().execute_batch(made).unwrap();
    place.run(&["doctor", "machine"]).ends(1).says("of a newer RMM").says("use the newer binary");
}

#[test]
fn a_model_that_does_not_answer_is_told_and_keeps_nothing_from_working() {
    let place = Sandbox::empty();
    let ai = "[ai]\nurl = \"http://127.0.0.1:1/v1\"\nmodel = \"small\"\n\n[server]";
    fs::write(place.path("rmm.toml"), CONFIG.replacen("[server]", ai, 1)).unwrap();
    place.run(&["doctor", "ai"]).ends(0).says("WARN").says("small gives no answer").says("alerts come");
}

#[test]
fn what_is_found_is_told_in_the_language_of_the_reader() {
    let mut place = Sandbox::new();
    let silent = place.run(&["--lang", "ru", "doctor", "running"]).ends(1);
    silent.says("работающий RMM").says("RMM не запущен").says("rmm serve или systemctl start rmm");
    place.serve();
    place.run(&["--lang", "ru", "doctor", "machine"]).ends(0).says("всё верно").says("база данных");
    place.run(&["--lang", "ru", "host", "check", "local"]).says("это машина, где работает сам RMM").says("оболочка");
    let found = |language: &str| place.run(&["--lang", language, "doctor", "running", "--json"]).json();
    assert_eq!(found("ru"), found("en"), "JSON has no language");
    assert_eq!(found("ru")[0]["findings"][0]["because"]["code"], "ready");
    let away = [("RMM_URL", "http://127.0.0.1:1"), ("RMM_TOKEN", "x"), ("LANG", "ru_RU.UTF-8")];
    finished(place.command(&["release", "list"]).envs(away))
        .ends(4)
        .says("RMM по адресу http://127.0.0.1:1 недоступен");
}

#[test]
fn a_missing_secret_is_told_once_and_what_says_nothing_has_no_heading() {
    let place = Sandbox::empty();
    let with = |section: &str| fs::write(place.path("rmm.toml"), format!("{CONFIG}\n{section}\n")).unwrap();
    with("[github]\ntoken = \"env:NOT_HERE\"");
    let told = place.run(&["doctor", "machine", "github"]).ends(1);
    assert_eq!(told.out.matches("NOT_HERE").count(), 1, "{}", told.out);
    place.run(&["doctor", "machine"]).ends(0).says("WARN").says("NOT_HERE");
    place.run(&["doctor", "github"]).ends(1).says("FAIL").says("NOT_HERE");
    with("[telegram]\ntoken = \"env:NOT_HERE\"");
    let told = place.run(&["doctor", "machine", "github"]).ends(0).says("NOT_HERE");
    assert!(!told.out.contains("api.github.com"), "{}", told.out);
}

#[test]
fn what_a_check_refuses_and_warns_of_is_told() {
    let place = Sandbox::new();
    let nowhere = place.path("nowhere");
    let config = format!(
        r#"[server]
listen = "127.0.0.1:0"
data_dir = "data"

[backup]
folder = "{}"

[[people]]
name = "ann"
role = "admin"

[[hosts]]
name = "far"
address = "127.0.0.1:1"
user = "x"
password = "env:FAR"

[[services]]
name = "shop"
repository = "octocat/shop"
approvals = {{ required = ["ann"] }}

[[services.surfaces]]
name = "app"
directory = "/srv/x"

[services.environments.stage]
driver = "ssh"
hosts = ["far"]

[services.environments.production]
driver = "ssh"
hosts = ["far"]
"#,
        nowhere.display()
    );
    fs::write(place.path("rmm.toml"), &config).unwrap();
    place.run(&["check"]).ends(2).says("same folder");
    let told = place.run(&["doctor", "machine"]).ends(1).says("FAIL").says("same folder").says("no backup");
    told.says_not(&format!("free at {}", nowhere.display()));
}

#[test]
fn that_no_rmm_runs_is_a_failure_once_one_has_run() {
    let mut place = Sandbox::new();
    place.run(&["doctor"]).ends(0).says("WARN");
    place.run(&["doctor", "backups"]).ends(1).says("FAIL");
    place.serve();
    place.run(&["doctor"]).ends(0);
    place.stop();
    place.run(&["doctor"]).ends(1).says("FAIL").says("not well");
    place.run(&["doctor", "hosts", "--json"]).ends(1);
    place.run(&["doctor", "machine"]).ends(0);
}
