//! How gates stand, and what clears them.

use super::*;
use crate::domain::fault::repository::RepositoryFault;
use crate::domain::gate::Skip;

fn states() -> Vec<GateState> {
    use GateState as G;
    let by = || vec![person("ann"), person("bob")];
    vec![
        G::VoteClosed { approved_by: Vec::new() },
        G::VoteClosed { approved_by: by() },
        G::NoApprovalsNeeded,
        G::Approved { by: by(), needed: 2 },
        G::ApprovalsMissing { given: 1, needed: 3, void: Vec::new() },
        G::ApprovalsMissing { given: 1, needed: 3, void: by() },
        G::NotRehearsed,
        G::RehearsedOtherContent,
        G::Rehearsed { back_to: version() },
        G::Defined,
        G::Retired,
        G::PutAside,
        G::NothingToRehearse { maybe_was: None },
        G::NothingToRehearse { maybe_was: Some(ServiceName::parse("was", "store").unwrap()) },
        G::RehearsedElsewhere { now: Some(version()) },
        G::RehearsedElsewhere { now: None },
        G::CommitKnown { commit: commit() },
        G::CiKnowsCommit,
        G::CommitUnresolved {
            reason: Reason::Repository {
                fault: RepositoryFault::NoTag {
                    url: "https://git.example.com/shop.git".into(),
                    tag: Tag::parse("tag", "v1.4.0").unwrap(),
                },
            },
        },
        G::CommitUnresolved { reason: Reason::told("the repository does not answer.") },
        G::CommitAsked,
        G::NothingRuns,
        G::RunsIt,
        G::Older { current: version() },
        G::NotOlder { current: version() },
        G::CiStarts,
        G::StartsByItself,
        G::Promoted,
        G::NotPromoted,
        G::Held,
        G::Unlocked,
        G::Locked { by: "ann".into(), reason: Reason::told("audit") },
        G::ProductionKnown,
        G::ProductionUnknown { reason: Reason::Restored { how: RestoredBy::Backup } },
        G::ProductionDirty { reason: *exit() },
        G::Free,
        G::BusyWith { release: ReleaseId(12), stopping: None },
        G::BusyWith { release: ReleaseId(12), stopping: Some(being_cancelled()) },
        G::LostRun { run: RunId(31), release: ReleaseId(12) },
        G::Behind { release: ReleaseId(12) },
    ]
}

fn remedies() -> Vec<Remedy> {
    use Remedy as R;
    let of = || vec![person("ann"), person("bob")];
    vec![
        R::Define { service: service() },
        R::AddApprover,
        R::Approve { count: 1, of: of() },
        R::Approve { count: 2, of: of() },
        R::SettleStage { service: service(), reason: Reason::told("restored.") },
        R::RepairStage { run: RunId(31), reason: *exit() },
        R::ResolveStageRun { run: RunId(31) },
        R::Rehearse,
        R::CiRehearses,
        R::RehearseAgain,
        R::AskAgain { at: Timestamp::UNIX_EPOCH },
        R::SendCommit,
        R::Ask,
        R::RollBack { release: ReleaseId(12) },
        R::GoForward,
        R::Promote,
        R::Unlock,
        R::SettleProduction { service: service() },
        R::RepairProduction { run: RunId(31) },
        R::ResolveRun { run: RunId(31) },
        R::WaitForEnd,
        R::WaitForTurn,
    ]
}

#[test]
fn every_state_and_remedy_of_a_gate_has_words_in_every_language() {
    let source = include_str!("../../domain/gate/facts.rs");
    let states = catalogue(source, "GateState", &states(), |language, state| language.gate_state(state));
    let remedies = catalogue(source, "Remedy", &remedies(), |language, remedy| language.remedy(remedy));
    insta::assert_snapshot!("gates", format!("{states}\n{remedies}"));
}

#[test]
fn a_gate_that_is_skipped_says_by_whom() {
    let gate = Gate {
        name: GateName::NoLock,
        state: GateState::Unlocked,
        remedy: Some(Remedy::Unlock),
        bypass: Some(Skip { by: "root".into(), reason: "payments are down".into() }),
        void_bypass: None,
    };
    let void = Gate { bypass: None, void_bypass: Some("root".into()), ..gate.clone() };
    let told = [gate, void].map(|gate| [Language::En, Language::Ru].map(|it| it.unmet_gate(&gate)).join("\n"));
    insta::assert_snapshot!("skipped_gates", told.join("\n"));
}
