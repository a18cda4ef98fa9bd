//! A world in memory for stories: it loads, decides and writes as the store does, plays the one who follows runs, and
//! checks after every command what must always hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::hosts::Hosts;
use crate::domain::approval::{Verdict, Vote};
use crate::domain::command::{Answer, Command, NewRelease, Outcome, Resolution, RollbackTo};
use crate::domain::decide::decide;
use crate::domain::effect::Effect;
use crate::domain::env::Env;
use crate::domain::environment::{AnotherCopy, EnvironmentState};
use crate::domain::event::Event;
use crate::domain::gate::{self, Gate, GateName};
use crate::domain::ids::{Commit, PersonName, ReleaseId, RunId, ServiceName, SurfaceName, Tag};
use crate::domain::person::{Actor, Door, Person, Role};
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::{CiRun, Release, Reporter, Shown};
use crate::domain::run::{Run, RunState, Step, StepKind};
use crate::domain::service::{
    Approvals, Dirty, Driver, Environment, Health, Order, Probe, Recipe, Service, Surface, Via,
};
use crate::domain::status::Status;
use crate::domain::world::{Happened, People, World};
use crate::wording::{Language, english};

mod laws;
mod store;

pub use store::Left;

pub const STAGE: Env = Env::Stage;
pub const PRODUCTION: Env = Env::Production;

#[derive(Clone)]
pub struct Sim {
    pub service: Service,
    pub people: People,
    pub now: Timestamp,
    /// How far the clock on the wall was set ahead of the time that has passed.
    pub uptime_lags: SignedDuration,
    pub releases: BTreeMap<ReleaseId, Release>,
    pub votes: Vec<Vote>,
    pub runs: BTreeMap<RunId, Run>,
    pub environments: BTreeMap<Env, EnvironmentState>,
    pub another_copy: Option<AnotherCopy>,
    pub effects: Vec<Effect>,
    pub record: Vec<Happened>,
    pub hosts: Hosts,
    /// CI runs that have created releases of other services.
    pub elsewhere: Vec<String>,
    /// The rule under which a vote closed.
    closed_under: BTreeMap<ReleaseId, Approvals>,
}

pub fn tag(text: &str) -> Tag {
    Tag::parse("tag", text).unwrap()
}

pub fn person(name: &str) -> PersonName {
    PersonName::parse("name", name).unwrap()
}

/// A commit that is made up from a text, and so always the same for it.
pub fn commit(text: &str) -> Commit {
    let digits = hex::encode(text);
    Commit::parse("commit", format!("{digits:0<40}")[..40].to_owned()).unwrap()
}

pub fn ci_run(id: &str, attempt: u32) -> CiRun {
    CiRun { id: id.into(), attempt, url: None, git_ref: None }
}

pub fn reporter(id: &str, attempt: Option<u32>) -> Reporter {
    Reporter { shown: Shown::Nowhere, ..Reporter::of(id.into(), attempt, None) }
}

pub fn ci() -> Actor {
    Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() }
}

pub fn surface(name: &str) -> Surface {
    Surface {
        name: SurfaceName::parse("surface", name).unwrap(),
        recipe: Recipe::Commands,
        hosts: Vec::new(),
        order: Order::Parallel,
        project: None,
        keep: 2,
        min_free: None,
        before_deploy: None,
        after_deploy: None,
        logs: None,
        directory: Some(format!("/srv/{name}")),
        checkout: true,
        dirty: Dirty::Keep,
        deploy: "docker compose up -d --build".into(),
        migrate_up: Some("./migrate up".into()),
        migrate_down: Some("./migrate down {{ target.tag }}".into()),
        health: Some(Health {
            probe: Probe::Http {
                url: "http://127.0.0.1/health".into(),
                via: Via::Host,
                status: None,
                body: None,
                ca: None,
            },
            wait: Duration::from_secs(15),
            attempts: 5,
            interval: Duration::from_secs(20),
            timeout: Duration::from_secs(5),
        }),
        env: BTreeMap::new(),
        step_timeout: Duration::from_secs(600),
    }
}

pub fn ci_driver() -> Driver {
    Driver::Ci { workflow: None, rollback_workflow: None, report_timeout: Duration::from_secs(3600) }
}

/// Workflows of GitHub that RMM starts deploy to production, and roll it back.
pub fn by_workflows(service: &mut Service) {
    in_ci(service, PRODUCTION);
    service.environments.get_mut(&PRODUCTION).unwrap().driver = Driver::Ci {
        workflow: Some("deploy.yaml".into()),
        rollback_workflow: Some("back.yaml".into()),
        report_timeout: Duration::from_secs(3600),
    };
}

/// A CI system runs an environment.
pub fn in_ci(service: &mut Service, env: Env) {
    service.environments.get_mut(&env).unwrap().driver = ci_driver();
}

fn people() -> People {
    [
        ("ann", Role::Member),
        ("bob", Role::Member),
        ("cid", Role::Member),
        ("mia", Role::Member),
        ("vic", Role::Viewer),
        ("root", Role::Admin),
    ]
    .into_iter()
    .map(|(name, role)| {
        let github = (name == "mia").then(|| "mia-gh".to_owned());
        (
            person(name),
            Person { name: person(name), telegram_id: None, telegram_username: None, github, role, groups: Vec::new() },
        )
    })
    .collect()
}

impl Sim {
    /// A service that RMM runs itself on stage and in production; ann, bob and cid must approve.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Service)) -> Self {
        let environment =
            Environment { driver: Driver::Local, surfaces: BTreeMap::new(), run_timeout: Duration::from_secs(7200) };
        let mut service = Service {
            retired: false,
            put_aside: false,
            was: None,
            known_as: None,
            maybe_was: None,
            repository_ca: None,
            candidates: crate::domain::service::Candidates::Call,
            oidc: None,
            protection_rule: None,
            name: ServiceName::parse("service", "shop").unwrap(),
            repository: Some("Org/shop".into()),
            approvals: Approvals {
                required: ["ann", "bob", "cid"].map(person).to_vec(),
                minimum: 3,
                forbid_self: false,
                auto_promote: true,
            },
            supersede: false,
            surfaces: vec![surface("api")],
            environments: Env::LASTING.map(|env| (env, environment.clone())).into(),
        };
        change(&mut service);
        let environments = service.environments.keys().map(|env| (*env, EnvironmentState::new(*env))).collect();
        Self {
            service,
            people: people(),
            now: "2025-01-01T00:00:00Z".parse().unwrap(),
            uptime_lags: SignedDuration::ZERO,
            releases: BTreeMap::new(),
            votes: Vec::new(),
            runs: BTreeMap::new(),
            environments,
            another_copy: None,
            effects: Vec::new(),
            record: Vec::new(),
            hosts: Hosts::default(),
            elsewhere: Vec::new(),
            closed_under: BTreeMap::new(),
        }
    }

    /// A service that a CI system runs everywhere.
    pub fn in_ci() -> Self {
        Self::with(|service| {
            in_ci(service, STAGE);
            in_ci(service, PRODUCTION);
        })
    }

    pub fn actor(&self, name: &str) -> Actor {
        let role = self.people[&person(name)].role;
        Actor::Person { name: person(name), role, door: Door::Telegram }
    }

    // ---- what a story says

    pub fn new_release(&self, name: &str) -> NewRelease {
        NewRelease {
            tag: Some(tag(name)),
            commit: Some(commit(name)),
            commit_checked: true,
            attempt_told: true,
            ..NewRelease::of(self.service.name.clone(), "dev".into())
        }
    }

    pub fn release(&mut self, name: &str) -> ReleaseId {
        let new = self.new_release(name);
        self.create(new)
    }

    pub fn create(&mut self, new: NewRelease) -> ReleaseId {
        match self.ok(&ci(), Command::Create(new)) {
            Answer::Release { id, .. } => id,
            other => panic!("{other:?}"),
        }
    }

    pub fn approve(&mut self, who: &str, release: ReleaseId) {
        self.ok(&self.actor(who), Command::Approve { release, seen: None });
    }

    pub fn everybody_approves(&mut self, release: ReleaseId) {
        for who in ["ann", "bob", "cid"] {
            self.approve(who, release);
        }
    }

    pub fn report(&mut self, release: ReleaseId, status: Status) {
        self.ok(&ci(), Command::Report { release, status, ci_run: None });
    }

    pub fn report_refused(&mut self, release: ReleaseId, status: Status) -> Refusal {
        self.refused(&ci(), Command::Report { release, status, ci_run: None })
    }

    pub fn admin(&mut self, command: Command) -> Answer {
        self.ok(&self.actor("root"), command)
    }

    pub fn admin_refused(&mut self, command: Command) -> Refusal {
        self.refused(&self.actor("root"), command)
    }

    pub fn lock(&mut self) {
        self.admin(Command::Lock { reason: "audit".into() });
    }

    pub fn unlock(&mut self) {
        self.admin(Command::Unlock);
    }

    pub fn resolve(&mut self, run: RunId, verdict: Resolution) {
        self.admin(Command::Resolve { run, verdict, reason: "looked".into() });
    }

    /// Release, stage, approvals, production: all well.
    pub fn ship(&mut self, name: &str) -> ReleaseId {
        let release = self.release(name);
        self.stage_ends_well();
        self.everybody_approves(release);
        self.production_ends_well();
        assert_eq!(self.status(release), Status::Deployed);
        release
    }

    pub fn stage_ends_well(&mut self) {
        self.ends_well(STAGE);
    }

    pub fn production_ends_well(&mut self) {
        self.ends_well(PRODUCTION);
    }

    /// Follows every run of an environment to a good end, until there is none left.
    pub fn ends_well(&mut self, kind: Env) {
        for _ in 0..50 {
            if self.live(kind).is_none() {
                return;
            }
            self.follow(kind, |_| Some(Outcome::Exited(0)));
        }
        panic!("{kind} does not come to rest");
    }

    /// Follows the run that is live: each step ends as told; none leaves the step at work.
    pub fn follow(&mut self, kind: Env, mut ends: impl FnMut(&Step) -> Option<Outcome>) -> RunId {
        let run = self.live(kind).expect("a run is live");
        let mut next = self.start_step(run);
        while let Some(index) = next {
            let Some(outcome) = ends(&self.runs[&run].steps[index as usize]) else { return run };
            next = match self
                .ok(&Actor::Machine, Command::StepEnded { run, step: index, outcome, said: Default::default() })
            {
                // Beside it others may be at work.
                Answer::Step(next) => next.or_else(|| self.runs[&run].running_steps().next().map(|step| step.index)),
                other => panic!("{other:?}"),
            };
        }
        run
    }

    pub fn start_step(&mut self, run: RunId) -> Option<u32> {
        match self.ok(&Actor::Machine, Command::StartStep { run }) {
            Answer::Step(next) => next,
            other => panic!("{other:?}"),
        }
    }

    /// All steps end well but one.
    pub fn fails_at(&mut self, kind: Env, bad: u32) -> RunId {
        self.ends_at(kind, bad, Outcome::Exited(1))
    }

    pub fn ends_at(&mut self, kind: Env, bad: u32, outcome: Outcome) -> RunId {
        self.follow(kind, |step| Some(if step.index == bad { outcome.clone() } else { Outcome::Exited(0) }))
    }

    /// Everything ends well before a step, which is left at work.
    pub fn works_until(&mut self, kind: Env, index: u32) -> RunId {
        self.follow(kind, |step| (step.index < index).then_some(Outcome::Exited(0)))
    }

    // ---- what a story looks at

    pub fn get(&self, release: ReleaseId) -> &Release {
        &self.releases[&release]
    }

    pub fn status(&self, release: ReleaseId) -> Status {
        self.get(release).status
    }

    pub fn reason(&self, release: ReleaseId) -> String {
        self.get(release).reason.as_ref().map(english).unwrap_or_default()
    }

    pub fn environment(&self, kind: Env) -> &EnvironmentState {
        &self.environments[&kind]
    }

    pub fn stage(&self) -> &EnvironmentState {
        self.environment(STAGE)
    }

    pub fn production(&self) -> &EnvironmentState {
        self.environment(PRODUCTION)
    }

    pub fn runs_what(&self, kind: Env) -> Option<ReleaseId> {
        self.environment(kind).current.as_ref().map(|version| version.release)
    }

    pub fn live(&self, kind: Env) -> Option<RunId> {
        self.runs.values().find(|run| run.environment == kind && run.state.is_live()).map(|run| run.id)
    }

    /// The steps of a run as `migrate_down api v1.1.0`: what, where, and whose code it is.
    pub fn steps(&self, run: RunId) -> Vec<String> {
        let line = |step: &Step| format!("{} {} {}", step.kind.as_str(), step.surface, self.get(step.about).title());
        self.runs[&run].steps.iter().map(line).collect()
    }

    /// The index of the n-th step of a kind of the live run.
    pub fn index(&self, kind: Env, of: StepKind, nth: usize) -> u32 {
        let run = &self.runs[&self.live(kind).expect("a run is live")];
        run.steps.iter().filter(|step| step.kind == of).nth(nth).expect("such a step").index
    }

    pub fn gates(&self, release: ReleaseId) -> Vec<Gate> {
        gate::explain(&self.world(), self.get(release))
    }

    pub fn unmet(&self, release: ReleaseId) -> Vec<GateName> {
        self.gates(release).into_iter().filter(|gate| !gate.met()).map(|gate| gate.name).collect()
    }

    pub fn happened(&self, matches: impl Fn(&Event) -> bool) -> usize {
        self.record.iter().filter(|happened| matches(&happened.event)).count()
    }

    pub fn passes(&mut self, time: SignedDuration) {
        self.now += time;
        self.ok(&Actor::Machine, Command::Advance);
    }

    // ---- what the store does

    pub fn ok(&mut self, actor: &Actor, command: Command) -> Answer {
        let asked = format!("{command:?}");
        self.handle(actor, command).unwrap_or_else(|refusal| panic!("{asked}: {refusal:?}"))
    }

    pub fn refused(&mut self, actor: &Actor, command: Command) -> Refusal {
        let asked = format!("{command:?}");
        self.handle(actor, command).expect_err(&asked)
    }

    pub fn handle(&mut self, actor: &Actor, command: Command) -> Result<Answer, Refusal> {
        self.now += SignedDuration::from_secs(1);
        if matches!(actor, Actor::Machine) {
            self.hosts_before(&command);
        }
        let decision = decide(self.world(), actor, command.clone());
        let mut shows = false;
        if let Err(refusal) = &decision.answer {
            assert!(!words(refusal).is_empty());
            let changes = &decision.world.changes;
            // What is refused changes nothing, but it may show that stage is no longer what it was.
            let overtaken = |id: &ReleaseId| decision.world.find(*id).and_then(|release| release.reason.clone());
            let is_overtaken = |id: &ReleaseId| matches!(overtaken(id), Some(Reason::StageOvertaken { .. }));
            let changed = |happened: &Happened| matches!(happened.event, Event::EnvironmentChanged { .. });
            shows = changes.releases.iter().any(is_overtaken) || changes.events.iter().any(changed);
            assert!(shows || (changes.releases.is_empty() && changes.runs.is_empty()));
            assert!(shows || (changes.environments.is_empty() && changes.effects.is_empty()));
            assert!(changes.votes.is_empty());
        }
        let (answer, left) = (decision.answer, Left::of(decision.world));
        self.write(left);
        if answer.is_ok() || shows {
            self.hosts_after(&command);
        }
        self.check();
        self.check_hosts();
        answer
    }

    pub fn roll_back(&mut self, release: ReleaseId, to: Option<&str>) -> Result<Answer, Refusal> {
        let to = to.map(|name| RollbackTo::Tag(tag(name)));
        let actor = self.actor("root");
        self.handle(&actor, Command::Rollback { release, to, reason: "broken".into(), force: false })
    }
}

/// A refusal as people read it.
pub fn words(refusal: &Refusal) -> String {
    let details = Language::En.details(refusal).join(" ");
    format!("{} {details}", Language::En.refusal(&refusal.cause))
}

/// v1.0.0 is in production and v1.1.0 about to go there.
pub(super) fn before_production(mut w: Sim) -> (Sim, ReleaseId, ReleaseId) {
    let old = w.ship("v1.0.0");
    let new = w.release("v1.1.0");
    w.stage_ends_well();
    w.everybody_approves(new);
    (w, old, new)
}
