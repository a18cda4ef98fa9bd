//! Tokens of the API.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::person::Role;

/// A new token.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// What it is called; unique among those that are valid. Only a token that speaks for a person may have their name.
    pub name: String,
    /// What it may do at most.
    pub role: Role,
    /// The services it is limited to, beyond which it has no right; all without them.
    #[serde(default)]
    pub services: Vec<String>,
    /// The person it speaks for.
    #[serde(default)]
    pub person: Option<String>,
    /// When it stops being valid.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// The token, shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CreatedToken {
    /// What it is called.
    pub name: String,
    /// Only its hash is kept.
    pub token: String,
    /// When the bot tells the person for whom it speaks; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<ToldView>,
}

/// When the bot tells a person that something was made in their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToldView {
    /// At once.
    Now,
    /// As soon as the bot may write to them, if it is still valid then.
    Later,
}

/// A token, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenView {
    /// What it is called.
    pub name: String,
    /// What it may do at most.
    pub role: String,
    /// The person it speaks for.
    pub person: Option<String>,
    /// The services it is limited to; all without them.
    pub services: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// The person who vouches for it, with whom it ends; none: the operator.
    pub vouched_by: Option<String>,
    /// The person who vouched for it is no admin any more: it opens nothing until an admin takes it over.
    #[serde(default)]
    #[schema(required = true)]
    pub orphaned: bool,
    /// The person for whom it speaks is not in the configuration any more: it opens nothing.
    #[serde(default)]
    #[schema(required = true)]
    pub person_gone: bool,
    /// When it was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When it stops being valid.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// When it was used last.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// A link that signs somebody in to the dashboard.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeLoginLink {
    /// The person; the operator without one.
    #[serde(default)]
    pub person: Option<String>,
}

/// The link, shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LoginLinkView {
    /// Where it leads; it works once.
    pub url: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
    /// When the bot tells the person whom it signs in; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<ToldView>,
}
