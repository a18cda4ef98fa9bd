//! The shapes of calls and answers on the way to Telegram, where they differ from teloxide's: answers are read no
//! further than needed, so that a field which is new there breaks nothing here.

use std::borrow::Cow;

use reqwest::{Client, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use teloxide::requests::Payload;
use teloxide::types::{
    AllowedUpdate, ForceReply, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, MessageId, ParseMode,
    ReplyMarkup, ReplyParameters, WebAppInfo,
};

use super::trouble::{self, Refused, is_about_the_look};
use super::{Button, Text, Trouble, cut};

/// Updates that are asked for at once, so that their answer is never longer than what is read of one: an update with a long message
/// that answers a long one, all of it with markup, is below 100 kB.
pub(super) const AT_ONCE: u8 = 20;
/// Of an answer, in bytes.
const LONGEST_ANSWER: usize = 2 << 20;

/// The Bot API at its address, as one bot. teloxide gives the requests; it would read an answer to its end, however long it is.
pub(super) struct Endpoint {
    client: Client,
    /// With the token.
    url: Url,
    token: SecretString,
}

impl Endpoint {
    pub fn new(client: Client, mut url: Url, token: SecretString) -> Self {
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(&format!("bot{}", token.expose_secret()));
        }
        Self { client, url, token }
    }

    /// One call, never twice.
    pub async fn call<P, O>(&self, payload: &P) -> Result<O, Refused>
    where
        P: Payload + Serialize,
        O: DeserializeOwned,
    {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(P::NAME);
        }
        let answer = self.answer(self.client.post(url).json(payload)).await?;
        trouble::of(&answer, self.token.expose_secret())
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Vec<u8>, Refused> {
        let silent = |error: reqwest::Error| trouble::silent(&error, self.token.expose_secret());
        let mut answer = request.send().await.map_err(silent)?;
        let mut read = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(silent)? {
            if read.len() + part.len() > LONGEST_ANSWER {
                return Err(trouble::too_long(LONGEST_ANSWER));
            }
            read.extend_from_slice(&part);
        }
        Ok(read)
    }
}

/// A long poll whose updates stay as they come.
#[derive(Serialize)]
pub(super) struct GetUpdates {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    pub limit: u8,
    pub timeout: u64,
    pub allowed_updates: [AllowedUpdate; 3],
}

impl Payload for GetUpdates {
    type Output = Vec<serde_json::Value>;

    const NAME: &'static str = "GetUpdates";
}

/// A message that was sent.
#[derive(Deserialize)]
pub(super) struct Sent {
    pub message_id: i64,
}

/// The bot.
#[derive(Deserialize)]
pub(super) struct Me {
    pub id: i64,
    pub username: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hook {
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub pending_update_count: i64,
    #[serde(default)]
    pub last_error_message: Option<String>,
}

pub(super) const NO_PREVIEW: LinkPreviewOptions = LinkPreviewOptions {
    is_disabled: true,
    url: None,
    prefer_small_media: false,
    prefer_large_media: false,
    show_above_text: false,
};

/// That the message may be gone is no reason not to answer it.
pub(super) fn reply_to(message: MessageId) -> ReplyParameters {
    ReplyParameters::new(message).allow_sending_without_reply()
}

/// How a text is shown: first as it was meant, then as simple as Telegram needs it.
pub(super) struct Look<'a> {
    html: Cow<'a, str>,
    buttons: &'a [Vec<Button>],
    plain: bool,
    links: bool,
    /// Without any buttons.
    bare: bool,
}

impl<'a> Look<'a> {
    pub fn new(text: &'a Text) -> Self {
        Self {
            html: cut::html(&text.html, cut::LONGEST),
            buttons: &text.buttons,
            plain: false,
            links: true,
            bare: false,
        }
    }

    /// Leaves out what Telegram has refused. `false`: there is nothing to leave out.
    pub fn can_do_without(&mut self, refused: &Refused) -> bool {
        match refused {
            Refused::Link(_) if std::mem::replace(&mut self.links, false) => true,
            Refused::Link(_) | Refused::Unreadable(_) => self.can_be_simpler(),
            Refused::For(Trouble::Refused(text)) if is_about_the_look(text) => self.can_be_simpler(),
            Refused::Same | Refused::OldTap | Refused::For(_) => false,
        }
    }

    /// Plain text, and in the end nothing else.
    fn can_be_simpler(&mut self) -> bool {
        if !std::mem::replace(&mut self.plain, true) {
            return true;
        }
        !std::mem::replace(&mut self.bare, true) && !self.buttons.is_empty()
    }

    pub fn text(&self) -> String {
        if self.plain { cut::plain(&self.html) } else { self.html.clone().into_owned() }
    }

    pub fn parse_mode(&self) -> Option<ParseMode> {
        (!self.plain).then_some(ParseMode::Html)
    }

    /// The buttons; none where there are none.
    pub fn keyboard(&self) -> Option<InlineKeyboardMarkup> {
        let buttons = if self.bare { &[] } else { self.buttons };
        let rows = buttons.iter().map(|row| row.iter().filter_map(|button| self.button(button)).collect());
        let rows: Vec<Vec<_>> = rows.filter(|row: &Vec<_>| !row.is_empty()).collect();
        (!rows.is_empty()).then(|| InlineKeyboardMarkup::new(rows))
    }

    /// The buttons, or the wish for a reply: Telegram knows no message with both.
    pub fn reply_markup(&self, asks: bool) -> Option<ReplyMarkup> {
        if asks {
            return Some(ReplyMarkup::ForceReply(ForceReply::new().selective()));
        }
        self.keyboard().map(ReplyMarkup::InlineKeyboard)
    }

    fn button(&self, button: &Button) -> Option<InlineKeyboardButton> {
        match button {
            Button::Tap { label, data } => Some(InlineKeyboardButton::callback(label, data)),
            Button::Link { label, url } => {
                let url = Url::parse(url).ok().filter(|_| self.links)?;
                Some(InlineKeyboardButton::url(label, url))
            }
            Button::MiniApp { label, url } => {
                let url = Url::parse(url).ok().filter(|_| self.links)?;
                Some(InlineKeyboardButton::web_app(label, WebAppInfo { url }))
            }
        }
    }
}
