//! What the viewer may do about a release: a form for each legal move, and what it leads to. What was written into a form
//! that is refused is there again.

use axum::extract::{FromRequest, Path, Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::{Asked, number, render};
use crate::contract::{FoundThere, Say};
use crate::domain::command::{Command, Resolution};
use crate::domain::env::Env;
use crate::domain::gate::GateName;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::moves::Move;
use crate::domain::rule::{Invalid, Rule};
use crate::domain::run::Run;
use crate::engine::{Request, no_release};
use crate::store::releases;
use crate::views::ReleaseOverview;
use crate::web::Web;
use crate::web::api::{decisions, services};
use crate::web::pages::fault::{Fault, Refused, Told};
use crate::web::pages::frame::Looks;
use crate::web::pages::viewer::{Signed, Viewer};
use crate::web::pages::words::missing::Missing;
use crate::web::pages::words::release as words;

/// Something that can be chosen.
pub(super) struct Choice {
    pub value: String,
    pub label: String,
    pub is_chosen: bool,
}

/// Something that the viewer may do.
pub(super) struct Act {
    /// Tells it from the others on the page.
    pub key: String,
    pub word: &'static str,
    pub button: String,
    pub heading: String,
    pub follows: String,
    /// It takes things back, or ends them, and owes a reason.
    pub is_risk: bool,
    /// It is what the release waits for.
    pub is_main: bool,
    /// It is refused unless it is asked for once more.
    pub needs_force: bool,
    /// The versions to go back to.
    pub versions: Vec<Choice>,
    /// The gates that can be skipped.
    pub gates: Vec<Choice>,
    /// What is sent along with it.
    pub hidden: Option<(&'static str, String)>,
    /// What was found on a server: the field, its label, and what can be said.
    pub found: Option<(&'static str, &'static str, Vec<Choice>)>,
    /// The releases that an environment may run.
    pub releases: Vec<Choice>,
    /// What was written already.
    pub reason: String,
    /// It was sent and refused.
    pub is_open: bool,
}

/// A form that was refused.
pub(super) struct Draft {
    decision: String,
    fields: Vec<(String, String)>,
    told: Told,
}

impl Draft {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What is told on top of the page, with what was written where its form is there no more.
    pub fn refused(&self, looks: &Looks, acts: &[Act]) -> Refused {
        let is_there = acts.iter().any(|act| act.is_open);
        Refused::of(&self.told, looks, self.field("reason").filter(|_| !is_there))
    }

    fn is_of(&self, act: &Act) -> bool {
        self.decision == act.word
            && act.hidden.as_ref().is_none_or(|(name, value)| self.field(name) == Some(value.as_str()))
    }
}

/// What the viewer may do about it, what it waits for first.
pub(super) fn acts(overview: &ReleaseOverview, runs: &[Run], viewer: &Viewer, draft: Option<&Draft>) -> Vec<Act> {
    let bypass = overview.is_legal(Move::Bypass).then_some(Move::Bypass);
    let allowed = overview.moves().chain(bypass).filter(|wanted| overview.may(&viewer.actor, *wanted));
    let acts = allowed.flat_map(|wanted| match wanted {
        Move::Settle => overview.to_settle.iter().map(|env| Act::settle(*env, overview, viewer)).collect(),
        Move::Resolve => overview.to_resolve.iter().map(|run| Act::resolve(*run, overview, runs, viewer)).collect(),
        Move::Approve
        | Move::Reject
        | Move::Promote
        | Move::Bypass
        | Move::Unlock
        | Move::Cancel
        | Move::Abort
        | Move::Rollback
        | Move::Retry => vec![Act::of(wanted, overview, viewer)],
    });
    acts.map(|act| match draft.filter(|draft| draft.is_of(&act)) {
        Some(draft) => act.filled_in(draft),
        None => act,
    })
    .collect()
}

impl Act {
    fn of(wanted: Move, overview: &ReleaseOverview, viewer: &Viewer) -> Self {
        let words = viewer.looks.words();
        let gates =
            overview.gates.iter().filter(|gate| wanted == Move::Bypass && !gate.met() && gate.name.can_be_bypassed());
        let versions = overview.versions.iter().filter(|_| wanted == Move::Rollback);
        let title = format!("{} {}", overview.release.service, overview.release.title());
        Self {
            key: wanted.as_str().to_owned(),
            word: wanted.as_str(),
            button: words.button(wanted).to_owned(),
            heading: words.act_on(wanted, &title),
            follows: follows(wanted, overview, viewer),
            is_risk: matches!(wanted, Move::Reject | Move::Bypass | Move::Cancel | Move::Abort | Move::Rollback),
            is_main: matches!(wanted, Move::Approve | Move::Promote | Move::Retry),
            needs_force: overview.needs_force(wanted),
            versions: versions
                .map(|good| choice(format!("#{}", good.version.release), good.version.to_string()))
                .collect(),
            gates: gates.map(|gate| choice(gate.name.as_str(), viewer.looks.language.gate_title(gate.name))).collect(),
            hidden: None,
            found: None,
            releases: Vec::new(),
            reason: String::new(),
            is_open: false,
        }
    }

    /// Says how a run ended, or that what it broke is repaired.
    fn resolve(id: RunId, overview: &ReleaseOverview, runs: &[Run], viewer: &Viewer) -> Self {
        let (looks, own) = (&viewer.looks, words::of(viewer.looks.language));
        let is_unknown = overview.lost.values().any(|lost| *lost == id);
        // Of a run that is known to have failed, no person has to say so.
        let verdicts =
            [("succeeded", Resolution::Succeeded), ("failed", Resolution::Failed), ("again", Resolution::Again)];
        let verdicts = verdicts.into_iter().filter(|(_, verdict)| is_unknown || *verdict != Resolution::Failed);
        let choices = verdicts.map(|(word, verdict)| choice(word, own.verdict(verdict, is_unknown))).collect();
        let run = runs.iter().find(|run| run.id == id);
        let name = run.map(|run| looks.language.run(&run.environment.to_string(), run.kind.as_str()));
        Self {
            key: format!("resolve-{id}"),
            heading: own.resolve(&name.unwrap_or_else(|| format!("#{id}"))),
            is_main: true,
            hidden: Some(("run", id.to_string())),
            found: Some(("verdict", own.how_it_ended, choices)),
            ..Self::of(Move::Resolve, overview, viewer)
        }
    }

    /// Says what an environment runs.
    fn settle(env: Env, overview: &ReleaseOverview, viewer: &Viewer) -> Self {
        let (words, own) = (viewer.looks.words(), words::of(viewer.looks.language));
        let recorded = overview.environments.get(&env).and_then(|state| state.current.clone());
        let mut versions: Vec<_> = recorded.clone().into_iter().chain([overview.release.version()]).collect();
        versions.extend(overview.versions.iter().map(|good| good.version.clone()));
        let mut seen = std::collections::BTreeSet::new();
        versions.retain(|version| seen.insert(version.release));
        let recorded = recorded.map(|version| choice("recorded", format!("{}: {version}", own.runs_recorded)));
        let others = [choice("release", own.runs_release), choice("nothing", own.runs_nothing)];
        let name = match env {
            Env::Stage => words.stage.to_owned(),
            Env::Production => words.production.to_owned(),
            Env::Preview(_) => env.to_string(),
        };
        Self {
            key: format!("settle-{env}"),
            heading: own.settle(&name),
            is_main: true,
            hidden: Some(("environment", env.to_string())),
            found: Some(("runs", own.found_there, recorded.into_iter().chain(others).collect())),
            releases: versions.iter().map(|version| choice(version.release.to_string(), version.to_string())).collect(),
            ..Self::of(Move::Settle, overview, viewer)
        }
    }

    /// As it was sent before.
    fn filled_in(mut self, draft: &Draft) -> Self {
        let sent = |name: &str, choices: &mut [Choice]| {
            for choice in choices {
                choice.is_chosen = draft.fields.iter().any(|(key, value)| key == name && *value == choice.value);
            }
        };
        sent("to", &mut self.versions);
        sent("gates", &mut self.gates);
        sent("release", &mut self.releases);
        if let Some((name, _, choices)) = &mut self.found {
            sent(name, choices);
        }
        self.reason = draft.field("reason").unwrap_or_default().to_owned();
        self.is_open = true;
        self
    }
}

fn choice(value: impl Into<String>, label: impl Into<String>) -> Choice {
    Choice { value: value.into(), label: label.into(), is_chosen: false }
}

/// What is said with a move, and what follows from it.
fn follows(wanted: Move, overview: &ReleaseOverview, viewer: &Viewer) -> String {
    let words = viewer.looks.words();
    if wanted != Move::Approve {
        return words.follows(wanted).to_owned();
    }
    let others = overview.tally.missing.iter().filter(|who| viewer.person() != Some(*who)).map(ToString::to_string);
    let lacking = overview.tally.needed.saturating_sub(overview.tally.given.len() + 1);
    let commit = overview.release.commit.as_ref().map(|commit| commit.short().to_owned());
    words.approve_follows(commit.as_deref(), &others.collect::<Vec<_>>().join(", "), lacking)
}

/// Carries out what a form of the page asks for. What is refused because things stand otherwise by now, or because
/// something is missing, is told on the page, where the form is as it was.
pub(in crate::web::pages) async fn decide(
    State(web): State<Web>,
    Path((id, decision)): Path<(String, String)>,
    request: HttpRequest,
) -> Result<Response, Fault> {
    let Signed(viewer, fields) = Signed::<Vec<(String, String)>>::from_request(request, &web).await?;
    let id = number(&id)?;
    let fault = match carry_out(&web, &viewer, id, &decision, &fields).await {
        Ok(()) => return Ok(Redirect::to(&format!("/releases/{id}", id = id.0)).into_response()),
        Err(fault) => fault,
    };
    let told = fault.told(viewer.looks.language);
    if !told.is_for_its_form() {
        return Err(fault);
    }
    // What a form lacks is told to those who may send it.
    if told.status == StatusCode::UNPROCESSABLE_ENTITY {
        ReleaseOverview::read(&web.engine, id).await?.check_may(&viewer.actor, &decision)?;
    }
    let status = told.status;
    let draft = Draft { decision, fields, told };
    let html = render(&web, &viewer, id, &Asked::default(), Some(&draft)).await?;
    Ok((status, Html(html)).into_response())
}

async fn carry_out(
    web: &Web,
    viewer: &Viewer,
    id: ReleaseId,
    decision: &str,
    fields: &[(String, String)],
) -> Result<(), Fault> {
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
    let text = || field("reason").unwrap_or_default().to_owned();
    let traced = |request| viewer.trace.of(request);
    let service = web.engine.read(move |conn| releases::service_of(conn, id)).await?.ok_or_else(|| no_release(id))?;
    let about = |command| traced(Request::about(viewer.actor.clone(), service.clone(), command));
    let command = match decision {
        "resolve" => {
            let run = field("run").and_then(|run| run.parse().ok()).map(RunId);
            let verdict = match field("verdict") {
                Some("succeeded") => Some(Resolution::Succeeded),
                Some("failed") => Some(Resolution::Failed),
                Some("again") => Some(Resolution::Again),
                Some(_) | None => None,
            };
            Command::Resolve {
                run: run.ok_or_else(|| Invalid::new("run", Rule::Given))?,
                verdict: verdict.ok_or_else(|| Invalid::new("verdict", Rule::Given))?,
                reason: text(),
            }
        }
        "settle" => {
            let environment: Env =
                field("environment").unwrap_or_default().parse().map_err(|rule| Invalid::new("environment", rule))?;
            let runs = match field("runs") {
                Some("release") => FoundThere::Release,
                Some("nothing") => FoundThere::Nothing,
                Some("recorded") => FoundThere::Recorded,
                Some(_) | None => return Err(Invalid::new("runs", Rule::Given).into()),
            };
            let release = field("release").and_then(|number| number.parse().ok());
            let runs = services::found(runs, release.filter(|_| runs == FoundThere::Release))?;
            web.engine.settle(about(Command::Settle { environment, runs, reason: text() }), environment).await?;
            return Ok(());
        }
        "unlock" => {
            web.engine.handle(about(Command::Unlock)).await?;
            return Ok(());
        }
        other => decisions::command(id, other, &said(fields)?)?,
    };
    web.engine.handle(traced(Request::new(viewer.actor.clone(), command))).await?;
    Ok(())
}

/// What a form says.
fn said(fields: &[(String, String)]) -> Result<Say, Fault> {
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let filled = |name: &str| field(name).filter(|value| !value.trim().is_empty());
    let gates = fields.iter().filter(|(key, _)| key == "gates").map(|(_, value)| {
        let gate = GateName::ALL.iter().find(|gate| gate.as_str() == value);
        gate.copied().ok_or_else(|| Missing::Gate(value.clone()))
    });
    Ok(Say {
        reason: filled("reason"),
        revision: match field("revision") {
            Some(number) => Some(number.parse().map_err(|_| Invalid::new("revision", Rule::Number))?),
            None => None,
        },
        to: filled("to"),
        force: field("force").is_some(),
        gates: gates.collect::<Result<_, _>>()?,
    })
}
