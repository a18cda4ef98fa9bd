//! Why something stands where it stands.

use crate::domain::env::Env;
use crate::domain::fault::known::KnownFailure;
use crate::domain::fault::repository::{GitAdvice, RepositoryFault};
use crate::domain::ids::HostName;
use crate::domain::reason::{Found, Hint, LastRun, Reason, RestoredBy, Wait};
use crate::domain::run::StopKind;

use super::super::times;
use super::record::{lost_events, record_alarm};
use super::refusal::refusal;
use super::rule::rule;
use super::store::store;
use super::{behind, inside};
use super::{fault, github, on_host, ssh};

/// Why something stands where it stands.
pub(in crate::wording) fn reason(reason: &Reason) -> String {
    use Reason as R;
    let of = |cause: &Reason| self::reason(cause);
    let within = |cause: &Reason| inside(&self::reason(cause)).to_owned();
    match reason {
        R::Legacy { text } | R::Told { text } => text.clone(),
        R::Store { fault } => store(fault),
        R::All { reasons } => reasons.iter().map(of).collect::<Vec<_>>().join("; "),

        R::Cancelled { by, why } => format!("cancelled by {by}: {why}"),
        R::Aborted { by, why } => format!("aborted by {by}: {why}"),
        R::Rejected { by, why } => format!("rejected by {by}: {why}"),
        R::RollbackAsked { to, by, why } => format!("rollback to {to}, asked for by {by}: {why}"),
        R::RollbackOf { release, title, to, why } => format!("rollback of #{release} {title} to {to}: {why}"),
        R::JudgedFailed { by, why } => format!("it failed; {}", says_so(by, why)),
        R::RunAgain { run, by, why } => format!("run again as run {run}; {}", says_so(by, why)),
        R::Settled { by, environment, version: Some(version) } => {
            format!("{by} says that {environment} runs {version}")
        }
        R::Settled { by, environment, version: None } => format!("{by} says that {environment} runs nothing"),
        R::GivenUp { by, why } => format!("given up by {by}: {why}"),

        R::StageOvertaken { by, title } => {
            format!(
                "the CI of #{by} {title} went to stage although stage was taken, so what was tested there is in doubt"
            )
        }
        R::CiBeganAgain { ci_run, was } => {
            let votes = if was.is_at_gates() { "; approvals are void" } else { "" };
            format!("the CI run {ci_run} has been restarted, so what it had reported ({was}) no longer counts{votes}")
        }
        R::Superseded { by, title } => format!("superseded by #{by} {title}"),
        R::TagMoved { tag, to } => format!("the tag {tag} has moved to {}", to.short()),
        R::TagGone { tag } => format!("the tag {tag} is gone from the repository"),
        R::ContentChanged => "what was rehearsed and approved is not what would be deployed: its artifacts or the \
                              commands of its definition have changed; the rollback has to be rehearsed again, and \
                              approvals are void"
            .to_owned(),
        R::CommitKnownLate { commit } => format!(
            "its commit, {}, became known only after people had approved it; approvals are void",
            commit.short()
        ),
        R::ProductionChanged { now: Some(version) } => {
            format!("production runs {version} now; the rollback has to be rehearsed again")
        }
        R::ProductionChanged { now: None } => "the rollback has to be rehearsed again".to_owned(),
        R::StageDirty { run, cause } => {
            format!(
                "stage needs repair: {}; an admin must repair it and record that with `resolve` of run {run}",
                of(cause)
            )
        }
        R::StageUnknown { service, cause } => format!(
            "it is not known what stage runs: {}; an admin must check and record it: `rmm service settle {service} --environment \
             stage`",
            within(cause)
        ),
        R::FirstRelease => "the first release: there was nothing to go back to".to_owned(),
        R::NothingToGoBackTo { cause } => {
            format!("{}; there was nothing to go back to: the first release", of(cause))
        }
        R::NotTakenBack { cause } => {
            format!("{}; what production runs is not known, so nothing was rolled back", of(cause))
        }
        R::Untouched { cause } => format!("{}; production had not been touched", of(cause)),
        R::RollbackInDoubt { why, cause } => {
            format!("{}; the outcome of the rollback is unknown: {}", within(why), of(cause))
        }
        R::RepairedSince { cause, version } => {
            let runs = version.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            format!("{}; it has been repaired since: production runs {runs}", within(cause))
        }
        R::OtherRolledBack { release } => format!("production of #{release} is rolled back"),
        R::ProductionLocked => "production has been locked".to_owned(),
        R::GatesClosed => "a gate is no longer met".to_owned(),
        R::Ended => "it was ended".to_owned(),

        R::CiFailed => "the CI system reported it".to_owned(),
        R::CiUnwell => "the CI system reported that production is not well".to_owned(),
        R::CiRollbackFailed => "the CI system reported that the rollback failed".to_owned(),
        R::Stopping { why, cause } => {
            let how = match why {
                StopKind::Cancel => "is being cancelled",
                StopKind::Abort => "is being aborted",
            };
            format!("{how}{}", behind(cause.as_deref().map(of).as_deref()))
        }
        R::WorkflowSought { workflow, cause } => {
            let why = cause.as_deref().map(|cause| format!(" ({})", within(cause))).unwrap_or_default();
            format!("RMM waits for GitHub to say whether the run of {workflow} was created{why}")
        }
        R::WorkflowCancelling { workflow, cause } => {
            let why = cause.as_deref().map(|cause| format!(" ({})", within(cause))).unwrap_or_default();
            format!("RMM waits for GitHub to end the run of {workflow}{why}")
        }
        R::NotDispatched { cause } => format!("the workflow was not started: {}", of(cause)),
        R::WorkflowNotSeen { workflow } => format!(
            "GitHub has accepted the dispatch of {workflow} but shows no run of it; does its `run-name` say `inputs.run_id`?"
        ),
        R::WorkflowQueued { workflow } => format!("{workflow} waits at GitHub for a runner, or for another run"),
        R::WorkflowNeverBegan { workflow, conclusion } => {
            format!("{workflow} ended ({conclusion}) before any of its jobs began, so nothing was touched")
        }
        R::WorkflowFailed { workflow, conclusion } => format!("{workflow} ended with {conclusion}"),
        R::WorkflowUnwell { workflow, surface, cause } => {
            format!("{workflow} succeeded, but the health check of {surface} did not pass: {}", of(cause))
        }
        R::WorkflowGone { workflow, ci_run } => format!("GitHub has no run {ci_run} of {workflow} any more"),
        R::RollbackAwaited { workflow } => format!(
            "there is no `rollback_workflow` beside {workflow}, so RMM starts nothing: go back by yourself, and report the end by CI or \
             `rmm release report`: `rollback_done` or `rollback_failed`"
        ),
        R::NoGithub { service } => format!(
            "rmm.toml does not say how GitHub is reached for {service}: `[github]` with a `token`, and a `repository` there"
        ),
        R::CiSilent { environment, since } => {
            format!("the CI system has said nothing about {environment} since {}", times::time(*since))
        }

        R::TagItselfGiven { commit } => format!(
            "the id that was given for the commit is that of the tag itself; it points at {}, which is deployed instead",
            commit.short()
        ),
        R::CommitUnresolved { cause, again: None } => of(cause),
        R::CommitUnresolved { cause, again: Some(at) } => {
            format!("{}; RMM asks again at {}", within(cause), times::time(*at))
        }
        R::CommitNotKnown { title } => format!("the commit of {title} is not known yet"),
        R::VersionNotKnown { version } => format!("nothing is known of {version} any more"),
        R::NoDirectory { surface } => format!("the surface {surface} has no directory to check the code out to"),
        R::CommandNotMade { surface, error } => format!("a command of the surface {surface} cannot be made: {error}"),
        R::ValueNotTaken(invalid) => format!("{}: {}", invalid.field, rule(&invalid.rule)),
        R::PlanTooLong => "the plan is too long".to_owned(),

        R::Step { kind, surface, environment, host, cause } => {
            let place = host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
            format!("{} of {surface} on {environment}{place} {}", kind.title(), of(cause))
        }
        // The sentence of RMM's own function is what the host has printed.
        R::Exit { status, said, known, tool: _ } => {
            format!("{}{}{}", exit(*status), behind(said.as_deref()), probably(*known))
        }
        // What follows from it is told of the release.
        R::NothingChanged { cause } => of(cause),
        R::Unhealthy { cause, known } => format!("did not pass: {}{}", of(cause), probably(*known)),
        R::Health { fault } => fault::health(fault),
        R::Attempts { attempts, last } => format!("{attempts} attempts, the last: {}", of(last)),
        R::NeverAsked => "it could not be checked even once".to_owned(),
        R::CheckFailed { status, said, tool: _ } => {
            format!("the check ended with exit status {status}{}", behind(said.as_deref()))
        }
        R::CheckTimedOut { limit } => format!("the check did not end within {}", times::short(*limit)),
        R::TimedOut => "was over its time limit and has been ended".to_owned(),
        R::NotStarted { cause } => format!("could not be started: {}", of(cause)),
        R::CannotBeJudged { cause } => format!("cannot be judged: {}", of(cause)),
        R::WasEnded => "was ended".to_owned(),
        R::FoundTagMoved => "found that the tag has moved".to_owned(),
        R::FoundOtherCommit => "found that the tag points at another commit than the one that was told".to_owned(),
        R::FoundNoTag => "found no such tag in the repository".to_owned(),
        R::FoundTagGone => "found that the tag is gone from the repository".to_owned(),
        R::EarlierStepFailed => "an earlier step failed on this host".to_owned(),
        R::PlannedAnew => "planned again, without a host that does not answer".to_owned(),
        R::EndUnseen => "its end was not observed".to_owned(),

        R::At { host, cause } => format!("{host}: {}", of(cause)),
        R::WentOnWithout { hosts } => {
            let each = hosts.iter().map(|(host, cause)| format!("{host} ({})", within(cause)));
            format!("continued without {}", each.collect::<Vec<_>>().join(" and "))
        }
        R::MigrationAtWork { cause } => {
            format!("{}; a migration that had begun may still be at work there", within(cause))
        }
        R::NotCaughtUp { run, to, cause } => format!("run {run} could not bring it to {to}: {}", of(cause)),
        R::WaitsFor { hosts } => {
            let each = hosts.iter().map(|(host, wait)| waits_for(host, wait));
            format!("waits for {}", each.collect::<Vec<_>>().join("; and for "))
        }
        R::Unreachable { host, limit, cause } => format!(
            "{host} could not be reached within the run's limit of {}: {}",
            crate::domain::duration_text::text(*limit),
            of(cause)
        ),
        R::NoAnswer => "It does not answer.".to_owned(),
        R::NotConnected { fault } => fault::dial(fault),
        R::HostNotConnected { fault } => fault::host(fault),
        R::Ssh { fault } => ssh::ssh(fault),
        R::StepOnHost { fault } => on_host::on_host(fault),
        R::OutputNotKept { said } => format!("The step's output could not be kept: {said}"),
        R::Refused { cause } => refusal(cause),
        R::AnswerLate { limit } => format!("The host did not answer within {}.", times::short(*limit)),
        R::KeyUnknown { key } => format!("The host key {key} is not trusted yet."),
        R::KeyChanged { trusted, offered } => {
            let trusted: Vec<_> = trusted.iter().map(ToString::to_string).collect();
            format!("THE HOST KEY HAS CHANGED: {} is trusted, but the host shows {offered}.", trusted.join(" or "))
        }
        R::OnTheWay { host, cause } => format!("on the way, at the jump host {host}: {}", of(cause)),
        R::ConnectionLost { said } => format!("The connection to the host was lost: {said}"),
        R::ScriptNotStarted { said } => format!("The script could not be started on the host: {said}"),
        R::ProgramMissing { program } => format!("The program {program} is missing on the machine RMM runs on."),
        R::Repository { fault } => repository(fault),
        R::Github { fault } => github::github(fault),
        R::DirectoryTaken { directory } => {
            format!("The run directory {directory} belongs to another RMM or another run; it was left alone.")
        }
        R::DirectoryOfCopy { directory } => format!(
            "Steps of this run were begun or taken over in {directory} by another copy of this RMM's database; what they \
             did cannot be known."
        ),
        R::LastRunNotKnown { token } => format!("The last run there, {token}, is not known to this RMM."),
        R::LookOnHost { host, cause } => format!("{}. Check on {host} how it ended.", within(cause)),
        R::DirectoryLost { host, directory } => {
            let elsewhere = if host.is_local() {
                " (each user of `[local]` in rmm.toml has directories of its own: was it changed while the run was at work?)"
            } else {
                ""
            };
            format!(
                "{host} has lost the run directory {directory}{elsewhere}; what the running step did cannot be known"
            )
        }
        R::StepLost { cause } => format!("{}; what the running step did cannot be known", within(cause)),
        R::MigrationUnseen { run, kind, surface, host, found } => format!(
            "run {run} had begun the step `{}` of {surface} on {host} when that host stopped answering; {}, so the database may not \
             be where the recorded version needs it",
            kind.title(),
            self::found(found)
        ),

        R::LastRunUnknown { host, run, token, service, environment } => {
            let run = run.map_or_else(|| token.clone(), |run| format!("run {run} ({token})"));
            let advice = copy_advice(service.as_str(), *environment);
            format!("the last run on {host} was {run}, which is not in this database. {advice}")
        }
        R::EndedBySomebodyElse { host } => format!(
            "the command on {host} was ended, but not by this RMM: check whether another RMM works there, and what runs there now"
        ),
        R::CopyAtWork { host, service, environment, cause } => {
            format!("{host}: {}. {}", within(cause), copy_advice(service.as_str(), *environment))
        }
        R::CopyTurnedAway { host, service, environment, run } => format!(
            "another RMM with a copy of this database tried to work on {service} {environment} on {host} (run {run}) and \
             was turned away. Stop it, or give it a new data directory"
        ),
        R::OtherInstallation { host, token, service, environment } => format!(
            "the last run on {host} was {token}, of another RMM installation. {}",
            other_advice(service.as_str(), *environment)
        ),
        R::LastRunsUnknown { service, environment } => format!(
            "another RMM has worked here, or this one with another database. {}",
            other_advice(service.as_str(), *environment)
        ),
        R::LastRuns { cause, found } => {
            let each = found.iter().map(last_run);
            std::iter::once(of(cause)).chain(each).collect::<Vec<_>>().join("; ")
        }
        R::UnderWayWhenCopied => "it was under way when the database was copied, and its outcome is unknown".to_owned(),
        R::NumbersGoOn { cause, release, run } => {
            format!("{}; releases go on after #{release}, runs after {run}", of(cause))
        }
        R::Restored { how } => match how {
            RestoredBy::Command { lost: None } => "the database was restored from a backup".to_owned(),
            RestoredBy::Command { lost: Some(lost) } => {
                format!("the database was restored from a backup: {}", lost_events(lost))
            }
            RestoredBy::Backup => "a backup was put in the place of the database".to_owned(),
            RestoredBy::Lost => "the database was lost, and a new one was begun".to_owned(),
            RestoredBy::Moved => {
                "the database came here without the file that lies beside it (rmm.db.numbers)".to_owned()
            }
            RestoredBy::Older => "the database is older than the one that was here, or another one".to_owned(),
            RestoredBy::Another { alarm } => record_alarm(alarm),
        },
    }
}

fn says_so(by: &str, why: &str) -> String {
    if why.is_empty() { format!("{by} says so") } else { format!("{by} says so: {why}") }
}

/// The probable cause, and what helps.
const fn known(failure: KnownFailure) -> &'static str {
    use KnownFailure as F;
    match failure {
        F::PortTaken => "another program has the port, and `ss -ltnp` on the host names it",
        F::ContainerNameTaken => "another container has the name, and `docker ps -a` names it",
        F::DiskFull => "a disk is full, and `df -h` and `df -i` tell which",
        F::FileWatches => "no more files may be watched: raise fs.inotify.max_user_watches",
        F::OpenFiles => "too many files are open: raise the limit of open files",
        F::ReadOnlyDisk => "the disk is read-only, and `dmesg` tells why",
        F::DockerForbidden => "the user of the steps may not use Docker: add it to the group docker",
        F::DockerAway => "Docker does not run there, and `systemctl status docker` tells why",
        F::DockerNetworks => "Docker has no addresses left for networks: `docker network prune`",
        F::ComposeFile => "the compose file is wrong, and `docker compose config` tells where",
        F::OutOfMemory => "it ran out of memory, and `dmesg` names what was killed",
        F::MigrationLock => "something else holds a lock in the database: try again when it has ended",
        F::MigrationHalfWay => "an earlier migration ended half-way and needs repair by hand",
        F::DatabaseLogin => "the database refuses the user or the password",
        F::NoSuchImage => "the registry has no such image, or shows it only after a login",
        F::RegistryLogin => "the registry refuses the login: `docker login` as the user of the steps",
        F::RegistryLimit => "the registry gives no more for now: log in to it, or try later",
        F::NameNotFound => "a name has no address there: look at the name servers of the host",
        F::Certificate => "a certificate is not trusted, or not valid any more",
        F::HostKey => "the key of an SSH host is not the known one: look at known_hosts there",
        F::RepositoryLogin => "the repository refuses the key or the password that is used there",
        F::OtherProcessor => "it was built for another processor",
        F::NoSuchProgram => "a program is not installed there",
        F::Forbidden => "the user of the steps may not do that",
        F::NothingListens => "nothing listens at an address that it asks",
        F::NoAnswer => "an address that it asks does not answer",
    }
}

/// … behind what happened.
fn probably(failure: Option<KnownFailure>) -> String {
    failure.map(|failure| format!(" (probably {})", known(failure))).unwrap_or_default()
}

/// What an exit status means (POSIX: 126, 127 by the shell, above 128 by a signal).
fn exit(status: i32) -> String {
    match status {
        126 => "failed: a command could not be executed (exit status 126)".into(),
        127 => "failed: a command was not found (exit status 127)".into(),
        129..=192 => format!("was killed by signal {} (exit status {status})", status - 128),
        _ => format!("failed with exit status {status}"),
    }
}

fn found(found: &Found) -> String {
    match found {
        Found::NotStarted => "it had not been started there".to_owned(),
        Found::Exited(status) => format!("it ended there unseen (exit status {status})"),
        Found::Stopped => "it was still at work and has been ended".to_owned(),
        Found::Lost(None) => "its outcome there cannot be known".to_owned(),
        Found::Lost(Some(why)) => format!("its outcome there cannot be known ({})", inside(&reason(why))),
    }
}

fn repository(fault: &RepositoryFault) -> String {
    use RepositoryFault as F;
    match fault {
        F::NoAddress { url } => format!("{url:?} is not a repository"),
        F::NotThere { url } => format!("there is no repository at {url}"),
        F::NoTag { url, tag } => format!("there is no tag {tag} in {url}; push it, then retry"),
        F::ListsNothing { url } => format!(
            "what answers at {url} names no tag and no branch: the repository is empty, or its server answers something else than git does"
        ),
        F::OtherCommit { url, tag, told, commit } => {
            format!("commit {} is not what tag {tag} names: in {url}, that is {}", told.short(), commit.short())
        }
        F::NoCommit { url, commit } => format!("there is no commit {} in {url}; push it, then retry", commit.short()),
        F::TooMuch { url, most } => format!("{url} lists more tags than RMM reads ({most} bytes)"),
        F::Late { url, limit } => format!("{url} did not answer within {}", times::short(*limit)),
        F::NotRead { url, said, advice: Some(GitAdvice::Ownership), fix: Some(fix) } => format!(
            "the repository {url} could not be read: {said}; it belongs to another user, and the git of the user who runs RMM \
             has to trust it: `{fix}`"
        ),
        F::NotRead { url, said, advice, fix: _ } => {
            let advice = advice.map(git_advice).unwrap_or_default();
            format!("the repository {url} could not be read: {said}{advice}")
        }
        F::GitMissing => "git is not installed on the machine RMM runs on".to_owned(),
        F::GitNotStarted { said } => format!("git could not be started: {said}"),
        F::CertificatesNotWritten { said } => {
            format!("the certificates of repository_ca could not be written for git: {said}")
        }
    }
}

/// What to do about git's words, behind them.
pub(in crate::wording) const fn git_advice(advice: GitAdvice) -> &'static str {
    use GitAdvice as A;
    match advice {
        A::Authority => {
            "; set `repository_ca` of the service to the certificate of the authority that signed the server's"
        }
        A::OtherName => "; the server's certificate is for another name: use that one in `repository`",
        A::Login => {
            "; it wants a login: give this user a credential helper of git, or use the repository's SSH address"
        }
        A::Ownership => {
            "; it belongs to another user, and the user who runs git has to trust it: `git config --global --add safe.directory` \
             with the folder that git names"
        }
        A::KnownHosts => "; this user's ~/.ssh/known_hosts does not know that server",
        A::Address => "; is the address in `repository` right?",
        A::DeployKey => "; this user has no key that the server knows: add a deploy key",
    }
}

fn waits_for(host: &HostName, wait: &Wait) -> String {
    let cause = reason(&wait.cause);
    let cause = inside(&cause);
    match &wait.hint {
        None => format!("{host}: {cause}"),
        Some(Hint::Trust { host: whose }) => format!("{host}: {cause}. Compare it and run `rmm host trust {whose}`"),
        Some(Hint::GiveUp { service, host: whose, environment }) => format!(
            "{host}: {cause}. If it is gone for good: `rmm service give-up {service} {whose} --environment {environment}`"
        ),
    }
}

fn last_run(last: &LastRun) -> String {
    let still = if last.at_work {
        ", and a command of it is still at work there, which `settle` or the next run ends"
    } else {
        ""
    };
    let whose = last.other.as_deref().map(|token| format!(" of another installation ({token})")).unwrap_or_default();
    format!("the last run on {} was run {}{whose}, which is not in this database{still}", last.host, last.run)
}

fn copy_advice(service: &str, environment: Env) -> String {
    format!(
        "Another RMM works with a copy of this database, or this database is older than what the host has seen. Stop the \
         other one if there is one, check what {environment} runs, and record it: `rmm service settle {service} --environment \
         {environment}`"
    )
}

fn other_advice(service: &str, environment: Env) -> String {
    format!(
        "If the other RMM still runs, stop it, or take {service} out of one of the two. If it is gone for good, check what \
         {environment} runs, and record it: `rmm service settle {service} --environment {environment}`"
    )
}
