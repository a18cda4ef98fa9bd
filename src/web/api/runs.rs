//! Runs: look, read their output, resolve what RMM cannot judge.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::{Trace, allowed};
use crate::contract::{PieceView, ReadOutput, ResolveRun, RunOutput, RunView, hex_of};
use crate::domain::cause::Cause;
use crate::domain::command::Command;
use crate::domain::ids::RunId;
use crate::domain::person::{Actor, Right};
use crate::domain::refusal::Refusal;
use crate::domain::run::Run;
use crate::engine::Request;
use crate::store::{bounds, logs, runs};
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::{Asked, Named, Sent};
use crate::web::problem::Problem;

/// Output in one answer, in bytes: the answer takes a few times as much memory while it is made.
const LARGEST_PIECE: usize = 256 * 1024;

async fn known_run(web: &Web, actor: &Actor, right: Right, id: i64) -> Result<Run, Problem> {
    let run = web.engine.read(move |conn| runs::get(conn, RunId(id))).await?;
    let run = run.ok_or_else(|| Refusal::from(Cause::NoRun { run: RunId(id) }))?;
    allowed(actor, right, Some(&run.service))?;
    Ok(run)
}

/// One run, with its steps
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = i64, Path)),
    responses((status = 200, body = RunView)))]
pub async fn show(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(id): Named<i64>,
) -> Result<Json<RunView>, Problem> {
    let run = known_run(&web, &actor, Right::Watch, id).await?;
    Ok(Json(RunView::from(&run)))
}

/// The output of a run, from a place on
///
/// With `Accept: text/plain` the bytes as they were, without anything around them.
#[utoipa::path(get, path = "/api/v1/runs/{id}/log", tag = "runs", params(("id" = i64, Path), ReadOutput),
    responses((status = 200, body = RunOutput)))]
pub async fn log(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(id): Named<i64>,
    Asked(asked): Asked<ReadOutput>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let run = known_run(&web, &actor, Right::Read, id).await?;
    let after = asked.after.unwrap_or(0);
    let read = move |conn: &rusqlite::Connection| {
        Ok((logs::read(conn, id, after, LARGEST_PIECE)?, bounds::output_deleted_at(conn, RunId(id))?))
    };
    let (chunks, deleted_at) = web.engine.read(read).await?;
    let next = chunks.last().map_or(after, |chunk| chunk.id);
    let plain = headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/plain"));
    if plain {
        let mut bytes = Vec::new();
        for chunk in &chunks {
            if chunk.dropped_before > 0 {
                bytes.extend(format!("\n[… {} bytes left out …]\n", chunk.dropped_before).into_bytes());
            }
            bytes.extend(&chunk.bytes);
        }
        let headers =
            [(header::CONTENT_TYPE.as_str(), "text/plain; charset=utf-8".to_owned()), ("x-next", next.to_string())];
        return Ok((headers, bytes).into_response());
    }
    let ended = !run.state.is_live() && chunks.is_empty();
    let pieces = chunks
        .into_iter()
        .map(|chunk| {
            let (step, attempt) = logs::step_and_try(chunk.step);
            let text = String::from_utf8_lossy(&chunk.bytes).into_owned();
            let hex = hex_of(&chunk.bytes);
            PieceView { id: chunk.id, step, attempt, dropped_before: chunk.dropped_before, text, hex }
        })
        .collect();
    Ok(Json(RunOutput { pieces, next, ended, deleted_at }).into_response())
}

/// Say how a run ended that RMM cannot judge
#[utoipa::path(post, path = "/api/v1/runs/{id}/resolve", tag = "decisions", params(("id" = i64, Path)), request_body = ResolveRun,
    responses((status = 200, body = RunView)))]
pub async fn resolve(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    Named(id): Named<i64>,
    Sent(sent): Sent<ResolveRun>,
) -> Result<Json<RunView>, Problem> {
    let command = Command::Resolve { run: RunId(id), verdict: sent.verdict, reason: sent.reason };
    let handled = web.engine.handle(trace.of(Request::new(actor.clone(), command))).await?;
    let shown = match handled.answer {
        crate::domain::command::Answer::Run(new) => new.0,
        crate::domain::command::Answer::Release { .. }
        | crate::domain::command::Answer::Step(_)
        | crate::domain::command::Answer::Done => id,
    };
    let run = known_run(&web, &actor, Right::Read, shown).await?;
    Ok(Json(RunView::from(&run)))
}
