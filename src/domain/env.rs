//! Which environment of a service is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::ids::ReleaseId;
use super::rule::Rule;

/// The name of an environment: `stage`, `production`, or `preview-12`, the preview of release 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Env {
    /// Where one candidate can be looked at by itself.
    Preview(ReleaseId),
    /// Where candidates are deployed, rehearsed and tested.
    Stage,
    /// Where users are.
    Production,
}

impl Env {
    /// The environments that every service has, in the order in which a release comes to them.
    pub const LASTING: [Self; 2] = [Self::Stage, Self::Production];

    /// Whether it is there for one release only; its runs move no release.
    #[must_use]
    pub const fn is_preview(self) -> bool {
        matches!(self, Self::Preview(_))
    }
}

impl fmt::Display for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preview(release) => f.pad(&format!("preview-{}", release.0)),
            Self::Stage => f.pad("stage"),
            Self::Production => f.pad("production"),
        }
    }
}

impl From<Env> for String {
    fn from(env: Env) -> Self {
        env.to_string()
    }
}

impl TryFrom<String> for Env {
    type Error = Rule;

    fn try_from(text: String) -> Result<Self, Rule> {
        text.parse()
    }
}

impl FromStr for Env {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        match text {
            "stage" => Ok(Self::Stage),
            "production" => Ok(Self::Production),
            _ => text
                .strip_prefix("preview-")
                .and_then(|number| number.parse().ok())
                .map(|number| Self::Preview(ReleaseId(number)))
                .filter(|env| env.to_string() == text)
                .ok_or(Rule::Environment),
        }
    }
}

impl utoipa::PartialSchema for Env {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^(stage|production|preview-[0-9]+)$"))
            .description(Some("The name of an environment: the preview of a release has the release's number in it."))
            .into()
    }
}

impl utoipa::ToSchema for Env {}
