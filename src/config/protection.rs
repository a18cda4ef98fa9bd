//! `protection_rule` of a production: the GitHub environment whose deployment protection rule RMM is.

use std::collections::BTreeMap;

use crate::domain::fault::config::{ConfigFault, ConfigHint};
use crate::domain::ids::ServiceName;
use crate::domain::repository::RepoName;
use crate::domain::service::Service;

use super::file::Section;
use super::github::{Github, GithubLogin};

/// Characters of the name of an environment, as GitHub takes them.
const LONGEST: usize = 255;

/// Reads the rules, and checks that they can be answered.
pub(super) fn read(root: &Section<'_>, services: &mut [Service], github: Option<&Github>) {
    let mut asked: BTreeMap<(String, String), ServiceName> = BTreeMap::new();
    for section in root.list("services").unwrap_or_default() {
        let name = section.text("name").map(|name| name.value);
        let Some(environments) = section.section("environments") else { continue };
        if let Some(stage) = environments.section("stage").filter(|stage| stage.has("protection_rule")) {
            let hint = ConfigHint::Write { text: "`[services.environments.production]`".to_owned() };
            stage.report.error_hint(&stage.at("protection_rule"), ConfigFault::RuleOnStage, hint);
        }
        let Some(production) = environments.section("production") else { continue };
        let Some(text) = production.text("protection_rule") else { continue };
        let error = |fault: ConfigFault, hint: ConfigHint| section.report.error_hint(&text.place, fault, hint);
        let write = |text: &str| ConfigHint::Write { text: text.to_owned() };
        let Some(service) = services.iter_mut().find(|service| name.as_deref() == Some(service.name.as_str())) else {
            continue;
        };
        if text.value.trim().is_empty() || text.value.chars().any(char::is_control) || text.value.len() > LONGEST {
            error(ConfigFault::EnvironmentName, write("`protection_rule = \"production\"`"));
            continue;
        }
        if service.production().driver.is_ours() {
            error(ConfigFault::RuleWithoutCi, write("`driver = \"ci\"`"));
            continue;
        }
        match github.map(|github| &github.login) {
            Some(GithubLogin::App { .. }) => {}
            // What is wrong there is said already.
            None if root.has("github") => continue,
            Some(GithubLogin::Token(_)) | None => {
                error(ConfigFault::RuleWithoutApp, ConfigHint::AppKeys);
                continue;
            }
        }
        let api = github.map(|github| github.api_url.as_str()).unwrap_or_default();
        let Some(repository) = service.repository.as_deref().and_then(|it| RepoName::of(it, api)) else {
            error(ConfigFault::RuleWithoutRepository, write("`repository = \"owner/name\"`"));
            continue;
        };
        let key = (repository.to_string().to_ascii_lowercase(), text.value.to_ascii_lowercase());
        if let Some(other) = asked.insert(key, service.name.clone()) {
            error(ConfigFault::RuleTaken { service: other }, ConfigHint::OwnEnvironments);
        }
        service.protection_rule = Some(text.value);
    }
}
