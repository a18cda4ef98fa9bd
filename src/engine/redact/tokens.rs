//! RMM's own tokens, which it knows by how they begin: as they are, and within something that is encoded in base64.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;

use crate::store::tokens::PREFIX;

/// Hexadecimal digits behind the beginning of a token.
const DIGITS: usize = 64;
/// A token as a whole.
const LENGTH: usize = PREFIX.len() + DIGITS;

/// A part is decoded, whose last bits belong to what follows.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));

/// One way in which a token may be written.
pub(super) struct Spelling {
    /// What it begins with, whatever its digits are.
    pub(super) beginning: Vec<u8>,
    /// In how many bytes all of it is written.
    pub(super) length: usize,
    /// Of base64: how many bytes stand before it in its group of three, and in how many characters of theirs it does not begin.
    encoded: Option<(usize, usize)>,
}

impl Spelling {
    /// All ways.
    pub(super) fn all() -> Vec<Self> {
        let plain = Self { beginning: PREFIX.as_bytes().to_vec(), length: LENGTH, encoded: None };
        let encoded = [(0, 0), (1, 2), (2, 3)].map(|(before, skip)| {
            let bytes = [&vec![0; before], PREFIX.as_bytes()].concat();
            let whole = BASE64.encode(&bytes).as_bytes()[skip..bytes.len() * 4 / 3].to_vec();
            Self { beginning: whole, length: ((before + LENGTH) * 4).div_ceil(3) - skip, encoded: Some((before, skip)) }
        });
        std::iter::once(plain).chain(encoded).collect()
    }

    /// Whether a token stands where `text` begins.
    pub(super) fn is_whole(&self, text: &[u8]) -> bool {
        text.get(..self.length).is_some_and(|text| text.starts_with(&self.beginning) && self.are_digits(text))
    }

    /// Whether `text` is the beginning of a token.
    pub(super) fn is_begun(&self, text: &[u8]) -> bool {
        match text.get(..self.beginning.len()) {
            None => self.beginning.starts_with(text),
            Some(beginning) => text.len() < self.length && beginning == self.beginning && self.are_digits(text),
        }
    }

    /// Whether digits follow the beginning, as far as there is anything.
    fn are_digits(&self, text: &[u8]) -> bool {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let Some((before, skip)) = self.encoded else {
            return text[PREFIX.len()..].iter().all(is_digit);
        };
        let mut characters = vec![b'A'; skip];
        characters.extend(text.iter().map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        }));
        // One character alone is no byte.
        if characters.len() % 4 == 1 {
            characters.pop();
        }
        let decoded = BASE64.decode(characters).unwrap_or_default();
        let digits = decoded.get(before + PREFIX.len()..);
        let there = (text.len() + skip) * 3 / 4;
        digits.is_some_and(|digits| digits.iter().take(DIGITS).all(is_digit)) || there <= before + PREFIX.len()
    }
}
