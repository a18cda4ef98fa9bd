//! Sentences of the machine in messages, which have room for so much.

use crate::bot::words::text;
use crate::wording::without_middle;

/// Characters of a sentence that are shown.
const MAX_SENTENCE_CHARS: usize = 800;

/// A sentence of the machine; of a long one the beginning and the end, where it says what to do.
pub(super) fn sentence(text: &str) -> Option<String> {
    text::clip(&without_middle(text, MAX_SENTENCE_CHARS), usize::MAX, MAX_SENTENCE_CHARS)
}
