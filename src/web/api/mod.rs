//! The API: one file per thing it is about. Handlers extract, hand over, and show the answer.

pub(in crate::web) mod audit;
pub mod backups;
mod concept;
pub(in crate::web) mod decisions;
pub(in crate::web) mod definitions;
mod hosts;
pub(in crate::web) mod meta;
mod metrics;
mod pages;
pub(in crate::web) mod people;
pub mod releases;
mod runs;
pub(super) mod services;
pub(in crate::web) mod tokens;
mod view;

use axum::Router;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as OpenApiDocument, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::meta::Readiness;
pub use super::traced::Trace;

use super::Web;
use super::problem::Problem;
use crate::domain::ids::ServiceName;
use crate::domain::person::{Actor, Right};

#[derive(OpenApi)]
#[openapi(
    info(title = "RMM", description = "The Release Management Machine: tag, stage, rehearsed rollback, approvals, production."),
    modifiers(&BearerToken),
    security(("token" = []))
)]
struct Description;

struct BearerToken;

impl utoipa::Modify for BearerToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A token of `rmm token create`, or an id token of a workflow that a service trusts (`oidc`)",
            ))
            .build();
        openapi.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// All routes of the API, with their description.
pub(super) fn routes() -> Router<Web> {
    let (router, openapi) = described();
    let document = serde_json::to_string(&openapi).unwrap_or_default();
    let document: &'static str = Box::leak(document.into_boxed_str());
    router.route(
        "/api/openapi.json",
        axum::routing::get(move || async move { ([("content-type", "application/json")], document) }),
    )
}

/// Calls that need no token.
const OPEN: [&str; 3] = ["/healthz", "/health", "/readyz"];

/// What every call may be answered.
const ANY_CALL: [(&str, &str); 2] =
    [("429", "Too many calls; `Retry-After` says when to try again"), ("431", "The headers are too large")];
/// What every call may be answered that needs a token.
const WITH_TOKEN: [(&str, &str); 3] = [
    ("401", "No token, or one that opens nothing"),
    ("403", "The token may not do this"),
    ("503", "RMM is stopping, or cannot write"),
];

/// What a call may be answered that takes something from its caller, by where it takes it from.
const NO_SUCH_THING: (&str, &str) = ("404", "There is no such thing, or not for this token");
const NOT_RIGHT: (&str, &str) = ("422", "A value is not right; `field` and the sentence say which, and why");
const NAMES_SOMETHING: [(&str, &str); 2] = [NO_SUCH_THING, NOT_RIGHT];
const ASKS_SOMETHING: [(&str, &str); 2] = [NO_SUCH_THING, NOT_RIGHT];
const SENDS_SOMETHING: [(&str, &str); 6] = [
    ("400", "The body is not JSON, or ended too early"),
    NO_SUCH_THING,
    ("408", "The body came too slowly"),
    ("413", "The body is too large"),
    ("415", "The body is said to be something else than JSON"),
    NOT_RIGHT,
];
/// What a call may be answered that changes something.
const CHANGES_SOMETHING: [(&str, &str); 1] = [("409", "Not as things stand; `code` and the sentence say why")];

/// What a call may be answered beside what it says itself.
fn refusals(call: &Operation, is_open: bool, reads: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    let takes = |place: &ParameterIn| {
        let here = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(it) if it.parameter_in == *place);
        call.parameters.iter().flatten().any(here)
    };
    let of = |so: bool, answers: &'static [(&'static str, &'static str)]| if so { answers } else { &[] };
    let own = [
        of(!is_open, &WITH_TOKEN),
        of(takes(&ParameterIn::Path), &NAMES_SOMETHING),
        of(takes(&ParameterIn::Query), &ASKS_SOMETHING),
        of(call.request_body.is_some(), &SENDS_SOMETHING),
        of(!is_open && !reads, &CHANGES_SOMETHING),
    ];
    ANY_CALL.into_iter().chain(own.into_iter().flatten().copied())
}

fn described() -> (Router<Web>, OpenApiDocument) {
    let (router, mut openapi) = routed();
    for (path, item) in &mut openapi.paths.paths {
        let is_open = OPEN.contains(&path.as_str());
        let changing = [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        let calls = changing.map(|call| (call, false)).into_iter().chain([(&mut item.get, true)]);
        for (call, reads) in calls.filter_map(|(call, reads)| Some((call.as_mut()?, reads))) {
            for (status, description) in refusals(call, is_open, reads).collect::<Vec<_>>() {
                let problem = Content::new(Some(Ref::from_schema_name("Problem")));
                let answer =
                    ResponseBuilder::new().description(description).content("application/problem+json", problem);
                call.responses.responses.entry(status.to_owned()).or_insert_with(|| answer.build().into());
            }
        }
    }
    (router, openapi)
}

fn routed() -> (Router<Web>, OpenApiDocument) {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(releases::create, releases::list))
        .routes(routes!(releases::show, decisions::patch))
        .routes(routes!(releases::events))
        .routes(routes!(releases::runs_of))
        .routes(routes!(releases::explain))
        .routes(routes!(releases::plan))
        .routes(routes!(decisions::decide))
        .routes(routes!(runs::show))
        .routes(routes!(runs::log))
        .routes(routes!(runs::resolve))
        .routes(routes!(services::list))
        .routes(routes!(services::show))
        .routes(routes!(services::lock))
        .routes(routes!(services::unlock))
        .routes(routes!(services::give_up))
        .routes(routes!(services::catch_up))
        .routes(routes!(services::settle))
        .routes(routes!(definitions::show, definitions::define, definitions::remove))
        .routes(routes!(people::list))
        .routes(routes!(people::confirm))
        .routes(routes!(people::refuse))
        .routes(routes!(hosts::list))
        .routes(routes!(hosts::check))
        .routes(routes!(hosts::trust))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .routes(routes!(audit::acknowledge))
        .routes(routes!(tokens::create, tokens::list))
        .routes(routes!(tokens::adopt))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::login_link))
        .routes(routes!(meta::backup))
        .routes(routes!(backups::show))
        .routes(routes!(meta::reload))
        .routes(routes!(super::stream::stream))
        .routes(routes!(concept::create, concept::report))
        .routes(routes!(concept::active))
        .routes(routes!(meta::healthz))
        .routes(routes!(meta::health))
        .routes(routes!(meta::readyz))
        .routes(routes!(metrics::show))
        .split_for_parts()
}

/// The OpenAPI document of this version, as text.
#[must_use]
pub fn openapi() -> String {
    described().1.to_pretty_json().unwrap_or_default()
}

/// Whether the caller may look at a service; at everything, where none is named.
fn readable_by(actor: &Actor, service: Option<&ServiceName>) -> Result<(), Problem> {
    allowed(actor, Right::Read, service)
}

/// Whether the caller may look at the releases of a service; of all, where none is named.
fn watchable_by(actor: &Actor, service: Option<&ServiceName>) -> Result<(), Problem> {
    allowed(actor, Right::Watch, service)
}

fn allowed(actor: &Actor, right: Right, service: Option<&ServiceName>) -> Result<(), Problem> {
    Ok(actor.may(right, service, false)?)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    /// What stands for a type, in a word.
    fn kind(schema: &Value) -> String {
        if let Some(text) = schema.as_str().or_else(|| schema["$ref"].as_str()) {
            return text.rsplit('/').next().unwrap().to_owned();
        }
        if schema["type"] == "array" {
            return format!("[{}]", kind(&schema["items"]));
        }
        let several = [&schema["enum"], &schema["oneOf"], &schema["type"]].into_iter().find_map(Value::as_array);
        let words = several.map(|all| all.iter().map(kind).collect::<Vec<_>>().join(" | "));
        words.unwrap_or_else(|| schema["type"].as_str().unwrap_or("any").to_owned())
    }

    #[test]
    fn every_call_that_takes_a_token_says_how_it_is_turned_away() {
        let document: Value = serde_json::from_str(&super::openapi()).unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, call) in methods.as_object().unwrap() {
                for status in ["401", "403", "429", "503"] {
                    let told = call["responses"][status].is_object();
                    assert!(told || super::OPEN.contains(&path.as_str()), "{method} {path} does not name {status}");
                }
            }
        }
    }

    /// Names are public, and stay: a line that goes or changes here breaks a client.
    #[test]
    fn the_names_of_the_contract() {
        let document: Value = serde_json::from_str(&super::openapi()).unwrap();
        let mut outline = String::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, call) in methods.as_object().unwrap() {
                let queries = call["parameters"].as_array().into_iter().flatten().filter(|of| of["in"] == "query");
                let queries: Vec<_> = queries.map(|of| of["name"].as_str().unwrap()).collect();
                let line = format!("{} {path} {}", method.to_uppercase(), queries.join(" "));
                outline += &format!("{}\n", line.trim_end());
            }
        }
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let parts = schema["allOf"].as_array().map_or_else(|| vec![schema], |parts| parts.iter().collect());
            outline += &format!("\n{name}: {}\n", parts.iter().map(|part| kind(part)).collect::<Vec<_>>().join(" & "));
            for part in parts {
                let required = |field: &str| part["required"].as_array().is_some_and(|all| all.contains(&field.into()));
                for (field, of) in part["properties"].as_object().into_iter().flatten() {
                    outline += &format!("  {field}{}: {}\n", if required(field) { "" } else { "?" }, kind(of));
                }
            }
        }
        insta::assert_snapshot!(outline);
    }
}
