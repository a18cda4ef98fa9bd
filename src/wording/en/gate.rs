//! How gates stand, and what clears them.

use super::super::Language::En;
use super::super::times::time;
use super::{inside, list, reason};
use crate::domain::gate::{GateState, Remedy};

/// How a condition stands, in a sentence.
pub(in crate::wording) fn state(state: &GateState) -> String {
    use GateState as G;
    match state {
        G::Defined => "The service is defined.".to_owned(),
        G::Retired => "The service is not in the configuration any more: it is retired.".to_owned(),
        G::PutAside => {
            "The service is disabled: its definition in the dashboard is no longer valid together with rmm.toml."
                .to_owned()
        }
        G::VoteClosed { approved_by } if approved_by.is_empty() => "The vote is closed: it passed.".to_owned(),
        G::VoteClosed { approved_by } => format!("The vote is closed: approved by {}.", list(approved_by)),
        G::NoApprovalsNeeded => "No approvals are required.".to_owned(),
        G::Approved { by, needed } => format!("Approved by {} ({} of {needed}).", list(by), by.len()),
        G::ApprovalsMissing { given, needed, void } if void.is_empty() => format!("{given} of {needed} approved."),
        G::ApprovalsMissing { given, needed, void } => format!(
            "{given} of {needed} approved. These approvals no longer count, since the commit was not known then or the release has \
             changed since: {}.",
            list(void)
        ),
        G::NotRehearsed => "The rollback has not been rehearsed.".to_owned(),
        G::RehearsedOtherContent => {
            "What was rehearsed is not what would be deployed: the artifacts of the release or the \
                                     commands of its definition have changed."
                .to_owned()
        }
        G::Rehearsed { back_to } => format!("The rollback to {back_to} has been rehearsed."),
        G::NothingToRehearse { maybe_was: None } => "There is nothing to go back to: the first release.".to_owned(),
        G::NothingToRehearse { maybe_was: Some(was) } => {
            format!("There is nothing to go back to: the first release. {}.", En.unless_renamed(was))
        }
        G::RehearsedElsewhere { now: Some(version) } => {
            format!("Production runs {version} now; the rehearsal went back to something else.")
        }
        G::RehearsedElsewhere { now: None } => "Production runs nothing now; the rehearsal is out of date.".to_owned(),
        G::CommitKnown { commit } => format!("The commit is {}.", commit.short()),
        G::CiKnowsCommit => "The CI system knows which commit it deploys.".to_owned(),
        G::CommitUnresolved { reason: why } if why.denies() => {
            format!("The repository does not confirm what is to be deployed: {}.", inside(&reason(why)))
        }
        G::CommitUnresolved { reason: why } => {
            format!("It is not known which commit the tag means: {}.", inside(&reason(why)))
        }
        G::CommitAsked => "It is not known yet which commit the tag means.".to_owned(),
        G::NothingRuns => "Production runs nothing yet.".to_owned(),
        G::RunsIt => "Production runs it.".to_owned(),
        G::Older { current } => format!("It is older than {current}, which production runs."),
        G::NotOlder { current } => format!("It is not older than {current}, which production runs."),
        G::CiStarts => "CI starts production; RMM waits for its report.".to_owned(),
        G::StartsByItself => "Production starts by itself.".to_owned(),
        G::Promoted => "An admin has started production.".to_owned(),
        G::Held => "Nothing of it has reached production; its workflow is not started again by itself.".to_owned(),
        G::NotPromoted => "Production does not start by itself here.".to_owned(),
        G::Unlocked => "Production is not locked.".to_owned(),
        G::Locked { by, reason: why } => format!("Production is locked by {by}: {}", reason(why)),
        G::ProductionKnown => "Production is in a known state.".to_owned(),
        G::ProductionUnknown { reason: why } => {
            format!("It is not known what production runs: {}.", inside(&reason(why)))
        }
        G::ProductionDirty { reason: why } => format!("Production needs repair: {}", reason(why)),
        G::Free => "Production is free.".to_owned(),
        G::BusyWith { release, stopping: None } => format!("Production is busy with #{release}."),
        G::BusyWith { release, stopping: Some(how) } => {
            format!("Production is busy with #{release}, which {}.", inside(&reason(how)))
        }
        G::LostRun { run, release } => format!("It is not known how run {run} of #{release} in production ended."),
        G::Behind { release } => format!("#{release} is ahead in the queue."),
    }
}

/// Who can clear it, and how.
pub(in crate::wording) fn remedy(remedy: &Remedy) -> String {
    use Remedy as R;
    match remedy {
        R::Define { service } => format!(
            "Nothing new begins until {service} is defined again; the release can be cancelled meanwhile, and if the service was \
             renamed, `was = \"{service}\"` under its new name carries it over."
        ),
        R::AddApprover => {
            "No listed approver is left (the initiator's own approval does not count); add an approver, or an \
                           admin can bypass this gate."
                .to_owned()
        }
        R::Approve { count, of } if *count == of.len() => format!("{} must approve.", list(of)),
        R::Approve { count, of } => format!("{count} of {} must approve.", list(of)),
        R::SettleStage { service, reason: why } => format!(
            "It is not known what stage runs ({}); an admin must check and record it: `rmm service settle {service} \
             --environment stage`.",
            inside(&reason(why))
        ),
        R::RepairStage { run, reason: why } => {
            format!("Stage needs repair ({}); an admin must repair it and record that for run {run}.", reason(why))
        }
        R::ResolveStageRun { run } => {
            format!("It is not known how run {run} on stage ended; an admin must find out and record it.")
        }
        R::Rehearse => "RMM rehearses as soon as stage is free.".to_owned(),
        R::CiRehearses => {
            "The CI system that runs stage has to rehearse it and report that people can test it.".to_owned()
        }
        R::RehearseAgain => "It has to be rehearsed again.".to_owned(),
        R::AskAgain { at } => format!("RMM asks the repository again at {}; or CI sends the commit.", time(*at)),
        R::SendCommit => "CI sends the commit: it creates the release once more, with the commit.".to_owned(),
        R::Ask => "RMM is asking the repository.".to_owned(),
        R::RollBack { release } => format!(
            "An admin rolls back #{release}, which production runs; a new release cannot be older than production."
        ),
        R::GoForward => "A release cannot be older than production; make a newer one.".to_owned(),
        R::Promote => "An admin starts production.".to_owned(),
        R::Unlock => "An admin unlocks it.".to_owned(),
        R::SettleProduction { service } => {
            format!("An admin must check and record it: `rmm service settle {service} --environment production`.")
        }
        R::RepairProduction { run } => format!("An admin must repair it and record that for run {run}."),
        R::ResolveRun { .. } => "An admin must find out and record it.".to_owned(),
        R::WaitForEnd => "It waits until that has ended.".to_owned(),
        R::WaitForTurn => "It waits for its turn; an admin can cancel the one ahead.".to_owned(),
    }
}
