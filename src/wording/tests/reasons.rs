//! Why something stands where it stands.

use super::*;
use crate::domain::cause::Cause;
use crate::domain::fault::known::KnownFailure;
use crate::domain::fault::ssh::SshFault;
use crate::domain::fault::step::StepFault;
use crate::domain::fault::{DialFault, HealthFault};

fn samples() -> Vec<Reason> {
    use Reason as R;
    let (by, why) = (|| "ann".to_owned(), || "the cart is empty".to_owned());
    let at_home = R::Exit { status: 127, said: Some("./migrate: not found".into()), known: None, tool: None };
    let steps = [
        StepKind::Fetch,
        StepKind::VerifyTag,
        StepKind::Checkout,
        StepKind::BeforeDeploy,
        StepKind::MigrateUp,
        StepKind::MigrateDown,
        StepKind::Deploy,
        StepKind::Health,
        StepKind::AfterDeploy,
    ];
    let mut samples = vec![
        R::Legacy { text: "deploy of api on stage failed with exit status 3".into() },
        R::told("Permission denied (publickey)."),
        R::Store { fault: Box::new(StoreFault::Stopping) },
        R::All { reasons: vec![R::TimedOut, R::WasEnded] },
        R::Cancelled { by: by(), why: why() },
        R::Aborted { by: by(), why: why() },
        R::Rejected { by: by(), why: why() },
        R::RollbackAsked { to: version(), by: by(), why: why() },
        R::RollbackOf { release: ReleaseId(12), title: "v1.5.0".into(), to: version(), why: why() },
        R::JudgedFailed { by: by(), why: why() },
        R::RunAgain { run: RunId(31), by: by(), why: String::new() },
        R::Settled { by: by(), environment: Stage, version: Some(version()) },
        R::Settled { by: by(), environment: Production, version: None },
        R::GivenUp { by: by(), why: "burnt down".into() },
        R::Superseded { by: ReleaseId(13), title: "v1.6.0".into() },
        R::StageOvertaken { by: ReleaseId(13), title: "v1.6.0".into() },
        R::CiBeganAgain { ci_run: "77".into(), was: Status::StageTestRollback },
        R::CiBeganAgain { ci_run: "77".into(), was: Status::ManualTesting },
        R::TagMoved { tag: "v1.5.0".into(), to: commit() },
        R::TagGone { tag: "v1.5.0".into() },
        R::ContentChanged,
        R::CommitKnownLate { commit: commit() },
        R::ProductionChanged { now: Some(version()) },
        R::ProductionChanged { now: None },
        R::StageDirty { run: RunId(30), cause: exit() },
        R::StageUnknown { service: service(), cause: Box::new(R::Restored { how: RestoredBy::Backup }) },
        R::FirstRelease,
        R::NothingToGoBackTo { cause: exit() },
        R::NotTakenBack { cause: exit() },
        R::Untouched { cause: exit() },
        R::RollbackInDoubt { why: exit(), cause: Box::new(R::NoAnswer) },
        R::RepairedSince { cause: exit(), version: Some(version()) },
        R::RepairedSince { cause: exit(), version: None },
        R::OtherRolledBack { release: ReleaseId(12) },
        R::ProductionLocked,
        R::GatesClosed,
        R::Ended,
        R::CiFailed,
        R::CiUnwell,
        R::CiRollbackFailed,
        R::NotDispatched { cause: exit() },
        R::Stopping { why: StopKind::Abort, cause: None },
        being_cancelled(),
        R::WorkflowSought { workflow: "deploy.yaml".into(), cause: None },
        R::WorkflowCancelling { workflow: "deploy.yaml".into(), cause: None },
        R::WorkflowNotSeen { workflow: "deploy.yaml".into() },
        R::WorkflowQueued { workflow: "deploy.yaml".into() },
        R::WorkflowNeverBegan { workflow: "deploy.yaml".into(), conclusion: "startup_failure".into() },
        R::WorkflowFailed { workflow: "deploy.yaml".into(), conclusion: "timed_out".into() },
        R::WorkflowUnwell { workflow: "deploy.yaml".into(), surface: surface(), cause: exit() },
        R::WorkflowGone { workflow: "deploy.yaml".into(), ci_run: "77".into() },
        R::RollbackAwaited { workflow: "deploy.yaml".into() },
        R::NoGithub { service: service() },
        R::CiSilent { environment: Production, since: Timestamp::UNIX_EPOCH },
        R::TagItselfGiven { commit: commit() },
        R::CommitUnresolved { cause: Box::new(R::told("there is no tag v1.5.0")), again: None },
        R::CommitUnresolved { cause: Box::new(R::NoAnswer), again: Some(Timestamp::UNIX_EPOCH) },
        R::CommitNotKnown { title: "v1.5.0".into() },
        R::VersionNotKnown { version: version() },
        R::NoDirectory { surface: surface() },
        R::CommandNotMade { surface: surface(), error: "undefined value".into() },
        R::ValueNotTaken(Invalid::new("surfaces[0].artifact", harmless())),
        R::PlanTooLong,
        R::Exit { status: 126, said: None, known: None, tool: None },
        at_home.clone(),
        R::Exit { status: 137, said: None, known: None, tool: None },
        R::Unhealthy { cause: Box::new(R::told("503 Service Unavailable")), known: None },
        R::Unhealthy { cause: Box::new(R::told("connection refused")), known: Some(KnownFailure::DatabaseLogin) },
        R::Health { fault: HealthFault::NotOverNetwork },
        R::NeverAsked,
        R::CheckFailed { status: 1, said: Some("worker restarts".into()), tool: None },
        R::CheckTimedOut { limit: Duration::from_millis(500) },
        R::CheckTimedOut { limit: Duration::from_secs(15) },
        R::TimedOut,
        R::NotStarted { cause: Box::new(R::told("no shell")) },
        R::CannotBeJudged { cause: Box::new(R::told("The host was restarted.")) },
        R::WasEnded,
        R::FoundTagMoved,
        R::FoundOtherCommit,
        R::FoundNoTag,
        R::FoundTagGone,
        R::EarlierStepFailed,
        R::PlannedAnew,
        R::EndUnseen,
        R::NothingChanged { cause: exit() },
        R::At { host: host("prod-1"), cause: Box::new(R::NoAnswer) },
        R::WentOnWithout {
            hosts: BTreeMap::from([(host("prod-1"), R::NoAnswer), (host("prod-2"), R::told("no route"))]),
        },
        R::MigrationAtWork { cause: Box::new(R::NoAnswer) },
        R::NotCaughtUp { run: RunId(31), to: version(), cause: exit() },
        R::Unreachable { host: host("prod-1"), limit: Duration::from_mins(90), cause: Box::new(R::NoAnswer) },
        R::NoAnswer,
        R::LookOnHost { host: host("prod-1"), cause: Box::new(R::NoAnswer) },
        R::DirectoryLost { host: host("prod-1"), directory: "~/.rmm/shop.production/1-31".into() },
        R::DirectoryLost { host: HostName::local(), directory: "/srv/rmm/1-31".into() },
        R::StepLost { cause: Box::new(R::NoAnswer) },
        R::LastRunUnknown {
            host: host("prod-1"),
            run: Some(RunId(40)),
            token: "a-40-b".into(),
            service: service(),
            environment: Production,
        },
        R::EndedBySomebodyElse { host: host("prod-1") },
        R::CopyAtWork {
            host: host("prod-1"),
            service: service(),
            environment: Stage,
            cause: Box::new(R::told("Steps were begun by somebody else.")),
        },
        R::CopyTurnedAway { host: host("prod-1"), service: service(), environment: Production, run: "a-40-b".into() },
        R::OtherInstallation {
            host: host("prod-1"),
            token: "b-40-c".into(),
            service: service(),
            environment: Production,
        },
        R::LastRunsUnknown { service: service(), environment: Stage },
        R::LastRuns {
            cause: Box::new(R::Restored { how: RestoredBy::Lost }),
            found: vec![
                LastRun { host: host("prod-1"), run: RunId(40), at_work: false, other: None },
                LastRun { host: host("prod-2"), run: RunId(40), at_work: true, other: Some("b-40-c".into()) },
            ],
        },
        R::UnderWayWhenCopied,
        R::NumbersGoOn {
            cause: Box::new(R::Restored { how: RestoredBy::Backup }),
            release: ReleaseId(12),
            run: RunId(40),
        },
    ];
    let key = || HostKey {
        algorithm: "ssh-ed25519".into(),
        fingerprint: serde_json::from_str("\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"").unwrap(),
    };
    samples.extend([
        R::NotConnected { fault: DialFault::NoAddress { name: "db".into() } },
        R::HostNotConnected { fault: DialFault::NoAddress { name: "db".into() } },
        R::HostNotConnected { fault: DialFault::NoAddress { name: "db.example.com".into() } },
        R::DirectoryTaken { directory: "~/.rmm/shop.production/1-31".into() },
        R::DirectoryOfCopy { directory: "~/.rmm/shop.production/1-31".into() },
        R::LastRunNotKnown { token: "a-40-b".into() },
        R::KeyUnknown { key: key() },
        R::KeyChanged { trusted: vec![key().fingerprint, key().fingerprint], offered: key() },
        R::OnTheWay { host: host("jump"), cause: Box::new(R::KeyUnknown { key: key() }) },
        R::from(SshFault::CommandsForbidden),
        R::from(StepFault::StepFiles),
        R::OutputNotKept { said: "No space left on device (os error 28)".into() },
        R::Refused {
            cause: Box::new(Cause::NoHost { host: host("prod-9"), known: vec!["prod-1".into()], near: None }),
        },
        R::AnswerLate { limit: Duration::from_secs(60) },
        R::ConnectionLost { said: "Broken pipe (os error 32)".into() },
        R::ScriptNotStarted { said: "Permission denied (os error 13)".into() },
        R::ProgramMissing { program: "/bin/sh".into() },
    ]);
    let url = || "https://git.example.com/shop.git".to_owned();
    let faults = [
        RepositoryFault::NoAddress { url: "-x".into() },
        RepositoryFault::NotThere { url: "/srv/shop.git".into() },
        RepositoryFault::NoTag { url: url(), tag: Tag::parse("tag", "v1.4.0").unwrap() },
        RepositoryFault::ListsNothing { url: url() },
        RepositoryFault::OtherCommit {
            url: url(),
            tag: Tag::parse("tag", "v1.4.0").unwrap(),
            told: commit(),
            commit: Commit::parse("commit", "b".repeat(40)).unwrap(),
        },
        RepositoryFault::NoCommit { url: url(), commit: commit() },
        RepositoryFault::Late { url: url(), limit: Duration::from_secs(30) },
        RepositoryFault::NotRead { url: url(), said: "repository not found".into(), advice: None, fix: None },
        RepositoryFault::NotRead {
            url: "/srv/shop".into(),
            said: "'/srv/shop' does not appear to be a git repository".into(),
            advice: Some(GitAdvice::Address),
            fix: None,
        },
        RepositoryFault::NotRead {
            url: "/srv/shop.git".into(),
            said: "detected dubious ownership in repository at '/srv/shop.git'".into(),
            advice: Some(GitAdvice::Ownership),
            fix: Some("sudo env HOME=/root git config --global --add safe.directory /srv/shop.git".into()),
        },
        RepositoryFault::TooMuch { url: url(), most: 1 << 24 },
        RepositoryFault::GitMissing,
        RepositoryFault::GitNotStarted { said: "Permission denied (os error 13)".into() },
        RepositoryFault::CertificatesNotWritten { said: "No space left on device (os error 28)".into() },
    ];
    samples.extend(faults.map(|fault| R::Repository { fault }));
    samples.push(R::from(GithubFault::AppKey));
    let advice = [
        GitAdvice::Authority,
        GitAdvice::OtherName,
        GitAdvice::Login,
        GitAdvice::Ownership,
        GitAdvice::KnownHosts,
        GitAdvice::DeployKey,
    ];
    samples.extend(advice.map(|advice| R::Repository {
        fault: RepositoryFault::NotRead { url: url(), said: "no".into(), advice: Some(advice), fix: None },
    }));
    samples.extend([1, 2, 5, 11, 21].map(|attempts| R::Attempts { attempts, last: exit() }));
    samples.extend(steps.map(|kind| R::Step {
        kind,
        surface: surface(),
        environment: Production,
        host: Some(host("prod-1")).filter(|_| kind != StepKind::Deploy),
        cause: exit(),
    }));
    let ends = [
        Found::NotStarted,
        Found::Exited(0),
        Found::Stopped,
        Found::Lost(None),
        Found::Lost(Some(Box::new(R::NoAnswer))),
    ];
    samples.extend(ends.map(|found| R::MigrationUnseen {
        run: RunId(30),
        kind: StepKind::MigrateUp,
        surface: surface(),
        host: host("prod-1"),
        found,
    }));
    let give_up = Hint::GiveUp { service: service(), host: host("prod-1"), environment: Production };
    let hints = [None, Some(Hint::Trust { host: host("prod-1") }), Some(give_up)];
    samples.extend(hints.map(|hint| R::WaitsFor {
        hosts: BTreeMap::from([
            (host("prod-1"), Wait { cause: R::NoAnswer, hint }),
            (host("prod-2"), Wait { cause: R::told("no route"), hint: None }),
        ]),
    }));
    let restored = [
        RestoredBy::Command { lost: None },
        RestoredBy::Command { lost: Some(LostEvents::Range { from: 11, to: 15 }) },
        RestoredBy::Another { alarm: RecordAlarm::DatabaseGone },
        RestoredBy::Moved,
        RestoredBy::Older,
    ];
    samples.extend(restored.map(|how| R::Restored { how }));
    samples.extend(KnownFailure::ALL.iter().map(|known| R::Exit {
        status: 1,
        said: None,
        known: Some(*known),
        tool: None,
    }));
    samples
}

#[test]
fn every_reason_has_words_in_every_language() {
    let source = include_str!("../../domain/reason.rs");
    insta::assert_snapshot!(
        "reasons",
        catalogue(source, "Reason", &samples(), |language, reason| language.reason(reason))
    );
}
