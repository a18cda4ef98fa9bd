//! Sentences of RMM's on a page: how they begin and end; what stands in them between backticks is code, and a whole command can
//! be copied.

/// A part of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// As it is.
    Text(&'t str),
    /// A name or a word to type.
    Code(&'t str),
    /// A command line.
    Command(&'t str),
}

/// The parts of a sentence. A backtick without another one is text.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, code, behind)) =
        rest.split_once('`').and_then(|(before, behind)| Some((before, behind.split_once('`')?))).map(flat)
    {
        parts.push(Part::Text(before));
        parts.push(if code.starts_with("rmm ") { Part::Command(code) } else { Part::Code(code) });
        rest = behind;
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| *part != Part::Text(""));
    parts
}

fn flat<'t>((before, (code, behind)): (&'t str, (&'t str, &'t str))) -> (&'t str, &'t str, &'t str) {
    (before, code, behind)
}

/// With a large first letter and a full stop. An address stays as it is.
pub(super) fn sentence_of(text: &str) -> String {
    if text.split_whitespace().next().is_some_and(|word| word.contains("://")) {
        return ended(text);
    }
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    ended(&format!("{first}{}", chars.as_str()))
}

/// With a full stop.
pub(super) fn ended(text: &str) -> String {
    if text.ends_with(['.', '!', '?', '…']) { text.to_owned() } else { format!("{text}.") }
}

/// With a large first letter and without a full stop, as a heading or a part of a line.
pub(super) fn clause_of(text: &str) -> String {
    let sentence = sentence_of(text);
    sentence.strip_suffix('.').map(str::to_owned).unwrap_or(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_commands_are_told_from_the_sentence_around_them() {
        assert_eq!(
            parts("An admin records it: `rmm service settle shop`, or `resolve`s it."),
            [
                Part::Text("An admin records it: "),
                Part::Command("rmm service settle shop"),
                Part::Text(", or "),
                Part::Code("resolve"),
                Part::Text("s it.")
            ]
        );
        assert_eq!(parts("one ` alone"), [Part::Text("one ` alone")]);
        assert!(parts("").is_empty());
    }
}
