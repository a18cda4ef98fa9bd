//! Reads what callers send: limited before it is parsed, and every mistake named by field and rule.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// The largest body that is read, in bytes.
pub const LARGEST_BODY: usize = 256 * 1024;
/// The largest body that creates a release, in bytes: notes may be long, and are shortened.
pub const LARGEST_RELEASE: usize = 1024 * 1024;
/// What is taken of a larger one before the connection is cut, in bytes: a client that reads only after having sent
/// everything still gets the error.
const DRAINED: usize = 16 * 1024 * 1024;
/// How long a caller may take to send it.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body, of so many bytes at most.
#[derive(Debug)]
pub struct Sent<T, const MOST: usize = LARGEST_BODY>(pub T);

impl<T: DeserializeOwned, S: Send + Sync, const MOST: usize> FromRequest<S> for Sent<T, MOST> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let content_type =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // `curl -d` says form by itself; what counts is that the body is JSON. A browser's form is stopped by authentication.
        let plausible =
            matches!(media_type.as_str(), "" | "application/json" | "application/x-www-form-urlencoded" | "text/plain");
        if !plausible {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                format!("the body must be JSON (content type application/json), not {content_type}"),
            ));
        }
        let bytes = read_up_to(request.into_body(), MOST).await?;
        parse(&bytes).map(Sent)
    }
}

/// A JSON body, or none at all.
#[derive(Debug)]
pub struct MaybeSent<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for MaybeSent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request.into_body()).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { parse(&bytes).map(Self) }
    }
}

/// The body, limited in size and time.
pub(super) async fn read(body: Body) -> Result<Vec<u8>, Problem> {
    read_up_to(body, LARGEST_BODY).await
}

async fn read_up_to(body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    tokio::time::timeout(BODY_TIMEOUT, collect(body, most)).await.unwrap_or_else(|_| Err(too_slow()))
}

/// Room for bodies that may be large, for all of them together.
#[derive(Debug, Clone)]
pub struct Room(Arc<Semaphore>);

/// What of the room is counted, in bytes.
const ROOM_UNIT: usize = 1024;
/// All of it, in bytes: two of the largest bodies, and many of the usual ones.
const ROOM: usize = 64 * 1024 * 1024;

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM / ROOM_UNIT)))
    }
}

/// A body that may be large, and its part of the room.
#[derive(Debug)]
pub(super) struct Large {
    pub bytes: Vec<u8>,
    _held: Option<OwnedSemaphorePermit>,
}

/// A body with a limit of its own, in bytes. A larger one is refused before it is read, where it says how large it is.
pub(super) async fn read_large(body: Body, most: usize, room: &Room) -> Result<Large, Problem> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > most {
        return Err(too_large(most));
    }
    let collected = collect_large(body, most, room);
    tokio::time::timeout(BODY_TIMEOUT, collected).await.unwrap_or_else(|_| Err(too_slow()))
}

async fn collect_large(mut body: Body, most: usize, room: &Room) -> Result<Large, Problem> {
    let (mut bytes, mut held): (Vec<u8>, Option<OwnedSemaphorePermit>) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| incomplete())?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        let size = bytes.len() + data.len();
        if size > most {
            return Err(too_large(most));
        }
        let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let lacks = u32::try_from(size.div_ceil(ROOM_UNIT) - has).unwrap_or(u32::MAX);
        let more = room.0.clone().try_acquire_many_owned(lacks).map_err(|_| {
            let sentence = "too many large bodies come at the same time; try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", sentence).retry_after(10)
        })?;
        match &mut held {
            Some(held) => held.merge(more),
            None => held = Some(more),
        }
        bytes.extend_from_slice(data);
    }
    Ok(Large { bytes, _held: held })
}

fn too_large(most: usize) -> Problem {
    let rule = format!("the body must be at most {most} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", rule)
}

fn too_slow() -> Problem {
    let rule = format!("the body must arrive within {} s", BODY_TIMEOUT.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", rule)
}

fn incomplete() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "incomplete", "the body ended before it was complete")
}

async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    let (mut kept, mut size) = (Vec::new(), 0);
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    while size.max(announced) <= DRAINED
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|_| incomplete())?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        size += data.len();
        if size <= most {
            kept.extend_from_slice(data);
        }
    }
    if size.max(announced) > most {
        return Err(too_large(most));
    }
    Ok(kept)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Some editors begin a file with a mark of the byte order.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let text = readable(bytes);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_syntax() || inner.is_eof() || inner.is_io() {
            return not_json(&inner);
        }
        let sentence = inner.to_string();
        // serde_json adds the position, which says less than the path.
        let rule = sentence.split(" at line ").next().unwrap_or(&sentence).to_owned();
        let field = match (path.as_str(), unknown_field(&rule)) {
            (".", Some(name)) => name,
            (".", None) => "body".to_owned(),
            (path, _) => path.to_owned(),
        };
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", format!("{field}: {rule}")).field(field)
    })?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// A body as JSON knows it: what is no text in its strings is told to be so by U+FFFD, line breaks and other controls that a script
/// has put into them as they are mean themselves, and none of it costs anything else. Outside of strings that is no JSON.
fn readable(bytes: &[u8]) -> Cow<'_, str> {
    let mut text = String::from_utf8_lossy(bytes);
    if text.contains(is_raw) {
        text = Cow::Owned(with_escaped_controls(&text));
    }
    if has_surrogates(&text) { Cow::Owned(without_lone_surrogates(&text)) } else { text }
}

/// A character that JSON wants to have escaped in strings.
const fn is_raw(c: char) -> bool {
    c < ' '
}

fn with_escaped_controls(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut in_string, mut is_escaped) = (false, false);
    for c in text.chars() {
        if in_string && is_raw(c) {
            // A backslash before it stays one: `\` at the end of a line.
            kept.push_str(if is_escaped { "\\" } else { "" });
            let _ = write!(kept, "\\u{:04x}", u32::from(c));
        } else {
            kept.push(c);
        }
        in_string ^= c == '"' && !is_escaped;
        is_escaped = in_string && c == '\\' && !is_escaped;
    }
    kept
}

fn has_surrogates(text: &str) -> bool {
    text.contains("\\uD") || text.contains("\\ud")
}

/// Half of a pair that stands for one character says nothing alone: a text was cut there.
fn without_lone_surrogates(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                kept.push('\u{FFFD}');
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            // The character behind it is escaped.
            (None, _) => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        kept.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    kept.push_str(rest);
    kept
}

/// What `\uXXXX` stands for, at the beginning.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| all)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "not_json", format!("the body is not JSON: {error}")).field("body")
}

fn unknown_field(rule: &str) -> Option<String> {
    let name = rule.strip_prefix("unknown field `")?.split('`').next()?;
    Some(name.to_owned())
}

/// The query of a request.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::from_request_parts(parts, state).await.map_err(|rejection| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", rejection.body_text()).field("query")
        })?;
        Ok(Self(value))
    }
}

/// A path parameter.
#[derive(Debug)]
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Path(value) = axum::extract::Path::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found(format!("there is no {}", parts.uri.path())))?;
        Ok(Self(value))
    }
}

/// What is answered where no route is.
pub(super) async fn nothing_here(method: Method, uri: axum::http::Uri) -> Problem {
    Problem::not_found(format!("there is no {method} {}; the calls are described at /api/openapi.json", uri.path()))
}

/// What is answered where the method does not fit.
pub(super) async fn wrong_method(method: Method, uri: axum::http::Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("{} does not take {method}", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Body {
        notes: String,
    }

    fn notes(body: &[u8]) -> Result<String, Problem> {
        parse::<Body>(body).map(|body| body.notes)
    }

    #[test]
    fn what_is_no_text_in_a_string_costs_nothing_else() {
        for (body, wanted) in [
            (&br#"{"notes":"cut \ud83d"}"#[..], "cut \u{FFFD}"),
            (br#"{"notes":"\uDE00 end"}"#, "\u{FFFD} end"),
            (br#"{"notes":"\ud83d\ud83d\ude00"}"#, "\u{FFFD}😀"),
            (br#"{"notes":"\ud83d\u0041"}"#, "\u{FFFD}A"),
            (br#"{"notes":"\\ud83d \ud83d\ude00"}"#, "\\ud83d 😀"),
            (b"{\"notes\":\"caf\xe9\"}", "caf\u{FFFD}"),
            (b"{\r\n\t\"notes\":\t\"- one\r\n- two\tand \\\"three\\\"\n\"\n}\n", "- one\r\n- two\tand \"three\"\n"),
            (b"{\"notes\":\"goes on \\\nhere \\\\\n\x1b[1m\"}", "goes on \\\nhere \\\n\u{1b}[1m"),
        ] {
            assert_eq!(notes(body).unwrap(), wanted, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for body in [
            &b"{\"notes\":\xe9}"[..],
            br#"{"notes":"\ud83"}"#,
            br#"{"notes":"\"#,
            b"{\x01\"notes\":\"\"}",
            b"\xff\xfe{}",
            br#"\ud83d"#,
        ] {
            assert_eq!(notes(body).unwrap_err().status, StatusCode::BAD_REQUEST, "{}", String::from_utf8_lossy(body));
        }
    }
}
