//! How what was looked at is shown: a line each, and for what is not well what to do.

use crate::contract::{Finding, FindingState};
use crate::terminal::{Tone, Ui, clean, wrap};

/// Where the text of a finding begins.
const INDENT: usize = 20;
/// What a number before it takes.
const NUMBER: usize = 4;

/// All findings about one thing, below its name.
pub(super) fn report(about: &str, findings: &[Finding], ui: &Ui) -> String {
    shown(about, findings.iter().map(|finding| (String::new(), finding)), INDENT, ui)
}

/// As [`report`], with numbers from `first` on.
pub(super) fn numbered(about: &str, findings: &[Finding], first: usize, ui: &Ui) -> String {
    let numbers = (first..).map(|number| format!("{number:>3}."));
    shown(about, numbers.zip(findings), INDENT + NUMBER, ui)
}

fn shown<'a>(about: &str, findings: impl Iterator<Item = (String, &'a Finding)>, indent: usize, ui: &Ui) -> String {
    let mut out = format!("{}\n", ui.heading(&clean(about)));
    for (number, finding) in findings {
        let (mark, tone) = match finding.state.known() {
            Some(FindingState::Ok) => ("ok", Tone::Good),
            Some(FindingState::Warn) | None => ("WARN", Tone::Waiting),
            Some(FindingState::Fail) => ("FAIL", Tone::Bad),
        };
        let name = ui.paint(&format!("{:10}", clean(&finding.name)), Tone::Dim);
        let mark = ui.paint(&format!("{mark:4}"), tone);
        for (at, line) in wrap(&clean(&finding.detail), ui.prose().saturating_sub(indent).max(20)).iter().enumerate() {
            match at {
                0 => out.push_str(&format!("{number}  {mark}  {name}  {line}\n")),
                _ => out.push_str(&format!("{:indent$}{line}\n", "")),
            }
        }
        if let Some(fix) = &finding.fix {
            out.push_str(&format!("{:indent$}{}\n", "", ui.paint(&clean(fix), Tone::Busy)));
        }
    }
    out
}
