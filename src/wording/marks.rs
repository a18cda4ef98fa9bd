//! What RMM says on GitHub, in English, as API and record are. Everyone who can see the repository reads it: it tells how a release
//! stands, and neither reasons nor names nor output.

use crate::domain::environment::Stragglers;
use crate::domain::ids::ReleaseId;
use crate::domain::mark::{DeploymentState, VoteOutcome};
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind};
use crate::domain::status::Status;
use crate::domain::version::Version;

/// What a deployment is of.
#[must_use]
pub fn deployment(run: &Run) -> String {
    let way = match run.kind {
        RunKind::Rollback => "back to",
        RunKind::Deploy | RunKind::Rehearsal | RunKind::Drill => "deploy of",
    };
    format!("{}: {way} {}", run.service, run.to)
}

/// How a deployment stands. `stragglers`: hosts of its environment that it has left.
#[must_use]
pub fn deployment_state(state: DeploymentState, stragglers: Option<&Stragglers>) -> String {
    let text = match state {
        DeploymentState::Queued => "waits",
        DeploymentState::InProgress => "is under way",
        DeploymentState::Success => {
            return stragglers
                .map_or_else(|| "is there".to_owned(), |left| format!("is there {}", all_hosts_but(left)));
        }
        DeploymentState::Failure => "failed",
        DeploymentState::Error => "it is not known how it ended; an admin must check",
        DeploymentState::Inactive => "another version is there, or it never began",
    };
    text.to_owned()
}

/// On how many hosts, without their names.
fn all_hosts_but(stragglers: &Stragglers) -> String {
    let may_run = stragglers.may_run.iter().map(Version::title).collect::<Vec<_>>().join(" or ");
    let may = if may_run.is_empty() { "may not run it".to_owned() } else { format!("may still run {may_run}") };
    match stragglers.hosts.len() {
        1 => format!("on all hosts but one, which {may}"),
        several => format!("on all hosts but {several}, which {may}"),
    }
}

/// How the vote on a release stands.
#[must_use]
pub fn standing(standing: VoteOutcome) -> String {
    match standing {
        VoteOutcome::NotNeeded => "no approvals needed".to_owned(),
        VoteOutcome::Missing { given, needed } => format!("{given} of {} given", approvals(needed)),
        VoteOutcome::Approved { given } => format!("approved: {}", approvals(given)),
        VoteOutcome::Skipped => "approvals were skipped by an admin".to_owned(),
        VoteOutcome::Closed => "approved".to_owned(),
        VoteOutcome::Rejected => "rejected".to_owned(),
        VoteOutcome::StageFailed => "not approved: it failed on stage".to_owned(),
        VoteOutcome::Cancelled => "cancelled".to_owned(),
    }
}

fn approvals(count: usize) -> String {
    format!("{count} approval{}", if count == 1 { "" } else { "s" })
}

/// The line by which the comment about a release is known again; people do not see it.
#[must_use]
pub fn comment_line(instance: &str, release: ReleaseId) -> String {
    format!("<!-- rmm:release:{instance}:{release} -->")
}

/// The comment about a release. `page` leads to it; `stragglers` are hosts of production that were left behind.
#[must_use]
pub fn comment(
    line: &str,
    release: &Release,
    how: VoteOutcome,
    stragglers: Option<&Stragglers>,
    page: Option<&str>,
) -> String {
    let number = format!("release #{}", release.id);
    let number = page.map_or_else(|| number.clone(), |page| format!("[{number}]({page})"));
    let state = state(release, stragglers);
    format!("{line}\n**`{}` `{}`** · {number}\n\n{state} · {}\n", release.service, release.title(), standing(how))
}

fn state(release: &Release, stragglers: Option<&Stragglers>) -> String {
    if let Some(left) = stragglers {
        let how = if release.status == Status::RollbackDone { "⏪ Rolled back; production" } else { "✅ Production" };
        return format!("{how} runs {} {}", left.runs.title(), all_hosts_but(left));
    }
    let text = match release.status {
        Status::Initiated => "⏳ Waits for stage",
        Status::StageBuilding => "🔧 Goes to stage",
        Status::StageTestRollback => "🔧 Its rollback is rehearsed on stage",
        Status::ManualTesting => "👀 Is on stage, and is tested there",
        Status::ManualTestPassed => "⏳ Waits for production",
        Status::Deploying => "🚀 Goes to production",
        Status::Deployed => "✅ Went to production",
        Status::ProductionRollback => "⏪ Production goes back",
        Status::RollbackDone => return went_back(release),
        Status::RollbackFailed => "🔥 Production could not be rolled back; an admin must check",
        Status::StageBuildingFailed => "❌ Failed on stage",
        Status::StageTestRollbackFailed => "❌ The rehearsal of its rollback failed",
        Status::ManualTestFailed => "❌ Did not pass the test on stage",
        Status::Cancelled => "🚫 Ended before production",
    };
    text.to_owned()
}

fn went_back(release: &Release) -> String {
    let to = release.rollback_to_tag.as_ref().map(|tag| format!(" to `{tag}`")).unwrap_or_default();
    format!("⏪ Production went back{to}")
}
