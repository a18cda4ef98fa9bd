//! The screens of one release.

use super::facts::ReleaseFacts;
use super::pen::{Pen, wish};
use super::scene::Scene;
use super::{Drawn, forecast, gates, missing, moves};
use crate::bot::screen::{Act, Screen, Tap, Why, Wish};
use crate::bot::words::facts;
use crate::clients::telegram::{Button, Text};
use crate::domain::ids::{ReleaseId, Revision};
use crate::domain::status::List;
use crate::engine::Failure;
use crate::store::releases;
use crate::views::ReleaseOverview;

/// Lines of output on a card.
const FEW: usize = 5;
/// Lines of output on a screen of their own.
const MANY: usize = 20;

/// What makes the screens of a release change.
pub(super) fn about(id: ReleaseId) -> Option<String> {
    Some(format!("release:{id}"))
}

/// A release that is not there.
fn none(pen: &Pen<'_>, id: ReleaseId) -> Drawn {
    missing(pen, "release", Some(id.0))
}

pub(super) async fn card(pen: &Pen<'_>, id: ReleaseId) -> Result<Drawn, Failure> {
    let Some(scene) = Scene::read(pen, id, FEW).await? else { return Ok(none(pen, id)) };
    let html = pen.html("card", facts! { heading => (), release => ReleaseFacts::new(pen, &scene) });
    let mut buttons = moves::rows(pen, &scene);
    buttons.push(pen.way_out(&Screen::Release(id)));
    Ok(Drawn { text: Text { html, buttons }, about: about(id) })
}

pub(super) async fn list(pen: &Pen<'_>, list: List, at: u32) -> Result<Drawn, Failure> {
    let heading = pen.word(&format!("button.{}", list.as_str()));
    let (found, at, of) = pen.engine.read(move |conn| releases::place(conn, list, at)).await?;
    let scene = match found {
        Some(id) => Scene::read(pen, id, FEW).await?,
        None => None,
    };
    let screen = Screen::List { list, at };
    let Some(scene) = scene else {
        let html = pen.html("empty", facts! { heading => heading, list => list.as_str() });
        return Ok(Drawn { text: Text { html, buttons: vec![pen.way_out(&screen)] }, about: None });
    };
    let html = pen.html("card", facts! { heading => heading, release => ReleaseFacts::new(pen, &scene) });
    let mut buttons = moves::rows(pen, &scene);
    buttons.push(moves::neighbours(pen, list, at, of));
    buttons.push(pen.way_out(&screen));
    buttons.retain(|row| !row.is_empty());
    Ok(Drawn { text: Text { html, buttons }, about: about(scene.release.id) })
}

pub(super) async fn explain(pen: &Pen<'_>, id: ReleaseId) -> Result<Drawn, Failure> {
    let Some(scene) = Scene::read(pen, id, 0).await? else { return Ok(none(pen, id)) };
    let facts = facts! { release => ReleaseFacts::new(pen, &scene), gates => gates::all(pen, &scene) };
    let buttons = vec![vec![pen.refresh(&Screen::Explain(id)), back(pen, id)]];
    Ok(Drawn { text: Text { html: pen.html("explain", facts), buttons }, about: about(id) })
}

pub(super) async fn failure(pen: &Pen<'_>, id: ReleaseId) -> Result<Drawn, Failure> {
    let Some(scene) = Scene::read(pen, id, MANY).await? else { return Ok(none(pen, id)) };
    let facts = facts! { release => ReleaseFacts::new(pen, &scene), failure => scene.failure };
    Ok(Drawn { text: Text { html: pen.html("failure", facts), buttons: vec![vec![back(pen, id)]] }, about: about(id) })
}

/// The way back to the card.
fn back(pen: &Pen<'_>, id: ReleaseId) -> Button {
    pen.shows("button.back", Screen::Release(id))
}

/// "Are you sure?", or why there is nothing to be sure of any more.
pub(super) async fn confirm(pen: &Pen<'_>, asked: &Wish) -> Result<Drawn, Failure> {
    let Some(scene) = Scene::read(pen, asked.release, 0).await? else { return Ok(none(pen, asked.release)) };
    let release = &scene.release;
    let id = release.id;
    let changed = release.revision != asked.revision || !moves::is_legal(&scene, asked.act);
    let key = act_word(asked.act);
    let reason = match asked.act {
        Act::Reject(index) => pen.words.reasons(pen.language()).get(usize::from(index)).cloned(),
        Act::Approve
        | Act::RejectInWords
        | Act::Cancel(_)
        | Act::Retry
        | Act::Promote
        | Act::Abort(_)
        | Act::Rollback { .. }
        | Act::Unlock => None,
    };
    let (target, forecast) = match (asked.act, &scene.overview) {
        (Act::Rollback { to, .. }, Some(overview)) if !changed => {
            let target = overview.versions.iter().find(|good| good.version.release == to);
            let title = target.map(|good| good.version.title());
            let facts = facts! {
                title => title, number => to.0, date => target.map(|good| pen.time(good.deployed_at)),
            };
            (Some(facts), Some(forecast::read(pen, overview, to).await?))
        }
        (
            Act::Rollback { .. }
            | Act::Approve
            | Act::Reject(_)
            | Act::RejectInWords
            | Act::Cancel(_)
            | Act::Retry
            | Act::Promote
            | Act::Abort(_)
            | Act::Unlock,
            _,
        ) => (None, None),
    };
    let lock = scene.lock().map(|lock| facts! { by => lock.by, reason => pen.why(&lock.reason) });
    let html = pen.html(
        "confirm",
        facts! {
            act => key, changed => changed, release => ReleaseFacts::new(pen, &scene), reason => reason,
            auto_promote => scene.overview.as_ref().is_some_and(|overview| overview.service.approvals.auto_promote),
            target => target, forecast => forecast, lock => lock,
            anyway => asked.anyway, asked => pen.asked(),
        },
    );
    let back_to = match asked.act {
        Act::Rollback { .. } if !changed => Screen::Versions { release: id, page: 0 },
        Act::Reject(_) | Act::RejectInWords if !changed => Screen::Reasons { release: id, revision: release.revision },
        Act::Rollback { .. }
        | Act::Reject(_)
        | Act::RejectInWords
        | Act::Approve
        | Act::Cancel(_)
        | Act::Retry
        | Act::Promote
        | Act::Abort(_)
        | Act::Unlock => Screen::Release(id),
    };
    let mut buttons = if changed {
        Vec::new()
    } else if asked.act.because(Why::Open).is_some() {
        // Choosing a reason is the confirmation.
        let because = |why| Tap::Do(Wish { act: asked.act.because(why).unwrap_or(asked.act), ..asked.clone() });
        let ready = match asked.act {
            Act::Cancel(_) => pen.words.cancel_reasons(pen.language()),
            Act::Abort(_)
            | Act::Rollback { .. }
            | Act::Approve
            | Act::Reject(_)
            | Act::RejectInWords
            | Act::Retry
            | Act::Promote
            | Act::Unlock => pen.words.rollback_reasons(pen.language()),
        };
        let ready = (0u8..).zip(ready);
        let ready = ready.map(|(at, reason)| vec![super::pen::tapped(reason, &because(Why::Ready(at)))]);
        ready.chain([vec![pen.button("button.own_reason", &because(Why::InWords))]]).collect()
    } else {
        vec![vec![pen.button(&format!("yes.{key}"), &Tap::Do(asked.clone()))]]
    };
    buttons.push(vec![pen.shows("button.back", back_to)]);
    Ok(Drawn { text: Text { html, buttons: filled(buttons) }, about: None })
}

pub(super) const fn act_word(act: Act) -> &'static str {
    match act {
        Act::Approve => "approve",
        Act::Reject(_) | Act::RejectInWords => "reject",
        Act::Cancel(_) => "cancel",
        Act::Retry => "retry",
        Act::Promote => "promote",
        Act::Abort(_) => "abort",
        Act::Rollback { .. } => "rollback",
        Act::Unlock => "unlock",
    }
}

/// The ready reasons; choosing one is the confirmation.
pub(super) async fn reasons(pen: &Pen<'_>, id: ReleaseId, revision: Revision) -> Result<Drawn, Failure> {
    let Some(scene) = Scene::read(pen, id, 0).await? else { return Ok(none(pen, id)) };
    let asked = Wish { release: id, revision, act: Act::RejectInWords, anyway: false };
    if scene.release.revision != revision || !moves::is_legal(&scene, asked.act) {
        return confirm(pen, &asked).await;
    }
    let html = pen.html("reasons", facts! { release => ReleaseFacts::new(pen, &scene), asked => pen.asked() });
    let ready = pen.words.reasons(pen.language());
    let mut buttons: Vec<_> = (0u8..)
        .zip(ready)
        .map(|(index, reason)| vec![super::pen::tapped(reason, &Tap::Do(wish(&scene.release, Act::Reject(index))))])
        .collect();
    buttons.push(vec![pen.button("button.own_reason", &Tap::Do(asked))]);
    buttons.push(vec![back(pen, id)]);
    Ok(Drawn { text: Text { html, buttons }, about: None })
}

/// Versions on one page.
const VERSIONS: usize = 6;

pub(super) async fn versions(pen: &Pen<'_>, id: ReleaseId, page: u32) -> Result<Drawn, Failure> {
    let Some(scene) = Scene::read(pen, id, 0).await? else { return Ok(none(pen, id)) };
    let overview = scene.overview.as_ref();
    let here = scene.in_production();
    let good: &[_] = overview.filter(|_| here).map_or(&[], |overview| &overview.versions);
    let pages = good.len().div_ceil(VERSIONS).max(1);
    let page = usize::try_from(page).unwrap_or(usize::MAX).min(pages - 1);
    let current = overview.and_then(ReleaseOverview::current);
    let other = current.filter(|_| !here);
    let facts = facts! {
        release => ReleaseFacts::new(pen, &scene), count => good.len(), page => page + 1, pages => pages,
        other => other.map(ToString::to_string), may => pen.is_admin(),
    };
    let html = pen.html("versions", facts);
    let mut buttons: Vec<_> = good
        .iter()
        .skip(page * VERSIONS)
        .take(VERSIONS)
        .filter(|_| pen.is_admin())
        .map(|good| {
            let facts = facts! { title => good.version.title(), date => pen.time(good.deployed_at) };
            let act = Act::Rollback { to: good.version.release, why: Why::Open };
            let tap = Tap::Show(Screen::Confirm(wish(&scene.release, act)));
            vec![super::pen::tapped(pen.phrase("button.version", facts), &tap)]
        })
        .collect();
    let to = |key, page: usize| {
        let page = u32::try_from(page).unwrap_or(u32::MAX);
        pen.shows(key, Screen::Versions { release: id, page })
    };
    let turn = [
        (page > 0).then(|| to("button.previous", page.saturating_sub(1))),
        (page + 1 < pages).then(|| to("button.next", page + 1)),
    ];
    buttons.push(turn.into_iter().flatten().collect());
    if let Some(other) = other {
        let label = pen.phrase("button.release", facts! { title => other.title() });
        buttons.push(vec![super::pen::tapped(label, &Tap::Show(Screen::Release(other.release)))]);
    }
    buttons.push(vec![back(pen, id)]);
    Ok(Drawn { text: Text { html, buttons: filled(buttons) }, about: None })
}

/// Without empty rows.
fn filled(rows: impl IntoIterator<Item = Vec<Button>>) -> Vec<Vec<Button>> {
    rows.into_iter().filter(|row| !row.is_empty()).collect()
}
