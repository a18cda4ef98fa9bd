//! The words of the command line for what goes wrong there.

use super::{Language, en, ru};
use crate::domain::fault::cli::{CliFault, CliHint, CliNote, Unreached};
use crate::domain::fault::upgrade::{UpgradeFault, UpgradeStep};

impl Language {
    /// Why a verb does not do what it was asked for, or RMM does not start: a sentence that begins small and has no full stop.
    #[must_use]
    pub fn cli_fault(self, fault: &CliFault) -> String {
        match self {
            Self::En => en::cli_fault(fault),
            Self::Ru => ru::cli_fault(fault),
        }
    }

    /// What to try then: sentences with full stops.
    #[must_use]
    pub fn cli_hint(self, hint: &CliHint) -> String {
        match self {
            Self::En => en::cli_hint(hint),
            Self::Ru => ru::cli_hint(hint),
        }
    }

    /// What a verb warns of: a line of its own.
    #[must_use]
    pub fn cli_note(self, note: &CliNote) -> String {
        match self {
            Self::En => en::cli_note(note),
            Self::Ru => ru::cli_note(note),
        }
    }

    /// Why no RMM could be reached: a sentence that begins small and has no full stop.
    #[must_use]
    pub fn unreached(self, why: &Unreached) -> String {
        match self {
            Self::En => en::unreached(why),
            Self::Ru => ru::unreached(why),
        }
    }

    /// What an upgrade does: a line of its own.
    #[must_use]
    pub fn upgrade_step(self, step: &UpgradeStep) -> String {
        match self {
            Self::En => en::upgrade_step(step),
            Self::Ru => ru::upgrade_step(step),
        }
    }

    /// Why an upgrade does not go on, or how it ended: a sentence that begins small and has no full stop.
    #[must_use]
    pub fn upgrade_fault(self, fault: &UpgradeFault) -> String {
        match self {
            Self::En => en::upgrade_fault(fault),
            Self::Ru => ru::upgrade_fault(fault),
        }
    }

    /// That RMM refuses something, and why.
    #[must_use]
    pub fn refused(self, why: &str) -> String {
        match self {
            Self::En => format!("refused: {why}"),
            Self::Ru => format!("отказано: {why}"),
        }
    }

    /// Above a list of moves that are legal.
    #[must_use]
    pub const fn possible_now(self) -> &'static str {
        match self {
            Self::En => "Possible now:",
            Self::Ru => "Сейчас можно:",
        }
    }
}
