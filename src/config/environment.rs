//! `[services.environments.…]`: who executes the runs of an environment, where, and what differs there.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::env::Env;
use crate::domain::fault::config::{ConfigFault, ConfigHint, Needed, Unknown};
use crate::domain::ids::SurfaceName;
use crate::domain::service::{Driver, Environment, Order, Service, Surface, Target};

use super::error::unknown;
use super::file::{SHORTEST_LIMIT, Section};
use super::hosts::Hosts;
use super::places::Points;
use super::report::{Located, Origin, Report};
use super::secret::Keyring;
use super::surface::{Demand, Draft, ORDERS, Runs, Written};

/// Longer silence of a CI makes its run `unknown`.
const REPORT_TIMEOUT: Duration = Duration::from_hours(1);

/// A longer run of RMM's own is ended.
const RUN_TIMEOUT: Duration = Duration::from_hours(2);

/// What RMM starts at GitHub.
/// A CI that is well is not silent for longer: signs of life come, or are asked for, about once a minute.
const SHORTEST_SILENCE: Duration = Duration::from_mins(3);
const WORKFLOWS: [&str; 2] = ["workflow", "rollback_workflow"];

/// The words for drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Ssh,
    Local,
    Ci,
}

const WORDS: &[(&str, Word)] = &[("ssh", Word::Ssh), ("local", Word::Local), ("ci", Word::Ci)];

/// An environment as it is written.
pub(super) struct Reached {
    /// `None` where it is missing or wrong. That counts as `ci`, which asks for the least and so brings the fewest
    /// other errors.
    word: Option<Word>,
    hosts: Vec<Target>,
    order: Order,
    run_timeout: Duration,
    report_timeout: Duration,
    workflow: Option<String>,
    rollback_workflow: Option<String>,
    overrides: Vec<(Located<String>, Draft)>,
}

impl Reached {
    /// Reads what is written, and checks each value for itself.
    pub fn read(
        service: &Section<'_>,
        environments: Option<&Section<'_>>,
        kind: Env,
        hosts: &Hosts,
        keyring: &Keyring<'_>,
    ) -> Option<Self> {
        let key = match kind {
            Env::Preview(_) => "preview",
            Env::Stage => "stage",
            Env::Production => "production",
        };
        if environments.map_or(!service.has("environments"), |environments| !environments.has(key)) {
            let place = service.place.inside("environments").inside(key);
            service.report.error(&place, ConfigFault::missing(Needed::Environment { key: key.to_owned() }));
        }
        let section = environments?.section(key)?;
        if !section.has("driver") {
            section.missing("driver", Needed::Driver);
        }
        let word = section.choice("driver", WORDS).map(|word| word.value);
        let default = match kind {
            Env::Preview(_) | Env::Stage => Order::Parallel,
            Env::Production => Order::Rolling,
        };
        let timeout = |key, default| {
            section.duration(key, SHORTEST_LIMIT).map_or(default, |duration: Located<Duration>| duration.value)
        };
        let reached = Self {
            word,
            hosts: hosts.resolve(&section, "hosts").map(|hosts| hosts.value).unwrap_or_default(),
            order: section.choice("order", ORDERS).map_or(default, |order| order.value),
            run_timeout: timeout("run_timeout", RUN_TIMEOUT),
            report_timeout: timeout("report_timeout", REPORT_TIMEOUT),
            workflow: workflow(&section, "workflow"),
            rollback_workflow: workflow(&section, "rollback_workflow"),
            overrides: section
                .named("surfaces")
                .into_iter()
                .map(|(name, section)| (name, Draft::read(&section, hosts, keyring)))
                .collect(),
        };
        reached.check_keys(&section, kind);
        Some(reached)
    }

    /// Reports keys that belong to other drivers.
    fn check_keys(&self, section: &Section<'_>, kind: Env) {
        let refuse = |keys: &[&str], fault: &ConfigFault, hint: &ConfigHint| {
            for key in keys.iter().filter(|key| section.has(key)) {
                section.report.error_hint(&section.at(key), fault.clone(), hint.clone());
            }
        };
        let refuse_hosts = |driver: &str| {
            refuse(
                &["hosts", "order"],
                &ConfigFault::OnlySsh { driver: Some(driver.to_owned()) },
                &ConfigHint::DriverSsh,
            );
            for (_, draft) in &self.overrides {
                draft.check_without_ssh(section.report, Some(driver));
            }
        };
        let refuse_report_timeout = || {
            refuse(&["report_timeout"], &ConfigFault::ReportsOfCi, &ConfigHint::RunTimeout);
        };
        let refuse_workflows = || {
            refuse(&WORKFLOWS, &ConfigFault::WorkflowsOfCi, &ConfigHint::DriverCi);
        };
        match self.word {
            Some(Word::Ssh) => {
                refuse_report_timeout();
                refuse_workflows();
            }
            Some(Word::Local) => {
                refuse_hosts("local");
                refuse_report_timeout();
                refuse_workflows();
            }
            Some(Word::Ci) => {
                if kind != Env::Production {
                    refuse(&WORKFLOWS, &ConfigFault::WorkflowOnStage, &ConfigHint::PushedTag);
                } else if self.rollback_workflow.is_some() && self.workflow.is_none() {
                    let place = section.at("rollback_workflow");
                    section.report.error_hint(&place, ConfigFault::RollbackAlone, ConfigHint::Workflow);
                }
                if self.workflow.is_some() && !section.has("rollback_workflow") {
                    section.report.warn(&section.at("workflow"), ConfigFault::NoRollbackWorkflow);
                }
                if self.workflow.is_some() && self.workflow == self.rollback_workflow {
                    section.report.warn(&section.at("rollback_workflow"), ConfigFault::SameWorkflow);
                }
                if section.has("report_timeout") && self.report_timeout < SHORTEST_SILENCE {
                    section.report.warn(&section.at("report_timeout"), ConfigFault::ShortReportTimeout);
                }
                refuse_hosts("ci");
                refuse(&["run_timeout"], &ConfigFault::RunsOfRmm, &ConfigHint::ReportTimeout);
            }
            None => {}
        }
    }

    /// RMM runs the plans itself.
    pub fn is_ours(&self) -> bool {
        matches!(self.word, Some(Word::Ssh | Word::Local))
    }

    /// The driver is known, and is another one.
    pub fn is_without_ssh(&self) -> bool {
        matches!(self.word, Some(Word::Local | Word::Ci))
    }

    /// Checks every surface as it is in this environment, and completes them; with a CI only those that differ.
    /// Where their keys are written comes along.
    pub fn finish(self, report: &Report<'_>, written: &[Written], demand: &Demand<'_>) -> (Environment, Vec<Points>) {
        let runnable = demand.runnable && self.is_ours();
        let (driver, runs) = match self.word {
            Some(Word::Ssh) => (Driver::Ssh, Runs::OnHosts { hosts: self.hosts, order: self.order }),
            Some(Word::Local) => (Driver::Local, Runs::Here),
            Some(Word::Ci) | None => {
                let Self { workflow, rollback_workflow, report_timeout, .. } = &self;
                let (workflow, rollback_workflow) = (workflow.clone(), rollback_workflow.clone());
                (Driver::Ci { workflow, rollback_workflow, report_timeout: *report_timeout }, Runs::Elsewhere)
            }
        };
        let demand = Demand { runs, runnable, ..*demand };
        let all = driver.is_ours();
        let (surfaces, points) = surfaces(report, written, &self.overrides, all, &demand);
        (Environment { driver, surfaces, run_timeout: self.run_timeout }, points)
    }
}

/// The file of a workflow, as GitHub calls it.
fn workflow(section: &Section<'_>, key: &str) -> Option<String> {
    let file = section.text(key)?;
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let named = file.value.strip_suffix(".yaml").or_else(|| file.value.strip_suffix(".yml"));
    if named.is_none_or(str::is_empty) || !file.value.chars().all(known) {
        section.report.error_hint(&file.place, ConfigFault::WorkflowFile, ConfigHint::WorkflowFile);
        return None;
    }
    Some(file.value)
}

fn surfaces(
    report: &Report<'_>,
    written: &[Written],
    overrides: &[(Located<String>, Draft)],
    all: bool,
    demand: &Demand<'_>,
) -> (BTreeMap<SurfaceName, Surface>, Vec<Points>) {
    for (name, _) in overrides {
        if written.iter().all(|surface| surface.name.as_str() != name.value) {
            let known = written.iter().map(|surface| surface.name.as_str());
            report.error(&name.place, unknown(Unknown::Surface, &name.value, known));
        }
    }
    let (mut surfaces, mut points) = (BTreeMap::new(), Vec::new());
    for surface in written {
        let own = overrides.iter().find(|(name, _)| name.value == surface.name.as_str());
        let draft = own.map(|(_, draft)| draft.clone().over(&surface.draft));
        let differs = draft.is_some();
        let draft = draft.as_ref().unwrap_or(&surface.draft);
        draft.check(report, &surface.place, demand);
        points.push(draft.points(&surface.place));
        if differs || all {
            surfaces.insert(surface.name.clone(), draft.complete(surface.name.clone(), demand));
        }
    }
    (surfaces, points)
}

/// A repository in a folder of RMM's machine is not on the hosts; `place` is where the folder is written.
pub(super) fn code_within_reach(report: &Report<'_>, place: &Origin, service: &Service) {
    for kind in service.environments.keys().copied() {
        let ssh = matches!(service.environment(kind).driver, Driver::Ssh);
        if ssh && service.surfaces_in(kind).any(|surface| surface.checkout) {
            report.warn(place, ConfigFault::RepositoryOnHosts);
        }
    }
}
