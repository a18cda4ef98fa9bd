//! A release: one immutable candidate of a service, and where it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::artifact::Artifact;
use super::commit_check::CommitCheck;
use super::content::{Brought, Content, Definition};
use super::gate::name::GateName;
use super::ids::{Attempt, Commit, PersonName, ReleaseId, Revision, ServiceName, Tag};
use super::moves::Move;
use super::person::{Person, is_account};
use super::reason::Reason;
use super::status::Status;
use super::text::is_same_name;
use super::version::Version;

/// One release. Its number is its key; its commit, once known, never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `#2184`.
    pub id: ReleaseId,
    /// What it is a release of.
    pub service: ServiceName,
    /// Its tag; none for a candidate of a plain commit.
    pub tag: Option<Tag>,
    /// Its commit; none until it has been resolved.
    pub commit: Option<Commit>,
    /// What the repository says of it; none: it was not asked.
    pub commit_check: Option<CommitCheck>,
    /// Where it stands.
    pub status: Status,
    /// Since when it stands there.
    pub status_since: Timestamp,
    /// Why it stands there, for people.
    pub reason: Option<Reason>,
    /// The try that `status` belongs to.
    pub attempt: Attempt,
    /// Grows with every change of the release itself; votes on it are none.
    pub revision: Revision,
    /// Who pushed the tag: a person's name, a GitHub login, or what CI calls it.
    pub initiated_by: String,
    /// The token on whose word that stands; none: the person's own, or the operator's.
    pub said_by: Option<String>,
    /// The logins that GitHub itself, or the person's own token, has named as those who began it, in any of its attempts.
    pub proven_initiators: Vec<String>,
    /// Who answers for it; the initiator unless said otherwise.
    pub owner: String,
    /// The CI run that created it.
    pub ci_run: Option<CiRun>,
    /// When the tag was made, if CI knows.
    pub tagged_at: Option<Timestamp>,
    /// Free text of the creator.
    pub notes: String,
    /// Artifacts and previews of its surfaces.
    pub artifacts: Vec<Artifact>,
    /// The tag that production went back to from this release.
    pub rollback_to_tag: Option<Tag>,
    /// The last rehearsal that ended well in this attempt.
    pub rehearsal: Option<Rehearsal>,
    /// An admin asked for production (`auto_promote = false`).
    pub promoted: bool,
    /// It waits for `promote`: the workflow of its deploy could not be started, or ended before it began.
    pub held: bool,
    /// Gates that an admin skips.
    pub bypasses: Vec<Bypass>,
    /// When RMM first heard of it.
    pub created_at: Timestamp,
    /// When the current attempt began.
    pub started_at: Timestamp,
    /// When it ended; none while it is active.
    pub completed_at: Option<Timestamp>,
}

/// A run of a CI system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CiRun {
    /// Its id in the CI system.
    pub id: String,
    /// GitHub's `run_attempt`; 1 for the first.
    #[serde(default = "first")]
    pub attempt: u32,
    /// Where people can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The git ref that started it.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
}

/// The CI run that a report says it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    /// The CI run's id.
    pub id: String,
    /// Its attempt, if the report says.
    pub attempt: Option<u32>,
    /// Where people can look at it.
    pub url: Option<String>,
    /// What GitHub says of it, where RMM has started a workflow and does not know yet which run that is.
    pub shown: Shown,
    /// The login that has started it, where it has proven that: with an id token of GitHub.
    pub actor: Option<String>,
}

/// What GitHub says of a CI run that reports, while it is not known which one RMM has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// It was not asked, or does not say now: what the run says has to wait.
    #[default]
    NotYet,
    /// It is the one.
    Meant,
    /// It is another one, or one that GitHub does not know.
    Other,
    /// There is no GitHub to be asked, so that a report is all there is.
    Nowhere,
}

impl Reporter {
    /// A CI run that reports, of which no more is known than what it says itself.
    #[must_use]
    pub const fn of(id: String, attempt: Option<u32>, url: Option<String>) -> Self {
        Self { id, attempt, url, shown: Shown::NotYet, actor: None }
    }

    /// Whether it is another CI run than the one expected, or an older attempt of it.
    #[must_use]
    pub fn is_stale_for(&self, expected: &CiRun) -> bool {
        self.id != expected.id || self.attempt.is_some_and(|attempt| attempt < expected.attempt)
    }

    /// The CI run that reports, with what is known of it already.
    #[must_use]
    pub fn into_ci_run(self, known: Option<&CiRun>) -> CiRun {
        let known = known.filter(|known| known.id == self.id);
        CiRun {
            attempt: self.attempt.or(known.map(|k| k.attempt)).unwrap_or(1),
            url: self.url.or_else(|| known.and_then(|k| k.url.clone())),
            git_ref: known.and_then(|k| k.git_ref.clone()),
            id: self.id,
        }
    }
}

impl std::fmt::Display for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.attempt {
            Some(attempt) => write!(f, "{} (attempt {attempt})", self.id),
            None => f.write_str(&self.id),
        }
    }
}

fn first() -> u32 {
    1
}

/// A rehearsal that ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// What it went back to; none: there was nothing to go back to.
    pub against: Option<ReleaseId>,
    /// When it ended.
    pub at: Timestamp,
    /// What the release would bring when the rehearsal was planned; none: from before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

impl Rehearsal {
    /// Whether it was of what the release would bring now.
    #[must_use]
    pub fn is_about(&self, release: &Release, definition: &Definition) -> bool {
        self.content.as_ref().is_none_or(|content| release.brought(definition).is(content))
    }
}

/// A gate that an admin skips, on the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bypass {
    /// Which gate.
    pub gate: GateName,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What the release would have brought then; none: from before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

impl Bypass {
    /// Whether it was of what the release would bring now.
    #[must_use]
    pub fn is_about(&self, release: &Release, definition: &Definition) -> bool {
        self.content.as_ref().is_none_or(|content| release.brought(definition).is_said(content))
    }
}

impl Release {
    /// The release as a version.
    #[must_use]
    pub fn version(&self) -> Version {
        Version { release: self.id, tag: self.tag.clone(), commit: self.commit.clone() }
    }

    /// What it would bring with a definition. A commit that is not known yet is left out.
    #[must_use]
    pub fn content(&self, definition: &Definition) -> Content {
        Content::of(&self.artifacts, self.commit.as_ref(), definition)
    }

    /// What it would bring with a definition, to compare with what was signed.
    #[must_use]
    pub fn brought(&self, definition: &Definition) -> Brought {
        Brought::by(&self.artifacts, self.commit.as_ref(), definition)
    }

    /// The moves of the life cycle that there are from where it stands.
    pub fn legal_moves(&self) -> impl Iterator<Item = Move> {
        let (status, denied) = (self.status, self.denied().is_some());
        Move::OFFERED.into_iter().filter(move |wanted| match wanted {
            Move::Approve | Move::Reject => status == Status::ManualTesting,
            Move::Promote => status == Status::ManualTestPassed,
            Move::Cancel => status.is_cancellable(),
            Move::Abort => status == Status::Deploying,
            Move::Rollback => status == Status::Deployed,
            // The repository says no, and may say something else by now.
            Move::Retry => status.is_retryable() || denied && status.is_cancellable(),
            Move::Settle | Move::Resolve | Move::Bypass | Move::Unlock => false,
        })
    }

    /// What people call it: the tag, or the short commit, or the number.
    #[must_use]
    pub fn title(&self) -> String {
        match (&self.tag, &self.commit) {
            (Some(tag), _) => tag.to_string(),
            (None, Some(commit)) => commit.short().to_owned(),
            (None, None) => format!("#{}", self.id),
        }
    }

    /// Why the repository says that it is not what it was said to be; such a release does not reach production.
    #[must_use]
    pub fn denied(&self) -> Option<Reason> {
        let (cause, again) = self.commit_check.as_ref()?.denied()?;
        Some(Reason::CommitUnresolved { cause: Box::new(cause.clone()), again })
    }

    /// Whether its tag may have pointed at its commit: only such a tag can have moved. Of a release from before that was
    /// asked, it is taken for granted.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.commit.is_some() && self.commit_check.as_ref().is_none_or(CommitCheck::is_confirmed)
    }

    /// Whether a person began it, or another attempt of it. Both names of the person count, however CI spells them.
    #[must_use]
    pub fn initiated_by(&self, person: &Person) -> bool {
        self.initiators().any(|name| person.is_called(name))
    }

    /// Everybody who began it: who it is said to be, and whom GitHub has named.
    fn initiators(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.initiated_by).chain(&self.proven_initiators).map(String::as_str)
    }

    /// Which of these people is its initiator, whichever name CI gave; none of them may be.
    pub fn initiator<'p>(&self, people: impl IntoIterator<Item = &'p Person>) -> Option<&'p Person> {
        people.into_iter().find(|person| person.is_called(&self.initiated_by))
    }

    /// As [`Self::initiated_by`], of a name whose person may be unknown.
    #[must_use]
    pub fn is_initiators(&self, name: &PersonName, person: Option<&Person>) -> bool {
        self.initiators().any(|known| is_account(name.as_str(), known))
            || person.is_some_and(|person| self.initiated_by(person))
    }

    /// Who answers for it, where that is another than its initiator: the person, where it is one of these people, whichever
    /// name was given.
    pub fn other_owner<'p>(&self, people: impl IntoIterator<Item = &'p Person>) -> Option<String> {
        let (mut owner, mut initiator) = (None, None);
        for person in people {
            owner = owner.or_else(|| person.is_called(&self.owner).then_some(&person.name));
            initiator = initiator.or_else(|| person.is_called(&self.initiated_by).then_some(&person.name));
        }
        let is_own = is_same_name(&self.owner, &self.initiated_by) || owner.is_some() && owner == initiator;
        (!is_own).then(|| owner.map_or_else(|| self.owner.clone(), ToString::to_string))
    }
}
