//! One release: where it stands, what can be done about it, what has become of it so far.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use serde::Deserialize;

use self::acts::{Act, Draft};
use self::content::{Commits, Surfaces};
use self::people::{Gates, VoteLine};
use self::progress::{RunLine, Stop};
use self::timeline::Timeline;
use super::fault::{Fault, Refused};
use super::frame::{Frame, When};
use super::guess::GuessPart;
use super::prose::clause_of;
use super::tone::{self, Tone};
use super::viewer::Viewer;
use super::words::missing::Missing;
use super::words::release::{self as words, ReleaseWords};
use crate::domain::ids::{PersonName, ReleaseId, RunId};
use crate::domain::person::Right;
use crate::domain::release::Release;
use crate::domain::run::Run;
use crate::engine::guesses::{stamp_of, told_of};
use crate::engine::no_release;
use crate::store::releases;
use crate::views::{ReleaseOverview, UsualRuns};
use crate::web::Web;

pub(super) mod acts;
pub(super) mod compare;
pub(super) mod content;
mod people;
pub(super) mod plan;
mod progress;
mod timeline;

/// Runs of which a page speaks: the last ones.
const RUNS: u32 = 100;
/// Runs that are shown with their steps on one page.
const SHOWN_RUNS: u32 = 20;
/// Versions that are offered for a comparison.
const COMPARED: usize = 12;

#[derive(Template)]
#[template(path = "pages/release.html")]
struct ReleasePage {
    frame: Frame,
    own: &'static ReleaseWords,
    id: i64,
    revision: u64,
    service: String,
    title: String,
    commit: Option<(String, String)>,
    initiator: String,
    owner: Option<String>,
    created: When,
    attempt: u32,
    ci_url: Option<String>,
    notes: String,
    status_tone: Tone,
    status: String,
    track: Vec<Stop>,
    refused: Option<Refused>,
    tone: Tone,
    sentence: String,
    /// Why, where the sentence does not say it.
    why: Option<String>,
    guess: Option<GuessPart>,
    /// The run that failed, and the step of it to blame.
    failed: Option<(i64, Option<u32>)>,
    meta: String,
    acts: Vec<Act>,
    gates: Gates,
    votes: Vec<VoteLine>,
    tally: Option<String>,
    surfaces: Surfaces,
    runs: Vec<RunLine>,
    /// The run before which there are older ones.
    older_runs: Option<i64>,
    /// These are older ones.
    are_old_runs: bool,
    commits: Option<Commits>,
    /// Other releases to compare it with.
    others: Vec<(i64, String)>,
    timeline: Timeline,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// Events before this place in the record.
    before: Option<i64>,
    /// Runs before this one.
    runs: Option<i64>,
}

/// A release.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    let id = number(&id)?;
    Ok(Html(render(&web, &viewer, id, &asked, None).await?))
}

/// The page of a release: with older events and runs, and with a form that was refused.
async fn render(
    web: &Web,
    viewer: &Viewer,
    id: ReleaseId,
    asked: &Asked,
    draft: Option<&Draft>,
) -> Result<String, Fault> {
    // Before the look, so that what is committed during it is told.
    let seen = web.engine.store().progress().borrow().last_event;
    let overview = ReleaseOverview::read(&web.engine, id).await?;
    viewer.actor.may(Right::Read, Some(&overview.release.service), false)?;
    let runs = web.engine.runs_of(id, None, RUNS).await?;
    // One more than is shown tells whether there are older ones.
    let mut shown = match asked.runs {
        Some(run) => web.engine.runs_of(id, Some(RunId(run)), SHOWN_RUNS + 1).await?,
        None => runs[runs.len().saturating_sub(SHOWN_RUNS as usize + 1)..].to_vec(),
    };
    let more = shown.len().saturating_sub(SHOWN_RUNS as usize);
    shown.drain(..more);
    let usual = UsualRuns::read(&web.engine, &runs).await?;
    let timeline = Timeline::read(web, viewer, id, asked.before).await?;
    let mut page = page(&overview, &runs, &usual, timeline, viewer, draft);
    page.older_runs = shown.first().filter(|_| more > 0).map(|run| run.id.0);
    page.are_old_runs = asked.runs.is_some();
    let mut guesses = web.engine.guesses(id).await?;
    let guessed = stamp_of(&guesses);
    // That about the failure which the page begins with stands there, and not with its run.
    let release = &overview.release;
    let failed = told_of(&runs, viewer.now).filter(|run| run.attempt == release.attempt && !release.status.is_active());
    page.failed = failed.filter(|run| !run.steps.is_empty()).map(|run| {
        let blamed = run.steps.iter().find(|step| step.state.trouble().is_some());
        (run.id.0, blamed.map(|step| step.index))
    });
    let to_open = failed.map(|run| run.id.0);
    let guess = failed.and_then(|run| guesses.remove(&run.id));
    page.guess = guess.and_then(|guess| GuessPart::of(&guess, &viewer.looks));
    page.runs = progress::lines(&shown, page.are_old_runs, &usual, &guesses, viewer);
    for run in page.runs.iter_mut().filter(|run| Some(run.id) == to_open) {
        run.is_open = true;
    }
    // What was written into a form is not taken away by what happens.
    if draft.is_none() {
        page.frame = page.frame.following(Some(id), seen).and_guesses(guessed);
    }
    Ok(page.render()?)
}

pub(super) fn number(text: &str) -> Result<ReleaseId, Fault> {
    let number = text.parse().map(ReleaseId);
    number.map_err(|_| Missing::Release(text.to_owned()).into())
}

/// A release that the viewer may read.
async fn readable(web: &Web, viewer: &Viewer, id: ReleaseId) -> Result<Release, Fault> {
    let found = web.engine.read(move |conn| releases::get(conn, id)).await?.ok_or_else(|| no_release(id))?;
    viewer.actor.may(Right::Read, Some(&found.service), false)?;
    Ok(found)
}

fn page(
    overview: &ReleaseOverview,
    runs: &[Run],
    usual: &UsualRuns,
    timeline: Timeline,
    viewer: &Viewer,
    draft: Option<&Draft>,
) -> ReleasePage {
    let (release, looks) = (&overview.release, &viewer.looks);
    let words = looks.words();
    let standing = overview.standing();
    let title = format!("{} {}", release.service, release.title());
    let by = overview.initiator.as_ref().map(PersonName::as_str);
    let initiator = crate::wording::initiator(by, &release.initiated_by);
    let age = looks.lasting(release.status_since, viewer.now);
    let acts = acts::acts(overview, runs, viewer, draft);
    ReleasePage {
        frame: Frame::inside(viewer, "board", &title).in_state(Tone::from(&standing)),
        own: words::of(looks.language),
        id: release.id.0,
        revision: release.revision.0,
        service: release.service.to_string(),
        title: release.title(),
        commit: release.commit.as_ref().map(|commit| (commit.short().to_owned(), commit.to_string())),
        owner: overview.other_owner.as_deref().map(|owner| looks.person(owner)),
        created: looks.when(release.created_at, viewer.now),
        attempt: release.attempt.0,
        ci_url: release.ci_run.as_ref().and_then(|run| content::web_address(run.url.as_deref()?)),
        notes: release.notes.clone(),
        status_tone: if Tone::from(&standing) == tone::UNKNOWN { tone::UNKNOWN } else { release.status.into() },
        status: clause_of(looks.language.status_title(release.status)),
        track: progress::track(overview, runs, usual, viewer),
        refused: draft.map(|draft| draft.refused(looks, &acts)),
        tone: Tone::from(&standing),
        sentence: looks.standing(&standing),
        why: release
            .reason
            .as_ref()
            .filter(|_| !release.status.is_active())
            .map(|reason| looks.sentence(&looks.language.reason(reason))),
        guess: None,
        failed: None,
        meta: words.card_meta(&standing, &age, None, &initiator),
        acts,
        gates: people::gates(overview, viewer),
        votes: people::votes(overview, viewer),
        tally: people::tally(overview, viewer),
        surfaces: content::surfaces(overview, runs, viewer),
        runs: Vec::new(),
        older_runs: None,
        are_old_runs: false,
        commits: content::commits(overview.commits.as_ref(), looks),
        others: others(overview),
        timeline,
        initiator,
    }
}

/// What production runs, and the good versions before it.
fn others(overview: &ReleaseOverview) -> Vec<(i64, String)> {
    let current = overview.current().into_iter();
    let versions = current.chain(overview.versions.iter().map(|good| &good.version));
    let other = versions.filter(|version| version.release != overview.release.id);
    other.take(COMPARED).map(|version| (version.release.0, version.to_string())).collect()
}
