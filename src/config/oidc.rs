//! Id tokens of CI: `oidc` of a service says which workflows it trusts, `[github]` who issues the tokens and for whom.

use crate::domain::fault::config::{ConfigFault, ConfigHint, Needed};
use crate::domain::identity::{TrustedWorkflows, WorkflowRef};

use super::file::Section;
use super::host_part::is_here;

/// The issuer of the tokens of github.com.
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Which id tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdTokens {
    /// Who issues them, as they say it.
    pub issuer: String,
    /// For whom they must be.
    pub audience: String,
}

impl IdTokens {
    /// Those of an issuer, or of the one that belongs to GitHub's API, for an audience.
    pub(super) fn of(issuer: Option<String>, audience: Option<&str>, api_url: &str) -> Option<Self> {
        let audience = audience?.trim_end_matches('/').to_owned();
        Some(Self { issuer: issuer.unwrap_or_else(|| issuer_of(api_url)), audience })
    }
}

/// The issuer that `[github]` names.
pub(super) fn issuer(section: &Section<'_>) -> Option<String> {
    let text = section.text("oidc_issuer")?;
    if !section.report.is_web_address(&text, &text.value, ConfigHint::LoginOfIssuer) {
        return None;
    }
    if !text.value.starts_with("https://") && !is_here(&text.value) {
        section.report.error(&text.place, ConfigFault::KeysWithoutHttps);
        return None;
    }
    Some(text.value)
}

/// The issuer that belongs to an API: that of github.com, of a company's own part of it, or of a GitHub Enterprise Server.
fn issuer_of(api_url: &str) -> String {
    let host = api_url.split_once("//").map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
    match host {
        None | Some("api.github.com") => ISSUER.to_owned(),
        Some(host) => match host.strip_prefix("api.").filter(|rest| rest.ends_with(".ghe.com")) {
            Some(own) => format!("https://token.actions.{own}"),
            None => format!("https://{host}/_services/token"),
        },
    }
}

/// The workflows that a service trusts. `known`: it is known for whom the tokens are.
pub(super) fn trusted(service: &Section<'_>, known: bool) -> Option<TrustedWorkflows> {
    let section = service.section("oidc")?;
    let report = section.report;
    if !known {
        report.error_hint(&section.place, ConfigFault::NoAudience, ConfigHint::IdTokens);
    }
    if !section.has("repository_id") {
        section.missing("repository_id", Needed::RepositoryNumber);
    }
    let repository_id = section.number("repository_id", 1..=i64::MAX);
    let listed = section.one_or_more("workflow").unwrap_or_default();
    let parsed = listed.iter().filter_map(|text| {
        WorkflowRef::parse("workflow", &text.value).map_err(|invalid| report.error(&text.place, invalid.rule)).ok()
    });
    Some(TrustedWorkflows { workflows: parsed.collect(), repository_id: repository_id?.value.unsigned_abs() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_follows_from_the_api() {
        for (api, issuer) in [
            ("https://api.github.com", ISSUER),
            ("https://git.example.com/api/v3", "https://git.example.com/_services/token"),
            ("https://api.octo.ghe.com", "https://token.actions.octo.ghe.com"),
        ] {
            assert_eq!(issuer_of(api), issuer);
        }
    }
}
