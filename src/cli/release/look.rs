//! `release list` and `release events`.

use clap::Args;
use serde_json::Value;

use super::super::{one_of, words};
use super::{One, tone};
use crate::api_client::{Call, Client, Context, Fault, Intent, print, with_query};
use crate::contract::{self, ListReleases};
use crate::domain::status;
use crate::terminal::{Column, Table, Tone, Ui, clean, exact, note};
use crate::wording::{Language, with_person};

/// List releases.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm release list\n  rmm release list --list active --service shop\n  \
    rmm release list --list failed --limit 5 --json | jq -r '.releases[].tag'")]
pub struct List {
    /// Which of them
    #[arg(long, value_name = "LIST", value_parser = one_of::<status::List>(["active", "successful", "failed"]))]
    list: Option<status::List>,
    /// Only of this service
    #[arg(long, short, value_name = "NAME")]
    service: Option<String>,
    /// At most this many, 1 to 200
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Go on where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Look).await?;
        let (service, cursor) = (self.service.clone(), self.cursor);
        let query = ListReleases { list: self.list, service, limit: Some(self.limit), cursor };
        let path = with_query("/api/v1/releases", &query);
        let (page, json): (contract::ReleasePage, _) =
            client.json(Call::get(path)).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            return print(&format!("{json}\n"));
        }
        if page.releases.is_empty() {
            let words = words::words(context.ui.language);
            note(match (&self.list, &self.service) {
                (None, None) => words.no_releases,
                (Some(_), _) | (_, Some(_)) => words.no_such_releases,
            });
            return Ok(());
        }
        print(&table(&page.releases, &context.ui))?;
        if let Some(next) = page.next {
            note(&match context.ui.language {
                Language::En => format!("There are more: add --cursor {next}"),
                Language::Ru => format!("Есть ещё: добавьте --cursor {next}"),
            });
        }
        Ok(())
    }
}

/// Releases as a table.
pub(super) fn table(releases: &[contract::ReleaseView], ui: &Ui) -> String {
    let words = words::words(ui.language);
    let mut table = Table::new([
        Column::new(words.release_column).right(),
        Column::new(words.service_column).least(14),
        Column::new(words.version_column).least(14),
        Column::new(words.status_column),
        Column::new(words.since_column).optional(2),
        Column::new(words.by_column).optional(1).least(8),
    ]);
    for release in releases {
        table.row([
            (format!("#{}", release.id), Tone::Plain),
            (release.service.clone(), Tone::Plain),
            (release.name(), Tone::Plain),
            (words::status(ui.language, &release.status), tone(&release.status)),
            (ui.ago(release.status_since), Tone::Dim),
            (by(release, ui.language), Tone::Plain),
        ]);
    }
    table.render(ui)
}

/// Who started it, and whose word that is if it is not their own.
fn by(release: &contract::ReleaseView, language: Language) -> String {
    let by = words::initiator(release);
    match (&release.said_by, language) {
        (None, _) => by,
        (Some(token), Language::En) => format!("{by} (says {token})"),
        (Some(token), Language::Ru) => format!("{by} (со слов токена {token})"),
    }
}

/// What happened to a release.
pub(super) async fn events(context: &Context, one: &One) -> Result<(), Fault> {
    let client = Client::connect(context, Intent::Look).await?;
    let number = one.number.0;
    let (events, raw) = client.events(number).await.map_err(|fault| fault.about(number).in_json(one.json))?;
    if one.json {
        return print(&format!("{}\n", Value::from(raw)));
    }
    let events: Vec<_> = events.into_iter().map(|event| (event, String::new())).collect();
    print(&history(&events, &context.ui))
}

/// Events, one paragraph each, with what each is about.
pub fn history(events: &[(contract::EventView, String)], ui: &Ui) -> String {
    let narrow = ui.width.is_some_and(|width| width < 60);
    let who_width = events.iter().map(|(event, _)| actor(event).chars().count()).max().unwrap_or(0).min(20);
    let mut out = String::new();
    for (event, about) in events {
        let at = event.at.map(exact).unwrap_or_default();
        let (who, what) = (actor(event), clean(&what(event, ui)));
        let what = if about.is_empty() { what } else { format!("{}: {what}", clean(about)) };
        if narrow {
            out.push_str(&format!("{}  {who}\n", ui.paint(&at, Tone::Dim)));
            out.push_str(&ui.paragraph("", 2, &what, Tone::Plain));
        } else {
            let mark = format!("{}  {who:who_width$}  ", ui.paint(&at, Tone::Dim));
            let indent = at.chars().count() + 2 + who_width + 2;
            let text = ui.paragraph("", indent, &what, Tone::Plain);
            out.push_str(&mark);
            out.push_str(text.trim_start_matches(' '));
        }
    }
    out
}

/// Who did it.
/// What has happened, with people by their names.
pub(super) fn what(event: &contract::EventView, ui: &Ui) -> String {
    let data = with_person(&event.data, |_| event.initiator.clone());
    ui.language.event(&event.kind, &data)
}

pub(super) fn actor(event: &contract::EventView) -> String {
    let text = |key: &str| event.actor.get(key).and_then(Value::as_str).map(clean);
    match event.actor.get("is").and_then(Value::as_str) {
        Some("machine") => "rmm".to_owned(),
        Some(other) => text("name").unwrap_or_else(|| clean(other)),
        None => event.actor.as_str().map_or_else(|| "-".to_owned(), clean),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_token_says_of_the_initiator_is_not_shown_as_known() {
        let release = |said_by: Option<&str>| {
            let at = "2026-01-01T00:00:00Z";
            let mut release = json!({
                "id": 1, "service": "shop", "tag": "v1", "commit": null, "status": "deployed", "list": "successful", "status_since": at,
                "reason": null, "attempt": 1, "revision": 1, "initiated_by": "ann", "owner": "ann", "ci_run": null,
                "tagged_at": null, "notes": "", "surfaces": [], "rollback_to_tag": null, "created_at": at,
                "started_at": at, "completed_at": null,
            });
            release["said_by"] = json!(said_by);
            serde_json::from_value(release).unwrap()
        };
        let shown = table(&[release(Some("build")), release(None)], &Ui::test(100));
        let rows: Vec<_> = shown.lines().skip(1).collect();
        assert!(rows[0].ends_with("ann (says build)") && rows[1].ends_with("  ann"), "{shown}");
    }
}
