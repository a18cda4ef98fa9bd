//! What is in the way of a command that is refused, as facts.

mod code;

pub use code::Code;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::env::Env;
use super::gate::name::GateName;
use super::ids::{Commit, HostName, PersonName, ReleaseId, Revision, RunId, ServiceName};
use super::moves::Move;
use super::reason::Reason;
use super::right::{Right, Role};
use super::rule::Invalid;
use super::status::Status;
use super::version::Version;

/// What is in the way of a command, as facts. The words for them are those of `wording`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the words of the glossary")]
pub enum Cause {
    /// A field breaks its rule.
    Invalid(Invalid),
    /// Another click or request has done it.
    TakenAlready,
    /// The command is about a service, and none was named.
    NeedsService,

    // What is not there.
    NoRelease {
        release: ReleaseId,
    },
    NoRun {
        run: RunId,
    },
    NoService {
        service: ServiceName,
        /// What was probably meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        near: Option<String>,
    },
    NoEnvironment {
        environment: Env,
        service: ServiceName,
    },
    NoHost {
        host: HostName,
        known: Vec<String>,
        /// What was probably meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        near: Option<String>,
    },
    /// No token that is valid has this name.
    NoToken {
        name: String,
        /// What was probably meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        near: Option<String>,
    },
    /// What a button was made for is gone.
    NothingThere,
    StepNotAtWork {
        run: RunId,
        step: u32,
    },
    /// The record was not changed behind RMM's back, or that is acknowledged.
    NoRecordAlarm,

    // Who calls.
    /// The call shows no token.
    CallWithoutToken,
    /// What it shows is not in the form of a token.
    NoBearer,
    TokenUnknown,
    /// It was known when the call began.
    TokenForgotten,
    IdTokenOver,
    TokenRevoked {
        at: Timestamp,
    },
    TokenExpired {
        at: Timestamp,
    },
    /// The person who vouches for it is no admin any more.
    TokenOrphaned {
        token: String,
        owner: String,
    },
    /// A newer RMM has made it.
    TokenRoleUnknown,
    /// The person for whom it speaks is not in the configuration any more.
    TokenPersonGone {
        person: PersonName,
    },

    // Rights.
    /// The role does not have the right.
    RoleTooLow {
        who: String,
        role: Role,
        right: Right,
    },
    /// The token is not valid for the service.
    OtherServices {
        service: ServiceName,
        valid_for: Vec<ServiceName>,
    },
    /// The token is limited, so that a service has to be named.
    NameAService {
        valid_for: Vec<ServiceName>,
    },
    /// The token is limited, and this concerns all services.
    AllServices {
        valid_for: Vec<ServiceName>,
    },
    /// An actor who could do it could act as any person.
    OperatorOnly,
    /// A vote needs a person.
    NotAPerson,
    /// Services are defined by people.
    NoEditor,
    /// The configuration says that services are not edited in the dashboard.
    EditingOff,
    NotListed {
        person: PersonName,
        service: ServiceName,
        listed: Vec<PersonName>,
    },
    SelfApproval {
        person: PersonName,
        release: ReleaseId,
        service: ServiceName,
    },

    // What has changed meanwhile, or has no arrow.
    StaleRevision {
        release: ReleaseId,
        seen: Revision,
        now: Revision,
        status: Status,
    },
    LockChanged,
    /// The definition was changed, or removed, since it was looked at.
    DefinitionChanged {
        service: ServiceName,
        /// By whom, where that is known.
        by: Option<String>,
        /// It is gone.
        #[serde(default)]
        gone: bool,
    },
    /// It stands in `rmm.toml`.
    DefinedInFile {
        service: ServiceName,
    },
    /// It is not defined in the dashboard.
    NotInDashboard {
        service: ServiceName,
    },
    /// A service goes when nothing of it is under way.
    ServiceBusy {
        service: ServiceName,
        release: ReleaseId,
    },
    ServiceRetired {
        service: ServiceName,
    },
    /// Its definition in the dashboard does not hold any more.
    ServiceAside {
        service: ServiceName,
    },
    /// The life cycle has no such move from here.
    Illegal {
        release: ReleaseId,
        title: String,
        status: Status,
        reason: Option<Reason>,
        wanted: Move,
        /// What its rollback waits for.
        waiting: Option<Reason>,
    },
    /// The vote opens later.
    VoteNotOpen {
        release: ReleaseId,
        status: Status,
    },
    VoteClosed {
        release: ReleaseId,
        status: Status,
    },
    RunEnding {
        run: RunId,
    },
    /// People test what is there.
    ArtifactsTested {
        release: ReleaseId,
        status: Status,
    },
    /// Stage has been planned with the artifacts that were known.
    ArtifactsPlanned {
        release: ReleaseId,
        status: Status,
    },
    GatesUnmet {
        release: ReleaseId,
        title: String,
    },
    /// What is to be skipped does not stand in the way.
    GatesMet {
        release: ReleaseId,
        title: String,
        gates: Vec<GateName>,
    },

    // The same tag or CI run.
    CiRunTaken {
        ci_run: String,
        release: ReleaseId,
        title: String,
    },
    OnItsWay {
        title: String,
        release: ReleaseId,
        status: Status,
        started_by: Option<String>,
        asked_by: Option<String>,
    },
    /// The same CI run again, and the release has ended.
    AlreadyEnded {
        release: ReleaseId,
        title: String,
        status: Status,
    },
    /// The claim of a caller that the tag has moved is not enough.
    TagClaimed {
        release: ReleaseId,
        title: String,
        was: Commit,
        now: Commit,
    },
    /// The tag has moved while production is brought to what it meant.
    TagMovedTooLate {
        title: String,
        now: Commit,
        release: ReleaseId,
        status: Status,
    },
    /// The repository could not be asked whether the tag has moved.
    TagUnchecked {
        tag: String,
        why: Reason,
    },

    // Reports of CI systems.
    NotForCi {
        status: Status,
    },
    RunByRmm {
        environment: Env,
        service: ServiceName,
    },
    /// The CI run that reports belongs to a release of another service.
    ReportOfOtherService {
        release: ReleaseId,
        reported_by: String,
    },
    /// The CI run that reports is not the one that RMM has started.
    ReportOfOtherRun {
        release: ReleaseId,
        reported_by: String,
        workflow: String,
    },
    /// GitHub cannot say yet whether the CI run that reports is the one that RMM has started.
    ReporterNotKnown {
        release: ReleaseId,
        reported_by: String,
        workflow: String,
    },
    /// The CI run that reports belongs to another release.
    ReportOfOther {
        release: ReleaseId,
        reported_by: String,
        of: ReleaseId,
        title: String,
    },
    /// The production run of the release is over, another release's came after it, and nothing shows that this CI run
    /// is the one that has reported it.
    ReportAfterOther {
        release: ReleaseId,
        reported_by: String,
        by: ReleaseId,
    },
    StaleReport {
        release: ReleaseId,
        ci_run: String,
        attempt: u32,
        reported_by: String,
    },
    DoesNotFollow {
        release: ReleaseId,
        status: Status,
        reason: Option<Reason>,
        reported: Status,
    },
    NothingUnderWay {
        release: ReleaseId,
        environment: Env,
    },
    StageDirty {
        run: RunId,
        reason: Reason,
    },
    StageLost {
        run: RunId,
        release: ReleaseId,
    },
    StageTaken {
        release: ReleaseId,
        title: String,
        status: Status,
    },
    StageTakenByRun {
        run: RunId,
    },
    TakenByRun {
        environment: Env,
        run: RunId,
        release: ReleaseId,
        state: String,
    },

    // Production and the ways back.
    BeingDeployed {
        release: ReleaseId,
    },
    NotInProduction {
        service: ServiceName,
        current: Version,
        release: ReleaseId,
        title: String,
    },
    ProductionBusy {
        release: ReleaseId,
        status: Status,
    },
    /// It is not known how a run in production ended.
    ProductionLost {
        run: RunId,
        release: ReleaseId,
        deploying: bool,
    },
    /// The last rollback in production failed.
    ProductionDirty {
        run: RunId,
        reason: Reason,
    },
    /// It is not known how the run ended that is to be ended; `force` ends it all the same.
    MayBeAtWork {
        run: RunId,
        release: ReleaseId,
    },
    /// None: there is no good version before the release.
    NoGoodVersion {
        wanted: Option<String>,
        title: String,
        known: Vec<Version>,
    },
    NoWayBack {
        reason: Reason,
    },

    // What an admin settles.
    EnvironmentUnknown {
        environment: Env,
        service: ServiceName,
        reason: Reason,
    },
    /// It is known what the environment runs.
    KnownAlready {
        environment: Env,
        service: ServiceName,
        another_copy: bool,
    },
    RunAtWork {
        run: RunId,
        environment: Env,
    },
    NeedsRepair {
        environment: Env,
        run: RunId,
        reason: Reason,
    },
    /// That it failed is known; its environment is to be repaired.
    FailedAlready {
        run: RunId,
        to: Version,
    },
    NothingToResolve {
        run: RunId,
        state: String,
    },
    /// The release has ended, so that no CI system reports about it any more.
    CiReportsNoMore {
        release: ReleaseId,
        environment: Env,
    },
    /// The commands of its definition have changed since it was approved.
    ContentChanged {
        release: ReleaseId,
        run: RunId,
    },
    NoPlan {
        reason: Reason,
    },
    NotLeftBehind {
        host: HostName,
        environment: Env,
    },
    HostNotNamed {
        host: HostName,
        environment: Env,
        service: ServiceName,
    },
    NothingToCatchUp {
        environment: Env,
    },
    BroughtByCi {
        environment: Env,
    },
    NothingToGiveUp {
        host: HostName,
        environment: Env,
    },
    /// The run brings the environment forward, and needs the host.
    NeedsHost {
        run: RunId,
        environment: Env,
        host: HostName,
        release: ReleaseId,
        way_out: Move,
    },

    // Keys of hosts.
    /// RMM's own machine has none.
    NoKeyNeeded,
    KeyPinned {
        host: HostName,
        pinned: Vec<String>,
    },
    KeyNotShown {
        host: HostName,
        address: String,
        why: Reason,
    },
    KeyNeverSeen {
        host: HostName,
        address: String,
    },
    KeyDiffers {
        host: HostName,
        shown: String,
        wanted: String,
        compare: String,
    },

    // Accounts in Telegram.
    ClaimConfirmed {
        user: i64,
        person: PersonName,
        by: String,
    },
    NoClaim {
        user: i64,
        person: PersonName,
    },
    ClaimRefused {
        user: i64,
        person: PersonName,
    },
    SeveralClaims {
        person: PersonName,
        users: Vec<i64>,
    },
    /// No account claims to be this person, or the account with this number claims nothing.
    NobodyClaims {
        who: String,
        /// What was probably meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        near: Option<String>,
    },
    /// The configuration has the number of this person.
    NumberConfigured {
        person: PersonName,
        user: i64,
    },
}

impl Cause {
    /// The stable code that it is answered with.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Invalid(_) | Self::TakenAlready | Self::NeedsService => Code::Invalid,
            Self::NoRelease { .. }
            | Self::NoRun { .. }
            | Self::NoService { .. }
            | Self::NoEnvironment { .. }
            | Self::NoHost { .. }
            | Self::NoToken { .. }
            | Self::NothingThere
            | Self::NotInDashboard { .. }
            | Self::NobodyClaims { .. }
            | Self::StepNotAtWork { .. }
            | Self::NoRecordAlarm => Code::NotFound,
            Self::CallWithoutToken
            | Self::NoBearer
            | Self::TokenUnknown
            | Self::TokenForgotten
            | Self::IdTokenOver
            | Self::TokenRevoked { .. }
            | Self::TokenExpired { .. }
            | Self::TokenOrphaned { .. }
            | Self::TokenRoleUnknown => Code::Unauthorized,
            Self::TokenPersonGone { .. }
            | Self::RoleTooLow { .. }
            | Self::OtherServices { .. }
            | Self::NameAService { .. }
            | Self::AllServices { .. }
            | Self::OperatorOnly
            | Self::NotAPerson
            | Self::NoEditor
            | Self::EditingOff => Code::Forbidden,
            Self::NotListed { .. } => Code::NotListed,
            Self::SelfApproval { .. } => Code::SelfApproval,
            Self::StaleRevision { .. } | Self::LockChanged | Self::DefinitionChanged { .. } => Code::StaleRevision,
            Self::DefinedInFile { .. } => Code::DefinedInFile,
            Self::ServiceBusy { .. } => Code::ServiceBusy,
            Self::ServiceRetired { .. } => Code::ServiceRetired,
            Self::ServiceAside { .. } => Code::ServiceAside,
            Self::Illegal { .. }
            | Self::DoesNotFollow { .. }
            | Self::NothingUnderWay { .. }
            | Self::GatesMet { .. }
            | Self::BeingDeployed { .. }
            | Self::NeedsHost { .. } => Code::IllegalTransition,
            Self::VoteNotOpen { .. } | Self::VoteClosed { .. } => Code::VoteClosed,
            Self::RunEnding { .. } => Code::RunEnding,
            Self::ArtifactsTested { .. } | Self::ArtifactsPlanned { .. } => Code::ArtifactsFixed,
            Self::GatesUnmet { .. } => Code::GatesUnmet,
            Self::CiRunTaken { .. } | Self::OnItsWay { .. } => Code::AlreadyActive,
            Self::TagClaimed { .. } | Self::TagMovedTooLate { .. } | Self::TagUnchecked { .. } => Code::TagMoved,
            Self::NotForCi { .. } | Self::RunByRmm { .. } => Code::NotReportedByCi,
            Self::AlreadyEnded { .. } => Code::AlreadyEnded,
            Self::StaleReport { .. }
            | Self::ReportOfOther { .. }
            | Self::ReportOfOtherRun { .. }
            | Self::ReportAfterOther { .. }
            | Self::ReportOfOtherService { .. } => Code::StaleReport,
            Self::ReporterNotKnown { .. } => Code::ReporterNotKnown,
            Self::StageDirty { .. } => Code::StageDirty,
            Self::StageLost { .. }
            | Self::StageTaken { .. }
            | Self::StageTakenByRun { .. }
            | Self::TakenByRun { .. } => Code::StageBusy,
            Self::NotInProduction { .. } => Code::NotInProduction,
            Self::ProductionBusy { .. } | Self::ProductionDirty { .. } => Code::ProductionBusy,
            Self::ProductionLost { .. } | Self::MayBeAtWork { .. } => Code::RunUnknown,
            Self::NoGoodVersion { .. } | Self::NoWayBack { .. } => Code::NoGoodVersion,
            Self::EnvironmentUnknown { .. } => Code::EnvironmentUnknown,
            Self::RunAtWork { environment, .. } | Self::NeedsRepair { environment, .. } => match environment {
                Env::Preview(_) | Env::Stage => Code::StageBusy,
                Env::Production => Code::ProductionBusy,
            },
            Self::KnownAlready { .. }
            | Self::FailedAlready { .. }
            | Self::NothingToResolve { .. }
            | Self::CiReportsNoMore { .. }
            | Self::NoPlan { .. }
            | Self::NotLeftBehind { .. }
            | Self::HostNotNamed { .. }
            | Self::NothingToCatchUp { .. }
            | Self::BroughtByCi { .. }
            | Self::NothingToGiveUp { .. }
            | Self::ClaimConfirmed { .. }
            | Self::NoClaim { .. }
            | Self::ClaimRefused { .. }
            | Self::SeveralClaims { .. }
            | Self::NumberConfigured { .. } => Code::NothingToResolve,
            Self::ContentChanged { .. } => Code::ContentChanged,
            Self::NoKeyNeeded => Code::NothingToTrust,
            Self::KeyPinned { .. } => Code::KeyPinned,
            Self::KeyNotShown { .. } | Self::KeyNeverSeen { .. } => Code::KeyNotSeen,
            Self::KeyDiffers { .. } => Code::KeyDiffers,
        }
    }
}
