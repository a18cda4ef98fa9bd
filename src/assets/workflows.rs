//! The workflows with which a repository on GitHub speaks to RMM, filled in for a service.
//!
//! Must not: write them anywhere.

use std::path::{Component, Path};

use super::{File, workflow};
use crate::domain::env::Env;
use crate::domain::pattern::Pattern;
use crate::domain::service::{Candidates, Driver, Service};
use crate::domain::web_address::web_address;

/// What the files of `assets/` say where a service has its own words.
mod sample {
    pub const URL: &str = "\"https://rmm.example.com\"";
    pub const SERVICE: &str = "\"my-service\"";
    pub const GROUP: &str = "\"rmm-production-my-service\"";
    pub const TAGS: &str = "tags: [\"v*\"]";
    pub const RUNNER: &str = "runs-on: ubuntu-latest";
}

/// The name of the workflow that a tag starts, unless the viewer names another.
pub const TAG_WORKFLOW: &str = "on-create-version-tag.yaml";
/// The runners that are taken, unless the viewer names others.
pub const RUNNER: &str = "ubuntu-latest";
/// Characters that GitHub takes of a label at most.
pub const LONGEST_LABEL: usize = 256;
/// Labels that a runner can have at most.
pub const MOST_LABELS: usize = 100;
const DEPLOY_WORKFLOW: &str = "on-approve-manual-testing.yaml";
/// The name of the workflow that goes back, where nobody says another.
pub const ROLLBACK_WORKFLOW: &str = "on-rollback.yaml";

/// What is filled in.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The service.
    pub service: &'a Service,
    /// Where the runners reach RMM.
    pub url: &'a str,
    /// Which runners the jobs take.
    pub runners: &'a [String],
    /// Which tags are releases, as GitHub's patterns go; none: as the service says.
    pub tags: Option<&'a str>,
    /// The name of the workflow that a tag starts.
    pub tag_workflow: &'a str,
}

/// Why there are no files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// GitHub would not look at it.
    Name(String),
    /// Two workflows would be this one file.
    Twice(String),
    /// No runner can have such a label.
    Runner(String),
    /// No runner can have so many labels.
    Runners(usize),
    /// It is no address at which runners reach RMM.
    Address(String),
    /// No tag can fit it.
    Tags(String),
    /// This binary is not whole.
    Missing(String),
}

impl Words<'_> {
    /// The files for the service. What RMM does itself needs no workflow.
    ///
    /// # Errors
    /// [`Unfit`] for words that GitHub or a runner could do nothing with.
    pub fn files(&self) -> Result<Vec<File>, Unfit> {
        self.check()?;
        let workflows = |env| match &self.service.environment(env).driver {
            Driver::Ci { workflow, rollback_workflow, .. } => Some((workflow.as_deref(), rollback_workflow.as_deref())),
            Driver::Local | Driver::Ssh => None,
        };
        // A stage whose workflow RMM starts is not brought there by the tag.
        let stage = matches!(workflows(Env::Stage), Some((None, _)));
        let tag = if stage { "on-create-version-tag.yaml" } else { "registers/on-create-version-tag.yaml" };
        let mut wanted = vec![("rmm/action.yml", ".github/actions/rmm/action.yml".to_owned())];
        let production = workflows(Env::Production);
        if stage || production.is_some() {
            wanted.push(("rmm-checkout/action.yml", ".github/actions/rmm-checkout/action.yml".to_owned()));
        }
        wanted.push((tag, in_workflows(self.tag_workflow)?));
        if let Some((deploy, rollback)) = production {
            wanted.push(("on-approve-manual-testing.yaml", in_workflows(deploy.unwrap_or(DEPLOY_WORKFLOW))?));
            wanted.push(("on-rollback.yaml", in_workflows(rollback.unwrap_or(ROLLBACK_WORKFLOW))?));
        }
        // Some checkouts tell no capitals from small letters.
        let twice = wanted
            .iter()
            .enumerate()
            .find(|(at, (_, path))| wanted[..*at].iter().any(|(_, before)| before.eq_ignore_ascii_case(path)));
        if let Some((_, (_, path))) = twice {
            return Err(Unfit::Twice(path.clone()));
        }
        let file = |(asset, path): (&str, String)| {
            let text = workflow(asset).ok_or_else(|| Unfit::Missing(asset.to_owned()))?;
            Ok(File { path: path.into(), text: self.filled(&text) })
        };
        wanted.into_iter().map(file).collect()
    }

    /// What is refused here would fail at GitHub, or wait for a runner for ever.
    fn check(&self) -> Result<(), Unfit> {
        let is_code = |text: &str| text.contains("${{");
        let fits = |label: &&String| {
            (1..=LONGEST_LABEL).contains(&label.chars().count()) && !is_code(label) && !label.contains(is_odd)
        };
        if self.runners.len() > MOST_LABELS {
            return Err(Unfit::Runners(self.runners.len()));
        }
        if let Some(label) = self.runners.iter().find(|label| !fits(label)) {
            return Err(Unfit::Runner(label.clone()));
        }
        if web_address("url", self.url).is_err() || is_code(self.url) || self.url.contains(['?', '#']) {
            return Err(Unfit::Address(self.url.to_owned()));
        }
        // For a pattern that only takes tags away, GitHub starts nothing at all.
        let fits = |tags: &&str| !tags.is_empty() && !tags.starts_with('!') && !is_code(tags) && !tags.contains(is_odd);
        match self.tags.filter(|tags| !fits(tags)) {
            Some(tags) => Err(Unfit::Tags(tags.to_owned())),
            None => Ok(()),
        }
    }

    /// A file with the words of the service. They go in as JSON, which YAML takes as it is.
    fn filled(&self, text: &str) -> String {
        let of_service = match &self.service.candidates {
            Candidates::Tags(pattern) => at_github(pattern),
            Candidates::Call => "v*".to_owned(),
        };
        let (tags, service) = (self.tags.unwrap_or(&of_service), self.service.name.as_str());
        let quoted = |value: &str| serde_json::Value::from(value).to_string();
        let runner = match self.runners {
            [one] => quoted(one),
            several => serde_json::Value::from(several).to_string(),
        };
        text.replace(sample::URL, &quoted(self.url))
            .replace(sample::SERVICE, &quoted(service))
            .replace(sample::GROUP, &quoted(&format!("rmm-production-{service}")))
            .replace(sample::TAGS, &format!("tags: [{}]", quoted(tags)))
            .replace(sample::RUNNER, &format!("runs-on: {runner}"))
    }
}

/// What stands in no label and in no tag.
fn is_odd(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// A pattern of RMM as GitHub writes it: there `*` ends at a `/`, and `?` and `+` repeat what stands before them.
fn at_github(pattern: &Pattern) -> String {
    let mut written = String::new();
    for c in pattern.as_str().chars() {
        match c {
            '*' if written.ends_with('*') => {}
            '*' => written.push_str("**"),
            // Names of tags have other characters, too; those between two letters or digits are written as they are.
            '?' => written.push_str("[0-9A-Za-z]"),
            '+' => written.push_str("\\+"),
            c => written.push(c),
        }
    }
    written
}

/// Where a workflow of this name belongs; GitHub looks nowhere else, and at no other files.
fn in_workflows(name: &str) -> Result<String, Unfit> {
    let plain = Path::new(name).components().eq([Component::Normal(name.as_ref())]);
    let is_yaml = [".yaml", ".yml"].iter().any(|end| name.len() > end.len() && name.ends_with(end));
    let plain = plain && !name.contains(char::is_control) && !name.contains("${{");
    if plain && is_yaml { Ok(format!(".github/workflows/{name}")) } else { Err(Unfit::Name(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_the_same_at_github() {
        for (pattern, written) in [
            ("v1.2.3", "v1.2.3"),
            ("v*", "v**"),
            ("shop/v*", "shop/v**"),
            ("**-rc*", "**-rc**"),
            ("v?.?", "v[0-9A-Za-z].[0-9A-Za-z]"),
            ("v1+*", "v1\\+**"),
        ] {
            assert_eq!(at_github(&Pattern::parse("tags", pattern).unwrap()), written);
        }
    }

    #[test]
    fn a_name_of_a_workflow_leads_nowhere_else() {
        for name in ["../x.yaml", "a/b.yaml", "/etc/x.yaml", "x.toml", ".yaml", "..", ""] {
            assert!(in_workflows(name).is_err(), "{name}");
        }
        assert_eq!(in_workflows("x.yml").unwrap(), ".github/workflows/x.yml");
    }
}
