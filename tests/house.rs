//! The house stands as `ARCHITECTURE.md` draws it: imports point downwards only.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms it may use.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("telemetry", &[]),
    ("wording", &["domain"]),
    ("contract", &["domain"]),
    ("terminal", &["wording"]),
    ("assets", &["domain"]),
    ("config", &["domain", "wording", "telemetry"]),
    ("store", &["domain", "wording", "telemetry"]),
    ("clients", &["domain", "wording", "telemetry"]),
    ("engine", &["domain", "wording", "config", "store", "clients", "telemetry"]),
    ("views", &["domain", "engine"]),
    ("doctor", &["domain", "wording", "contract", "assets", "config", "store", "clients", "engine"]),
    ("web", &["domain", "wording", "contract", "store", "engine", "views", "assets", "doctor", "telemetry"]),
    ("bot", &["domain", "wording", "config", "store", "clients", "engine", "views", "telemetry"]),
    ("app", &["domain", "contract", "config", "store", "clients", "engine", "web", "bot", "telemetry", "doctor"]),
    ("gallery", &["domain", "config", "store", "clients", "engine", "web", "bot", "app"]),
    (
        "api_client",
        &["domain", "wording", "contract", "terminal", "config", "store", "engine", "web", "telemetry", "app"],
    ),
    ("demo", &["domain", "wording", "contract", "terminal", "config", "clients", "engine", "bot", "app", "api_client"]),
    (
        "cli",
        &[
            "domain",
            "wording",
            "contract",
            "terminal",
            "config",
            "store",
            "clients",
            "web",
            "assets",
            "telemetry",
            "doctor",
            "app",
            "api_client",
            "demo",
            "gallery",
        ],
    ),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Tests of a module in files of their own.
fn is_test(file: &Path) -> bool {
    file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests")
}

fn rooms_used(text: &str) -> Vec<String> {
    text.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn imports_point_downwards_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms: Vec<_> = ROOMS.iter().map(|(room, _)| src.join(room)).collect();
    for entry in fs::read_dir(&src).expect("the sources").map(|entry| entry.expect("an entry").path()) {
        assert!(!entry.is_dir() || rooms.contains(&entry), "{} is no room", entry.display());
    }
    for (room, may_use) in ROOMS {
        let beside = Some(src.join(format!("{room}.rs"))).filter(|file| file.exists());
        for file in sources(&src.join(room)).into_iter().chain(beside) {
            let text = fs::read_to_string(&file).expect("source text");
            for used in rooms_used(&text) {
                // Stories of the domain read what people read.
                if used == "wording" && is_test(&file) {
                    continue;
                }
                assert!(used == *room || may_use.contains(&used.as_str()), "{} uses {used}", file.display());
            }
        }
    }
}

#[test]
fn the_domain_is_pure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    for file in sources(&src).into_iter().filter(|file| !is_test(file)) {
        let text = fs::read_to_string(&file).expect("source text");
        for forbidden in
            ["tokio", "rusqlite", "axum", "reqwest", "std::fs", "std::net", "std::process", "Timestamp::now"]
        {
            let code =
                text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| line.contains(forbidden));
            assert!(!code, "{} uses {forbidden}", file.display());
        }
    }
}

#[test]
fn sql_is_written_in_the_store_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in sources(&src) {
        // The sample service of the demo is a program of its own with a database of its own.
        if file.starts_with(src.join("store")) || file.starts_with(src.join("demo")) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("source text");
        for verb in ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "CREATE TABLE"] {
            assert!(!text.contains(&format!("\"{verb}")), "{} contains SQL", file.display());
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        if is_test(&file) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("source text");
        assert!(text.starts_with("//!"), "{} does not begin with `//!`", file.display());
    }
}

/// What is not released yet may change under us; each such crate is named with the reason why it is used all the same.
#[test]
fn unreleased_crates_are_named() {
    let lock = fs::read_to_string("Cargo.lock").expect("the lock file");
    let reasons = fs::read_to_string("deny.toml").expect("the rules for crates");
    let mut names = lock.lines().filter_map(|line| line.strip_prefix("name = "));
    let versions = lock.lines().filter_map(|line| line.strip_prefix("version = \""));
    for version in versions {
        let name = names.next().expect("a name for each version").trim_matches('"');
        let base = version.trim_end_matches('"').split('+').next().unwrap_or_default();
        let named = reasons.lines().any(|line| line.starts_with(&format!("# {name} {base}: ")));
        assert!(!base.contains('-') || named, "{name} {base} is not released; name it in deny.toml, with the reason");
    }
}
