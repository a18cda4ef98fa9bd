//! What would run if a release were deployed now, and if it had to be taken back.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use serde::Deserialize;

use super::{number, readable};
use crate::contract::StepView;
use crate::domain::env::Env;
use crate::domain::rule::Invalid;
use crate::domain::step::StepKind;
use crate::views::PlanOverview;
use crate::web::Web;
use crate::web::api::releases::steps;
use crate::web::pages::fault::Fault;
use crate::web::pages::frame::Frame;
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::release::{self as words, ReleaseWords};

#[derive(Debug, Deserialize)]
pub(in crate::web::pages) struct Asked {
    /// `stage` or `production`.
    environment: Option<String>,
}

struct PlannedStep {
    number: u32,
    title: String,
    host: String,
    place: Option<String>,
    /// The service's own command, without what RMM does around it.
    command: Option<String>,
    /// What RMM does by itself, in words.
    does: Option<String>,
    /// How RMM does it.
    inside: Option<String>,
}

struct Part {
    heading: String,
    steps: Vec<PlannedStep>,
}

#[derive(Template)]
#[template(path = "pages/plan.html")]
struct PlanPage {
    frame: Frame,
    own: &'static ReleaseWords,
    id: i64,
    service: String,
    title: String,
    /// The environments: their word, their name, and whether the plan is for them.
    environments: Vec<(String, String, bool)>,
    from: Option<String>,
    /// Why there is no plan.
    none: Option<String>,
    parts: Vec<Part>,
}

/// The plan of a release.
pub(in crate::web::pages) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    let id = number(&id)?;
    let environment: Env = match asked.environment.as_deref() {
        Some(name) => name.parse().map_err(|rule| Invalid::new("environment", rule))?,
        None => Env::Production,
    };
    let release = readable(&web, &viewer, id).await?;
    let (service, title) = (&release.service, release.title());
    let (looks, labels, own) = (&viewer.looks, viewer.looks.words(), words::of(viewer.looks.language));
    let plan = PlanOverview::read(&web.engine, id, environment).await?;
    let (mut parts, mut from, mut none) = (Vec::new(), None, None);
    match plan {
        Err(reason) => none = Some(format!("{}: {}", own.no_plan, looks.language.reason(&reason))),
        Ok(plan) => {
            from = plan.from.as_ref().map(ToString::to_string);
            if !plan.service.environment(environment).driver.is_ours() {
                none = Some(own.ci_does_it.to_owned());
            } else {
                let is_there = plan.from.as_ref().is_some_and(|version| version.release == id);
                if !is_there {
                    parts.push(Part::of(own.deploy_steps.to_owned(), steps(&web, &plan.deploy), &viewer));
                }
                if let Some(back_to) = &plan.back_to {
                    parts.push(Part::of(own.back_to(&back_to.to_string()), steps(&web, &plan.rollback), &viewer));
                }
            }
        }
    }
    let environments = Env::LASTING.into_iter().map(|env| {
        let name = if env == Env::Stage { labels.stage } else { labels.production };
        (env.to_string(), name.to_owned(), env == environment)
    });
    let page = PlanPage {
        frame: Frame::inside(&viewer, "board", &format!("{} · {service} {title}", own.plan)),
        own,
        id: id.0,
        service: service.to_string(),
        title,
        environments: environments.collect(),
        from,
        none: none.map(|why| looks.sentence(&why)),
        parts,
    };
    Ok(Html(page.render()?))
}

/// What of a step is the service's own; RMM's functions exist within a step alone, and are no commands to copy.
fn commands_of(text: &str) -> Option<String> {
    let own = text.lines().filter(|line| !line.starts_with("rmm_"));
    let own: Vec<_> = own.map(|line| line.replace(" $(rmm_remove_orphans)", "")).collect();
    (!own.is_empty()).then(|| own.join("\n"))
}

impl Part {
    fn of(heading: String, steps: Vec<StepView>, viewer: &Viewer) -> Self {
        let own = words::of(viewer.looks.language);
        let planned = |step: StepView| {
            let is_question = step.kind.known() == Some(StepKind::Health) && step.directory.is_none();
            let command = commands_of(&step.command).filter(|_| !is_question);
            let does = match (is_question, &command) {
                (true, _) => Some(own.asks(step.command.strip_prefix("GET ").unwrap_or(&step.command))),
                (false, None) => {
                    let calls = step.command.lines().filter_map(|line| viewer.looks.language.own_call(line));
                    let told = calls.collect::<Vec<_>>().join("; ");
                    (!told.is_empty()).then(|| format!("RMM {told}"))
                }
                (false, Some(_)) => None,
            };
            let kind =
                step.kind.known().map_or_else(|| step.title(), |kind| viewer.looks.language.step(kind).to_owned());
            PlannedStep {
                number: step.index + 1,
                title: format!("{kind} · {}", step.surface),
                host: step.host,
                place: step.directory.map(|directory| match step.project {
                    Some(project) => format!("{directory} · compose {project}"),
                    None => directory,
                }),
                inside: (!is_question && command.as_deref() != Some(&*step.command)).then_some(step.command),
                command,
                does,
            }
        };
        Self { heading, steps: steps.into_iter().map(planned).collect() }
    }
}
