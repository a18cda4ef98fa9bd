//! RMM itself: whether all is well, versions, room on the disk, and the configuration that is in force.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, Redirect};
use jiff::{SignedDuration, Timestamp};

use super::fault::Fault;
use super::frame::{Frame, When};
use super::prose::sentence_of;
use super::tone::{self, Tone};
use super::viewer::{Nothing, Signed, Viewer};
use super::words::settings::{self as words, Settings};
use crate::domain::ids::ServiceName;
use crate::domain::person::Right;
use crate::engine::backups::Backups;
use crate::store::dashboard::Defined;
use crate::store::record::{self, Filter, Most};
use crate::store::space::{Space, newest_in};
use crate::store::{StoreError, definitions, news, schema};
use crate::web::Web;
use crate::web::api::meta;

/// Beyond this, a backup is old.
const OLD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Something that was looked at.
struct Check {
    tone: Tone,
    what: String,
    /// More of it, line by line as it is, in English.
    text: Option<String>,
    link: Option<(String, &'static str)>,
}

#[derive(Template)]
#[template(path = "pages/settings.html")]
struct SettingsPage {
    frame: Frame,
    words: &'static Settings,
    checks: Vec<Check>,
    versions: Vec<(&'static str, String)>,
    storage: Vec<(&'static str, String)>,
    backup: Option<When>,
    is_old: bool,
    /// RMM makes them by itself.
    is_scheduled: bool,
    tested: Option<(&'static str, When)>,
    effective: String,
}

/// How this RMM is set up.
pub(super) async fn show(State(web): State<Web>, viewer: Viewer) -> Result<Html<String>, Fault> {
    viewer.actor.may(Right::Administer, None, false)?;
    let (language, catalog) = (viewer.looks.language, web.engine.catalog());
    let words = words::of(language);
    let database = web.engine.store().path().to_owned();
    let backups = web.data_dir.join("backups");
    let read = move |conn: &rusqlite::Connection| {
        let made = Filter { kind: Some("backup_made".to_owned()), ..Filter::default() };
        let made = record::look(conn, &made, i64::MAX, Most { events: 1, bytes: usize::MAX })?;
        let made = made.events.first().and_then(|event| Timestamp::from_millisecond(event.at).ok());
        let file = newest_in(&backups).map(|(.., written)| written);
        Ok((Space::of(&database), made.max(file), schema::applied_version(conn)?))
    };
    let (space, backup, version) = web.engine.read(read).await?;
    let Backups { settings, state, .. } = web.engine.backups().await?;
    let tested = state.tested.map(|tested| {
        let found = if tested.fault.is_none() { words.sound } else { words.unsound };
        (found, viewer.looks.when(tested.when.at, viewer.now))
    });
    let size = |bytes: Option<u64>| bytes.map_or_else(|| words.unknown.to_owned(), |bytes| language.size(bytes));
    let kept = catalog.keep_output().map(|time| language.rounded(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)));
    let page = SettingsPage {
        frame: Frame::inside(&viewer, "settings", words.title),
        words,
        checks: checks(&web, &viewer).await?,
        versions: vec![
            ("RMM", env!("CARGO_PKG_VERSION").to_owned()),
            ("SQLite", rusqlite::version().to_owned()),
            (words.schema, version.map_or_else(|| words.unknown.to_owned(), |version| version.to_string())),
        ],
        storage: vec![
            (words.database, size(space.database)),
            (words.log, size(Some(space.log.unwrap_or(0)))),
            (words.free, size(space.free)),
            (words.events, web.engine.store().progress().borrow().last_event.to_string()),
            (words.output, kept.unwrap_or_else(|| words.for_good.to_owned())),
        ],
        backup: backup.map(|at| viewer.looks.when(at, viewer.now)),
        is_scheduled: settings.is_some(),
        tested,
        is_old: backup.is_some_and(|at| viewer.now.duration_since(at) > OLD),
        effective: catalog.effective().to_owned(),
    };
    Ok(Html(page.render()?))
}

/// What RMM knows to be wrong, or that nothing is.
async fn checks(web: &Web, viewer: &Viewer) -> Result<Vec<Check>, StoreError> {
    let (words, catalog) = (words::of(viewer.looks.language), web.engine.catalog());
    let plain = |tone, what: String| Check { tone, what, text: None, link: None };
    let mut checks = Vec::new();
    match meta::ready(web).await {
        Ok(health) => {
            checks.push(plain(tone::OK, words.writable.to_owned()));
            if health.record.is_some() {
                let link = Some(("/audit".to_owned(), words.see_audit));
                checks.push(Check { link, ..plain(tone::FAIL, words.record.to_owned()) });
            }
            if health.telegram.is_some() {
                checks.push(plain(tone::FAIL, words.token.to_owned()));
            }
        }
        Err(problem) => {
            checks.push(Check { text: Some(problem.detail), ..plain(tone::FAIL, words.not_ready.to_owned()) });
        }
    }
    for refusal in web.engine.read(news::refusals).await? {
        let since = viewer.looks.when(refusal.since, viewer.now).exact;
        let what = format!("{} {} {since}", refusal.chat, words.chat);
        checks.push(Check { text: Some(refusal.reason), ..plain(tone::WARN, what) });
    }
    if let Some(alarm) = web.engine.backups().await?.alarm {
        let alarm = viewer.looks.language.backup_alarm(&alarm);
        checks.push(plain(tone::FAIL, format!("{}: {alarm}", words.backups)));
    }
    let defined = web.engine.defined_services().await?;
    for Defined { service, problem, .. } in &defined {
        let Some(problem) = problem else { continue };
        checks.push(Check {
            text: Some(problem.clone()),
            link: Some((format!("/services/{service}/definition"), words.definition)),
            ..plain(tone::FAIL, format!("{service} {}", words.aside))
        });
    }
    let is_aside = |name: &ServiceName| defined.iter().any(|defined| defined.service == *name);
    let retired = catalog.services().filter(|service| service.retired && !is_aside(&service.name));
    for service in retired.map(|service| service.name.clone()) {
        let name = service.clone();
        if !web.engine.read(move |conn| definitions::is_removed(conn, &name)).await? {
            checks.push(plain(tone::WARN, format!("{service} {}", words.retired)));
        }
    }
    checks.extend(
        catalog
            .warnings()
            .iter()
            .map(|warning| Check { text: Some(warning.clone()), ..plain(tone::WARN, words.warning.to_owned()) }),
    );
    if checks.len() == 1 {
        checks.insert(0, plain(tone::OK, sentence_of(words.all_well)));
    }
    Ok(checks)
}

/// Reads the configuration again.
pub(super) async fn reload(
    State(web): State<Web>,
    Signed(viewer, Nothing {}): Signed<Nothing>,
) -> Result<Redirect, Fault> {
    meta::reload_for(&web, &viewer.actor).await?;
    Ok(Redirect::to("/settings"))
}
