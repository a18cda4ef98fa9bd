//! `[links]`: where pages lead to outside of RMM.

use super::file::Section;
use crate::domain::ids::web_address;

/// What stands in an address for the number of a trace.
const TRACE_ID: &str = "{trace_id}";

/// Addresses outside of RMM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Where a trace is shown, with `{trace_id}` in it.
    pub trace: Option<String>,
}

pub(super) fn read(root: &Section<'_>) -> Links {
    let Some(section) = root.section("links") else { return Links::default() };
    let trace = section.text("trace").filter(|text| {
        let filled = Links { trace: Some(text.value.clone()) }.of_trace(&"0".repeat(32));
        let problem = match web_address("trace", filled.as_deref().unwrap_or_default()) {
            Err(invalid) => Some(invalid.rule),
            Ok(()) if !text.value.contains(TRACE_ID) => Some(format!("must have {TRACE_ID} in it")),
            Ok(()) => None,
        };
        if let Some(problem) = &problem {
            section.report.error(&text.place, problem);
        }
        problem.is_none()
    });
    Links { trace: trace.map(|text| text.value) }
}

impl Links {
    /// Where a trace is shown.
    #[must_use]
    pub fn of_trace(&self, trace_id: &str) -> Option<String> {
        Some(self.trace.as_deref()?.replace(TRACE_ID, trace_id))
    }
}
