//! Whether a workflow can be started by RMM, and be found again: what its file on the default branch says.

use serde_json::{Map, Value};

use super::failed;
use crate::clients::github::GitHub;
use crate::domain::fault::github::GithubFault;
use crate::domain::finding::github::WorkflowMistake;
use crate::domain::finding::{Finding, Remedy, RepositoryFact, Topic};
use crate::domain::repository::RepoName;

/// What RMM gives every workflow that it starts.
const INPUTS: [&str; 4] = ["release_id", "release_tag", "run_id", "traceparent"];
/// What it gives one that takes production back, too.
const ROLLBACK_INPUT: &str = "rollback_to_tag";

pub(super) async fn look(
    github: &GitHub,
    repo: &RepoName,
    branch: &str,
    file: &str,
    is_rollback: bool,
) -> Vec<Finding> {
    let state = match github.workflow(repo, file).await {
        Ok(found) if !found.is_active() => {
            let fault = GithubFault::WorkflowDisabled { repo: repo.clone(), workflow: file.to_owned() };
            return vec![failed(Topic::Workflow, &fault)];
        }
        state => state,
    };
    let path = format!(".github/workflows/{file}");
    let text = match github.file(repo, &path, branch).await {
        Ok(text) => text,
        Err(GithubFault::NotFound { .. }) => {
            let branch = branch.to_owned();
            let fact = RepositoryFact::WorkflowAbsent { path, branch: branch.clone() };
            return vec![Finding::fail(Topic::Workflow, fact).with(Remedy::PushWorkflow { branch })];
        }
        Err(fault) => return vec![failed(Topic::Workflow, &fault)],
    };
    if let Err(fault) = state {
        return vec![failed(Topic::Workflow, &fault)];
    }
    let file = file.to_owned();
    match mistakes(&text, is_rollback) {
        Ok(mistakes) if mistakes.is_empty() => {
            vec![Finding::ok(Topic::Workflow, RepositoryFact::WorkflowFit { file, branch: branch.to_owned() })]
        }
        Ok(mistakes) => mistakes
            .into_iter()
            .map(|mistake| {
                let remedy = remedy(&mistake);
                let fact = RepositoryFact::WorkflowMistaken { file: file.clone(), mistake };
                Finding::fail(Topic::Workflow, fact).with(remedy)
            })
            .collect(),
        Err(said) => vec![Finding::fail(Topic::Workflow, RepositoryFact::NoYaml { file, said }).with(Remedy::MendYaml)],
    }
}

fn remedy(mistake: &WorkflowMistake) -> Remedy {
    match mistake {
        WorkflowMistake::NoDispatch => Remedy::TakeDispatch,
        WorkflowMistake::Undeclared { .. } => Remedy::DeclareInputs,
        WorkflowMistake::Requires { .. } => Remedy::RequireNothing,
        WorkflowMistake::NoText { .. } => Remedy::TextInputs,
        WorkflowMistake::NoRunId => "run-name: ${{ inputs.release_tag }} (run ${{ inputs.run_id }})".into(),
    }
}

fn mistakes(text: &str, is_rollback: bool) -> Result<Vec<WorkflowMistake>, String> {
    let file: Value = serde_saphyr::from_str(text).map_err(|error| first_line(&error.to_string()))?;
    let Some(trigger) = dispatch_trigger(&file["on"]) else { return Ok(vec![WorkflowMistake::NoDispatch]) };
    let none = Map::new();
    let inputs = trigger["inputs"].as_object().unwrap_or(&none);
    let given: Vec<_> = INPUTS.into_iter().chain(is_rollback.then_some(ROLLBACK_INPUT)).collect();
    let known = |name: &str| given.contains(&name);
    let of = |is_wrong: &dyn Fn(&str, &Value) -> bool| -> Vec<String> {
        inputs.iter().filter(|(name, input)| is_wrong(name, input)).map(|(name, _)| name.clone()).collect()
    };
    let missing: Vec<_> =
        given.iter().filter(|name| !inputs.contains_key(**name)).map(|name| (*name).to_owned()).collect();
    let required = of(&|name, input| {
        !known(name) && input["required"] == Value::Bool(true) && input.get("default").is_none_or(Value::is_null)
    });
    let others = of(&|name, input| known(name) && input["type"].as_str().is_some_and(|kind| kind != "string"));
    let mut mistakes = Vec::new();
    if !missing.is_empty() {
        mistakes.push(WorkflowMistake::Undeclared { inputs: missing });
    }
    if !required.is_empty() {
        mistakes.push(WorkflowMistake::Requires { inputs: required });
    }
    if !others.is_empty() {
        mistakes.push(WorkflowMistake::NoText { inputs: others });
    }
    if !file["run-name"].as_str().is_some_and(echoes) {
        mistakes.push(WorkflowMistake::NoRunId);
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

    fn of(text: &str, is_rollback: bool) -> Vec<WorkflowMistake> {
        mistakes(text, is_rollback).expect("YAML")
    }

    #[test]
    fn the_workflows_to_copy_are_right() {
        for (file, is_rollback) in [("on-approve-manual-testing.yaml", false), ("on-rollback.yaml", true)] {
            let text = assets::workflow(file).expect("a workflow to copy");
            assert_eq!(of(&text, is_rollback), [], "{file}");
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
            let found = of(&format!("{run_name}{on}\n"), false);
            let is_started = matches!(&found[..], [WorkflowMistake::Undeclared { .. }]);
            assert!(is_started == fits && (fits || found == [WorkflowMistake::NoDispatch]), "{on}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_an_answer() {
        assert!(mistakes("on: [", false).is_err() && mistakes("\u{0}", false).is_err());
        let aliases = (0..40).map(|n| format!("a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1)).collect::<String>();
        assert!(mistakes(&format!("a0: &a0 [x]\n{aliases}"), false).is_err(), "it does not grow without end");
    }
}
