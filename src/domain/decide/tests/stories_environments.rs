//! Environments are a set: a third one works beside stage and production.

use super::sim::*;
use crate::domain::cause::Code;
use crate::domain::command::{Command, Outcome, Settled};
use crate::domain::env::Env;
use crate::domain::ids::{HostName, ReleaseId, RunId};
use crate::domain::person::Actor;
use crate::domain::plan::Planner;
use crate::domain::run::{RunKind, RunState};
use crate::domain::status::Status::*;
use crate::domain::world::NewRun;

const PREVIEW: Env = Env::Preview(ReleaseId(1));

fn with_a_preview() -> Sim {
    Sim::with(|service| {
        let like_stage = service.stage().clone();
        service.environments.insert(PREVIEW, like_stage);
    })
}

/// A run in the preview of a release, as whatever will decide about previews begins it.
fn preview(w: &mut Sim, release: ReleaseId) -> RunId {
    let mut world = w.world();
    let of = &w.releases[&release];
    let planner = Planner {
        service: &w.service,
        environment: PREVIEW,
        kind: RunKind::Deploy,
        run: Some(world.next_run),
        without: &[],
    };
    let steps = planner.forward(of, None).unwrap();
    let run = world.create_run(NewRun {
        release,
        environment: PREVIEW,
        kind: RunKind::Deploy,
        housekeeping: false,
        from: None,
        to: of.version(),
        steps,
    });
    let left = Left::of(world);
    w.write(left);
    run
}

#[test]
fn a_release_has_a_live_run_in_each_environment() {
    let mut w = with_a_preview();
    let r = w.release("v1.0.0");
    let run = preview(&mut w, r);
    assert_eq!((w.live(PREVIEW), w.live(STAGE).is_some()), (Some(run), true));
    w.ends_well(PREVIEW);
    assert_eq!((w.runs_what(PREVIEW), w.runs_what(STAGE)), (Some(r), None));
    assert_eq!(w.status(r), Initiated, "a preview moves no release");
    w.stage_ends_well();
    w.everybody_approves(r);
    w.production_ends_well();
    assert_eq!((w.status(r), w.runs_what(PRODUCTION)), (Deployed, Some(r)));
}

#[test]
fn a_preview_that_fails_holds_up_nothing() {
    let mut w = with_a_preview();
    let r = w.release("v1.0.0");
    let run = preview(&mut w, r);
    w.ends_at(PREVIEW, 1, Outcome::Exited(1));
    assert!(matches!(w.runs[&run].state, RunState::Failed { .. }));
    assert_eq!(w.runs_what(PREVIEW), None);
    w.stage_ends_well();
    assert_eq!(w.status(r), ManualTesting);
}

#[test]
fn a_release_whose_preview_is_at_work_can_be_cancelled() {
    let mut w = with_a_preview();
    let r = w.release("v1.0.0");
    w.stage_ends_well();
    let run = preview(&mut w, r);
    w.works_until(PREVIEW, 1);
    w.admin(Command::Cancel { release: r, reason: "not wanted".into() });
    assert_eq!((w.status(r), w.live(PREVIEW)), (Cancelled, Some(run)));
    w.ends_well(PREVIEW);
    assert_eq!(w.status(r), Cancelled);
}

#[test]
fn an_admin_says_what_a_preview_runs_but_not_of_one_that_is_not_there() {
    let mut w = with_a_preview();
    let r = w.ship("v1.0.0");
    let settle = |environment| Command::Settle { environment, runs: Settled::Release(r), reason: "looked".into() };
    w.environments.get_mut(&PREVIEW).unwrap().unknown =
        Some(crate::domain::environment::UnknownState { reason: "the database was restored".into(), since: w.now });
    w.admin(settle(PREVIEW));
    assert_eq!(w.runs_what(PREVIEW), Some(r));
    let (environment, host) = (Env::Preview(ReleaseId(9)), HostName::local());
    for command in [
        settle(environment),
        Command::GiveUpHost { environment, host: host.clone(), reason: "gone".into() },
        Command::CatchUpHost { environment, host: host.clone() },
    ] {
        assert_eq!(w.admin_refused(command).code, Code::NotFound);
    }
    assert_eq!(w.refused(&Actor::Machine, Command::HostBack { environment, host }).code, Code::NotFound);
}
