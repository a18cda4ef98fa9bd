//! How values of the domain lie in columns: names as text, times as unix milliseconds, small structures as JSON.
//!
//! What does not read back is a damaged database, never a default.

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Row, RowIndex};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StoreError;
use crate::domain::fault::store::Damage;
use crate::domain::reason::Reason;

/// A time as it is stored.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A time of a row.
pub(super) fn time(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Timestamp> {
    let value: i64 = row.get(column)?;
    Timestamp::from_millisecond(value).map_err(|error| bad(row, column, error))
}

/// A time of a row that may be missing.
pub(super) fn maybe_time(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<Timestamp>> {
    let value: Option<i64> = row.get(column)?;
    value.map(Timestamp::from_millisecond).transpose().map_err(|error| bad(row, column, error))
}

/// A name or number of the domain (anything that serde writes as a plain string).
pub(super) fn word<T: DeserializeOwned>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<T> {
    let value: String = row.get(column)?;
    serde_json::from_value(serde_json::Value::String(value)).map_err(|error| bad(row, column, error))
}

/// A name that may be missing.
pub(super) fn maybe_word<T: DeserializeOwned>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<T>> {
    let value: Option<String> = row.get(column)?;
    value
        .map(|text| serde_json::from_value(serde_json::Value::String(text)))
        .transpose()
        .map_err(|error| bad(row, column, error))
}

/// A structure.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<T> {
    let value: String = row.get(column)?;
    serde_json::from_str(&value).map_err(|error| bad(row, column, error))
}

/// A structure that may be missing.
pub(super) fn maybe_json<T: DeserializeOwned>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<T>> {
    let value: Option<String> = row.get(column)?;
    value.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| bad(row, column, error))
}

/// A structure as it is stored.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Corrupt { detail: Damage::Said(format!("a value cannot be stored: {error}")) })
}

/// A structure that may be missing, as it is stored.
pub(super) fn maybe_to_json<T: Serialize>(value: Option<&T>) -> Result<Option<String>, StoreError> {
    value.map(to_json).transpose()
}

/// Why something stands where it stands; a sentence in rows from before there were facts.
pub(super) fn maybe_reason(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<Reason>> {
    let value: Option<String> = row.get(column)?;
    Ok(value.as_deref().map(Reason::from_stored))
}

fn bad(row: &Row<'_>, column: impl RowIndex, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    let index = column.idx(row.as_ref()).unwrap_or(0);
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}
