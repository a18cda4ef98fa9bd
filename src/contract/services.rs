//! Services, their environments, and the people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ReleaseView, RunView, Word, known};
use crate::domain::env::Env;
use crate::domain::person::Role;
use crate::domain::reason::Reason;
use crate::domain::version::Version;

/// A service, and what runs where.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// Where its code is.
    pub repository: Option<String>,
    /// It is not in the configuration any more: what is under way ends, and nothing new begins.
    #[serde(default)]
    #[schema(required = true)]
    pub retired: bool,
    /// It is retired only because its definition in the dashboard does not hold any more.
    #[serde(default)]
    #[schema(required = true)]
    pub put_aside: bool,
    /// Its surfaces, in deploy order.
    pub surfaces: Vec<String>,
    /// Who is listed as approver.
    pub approvers: Vec<String>,
    /// How many of them are needed.
    pub minimum: usize,
    /// Its environments, in the order in which a release comes to them.
    #[serde(default)]
    #[schema(required = true)]
    pub environments: Vec<NamedEnvironmentView>,
    /// Stage, as among `environments`.
    pub stage: EnvironmentView,
    /// Production, as among `environments`.
    pub production: EnvironmentView,
}

impl ServiceView {
    /// The environments that this version knows, with their names. An older RMM has no list of them.
    #[must_use]
    pub fn environments(&self) -> Vec<(Env, &EnvironmentView)> {
        if self.environments.is_empty() {
            return vec![(Env::Stage, &self.stage), (Env::Production, &self.production)];
        }
        self.environments.iter().filter_map(|named| Some((named.name.parse().ok()?, &named.environment))).collect()
    }
}

/// An environment with its name.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NamedEnvironmentView {
    /// `stage` or `production`; other versions may have more.
    pub name: String,
    /// The environment.
    #[serde(flatten)]
    pub environment: EnvironmentView,
}

/// An environment of a service.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EnvironmentView {
    /// `local`, `ssh` or `ci`.
    pub driver: String,
    /// What it runs.
    pub runs: Option<Version>,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Nothing is deployed here until an admin unlocks.
    pub lock: Option<LockView>,
    /// Hosts that a rollback went on without, because they did not answer, and that no run has brought to `runs` since.
    #[serde(default)]
    #[schema(required = true)]
    pub left: Vec<LeftHostView>,
    /// A rollback failed: the environment needs repair, and nothing more is deployed here until `resolve` of the run.
    pub dirty: Option<DirtyView>,
    /// What it runs is not known: nothing is deployed here, and `runs` is only what RMM has on record, until an admin
    /// says it (`settle`).
    pub unknown: Option<UnknownView>,
}

/// A lock.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LockView {
    /// Why.
    pub reason: String,
    /// The facts that `reason` tells in words.
    #[serde(default, deserialize_with = "known")]
    #[schema(value_type = Object, required = true)]
    pub because: Option<Reason>,
    /// Who.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A failed rollback.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DirtyView {
    /// The run that failed.
    pub run: i64,
    /// What the environment must run to be repaired, where that is known.
    #[serde(default)]
    #[schema(required = true)]
    pub to: Option<Version>,
    /// Why.
    pub reason: String,
    /// The facts that `reason` tells in words.
    #[serde(default, deserialize_with = "known")]
    #[schema(value_type = Object, required = true)]
    pub because: Option<Reason>,
}

/// A host of which it is not known what it runs.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LeftHostView {
    /// Its name.
    pub host: String,
    /// The run that went on without it.
    pub run: i64,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// What was heard of it last.
    pub reason: String,
    /// The facts that `reason` tells in words.
    #[serde(default, deserialize_with = "known")]
    #[schema(value_type = Object, required = true)]
    pub because: Option<Reason>,
    /// The version that it may still run.
    pub may_run: Version,
    /// An admin has given it up; else it is caught up when it returns, if `rmm.toml` names it.
    pub given_up: bool,
    /// `rmm.toml` names it.
    pub configured: bool,
}

/// Why it is not known what an environment runs, or why another copy of the database must be at work.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UnknownView {
    /// Why.
    pub reason: String,
    /// The facts that `reason` tells in words.
    #[serde(default, deserialize_with = "known")]
    #[schema(value_type = Object, required = true)]
    pub because: Option<Reason>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A service with what is on the way.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceDetails {
    /// The service itself.
    #[serde(flatten)]
    pub service: ServiceView,
    /// The definition as RMM uses it.
    pub definition: serde_json::Value,
    /// The releases that wait for production, in their order.
    pub queue: Vec<ReleaseView>,
    /// The release that occupies stage.
    pub on_stage: Option<ReleaseView>,
    /// Runs that are under way or cannot be judged.
    pub runs: Vec<RunView>,
    /// Another RMM that works with a copy of this database was met, here or in another service, and no admin has
    /// looked yet (`settle`).
    pub another_copy: Option<UnknownView>,
    /// The good versions, newest first.
    pub good_versions: Vec<GoodVersionView>,
}

/// A version that one can go back to.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GoodVersionView {
    /// The version itself.
    #[serde(flatten)]
    pub version: Version,
    /// When production came to it.
    #[schema(value_type = String, format = DateTime)]
    pub deployed_at: Timestamp,
}

/// Why production is locked.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockService {
    /// Why; shown to all who wait.
    pub reason: String,
}

/// How a service is defined.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DefinitionView {
    /// The service.
    pub service: String,
    /// It is defined in the dashboard, and not in `rmm.toml`.
    pub in_dashboard: bool,
    /// As RMM understands it, as TOML and without secrets; none: it is put aside.
    pub text: Option<String>,
    /// As it was written in the dashboard.
    pub written: Option<String>,
    /// The revision in which it was written there; a change names it. 0: it is not defined there.
    pub revision: i64,
    /// Why it is put aside: it does not hold beside `rmm.toml`.
    pub problem: Option<String>,
    /// What is questionable about what was sent.
    #[serde(default)]
    #[schema(required = true)]
    pub warnings: Vec<String>,
    /// How it changed, the newest first.
    #[serde(default)]
    #[schema(required = true)]
    pub revisions: Vec<DefinitionRevisionView>,
}

/// How a service was defined from some time on.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DefinitionRevisionView {
    /// Counts the changes of the service, from 1.
    pub number: i64,
    /// When RMM read it.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who made it; none: it was read from `rmm.toml`.
    pub by: Option<String>,
    /// As RMM understood it; empty: the service was removed from the dashboard.
    pub text: String,
    /// As it was written in the dashboard.
    pub written: Option<String>,
}

/// The definition of a service, for the dashboard.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefineService {
    /// One `[[services]]` table, as in `rmm.toml`.
    pub text: String,
    /// The revision that it was made from; 0 or none: there is no definition yet.
    #[serde(default)]
    pub revision: i64,
    /// Only say what would come of it.
    #[serde(default)]
    pub check: bool,
}

/// Which definition is removed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RemoveService {
    /// The revision that was seen; without it, whatever there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// A host that is given up.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveUpHost {
    /// `stage` or `production`.
    pub environment: Env,
    /// Its name.
    pub host: String,
    /// Why; it goes on the record.
    pub reason: String,
}

/// A host that is to be caught up.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CatchUpHost {
    /// `stage` or `production`.
    pub environment: Env,
    /// Its name.
    pub host: String,
}

/// What an admin says that an environment runs: a release, nothing, or what RMM has on record.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleService {
    /// `stage` or `production`.
    pub environment: Env,
    /// What was found there.
    pub runs: FoundThere,
    /// The release, for `release`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<i64>,
    /// How it is known.
    #[serde(default)]
    pub reason: String,
}

/// What was found in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundThere {
    /// The release that is named.
    Release,
    /// Nothing, or nothing that RMM knows of: the next release is deployed as a first one.
    Nothing,
    /// What RMM has on record.
    Recorded,
}

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PersonView {
    /// Their name.
    pub name: String,
    /// What they may do at most.
    #[schema(value_type = Role)]
    pub role: Word<Role>,
    /// Their number in Telegram: that of the configuration, or the one that an admin has confirmed.
    pub telegram_id: Option<i64>,
    /// Their username in the configuration, by which they may claim to be this person.
    #[serde(default)]
    #[schema(required = true)]
    pub telegram: Option<String>,
    /// The admin who has confirmed the number.
    #[serde(default)]
    #[schema(required = true)]
    pub confirmed_by: Option<String>,
    /// Accounts that claim to be this person, and that no admin has confirmed or refused yet.
    #[serde(default)]
    #[schema(required = true)]
    pub claims: Vec<ClaimView>,
    /// Their login on GitHub.
    pub github: Option<String>,
    /// The services where the person is listed as approver.
    pub approves: Vec<String>,
}

/// An account in Telegram that claims to be a person.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClaimView {
    /// Its number.
    pub telegram_id: i64,
    /// Its username, without `@`.
    pub username: Option<String>,
    /// What its owner is called in Telegram.
    pub name: String,
    /// Since when it claims so, where that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
}
