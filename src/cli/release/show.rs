//! `release show` and `release explain`: the card of a release.

use super::super::health::note_troubles;
use super::super::words;
use super::{One, ask, tone};
use crate::api_client::{Call, Client, Context, Fault, Intent, paste, print};
use crate::contract::{self, Word};
use crate::domain::standing::Standing;
use crate::domain::status::Status;
use crate::domain::text::is_same_name;
use crate::terminal::{Column, Table, Tone, Ui, clean, sentence, width};
use crate::wording::Language;

/// Labels of the card are this wide.
const LABEL: usize = 10;
/// Commits that are shown.
const COMMITS: usize = 10;

/// Show a release.
pub(super) async fn show(context: &Context, one: &One) -> Result<(), Fault> {
    let client = Client::connect(context, Intent::Look).await?;
    let path = format!("/api/v1/releases/{}", one.number.0);
    let (details, json): (contract::ReleaseDetails, _) =
        client.json(Call::get(&path)).await.map_err(|fault| fault.about(one.number.0).in_json(one.json))?;
    if one.json {
        return print(&format!("{json}\n"));
    }
    let runs: Vec<contract::RunView> = client.pages(format!("{path}/runs")).await?.0;
    print(&card(&details, &runs, &context.ui))?;
    note_troubles(&client, context.ui.language).await;
    Ok(())
}

/// The card.
fn card(details: &contract::ReleaseDetails, runs: &[contract::RunView], ui: &Ui) -> String {
    let release = &details.release;
    let mut out = title(release, ui);
    if let Some(awaited) = details.awaits_ci.as_ref().and_then(standing) {
        out.push_str(&ui.paragraph("", 0, &sentence(&ui.language.standing(&awaited)), Tone::Waiting));
    }
    if let Some(left) = &details.stragglers {
        out.push_str(&ui.paragraph("", 0, &sentence(&words::stragglers(ui.language, left)), Tone::Bad));
    }
    out.push('\n');
    let words = words::words(ui.language);
    let back = match details.stragglers.as_ref().filter(|_| release.status == Status::RollbackDone) {
        Some(_) => None,
        None => release.rollback_to_tag.as_ref().map(|tag| rolled_back(ui.language, &release.status, tag)),
    };
    let label_width = back.as_ref().map_or(LABEL, |(label, _)| width(label).max(LABEL));
    let mut field = |label: &str, text: &str| out.push_str(&ui.field(label, label_width, &clean(text), Tone::Plain));
    if let Some(commit) = &release.commit {
        field(words.commit, commit);
    }
    field(words.started_by, &started_by(release, ui));
    let took = match release.completed_at {
        Some(ended) => ui.lasting(ended.duration_since(release.started_at)),
        None if ui.language == Language::Ru => ui.lasting(ui.now.duration_since(release.started_at)),
        None => format!("{} so far", ui.lasting(ui.now.duration_since(release.started_at))),
    };
    let attempt = match (release.attempt, ui.language) {
        (..=1, _) => String::new(),
        (attempt, Language::En) => format!(", attempt {attempt}"),
        (attempt, Language::Ru) => format!(", попытка {attempt}"),
    };
    field(words.elapsed, &format!("{took}{attempt}"));
    if let Some(run) = &release.ci_run {
        let number = || match ui.language {
            Language::En => format!("{} (attempt {})", run.id, run.attempt),
            Language::Ru => format!("{} (попытка {})", run.id, run.attempt),
        };
        field(words.ci_run, &run.url.clone().unwrap_or_else(number));
    }
    if let Some((label, text)) = back {
        field(label, &text);
    }
    for surface in &release.surfaces {
        let parts = [surface.artifact.as_deref(), surface.digest.as_deref(), surface.preview_url.as_deref()];
        field(
            words.surface,
            &format!("{} {}", surface.name, parts.into_iter().flatten().collect::<Vec<_>>().join(" ")),
        );
    }
    if !release.notes.trim().is_empty() {
        field(words.notes, &release.notes);
    }
    commits(&mut out, details, ui);
    approvals(&mut out, details, ui);
    if !details.unmet.is_empty() || !details.skipped.is_empty() {
        out.push_str(&format!("\n{}\n", ui.heading(words.before_production)));
        details.unmet.iter().for_each(|gate| out.push_str(&gate_text(gate, ui)));
        for skip in &details.skipped {
            out.push_str(&ui.paragraph("  !", 4, &words::skipped(ui.language, skip), Tone::Waiting));
        }
    }
    if !runs.is_empty() {
        out.push_str(&format!("\n{}\n", ui.heading(words.runs)));
        out.push_str(&runs_table(runs, ui));
    }
    let is_legal = |word: &str| details.legal.iter().any(|legal| legal == word);
    let logs = unmended(runs).map(|run| format!("rmm release logs {} --run {}", release.id, run.id));
    // A line for each verdict: what is printed can be pasted.
    let resolve = details.to_resolve.iter().filter(|_| is_legal("resolve")).flat_map(|run| {
        let lost = runs.iter().any(|other| other.id == *run && other.state == "unknown");
        let verdicts = ["succeeded", "failed", "again"].into_iter().filter(move |verdict| lost || *verdict != "failed");
        verdicts.map(move |verdict| format!("rmm release resolve {run} --as {verdict} --reason '…'"))
    });
    let settle = details.to_settle.iter().map(|kind| {
        let service = &release.service;
        format!("rmm service settle {service} --environment {kind} --release N|--nothing|--recorded --reason '…'")
    });
    // A first release that has changed production and failed comes again as a new one.
    let anew = (release.status == Status::RollbackFailed && release.rollback_to_tag.is_none())
        .then(|| {
            release.tag.as_ref().map(|tag| format!("rmm release create --service {} --tag {tag}", release.service))
        })
        .flatten();
    let unlock = is_legal("unlock").then(|| format!("rmm service unlock {}", release.service));
    let moves = details.legal.iter().filter_map(|word| paste(word, release.id));
    for run in runs.iter().filter(|run| is_legal("resolve") && details.to_resolve.contains(&run.id)) {
        out.push_str(&format!("\n{}", ui.paragraph("", 0, &to_resolve(run, ui), Tone::Bad)));
    }
    let lines: Vec<_> = settle.chain(logs).chain(resolve).chain(unlock).chain(moves).chain(anew).collect();
    if !lines.is_empty() {
        out.push_str(&format!("\n{}\n", ui.heading(words.what_you_can_do)));
        lines.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
    }
    out
}

/// That CI is awaited, as the board says it.
fn standing(awaited: &contract::CiAwaited) -> Option<Standing> {
    Some(Standing::CiAwaited { env: awaited.environment.parse().ok()?, kind: awaited.kind.known()? })
}

/// The newest commits that it brings.
fn commits(out: &mut String, details: &contract::ReleaseDetails, ui: &Ui) {
    let Some(list) = details.commits.as_ref().filter(|list| list.total > 0) else { return };
    let words = words::words(ui.language);
    let heading = format!("{} {}: {}", words.commits_since, list.since, list.total);
    out.push_str(&format!("\n{}\n", ui.heading(&heading)));
    for commit in list.commits.iter().take(COMMITS) {
        let short: String = commit.sha.chars().take(8).collect();
        let by = commit.login.as_ref().unwrap_or(&commit.author);
        out.push_str(&ui.paragraph("  ", 11, &format!("{short} {} ({by})", clean(&commit.title)), Tone::Plain));
    }
    let more = list.total.saturating_sub(COMMITS as u64);
    if more > 0 {
        out.push_str(&format!("  … {more}\n"));
    }
    if let Some(url) = &list.url {
        out.push_str(&format!("  {}\n", clean(url)));
    }
    pull_requests(out, list, ui);
}

/// The pull requests that its commits came by.
fn pull_requests(out: &mut String, list: &contract::CommitsView, ui: &Ui) {
    if list.pull_requests.is_empty() {
        return;
    }
    let words = words::words(ui.language);
    out.push_str(&format!("\n{}\n", ui.heading(&format!("{}: {}", words.pull_requests, list.pull_requests.len()))));
    for pull in list.pull_requests.iter().take(COMMITS) {
        let by = pull.author.as_deref().map(|author| format!(" ({author})")).unwrap_or_default();
        let line = format!("#{} {}{by} {}", pull.number, clean(&pull.title), pull.url);
        out.push_str(&ui.paragraph("  ", 2, &line, Tone::Plain));
    }
    let more = list.pull_requests.len().saturating_sub(COMMITS);
    if more > 0 {
        out.push_str(&format!("  … {more}\n"));
    }
}

/// What an admin has to know before they resolve a run: above all, which version its environment has to be on.
fn to_resolve(run: &contract::RunView, ui: &Ui) -> String {
    let (id, to) = (run.id, contract::version(&run.to));
    let place = words::environment(ui.language, &run.environment);
    match (ui.language, run.state == "unknown") {
        (Language::En, true) => format!(
            "It is not known how run {id} ended. Check what {} runs: `succeeded` means that it is {to}.",
            place.to_lowercase()
        ),
        (Language::Ru, true) => format!(
            "Неизвестно, чем закончился прогон {id}. Посмотрите, что работает ({}): succeeded означает {to}.",
            place.to_lowercase()
        ),
        (Language::En, false) => {
            format!("{place} needs repair: bring it to {to} by hand and mark it `succeeded`, or let RMM try `again`.")
        }
        (Language::Ru, false) => format!(
            "{place} нужно починить: приведите вручную к {to} и укажите succeeded, или пусть RMM попробует ещё раз (again)."
        ),
    }
}

/// Who started it, for whom, and when.
fn started_by(release: &contract::ReleaseView, ui: &Ui) -> String {
    let (by, when) = (words::initiator(release), ui.ago(release.created_at));
    let owner = release.owner_person.as_ref().unwrap_or(&release.owner);
    let (owned, said): (_, fn(&String) -> String) = match ui.language {
        Language::En => (format!(" for {owner}"), |token| format!(", as the token {token} says")),
        Language::Ru => (format!(", ответственный {owner}"), |token| format!(", со слов токена {token}")),
    };
    let is_own = is_same_name(&release.owner, &release.initiated_by)
        || release.owner_person.is_some() && release.owner_person == release.initiator;
    let owned = if is_own { String::new() } else { owned };
    format!("{by}{owned}{}, {when}", release.said_by.as_ref().map(said).unwrap_or_default())
}

/// How far the rollback to a version is. What production runs is said only once a run has seen it.
fn rolled_back(language: Language, status: &Word<Status>, tag: &str) -> (&'static str, String) {
    let is_done = *status == Status::RollbackDone;
    let has_failed = *status == Status::RollbackFailed;
    match language {
        Language::En if is_done => ("Rolled back to", tag.to_owned()),
        Language::En if has_failed => ("Rollback to", format!("{tag}: it failed")),
        Language::En => ("Rolling back to", format!("{tag}, not there yet")),
        Language::Ru if is_done => ("Откачен на", tag.to_owned()),
        Language::Ru if has_failed => ("Откат на", format!("{tag}: не удался")),
        Language::Ru => ("Откат на", format!("{tag}, ещё идёт")),
    }
}

fn title(release: &contract::ReleaseView, ui: &Ui) -> String {
    let name = format!("#{}  {} {}", release.id, release.service, release.name());
    let since = ui.ago(release.status_since);
    let status = words::status(ui.language, &release.status);
    let mut out = ui.paint(&name, Tone::Bold);
    // Side by side where there is room; the status is what readers look for.
    let wide = width(&name) + 3 + width(&status) + 2 + width(&since) <= ui.prose();
    out.push_str(if wide { "   " } else { "\n" });
    out.push_str(&format!("{}  {}\n", ui.paint(&status, tone(&release.status)), ui.paint(&since, Tone::Dim)));
    if let Some(reason) = &release.reason {
        let reason = words::reason(ui, reason, release.because.as_ref());
        out.push_str(&ui.paragraph("", 0, &sentence(&reason), Tone::Plain));
    }
    out
}

fn approvals(out: &mut String, details: &contract::ReleaseDetails, ui: &Ui) {
    let approvals = &details.approvals;
    let open = details.release.is_active();
    if approvals.votes.is_empty() && (approvals.needed == 0 || !open) {
        return;
    }
    let heading = ui.heading(words::words(ui.language).approvals);
    out.push_str(&format!("\n{heading}  {}\n", words::of(ui, approvals.given.len(), approvals.needed)));
    let [approved, void, rejected, again, not_voted] = match ui.language {
        Language::En => [
            "approved",
            "; it does not count",
            "rejected",
            "has to vote again: what the release brings has changed",
            "has not voted",
        ],
        Language::Ru => [
            "— подтверждено",
            "; не считается",
            "— отклонено",
            "— голос нужен заново: релиз принесёт уже другое",
            "— голоса ещё нет",
        ],
    };
    for vote in &approvals.votes {
        let when = format!("{} ({})", ui.ago(vote.at), vote.door);
        let (mark, tone, what) = match (&vote.reason, vote.approved) {
            (_, true) if approvals.given.contains(&vote.person) => ("  ✓", Tone::Good, format!("{approved} {when}")),
            (_, true) => ("  ·", Tone::Dim, format!("{approved} {when}{void}")),
            (Some(reason), false) => ("  ✗", Tone::Bad, format!("{rejected} {when}: {reason}")),
            (None, false) => ("  ✗", Tone::Bad, format!("{rejected} {when}")),
        };
        out.push_str(&ui.paragraph(mark, 4, &clean(&format!("{} {what}", vote.person)), tone));
    }
    if open && approvals.given.len() < approvals.needed {
        for person in &approvals.missing {
            let has_voted = approvals.votes.iter().any(|vote| vote.person == *person);
            let what = if has_voted { again } else { not_voted };
            out.push_str(&ui.paragraph("  ·", 4, &format!("{person} {what}"), Tone::Dim));
        }
    }
}

/// A gate with how it stands, and how it is cleared.
fn gate_text(gate: &contract::GateView, ui: &Ui) -> String {
    let (mark, tone) = match (gate.met, gate.bypassed) {
        (true, false) => ("  ✓", Tone::Good),
        (true, true) => ("  !", Tone::Waiting),
        (false, _) => ("  ✗", Tone::Bad),
    };
    let mut out = ui.paragraph(mark, 4, &words::gate(ui, gate), tone);
    if let Some(how) = words::remedy(ui, gate) {
        out.push_str(&ui.paragraph("    →", 6, &how, Tone::Dim));
    }
    out
}

fn runs_table(runs: &[contract::RunView], ui: &Ui) -> String {
    let words = words::words(ui.language);
    let mut table = Table::new([
        Column::new(words.run_column),
        Column::new(words.what_column),
        Column::new(words.state_column),
        Column::new(words.steps_column),
        Column::new(words.started_column).optional(1),
        Column::new(words.took_column).optional(2),
    ]);
    for run in runs {
        let done = run.steps.iter().filter(|step| step.state == "succeeded").count();
        let took = run.started_at.map(|from| ui.lasting(run.ended_at.unwrap_or(ui.now).duration_since(from)));
        table.row([
            (format!("{}", run.id), Tone::Plain),
            (words::run(ui, run), Tone::Plain),
            (words::run_state(ui, run), state_tone(&run.state)),
            (
                if run.steps.is_empty() { words.by_ci.to_owned() } else { format!("{done}/{}", run.steps.len()) },
                Tone::Plain,
            ),
            (run.started_at.map(|at| ui.ago(at)).unwrap_or_default(), Tone::Dim),
            (took.unwrap_or_default(), Tone::Dim),
        ]);
    }
    let mut out = table.render(ui);
    for (at, run) in runs.iter().enumerate() {
        let named = match ui.language {
            Language::En => format!("Run {}", run.id),
            Language::Ru => format!("Прогон {}", run.id),
        };
        if let Some(reason) = &run.reason {
            // What a later run has made good is history.
            let tone = if is_followed(run, &runs[at + 1..]) { Tone::Dim } else { Tone::Plain };
            out.push_str(&ui.paragraph(
                "",
                2,
                &format!("{named}: {}", sentence(&words::reason(ui, reason, run.because.as_ref()))),
                tone,
            ));
        }
        // Once it has ended, the reason of the release says it.
        for (host, heard) in run.left.iter().filter(|_| run.ended_at.is_none()) {
            let heard = sentence(&clean(heard));
            let text = match ui.language {
                Language::En => format!("{named} continued without {host}: {heard}"),
                Language::Ru => format!("{named} продолжается без {host}: {heard}"),
            };
            out.push_str(&ui.paragraph("", 2, &text, Tone::Bad));
        }
        if let Some(waiting) = &run.waiting {
            let waiting = words::reason(ui, waiting, run.waiting_because.as_ref());
            out.push_str(&ui.paragraph("", 2, &sentence(&format!("{named}: {waiting}")), Tone::Waiting));
        }
    }
    out
}

/// Runs that went wrong and that no later run of their kind has made good: their output is what one wants to read.
fn unmended(runs: &[contract::RunView]) -> impl Iterator<Item = &contract::RunView> {
    let wrong = |run: &contract::RunView| matches!(run.state.as_str(), "failed" | "unknown") && !run.steps.is_empty();
    runs.iter()
        .enumerate()
        .filter(move |(at, run)| wrong(run) && !is_followed(run, &runs[at + 1..]))
        .map(|(_, run)| run)
}

/// Whether a later run of its kind has been tried.
fn is_followed(run: &contract::RunView, later: &[contract::RunView]) -> bool {
    later.iter().any(|other| other.environment == run.environment && other.kind == run.kind)
}

/// The colour of the state of a run or a step.
pub(super) fn state_tone(state: &str) -> Tone {
    match state {
        "succeeded" => Tone::Good,
        "failed" | "unknown" => Tone::Bad,
        "running" => Tone::Busy,
        _ => Tone::Dim,
    }
}

/// Say what stands between a release and production.
pub(super) async fn explain(context: &Context, one: &One) -> Result<(), Fault> {
    let ui = &context.ui;
    ask(context, one, "/explain", |gates: Vec<contract::GateView>| {
        if gates.is_empty() {
            return words::words(ui.language).gates_are_past.to_owned();
        }
        let open = gates.iter().filter(|gate| !gate.met).count();
        let mut out = match open {
            0 => format!("{}\n\n", ui.paint(words::words(ui.language).nothing_blocks, Tone::Good)),
            many => {
                let heading = match (ui.language, many) {
                    (Language::En, 1) => "One thing stands before production:".to_owned(),
                    (Language::En, _) => format!("{many} things stand before production:"),
                    (Language::Ru, _) => format!("Мешает продакшну ({many}):"),
                };
                format!("{}\n\n", ui.heading(&heading))
            }
        };
        let (unmet, met): (Vec<_>, Vec<_>) = gates.iter().partition(|gate| !gate.met);
        unmet.into_iter().chain(met).for_each(|gate| out.push_str(&gate_text(gate, ui)));
        out
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::gate::GateState;
    use crate::domain::reason::Reason;

    fn details() -> contract::ReleaseDetails {
        serde_json::from_value(json!({
            "id": 12, "service": "name-authorization", "tag": "v1.4.0", "commit": "a".repeat(40), "status": "manual_testing",
            "list": "active", "reason": null, "status_since": "1969-12-31T23:57:00Z", "attempt": 2, "revision": 7,
            "initiated_by": "ann", "owner": "ann", "ci_run": {"id": "7", "attempt": 1, "url": "https://ci.example.com/runs/7"},
            "tagged_at": null, "notes": "A new basket, and the old one kept for a while behind a switch.", "surfaces": [],
            "rollback_to_tag": null, "created_at": "1969-12-31T23:50:00Z", "started_at": "1969-12-31T23:50:00Z",
            "completed_at": null,
            "approvals": {"needed": 2, "given": ["ann"], "missing": ["bob"],
                "votes": [{"person": "ann", "approved": true, "at": "1969-12-31T23:58:00Z", "door": "api"}]},
            "unmet": [{"name": "approvals", "met": false, "bypassed": false, "sentence": "1 of 2 approved.", "how": "bob must approve."}],
            "legal": ["approve", "reject", "cancel"],
        }))
        .unwrap()
    }

    #[test]
    fn the_card_of_a_release() {
        let expected = "\
#12  name-authorization v1.4.0   manual_testing  3 min ago

Commit      aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
Started by  ann, 10 min ago
Elapsed     10 min 0 s so far, attempt 2
CI run      https://ci.example.com/runs/7
Notes       A new basket, and the old one kept for a while behind a switch.

Approvals  1 of 2
  ✓ ann approved 2 min ago (api)
  · bob has not voted

Before production
  ✗ approvals: 1 of 2 approved.
    → bob must approve.

What you can do
  rmm release approve 12
  rmm release reject 12 --reason '…'
  rmm release cancel 12 --reason '…'
";
        assert_eq!(card(&details(), &[], &Ui::test(80)), expected);
    }

    #[test]
    fn the_author_of_a_commit_cannot_steer_the_terminal() {
        let evil = "\u{1b}[31mEve\u{202e}\u{7}\r";
        let mut details = details();
        details.release.notes = evil.to_owned();
        details.release.owner = evil.to_owned();
        details.commits = Some(
            serde_json::from_value(json!({
                "since": evil, "total": 2, "lacking": 0, "url": format!("https://x.example/{evil}"),
                "commits": [
                    {"sha": evil, "title": evil, "author": evil, "login": null, "url": null},
                    {"sha": "b".repeat(40), "title": evil, "author": "", "login": evil, "url": null},
                ],
                "pull_requests": [{"number": 7, "title": evil, "url": evil, "author": evil}],
            }))
            .unwrap(),
        );
        for colour in [false, true] {
            let ui = Ui { colour, ..Ui::test(80) };
            let own = ["2", "1", "32", "1;31", "36", "33", "0"].map(|code| format!("\u{1b}[{code}m"));
            let plain = own.iter().fold(card(&details, &[], &ui), |text, code| text.replace(code, ""));
            assert!(plain.matches("Eve").count() >= 6, "{plain}");
            let steers = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!plain.contains(steers), "{plain:?}");
        }
    }

    #[test]
    fn the_card_in_russian() {
        let mut russian = details();
        russian.unmet[0].because = Some(GateState::ApprovalsMissing { given: 1, needed: 2, void: Vec::new() });
        russian.unmet[0].sentence = Language::En.gate_state(russian.unmet[0].because.as_ref().unwrap());
        russian.release.because = Some(Reason::NoAnswer);
        russian.release.reason = Some("of a newer RMM".to_owned());
        let text = card(&russian, &[], &Ui { language: Language::Ru, ..Ui::test(80) });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_was_skipped_is_told_with_who_and_why() {
        let mut skipped = details();
        let skip = |by: &str| contract::SkippedView { gate: "no_lock".into(), by: by.into(), reason: "hot fix".into() };
        skipped.skipped = vec![skip("ann")];
        let told = "Before production\n  ✗ approvals: 1 of 2 approved.\n    → bob must approve.\n  ! no_lock: skipped by ann: hot fix\n";
        assert!(card(&skipped, &[], &Ui::test(80)).contains(told), "{}", card(&skipped, &[], &Ui::test(80)));
    }

    #[test]
    fn a_lock_in_the_way_is_one_command_away() {
        let mut locked = details();
        locked.legal = vec!["unlock".into(), "cancel".into()];
        let text = card(&locked, &[], &Ui::test(80));
        let expected =
            "What you can do\n  rmm service unlock name-authorization\n  rmm release cancel 12 --reason '…'\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn the_card_in_a_narrow_window() {
        let text = card(&details(), &[], &Ui::test(40));
        assert!(text.starts_with("#12  name-authorization v1.4.0\nmanual_testing  3 min ago\n"), "{text}");
        // Only what is to be copied whole may stand out.
        let too_wide: Vec<_> = text.lines().filter(|line| width(line) > 40).collect();
        assert_eq!(
            too_wide,
            [format!("Commit      {}", "a".repeat(40)), "CI run      https://ci.example.com/runs/7".into()]
        );
    }

    #[test]
    fn what_went_wrong_is_one_command_away() {
        let run = |id: u32, kind: &str, state: &str, waiting: Option<&str>| {
            let step = json!({
                "index": 0, "kind": "deploy", "surface": "app", "about": 12, "host": "prod-1", "command": "true", "directory": null,
                "limit": "at most 30m", "state": state, "exit": null, "reason": null, "started_at": null, "ended_at": null,
            });
            let run = json!({
                "id": id, "release": 12, "attempt": 2, "environment": "production", "kind": kind, "housekeeping": false, "state": state, "reason": null,
                "to": {"release": 12, "tag": "v1.4.0", "commit": null}, "waiting": waiting, "stopping": false,
                "ci_run": null, "steps": [step], "created_at": "1969-12-31T23:58:00Z", "started_at": null, "ended_at": null,
            });
            serde_json::from_value(run).unwrap()
        };
        let runs = [
            run(1, "deploy", "failed", None),
            run(2, "deploy", "failed", None),
            run(3, "rollback", "queued", Some("waits for prod-1: it is not there")),
        ];
        let text = card(&details(), &runs, &Ui::test(80));
        assert!(text.contains("\n  Run 3: waits for prod-1: it is not there.\n"), "{text}");
        // The second try is the one that counts.
        assert!(text.contains("What you can do\n  rmm release logs 12 --run 2\n  rmm release approve 12\n"), "{text}");
        let mut lost = details();
        (lost.to_resolve, lost.legal) = (vec![4], vec!["resolve".into()]);
        let text = card(&lost, &[run(4, "deploy", "unknown", None)], &Ui::test(80));
        for verdict in ["succeeded", "failed", "again"] {
            let line = format!("\n  rmm release resolve 4 --as {verdict} --reason '…'\n");
            assert!(text.contains(&line), "{text}");
        }
        let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let wide = unwrapped(&text);
        assert!(wide.contains("Check what production runs: `succeeded` means that it is v1.4.0 (#12)."), "{wide}");
        let text = unwrapped(&card(&lost, &[run(4, "rollback", "failed", None)], &Ui::test(80)));
        assert!(
            text.contains("Production needs repair: bring it to v1.4.0 (#12) by hand and mark it `succeeded`"),
            "{text}"
        );
        // As long as it is not known what production runs, a run is settled with it.
        let details = contract::ReleaseDetails { to_settle: vec!["production".into()], ..details() };
        let text = card(&details, &[run(4, "deploy", "unknown", None)], &Ui::test(80));
        let settle = "rmm service settle name-authorization --environment production --release N|--nothing|--recorded";
        assert!(text.contains(settle) && !text.contains("resolve"), "{text}");
    }

    #[test]
    fn a_way_back_is_told_as_far_as_it_has_come() {
        let told = |status: Status| rolled_back(Language::En, &status.into(), "v1");
        assert_eq!(told(Status::ProductionRollback), ("Rolling back to", "v1, not there yet".to_owned()));
        assert_eq!(told(Status::RollbackDone), ("Rolled back to", "v1".to_owned()));
        assert_eq!(told(Status::RollbackFailed), ("Rollback to", "v1: it failed".to_owned()));
    }
}
