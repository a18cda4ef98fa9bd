//! What to do about a configuration that is wrong, where that is not obvious.

use serde::Serialize;

use super::Tenant;
use crate::domain::plan::Misplacement;

/// What to do about what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names and their faults say it")]
pub enum ConfigHint {
    /// This is to be written.
    Write {
        text: String,
    },
    /// The key takes its secret from somewhere.
    Secret {
        key: String,
    },
    Header {
        name: String,
    },
    BeginServices,
    TakeOver,
    SecretBelow,
    Certificates,
    OnlyServer,
    NoNamesOfProxies,
    NoTimeZones,
    // Where a login in an address belongs.
    LoginOfServer,
    LoginOfGithub,
    LoginOfIssuer,
    LoginOfModel,
    LoginOfBot,
    LoginOfCollector,
    LoginOfHealth,
    LoginOfRepository,
    // People and hosts.
    OtherName,
    OtherHost,
    OtherPerson,
    OwnNumber,
    NumberIsBetter,
    LocalDriver,
    LocalThere,
    UserIsKey,
    PrivateKey,
    HostKey,
    Jump,
    // GitHub and Telegram.
    OneLogin,
    GithubToken,
    GithubKey,
    RandomSecret,
    IdTokens,
    GithubTable,
    AddressOnHost,
    AppKeys,
    OwnEnvironments,
    BotToken,
    Polling,
    // Services.
    DriverSsh,
    RunTimeout,
    DriverCi,
    PushedTag,
    Workflow,
    ReportTimeout,
    WorkflowFile,
    HostsOfSurface,
    FolderOfFile,
    OneProject,
    MigrateDown,
    MigrateUp,
    RepositoryOrNone,
    ViaRmm,
    Template {
        place: Misplacement,
    },
    // Places that two services share.
    OwnFolder,
    OwnValue {
        key: String,
        of: Tenant,
    },
    NameByEnvironment,
    NameOfOthers,
    PreserveProject {
        variable: String,
    },
}
