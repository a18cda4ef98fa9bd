//! How well a team delivers: DORA's five measures and what RMM knows beside them, computed from what became of runs.
//!
//! The measures are those of <https://dora.dev/guides/dora-metrics-four-keys/>; what each counts here stands with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::env::Env;
use super::ids::{ReleaseId, ServiceName};
use super::run::RunKind;

/// A run that has ended, as far as it matters here. Housekeeping is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedRun {
    /// The service.
    pub service: Arc<ServiceName>,
    /// The release that it was for; of a rollback: the one that production left.
    pub release: ReleaseId,
    /// Where.
    pub environment: Env,
    /// What for.
    pub kind: RunKind,
    /// It did what it should.
    pub went_well: bool,
    /// When it was decided.
    pub created: Timestamp,
    /// When it began; none: it ended before anything was done.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Timestamp,
    /// When the tag of its release was made, or RMM first heard of it.
    pub tagged: Timestamp,
}

/// A production deploy that has ended, well or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deploy {
    /// The service.
    pub service: Arc<ServiceName>,
    /// The release.
    pub release: ReleaseId,
    /// When it ended.
    pub ended: Timestamp,
    /// From the tag to the end; none where it failed.
    pub lead: Option<SignedDuration>,
    /// How long each part took, as far as it is known; on stage, as far as it went well.
    pub phases: Phases,
    /// That it failed, or was rolled back later.
    pub failure: Option<Failure>,
    /// It is the first one after a failure: it mends.
    pub is_rework: bool,
}

/// How long the parts of a release took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    /// The stage deploy.
    pub stage: Option<SignedDuration>,
    /// The rehearsal of the rollback.
    pub rehearsal: Option<SignedDuration>,
    /// From the end of the last of these to the decision to deploy to production: people and other gates.
    pub approval: Option<SignedDuration>,
    /// The production deploy.
    pub production: Option<SignedDuration>,
}

/// A production deploy that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// When that was seen: the deploy ended badly, or the rollback was decided.
    pub seen: Timestamp,
    /// When a run in production ended well after it; none: not yet.
    pub recovered: Option<Timestamp>,
}

/// Something that happened to a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// The service.
    pub service: Arc<ServiceName>,
    /// The release.
    pub release: ReleaseId,
    /// When.
    pub at: Timestamp,
}

/// What became of runs, told apart.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Production deploys, by their end.
    pub deploys: Vec<Deploy>,
    /// Rollbacks of production that ended, by their end.
    pub rollbacks: Vec<Happened>,
    /// Rehearsals that ended badly: what would have failed in production.
    pub caught: Vec<Happened>,
}

/// What is remembered of a service while its runs are read.
#[derive(Default)]
struct Line {
    /// Deploys that failed, and production is not well again.
    open: Vec<usize>,
    /// The last deploy failed, or was rolled back.
    is_to_mend: bool,
}

/// What is remembered of a release.
#[derive(Default)]
struct Way {
    phases: Phases,
    /// When the last run on stage ended.
    on_stage: Option<Timestamp>,
    /// Its last production deploy.
    deploy: Option<usize>,
}

impl History {
    /// Of runs in the order of their end.
    pub fn of(runs: impl IntoIterator<Item = EndedRun>) -> Self {
        let mut history = Self::default();
        let mut lines: HashMap<Arc<ServiceName>, Line> = HashMap::new();
        let mut ways: HashMap<ReleaseId, Way> = HashMap::new();
        for run in runs {
            let way = ways.entry(run.release).or_default();
            match (run.environment, run.kind) {
                (Env::Stage, RunKind::Deploy | RunKind::Rehearsal) => history.on_stage(&run, way),
                (Env::Production, RunKind::Deploy) => {
                    history.deployed(&run, way, lines.entry(Arc::clone(&run.service)).or_default());
                }
                (Env::Production, RunKind::Rollback) => {
                    history.went_back(&run, way, lines.entry(Arc::clone(&run.service)).or_default());
                }
                (Env::Stage | Env::Preview(_), _) | (Env::Production, RunKind::Rehearsal | RunKind::Drill) => {}
            }
        }
        history
    }

    fn on_stage(&mut self, run: &EndedRun, way: &mut Way) {
        way.on_stage = Some(run.ended);
        let took = run.took().filter(|_| run.went_well);
        if run.kind == RunKind::Deploy {
            // Another attempt: what came before belongs to none that reaches production.
            way.phases = Phases { stage: took, ..Phases::default() };
        } else {
            way.phases.rehearsal = took;
            if !run.went_well && run.started.is_some() {
                self.caught.push(run.happened());
            }
        }
    }

    fn deployed(&mut self, run: &EndedRun, way: &mut Way, line: &mut Line) {
        // One that ended before it began has touched nothing.
        let Some(took) = run.took() else { return };
        let waited = way.on_stage.map(|stage| run.created.duration_since(stage)).filter(|waited| !waited.is_negative());
        let at = self.deploys.len();
        let failure = (!run.went_well).then_some(Failure { seen: run.ended, recovered: None });
        self.deploys.push(Deploy {
            service: Arc::clone(&run.service),
            release: run.release,
            ended: run.ended,
            lead: run.went_well.then(|| run.ended.duration_since(run.tagged).max(SignedDuration::ZERO)),
            phases: Phases { approval: waited, production: Some(took), ..way.phases },
            failure,
            is_rework: line.is_to_mend,
        });
        way.deploy = Some(at);
        line.is_to_mend = !run.went_well;
        if run.went_well {
            self.recovered(run.ended, line);
        } else {
            line.open.push(at);
        }
    }

    fn went_back(&mut self, run: &EndedRun, way: &Way, line: &mut Line) {
        self.rollbacks.push(run.happened());
        line.is_to_mend = true;
        if let Some(at) = way.deploy
            && self.deploys[at].failure.is_none()
        {
            self.deploys[at].failure = Some(Failure { seen: run.created, recovered: None });
            line.open.push(at);
        }
        if run.went_well {
            self.recovered(run.ended, line);
        }
    }

    fn recovered(&mut self, at: Timestamp, line: &mut Line) {
        for open in line.open.drain(..) {
            if let Some(failure) = &mut self.deploys[open].failure {
                failure.recovered = Some(at);
            }
        }
    }
}

impl EndedRun {
    fn took(&self) -> Option<SignedDuration> {
        self.started.map(|started| self.ended.duration_since(started).max(SignedDuration::ZERO))
    }

    fn happened(&self) -> Happened {
        Happened { service: Arc::clone(&self.service), release: self.release, at: self.ended }
    }
}

impl Deploy {
    /// From the failure to production being well again.
    #[must_use]
    pub fn recovery(&self) -> Option<SignedDuration> {
        let failure = self.failure?;
        failure.recovered.map(|recovered| recovered.duration_since(failure.seen).max(SignedDuration::ZERO))
    }
}

/// The measures of some time. Durations are medians; none: nothing to measure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measures {
    /// Production deploys that ended.
    pub deploys: usize,
    /// Those of them that failed, or were rolled back later.
    pub failed: usize,
    /// Those of them that mended an earlier failure.
    pub rework: usize,
    /// Rollbacks of production.
    pub rollbacks: usize,
    /// Rehearsals that caught something.
    pub caught: usize,
    /// From the tag to production.
    pub lead: Option<SignedDuration>,
    /// Nine of ten were as quick as that.
    pub slow_lead: Option<SignedDuration>,
    /// From a failure to production being well again.
    pub recovery: Option<SignedDuration>,
    /// The parts.
    pub phases: Phases,
}

impl Measures {
    /// Of these deploys, with so many rollbacks and rehearsals that caught something.
    #[must_use]
    pub fn of(deploys: &[&Deploy], rollbacks: usize, caught: usize) -> Self {
        let all = |of: &dyn Fn(&Deploy) -> Option<SignedDuration>| {
            let mut found: Vec<_> = deploys.iter().filter_map(|deploy| of(deploy)).collect();
            found.sort_unstable();
            found
        };
        let median = |of: &dyn Fn(&Deploy) -> Option<SignedDuration>| quantile(&all(of), 0.5);
        let leads = all(&|deploy| deploy.lead);
        Self {
            deploys: deploys.len(),
            failed: deploys.iter().filter(|deploy| deploy.failure.is_some()).count(),
            rework: deploys.iter().filter(|deploy| deploy.is_rework).count(),
            rollbacks,
            caught,
            lead: quantile(&leads, 0.5),
            slow_lead: quantile(&leads, 0.9),
            recovery: median(&Deploy::recovery),
            phases: Phases {
                stage: median(&|deploy| deploy.phases.stage),
                rehearsal: median(&|deploy| deploy.phases.rehearsal),
                approval: median(&|deploy| deploy.phases.approval),
                // One that failed may have ended anywhere on its way.
                production: median(&|deploy| deploy.phases.production.filter(|_| deploy.lead.is_some())),
            },
        }
    }

    /// The share of deploys that failed, from 0 to 1; none without deploys.
    #[must_use]
    pub fn failure_rate(&self) -> Option<f64> {
        share(self.failed, self.deploys)
    }

    /// The share of deploys that mended an earlier failure, from 0 to 1; none without deploys.
    #[must_use]
    pub fn rework_rate(&self) -> Option<f64> {
        share(self.rework, self.deploys)
    }
}

#[expect(clippy::cast_precision_loss, reason = "so many deploys there never are")]
fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// The value below which a share of the sorted values lies: between two of them, the middle.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn quantile(sorted: &[SignedDuration], share: f64) -> Option<SignedDuration> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below).mul_f64(place.fract()))
}

/// The measures of a period, beside those of the one before, of everything and of each service.
#[derive(Debug, Clone, Default)]
pub struct Insights {
    /// Where its parts begin and end, one more than there are parts.
    pub bounds: Vec<Timestamp>,
    /// Everything.
    pub all: Compared,
    /// Each service that had something, by name.
    pub services: BTreeMap<Arc<ServiceName>, Compared>,
    /// Everything, part by part.
    pub parts: Vec<Measures>,
    /// The last rehearsals of the period that caught something, the newest first.
    pub caught: Vec<Happened>,
}

/// Measures beside those of the period before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// Those of the period.
    pub now: Measures,
    /// Those of the one before.
    pub before: Measures,
}

/// Of the rehearsals that caught something, this many are named.
const CAUGHT: usize = 10;

impl Insights {
    /// Of a period in parts with these bounds, and the one before it, which is as long.
    #[must_use]
    pub fn of(history: &History, bounds: Vec<Timestamp>) -> Self {
        let [Some(&from), Some(&to)] = [bounds.first(), bounds.last()] else { return Self::default() };
        let before = from.saturating_sub(to.duration_since(from)).unwrap_or(from);
        let mut services: BTreeMap<Arc<ServiceName>, Compared> = BTreeMap::new();
        for (service, measures) in history.by_service(from, to) {
            services.entry(service).or_default().now = measures;
        }
        for (service, measures) in history.by_service(before, from) {
            services.entry(service).or_default().before = measures;
        }
        let parts = bounds.windows(2).map(|part| history.measures(part[0], part[1])).collect();
        let caught = happened(&history.caught, from, to).iter().rev();
        Self {
            all: Compared { now: history.measures(from, to), before: history.measures(before, from) },
            caught: caught.take(CAUGHT).cloned().collect(),
            services,
            parts,
            bounds,
        }
    }
}

impl History {
    /// The measures of a time.
    #[must_use]
    pub fn measures(&self, from: Timestamp, to: Timestamp) -> Measures {
        let deploys: Vec<_> = self.within(from, to).collect();
        Measures::of(&deploys, happened(&self.rollbacks, from, to).len(), happened(&self.caught, from, to).len())
    }

    /// The measures of each service that had something in a time.
    fn by_service(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Arc<ServiceName>, Measures)> {
        let mut services: HashMap<Arc<ServiceName>, (Vec<&Deploy>, usize, usize)> = HashMap::new();
        for deploy in self.within(from, to) {
            services.entry(Arc::clone(&deploy.service)).or_default().0.push(deploy);
        }
        for rollback in happened(&self.rollbacks, from, to) {
            services.entry(Arc::clone(&rollback.service)).or_default().1 += 1;
        }
        for caught in happened(&self.caught, from, to) {
            services.entry(Arc::clone(&caught.service)).or_default().2 += 1;
        }
        services
            .into_iter()
            .map(|(service, (deploys, rollbacks, caught))| (service, Measures::of(&deploys, rollbacks, caught)))
    }

    /// The deploys that ended within a time.
    pub fn within(&self, from: Timestamp, to: Timestamp) -> impl DoubleEndedIterator<Item = &Deploy> {
        let first = self.deploys.partition_point(|deploy| deploy.ended < from);
        let end = self.deploys.partition_point(|deploy| deploy.ended < to);
        self.deploys[first..end.max(first)].iter()
    }
}

/// What happened within a time, of what is sorted by it.
fn happened(all: &[Happened], from: Timestamp, to: Timestamp) -> &[Happened] {
    let (first, end) = (all.partition_point(|one| one.at < from), all.partition_point(|one| one.at < to));
    &all[first..end.max(first)]
}

#[cfg(test)]
mod tests;
