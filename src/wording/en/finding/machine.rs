//! What there is to say of the machine that RMM runs on.

use crate::domain::finding::MachineFact;
use crate::wording::Language::En;

/// A sentence.
pub(in crate::wording) fn machine_fact(fact: &MachineFact) -> String {
    use MachineFact as F;
    match fact {
        F::Fault { fault } => En.machine(fault),
        F::Store { fault } => En.store(fault),
        F::ConfigurationRight { file } => format!("{} is right", file.display()),
        F::Misconfigured { problem } => En.misconfigured(problem),
        F::NoSecret { key, fault } => format!("{key}: {}", En.config_fault(fault)),
        F::NoDatabase => "there is none yet; the first start makes it".into(),
        F::NewerDatabase { found, supported } => {
            format!("it is of a newer RMM (schema {found}; this one knows {supported})")
        }
        F::OlderDatabase { bytes, found, supported } => {
            format!("{}, schema {found}; the next start brings it to {supported}", En.size(*bytes))
        }
        F::Database { bytes, supported } => format!("{}, schema {supported}", En.size(*bytes)),
        F::FreeAt { bytes, folder } => format!("{} free at {}", En.size(*bytes), folder.display()),
        F::ClockKept { by } => format!("it is kept by the network ({by})"),
        F::ClockNotKept => {
            "nothing that keeps the clock by the network was found (systemd-timesyncd, chrony, ntpd)".into()
        }
        F::OpenFiles { files, connections } => format!("{files} may be open, and so {connections} connections"),
    }
}
