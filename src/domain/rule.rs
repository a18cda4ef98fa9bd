//! Rules for values from outside, and a value that breaks one.

use serde::Serialize;

/// A value from outside that breaks a rule. The field is named as the caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{field}: {rule}")]
pub struct Invalid {
    /// The field of the request or the key of the configuration.
    pub field: String,
    /// The rule, as a sentence that says what would be accepted.
    pub rule: String,
}

impl Invalid {
    /// Names the field and the rule that it breaks.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}
