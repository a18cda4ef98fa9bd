//! What RMM says to a run that waits for its protection rule.

use super::*;
use crate::domain::cause::Cause;
use crate::domain::gate::{Gate, GateName, GateState, Remedy};
use crate::domain::protection::Clearance;
use crate::domain::status::Status;

#[test]
fn every_clearance_has_words_in_every_language() {
    use Clearance as C;
    let gate = Gate {
        name: GateName::NoLock,
        state: GateState::Unlocked,
        remedy: Some(Remedy::Unlock),
        bypass: None,
        void_bypass: None,
    };
    let all = [
        C::UnderWay,
        C::Clear,
        C::Unmet(vec![gate]),
        C::Unmet(Vec::new()),
        C::Refused(Box::new(Cause::TakenAlready)),
        C::ByAnotherRun,
        C::Over(Status::ManualTestFailed),
        C::Unknown,
    ];
    let told = all.map(|it| [Language::En, Language::Ru].map(|language| language.clearance(&it, "v1.5.0")).join("\n"));
    insta::assert_snapshot!(told.join("\n"));
}
