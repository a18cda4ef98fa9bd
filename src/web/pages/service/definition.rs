//! How a service is defined, and how that changed.

use crate::domain::ids::ServiceName;
use crate::domain::service::Service;
use crate::store::definitions;
use crate::web::Web;
use crate::web::api::definitions as api;
use crate::web::pages::diff;
use crate::web::pages::fault::Fault;
use crate::web::pages::frame::When;
use crate::web::pages::viewer::Viewer;

/// Changes that are shown.
const REVISIONS: u32 = 10;

/// How a service is defined.
pub(super) struct Definition {
    pub text: String,
    pub retired: bool,
    /// It is defined in the dashboard.
    pub is_here: bool,
    /// Why it is put aside there.
    pub problem: Option<String>,
    pub revisions: Vec<Revision>,
}

/// A change of it.
pub(super) struct Revision {
    pub number: i64,
    pub at: When,
    /// Who made it; none: it was read from the file.
    pub by: Option<String>,
    /// As it was written in the dashboard.
    pub written: Option<String>,
    /// The viewer may go on from it.
    pub may_take: bool,
    /// Beside what was before; none of the first that is known.
    pub changes: Option<Vec<diff::Line>>,
}

impl Definition {
    /// None of a service that is not known any more.
    pub async fn read(web: &Web, viewer: &Viewer, service: &Service) -> Result<Option<Self>, Fault> {
        let Some(text) = web.engine.catalog().definition(&service.name) else { return Ok(None) };
        let defined = api::defined(web, &service.name).await?;
        let (is_here, problem) = (defined.is_some(), defined.and_then(|defined| defined.problem));
        let revisions = revisions(web, viewer, &service.name).await?;
        Ok(Some(Self { text, retired: service.retired, is_here, problem, revisions }))
    }
}

/// How the definition of a service changed.
pub(super) async fn revisions(web: &Web, viewer: &Viewer, service: &ServiceName) -> Result<Vec<Revision>, Fault> {
    let name = service.clone();
    let found = web.engine.read(move |conn| definitions::revisions(conn, &name, REVISIONS + 1)).await?;
    let in_file = api::defined(web, service).await?.is_none()
        && web.engine.catalog().service(service).is_some_and(|service| !service.retired);
    let may_take = !in_file && web.engine.may_define(&viewer.actor).is_ok();
    let before = found.iter().skip(1).map(Some).chain([None]);
    let revisions = found.iter().zip(before).take(REVISIONS as usize).map(|(revision, before)| Revision {
        number: revision.number,
        at: viewer.looks.when(revision.at, viewer.now),
        by: revision.by.clone(),
        written: revision.written.clone(),
        may_take: may_take && revision.written.is_some(),
        changes: before.map(|before| diff::between(&before.text, &revision.text)),
    });
    Ok(revisions.collect())
}
