//! How well a team delivers: drawings, the numbers beside them, and the releases behind each number.

mod behind;
mod chart;
mod measure;
mod period;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use jiff::SignedDuration;

pub(super) use self::behind::{csv, list};

use self::chart::Chart;
use self::measure::Measure;
use self::period::{Asked, Period};
use super::fault::Fault;
use super::frame::{Frame, When};
use super::viewer::Viewer;
use super::words::insights::{self, Words};
use crate::domain::ids::ServiceName;
use crate::domain::insights::{Happened, Insights, Phases};
use crate::domain::person::Right;
use crate::web::Web;

/// One of the parts of a way.
type OfPhase = fn(&Phases) -> Option<SignedDuration>;

/// How long a part of the way takes.
struct PhaseLine {
    name: &'static str,
    now: String,
    before: String,
    chart: Chart,
}

struct CaughtLine {
    release: i64,
    service: String,
    at: When,
}

#[derive(Template)]
#[template(path = "pages/insights.html")]
struct InsightsPage {
    frame: Frame,
    labels: &'static Words,
    services: Vec<String>,
    period: Period,
    summary: String,
    /// None: nothing was deployed.
    measures: Vec<Measure>,
    phases: Vec<PhaseLine>,
    caught: Vec<CaughtLine>,
    caught_count: usize,
    rollbacks: usize,
}

/// The measures of a period.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    viewer.actor.may(Right::Read, None, false)?;
    let labels = insights::of(viewer.looks.language);
    let services = web.engine.catalog().service_names();
    let period = Period::of(&asked, &services, &viewer)?;
    let found = web.kept.insights(&web.engine, (period.service.clone(), period.bounds.clone())).await?;
    let now = found.all.now;
    let caught = |one: &Happened| CaughtLine {
        release: one.release.0,
        service: one.service.to_string(),
        at: viewer.looks.when(one.at, viewer.now),
    };
    let page = InsightsPage {
        frame: Frame::inside(&viewer, "insights", labels.heading),
        labels,
        services: services.iter().map(ServiceName::to_string).collect(),
        summary: period.summary(&viewer, now.deploys),
        measures: if now.deploys > 0 { measure::all(&found, &period, &viewer) } else { Vec::new() },
        phases: phases(&found, &period, labels, &viewer),
        caught: found.caught.iter().map(caught).collect(),
        caught_count: now.caught,
        rollbacks: now.rollbacks,
        period,
    };
    Ok(Html(page.render()?))
}

fn phases(found: &Insights, period: &Period, labels: &Words, viewer: &Viewer) -> Vec<PhaseLine> {
    let (now, before) = (found.all.now.phases, found.all.before.phases);
    let lines: [(&'static str, OfPhase); 4] = [
        (labels.stage, |phases| phases.stage),
        (labels.rehearsal, |phases| phases.rehearsal),
        (labels.approval, |phases| phases.approval),
        (labels.production, |phases| phases.production),
    ];
    let line = |(name, of): (&'static str, OfPhase)| PhaseLine {
        name,
        now: lasting(of(&now), viewer),
        before: lasting(of(&before), viewer),
        chart: measure::of_phase(name, found, of, period, viewer),
    };
    lines.map(line).into()
}

/// A duration, or a dash where there is none.
fn lasting(time: Option<SignedDuration>, viewer: &Viewer) -> String {
    time.map_or_else(|| "–".to_owned(), |time| viewer.looks.language.lasting(time))
}
