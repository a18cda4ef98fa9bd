//! What everything is drawn with: the words and times of one viewer, and buttons.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::Viewer;
use super::sentence::sentence;
use crate::bot::screen::{Act, Screen, Tap, Wish};
use crate::bot::words::{Words, facts, text};
use crate::clients::telegram::Button;
use crate::domain::env::Env;
use crate::domain::ids::ServiceName;
use crate::domain::person::Right;
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::run::{RunKind, StepKind};
use crate::domain::status::Status;
use crate::engine::Engine;
use crate::wording::Language;

/// The longest label of a button, in characters: what a phone shows of it.
const LABEL: usize = 60;

/// Of a name that people give themselves, in characters.
const NAME: usize = 64;

/// Draws for one viewer at one moment.
pub(super) struct Pen<'a> {
    pub engine: &'a Engine,
    pub words: &'a Words,
    pub zone: &'a TimeZone,
    pub viewer: &'a Viewer,
    pub now: Timestamp,
}

/// The person whom a question in a group is for.
pub(super) fn asked(viewer: &Viewer) -> Option<minijinja::Value> {
    let Viewer { user, first_name, aloud, .. } = viewer;
    user.filter(|_| *aloud).map(|id| facts! { id => id, name => text::shorten(first_name, NAME) })
}

impl Pen<'_> {
    pub fn language(&self) -> Language {
        self.viewer.language
    }

    pub fn html(&self, template: &str, facts: impl Serialize) -> String {
        self.words.html(self.language(), template, facts)
    }

    /// The person whom a question in a group is for.
    pub fn asked(&self) -> Option<minijinja::Value> {
        asked(self.viewer)
    }

    pub fn phrase(&self, key: &str, facts: impl Serialize) -> String {
        self.words.phrase(self.language(), key, facts)
    }

    /// Why something stands where it stands, without the middle of what is very long.
    pub fn why(&self, reason: &Reason) -> Option<String> {
        sentence(&self.language().reason(reason))
    }

    /// Words without values.
    pub fn word(&self, key: &str) -> String {
        self.phrase(key, ())
    }

    pub fn status(&self, status: Status) -> String {
        self.word(&format!("status.{}", status.as_str()))
    }

    /// `Deploy to stage`.
    pub fn run_title(&self, kind: RunKind, environment: Env) -> String {
        self.word(&format!("run.{}_{}", kind.as_str(), environment))
    }

    pub fn step_title(&self, kind: StepKind) -> String {
        self.word(&format!("step.{}", kind.as_str()))
    }

    /// `Production`.
    pub fn place(&self, environment: Env) -> String {
        self.word(&format!("where.{}", environment))
    }

    /// `30.09.2025 14:30`.
    pub fn time(&self, at: Timestamp) -> String {
        let format = match self.language() {
            Language::Ru => "%d.%m.%Y %H:%M",
            Language::En => "%Y-%m-%d %H:%M",
        };
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// `15 min`; `20 s` where `exact`, or less than a minute otherwise.
    pub fn span(&self, from: Timestamp, to: Timestamp) -> String {
        self.seconds(to.duration_since(from).as_secs())
    }

    /// A number of seconds, for people.
    pub fn seconds(&self, seconds: i64) -> String {
        let seconds = seconds.max(0);
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
        if days > 0 {
            self.phrase("duration.days", facts! { days => days, hours => hours % 24 })
        } else if hours > 0 {
            self.phrase("duration.hours", facts! { hours => hours, minutes => minutes % 60 })
        } else if minutes > 0 {
            self.phrase("duration.minutes", facts! { minutes => minutes })
        } else {
            self.phrase("duration.seconds", facts! { seconds => seconds })
        }
    }

    /// Whether the viewer has a right, as far as that is known here; a group has none.
    pub fn may(&self, right: Right, service: Option<&ServiceName>, own: bool) -> bool {
        self.viewer.actor.as_ref().is_some_and(|actor| actor.may(right, service, own).is_ok())
    }

    pub fn is_admin(&self) -> bool {
        self.may(Right::Command, None, false)
    }

    /// Where an admin may be looking: what only admins can settle is offered in a group too.
    pub fn may_be_admin(&self) -> bool {
        self.in_group() || self.is_admin()
    }

    /// In a group, which everybody sees.
    pub fn in_group(&self) -> bool {
        self.viewer.actor.is_none()
    }

    pub fn button(&self, key: &str, tap: &Tap) -> Button {
        tapped(self.word(key), tap)
    }

    pub fn shows(&self, key: &str, screen: Screen) -> Button {
        self.button(key, &Tap::Show(screen))
    }

    /// A button that asks "are you sure?" about a release as it is now.
    pub fn wishes(&self, key: &str, release: &Release, act: Act) -> Button {
        self.shows(key, Screen::Confirm(wish(release, act)))
    }

    pub fn menu(&self) -> Button {
        self.shows("button.menu", Screen::Menu)
    }

    pub fn refresh(&self, screen: &Screen) -> Button {
        self.button("button.refresh", &Tap::Refresh(screen.clone()))
    }

    /// The last row of what can be drawn again: in a group there is no menu to go back to.
    pub fn way_out(&self, screen: &Screen) -> Vec<Button> {
        if self.in_group() { vec![self.refresh(screen)] } else { vec![self.refresh(screen), self.menu()] }
    }
}

pub(super) fn wish(release: &Release, act: Act) -> Wish {
    Wish { release: release.id, revision: release.revision, act, anyway: false }
}

/// A button with a label that is already in words.
pub(super) fn tapped(label: String, tap: &Tap) -> Button {
    let label = if label.chars().count() > LABEL { text::shorten(&label, LABEL - 1) } else { label };
    Button::Tap { label, data: tap.to_string() }
}
