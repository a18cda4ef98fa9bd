//! An artifact: what CI built for one surface of a release.

use serde::{Deserialize, Serialize};

use super::ids::SurfaceName;

/// What CI built for one surface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The surface.
    #[schema(value_type = String)]
    pub name: SurfaceName,
    /// Where the artifact is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where people can try it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<String>,
}
