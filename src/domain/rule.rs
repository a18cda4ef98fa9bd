//! Rules for values from outside, and a value that breaks one, as facts. The words for them are those of `wording`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::store::StoreFault;
use super::gate::name::GateName;
use super::ids::{Commit, PersonName, ServiceName, SurfaceName, Tag};
use super::reason::Reason;
use super::right::Role;

/// A value from outside that breaks a rule. The field is named as the caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{field}: {rule}")]
#[serde(from = "Written", into = "Written")]
pub struct Invalid {
    /// The field of the request or the key of the configuration.
    pub field: String,
    /// The rule, which says what would be accepted.
    pub rule: Rule,
}

impl Invalid {
    /// Names the field and the rule that it breaks.
    pub fn new(field: impl Into<String>, rule: Rule) -> Self {
        Self { field: field.into(), rule }
    }
}

/// What a value has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the fields are the words of the glossary; `least` and `most` are limits that are allowed themselves"
)]
pub enum Rule {
    /// A sentence that an earlier version of RMM stored, or what the system said.
    Said {
        text: String,
    },

    /// What is wrong with a file that RMM is to write; `denied`: the system lets RMM's user not do it.
    File {
        fault: Box<StoreFault>,
        denied: bool,
    },

    // What has to be there.
    Given,
    /// One of both.
    ThisOr {
        other: String,
    },
    /// Both or none.
    Together {
        one: String,
        other: String,
    },
    /// Who starts a release.
    Initiator,
    /// The commit of a release, since nothing could be asked for it.
    CommitWithoutRepository {
        service: ServiceName,
    },
    AnyGate,
    /// The release that an environment runs.
    ReleaseThere,
    /// An environment that runs nothing, or what is on record, has no release to name.
    NoReleaseThere,

    // Text.
    NotEmpty,
    OneLine,
    AtMost {
        most: usize,
    },
    Utf8,
    /// Nothing invisible, and nothing that changes the reading direction; `found` as `U+202E`.
    Visible {
        found: String,
    },
    NoBlankAround,

    // Names.
    /// Of a service, a surface, a host, a person.
    Identifier,
    TagCharacters,
    TagOfGit,
    FullCommit,
    Environment,
    Fingerprint,
    /// A pattern over names.
    Pattern {
        most: usize,
    },
    /// A workflow as GitHub names it.
    Workflow,

    // Numbers and times.
    Number,
    AtLeast {
        least: i64,
    },
    Between {
        least: i64,
        most: i64,
    },
    DateAndTime,
    Ahead,

    // Addresses.
    WebAddress {
        most: usize,
    },
    NoLogin,
    WebHost,
    /// Where a repository is.
    Repository,
    RepositoryHost,
    NoPassword,

    // Places in lists and in the record.
    Cursor,
    /// The same, for a page.
    EarlierPage,
    StreamId,
    EventNumber,
    Seal,

    // Releases.
    /// What a new release begins as, in the original call.
    NewRelease,
    /// The number of a release, in the original call.
    ReleaseNumber,
    RollbackTarget,
    KnownSurface {
        surface: SurfaceName,
        known: Vec<SurfaceName>,
    },
    SurfaceOnce,
    /// Nothing that a command could take for more than a value.
    Harmless {
        key: String,
        surface: SurfaceName,
    },
    /// The repository knows another commit.
    CommitOfTag {
        tag: Tag,
        commit: Commit,
    },
    /// What the repository has; why it is not in there.
    InRepository {
        why: Box<Reason>,
    },
    /// No admin may skip what it guards.
    GateStays {
        gate: GateName,
    },

    // Tokens and people.
    KnownPerson {
        person: PersonName,
        /// What was probably meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        near: Option<String>,
    },
    RoleOfToken,
    /// A token is no more than the person for whom it speaks.
    RoleUpTo {
        person: PersonName,
        role: Role,
    },
    RoleOfPerson,
    ServicesOfPerson,
    OwnName {
        name: String,
    },
    NotOfGithub,
    UnlikeToken {
        name: String,
        other: String,
    },
    NewName {
        name: String,
    },
}

/// An [`Invalid`] as it is written: its rule as facts, and in words for who does not read these.
#[derive(Serialize, Deserialize)]
struct Written {
    field: String,
    rule: String,
    #[serde(default)]
    broken: Value,
}

impl From<Invalid> for Written {
    fn from(Invalid { field, rule }: Invalid) -> Self {
        Self { field, broken: serde_json::to_value(&rule).unwrap_or_default(), rule: rule.to_string() }
    }
}

impl From<Written> for Invalid {
    fn from(Written { field, rule, broken }: Written) -> Self {
        Self { field, rule: serde_json::from_value(broken).unwrap_or(Rule::Said { text: rule }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_as_words_with_its_facts_beside_them() {
        let invalid = Invalid::new("limit", Rule::Between { least: 1, most: 200 });
        let written = serde_json::json!({
            "field": "limit",
            "rule": "must be between 1 and 200",
            "broken": {"code": "between", "least": 1, "most": 200},
        });
        assert_eq!(serde_json::to_value(&invalid).unwrap(), written);
        assert_eq!(serde_json::from_value::<Invalid>(written).unwrap(), invalid);
    }

    #[test]
    fn of_a_rule_without_facts_that_are_known_the_words_are_left() {
        let said = Invalid::new("limit", Rule::Said { text: "must be odd".into() });
        for broken in ["", r#","broken":{"code":"odd"}"#, r#","broken":{"code":"between"}"#] {
            let written = format!(r#"{{"field":"limit","rule":"must be odd"{broken}}}"#);
            assert_eq!(serde_json::from_str::<Invalid>(&written).unwrap(), said);
        }
    }
}
