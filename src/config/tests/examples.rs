//! What newcomers are given is right, and complete.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use super::{parse, parse_with};
use crate::config::keys::{Key, ROOT, Shape};
use crate::config::{Config, EXAMPLE, FirstService, Init, init_text};
use crate::domain::env::Env;
use crate::domain::ids::{PersonName, ServiceName};
use crate::domain::plan::VARIABLES;
use crate::domain::service::Driver;

/// The example, and the environment that it wants.
fn parse_example() -> (Vec<(String, String)>, Config) {
    let authority = rcgen::generate_simple_self_signed(["authority".to_owned()]).unwrap().cert.pem();
    let env = [EXAMPLE_ENV, &[("COMPANY_CA", authority.as_str())]].concat();
    let config = parse_with(EXAMPLE, &env).unwrap_or_else(|errors| panic!("{errors}"));
    (env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), config)
}

const EXAMPLE_ENV: &[(&str, &str)] = &[
    ("NAME_AUTHORIZATION_DATABASE_PASSWORD", "correct horse"),
    ("RMM_TELEGRAM_TOKEN", "123456:not-really-a-token"),
    ("RMM_WEBHOOK", "not-really-a-secret"),
    ("RMM_COLLECTOR", "Bearer not-really-a-key"),
    ("RMM_AI_KEY", "not-really-a-key-of-a-model"),
    ("RMM_GITHUB_TOKEN", "not-really-a-github-token"),
    ("RMM_GITHUB_HOOK", "not-really-a-hook-secret"),
    ("STAGE_1_PASSWORD", "battery staple"),
    ("PROD_KEY", "not really\na private key"),
    ("PROD_KEY_PASSPHRASE", "open sesame"),
];

#[test]
fn the_example_is_valid_without_a_warning() {
    let (_, config) = parse_example();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.services[0].surfaces.len(), 2);
}

#[test]
fn the_example_names_every_key_of_this_version() {
    let document: Table = EXAMPLE.parse().expect("TOML");
    let (mut known, mut used) = (BTreeSet::new(), BTreeSet::new());
    all_keys(ROOT, "", &mut known);
    used_keys(ROOT, "", &document, &mut used);
    // What stands in place of another key stands in a comment.
    let in_comments = ["app_id", "private_key"].map(|key| (format!("github.{key}"), format!("\n# {key} = ")));
    let rule = ("services.environments.*.protection_rule".to_owned(), "\n# protection_rule = ".to_owned());
    let in_comments = in_comments.into_iter().chain([rule]);
    used.extend(in_comments.filter(|(_, line)| EXAMPLE.contains(line)).map(|(key, _)| key));
    let forgotten: Vec<_> = known.difference(&used).collect();
    assert!(forgotten.is_empty(), "rmm.toml.example does not show {forgotten:?}");
    assert!(known.contains("services.environments.*.surfaces.*.directory"));
    assert!(known.contains("services.surfaces.health.timeout"));
}

/// Overrides are the keys of a surface again: one of them stands for all.
fn all_keys(keys: &[Key], path: &str, into: &mut BTreeSet<String>) {
    for key in keys {
        let path = format!("{path}{}", shown_as(key));
        match key.shape {
            Shape::Value | Shape::Secret | Shape::Free => {
                into.insert(path);
            }
            Shape::Section(keys) | Shape::List(keys) => all_keys(keys, &format!("{path}."), into),
            Shape::Named(_) => {
                into.insert(format!("{path}.*.directory"));
            }
            Shape::Later(_) => {}
        }
    }
}

/// Both environments have the same keys; what one shows need not be shown again.
fn shown_as(key: &Key) -> &'static str {
    if matches!(key.name, "stage" | "production") { "*" } else { key.name }
}

fn used_keys(keys: &[Key], path: &str, table: &Table, into: &mut BTreeSet<String>) {
    for key in keys {
        let Some(value) = table.get(key.name) else { continue };
        let path = format!("{path}{}", shown_as(key));
        let entries = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let tables: Vec<&Table> = entries.iter().filter_map(Value::as_table).collect();
        match key.shape {
            Shape::Value | Shape::Secret | Shape::Free => {
                into.insert(path);
            }
            Shape::Section(keys) | Shape::List(keys) => {
                for table in tables {
                    used_keys(keys, &format!("{path}."), table, into);
                }
            }
            Shape::Named(keys) => {
                for table in tables.iter().flat_map(|table| table.values()).filter_map(Value::as_table) {
                    used_keys(keys, &format!("{path}.*."), table, into);
                }
            }
            Shape::Later(_) => {}
        }
    }
}

#[test]
fn the_example_tells_every_variable_of_templates() {
    for name in VARIABLES {
        assert!(EXAMPLE.contains(name), "rmm.toml.example does not tell {name}");
    }
}

#[test]
fn the_effective_configuration_reads_back_as_the_same() {
    let (env, config) = parse_example();
    let shown = config.effective();
    let mut readable = shown.clone();
    for (name, value) in EXAMPLE_ENV {
        assert!(!shown.contains(value));
        readable = readable.replace(&format!("\"•••\" # env:{name}\n"), &format!("\"env:{name}\"\n"));
    }
    let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let again = parse_with(&readable, &env).unwrap_or_else(|errors| panic!("{errors}\n{shown}"));
    assert_eq!(again.server, config.server);
    assert_eq!(again.backup, config.backup);
    assert_eq!(again.logs, config.logs);
    assert_eq!(again.links, config.links);
    assert_eq!(again.people, config.people);
    assert_eq!(again.telegram, config.telegram);
    assert_eq!(again.ai, config.ai);
    assert_eq!(again.github, config.github);
    assert_eq!(again.hosts, config.hosts);
    assert_eq!(again.services, config.services);
    assert_eq!(again.effective(), shown);
}

#[test]
fn the_effective_configuration_is_exact() {
    let config = parse(
        "[[services]]\nname = \"api\"\napprovals.minimum = 0\nenvironments.stage.driver = \"local\"\n\
         environments.production.driver = \"ci\"\n[[services.surfaces]]\nname = \"a.b\"\nrecipe = \"commands\"\n\
         deploy = 'say \"hello\" {{ service }}'\nhealth.command = \"true\"\n\
         [services.environments.stage.surfaces.\"a.b\"]\nenv.X = \"1\"\n",
    );
    assert_eq!(
        config.effective(),
        r#"[server]
listen = "127.0.0.1:8080"
data_dir = "/etc/rmm/data"
language = "en"
time_zone = "UTC"
edit_services = true

[logs]
keep = "180d"

[[services]]
name = "api"
supersede = false
candidates = "call"

[services.approvals]
required = []
minimum = 0
forbid_self = false
auto_promote = true

[[services.surfaces]]
name = "a.b"
recipe = "commands"
checkout = false
deploy = 'say "hello" {{ service }}'
health = { command = "true", wait = "15s", attempts = 5, interval = "20s", timeout = "5s" }
step_timeout = "30m"

[services.environments.stage]
driver = "local"
run_timeout = "2h"

[services.environments.stage.surfaces."a.b"]
recipe = "commands"
checkout = false
deploy = 'say "hello" {{ service }}'
health = { command = "true", wait = "15s", attempts = 5, interval = "20s", timeout = "5s" }
env.X = "1"
step_timeout = "30m"

[services.environments.production]
driver = "ci"
report_timeout = "1h"
"#
    );
}

#[test]
fn the_first_configuration_is_valid_and_keeps_the_environments_apart() {
    let service = ServiceName::parse("service", "api").expect("name");
    let person = PersonName::parse("person", "ann").expect("name");
    let directory = Path::new("/srv");
    let first = FirstService { name: &service, repository: "./git/api \"1\"", directory };
    let init = Init { service: Some(first), person: &person, root: true };
    assert_eq!(parse(&init_text(&init)).local.map(|local| local.user), Some("rmm-steps".to_owned()));
    let text = init_text(&Init { root: false, ..init });
    let config = parse(&text);
    assert_eq!(config.local, None);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let api = &config.services[0];
    assert_eq!((&api.stage().driver, &api.production().driver), (&Driver::Local, &Driver::Local));
    assert_eq!(api.approvals.required, [person]);
    let folders = [Env::Stage, Env::Production]
        .map(|kind| api.surfaces_in(kind).next().and_then(|surface| surface.directory.clone()));
    assert_eq!(folders, [Some("/srv/api-stage".to_owned()), Some("/srv/api-production".to_owned())]);
    assert!(text.contains("# migrate_down = \"./migrate down {{ target.tag }}\""));
    let uncommented = text.replace("# surfaces.", "surfaces.").replace("# migrate_", "migrate_");
    assert!(parse_with(&uncommented, &[]).is_ok());
    // Without a service it is right, too, and makes none up.
    let text = init_text(&Init { service: None, person: &config.people[0].name, root: false });
    assert!(parse(&text).services.is_empty() && !text.contains("repository ="), "{text}");
}

/// What may be typed in place of what was there.
const KEYBOARD: &str = "[a-z\"'\\\\{}\\[\\]=.,#0-9 \n\t\u{2022}-]{0,4}";

proptest::proptest! {
    /// Whatever a slip of the keyboard makes of the example, the answer is a configuration or a list of problems.
    #[test]
    fn no_slip_of_the_keyboard_panics(at in 0..EXAMPLE.len(), gone in 0..40_usize, typed in KEYBOARD) {
        let start = EXAMPLE.floor_char_boundary(at);
        let end = EXAMPLE.floor_char_boundary((at + gone).min(EXAMPLE.len())).max(start);
        let slipped = format!("{}{typed}{}", &EXAMPLE[..start], &EXAMPLE[end..]);
        match parse_with(&slipped, EXAMPLE_ENV) {
            Ok(config) => proptest::prop_assert!(!config.effective().is_empty()),
            Err(errors) => {
                proptest::prop_assert!(!errors.0.is_empty());
                proptest::prop_assert!(errors.to_string().starts_with("rmm.toml"));
            }
        }
    }
}

#[test]
fn what_the_page_about_github_shows_is_right() {
    const PAGE: &str = include_str!("../../../docs/github.md");
    let blocks: Vec<_> = PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [whole, rule] = blocks[..] else { panic!("{} blocks", blocks.len()) };
    let config = parse_with(whole, EXAMPLE_ENV).unwrap_or_else(|errors| panic!("{errors}"));
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, [""; 0]);
    assert!(config.github.is_some());
    assert_eq!(config.services[0].oidc.as_ref().map(|trusted| trusted.workflows.len()), Some(3));
    let before = whole.split("[services.environments.production]").next().unwrap_or_default();
    let errors = parse_with(&format!("{before}{rule}"), EXAMPLE_ENV).expect_err("the page's login is a token");
    assert!(errors.0.len() == 1 && errors.to_string().contains("needs a GitHub App"), "{errors}");
}
