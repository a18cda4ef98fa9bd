//! Checks the templates of commands and addresses when the configuration is loaded.
//!
//! With the engine and the variables of [`crate::domain::plan`], which renders them later: what passes here is known
//! there.

use minijinja::{ErrorKind, Template, Value, context};

use crate::domain::env::Env;
use crate::domain::fault::config::{ConfigFault, ConfigHint, Unknown};
use crate::domain::plan::{Misplaced, Quoting, VARIABLES, misplaced, shell_word, templates};
use crate::domain::run::RunKind;

use super::error::unknown as unknown_name;
use super::report::{Located, Origin, Report, Spot};

/// A release as templates see it, with what it brings.
#[derive(Clone, Copy)]
struct Sample {
    tag: &'static str,
    commit: &'static str,
    /// Of the release that it is about to replace; of a first one there is none.
    target: Option<&'static str>,
    artifact: &'static str,
    digest: &'static str,
}

/// Releases of every shape: a usual one, the first one, one with a number for a tag, and one without a tag.
const SAMPLES: [Sample; 4] = {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    let usual = Sample {
        tag: "v1.4.0",
        commit: COMMIT,
        target: Some("v1.3.0"),
        artifact: "app@sample",
        digest: "sha256:0123456789abcdef",
    };
    [
        usual,
        Sample { target: None, artifact: "", digest: "", ..usual },
        Sample { tag: "20260101", artifact: "20260101", ..usual },
        Sample { tag: "", ..usual },
    ]
};

/// The values of [`VARIABLES`], of the types that they have in a plan.
fn values(sample: Sample, environment: Env, kind: RunKind) -> Value {
    let version = |tag, number: Option<i64>| {
        let commit = number.map_or("", |_| sample.commit);
        context! { tag, commit, number }
    };
    context! {
        release => version(sample.tag, Some(2184)),
        target => version(sample.target.unwrap_or_default(), sample.target.map(|_| 2183)),
        surface => context! { name => "sample", artifact => sample.artifact, digest => sample.digest },
        host => context! { name => "stage-1", address => "192.0.2.7" },
        service => "sample",
        environment => environment.to_string(),
        run => context! { id => "2184", kind => kind.as_str() },
    }
}

/// Reports syntax errors, unknown variables and filters, and what can never be rendered; otherwise answers what a sample
/// makes of it.
pub(super) fn check(report: &Report<'_>, text: &Located<String>, quoting: Quoting) -> Option<String> {
    let engine = templates(quoting);
    let template = match engine.template_from_str(&text.value) {
        Ok(template) => template,
        Err(error) => {
            report.error(&text.place, ConfigFault::NoTemplate { said: error.detail().map(str::to_owned) });
            return None;
        }
    };
    let known = || VARIABLES.iter().copied();
    let mut unknown: Vec<String> =
        template.undeclared_variables(true).into_iter().filter(|used| known().all(|name| name != used)).collect();
    unknown.sort();
    for name in &unknown {
        let place = Origin { path: text.place.path.clone(), spot: narrow(report, &text.place.spot, name) };
        report.error(&place, unknown_name(Unknown::Variable(name.clone()), name, known()));
    }
    if !unknown.is_empty() {
        return None;
    }
    if quoting == Quoting::Shell
        && let Some(wrong) = misplaced(&text.value)
    {
        let rest = &text.value[wrong.at..];
        let placeholder = rest.find("}}").map_or(rest, |end| &rest[..end + 2]);
        let place = Origin { path: text.place.path.clone(), spot: narrow(report, &text.place.spot, placeholder) };
        let fault = ConfigFault::Misplaced { placeholder: placeholder.to_owned(), place: wrong.place };
        report.error_hint(&place, fault, ConfigHint::Template { place: wrong.place });
        return None;
    }
    if quoting == Quoting::Shell
        && let Some(wrong) = misplaced_where_rendered(&template)
    {
        let fault = ConfigFault::MisplacedForSome { place: wrong.place };
        report.error_hint(&text.place, fault, ConfigHint::Template { place: wrong.place });
        return None;
    }
    let mut rendered = Vec::new();
    let mut failed = None;
    for sample in SAMPLES {
        for environment in Env::LASTING {
            for kind in [RunKind::Deploy, RunKind::Rehearsal, RunKind::Drill, RunKind::Rollback] {
                match template.render(values(sample, environment, kind)) {
                    Ok(text) => rendered.push(text),
                    Err(error) => drop(failed.get_or_insert(error)),
                }
            }
        }
    }
    // What hangs on the values cannot be told from samples, unless it works with none of them.
    let error = failed.filter(|error| rendered.is_empty() || hangs_on_no_value(error.kind()));
    if let Some(error) = error {
        let said = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        report.error(&text.place, ConfigFault::TemplateFails { said });
        return None;
    }
    rendered.into_iter().next()
}

/// Looks at what is rendered as at a template: conditions and the removal of blanks may bring a value into quotes that it
/// does not stand in as it is written.
fn misplaced_where_rendered(template: &Template<'_, '_>) -> Option<Misplaced> {
    // Quoted as any value that is no plain word.
    const VALUE: &str = "{{ value }}";
    SAMPLES.into_iter().find_map(|sample| {
        let marked = |text: &'static str| if text.is_empty() { "" } else { VALUE };
        let sample = Sample { artifact: marked(sample.artifact), digest: marked(sample.digest), ..sample };
        Env::LASTING.into_iter().find_map(|environment| {
            [RunKind::Deploy, RunKind::Rehearsal, RunKind::Drill, RunKind::Rollback].into_iter().find_map(|kind| {
                let text = template.render(values(sample, environment, kind)).ok()?;
                misplaced(&text.replace(&shell_word(VALUE), VALUE))
            })
        })
    })
}

fn hangs_on_no_value(kind: ErrorKind) -> bool {
    use ErrorKind::{TemplateNotFound, UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
    matches!(kind, TemplateNotFound | UnknownFilter | UnknownFunction | UnknownMethod | UnknownTest)
}

/// The bytes of `name` inside of a value, so that the caret stands under the variable itself.
fn narrow(report: &Report<'_>, spot: &Spot, name: &str) -> Spot {
    let Spot::Text(span) = spot else { return spot.clone() };
    match report.source(span).find(name) {
        Some(offset) => Spot::Text(span.start + offset..span.start + offset + name.len()),
        None => spot.clone(),
    }
}
