//! All that a filter lets through, as a file: read and sent piece by piece, so that its length costs no memory.

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;

use super::Asked;
use crate::contract::EventView;
use crate::domain::person::{Actor, Right};
use crate::store::StoreError;
use crate::store::events::EventRow;
use crate::store::record::{self, Filter, Most};
use crate::web::Web;
use crate::web::pages::fault::Fault;
use crate::web::pages::viewer::Viewer;
use crate::wording::Language;

/// What one read takes out of the record.
const MOST: Most = Most { events: 1000, bytes: 256 << 10 };

/// As a table: RFC 4180, in UTF-8.
pub(in crate::web::pages) async fn csv(
    State(web): State<Web>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let language = viewer.looks.language;
    let head = "number,time,service,release,run,by,kind,what,data,trace\r\n";
    file(
        web,
        &viewer,
        &asked,
        Form { media: "text/csv; charset=utf-8", name: "audit.csv", head, between: "", tail: "" },
        move |event| line(&event, language),
    )
}

/// As one JSON array of events, as the API shows them.
pub(in crate::web::pages) async fn json(
    State(web): State<Web>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let form = Form { media: "application/json", name: "audit.json", head: "[\n", between: ",\n", tail: "\n]\n" };
    let catalog = web.engine.catalog();
    let one = move |event| serde_json::to_string(&EventView::of(event, &catalog)).unwrap_or_default();
    file(web, &viewer, &asked, form, one)
}

/// What stands around events in a file.
#[derive(Debug, Clone, Copy)]
struct Form {
    media: &'static str,
    name: &'static str,
    head: &'static str,
    between: &'static str,
    tail: &'static str,
}

/// Where a file has come to.
enum At {
    Begin,
    Before(i64, bool),
    End,
}

fn file(
    web: Web,
    viewer: &Viewer,
    asked: &Asked,
    form: Form,
    write: impl Fn(EventRow) -> String + Clone + Send + 'static,
) -> Result<Response, Fault> {
    viewer.actor.may(Right::Read, None, false)?;
    let filter = asked.filter(&viewer.looks.zone)?;
    let shown = super::as_shown(viewer.looks.clone());
    let pieces = stream::try_unfold(At::Begin, move |at| {
        let (web, filter, write, shown) = (web.clone(), filter.clone(), write.clone(), shown.clone());
        async move {
            let (before, is_first) = match at {
                At::Begin => {
                    return Ok::<_, StoreError>(Some((
                        Bytes::from_static(form.head.as_bytes()),
                        At::Before(i64::MAX, true),
                    )));
                }
                At::Before(before, is_first) => (before, is_first),
                At::End => return Ok(None),
            };
            let (text, next) = piece(&web, (filter, before, is_first), form, shown, write).await?;
            let is_first = is_first && text.is_empty();
            Ok(Some(match next {
                Some(next) => (text.into(), At::Before(next, is_first)),
                None => ((text + form.tail).into(), At::End),
            }))
        }
    });
    let disposition = format!("attachment; filename=\"{}\"", form.name);
    let headers = [(header::CONTENT_TYPE, form.media.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// The next events of a file, and where those behind them begin.
async fn piece(
    web: &Web,
    (filter, before, is_first): (Filter, i64, bool),
    form: Form,
    shown: impl Fn(&EventRow) -> String + Send + 'static,
    write: impl Fn(EventRow) -> String + Send,
) -> Result<(String, Option<i64>), StoreError> {
    let found = web.engine.read(move |conn| record::look_at(conn, &filter, before, MOST, &shown)).await?;
    let mut text = String::new();
    for event in found.events {
        if !(is_first && text.is_empty()) {
            text.push_str(form.between);
        }
        text.push_str(&write(event));
    }
    Ok((text, found.next))
}

/// An event as a line of the table.
fn line(event: &EventRow, language: Language) -> String {
    let data = serde_json::from_str(&event.data).unwrap_or_default();
    let actor: Option<Actor> = serde_json::from_str(&event.actor).ok();
    let number = |id: Option<i64>| id.map(|id| id.to_string()).unwrap_or_default();
    let time = Timestamp::from_millisecond(event.at).map(|at| at.to_string()).unwrap_or_default();
    let cells = [
        event.seq.to_string(),
        time,
        event.service.clone().unwrap_or_default(),
        number(event.release),
        number(event.run),
        actor.map(|actor| actor.label().to_owned()).unwrap_or_default(),
        event.kind.clone(),
        language.happened(&event.kind, &data),
        event.data.clone(),
        event.trace_id.clone().unwrap_or_default(),
    ];
    cells.map(|cell| cell_of(&cell)).join(",") + "\r\n"
}

/// A cell that no program for tables takes for a formula: it would begin with one of these characters. Source: OWASP, CSV
/// Injection.
fn cell_of(text: &str) -> String {
    let is_formula =
        text.trim_start_matches(' ').starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_ends_early() {
        assert_eq!(cell_of("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        for evil in ["+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1"] {
            assert!(cell_of(evil).starts_with("\"'"), "{evil}");
        }
        assert_eq!(cell_of("a \"b\", c\nd"), "\"a \"\"b\"\", c\nd\"");
        assert_eq!(cell_of(""), "\"\"");
    }
}
