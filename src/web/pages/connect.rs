//! Connecting a repository: from its address to a service that is defined, place by place. What was answered travels along;
//! nothing is asked of the network but by a form, and nothing is saved before the last one.

pub(super) mod answers;
mod text;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use self::answers::{Answers, Missing, Step};
use super::fault::Fault;
use super::frame::Frame;
use super::new_release::ForCi;
use super::prose::sentence_of;
use super::viewer::{Signed, Viewer};
use super::words::connect::{self as words, Connect};
use crate::assets::workflows::ROLLBACK_WORKFLOW;
use crate::domain::ids::ServiceName;
use crate::domain::pattern::Pattern;
use crate::domain::person::Role;
use crate::engine::repositories::{Repository, Unread};
use crate::web::Web;
use crate::web::api::definitions as api;
use crate::web::problem::Problem;
use crate::web::reload::{Change, Changed, Mistake, NotChanged};

/// Tags that are shown.
const TAGS: usize = 12;

type Pairs = Vec<(String, String)>;

/// What the viewer may choose.
struct Choice {
    value: &'static str,
    name: &'static str,
    hint: &'static str,
    is_chosen: bool,
    is_possible: bool,
}

/// An environment that is asked about.
struct Place {
    key: &'static str,
    name: &'static str,
    drivers: Vec<Choice>,
    hosts: Vec<(String, bool)>,
    directory: String,
    usual: String,
    health: String,
}

#[derive(Template)]
#[template(path = "pages/connect.html")]
struct ConnectPage {
    frame: Frame,
    words: &'static Connect,
    /// Of each place: its name, the way there, and whether it is this one.
    steps: Vec<(&'static str, Option<String>, bool)>,
    step: &'static str,
    next: &'static str,
    back: Option<String>,
    carried: Pairs,
    missing: Vec<String>,
    answers: Answers,
    /// Why the repository says nothing.
    silent: Option<Silent>,
    look: Option<Arc<Repository>>,
    tags: Vec<String>,
    fit: Vec<String>,
    triggers: Vec<Choice>,
    places: Vec<Place>,
    recipes: Vec<Choice>,
    usual_rollback: &'static str,
    people: Vec<(String, String, bool)>,
    review: Review,
}

/// Why a repository says nothing.
struct Silent {
    heading: &'static str,
    why: String,
    /// RMM may not be let in.
    may_be_access: bool,
}

impl Silent {
    fn of(unread: Unread, viewer: &Viewer) -> Self {
        let language = viewer.looks.language;
        let words = words::of(language);
        match unread {
            Unread::Invalid(invalid) => Self {
                heading: words.no_address,
                why: sentence_of(&language.rule(&invalid.rule)),
                may_be_access: false,
            },
            Unread::Silent(reason) => {
                Self { heading: words.silent, why: sentence_of(&language.reason(&reason)), may_be_access: true }
            }
            Unread::Busy(busy) => {
                Self { heading: words.not_now, why: words.busy(busy).to_owned(), may_be_access: false }
            }
        }
    }
}

/// The last place.
#[derive(Default)]
struct Review {
    text: String,
    wrong: Vec<Mistake>,
    warnings: Vec<Mistake>,
    is_right: bool,
    for_ci: ForCi,
}

/// A place on the way.
pub(super) async fn show(State(web): State<Web>, viewer: Viewer, Query(sent): Query<Pairs>) -> Result<Response, Fault> {
    web.engine.may_define(&viewer.actor)?;
    let wanted = sent.iter().find(|(key, _)| key == "step").map_or(Step::Repository, |(_, step)| Step::parse(step));
    let mut answers = Answers::of(&sent);
    if wanted > Step::Repository {
        let here = web.reloads.may_run_here().await;
        answers = answers.or_usual(&web.engine.catalog(), viewer.person(), here);
    }
    let (step, missing) = first_missing(&web, &answers, wanted).await?;
    let review = if step == Step::Review { Review::of(&web, &viewer, &answers, None).await } else { Review::default() };
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = page(&web, &viewer, step, answers, (missing, None), review).await?;
    Ok((status, Html(page)).into_response())
}

/// The place that is wanted, or the first before it where something is not right.
async fn first_missing(web: &Web, answers: &Answers, wanted: Step) -> Result<(Step, Vec<Missing>), Fault> {
    let defined = web.engine.defined_services().await?;
    let catalog = web.engine.catalog();
    let is_taken =
        |name: &ServiceName| catalog.is_in_force(name) || defined.iter().any(|defined| defined.service == *name);
    for step in Step::ALL.into_iter().filter(|step| *step < wanted) {
        let missing = answers.missing(step, &catalog, is_taken);
        if !missing.is_empty() {
            return Ok((step, missing));
        }
    }
    Ok((wanted, Vec::new()))
}

/// Looks at the repository, and goes on.
pub(super) async fn look(State(web): State<Web>, Signed(viewer, sent): Signed<Pairs>) -> Result<Response, Fault> {
    web.engine.may_define(&viewer.actor)?;
    let mut answers = Answers::of(&sent);
    let address = answers.first("repository").to_owned();
    let unread = match web.engine.look_at_repository(&viewer.actor, &address).await {
        Ok(found) => {
            if answers.first("name").is_empty() {
                answers.set("name", answers::name_of(&address));
            }
            web.kept.repositories.insert(address, Arc::new(found)).await;
            return Ok(Redirect::to(&format!("/connect?{}", answers.query(Step::Trigger))).into_response());
        }
        Err(unread) => unread,
    };
    let is_busy = matches!(unread, Unread::Busy(_));
    let status = if is_busy { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNPROCESSABLE_ENTITY };
    let told = if address.is_empty() && !is_busy {
        (vec![Missing::Repository], None)
    } else {
        (Vec::new(), Some(Silent::of(unread, &viewer)))
    };
    let page = page(&web, &viewer, Step::Repository, answers, told, Review::default()).await?;
    Ok((status, Html(page)).into_response())
}

/// Checks the definition, or defines the service.
pub(super) async fn finish(State(web): State<Web>, Signed(viewer, sent): Signed<Pairs>) -> Result<Response, Fault> {
    web.engine.may_define(&viewer.actor)?;
    let answers = Answers::of(&sent);
    let field = |wanted: &str| sent.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
    let text = field("text").unwrap_or_default().replace("\r\n", "\n");
    let name = ServiceName::parse("name", answers.first("name"))?;
    let mut review = Review::of(&web, &viewer, &answers, Some(text.clone())).await;
    if field("do") == Some("save") && review.wrong.is_empty() {
        let (actor, language) = (viewer.actor.clone(), viewer.looks.language);
        let change = Change { actor, service: name.clone(), text: Some(text), seen: 0, is_trial: false, language };
        match api::change(&web, change).await {
            Ok(_) => return Ok(Redirect::to(&format!("/services/{name}/release?connected=1")).into_response()),
            Err(not) => review.wrong = wrong(&viewer, not),
        }
    }
    let status = if review.wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = page(&web, &viewer, Step::Review, answers, (Vec::new(), None), review).await?;
    Ok((status, Html(page)).into_response())
}

/// Why a service is not defined, beside the text.
fn wrong(viewer: &Viewer, not: NotChanged) -> Vec<Mistake> {
    let plain = |text: String| vec![Mistake::plain(text)];
    match not {
        NotChanged::Wrong(wrong) => wrong,
        NotChanged::Refused(crate::engine::Failure::Refused(refusal)) => {
            plain(sentence_of(&viewer.looks.language.refusal(&refusal.cause)))
        }
        not @ (NotChanged::Refused(_) | NotChanged::Stopping) => plain(sentence_of(&Problem::from(not).detail)),
    }
}

impl Review {
    /// The definition that follows from the answers, or the text that the viewer has made of it, and what is wrong with it.
    async fn of(web: &Web, viewer: &Viewer, answers: &Answers, typed: Option<String>) -> Self {
        let text = typed.unwrap_or_else(|| text::definition(answers));
        let Ok(service) = ServiceName::parse("name", answers.first("name")) else {
            return Self { text, ..Self::default() };
        };
        let (actor, language) = (viewer.actor.clone(), viewer.looks.language);
        let trial = Change { actor, service, text: Some(text.clone()), seen: 0, is_trial: true, language };
        match api::change(web, trial).await {
            Ok(Changed { warnings, service, .. }) => {
                let for_ci = service.map(|service| ForCi::of(web, &service)).unwrap_or_default();
                Self { text, warnings, is_right: true, for_ci, ..Self::default() }
            }
            Err(not) => Self { text, wrong: wrong(viewer, not), ..Self::default() },
        }
    }
}

async fn page(
    web: &Web,
    viewer: &Viewer,
    step: Step,
    answers: Answers,
    (missing, silent): (Vec<Missing>, Option<Silent>),
    review: Review,
) -> Result<String, Fault> {
    let (language, catalog) = (viewer.looks.language, web.engine.catalog());
    let words = words::of(language);
    let look = web.kept.repositories.get(answers.first("repository")).await;
    let pattern = Pattern::parse("tags", answers.first("tags")).ok();
    let tags: Vec<_> = look.iter().flat_map(|look| &look.tags).map(ToString::to_string).collect();
    let fit = tags.iter().filter(|tag| pattern.as_ref().is_some_and(|pattern| pattern.fits(tag))).cloned();
    let at = Step::ALL.iter().position(|known| *known == step).unwrap_or(0);
    let names = words.steps.into_iter().zip(Step::ALL);
    let steps = names.map(|(name, to)| {
        let way = (to < step).then(|| format!("/connect?{}", answers.query(to)));
        (name, way, to == step)
    });
    let choice = |key: &str, value: &'static str, name: &'static str, hint: &'static str| Choice {
        value,
        name,
        hint,
        is_chosen: answers.first(key) == value,
        is_possible: true,
    };
    let here = step == Step::Places && web.reloads.may_run_here().await;
    let people = catalog.people().values().filter(|person| person.role >= Role::Member);
    let page = ConnectPage {
        frame: Frame::inside(viewer, "connect", words.title),
        words,
        steps: steps.collect(),
        step: step.as_str(),
        next: Step::ALL.get(at + 1).copied().unwrap_or(Step::Review).as_str(),
        back: at.checked_sub(1).map(|before| format!("/connect?{}", answers.query(Step::ALL[before]))),
        carried: answers.beside(step),
        missing: missing.iter().map(|missing| words.missing(language, missing)).collect(),
        silent,
        fit: fit.take(TAGS).collect(),
        tags: tags.iter().take(TAGS).cloned().collect(),
        look,
        triggers: vec![
            choice("candidates", "tags", words.by_tags, words.by_tags_hint),
            choice("candidates", "call", words.by_call, words.by_call_hint),
        ],
        places: vec![
            Place::of(web, viewer, &answers, "stage", here),
            Place::of(web, viewer, &answers, "production", here),
        ],
        recipes: vec![
            choice("recipe", "compose", words.compose, words.compose_hint),
            choice("recipe", "commands", words.commands, words.commands_hint),
        ],
        usual_rollback: ROLLBACK_WORKFLOW,
        people: people
            .map(|person| {
                let name = person.name.to_string();
                let is_chosen = answers.has("required", &name);
                (name, language.role(person.role.as_str()).to_owned(), is_chosen)
            })
            .collect(),
        review,
        answers,
    };
    Ok(page.render()?)
}

impl Place {
    /// `here`: RMM's own machine is one.
    fn of(web: &Web, viewer: &Viewer, answers: &Answers, key: &'static str, here: bool) -> Self {
        let (words, labels, catalog) = (words::of(viewer.looks.language), viewer.looks.words(), web.engine.catalog());
        let driver = answers.first(key);
        let has_hosts = catalog.hosts().next().is_some();
        let choice =
            |value, name, hint, is_possible| Choice { value, name, hint, is_chosen: driver == value, is_possible };
        let chosen = format!("{key}_hosts");
        Self {
            key,
            name: if key == "stage" { labels.stage } else { labels.production },
            drivers: vec![
                choice("ssh", words.ssh, if has_hosts { words.ssh_hint } else { words.no_hosts }, has_hosts),
                choice("local", words.local, if here { words.local_hint } else { words.no_local }, here),
                choice("ci", words.ci, words.ci_hint, true),
            ],
            hosts: catalog
                .hosts()
                .map(|host| (host.name.to_string(), answers.has(&chosen, host.name.as_str())))
                .collect(),
            directory: answers.first(&format!("{key}_directory")).to_owned(),
            usual: text::usual_directory(answers.first("name"), key),
            health: answers.first(&format!("{key}_health")).to_owned(),
        }
    }
}
