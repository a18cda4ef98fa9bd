//! English.

use super::Words;
use crate::domain::moves::Move;
use crate::domain::run::RunState;
use crate::domain::standing::Phase;
use crate::wording::Language;

pub(super) const WORDS: Words = Words {
    language: Language::En,
    skip: "Skip to the content",
    board: "Board",
    account: "Account",
    main_parts: "Main",
    breadcrumb: "Breadcrumb",
    times_in: "Times in",
    live: "Live: up to date",
    stale: "No connection: this may be out of date",
    held: "Something has changed; close what is open to see it",
    sign_in: "Sign in",
    sign_out: "Sign out",
    session_over: "You are signed out.",
    signed_out: "You are signed out: nothing was done. Sign in and try again",
    ask_bot: "A link signs you in, once, for 10 minutes: send /login to the bot of your team, or ask an admin of RMM.",
    on_server: "On the server, this prints the same kind of link:",
    link_or_code: "Link or code",
    sign_in_with_it: "Sign in with it",
    link_is_over: "This link was used already, or it has expired. Ask for a new one.",
    offer: "This link signs you in as",
    sign_in_as: "Sign in as",
    foreign_form: "this did not come from a page of this RMM, or the page is from before you signed in: nothing was done. Open the page again and repeat",
    odd_address: "a part of this address cannot be read: go back, or begin at the board",
    not_here: "There is no such page",
    not_allowed: "Not allowed",
    not_now: "Not now",
    not_done: "Not done",
    go_back: "Go back",
    role: "Role",
    language_label: "Language",
    colours: "Colours",
    of_system: "As the system",
    light: "Light",
    dark: "Dark",
    save: "Save",
    sessions: "Where you are signed in",
    this_one: "this browser",
    since: "signed in",
    seen: "last used",
    end_session: "Sign out there",
    end_other_sessions: "Sign out everywhere else",
    needs_you: "Needs you",
    waits_for_your_approval: "waits for your approval",
    review: "Review and approve",
    on_their_way: "On their way",
    nothing_now: "Nothing now",
    what_runs_where: "What runs where",
    service: "Service",
    stage: "Stage",
    production: "Production",
    nothing_yet: "nothing yet",
    difference: "Difference",
    no_difference: "none",
    last_ended: "Last ended",
    release: "Release",
    result: "Result",
    ended: "Ended",
    from_tag: "From tag",
    by: "By",
    first_release: "No release yet. This makes the first one:",
    unknown_state: "what it runs is not known",
    needs_repair: "needs repair",
    commit: "Commit",
    started_by: "started by",
    owner: "owner",
    attempt: "attempt",
    gates: "Gates before production",
    met: "Met",
    not_met: "Not met",
    skipped: "Skipped",
    approvals: "Approvals",
    you: "you",
    approved: "Approved",
    rejected: "Rejected",
    waiting: "Waiting",
    runs: "Runs",
    step: "Step",
    took: "Took",
    host: "Host",
    commits_since: "Commits since",
    compare: "Compare",
    timeline: "Timeline",
    surface: "Surface",
    surfaces: "Surfaces",
    artifact: "Artifact",
    preview: "Preview",
    notes: "Notes",
    ci_run: "CI run",
    output: "Output",
    first_failure: "First failure",
    raw: "Raw",
    download: "Download",
    no_output: "It printed nothing.",
    earlier_lines: "Earlier lines",
    later_lines: "Later lines",
    unlock: "Unlock production",
    unlock_follows: "Releases of this service reach production again.",
    lock: "Lock production…",
    lock_heading: "Lock production",
    lock_follows: "Nothing reaches production until an admin unlocks it. What is under way goes on.",
    history: "History",
    approvers: "Approvers",
    in_line: "In line for production",
    good_versions: "Good versions",
    reason: "Reason",
    reason_hint: "Told to the team, kept on the record",
    which_gates: "Gates to skip",
    force: "Go ahead even if the previous run may still be at work",
    version: "Version to roll back to",
    progress: "Progress of the release",
};

pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Stage => "Stage",
        Phase::Rehearsal => "Rehearsal",
        Phase::People => "Waiting for people",
        Phase::Production => "Deploying",
        Phase::Back => "Rolling back",
    }
}

pub(super) const fn button(wanted: Move) -> &'static str {
    match wanted {
        Move::Settle => "Record what runs…",
        Move::Resolve => "Record how it ended…",
        Move::Approve => "Approve…",
        Move::Reject => "Reject…",
        Move::Promote => "Start production…",
        Move::Bypass => "Bypass gates…",
        Move::Unlock => "Unlock production…",
        Move::Cancel => "Cancel…",
        Move::Abort => "Abort and roll back…",
        Move::Rollback => "Roll back…",
        Move::Retry => "Try again…",
    }
}

pub(super) fn act_on(wanted: Move, title: &str) -> String {
    match wanted {
        Move::Settle => "Record what runs there".to_owned(),
        Move::Resolve => "Record how it ended".to_owned(),
        Move::Approve => format!("Approve {title}"),
        Move::Reject => format!("Reject {title}"),
        Move::Promote => format!("Start production of {title}"),
        Move::Bypass => format!("Bypass gates of {title}"),
        Move::Unlock => "Unlock production".to_owned(),
        Move::Cancel => format!("Cancel {title}"),
        Move::Abort => format!("Abort {title} and roll back"),
        Move::Rollback => format!("Roll {title} back"),
        Move::Retry => format!("Try {title} again"),
    }
}

pub(super) const fn follows(wanted: Move) -> &'static str {
    match wanted {
        Move::Settle | Move::Resolve => "Check on the hosts first: RMM relies on what you record.",
        Move::Approve => "You confirm that you have tested it. The production deploy starts when every gate is met.",
        Move::Reject => "One rejection ends the vote. The release can be tried again.",
        Move::Promote => "The production deploy begins.",
        Move::Bypass => "For emergencies. The team is told who skipped what, and why.",
        Move::Unlock => "Releases of this service reach production again.",
        Move::Cancel => "The release ends here. Production is not touched.",
        Move::Abort => "Stops the running step and rolls production back.",
        Move::Rollback => {
            "Production is rolled back, migrations included. Afterwards it is locked until an admin unlocks it."
        }
        Move::Retry => "It starts over from stage, under the same number. People vote again.",
    }
}

pub(super) const fn run_state(state: &RunState) -> &'static str {
    match state {
        RunState::Queued => "In line",
        RunState::Running => "Running",
        RunState::Succeeded => "Succeeded",
        RunState::Failed { .. } => "Failed",
        RunState::Stopped { .. } => "Stopped",
        RunState::Unknown { .. } => "Unknown",
    }
}

pub(super) fn board_summary(active: usize, mine: usize) -> String {
    let active = match active {
        0 => "Nothing is on its way".to_owned(),
        1 => "1 release on its way".to_owned(),
        count => format!("{count} releases on their way"),
    };
    match mine {
        0 => active,
        1 => format!("{active} · 1 waits for you"),
        count => format!("{active} · {count} wait for you"),
    }
}
