//! What an address names: a run, a step, the service of a filter.

use super::fault::Fault;
use super::viewer::Viewer;
use super::words::missing::Missing;
use crate::domain::ids::{RunId, ServiceName};
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

/// The service that a filter names; an empty name: all of them. One that is not there is no reason to show what others do.
pub(super) fn service(services: &[ServiceName], name: &str) -> Result<Option<ServiceName>, Fault> {
    if name.is_empty() {
        return Ok(None);
    }
    let known = services.iter().find(|known| known.as_str() == name);
    known.map(|known| Some(known.clone())).ok_or_else(|| Missing::Service(name.to_owned()).into())
}
