//! Trace ids, as W3C Trace Context has them.

/// The trace of a `traceparent`; none where it is not one.
#[must_use]
pub fn of_parent(traceparent: &str) -> Option<String> {
    let id = traceparent.split('-').nth(1)?;
    let fits =
        id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) && id.bytes().any(|b| b != b'0');
    fits.then(|| id.to_owned())
}

/// The `traceparent` of what a run does, as a part of the trace that caused it; a new one where none is known.
#[must_use]
pub fn parent(trace: Option<&str>, run: crate::domain::ids::RunId) -> String {
    let trace = trace.map_or_else(new_id, ToOwned::to_owned);
    format!("00-{trace}-{:016x}-01", (run.0.unsigned_abs() << 16) + 1)
}

/// A new trace.
#[must_use]
pub fn new_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness the trace is merely not unique.
    let _ = getrandom::fill(&mut bytes);
    crate::store::key::to_hex(&bytes)
}
