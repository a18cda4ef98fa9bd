//! The cards of a place about something: which of them follow it, for whom each is drawn, and whether one is sent where there is
//! none.

use std::sync::Arc;

use crate::bot::audience::{About, Audience};
use crate::bot::poster::Unsent;
use crate::bot::screen::Screen;
use crate::bot::{Bot, Viewer, draw};
use crate::clients::telegram::{Destination, Trouble};
use crate::domain::ids::ReleaseId;
use crate::domain::status::Status;
use crate::store::telegram::{self, Kept};
use crate::store::{StoreError, releases};

/// Cards of one chat about the same thing that follow it, the newest; older ones show what is so when they are tapped.
const FOLLOWED: usize = 5;

/// Whether a change concerns a place that takes no messages now.
pub(super) async fn has_something_to_see(bot: &Bot, about: &About, audience: &Audience) -> Result<bool, StoreError> {
    Ok(has_cards(bot, about, audience).await? || audience.cards && still_matters(bot, about).await?)
}

/// Whether there are cards in a place that follow something.
pub(super) async fn has_cards(bot: &Bot, about: &About, audience: &Audience) -> Result<bool, StoreError> {
    Ok(!cards_in(bot, about, audience).await?.is_empty())
}

/// Brings the cards up to date, or sends the first one; the number of the newest. A person who asks again
/// in private has several; in a group, those that people have asked for stand beside the card of all.
pub(super) async fn update_card(
    bot: &Arc<Bot>,
    about: &About,
    audience: &Audience,
    noticed: bool,
) -> Result<Option<i64>, Unsent> {
    let chat = audience.place.chat;
    let mut standing = None;
    for kept in cards_in(bot, about, audience).await? {
        let viewer = viewer_of(bot, &kept, audience).await?;
        let screen = screen_of(bot, &kept, about, &viewer).await?;
        match bot.edit(chat, kept.message, Some(&kept), &screen, &viewer).await {
            Ok(()) if is_of_one(&kept, audience) => {}
            Ok(()) => standing = standing.or(Some(kept.message)),
            Err(Unsent::Trouble(Trouble::Gone | Trouble::Refused(_))) => {}
            Err(other) => return Err(other),
        }
    }
    if standing.is_some() {
        return Ok(standing);
    }
    if !audience.cards || !(noticed || still_matters(bot, about).await?) {
        return Ok(None);
    }
    Ok(Some(bot.open(audience.place, None, &about.screen(), &audience.viewer).await?))
}

/// Whether a card of a group is what one person has asked for.
fn is_of_one(kept: &Kept, audience: &Audience) -> bool {
    !audience.private && kept.viewer.is_some()
}

/// For whom a card is drawn.
async fn viewer_of(bot: &Bot, kept: &Kept, audience: &Audience) -> Result<Viewer, StoreError> {
    let Some(id) = kept.viewer.filter(|_| is_of_one(kept, audience)) else { return Ok(audience.viewer.clone()) };
    let people = bot.engine.telegram_people().await?;
    let known = people.into_iter().find(|(_, account, _)| *account == id);
    Ok(match known {
        Some((person, _, Some(user))) => Viewer { aloud: true, ..bot.viewer(&person, &user) },
        Some((.., None)) | None => Viewer { user: Some(id), ..bot.everybody() },
    })
}

/// What a card shows: that of a list stays with what it shows when the list moves on.
async fn screen_of(bot: &Bot, kept: &Kept, about: &About, viewer: &Viewer) -> Result<Screen, Unsent> {
    let screen = kept.screen.parse().unwrap_or_else(|_| about.screen());
    if !matches!(screen, Screen::List { .. }) {
        return Ok(screen);
    }
    let drawn = draw::draw(bot, &screen, viewer).await?;
    Ok(if drawn.about == Some(about.to_string()) { screen } else { about.screen() })
}

/// The cards of a place about something that follow it, the newest first. In a group, that of all and those of single people
/// are counted for themselves.
async fn cards_in(bot: &Bot, about: &About, audience: &Audience) -> Result<Vec<Kept>, StoreError> {
    let key = about.to_string();
    let mut kept = bot.engine.read(move |conn| telegram::kept_about(conn, &key)).await?;
    let Destination { chat, topic } = audience.place;
    kept.retain(|kept| kept.chat == chat && (audience.private || kept.topic == topic));
    let (mut of_people, mut of_all): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| is_of_one(kept, audience));
    of_all.truncate(FOLLOWED);
    of_people.truncate(FOLLOWED);
    of_all.extend(of_people);
    Ok(of_all)
}

/// Whether a chat that has no card yet needs one.
async fn still_matters(bot: &Bot, about: &About) -> Result<bool, StoreError> {
    let About::Release(id) = *about else { return Ok(false) };
    Ok(status(bot, id).await?.is_some_and(Status::is_active))
}

pub(super) async fn is_open_to_vote(bot: &Bot, id: ReleaseId) -> Result<bool, StoreError> {
    Ok(status(bot, id).await? == Some(Status::ManualTesting))
}

async fn status(bot: &Bot, id: ReleaseId) -> Result<Option<Status>, StoreError> {
    let release = bot.engine.read(move |conn| releases::get(conn, id)).await?;
    Ok(release.map(|release| release.status))
}
