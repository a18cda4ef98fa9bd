//! `release plan` and `release runs`: steps that would run, and those that did.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::super::words;
use super::show::state_tone;
use super::{One, ask};
use crate::api_client::{Context, Fault, with_query};
use crate::contract::{self, AskPlan};
use crate::domain::run::StepKind;
use crate::terminal::{Tone, Ui, clean, sentence, width};
use crate::wording::Language;

/// Print the steps that would run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm release plan 12\n  rmm release plan 12 --environment stage")]
pub struct Plan {
    #[command(flatten)]
    one: One,
    /// Where
    #[arg(long, short, visible_alias = "env", value_name = "ENVIRONMENT", default_value = "production",
        value_parser = PossibleValuesParser::new(["stage", "production"]))]
    environment: String,
}

impl Plan {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let what = with_query("/plan", &AskPlan { environment: Some(self.environment) });
        ask(context, &self.one, &what, |plan| plan_text(&plan, self.one.number.0, &context.ui)).await
    }
}

fn plan_text(plan: &contract::PlanView, release: i64, ui: &Ui) -> String {
    let now = plan.from.as_ref().map_or_else(|| "nothing yet".to_owned(), contract::version);
    let mut out =
        ui.paragraph("", 0, &format!("{} runs {now}.", sentence_case(&plan.environment.to_string())), Tone::Plain);
    if plan.driver == "ci" {
        out.push_str(&ui.paragraph(
            "",
            0,
            "A CI system does the work here and reports; RMM runs no steps of its own.",
            Tone::Plain,
        ));
        return out;
    }
    let is_there = plan.from.as_ref().is_some_and(|from| from.release.0 == release);
    if is_there {
        out.push_str(&ui.paragraph("", 0, "That is this release: there is nothing to deploy.", Tone::Plain));
    } else {
        out.push_str(&format!("\n{}\n", ui.heading(&format!("To deploy #{release}"))));
        steps(&mut out, &plan.deploy, ui);
    }
    if let Some(back_to) = &plan.back_to {
        let when = if is_there { "" } else { ", should it fail" };
        out.push_str(&format!("\n{}\n", ui.heading(&format!("To go back to {}{when}", contract::version(back_to)))));
        steps(&mut out, &plan.rollback, ui);
    }
    out
}

fn sentence_case(word: &str) -> String {
    sentence(word).trim_end_matches('.').to_owned()
}

fn steps(out: &mut String, steps: &[contract::StepView], ui: &Ui) {
    if steps.is_empty() {
        out.push_str("  nothing to do\n");
    }
    for (step, before) in steps.iter().zip(std::iter::once(None).chain(steps.iter().map(Some))) {
        if before.is_some_and(|before| before.wave == step.wave) {
            out.push_str(&format!("       {}\n", ui.paint("at the same time", Tone::Dim)));
        }
        let title = format!("{:>3}  {} of {} on {}", step.index + 1, name(step), step.surface, step.host);
        out.push_str(&format!("{}  {}\n", ui.paint(&title, Tone::Bold), ui.paint(&step.limit, Tone::Dim)));
        if let Some(directory) = &step.directory {
            let project = step.project.as_ref().map(|name| format!(", compose project {}", clean(name)));
            let place = format!("in {}{}", clean(directory), project.unwrap_or_default());
            out.push_str(&format!("       {}\n", ui.paint(&place, Tone::Dim)));
        }
        // Whole lines, so that they can be copied.
        for line in step.command.lines() {
            if let Some(words) = own_words(line) {
                out.push_str(&format!("       {}\n", ui.paint(&format!("# RMM's own: {words}"), Tone::Dim)));
            }
            out.push_str(&format!("       {}\n", clean(line)));
        }
    }
}

/// What a step is called: a hook that the service has not written is a call of RMM's own.
fn name(step: &contract::StepView) -> String {
    let own = !step.command.is_empty() && step.command.lines().all(|line| line.starts_with("rmm_"));
    if own && step.kind == StepKind::BeforeDeploy {
        "look at the place".to_owned()
    } else if own && step.kind == StepKind::AfterDeploy {
        "remove old images".to_owned()
    } else {
        step.title()
    }
}

/// What a call of RMM's own functions does, if a line has one.
fn own_words(line: &str) -> Option<String> {
    if line.contains("$(rmm_remove_orphans)") {
        return Some(
            "takes away the containers that only the newer version has, where all are this surface's".to_owned(),
        );
    }
    let words = shlex::split(line).unwrap_or_default();
    let word = |at: usize| words.get(at).map(|word| clean(word)).unwrap_or_default();
    let call = words.first().filter(|call| call.starts_with("rmm_"))?;
    Some(match call.as_str() {
        "rmm_room" => format!("stops where there is too little room for {}", word(2)),
        "rmm_compose_place" => format!("stops where the compose project {} is somebody else's", word(2)),
        "rmm_compose_ask" if word(2) == "name" => {
            "stops where the project that the files name is somebody else's".to_owned()
        }
        "rmm_compose_ask" => "stops where a container that the files name is somebody else's".to_owned(),
        "rmm_fetch" => "fetches the commit, and nothing else is touched".to_owned(),
        "rmm_verify_tag" => "stops where the tag is of another commit by now".to_owned(),
        "rmm_checkout" => "makes the folder hold the commit, and compares it".to_owned(),
        "rmm_tell_image_room" => "says whether docker's disk is nearly full".to_owned(),
        "rmm_compose_before" => "notes which containers there are, for the way back".to_owned(),
        "rmm_compose_retire" => "removes containers of services that this version does not start".to_owned(),
        "rmm_compose_back" => "removes containers that only the newer version has".to_owned(),
        "rmm_compose_keep" if word(1) == "1" => "removes its images of all versions but the last".to_owned(),
        "rmm_compose_keep" => format!("removes its images of all versions but the last {}", word(1)),
        "rmm_compose_well" => "waits until the containers run, are healthy and stay so".to_owned(),
        _ => "a function that comes along with the step".to_owned(),
    })
}

/// The runs of a release, step by step.
pub(super) async fn runs(context: &Context, one: &One) -> Result<(), Fault> {
    let ui = &context.ui;
    ask(context, one, "/runs", |runs: Vec<contract::RunView>| {
        if runs.is_empty() {
            return words::words(ui.language).no_runs.to_owned();
        }
        runs.iter().map(|run| run_text(run, ui)).collect::<Vec<_>>().join("\n")
    })
    .await
}

fn run_text(run: &contract::RunView, ui: &Ui) -> String {
    let took = run.started_at.map(|from| ui.lasting(run.ended_at.unwrap_or(ui.now).duration_since(from)));
    let when = ui.ago(run.started_at.unwrap_or(run.created_at));
    let state = words::run_state(ui, run);
    let (what, to) = (words::run(ui, run), contract::version(&run.to));
    let title = match ui.language {
        Language::En => format!("Run {}  {what} to {to}", run.id),
        Language::Ru => format!("Прогон {}  {what}: {to}", run.id),
    };
    let when = took.map_or_else(|| when.clone(), |took| format!("{when}, {took}"));
    let wide = width(&title) + width(&state) + width(&when) + 4 <= ui.prose();
    let mut out = format!(
        "{}{}{}  {}\n",
        ui.heading(&title),
        if wide { "  " } else { "\n  " },
        ui.paint(&state, state_tone(&run.state)),
        ui.paint(&when, Tone::Dim)
    );
    if let Some(reason) = &run.reason {
        out.push_str(&ui.paragraph("", 2, &sentence(&words::reason(ui, reason, run.because.as_ref())), Tone::Plain));
    }
    if let Some(waiting) = &run.waiting {
        out.push_str(&ui.paragraph(
            "",
            2,
            &sentence(&words::reason(ui, waiting, run.waiting_because.as_ref())),
            Tone::Waiting,
        ));
    }
    if let Some(id) = &run.ci_run {
        out.push_str(&ui.paragraph("", 2, &format!("{} {}", words::words(ui.language).ci_run, clean(id)), Tone::Dim));
    }
    for step in &run.steps {
        let mark = match step.state.as_str() {
            "succeeded" => "✓",
            "failed" => "✗",
            "unknown" => "?",
            "running" => "▸",
            _ => "·",
        };
        let place = if step.host == "local" { String::new() } else { format!(" on {}", clean(&step.host)) };
        let mut text = format!("{:>2} {} of {}{place}", step.index + 1, name(step), step.surface);
        if let (Some(from), Some(to)) = (step.started_at, step.ended_at) {
            text.push_str(&format!("  {}", ui.lasting(to.duration_since(from))));
        } else if step.state == "running" {
            text.push_str(&format!(
                "  {} so far",
                ui.lasting(ui.now.duration_since(step.started_at.unwrap_or(ui.now)))
            ));
        }
        // The reason names the exit status, where there is a reason.
        if let Some(exit) = step.exit.filter(|exit| *exit != 0 && step.reason.is_none()) {
            text.push_str(&format!("  exit {exit}"));
        }
        if let Some(reason) = &step.reason {
            text.push_str(&format!("  {}", words::reason(ui, reason, step.because.as_ref())));
        }
        out.push_str(&ui.paragraph(&format!("  {mark}"), 4, &text, state_tone(&step.state)));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(kind: &str, command: &str) -> contract::StepView {
        serde_json::from_value(json!({
            "index": 0, "kind": kind, "surface": "app", "about": 12, "host": "prod-1", "command": command, "directory": null,
            "limit": "at most 30m", "state": "pending", "exit": null, "reason": null, "started_at": null, "ended_at": null,
        }))
        .unwrap()
    }

    #[test]
    fn calls_of_rmms_own_are_told_in_words() {
        let mut out = String::new();
        let plan = [
            step("fetch", "rmm_room auto /srv/app docker\nrmm_fetch /srv/app --commit abc"),
            step("after_deploy", "rmm_compose_keep 2 abcdef0"),
            step("after_deploy", "rmm_compose_keep 2 abcdef0\n./hook"),
        ];
        steps(&mut out, &plan, &Ui::test(80));
        for part in [
            "       # RMM's own: stops where there is too little room for /srv/app\n       rmm_room auto /srv/app docker\n",
            "       # RMM's own: fetches the commit, and nothing else is touched\n",
            "remove old images of app on prod-1  at most 30m\n       # RMM's own: removes its images of all versions but the last 2\n",
            "       ./hook\n",
        ] {
            assert!(out.contains(part), "no {part} in {out}");
        }
        assert_eq!(out.matches("after deploy of app").count(), 1, "{out}");
    }
}
