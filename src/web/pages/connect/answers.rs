//! What the viewer has answered so far on the way to a connected repository. It travels along in addresses and forms, so that no
//! session holds it and the way back of the browser works.

use crate::assets::workflows::{ROLLBACK_WORKFLOW, TAG_WORKFLOW};
use crate::domain::host::Host;
use crate::domain::ids::{PersonName, ServiceName};
use crate::domain::pattern::Pattern;
use crate::domain::person::Role;
use crate::domain::rule::Invalid;
use crate::engine::catalog::Catalog;

/// A name for a service, from the address of its repository; empty where there is none in it.
pub(super) fn name_of(repository: &str) -> String {
    let path = repository.trim_end_matches('/');
    let last = path.rsplit(['/', ':']).next().unwrap_or_default();
    let last = last.strip_suffix(".git").unwrap_or(last).to_ascii_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    last.chars().take(60).map(plain).collect::<String>().trim_matches(['-', '_']).to_owned()
}

/// A place on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Repository,
    Trigger,
    Places,
    Approvers,
    Review,
}

impl Step {
    pub const ALL: [Self; 5] = [Self::Repository, Self::Trigger, Self::Places, Self::Approvers, Self::Review];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Trigger => "trigger",
            Self::Places => "places",
            Self::Approvers => "approvers",
            Self::Review => "review",
        }
    }

    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|step| step.as_str() == text).unwrap_or(Self::Repository)
    }

    /// The answers that are asked for here. What a form of this place sends replaces them all: a box that is not ticked sends
    /// nothing.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Repository => &["repository"],
            Self::Trigger => &["name", "candidates", "tags"],
            Self::Places => &[
                "stage",
                "production",
                "stage_hosts",
                "production_hosts",
                "recipe",
                "deploy",
                "stage_directory",
                "production_directory",
                "stage_health",
                "production_health",
                "workflow",
                "rollback_workflow",
            ],
            Self::Approvers => &["asked", "required", "minimum", "nobody", "forbid_self"],
            Self::Review => &[],
        }
    }
}

/// Answers, by the keys of [`Step::keys`]; a key may have several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answers(Vec<(String, String)>);

impl Answers {
    /// Of all that was sent, what is an answer.
    pub fn of(sent: &[(String, String)]) -> Self {
        let is_known = |key: &str| Step::ALL.iter().any(|step| step.keys().contains(&key));
        let known = sent.iter().filter(|(key, value)| is_known(key) && !value.trim().is_empty());
        Self(known.map(|(key, value)| (key.clone(), value.trim().to_owned())).collect())
    }

    pub fn first(&self, key: &str) -> &str {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    pub fn has(&self, key: &str, value: &str) -> bool {
        self.all(key).any(|known| known == value)
    }

    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.retain(|(known, _)| known != key);
        self.0.push((key.to_owned(), value.into()));
    }

    /// The answers of the other places, which a form carries along.
    pub fn beside(&self, step: Step) -> Vec<(String, String)> {
        self.0.iter().filter(|(key, _)| !step.keys().contains(&key.as_str())).cloned().collect()
    }

    /// As the query of an address that leads to a place.
    pub fn query(&self, step: Step) -> String {
        let step = std::iter::once(("step", step.as_str()));
        let pairs = step.chain(self.0.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        serde_urlencoded::to_string(pairs.collect::<Vec<_>>()).unwrap_or_default()
    }

    /// With what fits best where nothing was answered yet. `here`: services may run on RMM's own machine.
    pub fn or_usual(mut self, catalog: &Catalog, viewer: Option<&PersonName>, here: bool) -> Self {
        let is_new = |step: Step| step.keys().iter().all(|key| self.first(key).is_empty());
        let (places, approvers) = (is_new(Step::Places), is_new(Step::Approvers));
        // One that others are reached through needs no shell.
        let is_jump = |host: &Host| catalog.hosts().any(|other| other.jump.contains(&host.name));
        let hosts: Vec<_> = catalog.hosts().filter(|host| !is_jump(host)).map(|host| host.name.to_string()).collect();
        for (key, value) in [("candidates", "tags"), ("tags", "v*"), ("recipe", "compose")] {
            if self.first(key).is_empty() && !(key == "tags" && self.first("candidates") == "call") {
                self.set(key, value);
            }
        }
        if self.first("name").is_empty() {
            self.set("name", name_of(self.first("repository")));
        }
        let driver = match (hosts.is_empty(), here) {
            (false, _) => "ssh",
            (true, true) => "local",
            (true, false) => "ci",
        };
        for (environment, likely, unlikely) in [("stage", "stag", "prod"), ("production", "prod", "stag")] {
            if self.first(environment).is_empty() {
                self.set(environment, driver);
            }
            let by_name = |is: &dyn Fn(&str) -> bool| hosts.iter().find(|host| is(host));
            let found = by_name(&|host| host.contains(likely)).or_else(|| by_name(&|host| !host.contains(unlikely)));
            if let Some(host) = found.filter(|_| places) {
                self.set(&format!("{environment}_hosts"), host.clone());
            }
        }
        let votes = |name: &&PersonName| catalog.person(name).is_some_and(|person| person.role >= Role::Member);
        if let Some(name) = viewer.filter(votes).filter(|_| approvers) {
            self.set("required", name.as_str());
        }
        self
    }

    /// What is not right at a place yet, beside the key that it is about.
    pub fn missing(&self, step: Step, catalog: &Catalog, is_taken: impl Fn(&ServiceName) -> bool) -> Vec<Missing> {
        let mut missing = Vec::new();
        match step {
            Step::Repository if self.first("repository").is_empty() => missing.push(Missing::Repository),
            Step::Trigger => {
                match ServiceName::parse("name", self.first("name")) {
                    Ok(name) if is_taken(&name) => missing.push(Missing::NameTaken),
                    Ok(_) => {}
                    Err(invalid) => missing.push(Missing::Invalid("name", invalid)),
                }
                if self.first("candidates") == "tags"
                    && let Err(invalid) = Pattern::parse("tags", self.first("tags"))
                {
                    missing.push(Missing::Invalid("tags", invalid));
                }
            }
            Step::Places => {
                for (environment, hosts) in [("stage", "stage_hosts"), ("production", "production_hosts")] {
                    if self.first(environment) == "ssh" && self.first(hosts).is_empty() {
                        missing.push(Missing::Hosts(environment));
                    }
                }
                if self.first("recipe") == "commands" && self.runs_here() && self.first("deploy").is_empty() {
                    missing.push(Missing::Deploy);
                }
                if self.has_one_file_twice() {
                    missing.push(Missing::SameWorkflow);
                }
            }
            Step::Approvers => {
                let known =
                    |name: &str| PersonName::parse("required", name).is_ok_and(|name| catalog.person(&name).is_some());
                if let Some(unknown) = self.all("required").find(|name| !known(name)) {
                    missing.push(Missing::NoPerson(unknown.to_owned()));
                }
                if self.first("required").is_empty() && self.first("nobody").is_empty() {
                    missing.push(Missing::Approvers);
                }
                let count = self.all("required").count();
                let minimum = self.first("minimum");
                if !minimum.is_empty() && !minimum.parse::<usize>().is_ok_and(|minimum| (1..=count).contains(&minimum))
                {
                    missing.push(Missing::Minimum);
                }
            }
            Step::Repository | Step::Review => {}
        }
        missing
    }

    /// Whether two workflows would be one file: those that RMM starts, and the one that tells it of a tag.
    fn has_one_file_twice(&self) -> bool {
        let (workflow, back) = (self.first("workflow"), self.first("rollback_workflow"));
        let back = if back.is_empty() { ROLLBACK_WORKFLOW } else { back };
        let is_one = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        !workflow.is_empty() && (is_one(workflow, back) || is_one(workflow, TAG_WORKFLOW) || is_one(back, TAG_WORKFLOW))
    }

    /// Whether RMM itself runs the service somewhere.
    pub fn runs_here(&self) -> bool {
        ["stage", "production"].iter().any(|environment| self.first(environment) != "ci")
    }
}

/// What is not right yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web::pages) enum Missing {
    Repository,
    NameTaken,
    Hosts(&'static str),
    Deploy,
    SameWorkflow,
    Approvers,
    NoPerson(String),
    Minimum,
    Invalid(&'static str, Invalid),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_workflow_is_a_file_of_its_own() {
        let twice = |text: &str| Answers::of(&serde_urlencoded::from_str::<Vec<_>>(text).unwrap()).has_one_file_twice();
        assert!(!twice("workflow=deploy.yaml") && !twice("workflow=deploy.yaml&rollback_workflow=back.yaml"));
        assert!(!twice("rollback_workflow=on-create-version-tag.yaml"), "RMM starts none");
        for text in [
            "workflow=deploy.yaml&rollback_workflow=Deploy.yaml",
            "workflow=on-rollback.yaml",
            "workflow=on-create-version-tag.yaml",
            "workflow=deploy.yaml&rollback_workflow=on-create-version-tag.yaml",
        ] {
            assert!(twice(text), "{text}");
        }
    }

    #[test]
    fn a_service_is_called_as_its_repository() {
        for (repository, name) in [
            ("acme/Shop", "shop"),
            ("git@git.example.com:team/shop.web.git", "shop-web"),
            ("https://git.example.com/shop/", "shop"),
            ("/srv/git/shop.git", "shop"),
            ("", ""),
            ("…", ""),
        ] {
            assert_eq!(name_of(repository), name, "{repository}");
        }
    }
}
