//! A runner of GitHub, as far as the workflows that RMM writes need one: it reads a job's steps, evaluates their expressions,
//! runs their scripts and those of the actions, and knows outcomes and outputs.
//!
//! It knows the YAML of these files, no more. What GitHub itself makes of them, `actionlint` looks at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Values by name.
pub type Values = BTreeMap<String, String>;

/// A step as it is written.
#[derive(Debug, Default)]
struct Step {
    keys: Values,
    env: Values,
    with: Values,
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A plain value, without comment and quotes.
fn plain(value: &str) -> String {
    match value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => inner.to_owned(),
        None => value.split(" #").next().unwrap().trim().to_owned(),
    }
}

/// The mapping whose lines are `depth` deep, from the beginning of the lines; block scalars are joined.
fn mapping<'t>(lines: &mut std::iter::Peekable<impl Iterator<Item = &'t str>>, depth: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some(line) = lines.peek().copied() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            lines.next();
            continue;
        }
        if indent(line) != depth {
            break;
        }
        lines.next();
        let (key, value) = line.trim().split_once(':').unwrap_or_else(|| panic!("{line}"));
        let value = match value.trim() {
            block @ ("|" | ">-") => {
                let mut text = Vec::new();
                while let Some(line) = lines.next_if(|line| line.trim().is_empty() || indent(line) > depth) {
                    text.push(line.get(depth + 2..).unwrap_or_default());
                }
                text.join(if block == "|" { "\n" } else { " " })
            }
            value => plain(value),
        };
        found.push((key.to_owned(), value));
        if found.last().is_some_and(|(_, value)| value.is_empty()) {
            break;
        }
    }
    found
}

/// The steps of the one job (or action) of a file.
fn steps(text: &str) -> Vec<Step> {
    let (before, behind) = text.split_once("steps:\n").unwrap();
    let depth = before.lines().last().map_or(0, str::len) + 2;
    let text: Vec<_> =
        behind.lines().map(|line| line.replacen("- ", "  ", usize::from(indent(line) == depth))).collect();
    let starts = behind.lines().map(|line| indent(line) == depth && line.trim().starts_with("- "));
    let starts: Vec<_> = starts.enumerate().filter(|(_, is)| *is).map(|(number, _)| number).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| step(&text[*start..end], depth + 2)).collect()
}

fn step(lines: &[String], depth: usize) -> Step {
    let mut step = Step::default();
    let mut lines = lines.iter().map(String::as_str).peekable();
    while lines.peek().is_some() {
        let keys = mapping(&mut lines, depth);
        assert!(!keys.is_empty(), "{:?}", lines.peek());
        let last = keys.last().map(|(key, _)| key.clone()).unwrap();
        step.keys.extend(keys);
        let into = match last.as_str() {
            "env" => &mut step.env,
            "with" => &mut step.with,
            _ => continue,
        };
        into.extend(mapping(&mut lines, depth + 2));
    }
    step
}

/// What expressions look at.
#[derive(Debug, Default)]
struct Context {
    values: Values,
    failed: bool,
}

/// An expression of GitHub, over texts; an empty one is false.
struct Expression<'e> {
    rest: &'e str,
    context: &'e Context,
}

impl<'e> Expression<'e> {
    fn value(text: &'e str, context: &'e Context) -> String {
        let mut expression = Self { rest: text.trim(), context };
        let value = expression.any();
        assert!(expression.rest.is_empty(), "{text}: {}", expression.rest);
        value
    }

    fn takes(&mut self, token: &str) -> bool {
        let taken = self.rest.strip_prefix(token).map(str::trim_start);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn any(&mut self) -> String {
        let mut value = self.all();
        while self.takes("||") {
            let other = self.all();
            value = if value.is_empty() { other } else { value };
        }
        value
    }

    fn all(&mut self) -> String {
        let mut value = self.compared();
        while self.takes("&&") {
            let other = self.compared();
            value = if value.is_empty() { value } else { other };
        }
        value
    }

    fn compared(&mut self) -> String {
        let value = self.single();
        let truth = |is: bool| if is { "true".to_owned() } else { String::new() };
        if self.takes("==") {
            truth(value == self.single())
        } else if self.takes("!=") {
            truth(value != self.single())
        } else {
            value
        }
    }

    fn single(&mut self) -> String {
        if self.takes("(") {
            let value = self.any();
            assert!(self.takes(")"), "{}", self.rest);
            return value;
        }
        if let Some(text) = self.rest.strip_prefix('\'') {
            let (text, rest) = text.split_once('\'').unwrap();
            self.rest = rest.trim_start();
            return text.to_owned();
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        if self.takes("()") {
            let is = match name {
                "failure" => self.context.failed,
                "cancelled" => false,
                other => panic!("{other}()"),
            };
            return if is { "true".to_owned() } else { String::new() };
        }
        assert!(["steps.", "inputs.", "github.", "env.", "secrets."].iter().any(|it| name.starts_with(it)), "{name}");
        self.context.values.get(name).cloned().unwrap_or_default()
    }
}

/// A text with `${{ … }}` in it.
fn filled(text: &str, context: &Context) -> String {
    let mut parts = text.split("${{");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once("}}").unwrap();
        out += &Expression::value(expression, context);
        out += rest;
    }
    out
}

/// What a job came to.
#[derive(Debug)]
pub struct Ended {
    pub success: bool,
    /// The steps that ran, by name, and whether they were well.
    pub ran: Vec<(String, bool)>,
    pub said: String,
}

impl Ended {
    /// The names of the steps that ran; one that failed has a `!`.
    pub fn names(&self) -> Vec<String> {
        self.ran.iter().map(|(name, well)| if *well { name.clone() } else { format!("{name}!") }).collect()
    }
}

/// A machine that runs jobs of a repository.
pub struct Runner {
    /// Of the job.
    pub workspace: PathBuf,
    /// The environment of every script.
    pub env: Values,
    pub secrets: Values,
}

impl Runner {
    /// Runs the job of a workflow. The actions are those of the workspace.
    pub async fn run(&self, workflow: &str, inputs: &[(&str, &str)]) -> Ended {
        let mut context = Context::default();
        let mut workflow_env = workflow.split_once("\nenv:\n").unwrap().1.lines().peekable();
        let workflow_env: Values = mapping(&mut workflow_env, 2).into_iter().collect();
        let given = inputs.iter().map(|(name, value)| (format!("inputs.{name}"), (*value).to_owned()));
        context.values.extend(given);
        context.values.extend(self.secrets.iter().map(|(name, value)| (format!("secrets.{name}"), value.clone())));
        // `env` of the workflow; a story may say where its RMM is.
        let env: Values = workflow_env.into_iter().chain(self.env.clone()).collect();
        let mut ended = Ended { success: true, ran: Vec::new(), said: String::new() };
        for step in steps(workflow) {
            let condition = step.keys.get("if");
            let wanted = condition.is_none_or(|text| !Expression::value(text, &context).is_empty());
            let asks = condition.is_some_and(|text| text.contains("failure()"));
            let id = step.keys.get("id").cloned().unwrap_or_default();
            if !wanted || (context.failed && !asks) {
                context.values.insert(format!("steps.{id}.outcome"), "skipped".into());
                continue;
            }
            let (success, outputs) = self.step(&step, &env, &context, &mut ended.said).await;
            ended.ran.push((step.keys["name"].clone(), success));
            ended.success &= success;
            context.failed |= !success;
            let outcome = if success { "success" } else { "failure" };
            context.values.insert(format!("steps.{id}.outcome"), outcome.into());
            context
                .values
                .extend(outputs.into_iter().map(|(name, value)| (format!("steps.{id}.outputs.{name}"), value)));
        }
        ended
    }

    async fn step(&self, step: &Step, env: &Values, context: &Context, said: &mut String) -> (bool, Values) {
        let Some(action) = step.keys.get("uses") else {
            let folder =
                step.keys.get("working-directory").map_or_else(|| self.workspace.clone(), |it| self.workspace.join(it));
            return self.script(&step.keys["run"], &folder, env, &step.env, context, said).await;
        };
        let Ok(text) = std::fs::read_to_string(self.workspace.join(action).join("action.yml")) else {
            *said += "the action is not checked out\n";
            return (false, Values::new());
        };
        let mut inner = Context::default();
        let given = step.with.iter().map(|(name, value)| (format!("inputs.{name}"), filled(value, context)));
        inner.values.extend(given);
        inner.values.extend(env.iter().map(|(name, value)| (format!("env.{name}"), value.clone())));
        inner.values.insert("github.token".into(), "ghs_token".into());
        for input in step.with.keys() {
            assert!(text.contains(&format!("\n  {input}:\n")), "{action} has no input {input}");
        }
        let [only] = &steps(&text)[..] else { panic!("{action}") };
        self.script(&only.keys["run"], &self.workspace, env, &only.env, &inner, said).await
    }

    async fn script(
        &self,
        script: &str,
        folder: &Path,
        env: &Values,
        more: &Values,
        context: &Context,
        said: &mut String,
    ) -> (bool, Values) {
        assert!(!script.contains("${{"), "{script}");
        let outputs = self.workspace.with_extension("outputs");
        let _ = std::fs::remove_file(&outputs);
        let mut command = tokio::process::Command::new("sh");
        command.args(["-e", "-c", script]).current_dir(folder).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(env).env("GITHUB_OUTPUT", &outputs);
        command.envs(more.iter().map(|(name, value)| (name, filled(value, context))));
        let Ok(output) = command.output().await else { return (false, Values::new()) };
        *said += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
        let written = std::fs::read_to_string(&outputs).unwrap_or_default();
        let pairs = written.lines().filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (output.status.success(), pairs)
    }
}
