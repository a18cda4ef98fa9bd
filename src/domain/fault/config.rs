//! What is wrong with a configuration, or questionable about it, as facts. Where it is written, `config` knows; the words are those of
//! `wording`.

mod hint;
mod needed;

use serde::Serialize;

pub use self::hint::ConfigHint;
pub use self::needed::{Expected, Needed};
use crate::domain::env::Env;
use crate::domain::ids::{ServiceName, SurfaceName};
use crate::domain::plan::Misplacement;
use crate::domain::rule::Rule;

/// What is wrong with a value or a table of a configuration, or questionable about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the fields are the words of the glossary; `near` is what was probably meant, `machine` none: RMM's own"
)]
pub enum ConfigFault {
    /// The rule of a value that is checked elsewhere, too.
    Rule {
        rule: Rule,
    },

    // The file.
    NoFile,
    Unreadable {
        said: String,
    },
    NotUtf8 {
        line: usize,
    },
    NoFolder {
        said: String,
    },
    NotToml {
        said: String,
    },

    // Tables and their values.
    Unknown {
        what: Unknown,
        near: Option<String>,
        known: Vec<String>,
    },
    /// Part of the contract, and not in this version.
    Later {
        what: Later,
    },
    Missing {
        why: Needed,
    },
    WrongType {
        expected: Expected,
        found: String,
    },
    FromTo {
        least: i64,
        most: i64,
    },
    /// A duration is too long.
    MostDays {
        days: u64,
    },
    NoTime,
    LeastTime {
        least: String,
    },
    NegativeTime,
    NoDuration {
        text: String,
    },
    NoSize {
        text: String,
    },
    EmptyList,
    /// A key that is written and says nothing.
    EmptyKey,
    Choice {
        words: Vec<String>,
        near: Option<String>,
    },
    Unique {
        first: String,
    },
    LookAlike {
        one: String,
        other: String,
        first: String,
    },
    NotAmong {
        name: String,
        list: String,
        near: Option<String>,
    },
    BeforeQuery,
    NoLoginInAddress,
    /// A certificate goes with another key, and with HTTPS there.
    NotHttps {
        key: String,
    },
    NoNul,

    // Definitions of the dashboard.
    DefinitionTooLong {
        most: usize,
    },
    NotOfDefinition,
    NameStays {
        service: ServiceName,
    },
    OneTable,
    ServicesInline,

    // Secrets, files and certificates.
    SecretWritten,
    HeaderWritten,
    OutOfReach {
        folder: String,
    },
    SecretOfRmm,
    ShortSecret {
        least: usize,
    },
    VariableEmpty {
        name: String,
    },
    VariableUnset {
        name: String,
    },
    VariableNotText {
        name: String,
    },
    NoVariableNamed,
    NoFileNamed,
    ReadableByAll {
        path: String,
    },
    File {
        path: String,
        fault: FileFault,
    },
    NoCertificates,
    NotPem {
        number: usize,
    },
    DamagedCertificate {
        number: usize,
    },
    HoldsNoCertificate {
        only_key: bool,
    },
    TooManyCertificates {
        most: usize,
    },

    // RMM itself.
    ListenAddress,
    ProxyAddress,
    EveryProxy,
    NetworkMeant {
        network: String,
    },
    /// `hint`: there are others; without any, the machine knows none.
    NoTimeZone {
        name: String,
        near: Option<String>,
        others: bool,
    },
    Placeholder {
        name: String,
    },
    /// The number of a trace, or both times.
    PlaceholderOf {
        trace: String,
        from: String,
        to: String,
    },
    LogsKeep,
    OpenWithoutPipe,
    SendWithoutFile {
        placeholder: String,
    },
    UserName,
    /// A header of what is exported.
    HeaderName,
    Exporter {
        given: String,
    },
    SampleShare,
    Sampler {
        given: String,
    },
    Milliseconds,
    Protocol {
        given: String,
    },
    NothingAnalysed,
    ModelName,
    KeyOfModel,

    // People.
    Username,
    /// None: the username is that of such an account.
    SharedAccount {
        number: Option<String>,
    },
    NumberSaysMore,
    NameOfRecord,
    LoginIsName {
        login: String,
        owner: String,
        other: String,
    },
    NoAdmin,
    GithubLogin,

    // Hosts.
    AnyHost,
    LocalNotAmong,
    LocalIsRmm,
    LikeLocal {
        name: String,
    },
    NoHostUses {
        host: String,
    },
    NamesUser,
    NoBrackets,
    HostAddress,
    BothLogins,
    PassphraseAlone,
    PublicKey,
    Twice,
    TooManyKeys {
        most: usize,
    },
    JumpEmpty,
    JumpToItself,
    JumpToLocal,
    Circle {
        way: String,
    },
    LongWay {
        most: usize,
        way: String,
    },

    // GitHub.
    BesideToken,
    NoGithubToken,
    NoPrivateKey,
    NoRsaKey,
    ShortWebhookSecret {
        least: usize,
    },
    NeedsGithubLogin,
    AudienceForAll,
    TokenWithoutHttps,
    KeysWithoutHttps,
    GithubPage {
        api: String,
    },
    OtherGithubApi {
        api: String,
    },
    NoAudience,
    RuleOnStage,
    EnvironmentName,
    RuleWithoutCi,
    RuleWithoutApp,
    RuleWithoutRepository,
    RuleTaken {
        service: ServiceName,
    },

    // Telegram.
    NobodyInTelegram,
    NoBotToken,
    NoTemplates,
    WebhookWithoutUrl,
    WebhookSecret {
        least: usize,
        most: usize,
    },
    TopicAlone {
        chat: String,
    },
    SilentChat,
    ChatNumber,
    AnyFollowed,

    // Services.
    NoServices,
    WasIsThere {
        name: String,
    },
    WasTwice {
        name: String,
    },
    WorkflowWithoutGithub,
    WorkflowWithoutLogin,
    WorkflowWithoutRepository,
    RepositoryElsewhere {
        api: String,
    },
    TagsByCall,
    AtMostApprovers {
        count: usize,
    },
    NobodyApproves,
    NeverApproved,
    NoGithubOf {
        person: String,
    },
    Viewer {
        name: String,
    },
    AnySurface,
    RepositoryOnHosts,

    // Environments.
    /// None: neither environment of the service has it.
    OnlySsh {
        driver: Option<String>,
    },
    ReportsOfCi,
    ShortReportTimeout,
    WorkflowsOfCi,
    WorkflowOnStage,
    RollbackAlone,
    NoRollbackWorkflow,
    SameWorkflow,
    RunsOfRmm,
    WorkflowFile,

    // Surfaces.
    NoHosts,
    PathOnHost,
    ProjectDiffers {
        variable: String,
        other: String,
    },
    KeepsOfCompose,
    UpWithoutDown,
    DownWithoutUp,
    NoHealth,
    CheckoutWithoutRepository,
    ProjectName {
        most: usize,
    },
    VariableName,
    NoProbe,
    ProbeBeside {
        first: String,
    },
    AnswerWithoutUrl,
    ViaOfCommand,
    HttpsOnHost,
    TcpAddress,

    // Templates.
    NoTemplate {
        said: Option<String>,
    },
    TemplateFails {
        said: String,
    },
    Misplaced {
        placeholder: String,
        place: Misplacement,
    },
    MisplacedForSome {
        place: Misplacement,
    },

    // Places that two services share.
    CheckedOutBefore {
        earlier: Tenant,
        later: SurfaceName,
    },
    SameComposeFile {
        earlier: Tenant,
        later: SurfaceName,
    },
    /// `mistaken`: one would be taken for the other.
    SameAddress {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        addresses: Vec<String>,
        mistaken: bool,
    },
    SamePort {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        port: u16,
        shared: bool,
    },
    FolderOfSystem {
        path: String,
    },
    FolderOfUser {
        path: String,
    },
    FolderOfRuns {
        path: String,
    },
    FolderOfRmm {
        of: Tenant,
        folder: String,
        how: OwnFolder,
    },
    SameFolder {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        folder: String,
    },
    InFolderOf {
        one: Tenant,
        of: Tenant,
        machine: Option<String>,
        folder: String,
    },
    /// RMM checks nothing out there.
    OneFolder {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        folder: String,
    },
    InsideCheckout {
        inner: Tenant,
        outer: Tenant,
        machine: Option<String>,
    },
    FolderNamesProject {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        name: String,
    },
    SameProject {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        name: String,
    },
    SameStack {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        name: String,
    },
    SameContainer {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        name: String,
    },
    NameUnknown {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        of: Named,
        from: String,
    },
    ProjectByFolder {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
    },
    UnreadProject {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        command: String,
    },
    UnreadContainer {
        one: Tenant,
        other: Tenant,
        machine: Option<String>,
        command: String,
    },
}

/// What is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unknown {
    Key,
    Override,
    Surface,
    Variable(String),
}

/// What comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Later {
    /// Sign-offs by groups of people.
    Groups,
    /// An environment for every candidate.
    Previews,
}

/// Why a file says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum FileFault {
    Missing,
    Unreadable(String),
    ByLink,
    /// A link leads to itself.
    LinkLoop,
    NotRegular,
    TooLarge(u64),
    NotUtf8,
    Empty,
    /// Neither a regular file nor small enough.
    NoSmallFile(u64),
    NotPem,
}

/// How a folder meets RMM's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnFolder {
    /// It is in the data directory, or that directory.
    InData,
    /// The data directory is in it.
    HasData,
    /// The configuration is in it.
    HasConfiguration,
}

/// What a name for the whole machine is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Named {
    Project,
    Stack,
    Container,
}

/// A surface where RMM runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// Its name.
    pub surface: SurfaceName,
    /// Its service.
    pub service: ServiceName,
    /// Where it runs.
    pub environment: Env,
}

impl From<Rule> for ConfigFault {
    fn from(rule: Rule) -> Self {
        Self::Rule { rule }
    }
}

impl ConfigFault {
    /// A key is missing that is needed for this.
    #[must_use]
    pub const fn missing(why: Needed) -> Self {
        Self::Missing { why }
    }
}
