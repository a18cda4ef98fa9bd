//! `release plan` and `release runs`: steps that would run, and those that did.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::super::words;
use super::show::state_tone;
use super::{One, ask};
use crate::api_client::{Client, Context, Fault, Intent, print, with_query};
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
    let words = words::words(ui.language);
    let now = match (ui.language, plan.from.as_ref().map(contract::version)) {
        (Language::En, now) => {
            let now = now.unwrap_or_else(|| "nothing yet".to_owned());
            format!("{} runs {now}.", plan.environment)
        }
        (Language::Ru, Some(now)) => format!("{}: работает {now}.", words::environment(ui.language, &plan.environment)),
        (Language::Ru, None) => format!("{}: пока ничего нет.", words::environment(ui.language, &plan.environment)),
    };
    let mut out = ui.paragraph("", 0, &now, Tone::Plain);
    if plan.driver == "ci" {
        out.push_str(&ui.paragraph("", 0, words.ci_does_the_work, Tone::Plain));
        return out;
    }
    let is_there = plan.from.as_ref().is_some_and(|from| from.release.0 == release);
    if is_there {
        out.push_str(&ui.paragraph("", 0, words.nothing_to_deploy, Tone::Plain));
    } else {
        let heading = match ui.language {
            Language::En => format!("To deploy #{release}"),
            Language::Ru => format!("Деплой #{release}"),
        };
        out.push_str(&format!("\n{}\n", ui.heading(&heading)));
        steps(&mut out, &plan.deploy, ui);
    }
    if let Some(back_to) = plan.back_to.as_ref().map(contract::version) {
        let heading = match (ui.language, is_there) {
            (Language::En, true) => format!("To roll back to {back_to}"),
            (Language::En, false) => format!("To roll back to {back_to}, if the deploy fails"),
            (Language::Ru, true) => format!("Откат на {back_to}"),
            (Language::Ru, false) => format!("Откат на {back_to}, если деплой не удастся"),
        };
        out.push_str(&format!("\n{}\n", ui.heading(&heading)));
        steps(&mut out, &plan.rollback, ui);
    }
    out
}

fn steps(out: &mut String, steps: &[contract::StepView], ui: &Ui) {
    let words = words::words(ui.language);
    if steps.is_empty() {
        out.push_str(&format!("  {}\n", words.nothing_to_do));
    }
    for (step, before) in steps.iter().zip(std::iter::once(None).chain(steps.iter().map(Some))) {
        if before.is_some_and(|before| before.wave == step.wave) {
            out.push_str(&format!("       {}\n", ui.paint(words.at_the_same_time, Tone::Dim)));
        }
        let what = named(step, &name(step, ui.language), Some(&step.host), ui.language);
        let title = format!("{:>3}  {what}", step.index + 1);
        let limit = step.timing.map_or_else(|| step.limit.clone(), |timing| ui.language.timing(&timing));
        out.push_str(&format!("{}  {}\n", ui.paint(&title, Tone::Bold), ui.paint(&limit, Tone::Dim)));
        if let Some(directory) = &step.directory {
            let (project, directory) = (step.project.as_deref().map(clean), clean(directory));
            let place = match (ui.language, project) {
                (Language::En, None) => format!("in {directory}"),
                (Language::En, Some(project)) => format!("in {directory}, compose project {project}"),
                (Language::Ru, None) => format!("в {directory}"),
                (Language::Ru, Some(project)) => format!("в {directory}, проект compose {project}"),
            };
            out.push_str(&format!("       {}\n", ui.paint(&place, Tone::Dim)));
        }
        // Whole lines, so that they can be copied.
        for line in step.command.lines() {
            if let Some(told) = ui.language.own_call(&clean(line)) {
                out.push_str(&format!("       {}\n", ui.paint(&format!("# {}: {told}", words.rmms_own), Tone::Dim)));
            }
            out.push_str(&format!("       {}\n", clean(line)));
        }
    }
}

/// A step by its name, of which surface and on which host.
pub(super) fn named(step: &contract::StepView, name: &str, host: Option<&str>, language: Language) -> String {
    let surface = &step.surface;
    match (language, host) {
        (Language::En, None) => format!("{name} of {surface}"),
        (Language::En, Some(host)) => format!("{name} of {surface} on {host}"),
        (Language::Ru, None) => format!("{name}: {surface}"),
        (Language::Ru, Some(host)) => format!("{name}: {surface} на {host}"),
    }
}

/// What a step is called: a hook that the service has not written is a call of RMM's own.
fn name(step: &contract::StepView, language: Language) -> String {
    let words = words::words(language);
    let own = !step.command.is_empty() && step.command.lines().all(|line| line.starts_with("rmm_"));
    match step.kind.known() {
        Some(StepKind::BeforeDeploy) if own => words.look_at_the_place.to_owned(),
        Some(StepKind::AfterDeploy) if own => words.remove_old_images.to_owned(),
        Some(_) | None => title(step, language),
    }
}

/// What a step of its kind is called.
pub(super) fn title(step: &contract::StepView, language: Language) -> String {
    step.kind.known().map_or_else(|| step.title(), |kind| language.step(kind).to_owned())
}

/// The runs of a release, step by step.
pub(super) async fn runs(context: &Context, one: &One) -> Result<(), Fault> {
    let ui = &context.ui;
    let client = Client::connect(context, Intent::Look).await?;
    let told = client.pages(format!("/api/v1/releases/{}/runs", one.number.0)).await;
    let (runs, all): (Vec<contract::RunView>, _) = told.map_err(|fault| fault.about(one.number.0).in_json(one.json))?;
    if one.json {
        return print(&format!("{}\n", serde_json::Value::from(all)));
    }
    if runs.is_empty() {
        return print(words::words(ui.language).no_runs);
    }
    print(&runs.iter().map(|run| run_text(run, ui)).collect::<Vec<_>>().join("\n"))
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
        let host = (step.host != "local").then(|| clean(&step.host));
        let mut text =
            format!("{:>2} {}", step.index + 1, named(step, &name(step, ui.language), host.as_deref(), ui.language));
        if let (Some(from), Some(to)) = (step.started_at, step.ended_at) {
            text.push_str(&format!("  {}", ui.lasting(to.duration_since(from))));
        } else if step.state == "running" {
            let lasts = ui.lasting(ui.now.duration_since(step.started_at.unwrap_or(ui.now)));
            text.push_str(&match ui.language {
                Language::En => format!("  {lasts} so far"),
                Language::Ru => format!("  уже {lasts}"),
            });
        }
        // The reason names the exit status, where there is a reason.
        if let Some(exit) = step.exit.filter(|exit| *exit != 0 && step.reason.is_none()) {
            text.push_str(&format!("  {} {exit}", words::words(ui.language).exit));
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
            "       # RMM's own: stops if there is too little room for /srv/app\n       rmm_room auto /srv/app docker\n",
            "       # RMM's own: fetches the commit and changes nothing else\n",
            "remove old images of app on prod-1  at most 30m\n       # RMM's own: removes its images of all versions but the last 2\n",
            "       ./hook\n",
        ] {
            assert!(out.contains(part), "no {part} in {out}");
        }
        assert_eq!(out.matches("after deploy of app").count(), 1, "{out}");
    }

    #[test]
    fn a_plan_and_a_run_in_both_languages() {
        let mut running = step("fetch", "rmm_fetch /srv/app --commit abc");
        running.directory = Some("/srv/app".to_owned());
        let mut beside = step("deploy", "docker compose up -d");
        (beside.directory, beside.project) = (Some("/srv/app".to_owned()), Some("shop".to_owned()));
        let plan = |from: serde_json::Value, driver: &str| -> contract::PlanView {
            serde_json::from_value(json!({
                "environment": "production", "driver": driver, "from": from, "deploy": [running, beside],
                "back_to": {"release": 11, "tag": "v1.3.0"}, "rollback": [],
            }))
            .unwrap()
        };
        let mut run: contract::RunView = serde_json::from_value(json!({
            "id": 41, "release": 12, "attempt": 1, "environment": "production", "kind": "deploy", "housekeeping": false,
            "state": "running", "reason": null, "to": {"release": 12, "tag": "v1.4.0"}, "waiting": null, "stopping": false,
            "ci_run": null, "steps": [running, beside], "created_at": "1969-12-31T23:58:00Z", "started_at": null, "ended_at": null,
        }))
        .unwrap();
        "running".clone_into(&mut run.steps[0].state);
        (run.steps[1].host, run.steps[1].exit) = ("local".to_owned(), Some(3));
        let mut text = String::new();
        for language in [Language::En, Language::Ru] {
            let ui = Ui { language, ..Ui::test(100) };
            for (from, driver) in [
                (json!({"release": 11, "tag": "v1.3.0"}), "local"),
                (json!({"release": 12, "tag": "v1.4.0"}), "local"),
                (json!(null), "ci"),
            ] {
                text.push_str(&plan_text(&plan(from, driver), 12, &ui));
            }
            text.push_str(&run_text(&run, &ui));
        }
        insta::assert_snapshot!(text);

        run.waits_for_ci = true;
        assert!(run_text(&run, &Ui::test(100)).contains("waits for CI"), "CI has not spoken yet");
    }
}
