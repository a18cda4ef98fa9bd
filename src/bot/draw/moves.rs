//! The buttons of a release: what the viewer may do to it as it stands, as far as that is known here. The engine checks
//! everything again.

use super::pen::{Pen, tapped};
use super::scene::Scene;
use crate::bot::screen::{Act, Key, Screen, Tap};
use crate::bot::words::facts;
use crate::clients::telegram::Button;
use crate::domain::gate::{self, GateName};
use crate::domain::person::{Actor, Right};
use crate::domain::status::{List, Status};

/// Buttons in a row.
const ROW: usize = 2;

/// Rows of buttons.
pub(super) fn rows(pen: &Pen<'_>, scene: &Scene) -> Vec<Vec<Button>> {
    let release = &scene.release;
    let mut rows: Vec<Vec<Button>> = Vec::new();
    let vote: Vec<_> =
        [may_approve(pen, scene).then(|| pen.wishes("button.approve", release, Act::Approve)), reject(pen, scene)]
            .into_iter()
            .flatten()
            .collect();
    rows.push(vote);
    if let Some(run) = scene.stuck().filter(|_| pen.may_be_admin()) {
        let label = pen.phrase("button.run", facts! { number => run.id.0 });
        rows.push(vec![tapped(label, &Tap::Show(Screen::Run(run.id)))]);
    }
    if pen.in_group() {
        rows.retain(|row| !row.is_empty());
        return rows;
    }
    let mut more = moves(pen, scene);
    if release.status.is_cancellable() && scene.world.is_some() {
        more.push(pen.shows("button.explain", Screen::Explain(release.id)));
    }
    if scene.failure.is_some() {
        more.push(pen.shows("button.failure", Screen::Failure(release.id)));
    }
    if scene.world.is_some() {
        let label = pen.phrase("button.service", facts! { name => release.service.as_str() });
        more.push(tapped(label, &Tap::Show(Screen::Service(Key::of(release.service.as_str())))));
    }
    rows.extend(more.chunks(ROW).map(<[Button]>::to_vec));
    rows.retain(|row| !row.is_empty());
    rows
}

/// What changes the way of the release.
fn moves(pen: &Pen<'_>, scene: &Scene) -> Vec<Button> {
    let (release, Some(world)) = (&scene.release, &scene.world) else { return Vec::new() };
    let status = release.status;
    let service = Some(&release.service);
    let admin = pen.is_admin();
    let mut more = Vec::new();
    let may_promote = !world.service.approvals.auto_promote && !release.promoted;
    if status == Status::ManualTestPassed && may_promote && admin && ready_but_for_promotion(scene) {
        more.push(pen.wishes("button.promote", release, Act::Promote));
    }
    if status == Status::ManualTestPassed && scene.lock().is_some() && admin {
        more.push(pen.wishes("button.unlock", release, Act::Unlock));
    }
    // Nothing goes back from where nobody knows what runs.
    let known = scene.world.as_ref().is_none_or(|world| world.production().unknown.is_none());
    if status == Status::Deploying && admin && known {
        more.push(pen.wishes("button.abort", release, Act::Abort));
    }
    if status == Status::Deployed && admin && known && scene.has_way_back() {
        more.push(pen.shows("button.rollback", Screen::Versions { release: release.id, page: 0 }));
    }
    if status.is_retryable() && pen.may(Right::Retry, service, false) {
        more.push(pen.wishes("button.retry", release, Act::Retry));
    }
    if status.is_cancellable() && pen.may(Right::Cancel, service, pen.initiated(release)) {
        more.push(pen.wishes("button.cancel", release, Act::Cancel));
    }
    more
}

/// Whether nothing but the word of an admin, and its turn, is missing.
fn ready_but_for_promotion(scene: &Scene) -> bool {
    let waits = |name| matches!(name, GateName::Promoted | GateName::ProductionFree);
    scene
        .world
        .as_ref()
        .is_some_and(|world| gate::explain(world, &scene.release).iter().all(|gate| gate.met() || waits(gate.name)))
}

fn is_open(scene: &Scene) -> bool {
    scene.release.status == Status::ManualTesting && scene.world.is_some()
}

/// Whose yes would still count. In a group, the vote being open is enough.
fn may_approve(pen: &Pen<'_>, scene: &Scene) -> bool {
    let Some(world) = scene.world.as_ref().filter(|_| is_open(scene)) else { return false };
    if pen.in_group() {
        return true;
    }
    let person = pen.viewer.actor.as_ref().and_then(Actor::person);
    pen.may(Right::Vote, Some(&scene.release.service), false)
        && person.is_some_and(|name| world.tally(&scene.release).missing.contains(name))
}

/// A listed person may say no, and so may an admin.
fn reject(pen: &Pen<'_>, scene: &Scene) -> Option<Button> {
    let world = scene.world.as_ref().filter(|_| is_open(scene))?;
    let person = pen.viewer.actor.as_ref().and_then(Actor::person);
    let listed = person.is_some_and(|name| world.service.approvals.required.contains(name))
        && pen.may(Right::Vote, Some(&scene.release.service), false);
    let admin = pen.is_admin() && person.is_some();
    let screen = Screen::Reasons { release: scene.release.id, revision: scene.release.revision };
    (pen.in_group() || listed || admin).then(|| pen.shows("button.reject", screen))
}

/// Whether an act is still a move that the life cycle has.
pub(super) fn is_legal(scene: &Scene, act: Act) -> bool {
    let release = &scene.release;
    match act {
        Act::Approve | Act::Reject(_) | Act::RejectInWords => release.status == Status::ManualTesting,
        Act::Cancel => release.status.is_cancellable(),
        Act::Retry => release.status.is_retryable(),
        Act::Promote => release.status == Status::ManualTestPassed,
        Act::Abort => release.status == Status::Deploying,
        Act::Rollback(to) => {
            let is_good = |world: &crate::domain::world::World| {
                world.good_before_current().any(|good| good.version.release == to)
            };
            release.status == Status::Deployed && scene.in_production() && scene.world.as_ref().is_some_and(is_good)
        }
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
