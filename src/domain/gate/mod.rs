//! Gates: the conditions that must hold before production, each of which can explain itself in facts.
//!
//! A gate looks, and never changes anything. Adding one is adding a file, and its line in [`GATES`].

mod approvals;
mod commit_known;
pub mod facts;
mod fresh_rehearsal;
pub mod name;
mod no_lock;
mod not_a_downgrade;
mod production_clean;
mod production_free;
mod promoted;
mod service_defined;

use super::release::Release;
use super::world::World;

pub use facts::{Gate, GateState, Remedy, Skip, Standing};
pub use name::GateName;

impl GateName {
    /// Whether an admin can skip it. The others say what is physically possible, or have their own command.
    #[must_use]
    pub fn can_be_bypassed(self) -> bool {
        GATES.iter().any(|condition| condition.name == self && condition.can_be_bypassed)
    }
}

/// One condition.
struct Condition {
    name: GateName,
    can_be_bypassed: bool,
    /// The release itself has to change (or be cancelled) for it to clear: it does not hold up others meanwhile.
    blocks_only_its_release: bool,
    look: fn(&World<'_>, &Release) -> Finding,
}

const GATES: &[Condition] = &[
    service_defined::GATE,
    approvals::GATE,
    fresh_rehearsal::GATE,
    commit_known::GATE,
    not_a_downgrade::GATE,
    promoted::GATE,
    no_lock::GATE,
    production_clean::GATE,
    production_free::GATE,
];

/// What one condition says: how it stands, and what would clear it where it does not hold.
struct Finding {
    state: GateState,
    remedy: Option<Remedy>,
}

const fn met(state: GateState) -> Finding {
    Finding { state, remedy: None }
}

const fn unmet(state: GateState, remedy: Remedy) -> Finding {
    Finding { state, remedy: Some(remedy) }
}

/// Every gate of production for one release. That its service is defined goes without saying.
#[must_use]
pub fn explain(world: &World<'_>, release: &Release) -> Vec<Gate> {
    let gates = GATES.iter().map(|condition| evaluate(world, release, condition));
    gates.filter(|gate| gate.name != GateName::ServiceDefined || !gate.met()).collect()
}

/// Whether one gate stands open.
#[must_use]
pub fn is_met(world: &World<'_>, release: &Release, name: GateName) -> bool {
    GATES.iter().filter(|condition| condition.name == name).all(|it| evaluate(world, release, it).met())
}

fn evaluate(world: &World<'_>, release: &Release, condition: &Condition) -> Gate {
    let Finding { state, remedy } = (condition.look)(world, release);
    let name = condition.name;
    let made = release.bypasses.iter().find(|bypass| bypass.gate == name && remedy.is_some());
    let counts = made.filter(|bypass| bypass.is_about(release, &world.definition));
    Gate {
        name,
        state,
        bypass: counts.map(|bypass| Skip { by: bypass.by.clone(), reason: bypass.reason.clone() }),
        void_bypass: made.filter(|_| counts.is_none()).map(|void| void.by.clone()),
        remedy,
    }
}

/// Whether a waiting release waits for something that clears without it: then the others wait behind it.
fn holds_its_place(world: &World<'_>, release: &Release) -> bool {
    GATES.iter().filter(|it| it.blocks_only_its_release).all(|it| evaluate(world, release, it).met())
}
