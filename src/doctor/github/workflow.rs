//! Whether a workflow can be started by RMM, and be found again: what its file on the default branch says.

use serde_json::{Map, Value};

use super::failed;
use crate::clients::github::GitHub;
use crate::contract::Finding;
use crate::domain::fault::github::GithubFault;
use crate::domain::repository::RepoName;

/// What RMM gives every workflow that it starts.
const INPUTS: [&str; 4] = ["release_id", "release_tag", "run_id", "traceparent"];
/// What to do about a file that cannot be read.
const YAML: &str =
    "correct it there and push it; `rmm service workflows` shows one that is right, and actionlint checks them";
/// What it gives one that takes production back, too.
const ROLLBACK_INPUT: &str = "rollback_to_tag";

pub(super) async fn look(
    github: &GitHub,
    repo: &RepoName,
    branch: &str,
    file: &str,
    is_rollback: bool,
) -> Vec<Finding> {
    const NAME: &str = "workflow";
    let state = match github.workflow(repo, file).await {
        Ok(found) if !found.is_active() => {
            let fault = GithubFault::WorkflowDisabled { repo: repo.clone(), workflow: file.to_owned() };
            return vec![failed(NAME, &fault)];
        }
        state => state,
    };
    let path = format!(".github/workflows/{file}");
    let text = match github.file(repo, &path, branch).await {
        Ok(text) => text,
        Err(GithubFault::NotFound { .. }) => {
            let detail =
                format!("{path} is not on the default branch {branch}, and GitHub starts it from nowhere else");
            return vec![Finding::fail(
                NAME,
                detail,
                format!("push it to {branch}; `rmm service workflows` writes one"),
            )];
        }
        Err(fault) => return vec![failed(NAME, &fault)],
    };
    if let Err(fault) = state {
        return vec![failed(NAME, &fault)];
    }
    match mistakes(&text, is_rollback) {
        Ok(mistakes) if mistakes.is_empty() => {
            vec![Finding::ok(
                NAME,
                format!("{file}: active, on {branch}, takes what RMM gives it, and says its `run_id`"),
            )]
        }
        Ok(mistakes) => {
            mistakes.into_iter().map(|(what, fix)| Finding::fail(NAME, format!("{file}: {what}"), fix)).collect()
        }
        Err(error) => vec![Finding::fail(NAME, format!("{file} is no YAML that can be read: {error}"), YAML)],
    }
}

/// What is wrong, and what to do.
type Mistake = (String, String);

fn mistakes(text: &str, is_rollback: bool) -> Result<Vec<Mistake>, String> {
    let file: Value = serde_saphyr::from_str(text).map_err(|error| first_line(&error.to_string()))?;
    let Some(trigger) = dispatch_trigger(&file["on"]) else {
        let what = "it has no `workflow_dispatch`, so that RMM cannot start it".to_owned();
        return Ok(vec![(
            what,
            "take `on: workflow_dispatch:` over from what `rmm service workflows` shows".to_owned(),
        )]);
    };
    let none = Map::new();
    let inputs = trigger["inputs"].as_object().unwrap_or(&none);
    let given: Vec<_> = INPUTS.into_iter().chain(is_rollback.then_some(ROLLBACK_INPUT)).collect();
    let mut mistakes = Vec::new();
    let missing: Vec<_> = given.iter().copied().filter(|name| !inputs.contains_key(*name)).collect();
    if !missing.is_empty() {
        let what = format!("it does not declare what RMM gives it: {}", missing.join(", "));
        mistakes.push((what, "declare them below `on.workflow_dispatch.inputs`, with `type: string`".to_owned()));
    }
    let known = |name: &str| given.contains(&name);
    let wanted: Vec<_> = inputs
        .iter()
        .filter(|(name, input)| {
            !known(name) && input["required"] == Value::Bool(true) && input.get("default").is_none_or(Value::is_null)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if !wanted.is_empty() {
        let what = format!("it requires what RMM does not give: {}", wanted.join(", "));
        mistakes.push((what, "take `required: true` away there, or give a `default`".to_owned()));
    }
    let others: Vec<_> = inputs
        .iter()
        .filter(|(name, input)| known(name) && input["type"].as_str().is_some_and(|kind| kind != "string"))
        .map(|(name, _)| name.as_str())
        .collect();
    if !others.is_empty() {
        let what = format!("it takes another type than text for {}", others.join(", "));
        mistakes.push((what, "write `type: string` there".to_owned()));
    }
    if !file["run-name"].as_str().is_some_and(echoes) {
        let what =
            "its `run-name` does not say the `run_id`, so that RMM cannot find its run after a lost answer".to_owned();
        mistakes.push((what, "run-name: ${{ inputs.release_tag }} (run ${{ inputs.run_id }})".to_owned()));
    }
    Ok(mistakes)
}

/// What is below `workflow_dispatch`: the triggers are one word, a list or a table.
fn dispatch_trigger(on: &Value) -> Option<Value> {
    const TRIGGER: &str = "workflow_dispatch";
    match on {
        Value::String(word) => (word == TRIGGER).then_some(Value::Null),
        Value::Array(words) => words.iter().any(|word| word == TRIGGER).then_some(Value::Null),
        Value::Object(table) => table.get(TRIGGER).cloned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Whether the name of a run has the input in it.
fn echoes(name: &str) -> bool {
    name.split("${{").skip(1).filter_map(|rest| rest.split_once("}}")).any(|(expression, _)| {
        let expression: String = expression.split_whitespace().collect();
        expression.contains("inputs.run_id") || expression.contains("inputs['run_id']")
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets;

    fn of(text: &str, is_rollback: bool) -> Vec<String> {
        mistakes(text, is_rollback).expect("YAML").into_iter().map(|(what, _)| what).collect()
    }

    #[test]
    fn the_workflows_to_copy_are_right() {
        for (file, is_rollback) in [("on-approve-manual-testing.yaml", false), ("on-rollback.yaml", true)] {
            let text = assets::workflow(file).expect("a workflow to copy");
            assert_eq!(of(&text, is_rollback), [""; 0], "{file}");
        }
    }

    #[test]
    fn triggers_are_a_word_a_list_or_a_table() {
        let run_name = "run-name: ${{ github.event.inputs.run_id }}\n";
        for (on, fits) in [
            ("on: push", false),
            ("on: [push, workflow_call]", false),
            ("on: { push: {}, schedule: [] }", false),
            ("on: workflow_dispatch", true),
            ("on: [push, workflow_dispatch]", true),
            ("'on': { push: null, workflow_dispatch: null }", true),
            ("jobs: {}", false),
        ] {
            let found = of(&format!("{run_name}{on}\n"), false).concat();
            let expected = if fits { "does not declare" } else { "no `workflow_dispatch`" };
            assert!(found.contains(expected), "{on}: {found}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_an_answer() {
        assert!(mistakes("on: [", false).is_err() && mistakes("\u{0}", false).is_err());
        let aliases = (0..40).map(|n| format!("a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1)).collect::<String>();
        assert!(mistakes(&format!("a0: &a0 [x]\n{aliases}"), false).is_err(), "it does not grow without end");
    }
}
