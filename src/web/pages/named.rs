//! The run and the step that an address names.

use super::fault::Fault;
use super::viewer::Viewer;
use super::words::missing::Missing;
use crate::domain::ids::RunId;
use crate::domain::person::Right;
use crate::domain::run::{Run, Step};
use crate::store::runs;
use crate::web::Web;

/// The run that an address names, for a viewer who may read it.
pub(super) async fn run(web: &Web, viewer: &Viewer, id: &str) -> Result<Run, Fault> {
    let missing = || Missing::Run(id.to_owned());
    let number: i64 = id.parse().map_err(|_| missing())?;
    let run = web.engine.read(move |conn| runs::get(conn, RunId(number))).await?.ok_or_else(missing)?;
    viewer.actor.may(Right::Read, Some(&run.service), false)?;
    Ok(run)
}

/// A step of a run.
pub(super) fn step(run: &Run, index: u32) -> Result<&Step, Fault> {
    let step = run.steps.iter().find(|step| step.index == index);
    step.ok_or_else(|| Missing::Step { run: run.id, step: index }.into())
}
