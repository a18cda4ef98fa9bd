//! What goes over a channel's input: the arguments, the environment and the script, as one text for a shell.
//!
//! It is one compound command. A shell that got a part of it only, since the connection broke or a start-up file read some
//! of it, runs nothing. Secrets are in here and never in the command line.
//!
//! The first thing that the script says is a word of RMM's: what the user's start-up files print comes before it.

use secrecy::{ExposeSecret, SecretString};

use crate::clients::transport::EnvPair;
use crate::domain::plan::shell_word;

/// What the host's login shell is asked to run, whatever shell that is. That the end is there, the shell sees itself.
pub(super) const COMMAND: &str = r#"exec sh -c 'rmm_x=$(cat); case $rmm_x in "{ printf "*) eval "$rmm_x" ;; *) echo "RMM: the script did not arrive whole; does a start-up file of the shell read its input?" >&2; exit 125 ;; esac'"#;

/// A script on its way, and the word that it begins to speak with.
pub(super) struct Input {
    pub(super) text: SecretString,
    pub(super) word: String,
}

/// The input for [`COMMAND`].
pub(super) fn input(script: &str, args: &[&str], env: &[EnvPair]) -> Input {
    let mut random = [0; 8];
    // Without randomness a start-up file could say the same, which would do no more than confuse.
    let _ = getrandom::fill(&mut random);
    let word = format!("rmm-{:016x}\n", u64::from_ne_bytes(random));
    let mut text = String::with_capacity(script.len() + 256);
    text.push_str("{ printf ");
    text.push_str(&shell_word(&format!("{}\\n", word.trim_end())));
    text.push_str("\nset --");
    for arg in args {
        text.push(' ');
        text.push_str(&shell_word(arg));
    }
    text.push('\n');
    for (name, value) in env {
        text.extend([name, "=", &shell_word(value.expose_secret()), "; export ", name, "\n"]);
    }
    push_without_comments(&mut text, script);
    text.push_str("\n}\n");
    Input { text: SecretString::from(text), word }
}

/// Leaves out full-line comments outside quotes, the blank lines there and the indentation.
///
/// Of the shell's grammar only quotes are known here: a script with a here-document or a quote in a comment at the end
/// of a line goes over as it is.
fn push_without_comments(text: &mut String, script: &str) {
    if script.contains("<<") {
        text.push_str(script);
        return;
    }
    let (start, mut state) = (text.len(), Quote::None);
    for line in script.split_inclusive('\n') {
        let inside = state != Quote::None;
        let bare = line.trim_start_matches([' ', '\t']);
        if !inside && (bare.starts_with('#') || bare.trim_end().is_empty()) {
            continue;
        }
        match state.after(line) {
            Some(after) => state = after,
            None => {
                text.truncate(start);
                text.push_str(script);
                return;
            }
        }
        text.push_str(if inside { line } else { bare });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    /// A backslash ended the line: the next one belongs to it.
    Joined,
}

impl Quote {
    /// What holds after `line`; nothing if that is hard to say.
    fn after(self, line: &str) -> Option<Self> {
        let mut state = if self == Self::Joined { Self::None } else { self };
        let mut before = ' ';
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match (state, c) {
                (Self::None | Self::Double, '\\') => {
                    if chars.next() == Some('\n') && state == Self::None {
                        return Some(Self::Joined);
                    }
                }
                (Self::None, '#') if before.is_whitespace() || before == ';' => {
                    // A comment at the end: fine unless it could confuse.
                    return Some(Self::None);
                }
                (Self::None, '\'') => state = Self::Single,
                (Self::None, '"') => state = Self::Double,
                (Self::Single, '\'') | (Self::Double, '"') => state = Self::None,
                // Quotes within these may nest.
                (Self::Double, '`') => return None,
                (Self::Double, '(') if before == '$' => return None,
                (Self::None | Self::Single | Self::Double | Self::Joined, _) => {}
            }
            before = c;
        }
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn comments_and_indentation_are_left_out_but_not_in_quotes() {
        let mut text = String::new();
        push_without_comments(&mut text, "# a\n  echo 'b\n  # c\n\n' # don't\n\t# d\n\n  \\\n  # e\n  f \"x\n # g\"\n");
        assert_eq!(text, "echo 'b\n  # c\n\n' # don't\n\\\n  # e\nf \"x\n # g\"\n");
        for whole in ["  cat <<E\n# a\nE\n", " a \"$(b \"\n# c\")\"\n"] {
            let mut text = String::new();
            push_without_comments(&mut text, whole);
            assert_eq!(text, whole);
        }
    }

    #[test]
    fn a_part_of_the_text_runs_nothing() {
        let env = [("SECRET".to_owned(), SecretString::from("it's"))];
        let Input { text, word } = input("echo a\nf() {\n  echo \"$1 $SECRET\"\n}\nf \"$1\"", &["b c"], &env);
        let whole = text.expose_secret().trim_end();
        let parts = (0..whole.len()).map(|at| &whole[..at]).chain((1..whole.len()).map(|at| &whole[at..]));
        for (number, part) in std::iter::once(whole).chain(parts).enumerate() {
            let mut command = Command::new("sh");
            command.args(["-c", COMMAND]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut shell = command.spawn().unwrap();
            shell.stdin.take().unwrap().write_all(part.as_bytes()).unwrap();
            let output = shell.wait_with_output().unwrap();
            let expected = if number == 0 { format!("{word}a\nb c it's\n") } else { String::new() };
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{part}");
        }
    }
}
