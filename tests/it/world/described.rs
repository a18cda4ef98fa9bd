//! What the OpenAPI document says of a call: no answer of RMM that any story meets is missing there.

use std::sync::LazyLock;

use serde_json::Value;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&rmm::web::api::openapi()).unwrap());

/// Whether a path is one of this template.
fn fits(template: &str, path: &str) -> bool {
    let (named, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    named.len() == given.len() && named.iter().zip(given).all(|(name, part)| *name == part || name.starts_with('{'))
}

/// Fails where the document has the call and not this answer. Calls that it does not have may be answered in any way.
pub fn knows(method: &str, path: &str, status: u16) {
    let path = path.split('?').next().unwrap_or_default();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let fitting = paths
        .iter()
        .filter(|(template, _)| fits(template, path))
        .min_by_key(|(template, _)| template.matches('{').count());
    let Some((template, methods)) = fitting else { return };
    let call = &methods[method.to_lowercase()];
    let told = call["responses"][status.to_string()].is_object();
    assert!(call.is_null() || told, "{method} {template} is answered {status}, which its description does not name");
}
