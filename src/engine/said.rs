//! What the output of a step tells about its end: the line that says why it failed, and work by hand that a checkout
//! met. Reads output that was kept, hence without secrets.

use super::Failure;
use super::step::StepContext;
use crate::clients::checkup::lacks_compose;
use crate::domain::command::{Outcome, Said};
use crate::domain::fault::known::KnownFailure;
use crate::domain::fault::tool::ToolFault;
use crate::domain::fault::trouble;
use crate::domain::run::{Action, StepKind};
use crate::store::logs;
use crate::wording::{Language, tool_fault, without_middle};

/// How much of the end of the output is looked at, bytes.
const LOOKED_AT: usize = 64 * 1024;
/// A reason carries no more of a line, characters.
const LONGEST_LINE: usize = 240;
/// And no more of RMM's own words, which end with what to do.
const LONGEST_OWN: usize = 1200;
/// What is looked for stands in the last lines.
const LAST_LINES: usize = 15;
/// A program's own word about its failure may have a trace of calls behind it.
const LAST_LINES_OF_TROUBLE: usize = 80;
/// The record names no more files of one step (`clients/tools/checkout.sh` says no more).
const MOST_FILES: usize = 21;

/// How RMM's own lines in the output of a step begin.
const OWN_WORDS: [&str; 2] = ["rmm: ", "RMM: "];

/// What a checkout says before it names work by hand.
const BY_HAND: &str = "rmm: by hand: ";
/// What it says where it has failed before it changed anything.
const UNTOUCHED: &str = "rmm: nothing was changed";
/// What it says before it names the ref that holds it.
const KEPT: &str = "rmm: kept aside as ";

impl StepContext<'_> {
    /// What the step's output says, once it has ended.
    pub(super) async fn said(&self, outcome: &Outcome) -> Result<Said, Failure> {
        let script = match &self.step.action {
            Action::Command { script, .. } => script,
            Action::Health { schedule, logs: Some(_), .. } if matches!(outcome, Outcome::Unhealthy(_)) => {
                let output = self.end_of_output(self.log_step(schedule.attempts + 1)).await?;
                return Ok(Said { known: KnownFailure::in_output(&output, None), ..Said::default() });
            }
            Action::Health { .. } => return Ok(Said::default()),
        };
        let checks_out = script.tools && matches!(self.step.kind, StepKind::Fetch | StepKind::Checkout);
        let failed = if let Outcome::Exited(code) = outcome { Some(*code).filter(|code| *code != 0) } else { None };
        if !checks_out && failed.is_none() {
            return Ok(Said::default());
        }
        let end = self.end_of_output(self.log_step(0)).await?;
        let (by_hand, kept) = if checks_out { work_by_hand(&end) } else { Default::default() };
        let untouched = checks_out && failed.is_some() && end.lines().any(|line| line == UNTOUCHED);
        let Some(status) = failed else { return Ok(Said { by_hand, kept, ..Said::default() }) };
        let (last, tool) = telling_line(&end);
        // What RMM says itself comes with its own remedy.
        let known = if tool.is_some() { None } else { KnownFailure::in_output(&end, Some(status)) };
        Ok(Said { last, tool, known, by_hand, kept, untouched })
    }

    /// The line of some output of the step that says most about a failure.
    pub(super) async fn last_words(&self, log_step: i64) -> Result<Telling, Failure> {
        Ok(telling_line(&self.end_of_output(log_step).await?))
    }

    async fn end_of_output(&self, log_step: i64) -> Result<String, Failure> {
        let run = self.run_id().0;
        let end = self.following.engine.read(move |conn| logs::read_end(conn, run, log_step, LOOKED_AT)).await?;
        Ok(String::from_utf8_lossy(&end).into_owned())
    }
}

/// A line that says most about a failure, and its facts where it is one of RMM's own.
pub(super) type Telling = (Option<String>, Option<Box<ToolFault>>);

/// RMM's own word near the end, for which it has ended the step (hints may follow it); else what a program said last of trouble, or at
/// all.
fn telling_line(output: &str) -> Telling {
    if lacks_compose(output) {
        let fault = ToolFault::ComposeMissing;
        return (Some(Language::En.tool(&fault)), Some(Box::new(fault)));
    }
    let lines: Vec<_> =
        output.lines().rev().map(clean).filter(|line| !line.is_empty()).take(LAST_LINES_OF_TROUBLE).collect();
    // What it only noted on the way has no facts.
    let found = lines
        .iter()
        .take(LAST_LINES)
        .filter_map(|line| own_words(line))
        .find_map(|line| Some((tool_fault(&line)?, line)));
    match found {
        Some((fault, line)) => (Some(line), Some(Box::new(fault))),
        None => (last_line(&lines), None),
    }
}

/// A line of RMM's own, without its mark.
fn own_words(line: &str) -> Option<String> {
    let line = OWN_WORDS.iter().find_map(|start| line.strip_prefix(start))?;
    Some(without_middle(line, LONGEST_OWN))
}

/// The last line of some, which begin with the last, or the verdict near it: git's, else the last that tells of trouble and does
/// not only sum up what the lines before it say.
fn last_line(lines: &[String]) -> Option<String> {
    let last = lines.first()?;
    if let Some(own) = own_words(last) {
        return Some(own);
    }
    let of_git = lines.iter().take(LAST_LINES).find(|line| line.starts_with("fatal: "));
    let of_trouble = || lines.iter().find(|line| trouble::tells(line) && !trouble::sums_up(line));
    let line = of_git.or_else(of_trouble).unwrap_or(last);
    let mut short: String = line.chars().take(LONGEST_LINE).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    Some(short)
}

/// A line as a person sees it: without colours and other controls.
fn clean(line: &str) -> String {
    // What a carriage return has overwritten was progress.
    let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
    let mut clean = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            // An escape sequence ends with its first letter.
            '\u{1b}' => {
                characters.by_ref().find(|c| c.is_ascii_alphabetic());
            }
            '\t' => clean.push(' '),
            c if c.is_control() || is_direction(c) => {}
            c => clean.push(c),
        }
    }
    without_login(clean.trim())
}

/// Addresses without the user and password in them: a reason goes further than the output does.
fn without_login(line: &str) -> String {
    let mut parts = line.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c == '/' || c == '\'' || c == '"' || c.is_whitespace()).unwrap_or(part.len());
        let host = part[..end].rfind('@').map_or(0, |at| at + 1);
        clean.push_str("://");
        clean.push_str(&part[host..]);
    }
    clean
}

/// Characters that turn the direction of the text around them.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The findings of a checkout, and the refs that hold what it set aside.
fn work_by_hand(output: &str) -> (Vec<String>, Vec<String>) {
    let bounded = |text: String| text.chars().take(LONGEST_LINE).collect::<String>();
    let named = |start: &str| {
        let lines = output.lines().filter_map(|line| line.strip_prefix(start)).map(|rest| bounded(clean(rest)));
        lines.take(MOST_FILES).collect::<Vec<_>>()
    };
    let kept = named(KEPT).into_iter().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect();
    (named(BY_HAND), kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(output: &str) -> Option<String> {
        telling_line(output).0
    }

    #[test]
    fn the_line_that_says_most_is_found() {
        for (output, told) in [
            ("", None),
            ("\n \n", None),
            ("one\ntwo\n\n", Some("two")),
            ("fatal: Unable to create '.git/index.lock': File exists.\n\nremove the file\n", {
                Some("fatal: Unable to create '.git/index.lock': File exists.")
            }),
            (
                "build ok\nTypeError: x is undefined\n    at foo (x.js:1)\n\nNode.js v22\n",
                Some("TypeError: x is undefined"),
            ),
            (
                "cc x.c\nx.c:1: undefined reference to foo\nmake: *** [all] Error 1\n",
                Some("x.c:1: undefined reference to foo"),
            ),
            ("ok  a\n--- FAIL: TestX (0.00s)\nFAIL\nexit status 1\n", Some("--- FAIL: TestX (0.00s)")),
            ("test a ... ok\n0 failed\ngoodbye\n", Some("goodbye")),
            ("\u{1b}[31mred\u{1b}[0m\t\u{7}end\r\n", Some("red end")),
            (" 10%\r 90%\rdone", Some("done")),
            ("ab\u{202e}c", Some("abc")),
            ("fatal: 'https://me:pass@host/a@b' and ssh://git@host", Some("fatal: 'https://host/a@b' and ssh://host")),
        ] {
            assert_eq!(line(output).as_deref(), told, "{output:?}");
        }
        let own = "unknown flag: --nope\n\nUsage:  docker compose up [OPTIONS] [SERVICE...]";
        assert_eq!(line(own).as_deref(), Some("Usage:  docker compose up [OPTIONS] [SERVICE...]"));
        assert_eq!(line(&"x".repeat(1000)).unwrap().chars().count(), LONGEST_LINE + 1);
    }

    #[test]
    fn rmms_own_word_is_a_fact_and_hints_may_follow_it() {
        let fault = ToolFault::NoRepository { folder: "/srv/shop".into() };
        let sentence = Language::En.tool(&fault);
        let told = telling_line(&format!("rmm: {sentence}\nbye\n"));
        assert_eq!(told, (Some(sentence), Some(Box::new(fault))));
        let entered = telling_line("RMM: the directory /srv/a cannot be entered, so the command was not run.\n").1;
        assert_eq!(entered.as_deref(), Some(&ToolFault::FolderNotEntered { folder: "/srv/a".into() }));
        for output in [
            "docker: 'compose' is not a docker command.\nSee 'docker --help'\n",
            "unknown shorthand flag: 'd' in -d\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information\n",
        ] {
            assert_eq!(telling_line(output).1.as_deref(), Some(&ToolFault::ComposeMissing), "{output:?}");
        }
    }

    #[test]
    fn what_rmm_noted_on_the_way_is_not_why_a_command_failed() {
        let noted = "rmm: this folder keeps its compose project shop, which has its containers and volumes\n";
        let output = format!("{noted}Error: port is already allocated\n");
        assert_eq!(telling_line(&output), (Some("Error: port is already allocated".to_owned()), None));
        // Another version may have words that this one does not know.
        assert_eq!(line("rmm: the moon is in the way\n").as_deref(), Some("the moon is in the way"));
    }

    #[test]
    fn a_long_sentence_of_rmms_own_keeps_its_end() {
        let fault = |said: String| ToolFault::WorkNotKept { folder: "/srv/shop".into(), said: Some(said) };
        let short = Language::En.tool(&fault("x".repeat(500)));
        assert_eq!(line(&format!("rmm: {short}")).as_deref(), Some(short.as_str()));
        let (own, tool) = telling_line(&format!("rmm: {}", Language::En.tool(&fault("x".repeat(5000)))));
        let own = own.unwrap();
        assert!(own.ends_with("; move it away, then try again") && own.chars().count() <= LONGEST_OWN, "{own}");
        assert!(matches!(tool.as_deref(), Some(ToolFault::WorkNotKept { .. })), "{tool:?}");
    }

    #[test]
    fn work_by_hand_is_read_from_what_a_checkout_says() {
        let said = "rmm: by hand: changed a b\nelse\nrmm: by hand: in the way .env\nrmm: kept aside as refs/rmm/kept/1 in /x\n";
        let (files, kept) = work_by_hand(said);
        assert_eq!(
            (files, kept),
            (vec!["changed a b".into(), "in the way .env".into()], vec!["refs/rmm/kept/1".into()])
        );
    }
}
