//! What is in the way of a command, and what to do.

use super::super::times::time;
use super::{inside, list, reason, rule, status_title};
use crate::domain::cause::Cause;
use crate::domain::moves::Move;
use crate::domain::person::{Right, Role};
use crate::domain::reason::Reason;
use crate::domain::status::Status;
use crate::domain::version::Version;

/// Why something is refused, in a sentence that begins small and has no full stop.
pub(in crate::wording) fn refusal(cause: &Cause) -> String {
    use Cause as C;
    match cause {
        C::Invalid(invalid) => format!("{}: {}", invalid.field, rule(&invalid.rule)),
        C::TakenAlready => "this has been done already".to_owned(),
        C::NeedsService => "this command needs a service".to_owned(),

        C::NoRelease { release } => format!("there is no release #{release}"),
        C::NoEnvironment { environment, service } => format!("{service} has no environment {environment}"),
        C::NoRun { run } => format!("there is no run {run}"),
        C::NoRecordAlarm => "there is no alarm about the record".to_owned(),
        C::NoService { service, near: Some(near) } => format!("there is no service {service}; did you mean {near}?"),
        C::NoService { service, near: None } => format!(
            "there is no service {service} in the configuration that RMM has read; it reads rmm.toml at its start and on \
             SIGHUP"
        ),
        C::NoHost { host, near: Some(near), .. } => format!("there is no host {host}; did you mean {near}?"),
        C::NoHost { host, known, near: None } => format!(
            "there is no host {host} in the configuration that RMM has read; there is {} (it reads rmm.toml at its start \
             and on SIGHUP)",
            list(known)
        ),
        C::NoToken { name, near: Some(near) } => format!("there is no valid token {name}; did you mean {near}?"),
        C::NoToken { name, near: None } => format!("there is no valid token {name}"),
        C::NothingThere => "there is nothing like that any more".to_owned(),
        C::StepNotAtWork { run, step } => format!("step {step} of run {run} is not at work"),

        C::CallWithoutToken => {
            "this call needs a token: `Authorization: Bearer <token>`; `rmm token create` makes one".into()
        }
        C::NoBearer => "the Authorization header must be `Bearer <token>`".into(),
        C::TokenUnknown => "this token is not known; `rmm token list` shows those that are".into(),
        C::TokenForgotten => "this token is not known any more".into(),
        C::IdTokenOver => "this id token is over".into(),
        C::TokenRevoked { at } => format!("this token was revoked at {}", time(*at)),
        C::TokenExpired { at } => format!("this token expired at {}; make a new one", time(*at)),
        C::TokenOrphaned { token, owner } => format!(
            "{owner}, the owner of this token, is not an admin any more; an admin can take it over: `rmm token adopt '{token}'`"
        ),
        C::TokenRoleUnknown => "this token has a role that this RMM does not know".into(),
        C::TokenPersonGone { person } => format!("{person}, the owner of this token, is not known any more"),
        C::RoleTooLow { who, role, right } => {
            format!("{who} ({}) may not do this; it takes {}", role.as_str(), who_may(*right, *role))
        }
        C::OtherServices { service, valid_for } => {
            format!("this token is not valid for the service {service}, only for {}", list(valid_for))
        }
        C::NameAService { valid_for } => {
            format!("this token is limited; name a service, one of {}", list(valid_for))
        }
        C::OperatorOnly => {
            "only the operator may do this, on the machine that RMM runs on: with it, a caller could act as any person"
                .into()
        }
        C::AllServices { valid_for } => {
            format!("this token is limited to {}, and this concerns all services", list(valid_for))
        }
        C::NotAPerson => "only a person can vote; this token belongs to none".to_owned(),
        C::NoEditor => "only a person or the operator may define services; this token belongs to no person".to_owned(),
        C::EditingOff => {
            "services are not defined in the dashboard here: `edit_services` in [server] of rmm.toml says so".to_owned()
        }
        C::NotListed { person, service, listed } => {
            format!("{person} is not in the approver list of {service}: {}", list(listed))
        }
        C::SelfApproval { person, release, service } => {
            format!("{person} initiated #{release}; for {service} another person must approve it")
        }

        C::StaleRevision { release, seen: _, now: _, status } => {
            format!("#{release} has changed since you looked at it: it {} now; look at it again", stands(*status))
        }
        C::DefinitionChanged { service, gone: true, .. } => {
            format!("the definition of {service} was removed meanwhile; your text is kept here")
        }
        C::DefinitionChanged { service, by, gone: false } => {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            format!("the definition of {service} was changed{by} meanwhile; compare, and save again to keep yours")
        }
        C::DefinedInFile { service } => {
            format!("{service} is defined in rmm.toml and is changed there: edit the file, then `rmm reload`")
        }
        C::NotInDashboard { service } => format!("{service} is not defined in the dashboard"),
        C::ServiceBusy { service, release } => {
            format!("#{release} of {service} is under way; remove the service once none of its releases is")
        }
        C::LockChanged => "production is locked for another reason now; look at it again".to_owned(),
        C::ServiceRetired { service } => {
            format!(
                "{service} is retired: it is not in the configuration any more, so nothing new begins there; to go \
                 on, put it back into rmm.toml and `rmm reload`, or define it in the dashboard (/services/{service}/definition)"
            )
        }
        C::ServiceAside { service } => format!(
            "{service} is disabled: its definition in the dashboard is no longer valid together with rmm.toml, so \
             nothing new begins there; an admin can correct it at /services/{service}/definition, which says what is wrong"
        ),
        C::Illegal { release, title, status, reason: why, wanted, waiting } => {
            let sentence =
                format!("#{release} {title} {}{}; it cannot be {} now", stands(*status), because(why), done(*wanted));
            match waiting {
                Some(waiting) => format!("{sentence}; the rollback {}", reason(waiting)),
                None => sentence,
            }
        }
        C::VoteNotOpen { release, status } => {
            format!("#{release} {}; the vote begins after the rehearsal", stands(*status))
        }
        C::VoteClosed { release, status } => format!("the vote on #{release} is closed: it {}", stands(*status)),
        C::RunEnding { run } => format!("run {run} is ending; nothing more starts in it"),
        C::ArtifactsTested { release, status } => {
            format!("#{release} {}; its artifacts cannot be changed any more: people are testing it", stands(*status))
        }
        C::ArtifactsPlanned { release, status } => format!(
            "#{release} {}; its artifacts cannot be changed any more: stage has been planned with what was known before",
            stands(*status)
        ),
        C::GatesUnmet { release, title } => format!("#{release} {title} may not go to production yet"),
        C::GatesMet { release, title, gates } => {
            let names: Vec<_> = gates.iter().map(|gate| gate.as_str()).collect();
            let (the_gate, is) = if names.len() > 1 { ("the gates", "are") } else { ("the gate", "is") };
            format!("{the_gate} {} {is} met already for #{release} {title}; there is nothing to bypass", list(&names))
        }

        C::CiRunTaken { ci_run, release, title } => {
            format!("the CI run {ci_run} has created #{release} {title} already; it cannot be another tag")
        }
        C::OnItsWay { title, release, status, started_by, asked_by: _ } => {
            let by = started_by.as_ref().map(|run| format!(", started by the CI run {run}")).unwrap_or_default();
            format!("{title} is on its way already as #{release} ({}){by}", status_title(*status))
        }
        C::AlreadyEnded { release, title, status } => format!(
            "#{release} {title} has ended ({}), and the same CI run cannot restart it; another CI run makes a new release{}",
            status_title(*status),
            if status.is_retryable() { ", and `retry` restarts this one" } else { "" }
        ),
        C::TagClaimed { release, title, was, now } => format!(
            "#{release} stands for {title} at {}; only the repository or a CI system can say that it is {} now, so nothing \
             was changed",
            was.short(),
            now.short()
        ),
        C::TagMovedTooLate { title, now, release, status } => format!(
            "{title} has moved to {} while #{release} {}; wait for its end, or use a new tag",
            now.short(),
            stands(*status)
        ),
        C::TagUnchecked { tag, why } => format!(
            "{tag} points at another commit already, and RMM cannot find out whether it has moved: {}; nothing was changed",
            reason(why)
        ),

        C::NotForCi { status } => format!("only people can set the status {status}, not a CI system"),
        C::RunByRmm { environment, service } => {
            format!("RMM runs {environment} of {service} itself and knows what happens there; no CI report is needed")
        }
        C::StaleReport { release, ci_run, attempt, reported_by } => format!(
            "#{release} belongs to the CI run {ci_run} (attempt {attempt}) now; this report came from {reported_by}"
        ),
        C::ReportAfterOther { release, reported_by, by } => format!(
            "the run of #{release} in production is over, and #{by} came after it; the CI run {reported_by} is not known to have \
             done it"
        ),
        C::ReportOfOtherService { release, reported_by } => format!(
            "the CI run {reported_by} belongs to a release of another service, so it cannot report about #{release}"
        ),
        C::ReportOfOtherRun { release, reported_by, workflow } => format!(
            "RMM has started {workflow} for #{release}, and GitHub does not show the CI run {reported_by} as the run of it; its \
             `run-name` must contain the `run_id` that RMM passes"
        ),
        C::ReporterNotKnown { release, reported_by, workflow } => format!(
            "RMM has started {workflow} for #{release}, and GitHub does not say yet whether the CI run {reported_by} is the run of it; \
             report again in a moment"
        ),
        C::ReportOfOther { release, reported_by, of, title } => {
            format!("the CI run {reported_by} belongs to #{of} {title}, so it cannot report about #{release}")
        }
        C::DoesNotFollow { release, status, reason: why, reported } => {
            format!("#{release} is {status}{}; a report of {reported} does not follow from there", because(why))
        }
        C::NothingUnderWay { release, environment } => {
            format!("nothing is under way for #{release} on {environment}; there is nothing to report about")
        }
        C::StageDirty { run, reason: why } => {
            format!(
                "stage needs repair ({}); an admin must repair it and record that with `resolve` of run {run}",
                reason(why)
            )
        }
        C::StageLost { run, release } => format!(
            "it is not known how run {run} of #{release} on stage ended; an admin must find out and record it (`resolve`)"
        ),
        C::StageTaken { release, title, status } => {
            format!("stage is taken by #{release} {title} ({}); report again when it has left", status_title(*status))
        }
        C::StageTakenByRun { run } => format!("stage is taken by run {run}; report again later"),
        C::TakenByRun { environment, run, release, state } => format!(
            "{environment} is taken by run {run} of #{release} ({state}); report again when that has been resolved"
        ),

        C::BeingDeployed { release } => format!("#{release} is being deployed; `abort` ends that and goes back"),
        C::NotInProduction { service, current, release, title } => {
            format!("production of {service} runs {current}, not #{release} {title}; roll that one back")
        }
        C::ProductionBusy { release, status } => {
            let way_out = if *status == Status::Deploying { "`abort` it, or " } else { "" };
            format!(
                "production is busy with #{release} ({}); {way_out}wait for its end, then repeat",
                status_title(*status)
            )
        }
        C::ProductionLost { run, release, deploying } => {
            let way_out =
                if *deploying { "`abort` it with `force`, or `resolve` its run" } else { "`resolve` that run" };
            format!("it is not known how run {run} of #{release} in production ended; {way_out}, then repeat")
        }
        C::ProductionDirty { run, reason: why } => format!(
            "production needs repair ({}); `resolve` run {run} first, so that it is known which version to roll back from",
            reason(why)
        ),
        C::MayBeAtWork { run, release } => format!(
            "it is not known how run {run} of #{release} ended, and it may still be at work; look first, then repeat with \
             `force`, or `resolve` it"
        ),
        C::NoGoodVersion { wanted, title, known } => {
            let what = match wanted {
                None => format!("there is no good version before {title}"),
                Some(wanted) => format!("{wanted} is not a good version older than {title}"),
            };
            format!("{what}; good versions: {}", versions(known))
        }
        C::NoWayBack { reason: why } | C::NoPlan { reason: why } => reason(why),

        C::EnvironmentUnknown { environment, service, reason: why } => format!(
            "it is not known what {environment} runs ({}); an admin must check and record it first: `rmm service settle {service} \
             --environment {environment}`",
            inside(&reason(why))
        ),
        C::KnownAlready { environment, service, another_copy } => {
            let but = if *another_copy { "; --recorded means that the other copy of the database is gone" } else { "" };
            format!("it is known what {environment} of {service} runs; there is nothing to settle{but}")
        }
        C::RunAtWork { run, environment } => {
            format!("run {run} is at work on {environment}; repeat when it has ended")
        }
        C::NeedsRepair { environment, run, reason: why } => {
            format!("{environment} needs repair ({}); `resolve` run {run} first", reason(why))
        }
        C::FailedAlready { run, to } => {
            format!(
                "run {run} has failed, which is known; mark it `succeeded` once it is on {to}, or let RMM try `again`"
            )
        }
        C::NothingToResolve { run, state } => format!("run {run} is {state}; there is nothing to resolve about it"),
        C::CiReportsNoMore { release, environment } => format!(
            "#{release} has ended, so no CI system reports about it any more; record how {environment} stands: \
             `succeeded` or `failed`"
        ),
        C::ContentChanged { release, run } => format!(
            "what was approved is not what #{release} would deploy now: the commands of its definition have changed; \
             mark run {run} as `failed`, and release it again"
        ),
        C::NotLeftBehind { host, environment } => {
            format!("{host} was not left behind in {environment}; there is nothing to catch up")
        }
        C::HostNotNamed { host, environment, service } => {
            format!("rmm.toml does not name {host} for {environment} of {service}; put it there first")
        }
        C::NothingToCatchUp { environment } => {
            format!("{environment} runs no release that a host could be brought to")
        }
        C::BroughtByCi { environment } => format!("{environment} is deployed by a CI system, not by RMM"),
        C::NothingToGiveUp { host, environment } => {
            format!("nothing in {environment} waits for {host}; there is nothing to give up")
        }
        C::NeedsHost { run, environment, host, release, way_out } => format!(
            "run {run} brings {environment} forward and needs {host}; `{}` release #{release} instead",
            way_out.as_str()
        ),

        C::NoKeyNeeded => "local is RMM's own machine; there is no key to trust".to_owned(),
        C::KeyPinned { host, pinned } => format!(
            "the configuration says that {host} must show {}; change `host_key` in rmm.toml if that is wrong",
            pinned.join(" or ")
        ),
        C::KeyNotShown { host, address, why } => {
            format!("{host} shows no key at {address} that could be trusted: {}", reason(why))
        }
        C::KeyNeverSeen { host, address } => {
            format!("{host} has shown no key at {address} yet; run `rmm host check {host}` first")
        }
        C::KeyDiffers { host, shown, wanted, compare } => format!(
            "{host} has shown {shown}, not {wanted}; compare with `{compare}` on the host itself before you trust either"
        ),

        C::ClaimConfirmed { user, person, by } => format!(
            "{by} has confirmed already that {user} is {person}; if that is another person, give {person} a telegram_id in rmm.toml"
        ),
        C::NoClaim { user, person } => {
            format!(
                "{user} does not claim to be {person} (any more: the username may be another one now), or another account has been confirmed as {person}"
            )
        }
        C::ClaimRefused { user, person } => {
            format!(
                "an admin has refused that {user} is {person}; if it is true after all: `rmm person confirm {user}`"
            )
        }
        C::SeveralClaims { person, users } => format!(
            "{} claim to be {person}; use the number instead of the name: `rmm person list` shows them",
            list(users)
        ),
        C::NobodyClaims { who, near: Some(near) } => format!("there is no person {who}; did you mean {near}?"),
        C::NobodyClaims { who, near: None } => {
            format!(
                "no account waits to be confirmed under {who}; `rmm person list` shows which do, and how to confirm them"
            )
        }
        C::NumberConfigured { person, user } => format!(
            "rmm.toml says that {person} is {user}, so there is nothing to confirm; for another account, change telegram_id there"
        ),
    }
}

/// What a release does, behind its name.
fn stands(status: Status) -> String {
    match status {
        Status::Initiated => "has only just been created".to_owned(),
        Status::StageBuildingFailed => "has failed on stage".to_owned(),
        Status::StageTestRollbackFailed => "has failed its rehearsal".to_owned(),
        Status::RollbackFailed => "could not be rolled back".to_owned(),
        Status::StageBuilding
        | Status::StageTestRollback
        | Status::ManualTesting
        | Status::ManualTestFailed
        | Status::ManualTestPassed
        | Status::Deploying
        | Status::Deployed
        | Status::ProductionRollback
        | Status::RollbackDone
        | Status::Cancelled => format!("is {}", status_title(status)),
    }
}

fn because(why: &Option<Reason>) -> String {
    why.as_ref().map(|why| format!(" ({})", reason(why))).unwrap_or_default()
}

fn versions(known: &[Version]) -> String {
    if known.is_empty() { "there is none".to_owned() } else { list(known) }
}

/// `aborted`.
fn done(wanted: Move) -> &'static str {
    match wanted {
        Move::Cancel => "cancelled",
        Move::Abort => "aborted",
        Move::Retry => "retried",
        Move::Promote => "promoted",
        Move::Bypass => "sent past its gates",
        Move::Rollback => "rolled back",
        Move::Approve => "approved",
        Move::Reject => "rejected",
        Move::Settle => "settled",
        Move::Resolve => "resolved",
        Move::Unlock => "unlocked",
    }
}

/// Who has a right.
fn who_may(right: Right, role: Role) -> &'static str {
    match right {
        Right::Machine => "only RMM itself",
        Right::Watch => "any caller",
        Right::Read => "a viewer, member or admin",
        Right::Create => "a CI token, a member or an admin",
        Right::Report => "a CI token or an admin",
        // A person who taps or clicks needs no token.
        Right::Vote if role == Role::Viewer => "a listed person",
        Right::Vote => "a listed person, with a token of that person",
        Right::Retry => "a member or an admin",
        Right::Cancel => "an admin, or the initiator of the release",
        Right::Command | Right::Administer => "an admin",
    }
}
