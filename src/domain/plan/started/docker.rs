//! What calls of docker and compose start, by their options.

use std::path::Path;

use super::state::{Own, join};
use super::{COMPOSERS, ENGINES, Kind, Started};
use crate::domain::plan::words::{OPEN, among, is_short};
use crate::domain::plan::{project, shell_word};

const COMPOSE_FILE: &str = "COMPOSE_FILE";
/// What changes nothing.
const LOOKS: &str = "config convert events help images logs ls port ps pull push stats top version volumes";
/// Options that are told something with the next word.
const COMPOSE_TAKES: &str = "-f --file -p --project-name --project-directory --workdir --env-file --profile --ansi --progress \
    --parallel -c --context -H --host --log-level";
const ENGINE_TAKES: &str = "-c --context -H --host --config -l --log-level --tlscacert --tlscert --tlskey --connection";
const STACK_TAKES: &str = "-c --compose-file --bundle-file --resolve-image --orchestrator --namespace --kubeconfig";
/// Options that decide what compose reads.
const READS: &str = "-f --file -p --project-name --project-directory --workdir --env-file --profile";
/// Options of a start that stand alone.
const RUN_ALONE: &str = "--detach --init --interactive --no-healthcheck --oom-kill-disable --privileged --publish-all --quiet \
    --read-only --rm --sig-proxy --tty --replace --disable-content-trust";

/// What a call of docker or compose starts.
pub(super) fn started(own: &Own<'_>, program: &str, args: &[&str]) -> Vec<Started> {
    let name = program.rsplit('/').next().unwrap_or_default();
    if among(COMPOSERS, name) { compose(own, program, args, daemon(own)) } else { engine(own, program, args) }
}

fn daemon(own: &Own<'_>) -> String {
    own.get("DOCKER_CONTEXT").or_else(|| own.get("DOCKER_HOST")).unwrap_or_default().to_owned()
}

/// The options at the beginning, each with what it is told, and the words behind them. An unknown variable may
/// bring options, too.
fn options<'w>(args: &'w [&'w str], takes: impl Fn(&str) -> bool) -> (Vec<(&'w str, &'w str)>, &'w [&'w str]) {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(word) = args.get(at).filter(|word| word.starts_with(['-', OPEN]) && **word != "-") {
        at += 1;
        if word.starts_with(OPEN) {
            found.push((*word, ""));
        } else if let Some((name, value)) = word.split_once('=') {
            found.push((name, value));
        } else if takes(word) {
            found.push((*word, args.get(at).copied().unwrap_or_default()));
            at += 1;
        } else if is_short(word) && word.is_char_boundary(2) && takes(&word[..2]) {
            found.push((&word[..2], &word[2..]));
        }
    }
    (found, args.get(at..).unwrap_or_default())
}

fn engine(own: &Own<'_>, program: &str, args: &[&str]) -> Vec<Started> {
    let (given, rest) = options(args, |word| among(ENGINE_TAKES, word));
    let elsewhere = |(name, _): &&(&str, &str)| ["-c", "--context", "-H", "--host", "--connection"].contains(name);
    let daemon = given.iter().rfind(elsewhere).map_or_else(|| daemon(own), |(_, value)| (*value).to_owned());
    let named = |kind, name: &str| {
        let (name, daemon) = (name.to_owned(), daemon.clone());
        vec![Started { kind, name, by_folder: false, daemon, folder: String::new(), ask: None }]
    };
    let start = |rest: &[&str]| {
        let alone =
            |word: &str| among(RUN_ALONE, word) || (is_short(word) && word[1..].chars().all(|c| "ditPq".contains(c)));
        let (given, _) = options(rest, |word| !alone(word) && (!is_short(word) || word.len() == 2));
        let name = given.iter().rfind(|(option, _)| *option == "--name");
        name.map_or_else(Vec::new, |(_, name)| named(Kind::Container, name))
    };
    match rest {
        ["compose", rest @ ..] => compose(own, &format!("{program} compose"), rest, daemon),
        // The word before was what a wrapper is told.
        [name, rest @ ..] if among(ENGINES, name) => engine(own, name, rest),
        ["stack", rest @ ..] => match options(rest, |word| among(STACK_TAKES, word)).1 {
            ["deploy" | "up", rest @ ..] => {
                let name = options(rest, |word| among(STACK_TAKES, word)).1.first();
                name.map_or_else(Vec::new, |name| named(Kind::Stack, name))
            }
            _ => Vec::new(),
        },
        ["run" | "create", rest @ ..] | ["container" | "service", "run" | "create", rest @ ..] => start(rest),
        _ => Vec::new(),
    }
}

fn compose(own: &Own<'_>, program: &str, args: &[&str], daemon: String) -> Vec<Started> {
    let (given, rest) = options(args, |word| among(COMPOSE_TAKES, word));
    if rest.first().is_none_or(|what| among(LOOKS, what)) {
        return Vec::new();
    }
    let told = |names: &[&str]| given.iter().rfind(|(name, _)| names.contains(name)).map(|(_, value)| *value);
    let daemon = told(&["-c", "--context", "-H", "--host"]).map_or(daemon, str::to_owned);
    let between = own.get("COMPOSE_PATH_SEPARATOR").unwrap_or(":");
    let of_variable = || own.get(COMPOSE_FILE).and_then(|files| files.split(between).next());
    let first = given.iter().find(|(name, _)| ["-f", "--file"].contains(name)).map(|(_, file)| *file);
    let here = &own.state.folder;
    let folder = match (told(&["--project-directory", "--workdir"]), first.or_else(of_variable)) {
        (Some(folder), _) => join(here, folder),
        (None, Some(file)) if file != "-" => join(here, &format!("{}/..", join(here, file))),
        (None, _) => here.clone(),
    };
    let named = told(&["-p", "--project-name"]).or_else(|| own.get(project::VARIABLE));
    let perhaps = given.iter().map(|(name, _)| *name).find(|name| name.starts_with(OPEN)).map(str::to_owned);
    let perhaps = perhaps.or_else(|| own.foreign().map(|command| format!("{OPEN}({command})")));
    let of_folder = Path::new(&folder).file_name().unwrap_or_default().to_string_lossy();
    let name = normal(named.or(perhaps.as_deref()).unwrap_or(&of_folder));
    if name.is_empty() {
        return Vec::new();
    }
    let by_folder = named.is_none() && perhaps.is_none();
    let ask = ask(own, program, &given);
    vec![Started { kind: Kind::Project, name, by_folder, daemon, folder, ask }]
}

/// The text that calls compose with the same files, up to the command; none where only the host's shell knows them.
fn ask(own: &Own<'_>, program: &str, given: &[(&str, &str)]) -> Option<String> {
    let words = given.iter().filter(|(name, _)| among(READS, name)).flat_map(|(name, value)| [*name, *value]);
    let words: Vec<_> = program.split(' ').chain(words).collect();
    let is_known = |word: &str| !word.contains(OPEN) && word != "-";
    let open = given.iter().any(|(name, _)| name.starts_with(OPEN));
    if open || own.foreign().is_some() || !is_known(&own.state.folder) || !words.iter().all(|word| is_known(word)) {
        return None;
    }
    let mut env: Vec<_> = own.told().iter().map(|(name, value)| shell_word(&format!("{name}={value}"))).collect();
    if own.bare {
        env.insert(0, "-i PATH=\"$PATH\" HOME=\"$HOME\"".to_owned());
    }
    let around = (!env.is_empty()).then(|| format!("env {}", env.join(" ")));
    let call: Vec<_> = around.into_iter().chain(words.into_iter().map(shell_word)).collect();
    Some(format!("cd {} && rmm_ask {}", shell_word(&own.state.folder), call.join(" ")))
}

/// A name as compose makes it.
#[must_use]
pub fn normal(name: &str) -> String {
    if name.contains(OPEN) {
        return name.to_owned();
    }
    let kept = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let name: String = name.to_lowercase().chars().filter(kept).collect();
    name.trim_start_matches(['_', '-']).to_owned()
}
