//! What stands before production: the gates, with who can clear them and how, and the votes.

use crate::domain::approval::Verdict;
use crate::domain::gate::{Gate, GateName};
use crate::domain::ids::PersonName;
use crate::domain::status::Status;
use crate::views::ReleaseOverview;
use crate::web::pages::frame::When;
use crate::web::pages::tone::{self, Tone};
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::release as words;

pub(super) struct GateLine {
    pub name: &'static str,
    pub tone: Tone,
    pub state: String,
    /// Who can clear it, and how.
    pub how: Option<String>,
    pub word: &'static str,
}

/// The gates: those that are to be looked at, and those that are met, in one line.
pub(super) struct Gates {
    pub open: Vec<GateLine>,
    pub met: Vec<GateLine>,
    pub met_line: String,
}

pub(super) fn gates(overview: &ReleaseOverview, viewer: &Viewer) -> Gates {
    let lines = overview.gates.iter().map(|gate| (gate, GateLine::of(gate, viewer)));
    let (met, open): (Vec<_>, Vec<_>) = lines.partition(|(gate, _)| gate.met() && gate.bypass.is_none());
    let names: Vec<_> = met.iter().map(|(_, line)| line.name).collect();
    Gates {
        met_line: words::of(viewer.looks.language).met(met.len(), overview.gates.len(), &names.join(", ")),
        open: open.into_iter().map(|(_, line)| line).collect(),
        met: met.into_iter().map(|(_, line)| line).collect(),
    }
}

impl GateLine {
    fn of(gate: &Gate, viewer: &Viewer) -> Self {
        let (language, words) = (viewer.looks.language, viewer.looks.words());
        let (tone, word) = match (&gate.bypass, gate.met()) {
            (Some(_), _) => (tone::WARN, words.skipped),
            (None, true) => (tone::OK, words.met),
            (None, false) if gate.name == GateName::Approvals => (tone::WAIT, words.not_met),
            (None, false) => (tone::IDLE, words.not_met),
        };
        let how = gate.remedy.as_ref().filter(|_| !gate.met()).map(|remedy| language.remedy(remedy));
        Self {
            name: language.gate_title(gate.name),
            tone,
            state: viewer.looks.sentence(&language.gate(gate)),
            how,
            word,
        }
    }
}

pub(super) struct VoteLine {
    pub who: String,
    pub is_viewer: bool,
    pub tone: Tone,
    pub word: &'static str,
    pub when: Option<When>,
    pub door: String,
    pub reason: Option<String>,
}

/// How many have said yes of how many; none before approvers were asked.
pub(super) fn tally(overview: &ReleaseOverview, viewer: &Viewer) -> Option<String> {
    let before = matches!(
        overview.release.status,
        Status::Initiated
            | Status::StageBuilding
            | Status::StageBuildingFailed
            | Status::StageTestRollback
            | Status::StageTestRollbackFailed
    );
    let given = overview.tally.given.len();
    (!before || given > 0).then(|| viewer.looks.words().of(given, overview.tally.needed))
}

pub(super) fn votes(overview: &ReleaseOverview, viewer: &Viewer) -> Vec<VoteLine> {
    let (looks, words) = (&viewer.looks, viewer.looks.words());
    let is_viewer = |who: &PersonName| viewer.person() == Some(who);
    let given = overview.votes.iter().map(|vote| {
        let (tone, word, reason) = match &vote.verdict {
            Verdict::Approved => (tone::OK, words.approved, None),
            Verdict::Rejected { reason } => (tone::FAIL, words.rejected, Some(reason.clone())),
        };
        let when = Some(looks.when(vote.at, viewer.now));
        let door = looks.language.door(vote.door).to_owned();
        VoteLine { who: vote.person.to_string(), is_viewer: is_viewer(&vote.person), tone, word, when, door, reason }
    });
    let is_open = matches!(overview.release.status, Status::ManualTesting);
    let missing = overview.tally.missing.iter().filter(|_| is_open).map(|who| VoteLine {
        who: who.to_string(),
        is_viewer: is_viewer(who),
        tone: tone::WAIT,
        word: words.waiting,
        when: None,
        door: String::new(),
        reason: None,
    });
    let skips = overview.release.bypasses.iter().filter(|bypass| bypass.gate == GateName::Approvals);
    let skips = skips.map(|bypass| VoteLine {
        who: bypass.by.clone(),
        is_viewer: viewer.person().is_some_and(|person| person.as_str() == bypass.by),
        tone: tone::WARN,
        word: words.skipped,
        when: None,
        door: String::new(),
        reason: Some(bypass.reason.clone()),
    });
    skips.chain(given).chain(missing).collect()
}
