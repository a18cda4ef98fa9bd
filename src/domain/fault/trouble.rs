//! Which lines of a program's output tell that something went wrong. Read word by word: the same word is a verdict in one line, and
//! in another the name of a test, a package or an option.
//!
//! Must not: decide anything. It only says which line people see first.

use std::borrow::Cow;

/// Parts of lines, without which none tells of trouble: what is looked for in much output before lines are read. In lower case.
pub const SIGNS: &[&str] = &[
    "err",
    "exception",
    "fail",
    "fatal",
    "panic",
    "traceback",
    "denied",
    "not found",
    "refused",
    "segmentation",
    "killed",
    "abort",
    "terminated",
    "undefined reference",
    "no space left",
    "out of memory",
    "not ok",
    "dumped",
    "bus error",
    "curl: (",
    "e: ",
    "e   ",
    "***",
    "ошибк",
    "Ошибк",
    "ОШИБК",
    "е удалось",
];

/// What programs say in several words, in lower case, whatever stands around it.
const PHRASES: &[&str] = &[
    "undefined reference",
    "permission denied",
    "access denied",
    "command not found",
    "connection refused",
    "no space left on device",
    "segmentation fault",
    "bus error",
    "core dumped",
    "make: *** ",
];

/// How a line begins that tells of something that is no trouble, or that only repeats a command.
const WELL: &[&str] = &[
    "✓",
    "✔",
    "√",
    "☑",
    "ok ",
    "ok\t",
    "pass ",
    "pass:",
    "passed ",
    "passed:",
    "[pass]",
    "[ ok ]",
    "[       ok ]",
    "--- pass",
    "=== run",
    "npm warn",
    "npm notice",
    "warn ",
    "warn:",
    "warning ",
    "warning:",
    "[warn]",
    "[warning]",
    "w: ",
    "+ ",
    "++ ",
    "$ ",
    "compiling ",
    "downloading ",
    "downloaded ",
    "unpacking ",
];
/// What says that it is not over: a failure that is tried again is none yet.
const GOES_ON: &[&str] = &["retrying", "will retry", "trying again"];
/// How such a line ends.
const ENDS_WELL: &[&str] = &[" ok", " passed", " pass", "✓", "✔"];

/// What says before a word that there is none of it, or that it is only spoken of.
const NOT_BEFORE: &[&str] = &[
    "0",
    "no",
    "zero",
    "without",
    "never",
    "not",
    "none",
    "on",
    "if",
    "any",
    "for",
    "retry",
    "retries",
    "retrying",
    "ignore",
    "ignoring",
    "echo",
    "printf",
    "handle",
    "handles",
    "previously",
    "без",
    "нет",
];
/// What says it behind.
const NONE: &[&str] = &["0", "none", "null", "nil"];
/// What stands behind `error` where it is the name of a part of a program.
const PARTS: &[&str] = &[
    "handler",
    "handlers",
    "handling",
    "page",
    "pages",
    "reporting",
    "reporter",
    "tracking",
    "boundary",
    "boundaries",
    "log",
    "logs",
    "budget",
    "budgets",
    "rate",
    "rates",
    "messages",
];

/// Whether a line tells that something went wrong.
#[must_use]
pub fn tells(line: &str) -> bool {
    let line = &*without_colours(line);
    let line = line.trim();
    let low = line.to_lowercase();
    if says_it_is_well(line, &low) {
        return false;
    }
    if low.starts_with("not ok") || line.starts_with("E: ") || line.starts_with("E   ") || is_of_curl(&low) {
        return true;
    }
    let words: Vec<Word<'_>> = line.split_whitespace().map(Word::of).collect();
    PHRASES.iter().any(|phrase| low.contains(phrase))
        || ends_not_found(&low)
        || (0..words.len()).any(|at| is_verdict(&words, at))
}

/// Whether a line only sums up what others have told: it counts, or names the step of a build that ended.
#[must_use]
pub fn sums_up(line: &str) -> bool {
    let low = line.trim().to_lowercase();
    let count = || low.split_whitespace().any(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    low.starts_with("traceback")
        || low.starts_with("npm err")
        || low.starts_with("===")
        || low.contains("make: *** ")
        || low.contains("]: *** ")
        || low == "fail"
        || low.starts_with("fail\t")
        || (low.starts_with("error: could not compile") || low.contains("aborting due to"))
        || (low.ends_with("failed") || low.starts_with("tests:")) && count()
}

/// A line without the sequences that terminals obey (ECMA-48, CSI).
fn without_colours(line: &str) -> Cow<'_, str> {
    if !line.contains('\x1b') {
        return Cow::Borrowed(line);
    }
    let (mut plain, mut rest) = (String::with_capacity(line.len()), line);
    while let Some((before, sequence)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        let end = sequence.find(|c| matches!(c, '\x40'..='\x7e'));
        rest = end.map_or("", |end| &sequence[end + 1..]);
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn says_it_is_well(line: &str, low: &str) -> bool {
    let without_time = match low.rsplit_once('(') {
        Some((before, time)) if time.ends_with(')') => before.trim_end(),
        _ => low,
    };
    let level = line.split_whitespace().take(4).map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let mut level = level.take_while(|word| !matches!(*word, "ERROR" | "FATAL" | "FAIL" | "FAILED"));
    WELL.iter().any(|start| low.starts_with(start))
        || ENDS_WELL.iter().any(|end| without_time.ends_with(end))
        || GOES_ON.iter().any(|words| low.contains(words))
        || level.any(|word| matches!(word, "WARN" | "WARNING" | "DEBUG" | "TRACE" | "PASSED"))
        || line.contains(" PASSED ")
}

/// `curl: (7) …`
fn is_of_curl(low: &str) -> bool {
    low.strip_prefix("curl: (").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// `sh: line 3: foo: not found`, `sh: 1: foo: not found`.
fn ends_not_found(low: &str) -> bool {
    low.ends_with(": not found") && low.contains("sh: ") || low.contains(": line ") && low.ends_with(": not found")
}

/// A word of a line, as it is meant.
struct Word<'l> {
    /// As it stands there.
    whole: &'l str,
    /// Without what stands around it.
    core: &'l str,
    /// What follows says what it is: `error:`.
    announces: bool,
}

impl<'l> Word<'l> {
    fn of(whole: &'l str) -> Self {
        let is_around = |c: char| {
            matches!(
                c,
                '(' | ')'
                    | '['
                    | ']'
                    | '{'
                    | '}'
                    | '<'
                    | '>'
                    | '"'
                    | '\''
                    | '`'
                    | '*'
                    | ','
                    | ';'
                    | '.'
                    | '!'
                    | '?'
                    | '#'
                    | '|'
            )
        };
        let open = whole.trim_matches(is_around);
        let core = open.trim_end_matches([':', '=']).trim_end_matches(is_around);
        Self { whole, core, announces: open.len() > open.trim_end_matches([':', '=']).len() }
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.core.eq_ignore_ascii_case(word) || self.core.to_lowercase() == *word)
    }

    fn is(&self, word: &str) -> bool {
        self.is_one_of(&[word])
    }

    fn is_upper(&self) -> bool {
        self.core.chars().all(|c| c.is_uppercase())
    }

    fn is_count(&self) -> bool {
        !self.core.is_empty()
            && self.core.bytes().all(|byte| byte.is_ascii_digit())
            && self.core.bytes().any(|byte| byte != b'0')
    }

    /// Nothing that says what a line is about: a time, a number, the mark of a log.
    fn is_label(&self) -> bool {
        self.core.is_empty()
            || self.whole.trim_start_matches(['[', '#', '(', '+']).starts_with(|c: char| c.is_ascii_digit())
    }

    /// The name of a kind of trouble, as languages have it: `TypeError`, `java.lang.NullPointerException`.
    fn is_kind(&self) -> bool {
        let name = self.core.rsplit(['.', ':', '\\', '$']).next().unwrap_or_default();
        let is_name =
            name.starts_with(|c: char| c.is_ascii_uppercase()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_name
            && ["Error", "Exception", "Panic", "Fault"]
                .iter()
                .any(|kind| name.ends_with(kind) && name.len() > kind.len())
    }
}

fn is_verdict(words: &[Word<'_>], at: usize) -> bool {
    let word = &words[at];
    if word.whole.starts_with('-') || word.core.is_empty() || is_denied(words, at) {
        return false;
    }
    if let Some((key, value)) = word.core.split_once('=') {
        return is_field(key, value.trim_matches(['"', '\'']));
    }
    let low = word.core.to_lowercase();
    let begins = begins(words, at);
    let counted = at > 0 && words[at - 1].is_count();
    match low.as_str() {
        "error" => is_error(words, at),
        "err" => word.whole.trim_end_matches(':') == "ERR!" || word.announces && begins,
        "errors" => counted || word.announces || at > 0 && words[at - 1].is_one_of(&["with", "following"]),
        "failed" => true,
        "fail" | "failure" | "failures" => {
            counted || word.is_upper() || word.announces && begins || low == "failure" && begins
        }
        "fatal" => word.announces || word.is_upper() || begins,
        "panic" => word.announces || word.is_upper() || begins,
        "panicked" => true,
        "exception" => {
            word.announces
                || begins
                || at > 0 && words[at - 1].is_one_of(&["unhandled", "uncaught", "unexpected", "fatal", "an"])
        }
        "traceback" => begins,
        "killed" | "aborted" | "terminated" => word.core.starts_with(|c: char| c.is_uppercase()) && is_end(words, at),
        "ошибка" | "ошибки" => word.announces || begins || word.is_upper(),
        "удалось" => at > 0 && words[at - 1].core.to_lowercase() == "не",
        _ if low.starts_with("error[") || word.core.ends_with(".ERROR") => true,
        _ if ["\"level\":\"error\"", "\"level\":\"fatal\""].iter().any(|level| word.whole.contains(level)) => true,
        _ => word.is_kind() && (word.announces || begins),
    }
}

/// `error` by itself.
fn is_error(words: &[Word<'_>], at: usize) -> bool {
    let word = &words[at];
    let next = words.get(at + 1);
    if word.announces || word.is_upper() {
        return true;
    }
    // "registered error handler" names a part of a program; a line that ends with "error" says nothing of one.
    let names_a_part = next.is_some_and(|next| next.is_one_of(PARTS));
    let says_what = next.is_some() || word.core.starts_with('E');
    !names_a_part && says_what
        || at > 0 && words[at - 1].is_one_of(&["an", "unexpected", "internal", "fatal", "syntax", "server"])
}

/// `level=error`, `failed=3`, `error="no such host"`.
fn is_field(key: &str, value: &str) -> bool {
    let is_none = value.is_empty() || NONE.iter().chain(&["false", "no"]).any(|none| value.eq_ignore_ascii_case(none));
    match key.to_ascii_lowercase().as_str() {
        "level" | "lvl" | "severity" => {
            matches!(value.to_ascii_lowercase().as_str(), "error" | "eror" | "fatal" | "panic" | "crit" | "critical")
        }
        "error" | "err" => !is_none && !value.eq_ignore_ascii_case("true"),
        "failed" | "errors" | "failures" => value.bytes().all(|byte| byte.is_ascii_digit()) && !is_none,
        _ => false,
    }
}

/// Whether nothing but labels stands before a word: a time, the name of who speaks, what announces it.
fn begins(words: &[Word<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| &words[before]) else { return true };
    before.announces
        || before.whole.ends_with(['|', '>'])
        || before.is_one_of(&["E", "Uncaught", "Unhandled", "by", "npm"])
        || words[..at].iter().all(Word::is_label)
}

/// `Killed` alone, behind who was, or what a shell says of a job: `line 3: 4711 Killed`.
fn is_end(words: &[Word<'_>], at: usize) -> bool {
    let is_last = words[at + 1..].iter().all(|word| word.whole.starts_with('(') || word.is_one_of(&["core", "dumped"]));
    begins(words, at) && is_last || at > 0 && words[at - 1].is_count() && words[..at].iter().any(|word| word.is("line"))
}

/// Whether it is said beside a word that there is none of it: `0 failed`, `no such error`, `errors: 0`, `Failed tests: none`.
fn is_denied(words: &[Word<'_>], at: usize) -> bool {
    // A sentence ends with what announces another.
    let before = words[..at].iter().rev().take_while(|word| !word.announces && !word.whole.ends_with([';', ',', '.']));
    let before: Vec<_> = before.take(2).collect();
    // Of what stands two words before, only what denies: "0 fatal errors", "no tests failed".
    let near = before.first().is_some_and(|word| word.is_one_of(NOT_BEFORE));
    let far = before
        .get(1)
        .is_some_and(|word| word.is_one_of(&["0", "no", "zero", "without", "never", "not", "none", "нет", "без"]));
    if near || far {
        return true;
    }
    let word = &words[at];
    let behind = &words[at + 1..];
    let says_none = |behind: &[Word<'_>]| behind.first().is_some_and(|word| word.is_one_of(NONE));
    if word.announces {
        return says_none(behind);
    }
    let announced = behind.iter().take(2).position(|word| word.announces || word.whole == "=");
    announced.is_some_and(|place| says_none(&behind[place + 1..]))
}

#[cfg(test)]
mod tests;
