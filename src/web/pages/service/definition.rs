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
use crate::web::pages::words;

/// Changes that are shown.
const REVISIONS: u32 = 10;

/// How a service is defined.
pub(super) struct Definition {
    pub text: String,
    pub retired: bool,
    /// It is defined in the dashboard.
    pub is_here: bool,
    /// The viewer may change it there.
    pub may_edit: bool,
    /// Since when it is defined in the file and not in the dashboard any more.
    pub moved: Option<When>,
    /// That what is wrong with it is told in English.
    pub in_english: Option<&'static str>,
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
    /// The service was removed.
    pub is_removal: bool,
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
        let in_english = words::definition::of(viewer.looks.language).in_english;
        let may_edit = is_here && web.engine.may_define(&viewer.actor).is_ok();
        let moved = moved(&revisions).filter(|_| !is_here && !service.retired).cloned();
        Ok(Some(Self { text, retired: service.retired, is_here, may_edit, moved, in_english, problem, revisions }))
    }
}

/// What one changed of the other: as they were written, if that tells; as RMM understood them otherwise.
fn changes(before: &definitions::Revision, after: &definitions::Revision) -> Vec<diff::Line> {
    let written = before.written.as_ref().zip(after.written.as_ref()).filter(|(one, other)| one != other);
    let (one, other) = written.unwrap_or((&before.text, &after.text));
    diff::between(one, other)
}

/// Since when the file has what the dashboard had before, as far as these changes tell: the newest come first.
pub(super) fn moved(revisions: &[Revision]) -> Option<&When> {
    let of_file = revisions.iter().take_while(|revision| revision.written.is_none() && !revision.is_removal).last()?;
    let before = revisions.iter().find(|revision| revision.number + 1 == of_file.number)?;
    before.written.is_some().then_some(&of_file.at)
}

/// How the definition of a service changed.
pub(super) async fn revisions(web: &Web, viewer: &Viewer, service: &ServiceName) -> Result<Vec<Revision>, Fault> {
    let name = service.clone();
    let found = web.engine.read(move |conn| definitions::revisions(conn, &name, REVISIONS + 1)).await?;
    let in_file = api::defined(web, service).await?.is_none() && web.engine.catalog().is_in_force(service);
    let may_take = !in_file && web.engine.may_define(&viewer.actor).is_ok();
    let before = found.iter().skip(1).map(Some).chain([None]);
    let revisions = found.iter().zip(before).take(REVISIONS as usize).map(|(revision, before)| Revision {
        number: revision.number,
        at: viewer.looks.when(revision.at, viewer.now),
        by: revision.by.clone(),
        is_removal: revision.is_removal(),
        written: revision.written.clone(),
        may_take: may_take && revision.written.is_some(),
        changes: before.map(|before| changes(before, revision)),
    });
    Ok(revisions.collect())
}
