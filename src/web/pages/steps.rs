//! A step in a list: on the page of its release, and on that of its run.

use super::tone::Tone;
use super::viewer::Viewer;
use super::words::release as words;
use crate::domain::run::{Action, Run, Step, StepState};

/// A step.
pub(super) struct StepLine {
    pub index: u32,
    pub title: String,
    pub host: String,
    pub tone: Tone,
    pub took: Option<String>,
    /// With which exit status its command ended.
    pub exit: Option<i32>,
    /// How long such steps usually take, where it has begun or is to come.
    pub usually: Option<String>,
    pub why: Option<String>,
}

/// The steps of a run, and apart from them those that never began, once it has ended: what is said of them, and their titles.
pub(super) fn unbegun<'r>(run: &'r Run, viewer: &Viewer) -> (Option<(String, Vec<String>)>, Vec<&'r Step>) {
    let (left, begun): (Vec<_>, Vec<_>) =
        run.steps.iter().partition(|step| !run.state.is_live() && step.state == StepState::Pending);
    let said = words::of(viewer.looks.language).unbegun(left.len());
    let titles = left.iter().map(|step| StepLine::title(step, viewer)).collect();
    ((!left.is_empty()).then_some((said, titles)), begun)
}

impl StepLine {
    pub fn of(run: &Run, step: &Step, usually: Option<String>, viewer: &Viewer) -> Self {
        let looks = &viewer.looks;
        // Of a step that never runs, it tells nothing.
        let is_to_come = run.state.is_live() && step.state == StepState::Pending;
        let end = step.ended_at.or((step.state == StepState::Running).then_some(viewer.now));
        Self {
            index: step.index,
            title: Self::title(step, viewer),
            host: if step.host.is_local() { String::new() } else { step.host.to_string() },
            tone: Tone::from(&step.state),
            took: step.started_at.zip(end).map(|(start, end)| looks.lasting(start, end)),
            exit: match &step.state {
                StepState::Succeeded if matches!(step.action, Action::Command { .. }) => Some(0),
                StepState::Failed { exit, .. } => *exit,
                StepState::Pending
                | StepState::Running
                | StepState::Succeeded
                | StepState::Stopped
                | StepState::Skipped { .. }
                | StepState::Unknown { .. } => None,
            },
            usually: usually.filter(|_| step.started_at.is_some() || is_to_come),
            why: step.state.trouble().map(|reason| looks.sentence(&looks.language.reason(reason))),
        }
    }

    /// What it does, and to which surface.
    pub fn title(step: &Step, viewer: &Viewer) -> String {
        format!("{} · {}", viewer.looks.language.step(step.kind), step.surface)
    }
}
