//! A run on a screen of its own: one whose end is not known, or after which its environment needs repair.

use super::alert::Trail;
use super::facts::ReleaseFacts;
use super::pen::Pen;
use super::run::{self, RunFacts};
use super::scene::Scene;
use super::{Drawn, missing};
use crate::bot::alerts::last_trace;
use crate::bot::screen::{Screen, Tap};
use crate::bot::words::facts;
use crate::clients::telegram::Text;
use crate::domain::command::Resolution;
use crate::domain::env::Env;
use crate::domain::ids::RunId;
use crate::domain::run::{Run, RunKind, RunState};
use crate::engine::Failure;
use crate::store::runs;

/// Lines of the output of the step to blame.
const LINES: usize = 10;

/// A run, its release, and what is to be settled about it.
struct Stuck {
    run: Run,
    scene: Scene,
    unknown: bool,
    /// What its environment runs has to be said before.
    settle: bool,
    /// It has left its environment so, for this reason.
    dirty: Option<String>,
    /// It had left its environment so.
    repaired: bool,
}

impl Stuck {
    async fn read(pen: &Pen<'_>, id: RunId) -> Result<Option<Self>, Failure> {
        let Some(run) = pen.engine.read(move |conn| runs::get(conn, id)).await? else { return Ok(None) };
        let Some(scene) = Scene::read(pen, run.release, 0).await? else { return Ok(None) };
        let dirty = scene.environment(run.environment).and_then(|state| state.dirty.as_ref());
        let dirty = dirty.filter(|dirty| dirty.run == id).and_then(|dirty| pen.why(&dirty.reason));
        // A rollback that fails leaves its environment in need of repair, and so does housekeeping.
        let is_dirty = scene.environment(run.environment).is_none_or(|state| state.dirty.is_some());
        let would_leave_it = run.kind == RunKind::Rollback || run.housekeeping && !run.is_catch_up();
        let failed_back = would_leave_it && matches!(run.state, RunState::Failed { .. });
        let settle = scene.environment(run.environment).is_some_and(|state| state.unknown.is_some());
        Ok(Some(Self {
            unknown: matches!(run.state, RunState::Unknown { .. }),
            settle,
            repaired: failed_back && !settle && !is_dirty,
            run,
            scene,
            dirty,
        }))
    }

    fn can_be(&self, verdict: Resolution) -> bool {
        let ours = self
            .scene
            .overview
            .as_ref()
            .is_some_and(|overview| overview.service.environment(self.run.environment).driver.is_ours());
        if self.unknown && self.settle {
            return false;
        }
        match verdict {
            Resolution::Succeeded => self.unknown || self.dirty.is_some(),
            Resolution::Failed => self.unknown,
            // A CI system reports no more about a release that has ended.
            Resolution::Again => {
                (self.unknown || self.dirty.is_some()) && (ours || self.scene.release.status.is_active())
            }
        }
    }
}

pub(super) async fn run(pen: &Pen<'_>, id: RunId) -> Result<Drawn, Failure> {
    let Some(stuck) = Stuck::read(pen, id).await? else { return Ok(missing(pen, "run", Some(id.0))) };
    let lines = run::failure(pen, &stuck.run, LINES).await?.map(run::FailureFacts::into_lines).unwrap_or_default();
    let met = stuck.scene.overview.as_ref().and_then(|overview| overview.another_copy.as_ref());
    // Else the reason why its environment is not known says so.
    let another_copy = met.filter(|_| !stuck.settle).and_then(|met| pen.why(&met.reason));
    let trace = last_trace(pen.engine, stuck.run.release, i64::MAX).await?;
    let trail = Trail::of(pen, trace, stuck.run.ended_at.unwrap_or(pen.now));
    let facts = facts! {
        trace => trail.trace,
        trace_url => trail.trace_url,
        logs_url => trail.logs_url,
        run => RunFacts::new(pen, &stuck.run),
        release => ReleaseFacts::new(pen, &stuck.scene),
        unknown => stuck.unknown,
        settle => stuck.settle,
        kind => stuck.run.environment.to_string(),
        another_copy => another_copy,
        dirty => stuck.dirty,
        repaired => stuck.repaired,
        where => pen.place(stuck.run.environment),
        lines => lines,
    };
    let mut buttons = Vec::new();
    if pen.may_be_admin() {
        for (key, verdict) in verdicts(&stuck) {
            buttons.push(vec![pen.shows(key, Screen::ConfirmResolve(id, verdict))]);
        }
    }
    let label = pen.phrase("button.release", facts! { title => stuck.scene.release.title() });
    buttons.push(vec![super::pen::tapped(label, &Tap::Show(Screen::Release(stuck.run.release)))]);
    buttons.push(pen.way_out(&Screen::Run(id)));
    Ok(Drawn { text: Text { html: pen.html("run", facts), buttons }, about: Some(format!("run:{id}")) })
}

/// What can be said about it.
fn verdicts(stuck: &Stuck) -> Vec<(&'static str, Resolution)> {
    let well = if stuck.unknown { "button.succeeded" } else { "button.repaired" };
    [(well, Resolution::Succeeded), ("button.run_failed", Resolution::Failed), ("button.again", Resolution::Again)]
        .into_iter()
        .filter(|(_, verdict)| stuck.can_be(*verdict))
        .collect()
}

pub(super) async fn resolve(pen: &Pen<'_>, id: RunId, verdict: Resolution) -> Result<Drawn, Failure> {
    let Some(stuck) = Stuck::read(pen, id).await? else { return Ok(missing(pen, "run", Some(id.0))) };
    if !stuck.can_be(verdict) {
        return run(pen, id).await;
    }
    let word = match verdict {
        Resolution::Succeeded => "succeeded",
        Resolution::Failed => "failed",
        Resolution::Again => "again",
    };
    let facts = facts! {
        verdict => word,
        dirty => !stuck.unknown,
        run => RunFacts::new(pen, &stuck.run),
        release => ReleaseFacts::new(pen, &stuck.scene),
        where => pen.place(stuck.run.environment),
        production => stuck.run.environment == Env::Production,
        deploy => stuck.run.kind == RunKind::Deploy,
    };
    let buttons = vec![
        vec![pen.button(&format!("yes.{word}"), &Tap::Resolve(id, verdict))],
        vec![pen.shows("button.back", Screen::Run(id))],
    ];
    Ok(Drawn { text: Text { html: pen.html("resolve", facts), buttons }, about: None })
}
