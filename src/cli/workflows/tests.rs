use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::*;
use crate::assets;
use crate::config::EnvVars;
use crate::domain::env::Env;
use crate::domain::service::Driver;
use crate::wording::Language;

const SHIPPED: [&str; 6] = [
    "on-create-version-tag.yaml",
    "registers/on-create-version-tag.yaml",
    "on-approve-manual-testing.yaml",
    "on-rollback.yaml",
    "rmm/action.yml",
    "rmm-checkout/action.yml",
];

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    workflows: Workflows,
}

fn asked(arguments: &[&str]) -> Workflows {
    Line::command().debug_assert();
    Line::parse_from(std::iter::once(&"workflows").chain(arguments)).workflows
}

/// The service `shop`, with these drivers.
fn shop(stage: &str, production: &str) -> Service {
    let text = format!(
        "[[services]]\nname = \"shop\"\nrepository = \"acme/shop\"\napprovals = {{ minimum = 0, required = [] }}\n\
         surfaces = [{{ name = \"app\", directory = \"/srv/shop\" }}]\n\
         environments.stage.driver = \"{stage}\"\nenvironments.production.driver = \"{production}\"\n"
    );
    let config = Config::parse(&text, "rmm.toml", Path::new("/etc/rmm"), &EnvVars::new());
    config.unwrap_or_else(|errors| panic!("{errors}")).services.remove(0)
}

fn files(arguments: &[&str], service: &Service) -> BTreeMap<String, String> {
    let files = asked(arguments).files(service, "https://rmm.acme.example").unwrap();
    files.into_iter().map(|file| (file.path.display().to_string(), file.text)).collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines of shell in a file.
fn shell(text: &str) -> Vec<&str> {
    let (mut found, mut block) = (Vec::new(), None);
    for line in text.lines() {
        if block.is_some_and(|depth| line.trim().is_empty() || indent(line) > depth) {
            found.push(line);
            continue;
        }
        block = None;
        let Some((before, script)) = line.split_once("run: ") else { continue };
        if !before.trim_start().trim_start_matches("- ").is_empty() {
            continue;
        }
        if ["|", "|-", ">", ">-"].contains(&script) { block = Some(indent(line)) } else { found.push(script) }
    }
    found
}

#[test]
fn nothing_from_outside_stands_inside_of_shell() {
    for name in SHIPPED {
        let text = assets::workflow(name).unwrap();
        let shell = shell(&text);
        assert!(shell.len() > 5, "{name}: {shell:?}");
        assert!(shell.iter().all(|line| !line.contains("${{")), "{name}: {shell:?}");
        // What is filled in by expressions is a value of one key, never a part of a list or of a longer text but a name.
        for line in text.lines().filter(|line| line.contains("${{") && !line.starts_with("run-name: ")) {
            let (key, value) = line.trim().split_once(": ").unwrap_or_else(|| panic!("{name}: {line}"));
            assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)), "{name}: {line}");
            assert!(value.starts_with("${{") || key == "group", "{name}: {line}");
        }
        let events: Vec<_> = text.lines().filter(|line| line.contains("github.event")).collect();
        assert!(events.is_empty(), "{name}: {events:?}");
    }
}

#[test]
fn workflows_ask_for_little_and_take_nothing_of_others() {
    for name in SHIPPED {
        let text = assets::workflow(name).unwrap();
        let uses = text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: "));
        for action in uses {
            assert!(["./.github/actions/rmm", "./.github/actions/rmm-checkout"].contains(&action), "{name}: {action}");
        }
        assert!(!text.contains('\t') && text.lines().all(|line| line.len() <= 140), "{name}");
        if name.ends_with("action.yml") {
            continue;
        }
        assert!(text.contains("\npermissions: {}\n"), "{name}");
        let granted: Vec<_> = text.split("    permissions:\n").skip(1).collect();
        assert_eq!(granted.len(), text.matches("    runs-on: ").count(), "{name}");
        for rest in granted {
            let all: Vec<_> = rest.lines().take_while(|line| indent(line) == 6).map(str::trim).collect();
            let words: Vec<_> = all.iter().map(|line| line.split(" #").next().unwrap_or_default()).collect();
            assert_eq!(words, ["contents: read", "id-token: write"], "{name}");
        }
        assert_eq!(text.matches("cancel-in-progress: ").count(), 1, "{name}");
        assert!(text.contains("\n  cancel-in-progress: false\n") && text.contains("    timeout-minutes: "), "{name}");
    }
}

#[test]
fn what_rmm_dispatches_takes_its_inputs_and_echoes_the_run() {
    let common = ["release_id", "release_tag", "run_id", "traceparent"];
    for (name, more) in [("on-approve-manual-testing.yaml", None), ("on-rollback.yaml", Some("rollback_to_tag"))] {
        let text = assets::workflow(name).unwrap();
        let inputs = text.split_once("    inputs:\n").unwrap().1;
        let declared = inputs.lines().take_while(|line| indent(line) > 4).filter(|line| indent(line) == 6);
        let mut declared: Vec<_> = declared.map(|line| line.trim().trim_end_matches(':')).collect();
        declared.sort_unstable();
        let mut wanted: Vec<_> = common.into_iter().chain(more).collect();
        wanted.sort_unstable();
        assert_eq!(declared, wanted, "{name}");
        let run_name = text.lines().find(|line| line.starts_with("run-name: ")).unwrap();
        assert!(run_name.contains("${{ inputs.run_id }}"), "{name}: {run_name}");
        assert!(text.contains("\n  workflow_dispatch:\n"), "{name}");
    }
}

#[test]
fn the_words_of_the_service_are_filled_in() {
    let shop = shop("ci", "ci");
    let all = files(&["shop"], &shop);
    let names: Vec<_> = all.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            ".github/actions/rmm-checkout/action.yml",
            ".github/actions/rmm/action.yml",
            ".github/workflows/on-approve-manual-testing.yaml",
            ".github/workflows/on-create-version-tag.yaml",
            ".github/workflows/on-rollback.yaml",
        ]
    );
    for (name, text) in all.iter().filter(|(name, _)| name.contains("/workflows/")) {
        assert!(text.contains("\n  RMM_URL: \"https://rmm.acme.example\"\n  RMM_SERVICE: \"shop\"\n"), "{name}");
        assert!(text.contains("runs-on: \"ubuntu-latest\"\n"), "{name}");
        assert!(!text.contains("my-service") && !text.contains("rmm.example.com"), "{name}");
    }
    for name in ["on-approve-manual-testing.yaml", "on-rollback.yaml"] {
        assert!(all[&format!(".github/workflows/{name}")].contains("group: \"rmm-production-shop\"\n"), "{name}");
    }
    let own = ["shop", "--runner", "self-hosted,linux", "--tags", "shop/v*", "--tag-workflow", "shop.yml"];
    let own = files(&own, &shop);
    let tag = &own[".github/workflows/shop.yml"];
    assert!(tag.contains("runs-on: [\"self-hosted\",\"linux\"]\n") && tag.contains("tags: [\"shop/v*\"]\n"), "{tag}");
    assert_eq!(
        all[".github/actions/rmm/action.yml"],
        assets::workflow("rmm/action.yml").unwrap(),
        "one for all services"
    );
}

#[test]
fn what_rmm_does_itself_needs_no_workflow() {
    let by_rmm = files(&["shop"], &shop("local", "local"));
    let names: Vec<_> = by_rmm.keys().map(String::as_str).collect();
    assert_eq!(names, [".github/actions/rmm/action.yml", ".github/workflows/on-create-version-tag.yaml"]);
    assert!(!by_rmm[names[1]].contains("deploy.sh"));

    let mut shop = shop("local", "ci");
    let production = shop.environments.get_mut(&Env::Production).unwrap();
    production.driver = Driver::Ci {
        workflow: Some("ship.yml".into()),
        rollback_workflow: Some("back.yaml".into()),
        report_timeout: Duration::from_hours(1),
    };
    let mixed = files(&["shop"], &shop);
    assert!(mixed.contains_key(".github/workflows/ship.yml") && mixed.contains_key(".github/workflows/back.yaml"));
    assert!(!mixed[".github/workflows/on-create-version-tag.yaml"].contains("deploy.sh"));

    let stage = shop.environments.get_mut(&Env::Stage).unwrap();
    stage.driver = Driver::Ci {
        workflow: Some("stage.yaml".into()),
        rollback_workflow: None,
        report_timeout: Duration::from_hours(1),
    };
    assert!(!files(&["shop"], &shop)[".github/workflows/on-create-version-tag.yaml"].contains("deploy.sh"));
    for language in [Language::En, Language::Ru] {
        assert!(told::next(language, &shop, "shop", true).contains("stage.yaml"));
    }
}

#[test]
fn files_that_say_something_else_stay() {
    let folder = tempfile::tempdir().unwrap();
    let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    let became = |files: &[File], force| {
        let written = written::write(folder.path(), files, force);
        written.map(|all| all.into_iter().map(|(_, written)| written).collect::<Vec<_>>())
    };
    let first = [file("a/one", "1"), file("b/two", "2")];
    assert_eq!(became(&first, false).unwrap(), [written::Written::New, written::Written::New]);
    assert_eq!(became(&first, false).unwrap(), [written::Written::AsItWas, written::Written::AsItWas]);
    let second = [file("c/three", "3"), file("b/two", "other")];
    let two = folder.path().join("b/two").display().to_string();
    assert_eq!(became(&second, false), Err(CliFault::OthersThere { files: vec![two] }));
    assert!(read("b/two") == "2" && !folder.path().join("c").exists(), "nothing is half-written");
    assert_eq!(became(&second, true).unwrap(), [written::Written::New, written::Written::Replaced]);
    assert_eq!((read("b/two"), read("c/three")), ("other".into(), "3".into()));
    let nowhere = written::write(&folder.path().join("nowhere"), &first, false);
    assert!(matches!(nowhere, Err(CliFault::NoFolder { folder }) if folder.ends_with("nowhere")));
}

#[test]
fn what_github_or_a_runner_could_do_nothing_with_is_refused() {
    use crate::assets::workflows::Unfit;
    let shop = shop("ci", "ci");
    let unfit = |arguments: &[&str], url: &str| {
        let unfit = asked(&[&["shop"], arguments].concat()).files(&shop, url).err();
        let said = unfit.as_ref().map(|unfit| [Language::En, Language::Ru].map(|it| told::unfit(it, unfit)));
        assert!(said.iter().flatten().all(|text| !text.is_empty() && !text.contains('\n')), "{said:?}");
        unfit
    };
    let here = "https://rmm.acme.example";
    for label in ["", "a b", "${{ secrets.X }}", "linux,", "a\nb"] {
        assert!(matches!(unfit(&["--runner", label], here), Some(Unfit::Runner(_))), "{label:?}");
    }
    let label = |characters| "я".repeat(characters);
    assert!(matches!(unfit(&["--runner", &label(257)], here), Some(Unfit::Runner(_))));
    assert_eq!(unfit(&["--runner", &label(256)], here), None);
    assert_eq!(unfit(&["--runner", &vec!["x"; 101].join(",")], here), Some(Unfit::Runners(101)));
    for url in
        ["rmm.internal", "https://h/\nx", "https://h/${{secrets.X}}", "https://a:b@h/", "https://h/?x", "ftp://h", ""]
    {
        assert!(matches!(unfit(&[], url), Some(Unfit::Address(..))), "{url:?}");
    }
    for tags in ["", "v 1", "${{ github.ref }}", "!v*"] {
        assert!(matches!(unfit(&["--tags", tags], here), Some(Unfit::Tags(_))), "{tags:?}");
    }
    for name in ["a\n.yaml", "${{x}}.yaml"] {
        assert!(matches!(unfit(&["--tag-workflow", name], here), Some(Unfit::Name(_))), "{name:?}");
    }
    // Labels behind a comma and a space are those that were meant.
    let written = &files(&["shop", "--runner", "self-hosted, linux"], &shop)[".github/workflows/on-rollback.yaml"];
    assert!(written.contains("runs-on: [\"self-hosted\",\"linux\"]"), "{written}");
}

#[test]
fn no_workflow_takes_the_place_of_another_one() {
    use crate::assets::workflows::Unfit;
    let mut one = shop("ci", "ci");
    let driver = |workflow: &str, back: &str| Driver::Ci {
        workflow: Some(workflow.into()),
        rollback_workflow: Some(back.into()),
        report_timeout: Duration::from_secs(3600),
    };
    for (workflow, back, tag) in [
        ("a.yaml", "a.yaml", "t.yaml"),
        ("a.yaml", "A.yaml", "t.yaml"),
        ("a.yaml", "b.yaml", "b.yaml"),
        ("a.yaml", "b.yaml", "a.yaml"),
    ] {
        one.environments.get_mut(&Env::Production).unwrap().driver = driver(workflow, back);
        let files = asked(&["shop", "--tag-workflow", tag]).files(&one, "https://rmm.acme.example");
        assert!(matches!(files, Err(Unfit::Twice(_))), "{workflow} {back} {tag}");
    }
}
