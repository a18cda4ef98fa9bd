//! What GitHub tells of repositories, by a webhook or in its list of deliveries: a hint to look, noted once.
//!
//! Must not: believe a payload. What it names is asked for where it is.

use std::sync::{Arc, PoisonError};

use jiff::SignedDuration;
use serde_json::Value;

use super::protection::GIVEN_UP;
use super::{Engine, Failure, Request};
use crate::domain::command::Command;
use crate::domain::ids::{ServiceName, Tag};
use crate::domain::person::Actor;
use crate::domain::repository::RepoName;
use crate::domain::service::Service;
use crate::domain::text::prose_line;
use crate::store::{StoreError, WriteError, deliveries, outbox, protection, releases};

/// How long a delivery is remembered: GitHub repeats none after so long.
const DELIVERY_RETENTION: SignedDuration = SignedDuration::from_hours(8 * 24);
/// What repositories are asked about a commit, as effects.
const LOOK_UPS: [&str; 2] = ["resolve_commit", "list_commits"];
/// What is kept of a login, in characters.
const LOGIN: usize = 100;

/// What a delivery hints at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hint {
    /// Runs of workflows have changed.
    Workflows,
    /// Tags of a repository have changed: which one, and who pushed it, where that is told.
    Tags { repository: String, tag: Option<Tag>, by: Option<String> },
    /// Commits or pull requests of a repository have changed.
    Commits { repository: String },
    /// A run waits for the protection rule of an environment; its number, where it can be read.
    Protection { repository: String, environment: String, ci_run: Option<u64> },
    /// Nothing that RMM follows.
    Nothing,
}

/// Whether RMM follows any delivery of a kind.
pub(super) fn is_followed(event: &str) -> bool {
    ["workflow_run", "create", "push", "delete", "pull_request", "deployment_protection_rule"].contains(&event)
}

impl Hint {
    fn of(event: &str, payload: &Value) -> Self {
        if event == "workflow_run" {
            let told = payload.get("workflow_run").is_none_or(Value::is_object);
            return if told { Self::Workflows } else { Self::Nothing };
        }
        let Some(repository) = repository_of(payload) else { return Self::Nothing };
        let pushed = payload["ref"].as_str();
        let tag = match (event, pushed) {
            ("deployment_protection_rule", _) => return Self::of_protection(payload).unwrap_or(Self::Nothing),
            ("create", Some(_)) if payload["ref_type"] == "tag" => pushed,
            ("push", _) if payload["deleted"] == true => return Self::Nothing,
            ("push", Some(name)) if name.starts_with("refs/tags/") => pushed,
            ("push" | "create", Some(_)) => return Self::Commits { repository: repository.to_owned() },
            ("pull_request", _) if payload["pull_request"].is_object() => {
                return Self::Commits { repository: repository.to_owned() };
            }
            ("delete", Some(_)) if payload["ref_type"] == "tag" => None,
            _ => return Self::Nothing,
        };
        let login = payload["sender"]["login"].as_str().map(|login| prose_line(login, LOGIN));
        Self::Tags {
            repository: repository.to_owned(),
            tag: tag.and_then(|tag| Tag::given("ref", tag).ok()),
            by: login.filter(|login| !login.is_empty()),
        }
    }

    /// The address to answer to is only read for the number of the run: nothing is ever sent there.
    fn of_protection(payload: &Value) -> Option<Self> {
        let repository = payload["repository"]["full_name"].as_str()?.to_owned();
        let environment = payload["environment"].as_str()?.to_owned();
        let address = payload["deployment_callback_url"].as_str().unwrap_or_default();
        let number = address.split_once("/actions/runs/").and_then(|(_, rest)| rest.split('/').next());
        Some(Self::Protection { repository, environment, ci_run: number.and_then(|number| number.parse().ok()) })
    }
}

/// The repository that a delivery is about.
fn repository_of(payload: &Value) -> Option<&str> {
    payload["repository"]["full_name"].as_str()
}

impl Engine {
    /// Notes a delivery of GitHub's, once by its name, and lets follow what it hints at. One of a repository that no service
    /// has leaves nothing behind, nor does one that RMM does not follow.
    ///
    /// # Errors
    /// When the store cannot write; then it is as if it had not come.
    pub async fn github_delivered(&self, delivery: &str, event: &str, payload: &Value) -> Result<(), StoreError> {
        if repository_of(payload).is_some_and(|repository| self.services_at(repository, |_| true).is_empty()) {
            tracing::debug!(delivery, event, "GitHub has delivered something of a repository that no service has");
            self.warn_of_renamed(payload);
            return Ok(());
        }
        let hint = Hint::of(event, payload);
        if hint == Hint::Nothing {
            return Ok(());
        }
        let (services, tag, by) = match &hint {
            Hint::Tags { repository, tag, by } => (self.services_at(repository, |_| true), tag.clone(), by.clone()),
            Hint::Workflows | Hint::Commits { .. } | Hint::Protection { .. } | Hint::Nothing => {
                (Vec::new(), None, None)
            }
        };
        let pushed = tag.clone().zip(by.clone()).map(|(tag, by)| (services.clone(), tag, by));
        let changed = match &hint {
            Hint::Tags { repository, .. } | Hint::Commits { repository } => self.services_at(repository, |_| true),
            Hint::Workflows | Hint::Protection { .. } | Hint::Nothing => Vec::new(),
        };
        let waiting = self.asked_by(&hint);
        let is_waiting = !waiting.is_empty();
        let (now, named) = (self.now(), delivery.to_owned());
        let has_tags = matches!(hint, Hint::Tags { .. });
        let looked_at = if has_tags { changed.clone() } else { Vec::new() };
        let new = self.store().write(move |tx| -> Result<bool, StoreError> {
            let new = deliveries::receive(tx, &named, now, now.saturating_sub(DELIVERY_RETENTION).unwrap_or(now))?;
            if let (true, Some(tag), Some(by)) = (new, &tag, &by) {
                services.iter().try_for_each(|service| deliveries::pushed(tx, service, tag, by, now))?;
            }
            // What waits for its next look has it now.
            for service in changed.iter().filter(|_| new) {
                LOOK_UPS.iter().try_for_each(|kind| outbox::hasten(tx, kind, service, now))?;
            }
            let given_up = now.saturating_sub(GIVEN_UP).unwrap_or(now);
            for (service, ci_run) in waiting.iter().filter(|_| new) {
                ci_run.map_or(Ok(()), |ci_run| protection::note(tx, service, ci_run, now, given_up))?;
            }
            Ok(new)
        });
        if !new.await.map_err(WriteError::flatten)? {
            return Ok(());
        }
        tracing::debug!(delivery, event, "GitHub has delivered something");
        if hint == Hint::Workflows {
            self.look_at_workflows();
        }
        if is_waiting {
            self.look_at_protection_rules();
        }
        looked_at.iter().for_each(|service| self.look_at_tags(service));
        if let Some((services, tag, by)) = pushed {
            self.tell_who_pushed(services, tag, &by).await?;
        }
        Ok(())
    }

    /// A release of a tag that was there before GitHub told who has pushed the tag. One that comes later finds it noted.
    async fn tell_who_pushed(&self, services: Vec<ServiceName>, tag: Tag, by: &str) -> Result<(), StoreError> {
        let made = self.read(move |conn| {
            let of_tag = |service: &ServiceName| releases::active_candidate(conn, service, Some(&tag), None);
            services.iter().filter_map(|service| of_tag(service).transpose()).collect::<Result<Vec<_>, _>>()
        });
        for release in made.await? {
            let command = Command::InitiatorProven { release: release.id, login: by.to_owned() };
            match self.handle(Request::new(Actor::Machine, command)).await {
                Ok(_) => {}
                Err(Failure::Refused(refusal)) => tracing::debug!(?refusal, "who has pushed a tag was not noted"),
                Err(Failure::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// GitHub knows the repository of a service by another name than the configuration: nothing of it is followed. Said once
    /// for each name.
    fn warn_of_renamed(&self, payload: &Value) {
        let (Some(id), Some(now)) = (payload["repository"]["id"].as_u64(), repository_of(payload)) else { return };
        let catalog = self.catalog();
        let is_it = |service: &&Arc<Service>| {
            !service.retired && service.oidc.as_ref().is_some_and(|trusted| trusted.repository_id == id)
        };
        for service in catalog.services().filter(is_it) {
            let now = prose_line(now, LOGIN);
            let before = {
                let mut told = self.inner.renamed.lock().unwrap_or_else(PoisonError::into_inner);
                told.insert(service.name.clone(), now.clone())
            };
            if before.as_ref() != Some(&now) {
                tracing::warn!(
                    service = %service.name, repository = now,
                    "webhooks come from the repository of the service under another name: it was renamed, and they are not followed \
                     until `repository` in rmm.toml says the new name"
                );
            }
        }
    }

    /// The services whose protection rule is asked, and the run that waits.
    fn asked_by(&self, hint: &Hint) -> Vec<(ServiceName, Option<u64>)> {
        let Hint::Protection { repository, environment, ci_run } = hint else { return Vec::new() };
        let is_asked = |service: &Service| {
            service.protection_rule.as_deref().is_some_and(|rule| rule.eq_ignore_ascii_case(environment))
        };
        self.services_at(repository, is_asked).into_iter().map(|service| (service, *ci_run)).collect()
    }

    /// Such services of a repository at GitHub.
    fn services_at(&self, repository: &str, is_meant: impl Fn(&Service) -> bool) -> Vec<ServiceName> {
        let catalog = self.catalog();
        let api = catalog.github_api();
        let is_there = |address: &str| RepoName::of(address, api).is_some_and(|name| name.is(repository));
        let services = catalog
            .services()
            .filter(|service| is_meant(service) && service.repository.as_deref().is_some_and(is_there));
        services.map(|service| service.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use serde_json::json;

    use super::*;
    use crate::engine::testing::{Hands, catalog_of, engine_in};

    #[tokio::test]
    async fn a_repository_that_was_renamed_is_told_of_and_what_is_not_followed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine_in(folder.path(), Arc::new(Hands(AtomicI64::new(1_800_000_000))));
        let text = "[github]\noidc_audience = \"rmm\"\n[[services]]\nname = \"shop\"\nrepository = \"octo/shop\"\n\
                    oidc.repository_id = 74\napprovals.minimum = 0\n\
                    environments = { stage.driver = \"ci\", production.driver = \"ci\" }\n";
        engine.inner.catalog.send_replace(Arc::new(catalog_of(text, &[])));
        let repository = |name: &str, id: u64| json!({ "full_name": name, "id": id });
        for (delivery, event, payload) in [
            ("a", "push", json!({ "ref": "refs/tags/v1", "repository": repository("octo/store", 74) })),
            ("b", "push", json!({ "ref": "refs/tags/v1", "repository": repository("octo/other", 75) })),
            ("c", "star", json!({ "action": "created", "repository": repository("octo/shop", 74) })),
            ("d", "push", json!({ "ref": null, "repository": repository("octo/shop", 74) })),
        ] {
            engine.github_delivered(delivery, event, &payload).await.unwrap();
            assert!(!engine.read(move |conn| deliveries::has_come(conn, delivery)).await.unwrap(), "{delivery}");
        }
        let renamed = engine.inner.renamed.lock().unwrap().clone();
        let shop = ServiceName::parse("service", "shop").unwrap();
        assert_eq!(renamed, [(shop, "octo/store".to_owned())].into());
    }

    fn tags(tag: Option<&str>, by: Option<&str>) -> Hint {
        let tag = tag.map(|tag| Tag::parse("tag", tag).unwrap());
        Hint::Tags { repository: "octo/shop".into(), tag, by: by.map(ToOwned::to_owned) }
    }

    #[test]
    fn tags_are_told_in_several_ways() {
        let repository = json!({ "full_name": "octo/shop" });
        let sender = json!({ "login": "ann" });
        let hint = |event: &str, mut payload: Value| {
            payload["repository"] = repository.clone();
            payload["sender"] = sender.clone();
            Hint::of(event, &payload)
        };
        assert_eq!(hint("create", json!({ "ref": "v1", "ref_type": "tag" })), tags(Some("v1"), Some("ann")));
        assert_eq!(
            hint("push", json!({ "ref": "refs/tags/shop/v1", "created": true })),
            tags(Some("shop/v1"), Some("ann"))
        );
        assert_eq!(hint("delete", json!({ "ref": "v1", "ref_type": "tag" })), tags(None, Some("ann")));
        for (event, payload) in [
            ("push", json!({ "ref": "refs/tags/v1", "deleted": true })),
            ("delete", json!({ "ref": "main", "ref_type": "branch" })),
            ("ping", json!({ "zen": "Design for failure." })),
            ("something_new", json!({ "action": null })),
            ("pull_request", json!({ "action": "closed", "pull_request": null })),
            ("push", json!({ "ref": null })),
            ("create", json!({ "ref": null, "ref_type": "tag" })),
            ("workflow_run", json!({ "action": "completed", "workflow_run": null })),
            ("workflow_run", json!({ "workflow_run": [] })),
        ] {
            assert_eq!(hint(event, payload), Hint::Nothing, "{event}");
        }
        for (event, payload) in [
            ("create", json!({ "ref": "main", "ref_type": "branch" })),
            ("push", json!({ "ref": "refs/heads/main" })),
            ("pull_request", json!({ "action": "closed", "pull_request": { "number": 7 } })),
        ] {
            assert_eq!(hint(event, payload), Hint::Commits { repository: "octo/shop".into() }, "{event}");
        }
    }

    #[test]
    fn what_is_missing_or_odd_is_no_hint_and_no_harm() {
        assert_eq!(Hint::of("workflow_run", &json!({ "workflow_run": { "id": 7 } })), Hint::Workflows);
        for payload in [
            json!({}),
            json!({ "ref": null, "ref_type": null, "repository": null, "sender": null }),
            json!({ "ref": 7, "ref_type": ["tag"], "repository": "octo/shop" }),
            json!({ "ref": "refs/tags/v1", "ref_type": "tag", "repository": { "full_name": null } }),
        ] {
            for event in ["create", "push", "delete", "pull_request", ""] {
                assert_eq!(Hint::of(event, &payload), Hint::Nothing, "{event} {payload}");
            }
        }
        let odd = json!({ "ref": "v1;rm -rf /", "ref_type": "tag", "repository": { "full_name": "octo/shop" }, "sender": { "login": "\n" } });
        assert_eq!(Hint::of("create", &odd), tags(None, None));
    }
}
