//! What a team's chat is told beside the card.

use std::collections::BTreeMap;

use super::facts::ReleaseFacts;
use super::pen::Pen;
use super::scene::Scene;
use crate::bot::words::facts;
use crate::bot::{Bot, Viewer};
use crate::clients::telegram::Text;
use crate::domain::ids::{PersonName, ReleaseId};
use crate::domain::notice::Notice;
use crate::engine::Failure;
use crate::wording::Language;

/// Lines of output of a step that failed.
const LINES: usize = 5;

/// The text of a notice about a release; none when there is no such release. `ids`: Telegram's numbers of people; only
/// those whose approval is still missing are mentioned, where somebody waits for them.
///
/// # Errors
/// When the database cannot be read.
pub async fn notice(
    bot: &Bot,
    notice: Notice,
    release: ReleaseId,
    language: Language,
    ids: &BTreeMap<PersonName, i64>,
) -> Result<Option<Text>, Failure> {
    let viewer = Viewer::everybody(language);
    write(&super::pen(bot, &viewer), notice, release, ids).await
}

pub(super) async fn write(
    pen: &Pen<'_>,
    notice: Notice,
    release: ReleaseId,
    ids: &BTreeMap<PersonName, i64>,
) -> Result<Option<Text>, Failure> {
    let Some(scene) = Scene::read(pen, release, LINES).await? else { return Ok(None) };
    let missing = scene.overview.as_ref().map(|overview| overview.tally.missing.clone()).unwrap_or_default();
    let people: Vec<_> = missing.iter().map(|name| facts! { name => name.as_str(), id => ids.get(name) }).collect();
    let facts = facts! { notice => notice.as_str(), release => ReleaseFacts::new(pen, &scene), people => people };
    Ok(Some(Text { html: pen.html("notices", facts), buttons: Vec::new() }))
}
