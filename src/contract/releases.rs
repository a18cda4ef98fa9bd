//! Releases, their vote and their gates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CommitCheckView, Word, decoration, known, short};
use crate::domain::artifact::Artifact;
use crate::domain::commits::{CommitLine, PullRequest};
use crate::domain::content::Content;
use crate::domain::environment::Stragglers;
use crate::domain::gate::{GateName, GateState, Remedy};
use crate::domain::reason::Reason;
use crate::domain::release::CiRun;
use crate::domain::run::RunKind;
use crate::domain::status::{List, Status};
use crate::domain::version::Version;

/// A new release: a tag or a commit of a service.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRelease {
    /// The service, as configured.
    pub service: String,
    /// The tag, also by its full name (`refs/tags/v1`); this or `commit` must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The full commit id; that of an annotated tag itself stands for its commit. Without it, RMM asks the repository once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Who: a person's name, a GitHub login, or whatever CI calls it. With a token of a person it is always that person; with
    /// an id token of GitHub it is the login that has started the workflow, and may be left out (another one is 422
    /// `initiator_differs`).
    #[serde(default)]
    pub initiated_by: String,
    /// Who answers for it; the initiator unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The CI run, so that the same one means the same release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_run: Option<CreatingRun>,
    /// When the tag was made: an RFC 3339 time, or as git and `date` write it. It only decorates: what cannot be read is left
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "decoration::time")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tagged_at: Option<Timestamp>,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "decoration::text")]
    pub notes: String,
    /// What CI has built already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surfaces: Vec<Artifact>,
}

/// The CI run that creates.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatingRun {
    /// Its id in the CI system.
    pub id: String,
    /// GitHub's `run_attempt`, 1 for the first. A CI system that does not count leaves it out: after a failure on stage,
    /// the same run again is a re-run then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Where people can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The git ref that started it.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
}

/// What CI reports.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchRelease {
    /// Where the release stands now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Which CI run speaks; without it, the current one is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_run: Option<ReportingRun>,
    /// Artifacts and previews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surfaces: Option<Vec<Artifact>>,
}

/// The CI run that reports.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportingRun {
    /// Its id in the CI system.
    pub id: String,
    /// Its attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Where people can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What goes with a decision. Every field is optional but where the call says otherwise.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// Why. Needed by `reject`, `cancel`, `abort`, `rollback` and `bypass`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The revision that was seen; the call is refused when the release has changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// `rollback`: where to, a tag or a release number as `#12`; the good version before without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// `abort`, `rollback`: even though the end of a run is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// `bypass`: which gates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateName>,
}

/// Which releases.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListReleases {
    /// `active`, `successful` or `failed`; all without it.
    pub list: Option<List>,
    /// Only this service.
    pub service: Option<String>,
    /// At most this many, 1 to 200.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// A page of releases.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReleasePage {
    /// Newest first.
    pub releases: Vec<ReleaseView>,
    /// The cursor of the next page; none on the last.
    pub next: Option<String>,
}

/// A release.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReleaseView {
    /// Its number, `#2184`.
    pub id: i64,
    /// The service.
    pub service: String,
    /// Its tag.
    pub tag: Option<String>,
    /// Its commit.
    pub commit: Option<String>,
    /// Where it stands.
    #[schema(value_type = Status)]
    pub status: Word<Status>,
    /// The list that shows it.
    #[schema(value_type = List)]
    pub list: Word<List>,
    /// Why it stands there.
    pub reason: Option<String>,
    /// The facts that `reason` tells in words, with a `code`; `legacy` for a sentence from before there were facts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<Reason>,
    /// What the repository says of its commit; none where there is none to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_check: Option<CommitCheckView>,
    /// Since when it stands there.
    #[schema(value_type = String, format = DateTime)]
    pub status_since: Timestamp,
    /// Which try, from 1.
    pub attempt: u32,
    /// Grows with every change of the release; votes are none.
    pub revision: u64,
    /// Who, as they were named.
    pub initiated_by: String,
    /// The person of RMM that this is, by name or by GitHub login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<String>,
    /// The token on whose word that stands; a person who creates a release is its initiator without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said_by: Option<String>,
    /// Who answers for it, as they were named.
    pub owner: String,
    /// The person of RMM that this is, by name or by GitHub login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_person: Option<String>,
    /// The CI run that created it.
    #[schema(value_type = Option<CiRun>)]
    pub ci_run: Option<CiRunView>,
    /// When the tag was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tagged_at: Option<Timestamp>,
    /// Free text.
    pub notes: String,
    /// Artifacts and previews.
    #[schema(value_type = Vec<Artifact>)]
    pub surfaces: Vec<ArtifactView>,
    /// Where production went back to from it.
    pub rollback_to_tag: Option<String>,
    /// When RMM first heard of it.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the current attempt began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
}

/// A run of a CI system; a request says no more than RMM knows, an answer may.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CiRunView {
    /// Its id in the CI system.
    pub id: String,
    /// Its attempt, from 1.
    pub attempt: u32,
    /// Where people can look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The git ref that started it.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
}

/// What CI built for one surface; a request says no more than RMM knows, an answer may.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArtifactView {
    /// The surface.
    pub name: String,
    /// Where the artifact is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Its digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where people can try it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<String>,
}

impl ReleaseView {
    /// Its tag, or its commit, or its number.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.tag, &self.commit) {
            (Some(tag), _) => tag.clone(),
            (None, Some(commit)) => short(commit),
            (None, None) => format!("#{}", self.id),
        }
    }

    /// It is on the way.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.list == List::Active
    }
}

/// A release after a report, with what CI has to know to go on.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportedRelease {
    /// The release itself.
    #[serde(flatten)]
    pub release: ReleaseView,
    /// What its rehearsal or the rollback of its deploy goes back to; none where production runs nothing else.
    #[serde(default)]
    #[schema(required = true)]
    pub goes_back_to: Option<Version>,
}

/// A release with all that people ask about it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReleaseDetails {
    /// The release itself.
    #[serde(flatten)]
    pub release: ReleaseView,
    /// What it would bring now: a SHA-256 of its commit, its artifacts and the commands of the definition. Votes,
    /// rehearsals and runs count for what they were made of only.
    #[schema(value_type = Content, required = true)]
    pub content: Option<Content>,
    /// How the vote stands.
    pub approvals: ApprovalsView,
    /// Gates of production that stand in the way.
    pub unmet: Vec<GateView>,
    /// Gates of production that an admin has skipped for this release.
    #[serde(default)]
    #[schema(required = true)]
    pub skipped: Vec<SkippedView>,
    /// The commands that are legal now for who asks. `settle` and `unlock` are about the service, `resolve` about a run.
    pub legal: Vec<String>,
    /// The environments for which this release waits until an admin says what they run (`settle` of the service).
    #[serde(default)]
    #[schema(required = true)]
    pub to_settle: Vec<String>,
    /// The runs of this release about which an admin has to say what became of them (`resolve`).
    #[serde(default)]
    #[schema(required = true)]
    pub to_resolve: Vec<i64>,
    /// What RMM waits for CI to begin, and starts nothing itself; none: CI is not awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits_ci: Option<CiAwaited>,
    /// Hosts of production that were left behind, where production went back from this release or runs it: they may run
    /// something else than the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stragglers: Option<StragglersView>,
    /// The commits that it brings beside what production runs, where they are known. Once it is on production or has ended, those
    /// that it brought beside what ran there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commits: Option<CommitsView>,
}

/// Hosts of production that were left behind.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StragglersView {
    /// What production runs, and where, in a sentence.
    pub sentence: String,
    /// The facts that `sentence` tells in words.
    #[serde(default, deserialize_with = "known")]
    #[schema(value_type = Object, required = true)]
    pub because: Option<Stragglers>,
    /// What the other hosts run.
    pub runs: Version,
    /// Which hosts were left behind.
    pub hosts: Vec<String>,
    /// What those may still run, as far as it is something else.
    pub may_run: Vec<Version>,
}

/// A run that CI has still to report.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CiAwaited {
    /// Where.
    pub environment: String,
    /// What for.
    #[schema(value_type = RunKind)]
    pub kind: Word<RunKind>,
}

/// The commits that a release brings.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommitsView {
    /// What production ran when they were listed: its tag, its commit or its number.
    pub since: String,
    /// How many there are; `commits` has at most 250 of them.
    pub total: u64,
    /// Commits of `since` that this release does not have.
    #[serde(default)]
    #[schema(required = true)]
    pub lacking: u64,
    /// The page that compares both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The newest first.
    pub commits: Vec<CommitLine>,
    /// The pull requests that became one of `commits`, as far as they are known.
    #[serde(default)]
    #[schema(required = true)]
    pub pull_requests: Vec<PullRequest>,
}

/// A gate that an admin has skipped.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SkippedView {
    /// The name of the gate.
    pub gate: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// How a vote stands; where it has closed, how it stood then.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApprovalsView {
    /// How many are needed.
    pub needed: usize,
    /// Whose yes counts so far.
    pub given: Vec<String>,
    /// Whose yes would still count.
    pub missing: Vec<String>,
    /// Every vote of this attempt.
    pub votes: Vec<VoteView>,
}

/// One vote.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VoteView {
    /// Who.
    pub person: String,
    /// It is a yes.
    pub approved: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Where it was given.
    pub door: String,
    /// What the release would have brought then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// A gate of production as it stands for one release.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GateView {
    /// Which.
    #[schema(value_type = GateName)]
    pub name: Word<GateName>,
    /// It does not stand in the way: the condition holds, or an admin skips it.
    pub met: bool,
    /// An admin skips it.
    pub bypassed: bool,
    /// How it stands, in a sentence.
    pub sentence: String,
    /// The facts that `sentence` tells in words, with a `code`.
    #[serde(default, deserialize_with = "known")]
    #[schema(value_type = Object, required = true)]
    pub because: Option<GateState>,
    /// Who can clear it and how; none when it is met.
    pub how: Option<String>,
    /// The facts that `how` tells in words, with a `code`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub remedy: Option<Remedy>,
}
