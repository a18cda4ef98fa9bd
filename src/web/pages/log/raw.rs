//! What a step printed, as it is, in pieces: it is never held as a whole.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::Asked;
use crate::store::logs::{self, lines};
use crate::web::Web;
use crate::web::pages::fault::Fault;
use crate::web::pages::named;
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::log as words;

/// Output that is read at once, bytes.
const READ: usize = 512 << 10;

/// All that is kept of a step.
pub(in crate::web::pages) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Path((id, index)): Path<(String, u32)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let run = named::run(&web, &viewer, &id).await?;
    let step = named::step(&run, index)?;
    let (number, tries, words) = (run.id.0, step.tries, words::of(viewer.looks.language));
    let kept_as = match asked.tried {
        Some(tried) => logs::of_try(index, tried.min(tries)),
        None => web.engine.read(move |conn| logs::shown_first(conn, number, index, tries)).await?,
    };
    let body = stream::unfold(Some(0), move |after| {
        let web = web.clone();
        async move {
            let after = after?;
            let read = web.engine.read(move |conn| {
                let (mut bytes, mut last) = (Vec::new(), None);
                lines::walk(conn, number, kept_as, after, |piece| {
                    if piece.dropped_before > 0 {
                        bytes.extend_from_slice(format!("\n{}\n", words.gap(piece.dropped_before)).as_bytes());
                    }
                    bytes.extend_from_slice(&piece.bytes);
                    last = Some(piece.id);
                    bytes.len() < READ
                })?;
                Ok((bytes, last))
            });
            // A browser sees a body that breaks off; the log of RMM has the error.
            let (bytes, last) = read.await.ok()?;
            last.map(|last| (Ok::<_, Infallible>(Bytes::from(bytes)), Some(last)))
        }
    });
    let name = format!("inline; filename=\"run-{number}-step-{index}.txt\"");
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(body)).into_response())
}
