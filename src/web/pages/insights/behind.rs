//! The releases behind a number.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};

use super::lasting;
use super::period::{Asked, Period};
use crate::domain::ids::ReleaseId;
use crate::domain::insights::{Deploy, Happened, History};
use crate::domain::person::Right;
use crate::store::StoreError;
use crate::store::releases;
use crate::web::Web;
use crate::web::pages::fault::Fault;
use crate::web::pages::frame::{Frame, When};
use crate::web::pages::kept;
use crate::web::pages::tone::{self, Tone};
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::insights::{self, Words};
use crate::web::pages::words::missing::Missing;

/// Releases that are shown.
const SHOWN: usize = 200;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Deploys,
    Lead,
    Failed,
    Recovery,
    Rework,
    Rollbacks,
    Caught,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Deploys, Self::Lead, Self::Failed, Self::Recovery, Self::Rework, Self::Rollbacks, Self::Caught];

    /// The word in an address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deploys => "deploys",
            Self::Lead => "lead",
            Self::Failed => "failed",
            Self::Recovery => "recovery",
            Self::Rework => "rework",
            Self::Rollbacks => "rollbacks",
            Self::Caught => "caught",
        }
    }

    fn heading(self, labels: &'static Words) -> (&'static str, &'static str) {
        let measure = |at: usize| (labels.measures[at], labels.how[at]);
        match self {
            Self::Deploys => measure(0),
            Self::Lead => measure(1),
            Self::Failed => measure(2),
            Self::Recovery => measure(3),
            Self::Rework => measure(4),
            Self::Rollbacks => (labels.rollbacks, labels.rollbacks_how),
            Self::Caught => (labels.caught, labels.caught_how),
        }
    }

    fn counts(self, deploy: &Deploy) -> bool {
        match self {
            Self::Deploys => true,
            Self::Lead => deploy.lead.is_some(),
            Self::Failed => deploy.failure.is_some(),
            Self::Recovery => deploy.recovery().is_some(),
            Self::Rework => deploy.is_rework,
            Self::Rollbacks | Self::Caught => false,
        }
    }
}

/// A release behind a number.
struct Line {
    id: i64,
    title: String,
    ended: When,
    tone: Tone,
    outcome: String,
    lead: String,
    phases: [String; 4],
}

#[derive(Template)]
#[template(path = "pages/behind.html")]
struct BehindPage {
    frame: Frame,
    labels: &'static Words,
    heading: &'static str,
    how: &'static str,
    summary: String,
    period: Period,
    lines: Vec<Line>,
    of_deploys: bool,
    is_cut: bool,
}

/// The history of a period, as its figures have it, and its bounds.
async fn history(web: &Web, period: &Period) -> Result<(History, Timestamp, Timestamp), Fault> {
    let history = kept::history(&web.engine, period.service.clone(), &period.bounds).await?;
    let (from, to) = (period.bounds.first(), period.bounds.last());
    Ok((history, from.copied().unwrap_or_default(), to.copied().unwrap_or_default()))
}

/// The releases behind a number, the newest first.
pub(in crate::web::pages) async fn list(
    State(web): State<Web>,
    viewer: Viewer,
    Path(kind): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    viewer.actor.may(Right::Read, None, false)?;
    let known = Kind::ALL.into_iter().find(|known| known.word() == kind);
    let kind = known.ok_or(Missing::Measure(kind))?;
    let period = Period::of(&asked, &web.engine.catalog().service_names(), &viewer)?;
    let (history, from, to) = history(&web, &period).await?;
    let labels = insights::of(viewer.looks.language);
    let happened = match kind {
        Kind::Rollbacks => &history.rollbacks[..],
        Kind::Caught => &history.caught,
        Kind::Deploys | Kind::Lead | Kind::Failed | Kind::Recovery | Kind::Rework => &[],
    };
    let happened =
        happened.iter().rev().filter(|one| one.at >= from && one.at < to).map(|one| Line::happened(one, kind, &viewer));
    let deploys =
        history.within(from, to).rev().filter(|deploy| kind.counts(deploy)).map(|deploy| Line::deploy(deploy, &viewer));
    let mut lines: Vec<_> = deploys.chain(happened).take(SHOWN + 1).collect();
    let is_cut = lines.len() > SHOWN;
    lines.truncate(SHOWN);
    let ids: Vec<i64> = lines.iter().map(|line| line.id).collect();
    let titles =
        web.engine.read(move |conn| ids.iter().map(|id| title(conn, *id)).collect::<Result<Vec<_>, _>>()).await?;
    for (line, title) in lines.iter_mut().zip(titles) {
        line.title = format!("{} {title}", line.title);
    }
    let (heading, how) = kind.heading(labels);
    let page = BehindPage {
        frame: Frame::inside(&viewer, "insights", heading),
        labels,
        heading,
        how,
        summary: period.summary(&viewer, history.within(from, to).count()),
        lines,
        of_deploys: !matches!(kind, Kind::Rollbacks | Kind::Caught),
        is_cut,
        period,
    };
    Ok(Html(page.render()?))
}

fn title(conn: &rusqlite::Connection, id: i64) -> Result<String, StoreError> {
    Ok(releases::get(conn, ReleaseId(id))?.map(|release| release.title()).unwrap_or_default())
}

impl Line {
    fn deploy(deploy: &Deploy, viewer: &Viewer) -> Self {
        let labels = insights::of(viewer.looks.language);
        let phases = deploy.phases;
        let (tone, outcome) = match (deploy.failure, deploy.recovery()) {
            (None, _) => (tone::OK, labels.went_well.to_owned()),
            (Some(_), Some(after)) => {
                (tone::BACK, format!("{}, {} {}", labels.went_wrong, labels.mended, lasting(Some(after), viewer)))
            }
            (Some(_), None) => (tone::FAIL, format!("{}, {}", labels.went_wrong, labels.not_yet)),
        };
        Self {
            id: deploy.release.0,
            title: deploy.service.to_string(),
            ended: viewer.looks.when(deploy.ended, viewer.now),
            tone,
            outcome,
            lead: lasting(deploy.lead, viewer),
            phases: [phases.stage, phases.rehearsal, phases.approval, phases.production]
                .map(|time| lasting(time, viewer)),
        }
    }

    fn happened(one: &Happened, kind: Kind, viewer: &Viewer) -> Self {
        let labels = insights::of(viewer.looks.language);
        let (tone, outcome) =
            if kind == Kind::Caught { (tone::FAIL, labels.rehearsal) } else { (tone::BACK, labels.rollbacks) };
        Self {
            id: one.release.0,
            title: one.service.to_string(),
            ended: viewer.looks.when(one.at, viewer.now),
            tone,
            outcome: outcome.to_owned(),
            lead: String::new(),
            phases: Default::default(),
        }
    }
}

/// Every production deploy of the period, for spreadsheets. Times in UTC, durations in seconds.
pub(in crate::web::pages) async fn csv(
    State(web): State<Web>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    viewer.actor.may(Right::Read, None, false)?;
    let period = Period::of(&asked, &web.engine.catalog().service_names(), &viewer)?;
    let (history, from, to) = history(&web, &period).await?;
    let deploys: Vec<_> = history.within(from, to).cloned().collect();
    let table = web.engine.read(move |conn| {
        let mut table = String::from(
            "service,release,version,ended_at,lead_seconds,stage_seconds,rehearsal_seconds,approval_seconds,production_seconds,failed,\
             recovered_at,recovery_seconds,rework\n",
        );
        for deploy in &deploys {
            row(&mut table, deploy, &title(conn, deploy.release.0)?);
        }
        Ok::<_, StoreError>(table)
    });
    let name = format!("attachment; filename=\"rmm-insights-{}.csv\"", period.word());
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, table.await?).into_response())
}

/// What stands in a row needs no quotes: names, tags and commits have none of the characters that would.
fn row(table: &mut String, deploy: &Deploy, version: &str) {
    let seconds = |time: Option<SignedDuration>| time.map(|time| time.as_secs().to_string()).unwrap_or_default();
    let phases = deploy.phases;
    let recovered = deploy.failure.and_then(|failure| failure.recovered);
    let _ = writeln!(
        table,
        "{},{},{version},{},{},{},{},{},{},{},{},{},{}",
        deploy.service,
        deploy.release.0,
        deploy.ended,
        seconds(deploy.lead),
        seconds(phases.stage),
        seconds(phases.rehearsal),
        seconds(phases.approval),
        seconds(phases.production),
        deploy.failure.is_some(),
        recovered.map(|at| at.to_string()).unwrap_or_default(),
        seconds(deploy.recovery()),
        deploy.is_rework,
    );
}
