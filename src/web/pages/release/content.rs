//! What a release brings: its surfaces, and its commits.

use crate::domain::commits::CommitList;
use crate::domain::env::Env;
use crate::domain::ids::SurfaceName;
use crate::domain::run::{Run, Step, StepKind, StepState};
use crate::views::ReleaseOverview;
use crate::web::pages::frame::{Looks, When};
use crate::web::pages::tone::Tone;
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::release as words;

/// Commits that are shown at once.
const COMMITS: usize = 20;

/// The surfaces of a release.
pub(super) struct Surfaces {
    pub lines: Vec<SurfaceLine>,
    /// What goes out is known of one of them.
    pub have_artifacts: bool,
    /// How one of them is, is known.
    pub have_health: bool,
    /// One of them can be tried somewhere.
    pub have_previews: bool,
}

impl Surfaces {
    fn of(lines: Vec<SurfaceLine>) -> Self {
        Self {
            have_artifacts: lines.iter().any(|line| line.artifact.is_some()),
            have_health: lines.iter().any(|line| line.health.is_some()),
            have_previews: lines.iter().any(|line| line.preview.is_some()),
            lines,
        }
    }
}

pub(super) struct SurfaceLine {
    pub name: String,
    pub artifact: Option<String>,
    pub preview: Option<Preview>,
    pub health: Option<Health>,
}

/// Where people can try a surface. Only the web is a link: an address of another kind may be a program.
pub(super) struct Preview {
    pub text: String,
    pub url: Option<String>,
}

/// What the last health check of a surface said.
pub(super) struct Health {
    pub tone: Tone,
    pub text: String,
    /// What runs there by now, where that is another release.
    pub other: Option<String>,
    pub when: Option<When>,
}

pub(super) struct CommitLine {
    pub short: String,
    pub title: String,
    pub by: String,
    pub url: Option<String>,
}

pub(super) struct Commits {
    pub total: u64,
    pub since: String,
    pub url: Option<String>,
    pub shown: Vec<CommitLine>,
    /// Those that are folded.
    pub rest: Vec<CommitLine>,
    /// How many older ones there are of which nothing else is known.
    pub unlisted: u64,
}

/// An address, if a browser may follow it.
pub(in crate::web::pages) fn web_address(url: &str) -> Option<String> {
    let lower = url.trim_start().to_ascii_lowercase();
    let is_web = lower.starts_with("https://") || lower.starts_with("http://");
    (is_web && !url.contains(|c: char| c.is_control() || c.is_whitespace())).then(|| url.to_owned())
}

/// The surfaces of the service, and those that CI has told of.
pub(super) fn surfaces(overview: &ReleaseOverview, runs: &[Run], viewer: &Viewer) -> Surfaces {
    let artifacts = &overview.release.artifacts;
    let configured = overview.service.surfaces.iter().map(|surface| &surface.name);
    let others = artifacts.iter().map(|artifact| &artifact.name);
    let mut names: Vec<&SurfaceName> = configured.collect();
    names.extend(others.filter(|name| !overview.service.surfaces.iter().any(|surface| surface.name == **name)));
    let line = |name: &SurfaceName| {
        let artifact = artifacts.iter().find(|artifact| artifact.name == *name);
        let preview = artifact.and_then(|artifact| artifact.preview_url.as_deref());
        SurfaceLine {
            name: name.to_string(),
            artifact: artifact
                .and_then(|artifact| artifact.digest.as_deref().or(artifact.artifact.as_deref()))
                .map(str::to_owned),
            preview: preview.map(|url| Preview { text: url.to_owned(), url: web_address(url) }),
            health: health(name, overview, runs, viewer),
        }
    };
    Surfaces::of(names.into_iter().map(line).collect())
}

/// What the last health check of the release on a surface said, wherever that was.
fn health(name: &SurfaceName, overview: &ReleaseOverview, runs: &[Run], viewer: &Viewer) -> Option<Health> {
    let (labels, own) = (viewer.looks.words(), words::of(viewer.looks.language));
    let id = overview.release.id;
    let is_check = |step: &&Step| {
        step.kind == StepKind::Health && step.surface == *name && step.about == id && step.started_at.is_some()
    };
    let (run, step) = runs.iter().rev().find_map(|run| Some((run, run.steps.iter().rev().find(is_check)?)))?;
    let word = match &step.state {
        StepState::Succeeded => own.well,
        StepState::Failed { .. } => own.ill,
        StepState::Running => own.being_asked,
        StepState::Pending | StepState::Stopped | StepState::Skipped { .. } | StepState::Unknown { .. } => return None,
    };
    let place = match run.environment {
        Env::Stage => labels.stage.to_owned(),
        Env::Production => labels.production.to_owned(),
        Env::Preview(_) => run.environment.to_string(),
    };
    let current = overview.environments.get(&run.environment).and_then(|state| state.current.as_ref());
    let other = current.filter(|current| current.release != id).map(|current| own.runs_now(&current.to_string()));
    Some(Health {
        tone: Tone::from(&step.state),
        text: format!("{place}: {word}"),
        other,
        when: step.ended_at.map(|at| viewer.looks.when(at, viewer.now)),
    })
}

pub(super) fn commits(list: Option<&CommitList>, looks: &Looks) -> Option<Commits> {
    listed(list, |given| looks.person(given))
}

fn listed(list: Option<&CommitList>, person: impl Fn(&str) -> String) -> Option<Commits> {
    let list = list.filter(|list| list.total > 0)?;
    let lines = list.commits.iter().map(|commit| CommitLine {
        short: commit.sha.chars().take(7).collect(),
        title: commit.title.clone(),
        by: person(commit.login.as_deref().unwrap_or(&commit.author)),
        url: commit.url.as_deref().and_then(web_address),
    });
    let mut shown: Vec<_> = lines.collect();
    let rest = shown.split_off(shown.len().min(COMMITS));
    Some(Commits {
        total: list.total,
        since: list.since.to_string(),
        url: list.url.as_deref().and_then(web_address),
        unlisted: list.total.saturating_sub(list.commits.len() as u64),
        shown,
        rest,
    })
}

#[cfg(test)]
mod tests {
    use super::{COMMITS, listed, web_address};
    use crate::domain::commits::{CommitLine, CommitList};
    use crate::domain::ids::ReleaseId;
    use crate::domain::version::Version;

    #[test]
    fn every_commit_that_is_known_can_be_reached() {
        let commit = |number: usize| CommitLine {
            sha: format!("{number:040}"),
            title: format!("Change {number}"),
            author: "Ann Lee".into(),
            login: None,
            url: None,
        };
        let list = |known: usize, total| CommitList {
            since: Version { release: ReleaseId(1), tag: None, commit: None },
            total,
            lacking: 0,
            url: None,
            commits: (0..known).map(commit).collect(),
            pull_requests: Vec::new(),
        };
        for (known, total, shown, rest, unlisted) in
            [(3, 3, 3, 0, 0), (215, 215, COMMITS, 195, 0), (250, 300, COMMITS, 230, 50)]
        {
            let commits = listed(Some(&list(known, total)), str::to_owned).unwrap();
            assert_eq!((commits.shown.len(), commits.rest.len(), commits.unlisted), (shown, rest, unlisted));
            assert!(commits.shown.iter().chain(&commits.rest).all(|line| line.by == "Ann Lee"));
        }
    }

    #[test]
    fn only_the_web_is_a_link() {
        for good in ["https://preview.example.com/a?b=c#d", "http://127.0.0.1:80/", "HTTPS://EXAMPLE.com"] {
            assert_eq!(web_address(good).as_deref(), Some(good));
        }
        for bad in [
            "javascript:alert(1)",
            " java\nscript:x",
            "data:text/html,x",
            "//example.com",
            "ftp://x",
            "",
            "https://a b",
        ] {
            assert_eq!(web_address(bad), None, "{bad}");
        }
    }
}
