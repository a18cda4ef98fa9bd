//! The house stands as `ARCHITECTURE.md` draws it: imports point downwards only, in no circles, and only the engine writes.

use std::collections::{BTreeMap, BTreeSet};
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

/// What a file says, without comments and what is for tests only.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("source text");
    let mut lines = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim_end());
    let mut code = String::new();
    while let Some(line) = lines.next() {
        let Some(indent) = line.strip_suffix("#[cfg(test)]") else {
            code.extend([line, "\n"]);
            continue;
        };
        let first = lines.find(|line| !line.trim_start().starts_with("#[")).unwrap_or_default();
        if !first.ends_with([';', '}', ',']) {
            let _ = lines.find(|line| *line == format!("{indent}}}"));
        }
    }
    code
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

/// Imports that close a circle, since what they are about holds each other; with the reason.
const RECURSIVE: &[(&str, &str, &str)] = &[
    (
        "domain::rule",
        "domain::ids",
        "a name is made by a rule, and a rule names the service or the tag that it is about",
    ),
    ("domain::rule", "domain::reason", "a rule may be broken for a reason, and a reason may be a rule that is broken"),
    ("domain::cause", "domain::reason", "a refusal has a reason, and a reason may be a refusal"),
    ("domain::fault", "domain::reason", "a health check may fail for a reason, and is one"),
    ("domain::fault::github", "domain::reason", "as a health check"),
    ("wording::en::rule", "wording::en::reason", "words of facts that hold each other"),
    ("wording::en::refusal", "wording::en::reason", "words of facts that hold each other"),
    ("wording::en::fault", "wording::en::reason", "words of facts that hold each other"),
    ("wording::en::github", "wording::en::reason", "words of facts that hold each other"),
    ("wording::ru::rule", "wording::ru::reason", "words of facts that hold each other"),
    ("wording::ru::refusal", "wording::ru::reason", "words of facts that hold each other"),
    ("wording::ru::fault", "wording::ru::reason", "words of facts that hold each other"),
    ("wording::ru::github", "wording::ru::reason", "words of facts that hold each other"),
    (
        "web::pages::viewer",
        "web::pages::fault",
        "who is not signed in gets a page instead, which is framed for who looks",
    ),
    ("web::pages::viewer", "web::pages::frame", "a page is framed for who looks, in the way in which they want it"),
    ("clients::ssh::connection", "clients::ssh::spare", "a connection has a place for what waits on it for an order"),
];

/// The name of the module in a file.
fn module_of(file: &Path, src: &Path) -> String {
    let name = file.strip_prefix(src).expect("a source").with_extension("").to_string_lossy().replace('/', "::");
    name.strip_suffix("::mod").unwrap_or(&name).to_owned()
}

/// Adds the paths that begin at `rest`, each behind `before`, and answers what is behind them: `a::{b, c::D}` is `a::b` and
/// `a::c::D`.
fn add_paths<'t>(rest: &'t str, before: &str, paths: &mut Vec<String>) -> &'t str {
    if let Some(mut list) = rest.trim_start().strip_prefix('{') {
        while !list.trim_start().starts_with('}') {
            list = add_paths(list, before, paths).trim_start_matches(|c| c != ',' && c != '}');
            list = list.strip_prefix(',').unwrap_or(list);
        }
        return list.trim_start().strip_prefix('}').unwrap_or(list);
    }
    let rest = rest.trim_start();
    let (name, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len()));
    let path = format!("{before}{name}");
    match rest.strip_prefix("::") {
        Some(rest) => add_paths(rest, &format!("{path}::"), paths),
        None => {
            paths.push(path);
            rest
        }
    }
}

/// The paths from the root of the crate that a module names.
fn paths_in(code: &str, module: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let is_start = !code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        if !is_start {
            continue;
        }
        let (mut rest, mut base) = (&code[at..], module);
        while let Some(above) = rest.strip_prefix("super::") {
            (rest, base) = (above, base.rsplit_once("::").map_or("", |(base, _)| base));
        }
        let root = rest.strip_prefix("crate::");
        let before = if root.is_some() || base.is_empty() { String::new() } else { format!("{base}::") };
        add_paths(root.unwrap_or(rest), &before, &mut paths);
    }
    paths
}

#[test]
fn files_import_each_other_in_no_circles() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<_> = sources(&src).into_iter().filter(|file| !is_test(file)).collect();
    let modules: BTreeMap<_, _> = files.iter().map(|file| (module_of(file, &src), file)).collect();
    let owner = |path: &str| {
        let mut name = path;
        while !modules.contains_key(name) {
            name = name.rsplit_once("::")?.0;
        }
        Some(name.to_owned())
    };
    let is_part = |one: &str, whole: &str| one.starts_with(&format!("{whole}::"));
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, file) in &modules {
        let named = paths_in(&code_of(file), module).into_iter().filter_map(|path| owner(&path));
        // A module and its parts are one thing.
        let others = named.filter(|used| used != module && !is_part(used, module) && !is_part(module, used));
        imports.insert(module.clone(), others.collect());
    }
    for (from, to, why) in RECURSIVE {
        let was_there = imports.get_mut(*from).is_some_and(|used| used.remove(*to));
        assert!(was_there, "{from} does not import {to} any more ({why})");
    }
    // What imports nothing that is left is in no circle.
    loop {
        let before = imports.len();
        let left: BTreeSet<_> = imports.keys().cloned().collect();
        imports.retain(|_, used| {
            used.retain(|one| left.contains(one));
            !used.is_empty()
        });
        let used: BTreeSet<_> = imports.values().flatten().cloned().collect();
        imports.retain(|module, _| used.contains(module));
        if imports.len() == before {
            break;
        }
    }
    assert!(imports.is_empty(), "these import each other, or lie between some that do: {imports:#?}");
}

/// Tables that others than the engine write, by file or room.
const WRITERS: &[(&str, &[&str])] = &[
    // The bot's own: what it was sent, and what it has told whom. No decision reads them.
    ("bot", &["telegram", "news", "alerts"]),
    ("web/hook/telegram.rs", &["telegram"]),
    // With the key of the record, which only an RMM that does not run can be given anew.
    ("cli/audit.rs", &[]),
    // Tells a sample.
    ("gallery", &["alerts", "commits", "dashboard", "definitions", "hosts", "logs", "tokens"]),
];

#[test]
fn only_the_engine_writes_but_for_tables_of_the_bot() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let own = ["engine", "store"].map(|room| src.join(room));
    for file in
        sources(&src).into_iter().filter(|file| !is_test(file) && !own.iter().any(|room| file.starts_with(room)))
    {
        let code = code_of(&file);
        if !["|tx|", "tx: &", "(tx"].iter().any(|sign| code.contains(sign)) {
            continue;
        }
        let writer = WRITERS.iter().find(|(place, _)| file.starts_with(src.join(place)));
        let (_, tables) = writer.unwrap_or_else(|| panic!("{} writes, and is not the engine", file.display()));
        for (at, _) in code.match_indices("(tx") {
            let called = code[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').next();
            let called = called.unwrap_or_default();
            let table = called.rsplit_once("::").map(|(path, _)| path.rsplit("::").next().unwrap_or(path));
            assert!(table.is_none_or(|table| tables.contains(&table)), "{} writes by {called}", file.display());
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
