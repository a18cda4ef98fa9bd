//! A release beside another one of its service: commits, surfaces, the steps that were run, and how long everything took.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use serde::Deserialize;

use super::content::{self, Commits};
use super::{RUNS, number, progress, readable};
use crate::domain::env::Env;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind, RunState};
use crate::domain::standing::Phase;
use crate::store::definitions;
use crate::views::UsualRuns;
use crate::web::Web;
use crate::web::api::releases::steps;
use crate::web::pages::diff;
use crate::web::pages::fault::Fault;
use crate::web::pages::frame::Frame;
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::missing::Missing;
use crate::web::pages::words::release::{self as words, ReleaseWords};

/// Releases that are offered.
const OFFERED: u32 = 50;

#[derive(Debug, Deserialize)]
pub(in crate::web::pages) struct Asked {
    /// The number of the other release.
    with: Option<String>,
}

struct Side {
    id: i64,
    title: String,
}

struct SurfaceRow {
    name: String,
    one: String,
    other: String,
    is_same: bool,
}

struct PhaseRow {
    name: String,
    one: Option<String>,
    other: Option<String>,
    usual: Option<String>,
}

struct Pair {
    other: Side,
    heading: String,
    commits_title: String,
    commits: Option<Commits>,
    /// What is said where there are none to show.
    no_commits: &'static str,
    surfaces: Vec<SurfaceRow>,
    /// None: how the service was defined for one of them was not noted.
    definition: Option<Vec<diff::Line>>,
    /// None: there are no steps of both to compare.
    steps: Option<Vec<diff::Line>>,
    phases: Vec<PhaseRow>,
}

#[derive(Template)]
#[template(path = "pages/compare.html")]
struct ComparePage {
    frame: Frame,
    own: &'static ReleaseWords,
    service: String,
    one: Side,
    /// Releases to choose from, and whether it is the one that is compared.
    others: Vec<(i64, String, bool)>,
    pair: Option<Pair>,
}

/// A release beside another one.
pub(in crate::web::pages) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    let one = readable(&web, &viewer, number(&id)?).await?;
    let other = match asked.with.as_deref().map(|with| with.trim().trim_start_matches('#')) {
        Some(with) if !with.is_empty() => Some(readable(&web, &viewer, number(with)?).await?),
        Some(_) | None => None,
    };
    if let Some(other) = other.as_ref().filter(|other| other.service != one.service) {
        return Err(Missing::OfOtherService { release: other.id, service: other.service.clone() }.into());
    }
    let offered = web.engine.releases(None, Some(one.service.clone()), None, OFFERED).await?;
    let chosen = other.as_ref().map(|other| other.id);
    let older = other.iter().filter(|other| offered.iter().all(|release| release.id != other.id));
    let others = offered.iter().chain(older).filter(|release| release.id != one.id);
    let others =
        others.map(|release| (release.id.0, release.version().to_string(), Some(release.id) == chosen)).collect();
    let own = words::of(viewer.looks.language);
    let pair = match &other {
        Some(other) => Some(Pair::of(&web, &viewer, &one, other).await?),
        None => None,
    };
    let heading = pair.as_ref().map_or(own.compare_with, |pair| pair.heading.as_str());
    let page = ComparePage {
        frame: Frame::inside(&viewer, "board", heading),
        own,
        service: one.service.to_string(),
        one: Side::of(&one),
        others,
        pair,
    };
    Ok(Html(page.render()?))
}

impl Side {
    fn of(release: &Release) -> Self {
        Self { id: release.id.0, title: release.version().to_string() }
    }
}

impl Pair {
    async fn of(web: &Web, viewer: &Viewer, one: &Release, other: &Release) -> Result<Self, Fault> {
        let own = words::of(viewer.looks.language);
        // The newer one brings something beside the older one.
        let (older, newer) = if one.id < other.id { (one, other) } else { (other, one) };
        let text = |release: &Release| release.commit.as_ref().map(ToString::to_string).unwrap_or_default();
        let key = (older.service.to_string(), text(older), text(newer));
        let known = web.engine.commits_of(newer.id).await?.filter(|list| list.since.release == older.id);
        let list = match known {
            Some(list) => Some(std::sync::Arc::new(list)),
            None => {
                let ask = async {
                    let list = web.engine.commits_between(&older.service, older.version(), &newer.version()).await;
                    list.map(std::sync::Arc::new)
                };
                web.kept.compared.optionally_get_with(key, ask).await
            }
        };
        let [runs, other_runs] = [one, other].map(|release| web.engine.runs_of(release.id, None, RUNS));
        let (runs, other_runs) = (runs.await?, other_runs.await?);
        let both: Vec<_> = runs.iter().chain(&other_runs).cloned().collect();
        let usual = UsualRuns::read(&web.engine, &both).await?;
        Ok(Self {
            heading: format!("{} {}", one.service, own.compared(&one.title(), &other.title())),
            commits_title: own.commits(list.as_ref().map(|list| (list.total, list.lacking))),
            no_commits: if list.is_some() { own.no_commits } else { own.commits_unknown },
            commits: content::commits(list.as_deref(), &viewer.looks),
            surfaces: surfaces(one, other),
            definition: compared_definitions(web, (one, &runs), (other, &other_runs)).await?,
            steps: compared_steps(web, (one, &runs), (other, &other_runs), viewer),
            phases: phases((one, &runs), (other, &other_runs), &usual, viewer),
            other: Side::of(other),
        })
    }
}

fn surfaces(one: &Release, other: &Release) -> Vec<SurfaceRow> {
    let of = |release: &Release, name: &str| {
        let artifact = release.artifacts.iter().find(|artifact| artifact.name.as_str() == name);
        let text = artifact.and_then(|artifact| artifact.digest.clone().or_else(|| artifact.artifact.clone()));
        text.unwrap_or_else(|| "—".to_owned())
    };
    let names = one.artifacts.iter().chain(&other.artifacts).map(|artifact| artifact.name.to_string());
    let names: std::collections::BTreeSet<_> = names.collect();
    let row = |name: String| {
        let (one, other) = (of(one, &name), of(other, &name));
        SurfaceRow { is_same: one == other, name, one, other }
    };
    names.into_iter().map(row).collect()
}

/// The last run of a kind that ended well.
fn good(runs: &[Run], env: Env, kind: RunKind) -> Option<&Run> {
    let is_it = |run: &&Run| {
        (run.environment, run.kind) == (env, kind) && run.state == RunState::Succeeded && run.moves_its_release()
    };
    runs.iter().rev().find(is_it)
}

/// The last run of a kind, however it ended.
fn last(runs: &[Run], env: Env, kind: RunKind) -> Option<&Run> {
    runs.iter().rev().find(|run| (run.environment, run.kind) == (env, kind) && run.moves_its_release())
}

/// The run that is told of a kind: the last that ended well, or else the last one.
fn told(runs: &[Run], env: Env, kind: RunKind) -> Option<&Run> {
    good(runs, env, kind).or_else(|| last(runs, env, kind))
}

/// How the service was defined when the last run of each began, line by line.
async fn compared_definitions(
    web: &Web,
    (one, runs): (&Release, &[Run]),
    (other, other_runs): (&Release, &[Run]),
) -> Result<Option<Vec<diff::Line>>, Fault> {
    let began = |release: &Release, runs: &[Run]| runs.last().map_or(release.created_at, |run| run.created_at);
    let (service, at, before) = (one.service.clone(), began(one, runs), began(other, other_runs));
    let found = web.engine.read(move |conn| {
        Ok((definitions::revision_at(conn, &service, before)?, definitions::revision_at(conn, &service, at)?))
    });
    let (before, after) = found.await?;
    Ok(before.zip(after).map(|(before, after)| diff::between(&before.text, &after.text)))
}

/// The steps by which both came to production, or to stage where one did not come further, line by line.
fn compared_steps(
    web: &Web,
    (one, runs): (&Release, &[Run]),
    (other, other_runs): (&Release, &[Run]),
    viewer: &Viewer,
) -> Option<Vec<diff::Line>> {
    let envs = [Env::Production, Env::Stage].into_iter();
    let (run, other_run) = envs
        .filter_map(|env| good(runs, env, RunKind::Deploy).zip(good(other_runs, env, RunKind::Deploy)))
        .find(|(one, other)| !one.steps.is_empty() && !other.steps.is_empty())?;
    let (before, after) = (text_of(web, other, other_run, viewer), text_of(web, one, run, viewer));
    Some(diff::between(&before, &after))
}

/// What a run did, without what names its release.
fn text_of(web: &Web, release: &Release, run: &Run, viewer: &Viewer) -> String {
    let own = words::of(viewer.looks.language);
    let mut text = String::new();
    for step in steps(web, &run.steps) {
        let kind = step.kind.known().map_or_else(|| step.title(), |kind| viewer.looks.language.step(kind).to_owned());
        text.push_str(&format!("{kind} · {} · {}\n", step.surface, step.host));
        step.directory.iter().for_each(|directory| text.push_str(&format!("  {}\n", own.in_folder(directory))));
        step.command.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
        let limit = step.timing.map_or(step.limit, |timing| viewer.looks.language.timing(&timing));
        text.push_str(&format!("  {limit}\n"));
    }
    for (name, version) in [("⟨this⟩", Some(release.version())), ("⟨before⟩", run.from.clone())] {
        let Some(version) = version else { continue };
        let words = [version.commit.as_ref().map(ToString::to_string), version.tag.as_ref().map(ToString::to_string)];
        for word in words.into_iter().flatten() {
            text = without(&text, &word, name);
        }
    }
    text
}

/// A text with something in place of a word, where it stands as a whole word. Of a single letter or digit that says nothing.
fn without(text: &str, word: &str, by: &str) -> String {
    if word.len() < 2 {
        return text.to_owned();
    }
    let is_inner = |c: char| c.is_alphanumeric() || c == '_';
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(word) {
        let (before, behind) = (&rest[..at], &rest[at + word.len()..]);
        let is_whole = !before.ends_with(is_inner) && !behind.starts_with(is_inner);
        shown.push_str(before);
        shown.push_str(if is_whole { by } else { word });
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

fn phases(
    (one, runs): (&Release, &[Run]),
    (other, other_runs): (&Release, &[Run]),
    usual: &UsualRuns,
    viewer: &Viewer,
) -> Vec<PhaseRow> {
    let (looks, labels) = (&viewer.looks, viewer.looks.words());
    let own = words::of(looks.language);
    let went = |runs: &[Run], env: Env, kind: RunKind| {
        let run = told(runs, env, kind)?;
        let took = run.started_at.map(|from| looks.lasting(from, run.ended_at.unwrap_or(viewer.now)));
        let state = (run.state != RunState::Succeeded).then(|| labels.run_state(&run.state).to_owned());
        let is_back =
            kind == RunKind::Deploy && good(runs, env, RunKind::Rollback).is_some_and(|back| back.id > run.id);
        let back = is_back.then(|| own.taken_back.to_owned());
        Some(state.into_iter().chain(took).chain(back).collect::<Vec<_>>().join(", "))
    };
    let of_runs = [
        (labels.stage.to_owned(), Env::Stage, RunKind::Deploy),
        (labels.phase(Phase::Rehearsal).to_owned(), Env::Stage, RunKind::Rehearsal),
        (labels.production.to_owned(), Env::Production, RunKind::Deploy),
    ];
    let mut rows: Vec<_> = of_runs
        .into_iter()
        .map(|(name, env, kind)| PhaseRow {
            name,
            one: went(runs, env, kind),
            other: went(other_runs, env, kind),
            usual: good(runs, env, kind)
                .or_else(|| good(other_runs, env, kind))
                .and_then(|run| usual.of_run(run))
                .map(|usual| looks.language.lasting(usual)),
        })
        .collect();
    let waited = |runs: &[Run]| {
        let decided = told(runs, Env::Production, RunKind::Deploy)?.created_at;
        progress::waited(runs, decided).map(|waited| looks.language.lasting(waited))
    };
    rows.insert(2, PhaseRow { name: own.people.to_owned(), one: waited(runs), other: waited(other_runs), usual: None });
    let whole = |release: &Release| Some(looks.lasting(release.created_at, release.completed_at?));
    rows.push(PhaseRow { name: own.whole.to_owned(), one: whole(one), other: whole(other), usual: None });
    rows
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn words_are_left_out_where_they_stand_as_words() {
        assert_eq!(without("git checkout v1 # v1.2 xv1", "v1", "⟨this⟩"), "git checkout ⟨this⟩ # ⟨this⟩.2 xv1");
        assert_eq!(without("sleep 1", "1", "⟨this⟩"), "sleep 1");
    }
}
