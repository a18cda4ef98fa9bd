//! How long something usually takes: the median of the last times that it ended well.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::SignedDuration;

use crate::domain::env::Env;
use crate::domain::ids::{ServiceName, SurfaceName};
use crate::domain::run::{Run, RunKind, Step, StepKind};
use crate::engine::{Engine, Failure};

/// Good runs that are looked at.
const RUNS: u32 = 9;

/// How long the runs of a kind in an environment of a service usually take, and their steps.
#[derive(Debug, Clone, Default)]
pub struct Usual {
    /// A whole run; none: none has ended well yet.
    pub run: Option<SignedDuration>,
    /// By what a step does, to which surface, and whether it is about the release of the run.
    steps: HashMap<(StepKind, SurfaceName, bool), SignedDuration>,
}

impl Usual {
    /// Reads it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(engine: &Engine, service: &ServiceName, env: Env, kind: RunKind) -> Result<Self, Failure> {
        let good = engine.last_good_runs(service.clone(), env, kind, RUNS).await?;
        let mut steps: HashMap<_, Vec<_>> = HashMap::new();
        for step in good.iter().flat_map(|run| &run.steps) {
            let key = (step.kind, step.surface.clone(), step.is_about_release);
            steps.entry(key).or_default().push(step.took);
        }
        let steps = steps.into_iter().filter_map(|(key, times)| median(times).map(|usual| (key, usual)));
        Ok(Self { run: median(good.iter().map(|run| run.took).collect()), steps: steps.collect() })
    }

    /// How long such a step of a run usually takes; none: none has ended well yet.
    #[must_use]
    pub fn of_step(&self, run: &Run, step: &Step) -> Option<SignedDuration> {
        self.steps.get(&(step.kind, step.surface.clone(), step.about == run.release)).copied()
    }
}

/// The usual durations of the runs of a release, by what they are for.
#[derive(Debug, Clone, Default)]
pub struct UsualRuns(HashMap<(Env, RunKind), Usual>);

impl UsualRuns {
    /// Reads those of some runs of one service.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(engine: &Engine, runs: &[Run]) -> Result<Self, Failure> {
        let mut found = Self::default();
        for run in runs {
            let key = (run.environment, run.kind);
            if let Entry::Vacant(place) = found.0.entry(key) {
                place.insert(Usual::read(engine, &run.service, run.environment, run.kind).await?);
            }
        }
        Ok(found)
    }

    /// How long such a run usually takes.
    #[must_use]
    pub fn of_run(&self, run: &Run) -> Option<SignedDuration> {
        self.0.get(&(run.environment, run.kind))?.run
    }

    /// How long such a step usually takes.
    #[must_use]
    pub fn of_step(&self, run: &Run, step: &Step) -> Option<SignedDuration> {
        self.0.get(&(run.environment, run.kind))?.of_step(run, step)
    }
}

fn median(mut times: Vec<SignedDuration>) -> Option<SignedDuration> {
    times.sort_unstable();
    let middle = times.len() / 2;
    match times.len() {
        0 => None,
        count if count % 2 == 1 => Some(times[middle]),
        _ => Some((times[middle - 1] + times[middle]) / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_value_is_the_one_in_the_middle() {
        let of = |seconds: &[i64]| median(seconds.iter().map(|s| SignedDuration::from_secs(*s)).collect());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some(SignedDuration::from_secs(7)));
        assert_eq!(of(&[600, 1, 3]), Some(SignedDuration::from_secs(3)));
        assert_eq!(of(&[1, 3]), Some(SignedDuration::from_secs(2)));
    }
}
