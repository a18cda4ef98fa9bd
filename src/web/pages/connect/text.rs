//! The definition of a service, written from answers. Whatever they say stands in quotes: the check of the configuration judges it.

use std::fmt::Write;

use super::answers::Answers;
use crate::assets::workflows::ROLLBACK_WORKFLOW;

/// The folder of an environment, unless the viewer names another: one of its own, since both may be on one host.
pub(super) fn usual_directory(name: &str, environment: &str) -> String {
    format!("/srv/{name}-{environment}")
}

/// A `[[services]]` table.
pub(super) fn definition(answers: &Answers) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, answers);
    out
}

fn write(out: &mut String, answers: &Answers) -> std::fmt::Result {
    let name = answers.first("name");
    writeln!(out, "[[services]]\nname = {}\nrepository = {}", quoted(name), quoted(answers.first("repository")))?;
    if answers.first("candidates") == "tags" {
        writeln!(
            out,
            "candidates = \"tags\" # each new tag that fits becomes a release\ntags = {}",
            quoted(answers.first("tags"))
        )?;
    }
    write_approvals(out, answers)?;
    if answers.runs_here() {
        writeln!(out, "\n[[services.surfaces]]\nname = \"app\"\nrecipe = {}", quoted(answers.first("recipe")))?;
        if answers.first("recipe") == "commands" {
            writeln!(out, "deploy = {}", quoted(answers.first("deploy")))?;
        }
        writeln!(out, "# migrate_up = \"./migrate up\"\n# migrate_down = \"./migrate down {{{{ target.tag }}}}\"")?;
    }
    for environment in ["stage", "production"] {
        write_environment(out, answers, environment)?;
    }
    Ok(())
}

fn write_approvals(out: &mut String, answers: &Answers) -> std::fmt::Result {
    let required: Vec<_> = answers.all("required").map(quoted).collect();
    writeln!(out, "\n[services.approvals]\nrequired = [{}]", required.join(", "))?;
    match answers.first("minimum") {
        _ if required.is_empty() => writeln!(out, "minimum = 0 # no approvals")?,
        "" => {}
        minimum => writeln!(out, "minimum = {minimum}")?,
    }
    if !answers.first("forbid_self").is_empty() {
        writeln!(out, "forbid_self = true")?;
    }
    Ok(())
}

fn write_environment(out: &mut String, answers: &Answers, environment: &str) -> std::fmt::Result {
    let driver = answers.first(environment);
    let of = |key: &str| answers.first(&format!("{environment}_{key}")).to_owned();
    writeln!(out, "\n[services.environments.{environment}]\ndriver = {}", quoted(driver))?;
    if driver == "ci" {
        let workflow = answers.first("workflow");
        if environment == "production" && !workflow.is_empty() {
            let back = match answers.first("rollback_workflow") {
                "" => ROLLBACK_WORKFLOW,
                named => named,
            };
            writeln!(out, "workflow = {} # RMM starts it", quoted(workflow))?;
            writeln!(out, "rollback_workflow = {} # and this one to go back", quoted(back))?;
        }
        return Ok(());
    }
    if driver == "ssh" {
        let key = format!("{environment}_hosts");
        let hosts: Vec<_> = answers.all(&key).map(quoted).collect();
        writeln!(out, "hosts = [{}]", hosts.join(", "))?;
    }
    let directory = of("directory");
    let directory = if directory.is_empty() { usual_directory(answers.first("name"), environment) } else { directory };
    writeln!(out, "surfaces.app.directory = {}", quoted(&directory))?;
    let health = of("health");
    if !health.is_empty() {
        writeln!(out, "surfaces.app.health.url = {}", quoted(&health))?;
    }
    Ok(())
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(pairs: &[(&str, &str)]) -> Answers {
        Answers::of(&pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn answers_become_a_definition() {
        let given = answers(&[
            ("repository", "acme/shop"),
            ("name", "shop"),
            ("candidates", "tags"),
            ("tags", "v*"),
            ("required", "ann"),
            ("required", "bob"),
            ("minimum", "1"),
            ("recipe", "compose"),
            ("stage", "local"),
            ("production", "ssh"),
            ("production_hosts", "web-1"),
            ("production_hosts", "web-2"),
            ("production_health", "http://127.0.0.1:8000/health"),
        ]);
        insta::assert_snapshot!(definition(&given));
    }

    #[test]
    fn a_workflow_that_deploys_has_one_beside_it_that_goes_back() {
        let production = |more: &[(&str, &str)]| {
            let mut pairs = vec![("name", "shop"), ("stage", "ci"), ("production", "ci")];
            pairs.extend(more);
            let table: toml::Table = definition(&answers(&pairs)).parse().unwrap();
            let environment = &table["services"][0]["environments"]["production"];
            let named = |key: &str| environment.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            (named("workflow"), named("rollback_workflow"))
        };
        let deploy = ("workflow", "go.yaml");
        let named = |deploy: &str, back: &str| (Some(deploy.to_owned()), Some(back.to_owned()));
        assert_eq!(production(&[deploy]), named("go.yaml", "on-rollback.yaml"));
        assert_eq!(production(&[deploy, ("rollback_workflow", "back.yaml")]), named("go.yaml", "back.yaml"));
        assert_eq!(production(&[("rollback_workflow", "back.yaml")]), (None, None), "CI begins by itself");
    }

    #[test]
    fn whatever_is_answered_stays_one_value() {
        let evil = "x\"\n[[people]]\nrole = \"admin\"\n'''\\";
        let keys =
            ["repository", "name", "tags", "required", "deploy", "stage_hosts", "stage_directory", "stage_health"];
        let mut pairs: Vec<_> = keys.iter().map(|key| (*key, evil)).collect();
        pairs.extend([("candidates", "tags"), ("recipe", "commands"), ("stage", "ssh"), ("production", "local")]);
        let table: toml::Table = definition(&answers(&pairs)).parse().unwrap();
        assert_eq!(table.keys().collect::<Vec<_>>(), ["services"]);
        let service = &table["services"][0];
        for value in [
            &service["name"],
            &service["repository"],
            &service["tags"],
            &service["approvals"]["required"][0],
            &service["surfaces"][0]["deploy"],
            &service["environments"]["stage"]["hosts"][0],
        ] {
            assert_eq!(value.as_str(), Some(evil.trim()));
        }
    }
}
