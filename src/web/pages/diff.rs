//! Two texts beside each other, line by line.

use similar::{ChangeTag, TextDiff};

/// Lines around each change.
const AROUND: usize = 2;

/// A line of both texts, or of one of them.
pub(super) struct Line {
    /// The class of its colour.
    pub class: &'static str,
    /// `+`, `-`, or a blank.
    pub sign: char,
    pub text: String,
}

/// What differs, with the lines around it; what lies between is left out, which an ellipsis shows.
pub(super) fn between(before: &str, after: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for (at, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if at > 0 {
            lines.push(Line { class: "", sign: ' ', text: "…".to_owned() });
        }
        lines.extend(group.iter().flat_map(|op| diff.iter_changes(op)).map(|change| {
            let (class, sign) = match change.tag() {
                ChangeTag::Equal => ("", ' '),
                ChangeTag::Delete => ("del", '-'),
                ChangeTag::Insert => ("ins", '+'),
            };
            Line { class, sign, text: change.value().trim_end_matches('\n').to_owned() }
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_what_is_around_it() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n";
        let lines = between(before, "a\nb\nc\nD\ne\nf\ng\nh\ni\nj\nK\n");
        let shown: Vec<_> = lines.iter().map(|line| format!("{}{}", line.sign, line.text)).collect();
        assert_eq!(shown, [" b", " c", "-d", "+D", " e", " f", " …", " i", " j", "-k", "+K"]);
        assert!(between(before, before).is_empty());
    }
}
