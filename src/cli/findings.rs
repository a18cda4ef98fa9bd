//! How what was looked at is shown: a line each, and for what is not well what to do.

use crate::domain::finding::{Finding, Remedy, State};
use crate::terminal::{Tone, Ui, clean, wrap};

/// What stands before the name of what was looked at.
const MARK: usize = 8;
/// The least that such a name takes.
const NAME: usize = 10;
/// The least that is left for words, in columns.
const NARROWEST: usize = 20;
/// What a number before it takes.
const NUMBER: usize = 4;

/// All findings about one thing, below its name.
pub(super) fn report(about: &str, findings: &[Finding], ui: &Ui) -> String {
    shown(about, findings.iter().map(|finding| (String::new(), finding)), 0, ui)
}

/// As [`report`], with numbers from `first` on.
pub(super) fn numbered(about: &str, findings: &[Finding], first: usize, ui: &Ui) -> String {
    let numbers = (first..).map(|number| format!("{number:>3}."));
    shown(about, numbers.zip(findings), NUMBER, ui)
}

fn shown<'a>(
    about: &str,
    findings: impl Iterator<Item = (String, &'a Finding)> + Clone,
    number: usize,
    ui: &Ui,
) -> String {
    let name_of = |finding: &Finding| clean(ui.language.topic(&finding.topic));
    let widest = findings.clone().map(|(_, finding)| name_of(finding).chars().count()).max().unwrap_or(0).max(NAME);
    let indent = number + MARK + widest + 2;
    let room = ui.prose().saturating_sub(indent).max(NARROWEST);
    let mut out = format!("{}\n", ui.heading(&clean(about)));
    for (number, finding) in findings {
        let (mark, tone) = match finding.state {
            State::Ok => ("ok", Tone::Good),
            State::Warn => ("WARN", Tone::Waiting),
            State::Fail => ("FAIL", Tone::Bad),
        };
        let name = ui.paint(&format!("{:widest$}", name_of(finding)), Tone::Dim);
        let mark = ui.paint(&format!("{mark:4}"), tone);
        let detail = ui.language.found(&finding.found);
        for (at, line) in lines(&detail, room).iter().enumerate() {
            match at {
                0 => out.push_str(&format!("{number}  {mark}  {name}  {line}\n")),
                _ => out.push_str(&format!("{:indent$}{line}\n", "")),
            }
        }
        if let Some(remedy) = &finding.remedy {
            let told = clean(&ui.language.finding_remedy(remedy));
            // What is pasted stays in one piece.
            let is_pasted = matches!(remedy, Remedy::Command { .. });
            for line in if is_pasted { vec![told] } else { wrap(&told, room) } {
                out.push_str(&format!("{:indent$}{}\n", "", ui.paint(&line, Tone::Busy)));
            }
        }
    }
    out
}

/// What was found, wrapped. What is quoted keeps its lines and blanks: a mark below it stands where it belongs.
fn lines(detail: &str, most: usize) -> Vec<String> {
    let is_quoted =
        |line: &str| line.split_once(" | ").map_or(line, |(number, _)| number).trim().parse::<u32>().is_ok();
    let is_mark = |line: &str| line.trim_start().starts_with("| ");
    let each = detail.lines().map(clean).flat_map(|line| {
        if line.starts_with(' ') && (is_quoted(&line) || is_mark(&line)) { vec![line] } else { wrap(&line, most) }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::{Found, Topic};

    #[test]
    fn what_is_quoted_of_the_configuration_keeps_its_lines() {
        let said = "rmm.toml:21:3: services[0].surfaces: a surface that RMM deploys needs a `command` or something like it\n   \
                    21 |   [[services.surfaces]]\n      |   ^^^^^^^^^^^^^^^^^^^^^\n      = hint: write one";
        let found = Finding::fail(Topic::Config, Found::Told(said.to_owned()));
        insta::assert_snapshot!(report("this machine", &[found], &Ui::test(70)));
    }

    #[test]
    fn what_to_do_is_wrapped_and_what_is_pasted_is_not() {
        let fact = || Found::Told("is not there".to_owned());
        let told = Finding::fail(Topic::Secret, fact()).with(Remedy::RunAsService);
        let command = "sudo -u rmm rmm host trust web-1 --fingerprint SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let pasted = Finding::fail(Topic::Key, fact()).with(command);
        insta::assert_snapshot!(report("this machine", &[told, pasted], &Ui::test(60)));
    }
}
