//! What a workflow is given when RMM starts it.

use std::collections::BTreeMap;

use super::Look;
use crate::domain::run::RunKind;
use crate::domain::version::Version;
use crate::engine::trace;

/// The inputs of a dispatch; `token`: by what its run is known again.
pub(super) fn of(look: &Look, token: String, trace: Option<&str>) -> BTreeMap<String, String> {
    let Look { run, release, .. } = look;
    let version = |version: &Version| {
        let tag = version.tag.as_ref().map(ToString::to_string);
        tag.or_else(|| version.commit.as_ref().map(ToString::to_string)).unwrap_or_default()
    };
    let mut inputs = BTreeMap::from([
        ("release_id".to_owned(), release.id.to_string()),
        ("release_tag".to_owned(), version(&release.version())),
        ("run_id".to_owned(), token),
        ("traceparent".to_owned(), trace::parent(trace, trace::seed(run, 0))),
    ]);
    if run.kind == RunKind::Rollback {
        inputs.insert("rollback_to_tag".to_owned(), version(&run.to));
    }
    inputs
}
