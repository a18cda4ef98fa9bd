//! What is in the way of commands.

use super::*;

fn samples() -> Vec<Cause> {
    use Cause as C;
    let (release, run, title) = (ReleaseId(12), RunId(31), || "v1.5.0".to_owned());
    let reason = || Reason::told("restored.");
    let mut samples = vec![
        C::Invalid(Invalid::new("commit", Rule::FullCommit)),
        C::TakenAlready,
        C::NeedsService,
        C::NoRelease { release },
        C::NoRun { run },
        C::NoService { service: service(), near: None },
        C::NoService { service: service(), near: Some("shops".into()) },
        C::NoEnvironment { environment: Env::Preview(release), service: service() },
        C::NoHost { host: host("prod-9"), known: vec!["local".into(), "prod-1".into()], near: None },
        C::NoHost { host: host("PROD-1"), known: vec!["prod-1".into()], near: Some("prod-1".into()) },
        C::NoToken { name: "CI".into(), near: None },
        C::NoToken { name: "CI".into(), near: Some("ci".into()) },
        C::NothingThere,
        C::StepNotAtWork { run, step: 3 },
        C::NoRecordAlarm,
        C::OtherServices { service: service(), valid_for: vec![service()] },
        C::NameAService { valid_for: vec![service()] },
        C::AllServices { valid_for: vec![service()] },
        C::OperatorOnly,
        C::NotAPerson,
        C::NotListed { person: person("cid"), service: service(), listed: vec![person("ann"), person("bob")] },
        C::SelfApproval { person: person("ann"), release, service: service() },
        C::StaleRevision { release, seen: Revision(3), now: Revision(4), status: Status::Deploying },
        C::LockChanged,
        C::NoEditor,
        C::EditingOff,
        C::DefinitionChanged { service: service(), by: Some("bob".into()), gone: false },
        C::DefinitionChanged { service: service(), by: None, gone: true },
        C::DefinedInFile { service: service() },
        C::NotInDashboard { service: service() },
        C::ServiceBusy { service: service(), release },
        C::ServiceRetired { service: service() },
        C::ServiceAside { service: service() },
        C::VoteNotOpen { release, status: Status::StageBuilding },
        C::VoteClosed { release, status: Status::Cancelled },
        C::RunEnding { run },
        C::ArtifactsTested { release, status: Status::ManualTesting },
        C::ArtifactsPlanned { release, status: Status::StageBuilding },
        C::GatesUnmet { release, title: title() },
        C::GatesMet { release, title: title(), gates: vec![GateName::Approvals] },
        C::GatesMet { release, title: title(), gates: vec![GateName::FreshRehearsal, GateName::NoLock] },
        C::CiRunTaken { ci_run: "991".into(), release, title: title() },
        C::OnItsWay {
            title: title(),
            release,
            status: Status::ManualTesting,
            started_by: Some("991".into()),
            asked_by: Some("992".into()),
        },
        C::OnItsWay { title: title(), release, status: Status::Initiated, started_by: None, asked_by: None },
        C::AlreadyEnded { release, title: title(), status: Status::Deployed },
        C::AlreadyEnded { release, title: title(), status: Status::ManualTestFailed },
        C::TagClaimed { release, title: title(), was: commit(), now: commit() },
        C::TagMovedTooLate { title: title(), now: commit(), release, status: Status::Deploying },
        C::TagUnchecked { tag: title(), why: Reason::told("the repository does not answer") },
        C::CallWithoutToken,
        C::NoBearer,
        C::TokenUnknown,
        C::TokenForgotten,
        C::IdTokenOver,
        C::TokenRevoked { at: Timestamp::UNIX_EPOCH },
        C::TokenExpired { at: Timestamp::UNIX_EPOCH },
        C::TokenOrphaned { token: "build".into(), owner: "ann".into() },
        C::TokenRoleUnknown,
        C::TokenPersonGone { person: person("ann") },
        C::NotForCi { status: Status::Cancelled },
        C::RunByRmm { environment: Stage, service: service() },
        C::StaleReport { release, ci_run: "991".into(), attempt: 2, reported_by: "991 (attempt 1)".into() },
        C::ReportAfterOther { release, reported_by: "993".into(), by: ReleaseId(13) },
        C::ReportOfOtherService { release, reported_by: "991".into() },
        C::ReportOfOtherRun { release, reported_by: "991".into(), workflow: "deploy.yaml".into() },
        C::ReporterNotKnown { release, reported_by: "991".into(), workflow: "deploy.yaml".into() },
        C::ReportOfOther { release, reported_by: "991".into(), of: ReleaseId(2), title: title() },
        C::DoesNotFollow { release, status: Status::Initiated, reason: None, reported: Status::Deployed },
        C::NothingUnderWay { release, environment: Production },
        C::StageDirty { run, reason: *exit() },
        C::StageLost { run, release },
        C::StageTaken { release, title: title(), status: Status::ManualTesting },
        C::StageTakenByRun { run },
        C::TakenByRun { environment: Production, run, release, state: "running".into() },
        C::BeingDeployed { release },
        C::NotInProduction { service: service(), current: version(), release, title: title() },
        C::ProductionBusy { release, status: Status::Deploying },
        C::ProductionBusy { release, status: Status::ProductionRollback },
        C::ProductionLost { run, release, deploying: true },
        C::ProductionLost { run, release, deploying: false },
        C::ProductionDirty { run, reason: *exit() },
        C::MayBeAtWork { run, release },
        C::NoGoodVersion { wanted: None, title: title(), known: Vec::new() },
        C::NoGoodVersion { wanted: Some("v9".into()), title: title(), known: vec![version()] },
        C::NoWayBack { reason: reason() },
        C::EnvironmentUnknown { environment: Production, service: service(), reason: reason() },
        C::KnownAlready { environment: Stage, service: service(), another_copy: true },
        C::RunAtWork { run, environment: Stage },
        C::NeedsRepair { environment: Production, run, reason: *exit() },
        C::FailedAlready {
            run,
            to: Version { release, tag: Some(Tag::parse("tag", "v1.4.0").unwrap()), commit: None },
        },
        C::NothingToResolve { run, state: "succeeded".into() },
        C::CiReportsNoMore { release, environment: Production },
        C::ContentChanged { release, run },
        C::NoPlan { reason: reason() },
        C::NotLeftBehind { host: host("prod-1"), environment: Production },
        C::HostNotNamed { host: host("prod-1"), environment: Production, service: service() },
        C::NothingToCatchUp { environment: Production },
        C::BroughtByCi { environment: Production },
        C::NothingToGiveUp { host: host("prod-1"), environment: Production },
        C::NeedsHost { run, environment: Production, host: host("prod-1"), release, way_out: Move::Abort },
        C::NoKeyNeeded,
        C::KeyPinned { host: host("prod-1"), pinned: vec!["SHA256:a".into(), "SHA256:b".into()] },
        C::KeyNotShown { host: host("prod-1"), address: "10.0.0.1:22".into(), why: Reason::NoAnswer },
        C::KeyNeverSeen { host: host("prod-1"), address: "10.0.0.1:22".into() },
        C::KeyDiffers {
            host: host("prod-1"),
            shown: "SHA256:a".into(),
            wanted: "SHA256:b".into(),
            compare: "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub".into(),
        },
        C::ClaimConfirmed { user: 42, person: person("ann"), by: "root".into() },
        C::NoClaim { user: 42, person: person("ann") },
        C::ClaimRefused { user: 42, person: person("ann") },
        C::SeveralClaims { person: person("ann"), users: vec![42, 43] },
        C::NobodyClaims { who: "ann".into(), near: None },
        C::NobodyClaims { who: "ANN".into(), near: Some("ann".into()) },
        C::NumberConfigured { person: person("ann"), user: 42 },
    ];
    let moves = Move::OFFERED.into_iter().chain([Move::Bypass]);
    samples.extend(moves.map(|wanted| C::Illegal {
        release,
        title: title(),
        status: Status::RollbackFailed,
        reason: Some(*exit()).filter(|_| wanted != Move::Retry),
        wanted,
        waiting: Some(Reason::told("waits for prod-1")).filter(|_| wanted == Move::Abort),
    }));
    samples.extend(Status::ALL.iter().map(|&status| C::VoteClosed { release, status }));
    let roles = [Role::Ci, Role::Viewer, Role::Member, Role::Admin];
    samples.extend(Right::ALL.iter().zip(roles.iter().cycle()).map(|(&right, &role)| C::RoleTooLow {
        who: "ann".into(),
        role,
        right,
    }));
    samples
}

#[test]
fn every_refusal_has_words_in_every_language() {
    let source = include_str!("../../domain/cause.rs");
    let told = |language: Language, cause: &Cause| {
        let refusal = cause.clone().into();
        [language.refusal(cause)].into_iter().chain(language.details(&refusal)).collect::<Vec<_>>().join(" | ")
    };
    insta::assert_snapshot!("refusals", catalogue(source, "Cause", &samples(), told));
}

#[test]
fn a_client_reads_the_facts_of_a_refusal_back() {
    for cause in samples() {
        let facts = serde_json::to_value(&cause).unwrap();
        assert_eq!(serde_json::from_value::<Cause>(facts).unwrap(), cause);
    }
}
