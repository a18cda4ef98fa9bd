//! The buttons of a release: what the viewer may do to it as it stands, as far as that is known here. The engine checks
//! everything again.

use super::pen::{Pen, tapped};
use super::scene::Scene;
use crate::bot::screen::{Act, Key, Screen, Tap, Why};
use crate::bot::words::facts;
use crate::clients::telegram::Button;
use crate::domain::moves::Move;
use crate::domain::release::Release;
use crate::domain::status::List;
use crate::views::Confirmation;

/// Buttons in a row.
const ROW: usize = 2;

/// Rows of buttons.
pub(super) fn rows(pen: &Pen<'_>, scene: &Scene) -> Vec<Vec<Button>> {
    let release = &scene.release;
    let (vote, others): (Vec<_>, Vec<_>) =
        offered(pen, scene).into_iter().partition(|offer| matches!(offer, Move::Approve | Move::Reject));
    let buttons = |moves: Vec<Move>| moves.into_iter().filter_map(|offer| button(pen, release, offer));
    let mut rows: Vec<Vec<Button>> = vec![buttons(vote).collect()];
    if let Some(run) = scene.stuck().filter(|_| pen.may_be_admin()) {
        let label = pen.phrase("button.run", facts! { number => run.id.0 });
        rows.push(vec![tapped(label, &Tap::Show(Screen::Run(run.id)))]);
    }
    if !pen.in_group() {
        let mut more: Vec<_> = buttons(others).collect();
        if release.status.is_cancellable() && scene.overview.is_some() {
            more.push(pen.shows("button.explain", Screen::Explain(release.id)));
        }
        if scene.failure.is_some() {
            more.push(pen.shows("button.failure", Screen::Failure(release.id)));
        }
        if scene.overview.is_some() {
            let label = pen.phrase("button.service", facts! { name => release.service.as_str() });
            more.push(tapped(label, &Tap::Show(Screen::Service(Key::of(release.service.as_str())))));
        }
        rows.extend(more.chunks(ROW).map(<[Button]>::to_vec));
    }
    rows.retain(|row| !row.is_empty());
    rows
}

/// The moves that the viewer is offered. In a group, which everybody sees, those of the vote alone.
fn offered(pen: &Pen<'_>, scene: &Scene) -> Vec<Move> {
    let Some(overview) = &scene.overview else { return Vec::new() };
    let may = |offer: &Move| match &pen.viewer.actor {
        Some(actor) => overview.may(actor, *offer),
        None => matches!(offer, Move::Approve | Move::Reject),
    };
    overview.moves().filter(may).collect()
}

/// What begins a move; none where the card says which command it takes.
fn button(pen: &Pen<'_>, release: &Release, offer: Move) -> Option<Button> {
    let key = format!("button.{}", offer.as_str());
    let (id, revision) = (release.id, release.revision);
    match Confirmation::of(offer) {
        Confirmation::Found => None,
        Confirmation::Yes => Some(pen.wishes(&key, release, act(offer)?)),
        Confirmation::Reason => Some(pen.shows(&key, Screen::Reasons { release: id, revision })),
        Confirmation::Version => Some(pen.shows(&key, Screen::Versions { release: id, page: 0 })),
    }
}

/// What a touch does that says nothing but yes.
const fn act(offer: Move) -> Option<Act> {
    match offer {
        Move::Approve => Some(Act::Approve),
        Move::Promote => Some(Act::Promote),
        Move::Unlock => Some(Act::Unlock),
        Move::Cancel => Some(Act::Cancel(Why::Open)),
        Move::Abort => Some(Act::Abort(Why::Open)),
        Move::Retry => Some(Act::Retry),
        Move::Settle | Move::Resolve | Move::Reject | Move::Bypass | Move::Rollback => None,
    }
}

/// Whether an act is still a move that leads somewhere.
pub(super) fn is_legal(scene: &Scene, act: Act) -> bool {
    let Some(overview) = &scene.overview else { return false };
    let is_version = |to| overview.versions.iter().any(|good| good.version.release == to);
    match act {
        Act::Approve => overview.is_legal(Move::Approve),
        Act::Reject(_) | Act::RejectInWords => overview.is_legal(Move::Reject),
        Act::Cancel(_) => overview.is_legal(Move::Cancel),
        Act::Retry => overview.is_legal(Move::Retry),
        Act::Promote => overview.is_legal(Move::Promote),
        Act::Abort(_) => overview.is_legal(Move::Abort),
        Act::Rollback { to, .. } => overview.is_legal(Move::Rollback) && is_version(to),
        Act::Unlock => scene.lock().is_some(),
    }
}

/// The way to the neighbours in a list: none where there is only one.
pub(super) fn neighbours(pen: &Pen<'_>, list: List, at: u32, of: u32) -> Vec<Button> {
    if of < 2 {
        return Vec::new();
    }
    let place = Button::Tap {
        label: pen.phrase("button.place", facts! { at => at + 1, of => of }),
        data: Tap::Label.to_string(),
    };
    let to = |key, at| pen.shows(key, Screen::List { list, at });
    [(at > 0).then(|| to("button.previous", at - 1)), Some(place), (at + 1 < of).then(|| to("button.next", at + 1))]
        .into_iter()
        .flatten()
        .collect()
}
