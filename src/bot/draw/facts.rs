//! A release as people see it.

use serde::Serialize;

use super::gates::{self, GateFacts};
use super::pen::Pen;
use super::run::{FailureFacts, RunFacts};
use super::scene::Scene;
use super::sentence::sentence;
use crate::bot::words::{facts, text};
use crate::domain::approval::Verdict;
use crate::domain::commits::CommitList;
use crate::domain::environment::LeftHost;
use crate::domain::gate::GateName;
use crate::domain::ids::PersonName;
use crate::domain::reason::Reason;
use crate::domain::run::RunState;
use crate::domain::status::Status;
use crate::views::ReleaseOverview;
use crate::wording;

/// So many commits are shown.
const COMMITS: usize = 10;
/// More than so many are folded.
const UNFOLDED: u64 = 3;
/// Pull requests of a release that a card shows.
const PULLS: usize = 3;
/// Of the title of a commit, so many characters.
const COMMIT: usize = 80;
/// Of the notes, this much is shown.
const NOTES: (usize, usize) = (2, 200);

/// A release.
#[derive(Debug, Serialize)]
pub(super) struct ReleaseFacts<'s> {
    number: i64,
    service: &'s str,
    title: String,
    tag: Option<&'s str>,
    commit: Option<&'s str>,
    surfaces: Vec<SurfaceFacts<'s>>,
    status: &'static str,
    status_words: String,
    reason: Option<String>,
    attempt: u32,
    initiator: String,
    owner: Option<String>,
    created: String,
    /// How long it was or has been under way.
    age: String,
    /// How long it has stood where it stands.
    waiting: String,
    ended: Option<String>,
    ci_url: Option<&'s str>,
    commits: Option<CommitsFacts<'s>>,
    notes: Option<String>,
    vote: Option<VoteFacts>,
    /// What stands in the way of production, beside the vote.
    unmet: Vec<GateFacts>,
    /// Gates that an admin skips.
    skipped: Vec<SkippedFacts<'s>>,
    /// The release that holds stage meanwhile.
    waits_for: Option<String>,
    in_production: bool,
    /// What production runs.
    production: Option<String>,
    went_back_to: Option<&'s str>,
    /// Hosts of production that may run something else than it does.
    stragglers: Option<StragglersFacts>,
    run: Option<RunFacts>,
    failure: Option<&'s FailureFacts>,
    /// What only an admin can settle.
    alarms: Vec<AlarmFacts>,
}

#[derive(Debug, Serialize)]
struct StragglersFacts {
    /// What the other hosts run.
    runs: String,
    /// On which hosts, and what the others may run: the end of a sentence.
    all_but: String,
}

/// The commits that a release brings.
#[derive(Debug, Serialize)]
struct CommitsFacts<'s> {
    total: u64,
    /// What production ran when they were listed.
    since: String,
    /// The page that compares both.
    url: Option<&'s str>,
    /// They are more than a reader takes in at a glance.
    folded: bool,
    /// The newest.
    shown: Vec<CommitFacts>,
    /// How many are not among them.
    more: u64,
    /// The pull requests of the newest.
    pulls: Vec<PullFacts<'s>>,
    /// How many are not among them.
    more_pulls: usize,
}

#[derive(Debug, Serialize)]
struct CommitFacts {
    title: String,
    author: String,
}

#[derive(Debug, Serialize)]
struct PullFacts<'s> {
    number: u64,
    title: String,
    author: Option<String>,
    url: &'s str,
}

/// Something that only an admin can settle.
#[derive(Debug, Serialize)]
struct AlarmFacts {
    words: String,
    /// Nothing else on the card says so.
    stuck: bool,
}

#[derive(Debug, Serialize)]
struct SurfaceFacts<'s> {
    name: &'s str,
    preview: Option<&'s str>,
}

/// The vote.
#[derive(Debug, Serialize)]
struct VoteFacts {
    needed: usize,
    count: usize,
    required: Vec<String>,
    given: Vec<String>,
    /// Whose yes would still count.
    missing: Vec<String>,
    rejections: Vec<RejectionFacts>,
}

#[derive(Debug, Serialize)]
struct RejectionFacts {
    by: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct SkippedFacts<'s> {
    name: &'static str,
    title: String,
    by: &'s str,
    reason: String,
}

/// Where it stands; what passed by a skipped vote is not called approved.
fn status_words(pen: &Pen<'_>, scene: &Scene) -> String {
    let (release, overview) = (&scene.release, scene.overview.as_ref());
    let skipped = release.bypasses.iter().any(|skip| skip.gate == GateName::Approvals);
    let approved = overview.is_none_or(|overview| overview.tally.passed());
    if release.status == Status::ManualTestPassed && skipped && !approved {
        return pen.word("status.approvals_skipped");
    }
    pen.status(release.status)
}

/// The newest commits; none where there are none.
fn commits(list: &CommitList) -> Option<CommitsFacts<'_>> {
    let shown = list.commits.iter().take(COMMITS).map(|commit| CommitFacts {
        title: text::clip(&commit.title, 1, COMMIT).unwrap_or_default(),
        author: text::tame(commit.login.as_ref().unwrap_or(&commit.author)),
    });
    let shown: Vec<_> = shown.collect();
    let pulls = list.pull_requests.iter().take(PULLS).map(|pull| PullFacts {
        number: pull.number,
        title: text::clip(&pull.title, 1, COMMIT).unwrap_or_default(),
        author: pull.author.as_deref().map(text::tame),
        url: &pull.url,
    });
    (list.total > 0).then(|| CommitsFacts {
        total: list.total,
        since: list.since.to_string(),
        url: list.url.as_deref(),
        folded: list.total > UNFOLDED,
        more: list.total.saturating_sub(shown.len() as u64),
        pulls: pulls.collect(),
        more_pulls: list.pull_requests.len().saturating_sub(PULLS),
        shown,
    })
}

/// The initiator, and whose word that is if it is not their own.
fn initiator(pen: &Pen<'_>, scene: &Scene) -> String {
    let release = &scene.release;
    let person = scene.overview.as_ref().and_then(|overview| overview.initiator.as_ref()).map(PersonName::as_str);
    let name = text::tame(&wording::initiator(person, &release.initiated_by));
    match &release.said_by {
        Some(token) => pen.phrase("initiator.said_by", facts! { name => name, token => text::tame(token) }),
        None => name,
    }
}

impl<'s> ReleaseFacts<'s> {
    pub fn new(pen: &Pen<'_>, scene: &'s Scene) -> Self {
        let release = &scene.release;
        let overview = scene.overview.as_ref();
        let status = release.status;
        let current = overview.and_then(ReleaseOverview::current);
        let holder = overview
            .filter(|_| status == Status::Initiated)
            .and_then(|overview| overview.on_stage.as_ref())
            .filter(|holder| holder.release != release.id);
        let reason = release.reason.as_ref().and_then(|reason| because(pen, reason));
        Self {
            number: release.id.0,
            service: release.service.as_str(),
            title: release.title(),
            tag: release.tag.as_ref().map(crate::domain::ids::Tag::as_str),
            commit: release.commit.as_ref().map(crate::domain::ids::Commit::short),
            surfaces: surfaces(scene),
            status: status.as_str(),
            status_words: status_words(pen, scene),
            // A rejection is told with the vote.
            reason: reason.filter(|_| status != Status::ManualTestFailed || overview.is_none()),
            attempt: release.attempt.0,
            initiator: initiator(pen, scene),
            owner: release.other_owner(pen.engine.catalog().people().values()).as_deref().map(text::tame),
            created: pen.time(release.created_at),
            age: pen.span(release.started_at, release.completed_at.unwrap_or(pen.now)),
            waiting: pen.span(release.status_since, pen.now),
            ended: release.completed_at.map(|at| pen.time(at)),
            ci_url: release.ci_run.as_ref().and_then(|run| run.url.as_deref()),
            notes: text::clip(&release.notes, NOTES.0, NOTES.1),
            commits: overview.and_then(|overview| overview.commits.as_ref()).and_then(commits),
            vote: vote(scene),
            unmet: gates::in_the_way(pen, scene),
            skipped: release
                .bypasses
                .iter()
                .map(|skip| SkippedFacts {
                    name: skip.gate.as_str(),
                    title: gates::title(pen, skip.gate),
                    by: &skip.by,
                    reason: text::tame(&skip.reason),
                })
                .collect(),
            waits_for: holder.map(ToString::to_string),
            in_production: scene.in_production(),
            production: current.filter(|_| !scene.in_production()).map(ToString::to_string),
            went_back_to: release
                .rollback_to_tag
                .as_ref()
                .filter(|_| status == Status::RollbackDone)
                .map(crate::domain::ids::Tag::as_str),
            stragglers: overview.and_then(ReleaseOverview::stragglers).map(|found| StragglersFacts {
                runs: found.runs.title(),
                all_but: pen.language().all_hosts_but(&found),
            }),
            run: scene.run().map(|run| RunFacts::new(pen, run)),
            failure: scene.failure.as_ref(),
            alarms: alarms(pen, scene),
        }
    }
}

/// The surfaces of the service, with the previews that CI has built.
fn surfaces(scene: &Scene) -> Vec<SurfaceFacts<'_>> {
    let artifacts = &scene.release.artifacts;
    let preview = |name: &str| {
        artifacts.iter().find(|artifact| artifact.name.as_str() == name).and_then(|a| a.preview_url.as_deref())
    };
    match &scene.overview {
        Some(overview) => overview
            .service
            .surfaces
            .iter()
            .map(|surface| SurfaceFacts { name: surface.name.as_str(), preview: preview(surface.name.as_str()) })
            .collect(),
        None => artifacts
            .iter()
            .map(|artifact| SurfaceFacts { name: artifact.name.as_str(), preview: artifact.preview_url.as_deref() })
            .collect(),
    }
}

/// The vote; none where no approval is needed.
fn vote(scene: &Scene) -> Option<VoteFacts> {
    let overview = scene.overview.as_ref()?;
    let tally = &overview.tally;
    let names = |people: &[PersonName]| people.iter().map(ToString::to_string).collect::<Vec<_>>();
    let rejection =
        |by: String, reason: &str| RejectionFacts { by, reason: text::clip(reason, 2, 200).unwrap_or_default() };
    let rejections: Vec<_> = match &scene.rejected {
        Some((by, why)) => vec![rejection(by.clone(), why)],
        None => overview
            .votes
            .iter()
            .filter_map(|vote| match &vote.verdict {
                Verdict::Rejected { reason } => Some(rejection(vote.person.to_string(), reason)),
                Verdict::Approved => None,
            })
            .collect(),
    };
    let listed = &overview.service.approvals.required;
    let counted = || tally.given.iter().chain(&tally.missing);
    // People may have left the list since the vote closed.
    let on_list = counted().all(|name| listed.contains(name));
    let required: Vec<_> = if on_list { listed.clone() } else { counted().cloned().collect() };
    (tally.needed > 0 || !tally.given.is_empty() || !rejections.is_empty()).then(|| VoteFacts {
        needed: tally.needed,
        count: tally.given.len(),
        required: names(&required),
        given: names(&tally.given),
        missing: names(&tally.missing),
        rejections,
    })
}

/// Why a release stands where it stands, in the operator's own words where there are some.
fn because(pen: &Pen<'_>, reason: &Reason) -> Option<String> {
    let own = |key: &str, to: &str, by: &str, why: &str| {
        pen.words.maybe(pen.language(), key, facts! { to => to, by => by, why => why })
    };
    let own = if let Reason::Cancelled { by, why } = reason {
        own("because.cancelled", "", by, why)
    } else if let Reason::Aborted { by, why } = reason {
        own("because.aborted", "", by, why)
    } else if let Reason::RollbackAsked { to, by, why } = reason {
        own("because.rolled_back", &to.to_string(), by, why)
    } else if *reason == Reason::FirstRelease {
        own("because.first", "", "", "")
    } else {
        None
    };
    own.as_deref().map_or_else(|| pen.why(reason), sentence)
}

/// What about this release only an admin can settle.
fn alarms(pen: &Pen<'_>, scene: &Scene) -> Vec<AlarmFacts> {
    let mut alarms = Vec::new();
    let unknown = |env| scene.overview.as_ref().is_some_and(|overview| overview.to_settle.contains(&env));
    for run in &scene.runs {
        if unknown(run.environment) && matches!(run.state, RunState::Unknown { .. }) {
            continue;
        }
        let what = pen.run_title(run.kind, run.environment);
        if matches!(run.state, RunState::Unknown { .. }) {
            let words = pen.phrase("alarm.unknown", facts! { run => run.id.0, what => what });
            alarms.push(AlarmFacts { words, stuck: true });
        } else if let Some(reason) = run.stopping().filter(|_| run.waiting.is_some()) {
            let words = pen.phrase("alarm.stopping", facts! { what => what, reason => pen.why(&reason) });
            alarms.push(AlarmFacts { words, stuck: false });
        } else if let Some(reason) = run.waiting.as_ref().filter(|_| run.state.is_live()) {
            let reason = pen.why(reason);
            let words = pen.phrase("alarm.waiting", facts! { what => what, reason => reason });
            alarms.push(AlarmFacts { words, stuck: false });
        }
    }
    for kind in scene.overview.iter().flat_map(|overview| overview.environments.keys().copied()) {
        if unknown(kind) {
            let service = scene.release.service.as_str();
            let facts = facts! { where => pen.place(kind), service => service, kind => kind.to_string() };
            alarms.push(AlarmFacts { words: pen.phrase("alarm.settle", facts), stuck: true });
        }
        let dirty = scene.environment(kind).and_then(|state| state.dirty.as_ref());
        if let Some(dirty) = dirty.filter(|dirty| scene.runs.iter().any(|run| run.id == dirty.run)) {
            let facts = facts! {
                run => dirty.run.0, version => dirty.to.as_ref().map(ToString::to_string), where => pen.place(kind),
                reason => pen.why(&dirty.reason),
            };
            alarms.push(AlarmFacts { words: pen.phrase("alarm.dirty", facts), stuck: false });
        }
        let left = scene.environment(kind).into_iter().flat_map(|state| &state.left);
        let at_work = scene.runs.iter().filter(|run| run.environment == kind && run.state.is_live());
        let leaving = at_work.flat_map(|run| &run.left);
        let told = |left: &LeftHost| !left.given_up && scene.runs.iter().any(|run| run.id == left.run);
        for (host, left) in left.chain(leaving).filter(|(_, left)| told(left)) {
            let facts = facts! { where => pen.place(kind), host => host.as_str(), reason => pen.why(&left.reason) };
            alarms.push(AlarmFacts { words: pen.phrase("alarm.left", facts), stuck: false });
        }
    }
    alarms
}
