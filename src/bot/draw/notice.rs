//! What a team's chat is told beside the card.

use std::collections::BTreeMap;

use super::facts::ReleaseFacts;
use super::pen::Pen;
use super::scene::{Scene, Then};
use crate::bot::words::facts;
use crate::bot::{Bot, Viewer};
use crate::clients::telegram::Text;
use crate::domain::ids::{PersonName, ReleaseId};
use crate::domain::notice::Notice;
use crate::engine::Failure;
use crate::store::events;
use crate::store::news::Due;
use crate::wording::Language;
use crate::wording::zone::read_in;

/// Lines of output of a step that failed.
const LINES: usize = 5;

/// The text of a notice about a release, as it was when the event happened; none when there is no such release. `ids`:
/// Telegram's numbers of people; only those whose approval is still missing are mentioned, where they are waited for.
///
/// # Errors
/// When the database cannot be read.
pub async fn notice(
    bot: &Bot,
    due: &Due,
    release: ReleaseId,
    language: Language,
    ids: &BTreeMap<PersonName, i64>,
) -> Result<Option<Text>, Failure> {
    let viewer = Viewer::everybody(language);
    let seq = due.seq;
    let event = bot.engine.read(move |conn| events::at(conn, seq)).await?;
    let then = event.filter(|event| event.release == Some(release.0)).map(|event| Then::of(&event)).unwrap_or_default();
    read_in(&bot.zone, write(&super::pen(bot, &viewer), due.notice, release, then, ids)).await
}

pub(super) async fn write(
    pen: &Pen<'_>,
    notice: Notice,
    release: ReleaseId,
    then: Then,
    ids: &BTreeMap<PersonName, i64>,
) -> Result<Option<Text>, Failure> {
    let tag_moved = then.tag_moved.as_ref().map(|data| pen.language().event("tag_moved", data));
    let Some(scene) = Scene::read_as_of(pen, release, LINES, then).await? else { return Ok(None) };
    let missing = scene.overview.as_ref().map(|overview| overview.tally.missing.clone()).unwrap_or_default();
    let people: Vec<_> = missing.iter().map(|name| facts! { name => name.as_str(), id => ids.get(name) }).collect();
    let release = ReleaseFacts::new(pen, &scene);
    let facts = facts! { notice => notice.as_str(), release => release, people => people, tag_moved => tag_moved };
    Ok(Some(Text { html: pen.html("notices", facts), buttons: Vec::new() }))
}
