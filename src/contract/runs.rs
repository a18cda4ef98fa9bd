//! Runs, their steps and their output; plans.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Word, known};
use crate::domain::command::Resolution;
use crate::domain::content::Content;
use crate::domain::env::Env;
use crate::domain::reason::Reason;
use crate::domain::run::{RunKind, StepKind};
use crate::domain::timing::Timing;
use crate::domain::version::Version;

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunView {
    /// Its number.
    pub id: i64,
    /// The release.
    pub release: i64,
    /// The attempt of the release.
    pub attempt: u32,
    /// Where.
    #[schema(value_type = Env)]
    pub environment: Word<Env>,
    /// What for.
    #[schema(value_type = RunKind)]
    pub kind: Word<RunKind>,
    /// Its end moves no release.
    pub housekeeping: bool,
    /// What its release would bring when it was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What the environment ran before; of a rehearsal: what is gone back to.
    pub from: Option<Version>,
    /// What it should run afterwards.
    pub to: Version,
    /// `queued`, `running`, `succeeded`, `failed`, `stopped` or `unknown`.
    pub state: String,
    /// The sentence that goes with it.
    pub reason: Option<String>,
    /// The facts that `reason` tells in words, with a `code`; `legacy` for a sentence from before there were facts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<Reason>,
    /// Why it does not get on at the moment.
    pub waiting: Option<String>,
    /// The facts that `waiting` tells in words, with a `code`; `legacy` for a sentence from before there were facts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub waiting_because: Option<Reason>,
    /// A CI system is to do it, and has not said yet that it has begun.
    #[serde(default)]
    pub waits_for_ci: bool,
    /// It is being ended early.
    pub stopping: bool,
    /// The hosts that it went on without, because they did not answer, each with what was heard of it last.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, String>,
    /// The CI run that does the work.
    pub ci_run: Option<String>,
    /// Where people can look at it, where RMM has started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_url: Option<String>,
    /// What is done, in order.
    pub steps: Vec<StepView>,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl RunView {
    /// It may still print something.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "running")
    }
}

/// A step of a run or of a plan.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StepView {
    /// Its place, from 0.
    pub index: u32,
    /// What it does.
    #[schema(value_type = StepKind)]
    pub kind: Word<StepKind>,
    /// The surface.
    pub surface: String,
    /// The release whose code it is about.
    pub about: i64,
    /// Where it is executed.
    pub host: String,
    /// Steps of one wave run side by side.
    #[serde(default)]
    #[schema(required = true)]
    pub wave: u32,
    /// The command, or what a health check asks.
    pub command: String,
    /// Where the command runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The compose project that the command runs with; a host whose containers in this folder run under another name
    /// keeps that one, unless the configuration has chosen this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Its time limit, or the schedule of a health check, for people.
    pub limit: String,
    /// The facts that `limit` tells in words, with a `code`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub timing: Option<Timing>,
    /// `pending`, `running`, `succeeded`, `failed`, `stopped`, `unknown` or `skipped`.
    pub state: String,
    /// The exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The sentence that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The facts that `reason` tells in words, with a `code`; `legacy` for a sentence from before there were facts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<Reason>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl StepView {
    /// What it does, in words.
    #[must_use]
    pub fn title(&self) -> String {
        self.kind.known().map_or_else(|| self.kind.to_string().replace('_', " "), |kind| kind.title().to_owned())
    }
}

/// Which plan.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskPlan {
    /// `stage` or `production`; production without it.
    pub environment: Option<String>,
}

/// The steps that would bring an environment to a release, and those that would take it back
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlanView {
    /// Where.
    #[schema(value_type = Env)]
    pub environment: Word<Env>,
    /// `local` or `ci`.
    pub driver: String,
    /// What runs there now.
    pub from: Option<Version>,
    /// To the release; empty where it runs already.
    pub deploy: Vec<StepView>,
    /// Where the way back leads: to what runs there now, or where the release runs already, to the good version before.
    pub back_to: Option<Version>,
    /// Back from it.
    pub rollback: Vec<StepView>,
}

/// From where on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReadOutput {
    /// `next` of the answer before.
    pub after: Option<i64>,
}

/// Output of a run.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunOutput {
    /// Pieces in the order in which they came.
    pub pieces: Vec<PieceView>,
    /// Where to go on.
    pub next: i64,
    /// Nothing more will come: the run has ended and this was all.
    pub ended: bool,
    /// When the output was deleted, because it was older than RMM keeps it (`[logs] keep`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
}

/// A piece of the output of a step.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PieceView {
    /// Grows with time.
    pub id: i64,
    /// The step.
    pub step: i64,
    /// Which try of a health check by command; 0 for everything else.
    #[serde(rename = "try")]
    pub attempt: i64,
    /// Bytes that were left out before this piece, because there was too much.
    pub dropped_before: u64,
    /// The output; what is not text is replaced.
    pub text: String,
    /// The same in hexadecimal, where it is not UTF-8 (a character may be cut in two between pieces).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
}

/// What the stream is about.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskStream {
    /// Only this release.
    pub release: Option<i64>,
    /// Only this service.
    pub service: Option<String>,
    /// From this place on, as `Last-Event-ID` has it; `0-0` from the beginning. Without either, from now on.
    pub from: Option<String>,
}

/// A piece of output on the stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PrintedView {
    /// The run.
    pub run: i64,
    /// The step.
    pub step: i64,
    /// Which try of a health check by command; 0 for everything else.
    #[serde(rename = "try")]
    pub attempt: i64,
    /// The output; what is not text is replaced.
    pub text: String,
    /// The same in hexadecimal, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
}

/// Output that is not UTF-8, in hexadecimal; none for text.
#[must_use]
pub fn hex_of(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| hex::encode(bytes))
}

/// The output byte for byte, of a piece's `text` and `hex`.
#[must_use]
pub fn bytes_of(text: &str, hex: Option<&str>) -> Vec<u8> {
    hex.and_then(|hex| hex::decode(hex).ok()).unwrap_or_else(|| text.as_bytes().to_vec())
}

/// What an admin has found out about a run.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveRun {
    /// `succeeded` (or: repaired by hand), `failed`, or `again`.
    pub verdict: Resolution,
    /// How the admin knows.
    #[serde(default)]
    pub reason: String,
}
