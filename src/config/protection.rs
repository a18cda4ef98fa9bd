//! `protection_rule` of a production: the GitHub environment whose deployment protection rule RMM is.

use std::collections::BTreeMap;

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
            let sentence = "is for production: what goes to stage needs no vote";
            stage.report.error_hint(&stage.at("protection_rule"), sentence, "`[services.environments.production]`");
        }
        let Some(production) = environments.section("production") else { continue };
        let Some(text) = production.text("protection_rule") else { continue };
        let error = |sentence: &str, hint: &str| section.report.error_hint(&text.place, sentence, hint);
        let Some(service) = services.iter_mut().find(|service| name.as_deref() == Some(service.name.as_str())) else {
            continue;
        };
        if text.value.trim().is_empty() || text.value.chars().any(char::is_control) || text.value.len() > LONGEST {
            error(
                "must be the name of an environment of the repository at GitHub",
                "`protection_rule = \"production\"`",
            );
            continue;
        }
        if service.production().driver.is_ours() {
            error("belongs to the driver \"ci\": nothing else waits at GitHub", "`driver = \"ci\"`");
            continue;
        }
        match github.map(|github| &github.login) {
            Some(GithubLogin::App { .. }) => {}
            // What is wrong there is said already.
            None if root.has("github") => continue,
            Some(GithubLogin::Token(_)) | None => {
                error(
                    "needs a GitHub App: only the App of a rule may answer it",
                    "`app_id` and `private_key` in [github]",
                );
                continue;
            }
        }
        let api = github.map(|github| github.api_url.as_str()).unwrap_or_default();
        let Some(repository) = service.repository.as_deref().and_then(|it| RepoName::of(it, api)) else {
            error("needs the service's `repository` at GitHub", "`repository = \"owner/name\"`");
            continue;
        };
        let key = (repository.to_string().to_ascii_lowercase(), text.value.to_ascii_lowercase());
        if let Some(other) = asked.insert(key, service.name.clone()) {
            error(
                &format!("is the rule of the service {other} already, and a run gets one answer"),
                "an environment of its own for each service of a repository",
            );
        }
        service.protection_rule = Some(text.value);
    }
}
