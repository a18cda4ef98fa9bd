//! What a file is that should be a copy of the database and is none.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What a file begins with, what that says of it, and what to do first.
const KINDS: &[(&[u8], Wrap, &str, &str)] = &[
    (b"age-encryption.org/", Wrap::Encrypted, "age", "age --decrypt --identity KEY --output rmm.db FILE"),
    (b"-----BEGIN AGE ENCRYPTED FILE", Wrap::Encrypted, "age", "age --decrypt --identity KEY --output rmm.db FILE"),
    (b"-----BEGIN PGP MESSAGE", Wrap::Encrypted, "gpg", "gpg --output rmm.db --decrypt FILE"),
    (b"\x1f\x8b", Wrap::Compressed, "gzip", "gzip -dc FILE > rmm.db"),
    (b"\x28\xb5\x2f\xfd", Wrap::Compressed, "zstd", "zstd -d FILE -o rmm.db"),
    (b"\xfd7zXZ\0", Wrap::Compressed, "xz", "xz -dc FILE > rmm.db"),
];
/// What a database begins with.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// Why a file is no copy that can be restored as it is, and the command that makes one of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is a database.
    Database,
    /// What `rmm export` writes.
    Export,
    /// A copy in another form.
    Wrapped {
        /// What was done to it.
        how: Wrap,
        /// The program that did it.
        with: &'static str,
        /// How it is opened, with FILE in the place of its name.
        open: &'static str,
    },
    /// Nothing that is known.
    Other,
}

/// What was done to a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap {
    /// It takes a key to open it.
    Encrypted,
    /// It is smaller.
    Compressed,
}

/// Looks at the beginning of a file.
///
/// # Errors
/// When it cannot be read.
pub fn of(path: &Path) -> std::io::Result<Kind> {
    let mut beginning = Vec::new();
    File::open(path)?.take(512).read_to_end(&mut beginning)?;
    if beginning.starts_with(DATABASE) {
        return Ok(Kind::Database);
    }
    if beginning.get(257..262) == Some(b"ustar") {
        return Ok(Kind::Export);
    }
    // Binary messages of OpenPGP begin with a tag of a session key.
    if matches!(beginning.first(), Some(0x84 | 0x85 | 0x8c | 0xc1 | 0xc3)) {
        return Ok(Kind::Wrapped { how: Wrap::Encrypted, with: "gpg", open: "gpg --output rmm.db --decrypt FILE" });
    }
    let known = KINDS.iter().find(|(magic, ..)| beginning.starts_with(magic));
    Ok(known.map_or(Kind::Other, |(_, how, with, open)| Kind::Wrapped { how: *how, with, open }))
}
