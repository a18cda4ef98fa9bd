//! The board: what is on its way, what runs where, and what ended last.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use jiff::SignedDuration;
use serde::Deserialize;

use super::fault::Fault;
use super::frame::{Frame, Looks, When};
use super::named;
use super::tone::{self, Tone};
use super::viewer::Viewer;
use super::words::connect::{self, Connect};
use super::words::missing::Missing;
use super::words::services;
use crate::domain::env::Env;
use crate::domain::gate::GateName;
use crate::domain::ids::{PersonName, ServiceName};
use crate::domain::moves::Move;
use crate::domain::person::Right;
use crate::domain::release::Release;
use crate::domain::standing::{Phase, Standing};
use crate::views::{ReleaseOverview, ServiceOverview, board};
use crate::web::Web;

/// Of a person's releases, this many are looked through for those that have ended.
const FOUND: u32 = 50;

/// A release on its way.
struct Card {
    id: i64,
    service: String,
    title: String,
    tone: Tone,
    sentence: String,
    /// Who has said yes already, and what else holds it up.
    notes: Vec<String>,
    meta: String,
}

/// The releases of a phase.
struct Lane {
    name: &'static str,
    tone: &'static str,
    cards: Vec<Card>,
}

/// A release that waits for the viewer.
struct Need {
    id: i64,
    title: String,
}

/// What an environment runs.
pub(super) struct Place {
    pub version: Option<(i64, String)>,
    pub since: Option<When>,
    /// What stands in the way there, or is on its way.
    pub note: Option<(Tone, String)>,
}

/// A service and its environments.
struct ServiceLine {
    name: String,
    /// Why nothing new begins in it.
    mark: Option<(Tone, &'static str)>,
    stage: Place,
    production: Place,
    /// What stage has that production has not; none: nothing to tell.
    difference: Option<String>,
    is_same: bool,
}

/// A release in a list.
pub(super) struct EndedLine {
    pub id: i64,
    pub title: String,
    pub version: String,
    pub tone: Tone,
    pub result: String,
    pub why: Option<String>,
    pub ended: Option<When>,
    /// How long it took from its tag, and from when to when that was.
    pub took: Option<(String, String)>,
    pub by: String,
}

/// Services that stand on one page.
const SHOWN_SERVICES: usize = 50;

/// Some services of many.
struct Part {
    range: String,
    before: Option<String>,
    behind: Option<String>,
}

impl Part {
    /// Leaves of all services those that the page shows.
    fn of(lines: &mut Vec<ServiceLine>, filter: &Filter) -> Option<Self> {
        let all = lines.len();
        if all <= SHOWN_SERVICES {
            return None;
        }
        let from = filter.from.min(all - 1) / SHOWN_SERVICES * SHOWN_SERVICES;
        let until = all.min(from + SHOWN_SERVICES);
        lines.truncate(until);
        lines.drain(..from);
        Some(Self {
            range: format!("{}–{until} / {all}", from + 1),
            before: (from > 0).then(|| filter.address(from - SHOWN_SERVICES)),
            behind: (until < all).then(|| filter.address(until)),
        })
    }
}

/// Releases that wait for the viewer and are shown at once; the others are folded.
const SHOWN_NEEDS: usize = 3;

#[derive(Template)]
#[template(path = "pages/board.html")]
struct BoardPage {
    frame: Frame,
    summary: String,
    needs: Vec<Need>,
    lanes: Vec<Lane>,
    services: Vec<ServiceLine>,
    /// Which of how many services these are, and where those before and behind them are; none: they are all.
    part: Option<Part>,
    ended: Vec<EndedLine>,
    /// The service of a first release, where there is none.
    first: Option<String>,
    /// The viewer may make it.
    may_create: bool,
    connecting: &'static Connect,
    filter: Filter,
    /// Whom and what the filter offers.
    people: Vec<String>,
    names: Vec<String>,
}

/// What a reader wants to see of the board.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    /// One service; empty: all.
    #[serde(default)]
    service: String,
    /// Only what one person started, owns or is waited for; empty: of all people.
    #[serde(default)]
    person: String,
    /// Of what runs where, only services with something to tell.
    differ: Option<u8>,
    /// The first of the services that are listed, counted from 0.
    #[serde(default)]
    from: usize,
}

impl Filter {
    fn is_set(&self) -> bool {
        !self.service.is_empty() || !self.person.is_empty() || self.differ()
    }

    fn differ(&self) -> bool {
        self.differ.is_some_and(|differ| differ > 0)
    }

    /// The same, with the services from a place on.
    fn address(&self, from: usize) -> String {
        let from = from.to_string();
        let differ = if self.differ() { "1" } else { "" };
        let fields =
            [("service", self.service.as_str()), ("person", &self.person), ("differ", differ), ("from", &from)];
        let given = fields.into_iter().filter(|(name, value)| !value.is_empty() && (*name, *value) != ("from", "0"));
        let query = serde_urlencoded::to_string(given.collect::<Vec<_>>()).unwrap_or_default();
        if query.is_empty() { "/#where".to_owned() } else { format!("/?{query}#where") }
    }

    fn wants(&self, overview: &ReleaseOverview) -> bool {
        let release = &overview.release;
        let started_by = overview.initiator.as_ref().map_or(release.initiated_by.as_str(), PersonName::as_str);
        let is_waited_for = || {
            let standing = overview.standing();
            matches!(standing, Standing::Vote { missing, .. } if missing.iter().any(|who| who.as_str() == self.person))
        };
        let owner = overview.other_owner.as_deref().unwrap_or(started_by);
        self.person.is_empty() || [started_by, owner].contains(&self.person.as_str()) || is_waited_for()
    }
}

/// The board.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Query(filter): Query<Filter>,
) -> Result<Html<String>, Fault> {
    viewer.actor.may(Right::Read, None, false)?;
    // Before the look, so that what is committed during it is told.
    let seen = web.engine.store().progress().borrow().last_event;
    let catalog = web.engine.catalog();
    let names: Vec<_> = catalog.service_names().into_iter().chain(catalog.aside().iter().cloned()).collect();
    let service = named::service(&names, &filter.service)?;
    if !filter.person.is_empty() && catalog.people().keys().all(|name| name.as_str() != filter.person) {
        return Err(Missing::Person(filter.person).into());
    }
    let board = web.kept.board(&web.engine, service.clone()).await?;
    let is_empty = board.releases.is_empty() && board.ended.is_empty() && !filter.is_set();
    let in_force = board.services.iter().find(|service| !service.service.retired);
    let first = in_force.filter(|_| is_empty).map(|service| service.service.name.to_string());
    let releases: Vec<_> = board.releases.iter().filter(|overview| filter.wants(overview)).collect();
    let ended = match filter.person.as_str() {
        "" => board.ended.clone(),
        person => {
            let found = web.engine.search(person, service, None, FOUND).await?;
            found.into_iter().filter(|release| !release.status.is_active()).take(board::ENDED as usize).collect()
        }
    };
    let looks = &viewer.looks;
    let needs: Vec<_> =
        releases.iter().copied().filter(|overview| waits_for(overview, &viewer)).map(Need::of).collect();
    let lanes = Phase::ALL.into_iter().map(|phase| Lane {
        name: looks.words().phase(phase),
        tone: match phase {
            Phase::People => tone::WAIT.class,
            Phase::Back => tone::BACK.class,
            Phase::Stage | Phase::Rehearsal | Phase::Production => tone::RUN.class,
        },
        cards: in_phase(&releases, phase)
            .map(|overview| Card::of(overview, board.usual.get(&overview.release.id), &viewer))
            .collect(),
    });
    let mut lines: Vec<_> = board.services.iter().map(|service| ServiceLine::of(service, &viewer)).collect();
    let is_wanted = |name: &&ServiceName| {
        catalog.service(name).is_none() && (filter.service.is_empty() || name.as_str() == filter.service)
    };
    lines.extend(catalog.aside().iter().filter(is_wanted).map(|name| aside(name, &viewer)));
    lines.retain(|line| !filter.differ() || line.has_something_to_tell());
    lines.sort_by(|one, other| one.name.cmp(&other.name));
    let part = Part::of(&mut lines, &filter);
    let page = BoardPage {
        frame: Frame::inside(&viewer, "board", &titled(looks.words().board, needs.len()))
            .following(None, seen)
            .in_state(if needs.is_empty() { calm(&releases) } else { tone::WAIT }),
        summary: looks.words().board_summary(releases.len(), needs.len()),
        needs,
        lanes: lanes.collect(),
        services: lines,
        part,
        ended: ended
            .iter()
            .map(|release| EndedLine::of(release, board.service(&release.service), None, &viewer))
            .collect(),
        may_create: viewer.actor.may(Right::Create, None, false).is_ok(),
        connecting: connect::of(looks.language),
        first,
        people: catalog.people().keys().map(ToString::to_string).collect(),
        names: catalog.services().map(|service| service.name.to_string()).collect(),
        filter,
    };
    Ok(Html(page.render()?))
}

/// The title of the tab, with how much waits for the viewer.
fn titled(name: &str, needs: usize) -> String {
    if needs == 0 { name.to_owned() } else { format!("({needs}) {name}") }
}

/// The state of everything, where nothing waits for the viewer.
fn calm(releases: &[&ReleaseOverview]) -> Tone {
    let tones: Vec<_> = releases.iter().map(|overview| Tone::from(&overview.standing())).collect();
    let is_there = |tone: &Tone| tones.contains(tone);
    [tone::UNKNOWN, tone::WARN, tone::BACK, tone::RUN].into_iter().find(is_there).unwrap_or(tone::IDLE)
}

fn in_phase<'o>(releases: &[&'o ReleaseOverview], phase: Phase) -> impl Iterator<Item = &'o ReleaseOverview> {
    releases.iter().copied().filter(move |overview| Phase::of(overview.release.status) == Some(phase))
}

/// The command that makes a first release of a service.
pub(super) fn first_release(service: &ServiceName) -> String {
    format!("rmm release create --service {service} --tag v1.0.0")
}

/// Whether the viewer's yes is what it waits for.
fn waits_for(overview: &ReleaseOverview, viewer: &Viewer) -> bool {
    overview.is_legal(Move::Approve) && overview.may(&viewer.actor, Move::Approve)
}

impl Need {
    fn of(overview: &ReleaseOverview) -> Self {
        let release = &overview.release;
        Self { id: release.id.0, title: format!("{} {}", release.service, release.title()) }
    }
}

impl Card {
    fn of(overview: &ReleaseOverview, usual: Option<&SignedDuration>, viewer: &Viewer) -> Self {
        let (release, looks) = (&overview.release, &viewer.looks);
        let usual = usual.map(|usual| looks.language.lasting(*usual));
        let standing = overview.standing();
        let age = looks.lasting(release.status_since, viewer.now);
        let by = overview.initiator.as_ref().map_or(release.initiated_by.as_str(), PersonName::as_str);
        Self {
            id: release.id.0,
            service: release.service.to_string(),
            title: release.title(),
            tone: Tone::from(&standing),
            sentence: looks.standing(&standing),
            notes: notes(overview, &standing, looks),
            meta: looks.words().card_meta(&standing, &age, usual.as_deref(), by),
        }
    }
}

/// What people want to know beside the first sentence of a release that waits: who has approved it, and that production is locked.
fn notes(overview: &ReleaseOverview, standing: &Standing, looks: &Looks) -> Vec<String> {
    let given = &overview.tally.given;
    let votes = matches!(standing, Standing::Vote { .. }) && !given.is_empty();
    let votes = votes.then(|| looks.words().approved_by(given));
    let told = if let Standing::Gate { gate, .. } = standing { Some(gate.name) } else { None };
    let waits = matches!(standing, Standing::Vote { .. } | Standing::Gate { .. });
    let lock = overview.gates.iter().find(|gate| gate.name == GateName::NoLock && !gate.met());
    let lock = lock.filter(|lock| waits && told != Some(lock.name));
    votes.into_iter().chain(lock.map(|lock| looks.clause(&looks.language.gate(lock)))).collect()
}

impl ServiceLine {
    fn has_something_to_tell(&self) -> bool {
        let is_told = |place: &Place| place.note.is_some();
        self.mark.is_some() || self.difference.is_some() || is_told(&self.stage) || is_told(&self.production)
    }

    fn of(service: &ServiceOverview, viewer: &Viewer) -> Self {
        let [stage, production] = Env::LASTING.map(|env| service.environments[&env].current.as_ref());
        let labels = services::of(viewer.looks.language);
        let is_same = stage.zip(production).is_some_and(|(stage, production)| stage.release == production.release);
        Self {
            name: service.service.name.to_string(),
            mark: match (service.service.put_aside, service.service.retired) {
                (true, _) => Some((tone::FAIL, labels.is_aside)),
                (false, true) => Some((tone::OFF, labels.is_retired)),
                (false, false) => None,
            },
            stage: Place::of(service, Env::Stage, viewer),
            production: Place::of(service, Env::Production, viewer),
            difference: stage.filter(|_| !is_same).map(|stage| viewer.looks.words().not_in_production(&stage.title())),
            is_same,
        }
    }
}

/// Of a service that is put aside and has no history, nothing else is known.
fn aside(name: &ServiceName, viewer: &Viewer) -> ServiceLine {
    let place = || Place { version: None, since: None, note: None };
    ServiceLine {
        name: name.to_string(),
        mark: Some((tone::FAIL, services::of(viewer.looks.language).is_aside)),
        stage: place(),
        production: place(),
        difference: None,
        is_same: false,
    }
}

impl Place {
    pub(super) fn of(service: &ServiceOverview, env: Env, viewer: &Viewer) -> Self {
        let (looks, words) = (&viewer.looks, viewer.looks.words());
        let state = &service.environments[&env];
        let note = if let Some(unknown) = &state.unknown {
            Some((tone::UNKNOWN, format!("{}: {}", words.unknown_state, looks.language.reason(&unknown.reason))))
        } else if let Some(dirty) = &state.dirty {
            Some((tone::FAIL, format!("{}: {}", words.needs_repair, looks.language.reason(&dirty.reason))))
        } else if let Some(left) = state.stragglers(&service.service.hosts_in(env)) {
            Some((tone::WARN, looks.language.all_hosts_but(&left)))
        } else if let Some(lock) = &state.lock {
            Some((tone::LOCK, words.locked(&lock.by, &looks.language.reason(&lock.reason))))
        } else {
            service.run_in(env).filter(|run| run.state.is_live()).map(|run| {
                let version = run.to.title();
                (tone::RUN, words.on_its_way(&version))
            })
        };
        Self {
            version: state.current.as_ref().map(|version| (version.release.0, version.title())),
            since: state.since.map(|since| looks.when(since, viewer.now)),
            // A version is spelled as it is.
            note: note.map(|(tone, text)| (tone, if tone == tone::RUN { text } else { looks.clause(&text) })),
        }
    }
}

impl EndedLine {
    /// `unclear`: what an admin has to say before it goes on.
    pub(super) fn of(
        release: &Release,
        service: Option<&ServiceOverview>,
        unclear: Option<&Standing>,
        viewer: &Viewer,
    ) -> Self {
        let looks = &viewer.looks;
        let ended = Standing::Ended {
            status: release.status,
            back_to: release.rollback_to_tag.clone(),
            stragglers: service.and_then(|service| service.stragglers_of(release)),
        };
        Self {
            id: release.id.0,
            title: format!("{} {}", release.service, release.title()),
            version: release.title(),
            tone: unclear.map_or_else(|| release.status.into(), Tone::from),
            result: looks.clause(&looks.language.standing(&ended)),
            why: match unclear {
                Some(standing) => Some(looks.standing(standing)),
                None => release.reason.as_ref().map(|reason| looks.language.reason(reason)),
            },
            ended: release.completed_at.map(|at| looks.when(at, viewer.now)),
            took: release.completed_at.map(|at| {
                let from = release.tagged_at.unwrap_or(release.created_at);
                let [began, ended] = [from, at].map(|at| looks.when(at, viewer.now).exact);
                (looks.lasting(from, at), format!("{began} – {ended}"))
            }),
            by: looks.initiator(release),
        }
    }
}
