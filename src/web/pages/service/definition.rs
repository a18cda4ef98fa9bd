//! How a service is defined, and how that changed.

use crate::domain::service::Service;
use crate::store::definitions;
use crate::web::Web;
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
    pub revisions: Vec<Revision>,
}

/// A change of it.
pub(super) struct Revision {
    pub number: i64,
    pub at: When,
    /// Beside what was before; none of the first that is known.
    pub changes: Option<Vec<diff::Line>>,
}

impl Definition {
    /// None of a service that is not known any more.
    pub async fn read(web: &Web, viewer: &Viewer, service: &Service) -> Result<Option<Self>, Fault> {
        let name = service.name.clone();
        let Some(text) = web.engine.catalog().definition(&name) else { return Ok(None) };
        let found = web.engine.read(move |conn| definitions::revisions(conn, &name, REVISIONS + 1)).await?;
        let before = found.iter().skip(1).map(Some).chain([None]);
        let revisions = found.iter().zip(before).take(REVISIONS as usize).map(|(revision, before)| Revision {
            number: revision.number,
            at: viewer.looks.when(revision.at, viewer.now),
            changes: before.map(|before| diff::between(&before.text, &revision.text)),
        });
        Ok(Some(Self { text, retired: service.retired, revisions: revisions.collect() }))
    }
}
