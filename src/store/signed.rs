//! What the audit chain signs, and with what: the columns of an event, and where the chain ends; as they are made, and as they
//! stand in the database.

use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Connection, OptionalExtension, Row};
use sha2::Sha256;

use super::error::StoreError;
use super::key::{AuditKey, from_hex};

/// The end of the chain, or a point of it that was noted elsewhere (in a backup, in a message): an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// Sequence number of the last event; 0 when there is none.
    pub seq: i64,
    /// The last event's mac; zeros when there is none.
    pub mac: [u8; 32],
}

impl ChainHead {
    /// The chain before its first event.
    pub const START: Self = Self { seq: 0, mac: [0; 32] };

    /// The mac for people and files, 64 hex digits.
    #[must_use]
    pub fn mac_hex(&self) -> String {
        hex::encode(self.mac)
    }

    /// An anchor as it was noted; `None` when `mac_hex` is not 64 hex digits.
    #[must_use]
    pub fn from_hex(seq: i64, mac_hex: &str) -> Option<Self> {
        from_hex(mac_hex).map(|mac| Self { seq, mac })
    }
}

/// The signed columns of an event, as bytes so that verification needs no valid UTF-8.
pub(crate) struct Columns<'a> {
    pub at: i64,
    pub service: Option<&'a [u8]>,
    pub release_id: Option<i64>,
    pub run_id: Option<i64>,
    pub actor: &'a [u8],
    pub kind: &'a [u8],
    pub data: &'a [u8],
    pub trace_id: Option<&'a [u8]>,
}

/// Computes macs with one key; the keyed state and the buffer are reused.
pub(crate) struct Signer {
    /// Each with the last event it signs.
    keyed: Vec<(i64, Hmac<Sha256>)>,
    buffer: Vec<u8>,
}

impl Signer {
    pub(crate) fn new(key: &AuditKey) -> Self {
        let keyed = |(last, bytes): (i64, &[u8; 32])| {
            // HMAC pads a short key with zeros to the block size, so this is the 32-byte key without a fallible length.
            let mut block = [0; 64];
            block[..32].copy_from_slice(bytes);
            (last, Hmac::<Sha256>::new(&block.into()))
        };
        Self { keyed: key.all().map(keyed).collect(), buffer: Vec::with_capacity(1024) }
    }

    pub(crate) fn event(&mut self, before: &[u8; 32], seq: i64, columns: &Columns<'_>) -> [u8; 32] {
        let buffer = &mut self.buffer;
        buffer.clear();
        buffer.extend_from_slice(before);
        buffer.extend_from_slice(&seq.to_le_bytes());
        buffer.extend_from_slice(&columns.at.to_le_bytes());
        put_optional(buffer, columns.service);
        put_number(buffer, columns.release_id);
        put_number(buffer, columns.run_id);
        put(buffer, columns.actor);
        put(buffer, columns.kind);
        put(buffer, columns.data);
        put_optional(buffer, columns.trace_id);
        self.mac(seq, &self.buffer)
    }

    pub(crate) fn seal(&self, head: &ChainHead) -> [u8; 32] {
        // 44 bytes; an event's message is never shorter than 76, so no event can pass for a seal.
        let mut message = [0; 44];
        message[..4].copy_from_slice(b"head");
        message[4..12].copy_from_slice(&head.seq.to_le_bytes());
        message[12..].copy_from_slice(&head.mac);
        self.mac(head.seq, &message)
    }

    /// With the key that signs this event, or an end there.
    fn mac(&self, seq: i64, message: &[u8]) -> [u8; 32] {
        let at = self.keyed.partition_point(|(last, _)| *last < seq);
        let mut keyed = self.keyed[at].1.clone();
        keyed.update(message);
        keyed.finalize().into_bytes().into()
    }
}

fn put(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    buffer.extend_from_slice(bytes);
}

fn put_optional(buffer: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            buffer.push(1);
            put(buffer, bytes);
        }
        None => buffer.push(0),
    }
}

fn put_number(buffer: &mut Vec<u8>, number: Option<i64>) {
    match number {
        Some(number) => {
            buffer.push(1);
            buffer.extend_from_slice(&number.to_le_bytes());
        }
        None => buffer.push(0),
    }
}

/// An event as it stands in the database. What has a wrong type (only possible by tampering) is `None`.
pub(crate) struct Stored<'a> {
    pub seq: i64,
    pub columns: Option<Columns<'a>>,
    pub mac: Option<[u8; 32]>,
}

impl<'a> Stored<'a> {
    pub(crate) const COLUMNS: &'static str = "seq, at, service, release_id, run_id, actor, kind, data, trace_id, mac";

    pub(crate) fn read(row: &'a Row<'_>) -> Result<Self, StoreError> {
        let mac = row.get_ref(9)?.as_blob().ok().and_then(|blob| blob.try_into().ok());
        Ok(Self { seq: row.get(0)?, columns: columns(row)?, mac })
    }

    /// What its mac must be if it follows an event with the mac `before` at the place `seq`.
    pub(crate) fn mac_at(&self, signer: &mut Signer, before: &[u8; 32], seq: i64) -> Option<[u8; 32]> {
        self.columns.as_ref().map(|columns| signer.event(before, seq, columns))
    }

    /// Whether it may come right behind the event `before`: it has the next number, or it says itself that it goes on
    /// from there, as the first event after a restore does.
    pub(crate) fn follows(&self, before: i64) -> bool {
        self.seq == before + 1 || (self.seq > before && self.goes_on_from() == Some(before))
    }

    fn goes_on_from(&self) -> Option<i64> {
        let columns = self.columns.as_ref().filter(|columns| columns.kind == b"database_restored")?;
        serde_json::from_slice::<serde_json::Value>(columns.data).ok()?.get("after")?.as_i64()
    }

    pub(crate) fn fits(&self, signer: &mut Signer, before: &[u8; 32]) -> bool {
        self.mac.is_some() && self.mac == self.mac_at(signer, before, self.seq)
    }
}

fn columns<'a>(row: &'a Row<'_>) -> Result<Option<Columns<'a>>, StoreError> {
    let number = |index| -> Result<Option<Option<i64>>, StoreError> { Ok(row.get_ref(index)?.as_i64_or_null().ok()) };
    let text =
        |index| -> Result<Option<Option<&'a [u8]>>, StoreError> { Ok(row.get_ref(index)?.as_bytes_or_null().ok()) };
    let (Some(Some(at)), Some(service), Some(release_id), Some(run_id)) =
        (number(1)?, text(2)?, number(3)?, number(4)?)
    else {
        return Ok(None);
    };
    let (Some(Some(actor)), Some(Some(kind)), Some(Some(data)), Some(trace_id)) =
        (text(5)?, text(6)?, text(7)?, text(8)?)
    else {
        return Ok(None);
    };
    Ok(Some(Columns { at, service, release_id, run_id, actor, kind, data, trace_id }))
}

/// The head row as it stands in the database.
pub(crate) struct StoredHead {
    pub head: ChainHead,
    pub seal: [u8; 32],
}

/// Reads the head row; a mac or seal of the wrong length reads as zeros, which no key confirms.
pub(crate) fn head_row(conn: &Connection) -> Result<Option<StoredHead>, StoreError> {
    let row = conn
        .query_row("SELECT seq, mac, seal FROM chain_head WHERE id = 1", [], |row| {
            let bytes = |index| {
                row.get_ref(index)?.as_blob().map(|blob| blob.try_into().unwrap_or_default()).map_err(Into::into)
            };
            let bytes: &dyn Fn(usize) -> rusqlite::Result<[u8; 32]> = &bytes;
            Ok(StoredHead { head: ChainHead { seq: row.get(0)?, mac: bytes(1)? }, seal: bytes(2)? })
        })
        .optional()?;
    Ok(row)
}
