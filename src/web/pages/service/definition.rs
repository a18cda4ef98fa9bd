//! How a service is defined, and how that changed.

use similar::{ChangeTag, TextDiff};

use crate::domain::service::Service;
use crate::store::definitions;
use crate::web::Web;
use crate::web::pages::fault::Fault;
use crate::web::pages::frame::When;
use crate::web::pages::viewer::Viewer;

/// Changes that are shown.
const REVISIONS: u32 = 10;
/// Lines around each change.
const AROUND: usize = 2;

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
    pub changes: Option<Vec<Line>>,
}

/// A line of a change.
pub(super) struct Line {
    /// `+`, `-`, or a blank.
    pub sign: &'static str,
    pub text: String,
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
            changes: before.map(|before| difference(&before.text, &revision.text)),
        });
        Ok(Some(Self { text, retired: service.retired, revisions: revisions.collect() }))
    }
}

/// What differs, with the lines around it.
fn difference(before: &str, after: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, after);
    let groups = diff.grouped_ops(AROUND);
    let mut lines = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        if at > 0 {
            lines.push(Line { sign: " ", text: "…".to_owned() });
        }
        lines.extend(group.iter().flat_map(|op| diff.iter_changes(op)).map(|change| Line {
            sign: match change.tag() {
                ChangeTag::Delete => "-",
                ChangeTag::Insert => "+",
                ChangeTag::Equal => " ",
            },
            text: change.value().trim_end_matches('\n').to_owned(),
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_what_is_around_it() {
        let before = "a\nb\nc\nd\ne\nf\ng\n";
        let lines = difference(before, "a\nb\nc\nD\ne\nf\ng\n");
        let shown: Vec<_> = lines.iter().map(|line| format!("{}{}", line.sign, line.text)).collect();
        assert_eq!(shown, [" b", " c", "-d", "+D", " e", " f"]);
        assert!(difference(before, before).is_empty());
    }
}
