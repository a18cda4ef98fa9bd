//! Checks the templates of commands and addresses when the configuration is loaded.
//!
//! With the engine and the variables of [`crate::domain::plan`], which renders them later: what passes here is known
//! there.

use std::collections::BTreeMap;

use minijinja::{ErrorKind, Value};

use crate::domain::plan::{Quoting, VARIABLES, templates};

use super::error::suggestion;
use super::report::{Located, Place, Report, Spot};
use super::shell;

/// What a check renders in the place of a variable: text of the kind that a release brings.
fn sample(variable: &str) -> &'static str {
    match variable {
        "release.tag" => "v1.4.0",
        "target.tag" => "v1.3.0",
        "release.commit" | "target.commit" => "0123456789abcdef0123456789abcdef01234567",
        "release.number" | "target.number" | "run.id" => "2184",
        "surface.digest" => "sha256:0123456789abcdef",
        "host.name" => "stage-1",
        "host.address" => "192.0.2.7",
        "environment" => "stage",
        "run.kind" => "deploy",
        _ => "sample",
    }
}

fn samples() -> Value {
    let mut top: BTreeMap<&str, Value> = BTreeMap::new();
    let mut groups: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for name in VARIABLES {
        match name.split_once('.') {
            Some((group, field)) => {
                groups.entry(group).or_default().insert(field, sample(name));
            }
            None => {
                top.insert(name, Value::from(sample(name)));
            }
        }
    }
    top.extend(groups.into_iter().map(|(group, fields)| (group, Value::from_pairs(fields))));
    Value::from_pairs(top)
}

/// Reports syntax errors, unknown variables and unknown filters; otherwise answers what the samples make of it
/// (`None` too where it cannot be rendered with samples, which need not mean that it never can).
pub(super) fn check(report: &Report<'_>, text: &Located<String>, quoting: Quoting) -> Option<String> {
    let engine = templates(quoting);
    let template = match engine.template_from_str(&text.value) {
        Ok(template) => template,
        Err(error) => {
            let detail = error.detail().unwrap_or("cannot be read").to_owned();
            report.error(&text.place, format!("not a template: {detail}"));
            return None;
        }
    };
    let known = || VARIABLES.iter().copied();
    let mut unknown: Vec<String> =
        template.undeclared_variables(true).into_iter().filter(|used| known().all(|name| name != used)).collect();
    unknown.sort();
    for name in &unknown {
        let place = Place { path: text.place.path.clone(), spot: narrow(report, &text.place.spot, name) };
        report.error(&place, format!("unknown variable `{name}`; {}", suggestion(name, known())));
    }
    if !unknown.is_empty() {
        return None;
    }
    if quoting == Quoting::Shell
        && let Some(wrong) = shell::misplaced(&text.value)
    {
        let rest = &text.value[wrong.at..];
        let placeholder = rest.find("}}").map_or(rest, |end| &rest[..end + 2]);
        let place = Place { path: text.place.path.clone(), spot: narrow(report, &text.place.spot, placeholder) };
        let sentence = format!(
            "{placeholder} stands {}, where its value would not be one word and could run commands",
            wrong.what
        );
        report.error_hint(&place, sentence, wrong.instead);
        return None;
    }
    match template.render(samples()) {
        Ok(rendered) => Some(rendered),
        Err(error) => {
            // Only what does not hang on the values can be told from samples.
            let certain = matches!(
                error.kind(),
                ErrorKind::UnknownFilter
                    | ErrorKind::UnknownTest
                    | ErrorKind::UnknownFunction
                    | ErrorKind::UnknownMethod
                    | ErrorKind::TemplateNotFound
            );
            if certain {
                let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                report.error(&text.place, format!("not a template that works here: {detail}"));
            }
            None
        }
    }
}

/// The bytes of `name` inside of a value, so that the caret stands under the variable itself.
fn narrow(report: &Report<'_>, spot: &Spot, name: &str) -> Spot {
    let Spot::Text(span) = spot else { return spot.clone() };
    match report.source(span).find(name) {
        Some(offset) => Spot::Text(span.start + offset..span.start + offset + name.len()),
        None => spot.clone(),
    }
}
