//! What is known of a command before it is carried out: its name, what it is about, the words that a person has put into it.

use super::{Command, NewRelease};
use crate::domain::artifact::Artifact;
use crate::domain::ids::{ReleaseId, RunId};

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A release that may have to be made.
    New(&'a NewRelease),
    /// A release.
    Release(ReleaseId),
    /// A run.
    Run(RunId),
    /// A service as a whole; which one is said beside the command.
    Service,
}

impl Command {
    /// What it is called in traces.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Report { .. } => "report",
            Self::Update { .. } => "update",
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
            Self::Cancel { .. } => "cancel",
            Self::Abort { .. } => "abort",
            Self::Retry { .. } => "retry",
            Self::Promote { .. } => "promote",
            Self::Rollback { .. } => "rollback",
            Self::Bypass { .. } => "bypass",
            Self::Lock { .. } => "lock",
            Self::Unlock => "unlock",
            Self::Resolve { .. } => "resolve",
            Self::GiveUpHost { .. } => "give_up_host",
            Self::CatchUpHost { .. } => "catch_up_host",
            Self::Settle { .. } => "settle",
            Self::CommitResolved { .. } => "commit_resolved",
            Self::CommitUnresolved { .. } => "commit_unresolved",
            Self::InitiatorProven { .. } => "initiator_proven",
            Self::TagMoved { .. } => "tag_moved",
            Self::RunPrepared { .. } => "run_prepared",
            Self::RunWaits { .. } => "run_waits",
            Self::LeaveHosts { .. } => "leave_hosts",
            Self::HostBack { .. } => "host_back",
            Self::EarlierStepsEnded { .. } => "earlier_steps_ended",
            Self::MigrationFound { .. } => "migration_found",
            Self::DispatchAsked { .. } => "dispatch_asked",
            Self::DispatchNotTaken { .. } => "dispatch_not_taken",
            Self::DispatchTaken { .. } => "dispatch_taken",
            Self::DispatchRefused { .. } => "dispatch_refused",
            Self::WorkflowSeen { .. } => "workflow_seen",
            Self::WorkflowEnded { .. } => "workflow_ended",
            Self::StartStep { .. } => "start_step",
            Self::TryStep { .. } => "try_step",
            Self::StepEnded { .. } => "step_ended",
            Self::RunFailed { .. } => "run_failed",
            Self::RunLost { .. } => "run_lost",
            Self::RunForeign { .. } => "run_foreign",
            Self::ForeignTurnedAway { .. } => "foreign_turned_away",
            Self::HostLooked { .. } => "host_looked",
            Self::Advance => "advance",
        }
    }

    /// What the command is about.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Create(new) => Subject::New(new),
            Self::Report { release, .. }
            | Self::Update { release, .. }
            | Self::Approve { release, .. }
            | Self::Reject { release, .. }
            | Self::Cancel { release, .. }
            | Self::Abort { release, .. }
            | Self::Retry { release }
            | Self::Promote { release }
            | Self::Rollback { release, .. }
            | Self::Bypass { release, .. }
            | Self::CommitResolved { release, .. }
            | Self::InitiatorProven { release, .. }
            | Self::CommitUnresolved { release, .. }
            | Self::TagMoved { release, .. } => Subject::Release(*release),
            Self::Resolve { run, .. }
            | Self::RunPrepared { run }
            | Self::RunWaits { run, .. }
            | Self::DispatchAsked { run }
            | Self::DispatchNotTaken { run, .. }
            | Self::DispatchTaken { run, .. }
            | Self::DispatchRefused { run, .. }
            | Self::WorkflowSeen { run, .. }
            | Self::WorkflowEnded { run, .. }
            | Self::LeaveHosts { run, .. }
            | Self::EarlierStepsEnded { run, .. }
            | Self::MigrationFound { run, .. }
            | Self::StartStep { run }
            | Self::TryStep { run, .. }
            | Self::StepEnded { run, .. }
            | Self::RunFailed { run, .. }
            | Self::RunLost { run, .. }
            | Self::RunForeign { run, .. }
            | Self::ForeignTurnedAway { run, .. } => Subject::Run(*run),
            Self::Lock { .. }
            | Self::Unlock
            | Self::Settle { .. }
            | Self::GiveUpHost { .. }
            | Self::CatchUpHost { .. }
            | Self::HostBack { .. }
            | Self::HostLooked { .. }
            | Self::Advance => Subject::Service,
        }
    }

    /// What a person or a CI system says in it in their own words, and the addresses that people are shown.
    pub fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Create(new) => {
                let run = new.ci_run.as_mut().and_then(|run| run.url.as_mut());
                [&mut new.notes, &mut new.initiated_by]
                    .into_iter()
                    .chain(&mut new.owner)
                    .chain(run)
                    .chain(new.artifacts.iter_mut().filter_map(preview))
                    .collect()
            }
            Self::Update { artifacts, .. } => artifacts.iter_mut().filter_map(preview).collect(),
            Self::Reject { reason, .. }
            | Self::Cancel { reason, .. }
            | Self::Abort { reason, .. }
            | Self::Rollback { reason, .. }
            | Self::Bypass { reason, .. }
            | Self::Lock { reason }
            | Self::Resolve { reason, .. }
            | Self::GiveUpHost { reason, .. }
            | Self::Settle { reason, .. } => vec![reason],
            Self::Report { .. }
            | Self::Approve { .. }
            | Self::Retry { .. }
            | Self::Promote { .. }
            | Self::Unlock
            | Self::CatchUpHost { .. }
            | Self::CommitResolved { .. }
            | Self::CommitUnresolved { .. }
            | Self::InitiatorProven { .. }
            | Self::TagMoved { .. }
            | Self::RunPrepared { .. }
            | Self::RunWaits { .. }
            | Self::LeaveHosts { .. }
            | Self::HostBack { .. }
            | Self::EarlierStepsEnded { .. }
            | Self::MigrationFound { .. }
            | Self::DispatchAsked { .. }
            | Self::DispatchNotTaken { .. }
            | Self::DispatchTaken { .. }
            | Self::DispatchRefused { .. }
            | Self::WorkflowSeen { .. }
            | Self::WorkflowEnded { .. }
            | Self::StartStep { .. }
            | Self::TryStep { .. }
            | Self::StepEnded { .. }
            | Self::RunFailed { .. }
            | Self::RunLost { .. }
            | Self::RunForeign { .. }
            | Self::ForeignTurnedAway { .. }
            | Self::HostLooked { .. }
            | Self::Advance => Vec::new(),
        }
    }

    /// Whether it asks for something to begin that would not begin by itself.
    #[must_use]
    pub const fn begins_anew(&self) -> bool {
        matches!(
            self,
            Self::Create(_)
                | Self::Approve { .. }
                | Self::Retry { .. }
                | Self::Promote { .. }
                | Self::Rollback { .. }
                | Self::Bypass { .. }
                | Self::Lock { .. }
                | Self::Unlock
        )
    }
}

fn preview(artifact: &mut Artifact) -> Option<&mut String> {
    artifact.preview_url.as_mut()
}
