//! `[links]`: where pages and alerts lead to outside of RMM.

use jiff::{SignedDuration, Timestamp};

use super::file::Section;
use crate::domain::fault::config::ConfigFault;
use crate::domain::web_address::web_address;

/// What stands in an address for the number of a trace.
const TRACE_ID: &str = "{trace_id}";
/// What stands there for the beginning and the end of a time, in unix milliseconds.
const TIMES: [&str; 2] = ["{from}", "{to}"];
/// Around the moment that a log is looked at for.
const BEFORE: SignedDuration = SignedDuration::from_mins(15);
const AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Addresses outside of RMM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Where a trace is shown, with `{trace_id}` in it.
    pub trace: Option<String>,
    /// Where the log is shown, with `{trace_id}`, or `{from}` and `{to}`, in it.
    pub logs: Option<String>,
}

pub(super) fn read(root: &Section<'_>) -> Links {
    let Some(section) = root.section("links") else { return Links::default() };
    let template = |key: &str, fault: ConfigFault, is_right: &dyn Fn(&str) -> bool| {
        let text = section.text(key)?;
        let problem = match web_address(key, &fill(&text.value, &"0".repeat(32), Timestamp::UNIX_EPOCH)) {
            Err(invalid) => Some(invalid.rule.into()),
            Ok(()) if !is_right(&text.value) => Some(fault),
            Ok(()) => None,
        };
        match problem {
            Some(fault) => {
                section.report.error(&text.place, fault);
                None
            }
            None => Some(text.value),
        }
    };
    let [from, to] = TIMES.map(str::to_owned);
    let has_trace = |text: &str| text.contains(TRACE_ID);
    let has_any = |text: &str| has_trace(text) || TIMES.iter().all(|part| text.contains(part));
    Links {
        trace: template("trace", ConfigFault::Placeholder { name: TRACE_ID.to_owned() }, &has_trace),
        logs: template("logs", ConfigFault::PlaceholderOf { trace: TRACE_ID.to_owned(), from, to }, &has_any),
    }
}

fn fill(template: &str, trace_id: &str, at: Timestamp) -> String {
    let moved = |by: SignedDuration| at.checked_add(by).unwrap_or(at).as_millisecond().to_string();
    let [from, to] = TIMES;
    template.replace(TRACE_ID, trace_id).replace(from, &moved(-BEFORE)).replace(to, &moved(AFTER))
}

impl Links {
    /// Where a trace is shown.
    #[must_use]
    pub fn of_trace(&self, trace_id: &str) -> Option<String> {
        Some(self.trace.as_deref()?.replace(TRACE_ID, trace_id))
    }

    /// Where the log of a moment is shown, or of a trace where one is known.
    #[must_use]
    pub fn of_logs(&self, trace_id: Option<&str>, at: Timestamp) -> Option<String> {
        let template = self.logs.as_deref()?;
        let says_when = TIMES.iter().all(|part| template.contains(part));
        (trace_id.is_some() || says_when).then(|| fill(template, trace_id.unwrap_or_default(), at))
    }
}
