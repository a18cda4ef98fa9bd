//! What surrounds every page, and how its reader wants it: language, colours, time zone.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::assets;
use super::prose::{clause_of, ended, sentence_of};
use super::tone::Tone;
use super::viewer::Viewer;
use super::words::keys::{self, Keys};
use super::words::nav::{self, Nav};
use super::words::{self, Words, find, insights};
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::person::Right;
use crate::domain::release::Release;
use crate::domain::standing::Standing;
use crate::engine::catalog::Catalog;
use crate::wording::{Language, with_person};

/// How a reader wants pages.
#[derive(Debug, Clone)]
pub(super) struct Looks {
    pub language: Language,
    pub theme: Option<&'static str>,
    pub zone: TimeZone,
    /// Who and what has a name.
    catalog: Arc<Catalog>,
}

impl Looks {
    /// What a browser asks for: by its cookies, else by its languages, else as the configuration says.
    pub fn of(headers: &HeaderMap, catalog: &Arc<Catalog>) -> Self {
        let language = match cookie(headers, "lang") {
            Some("en") => Language::En,
            Some("ru") => Language::Ru,
            Some(_) | None => accepted(headers).unwrap_or_else(|| catalog.language()),
        };
        let theme = match cookie(headers, "theme") {
            Some("dark") => Some("dark"),
            Some("light") => Some("light"),
            Some(_) | None => None,
        };
        let zone = cookie(headers, "zone").map(|name| name.replace("%2F", "/"));
        let zone = zone.and_then(|name| TimeZone::get(&name).ok()).unwrap_or_else(|| catalog.time_zone());
        Self { language, theme, zone, catalog: Arc::clone(catalog) }
    }

    /// The labels of pages.
    pub fn words(&self) -> &'static Words {
        words::of(self.language)
    }

    /// A time, as people read it.
    pub fn when(&self, at: Timestamp, now: Timestamp) -> When {
        let zoned = at.to_zoned(self.zone.clone());
        When {
            iso: at.to_string(),
            exact: zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
            ago: self.language.ago(at, now, &self.zone),
            day: match now.to_zoned(self.zone.clone()).year() {
                year if year == zoned.year() => insights::day(self.language, zoned.date()),
                _ => format!("{} {}", insights::day(self.language, zoned.date()), zoned.year()),
            },
            clock: zoned.strftime("%H:%M:%S").to_string(),
        }
    }

    /// With a large first letter and a full stop; a name stays as it is.
    pub fn sentence(&self, text: &str) -> String {
        if self.begins_with_a_name(text) { ended(text) } else { sentence_of(text) }
    }

    /// With a large first letter and without a full stop, as a heading or a part of a line; a name stays as it is.
    pub fn clause(&self, text: &str) -> String {
        if self.begins_with_a_name(text) { text.strip_suffix('.').unwrap_or(text).to_owned() } else { clause_of(text) }
    }

    /// Where a release stands, as a heading: how many have approved hangs at no end of a line.
    pub fn standing(&self, standing: &Standing) -> String {
        self.clause(&self.language.standing(standing)).replace(" · ", "\u{a0}·\u{a0}")
    }

    fn begins_with_a_name(&self, text: &str) -> bool {
        let word =
            text.split(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | ';' | '(')).next().unwrap_or_default();
        let word = word.trim_end_matches('.');
        let is = |name: &str| name == word;
        // No word of ours is made like this.
        word.contains(['.', '_', '/', '@'])
            || word.contains(|c: char| c.is_ascii_digit())
            || self.catalog.people().keys().any(|name| is(name.as_str()))
            || self.catalog.hosts().any(|host| is(host.name.as_str()))
            || self.catalog.services().any(|service| {
                is(service.name.as_str()) || service.surfaces.iter().any(|surface| is(surface.name.as_str()))
            })
    }

    /// Who has started a release: the person, where it is one.
    pub fn initiator(&self, release: &Release) -> String {
        let person = release.initiator(self.catalog.people().values());
        person.map_or_else(|| release.initiated_by.clone(), |person| person.name.to_string())
    }

    /// The person whose name or account this is, or what was given.
    pub fn person(&self, given: &str) -> String {
        let person = self.catalog.person_meant(given);
        person.map_or_else(|| given.to_owned(), |person| person.name.to_string())
    }

    /// What has happened, from the name and the data of an event.
    pub fn happened(&self, kind: &str, data: &serde_json::Value) -> String {
        let data = with_person(data, |given| Some(self.person(given)));
        self.clause(&self.language.happened(kind, &data))
    }

    /// How long something took, or takes so far.
    pub fn lasting(&self, from: Timestamp, to: Timestamp) -> String {
        self.language.lasting(to.duration_since(from).max(SignedDuration::ZERO))
    }
}

/// A time, as people read it.
#[derive(Debug, Clone)]
pub(super) struct When {
    /// For machines.
    pub iso: String,
    /// In the reader's time zone.
    pub exact: String,
    /// How long ago.
    pub ago: String,
    /// The day, as people read it, with its year where it is another one.
    pub day: String,
    /// The time of that day.
    pub clock: String,
}

/// The first language that a browser prefers and RMM speaks.
fn accepted(headers: &HeaderMap) -> Option<Language> {
    let asked = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    asked.split(',').find_map(|one| match one.split([';', '-']).next()?.trim() {
        "en" => Some(Language::En),
        "ru" => Some(Language::Ru),
        _ => None,
    })
}

/// A cookie of a request. One that comes twice is none: a browser does not tell which of them another site has set.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let sent = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = sent.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    values.next().filter(|_| values.next().is_none())
}

/// What surrounds a page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub title: String,
    pub lang: &'static str,
    pub theme: Option<&'static str>,
    pub words: &'static Words,
    pub finding: &'static find::Words,
    pub measured: &'static insights::Words,
    /// What is looked for.
    pub query: String,
    pub nav: &'static Nav,
    pub keys: &'static Keys,
    /// Who looks; none: the browser is not signed in.
    pub viewer: Option<String>,
    pub csrf: String,
    /// Whether the viewer is an admin.
    pub administers: bool,
    /// Whether the viewer may connect repositories.
    pub connects: bool,
    /// The part of the dashboard that the page belongs to.
    pub tab: &'static str,
    pub style: String,
    pub script: String,
    pub icon: String,
    pub zone: String,
    pub version: &'static str,
    /// Where the page hears of changes that concern it; none: no change does.
    pub live: Option<String>,
}

impl Frame {
    /// Of a page that is open without signing in.
    pub fn outside(looks: &Looks, title: &str) -> Self {
        Self {
            title: title.to_owned(),
            lang: looks.language.as_str(),
            theme: looks.theme,
            words: looks.words(),
            finding: find::of(looks.language),
            measured: insights::of(looks.language),
            query: String::new(),
            nav: nav::of(looks.language),
            keys: keys::of(looks.language),
            viewer: None,
            csrf: String::new(),
            administers: false,
            connects: false,
            tab: "",
            style: assets::address("app.css"),
            script: assets::address("app.js"),
            icon: assets::address("icon.svg"),
            zone: looks.zone.iana_name().unwrap_or("UTC").to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            live: None,
        }
    }

    /// Of a page for a viewer, who is signed in.
    pub fn inside(viewer: &Viewer, tab: &'static str, title: &str) -> Self {
        Self {
            viewer: Some(viewer.actor.label().to_owned()),
            csrf: viewer.csrf(),
            administers: viewer.actor.may(Right::Administer, None, false).is_ok(),
            connects: viewer.may_define,
            tab,
            ..Self::outside(&viewer.looks, title)
        }
    }

    /// The pages behind *More* that the viewer may see: their tabs, which are their addresses, too, and their names.
    pub fn more(&self) -> Vec<(&'static str, &'static str)> {
        let nav = self.nav;
        let mut more = vec![("hosts", nav.hosts), ("people", nav.people), ("audit", nav.audit)];
        if self.administers {
            more.insert(2, ("tokens", nav.tokens));
            more.push(("settings", nav.settings));
        }
        if self.connects {
            more.push(("connect", nav.connect));
        }
        more
    }

    /// Of a page about something in a state, which the icon of its tab shows.
    pub fn in_state(self, tone: Tone) -> Self {
        let icon = match tone.class {
            "idle" => return self,
            "warn" => "icon-back.svg".to_owned(),
            class => format!("icon-{class}.svg"),
        };
        Self { icon: assets::address(&icon), ..self }
    }

    /// The parts of the dashboard that the viewer may see: the key behind `g` that leads to each, its address and its name.
    pub fn places(&self) -> Vec<(char, String, &'static str)> {
        let first = [('b', String::from("/"), self.words.board), ('r', "/releases".to_owned(), self.finding.heading)];
        let insights = ('i', "/insights".to_owned(), self.measured.heading);
        let more =
            self.more().into_iter().filter_map(|(tab, name)| Some((tab.chars().next()?, format!("/{tab}"), name)));
        first.into_iter().chain([insights]).chain(more).collect()
    }

    /// Of a page that follows the changes of a release, or of everything; `seen`: the place in the record that it shows.
    pub fn following(self, release: Option<ReleaseId>, seen: i64) -> Self {
        let of = release.map(|id| format!("&release={}", id.0)).unwrap_or_default();
        Self { live: Some(format!("/live?from={seen}{of}")), ..self }
    }

    /// Of a page that follows what models guess about the failures of its release, too; `seen`: the stamp of what it shows.
    pub fn and_guesses(self, seen: i64) -> Self {
        Self { live: self.live.map(|live| format!("{live}&guessed={seen}")), ..self }
    }

    /// Of a page that follows what a run prints, too; `seen`: what of it the page shows.
    pub fn and_output(self, run: RunId, seen: i64) -> Self {
        Self { live: self.live.map(|live| format!("{live}&run={}&output={seen}", run.0)), ..self }
    }
}
