//! What RMM says to a run that waits for it.

use super::super::Language;
use super::status_title;
use crate::domain::protection::Clearance;

/// How a release stands for a run that wants to go to production.
pub(in crate::wording) fn clearance(clearance: &Clearance, title: &str) -> String {
    match clearance {
        Clearance::UnderWay => format!("{title} goes to production by this run."),
        Clearance::Clear => format!("{title}: every gate of production is clear."),
        Clearance::Unmet(gates) if gates.is_empty() => format!("{title} waits: people have not tested it yet."),
        Clearance::Unmet(gates) => {
            let gates: Vec<_> = gates.iter().map(|gate| Language::En.unmet_gate(gate)).collect();
            format!("{title} waits: {}", gates.join(" "))
        }
        Clearance::Refused(cause) => format!("{title} waits: {}.", Language::En.refusal(cause)),
        Clearance::CommitUnknown => format!("{title} waits: RMM does not know its commit yet."),
        Clearance::ByAnotherRun => format!("{title} waits: another run brings it to production."),
        Clearance::Over(status) => {
            format!("{title} does not go to production any more: {}.", status_title(*status))
        }
        Clearance::Unknown => format!("RMM knows no release of {title} yet."),
    }
}
