//! A text as secrets are looked for in it: without what stands between the characters of one and is no part of it.

/// Shorter ones are no secret where a line break is in the middle of them …
const SHORTEST_IN_LINES: usize = 8;
/// … or so little of them stands before it, so that the end of a line is not waited for without reason.
const LEAST_BEFORE_BREAK: usize = 2;
/// Longer ones are no sequence of a terminal.
const LONGEST_SEQUENCE: usize = 4096;

/// What is left out of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Without {
    /// Line breaks.
    Breaks,
    /// Also what cannot be seen: sequences of a terminal, such as colours, control characters, characters without a width, and
    /// bytes that are no text.
    Unseen,
}

/// Bytes without some of them.
pub(super) struct Folded {
    pub(super) text: Vec<u8>,
    /// Where each byte of `text` is.
    pub(super) at: Vec<usize>,
    /// Whether a line ends before it.
    broken: Vec<bool>,
    /// Whether a line ends behind all of it.
    ends_line: bool,
}

impl Folded {
    pub(super) fn new(bytes: &[u8], without: Without) -> Self {
        let mut folded = Self {
            text: Vec::with_capacity(bytes.len()),
            at: Vec::with_capacity(bytes.len()),
            broken: Vec::new(),
            ends_line: false,
        };
        let mut from = 0;
        while from < bytes.len() {
            let unseen = if without == Without::Unseen { unseen(&bytes[from..]) } else { 0 };
            if unseen > 0 {
                from += unseen;
                continue;
            }
            if matches!(bytes[from], b'\n' | b'\r') {
                folded.ends_line = true;
            } else {
                folded.text.push(bytes[from]);
                folded.at.push(from);
                folded.broken.push(std::mem::take(&mut folded.ends_line));
            }
            from += 1;
        }
        folded
    }

    /// Whether what stands there may be a secret: on one line, or long enough on both sides of a break.
    pub(super) fn counts(&self, start: usize, length: usize) -> bool {
        let unbroken = self.unbroken(start, start + length);
        unbroken == length || (length >= SHORTEST_IN_LINES && unbroken >= LEAST_BEFORE_BREAK)
    }

    /// The same for one of which only the beginning is there.
    pub(super) fn may_count(&self, start: usize, length: usize) -> bool {
        let unbroken = self.unbroken(start, self.text.len());
        let is_unbroken = unbroken == self.text.len() - start && !self.ends_line;
        is_unbroken || (length >= SHORTEST_IN_LINES && unbroken >= LEAST_BEFORE_BREAK)
    }

    fn unbroken(&self, start: usize, end: usize) -> usize {
        self.broken[start + 1..end].iter().take_while(|broken| !**broken).count() + 1
    }
}

/// Whether [`Without::Unseen`] could leave out anything.
pub(super) fn has_unseen(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|from| !bytes[from].is_ascii_graphic() && bytes[from] != b' ' && unseen(&bytes[from..]) > 0)
}

/// How many bytes at the beginning cannot be seen.
fn unseen(bytes: &[u8]) -> usize {
    match bytes[0] {
        b'\t' | b'\n' | b'\r' | b' '..=b'~' => 0,
        0x1b => sequence(bytes),
        0..=0x1f | 0x7f => 1,
        0x80.. => unseen_character(bytes),
    }
}

/// How long a sequence of a terminal is (ECMA-48, 5.3 to 5.6). One that has not ended may go on.
fn sequence(bytes: &[u8]) -> usize {
    let string = |from: usize| {
        let most = &bytes[from..bytes.len().min(LONGEST_SEQUENCE)];
        let end = most.iter().enumerate().find_map(|(at, byte)| match byte {
            0x07 => Some(at + 1),
            0x1b if most.get(at + 1) == Some(&b'\\') => Some(at + 2),
            _ => None,
        });
        end.map(|end| from + end).or((bytes.len() <= LONGEST_SEQUENCE).then_some(bytes.len())).unwrap_or(from)
    };
    match bytes.get(1) {
        Some(b'[') => control(bytes, 2),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => string(2),
        // Intermediate bytes, and a final one.
        Some(b' '..=b'/') => {
            let between = bytes[1..].iter().take_while(|byte| matches!(byte, b' '..=b'/')).count();
            bytes.len().min(between + 2)
        }
        Some(b'0'..=b'~') => 2,
        Some(_) | None => 1,
    }
}

/// How long a control sequence is whose parameters begin at `from`.
fn control(bytes: &[u8], from: usize) -> usize {
    let within = bytes[from..].iter().take(LONGEST_SEQUENCE).take_while(|byte| matches!(byte, b' '..=b'?')).count();
    let end = from + within;
    if matches!(bytes.get(end), Some(b'@'..=b'~')) { end + 1 } else { end }
}

/// The same for what is not ASCII. The characters: those of Unicode's `Default_Ignorable_Code_Point` and of its category `Cf` that occur
/// between letters, and the control characters of C1.
fn unseen_character(bytes: &[u8]) -> usize {
    let most = &bytes[..bytes.len().min(4)];
    let text = match std::str::from_utf8(most) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => std::str::from_utf8(&most[..error.valid_up_to()]).unwrap_or_default(),
        // One that is not complete may become such a character.
        Err(error) => return error.error_len().unwrap_or(bytes.len()),
    };
    match text.chars().next() {
        Some('\u{9b}') => control(bytes, 2),
        Some(
            c @ ('\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'),
        ) => c.len_utf8(),
        Some(_) | None => 0,
    }
}
