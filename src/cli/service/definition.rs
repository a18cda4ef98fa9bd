//! `rmm service definition`, `define` and `remove`: services that are defined in the dashboard, from a terminal.

use std::io::Read;
use std::path::Path;

use super::Named;
use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract::{DefineService, DefinitionView};
use crate::domain::cause::Code;
use crate::domain::fault::cli::CliFault;
use crate::domain::plan::url_part;
use crate::terminal::note;
use crate::wording::Language;

fn path(name: &str) -> String {
    format!("/api/v1/services/{}/definition", url_part(name))
}

/// Prints how a service is defined.
pub(super) async fn show(context: &Context, named: &Named) -> Result<(), Fault> {
    let client = Client::connect(context, Intent::Look).await?;
    let call = Call::get(path(&named.name));
    let (view, text): (DefinitionView, _) = client.json(call).await.map_err(|fault| fault.in_json(named.json))?;
    if named.json {
        return print(&format!("{text}\n"));
    }
    if let Some(problem) = &view.problem {
        note(&format!("{}:\n{problem}", aside(context.ui.language)));
    }
    print(&ended(view.written.or(view.text).unwrap_or_default()))
}

/// Defines a service, as the file says.
pub(super) async fn define(context: &Context, named: &Named, file: &Path, check: bool) -> Result<(), Fault> {
    let read = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = read.map_err(|error| {
        Fault::usage(CliFault::NotRead { file: file.display().to_string(), said: error.to_string() })
    })?;
    let client = Client::connect(context, Intent::Watch).await?;
    let revision = match client.get::<DefinitionView>(path(&named.name)).await {
        Ok(view) => view.revision,
        // There is none yet.
        Err(Fault::Refused(refusal)) if refusal.problem.code == Code::NotFound.as_str() => 0,
        Err(fault) => return Err(fault),
    };
    let call = Call::put(path(&named.name), DefineService { text, revision, check });
    let (view, text): (DefinitionView, _) = client.json(call).await.map_err(|fault| fault.in_json(named.json))?;
    if named.json {
        return print(&format!("{text}\n"));
    }
    for warning in &view.warnings {
        note(warning);
    }
    print(&defined(context.ui.language, &named.name, check, view.revision))
}

/// Removes a service.
pub(super) async fn remove(context: &Context, name: &str) -> Result<(), Fault> {
    let client = Client::connect(context, Intent::Watch).await?;
    client.json::<Option<()>>(Call::delete(path(name))).await?;
    print(&match context.ui.language {
        Language::En => format!("{name} is removed. Its history stays.\n"),
        Language::Ru => format!("Сервис {name} удалён. Его история осталась.\n"),
    })
}

fn ended(text: String) -> String {
    if text.ends_with('\n') { text } else { text + "\n" }
}

const fn aside(language: Language) -> &'static str {
    match language {
        Language::En => "It is disabled, since its definition is not valid together with rmm.toml",
        Language::Ru => "Он отключён: его определение не годится вместе с rmm.toml",
    }
}

fn defined(language: Language, name: &str, check: bool, revision: i64) -> String {
    match (language, check) {
        (Language::En, true) => "No errors. Nothing was saved.\n".to_owned(),
        (Language::Ru, true) => "Всё верно. Ничего не сохранено.\n".to_owned(),
        (Language::En, false) => format!("{name} is defined, and in force: revision {revision}.\n"),
        (Language::Ru, false) => format!("Сервис {name} определён и действует: редакция {revision}.\n"),
    }
}
