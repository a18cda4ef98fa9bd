//! What operators write, and what RMM makes of it or says about it.

mod dashboard;
mod examples;
mod github;
mod hosts;
mod mistakes;
mod names;
mod oidc;
mod overrides;
mod people;
mod places;
mod secrets;
mod shell;
mod telegram;
mod telemetry;
mod values;

use std::path::Path;

use super::{Config, ConfigErrors, EnvVars, Problem};
use crate::wording::Language;

/// People and a service whose stage and production are in the hands of a CI: nothing is missing.
const PEOPLE: &str = r#"
[[people]]
name = "ann"
role = "admin"
[[people]]
name = "bob"
"#;

fn env(variables: &[(&str, &str)]) -> EnvVars {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn parse_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::parse(text, "rmm.toml", Path::new("/etc/rmm"), &env(variables))?.without_collisions()
}

fn parse(text: &str) -> Config {
    parse_with(text, &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What is wrong, in English.
fn sentence(problem: &Problem) -> String {
    Language::En.config_fault(&problem.fault)
}

/// What to do about it, in English.
fn advice(problem: &Problem) -> Option<String> {
    problem.hint.as_ref().map(|hint| Language::En.config_hint(hint))
}

/// `line:column: key: sentence` of every problem.
fn problems(text: &str) -> Vec<String> {
    let errors = parse_with(text, &[]).expect_err("must be refused");
    errors.0.iter().map(|problem| first_line(&problem.to_string())).collect()
}

fn first_line(problem: &str) -> String {
    let line = problem.lines().next().expect("a line");
    line.strip_prefix("rmm.toml:").unwrap_or(line).trim().to_owned()
}

/// A service of ann's with the given keys, everything else being right. The keys begin in line 4.
fn service(keys: &str) -> String {
    format!(
        "[[services]]\nname = \"api\"\nrepository = \"team/api\"\n{keys}\n\
         [services.approvals]\nrequired = [\"ann\"]\n\
         [services.environments]\nstage.driver = \"ci\"\nproduction.driver = \"ci\"\n{PEOPLE}"
    )
}

/// A service that RMM runs itself, with the given keys of its one surface. They begin in line 9. Where they name a
/// folder, production is in the hands of a CI: two environments cannot have one folder.
fn surface(keys: &str) -> String {
    let production = if keys.contains("directory") { "ci" } else { "local" };
    format!(
        "[[services]]\nname = \"api\"\nrepository = \"team/api\"\napprovals.minimum = 0\n\
         environments.stage.driver = \"local\"\nenvironments.production.driver = \"{production}\"\n\
         [[services.surfaces]]\nname = \"app\"\n{keys}\n"
    )
}
