//! What the commands of a surface start under a name that holds for the whole machine: compose projects, stacks,
//! containers. As far as their text tells: what only the shell of the host knows is told as such.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use minijinja::context;

use super::super::env::Env;
use super::super::folder::plain;
use super::super::ids::ServiceName;
use super::super::service::{EnvValue, Surface};
use super::words::{OPEN, Token, tokens};
use super::{Quoting, project, templates};

/// Texts inside of texts that are read.
const DEEPEST: u32 = 4;

const COMPOSE_FILE: &str = "COMPOSE_FILE";
const ENGINES: &str = "docker podman nerdctl";
const COMPOSERS: &str = "docker-compose podman-compose";
const SHELLS: &str = "sh bash dash ash zsh ksh busybox su runuser";
/// What runs another command, which is somewhere behind it.
const WRAPPERS: &str =
    "sudo doas env nice ionice timeout flock stdbuf chronic nohup setsid exec command xargs systemd-run";
const KEYWORDS: &str = "if then elif else while until do ! { time builtin";
/// What runs a file that nobody has read.
const RUNNERS: &str = "make gmake just task ansible-playbook ssh source .";
/// What only speaks of other programs.
const TALKERS: &str = "echo printf : true false test [ [[ logger grep sed awk cat tee which type hash wait kill pkill systemctl \
    service apt apt-get yum dnf apk pip pip3 install rm mkdir cp mv ln chmod chown git curl wget";
/// What runs a script of the repository, when it is told so.
const SCRIPTED: &str = "npm yarn pnpm bun composer";
/// What changes nothing.
const LOOKS: &str = "config convert events help images logs ls port ps pull push stats top version volumes";
/// Options that are told something with the next word.
const COMPOSE_TAKES: &str = "-f --file -p --project-name --project-directory --workdir --env-file --profile --ansi --progress \
    --parallel -c --context -H --host --log-level";
const ENGINE_TAKES: &str = "-c --context -H --host --config -l --log-level --tlscacert --tlscert --tlskey --connection";
/// Options of a start that stand alone.
const RUN_ALONE: &str = "--detach --init --interactive --no-healthcheck --oom-kill-disable --privileged --publish-all --quiet \
    --read-only --rm --sig-proxy --tty --replace --disable-content-trust";

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A compose project.
    Project,
    /// A stack of a swarm.
    Stack,
    /// A container, or a service of a swarm.
    Container,
}

/// Something under a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Started {
    /// What it is the name of.
    pub kind: Kind,
    /// The name.
    pub name: String,
    /// Compose makes the name of a folder's: nothing else gives one.
    pub by_folder: bool,
    /// Another docker than the machine's own.
    pub daemon: String,
    /// The folder that compose starts in, if that is known.
    pub folder: String,
}

impl Started {
    /// Whether only the shell of the host knows the name.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.name.contains(OPEN)
    }

    /// The name for people.
    #[must_use]
    pub fn shown(&self) -> String {
        self.name.replace(OPEN, "$")
    }
}

/// All that a surface starts.
#[derive(Debug, Default)]
pub struct All {
    /// What has a name.
    pub started: BTreeSet<Started>,
    /// Commands that may start anything: they run a file, or something elsewhere.
    pub unread: BTreeSet<String>,
}

impl All {
    /// What the commands of a surface start in an environment.
    #[must_use]
    pub fn of(service: &ServiceName, environment: Env, surface: &Surface) -> Self {
        let Surface { before_deploy, deploy, after_deploy, migrate_up, migrate_down, .. } = surface;
        let mut all = Self::default();
        let named = project::name(service, surface, environment);
        let mut state = State::of(service, environment, surface);
        if let Some(name) = &named {
            state.export(project::VARIABLE, name.clone());
        }
        let others = [before_deploy, after_deploy, migrate_up, migrate_down].into_iter().flatten();
        for command in std::iter::once(deploy).chain(others) {
            // What does not render for these values is one for others.
            let Some(text) = rendered(command, service, environment, surface) else { continue };
            Shell { state: state.clone(), around: Vec::new(), pushed: Vec::new(), depth: 0, all: &mut all }.read(&text);
        }
        let told = |one: &Started| one.kind == Kind::Project;
        if let Some(name) = named.filter(|_| !all.started.iter().any(told)) {
            all.started.insert(Started {
                kind: Kind::Project,
                name,
                by_folder: false,
                daemon: String::new(),
                folder: String::new(),
            });
        }
        all
    }
}

/// A command as it is for some release.
fn rendered(command: &str, service: &ServiceName, environment: Env, surface: &Surface) -> Option<String> {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let version = |number: i64| context! { tag => format!("v{number}"), commit, number };
    let values = context! {
        release => version(2184),
        target => version(2183),
        surface => context! { name => surface.name.as_str(), artifact => "", digest => "" },
        host => context! { name => "host", address => "192.0.2.7" },
        service => service.as_str(),
        environment => environment.to_string(),
        run => context! { id => "2184", kind => "deploy" },
    };
    templates(Quoting::Shell).render_str(command, values).ok()
}

/// What a command finds around it.
#[derive(Clone)]
struct State {
    variables: BTreeMap<String, String>,
    exported: BTreeSet<String>,
    folder: String,
}

impl State {
    fn of(service: &ServiceName, environment: Env, surface: &Surface) -> Self {
        let folder = surface.directory.clone().unwrap_or_else(|| "~".to_owned());
        let mut state = Self { variables: BTreeMap::new(), exported: BTreeSet::new(), folder };
        for (name, value) in &surface.env {
            let value = match value {
                EnvValue::Plain(text) => text.clone(),
                EnvValue::Secret(_) => format!("{OPEN}{{{name}}}"),
            };
            state.export(name, value);
        }
        state.export("RMM_SERVICE", service.to_string());
        state.export("RMM_ENVIRONMENT", environment.to_string());
        state
    }

    fn export(&mut self, name: &str, value: String) {
        self.variables.insert(name.to_owned(), value);
        self.exported.insert(name.to_owned());
    }

    /// A word with what is known of its variables.
    fn expand(&self, word: &str) -> String {
        let mut parts = word.split(OPEN);
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let known = part.strip_prefix('{').and_then(|rest| rest.split_once('}')).and_then(|(inner, rest)| {
                let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
                let value = self.variables.get(&inner[..end])?;
                let used = matches!(&inner[end..], "") || (inner[end..].starts_with([':', '-']) && !value.is_empty());
                used.then(|| format!("{value}{rest}"))
            });
            text += &known.unwrap_or_else(|| format!("{OPEN}{part}"));
        }
        text
    }
}

/// A path as seen from a folder.
fn join(folder: &str, path: &str) -> String {
    let alone = path.starts_with(['/', '~', OPEN]);
    let path = if alone { path.to_owned() } else { format!("{folder}/{path}") };
    plain(&path).to_string_lossy().into_owned()
}

/// The environment of one command.
struct Own<'s> {
    state: &'s State,
    own: BTreeMap<String, String>,
    /// `sudo` lets nothing of what is around through.
    bare: bool,
}

impl Own<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let around = || self.state.variables.get(name).filter(|_| !self.bare && self.state.exported.contains(name));
        self.own.get(name).or_else(around).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Goes through commands as a shell does.
struct Shell<'a> {
    state: State,
    around: Vec<State>,
    pushed: Vec<String>,
    depth: u32,
    all: &'a mut All,
}

impl Shell<'_> {
    fn read(&mut self, text: &str) {
        let mut words = Vec::new();
        for token in tokens(text) {
            if let Token::Word(word) = token {
                let text = self.state.expand(&word);
                // A variable may bring a program with its arguments.
                if words.is_empty() && word.starts_with(OPEN) {
                    words.extend(text.split_whitespace().map(str::to_owned));
                } else {
                    words.push(text);
                }
                continue;
            }
            let command = std::mem::take(&mut words);
            if !command.is_empty() {
                self.command(&command);
            }
            match token {
                Token::Begin => self.around.push(self.state.clone()),
                Token::Close => self.state = self.around.pop().unwrap_or_else(|| self.state.clone()),
                Token::End | Token::Word(_) => {}
            }
        }
    }

    fn command(&mut self, words: &[String]) {
        let mut own = BTreeMap::new();
        let mut bare = false;
        let mut rest = words.iter().map(String::as_str);
        let mut wrapped = false;
        let program = loop {
            let Some(word) = rest.next() else { break "" };
            let name = base(word);
            if let Some((name, value)) = assignment(word) {
                own.insert(name.to_owned(), value.to_owned());
            } else if among(WRAPPERS, name) {
                wrapped = true;
                if matches!(name, "sudo" | "doas") {
                    let keeps =
                        |word: &&str| word.starts_with("--preserve-env") || (is_short(word) && word.contains('E'));
                    bare = !rest.clone().take_while(|word| word.starts_with('-')).any(|word| keeps(&word));
                    own.clear();
                }
            } else if !among(KEYWORDS, name) {
                // Behind a wrapper come its options, and what they are told.
                let later = || rest.clone().any(|word| is_known(base(word)));
                if !wrapped || is_known(name) || (word.contains('/') && !word.starts_with('-') && !later()) {
                    break word;
                }
            }
        };
        let args: Vec<&str> = rest.collect();
        if program.is_empty() {
            if !wrapped {
                self.state.variables.extend(own);
            }
            return;
        }
        self.run(program, &args, own, bare, words);
    }

    fn run(&mut self, program: &str, args: &[&str], own: BTreeMap<String, String>, bare: bool, words: &[String]) {
        let folder =
            |args: &[&str]| args.iter().find(|word| !word.starts_with('-')).map_or("~", |word| *word).to_owned();
        match base(program) {
            "cd" => self.go(&folder(args)),
            "pushd" => {
                self.pushed.push(self.state.folder.clone());
                self.go(&folder(args));
            }
            "popd" => self.state.folder = self.pushed.pop().unwrap_or_else(|| format!("{OPEN}(popd)")),
            "export" | "declare" | "typeset" | "readonly" => {
                for word in args {
                    let (name, value) = assignment(word).map_or((*word, None), |(name, value)| (name, Some(value)));
                    self.state.exported.insert(name.to_owned());
                    self.state.variables.extend(value.map(|value| (name.to_owned(), value.to_owned())));
                }
            }
            "unset" => args.iter().for_each(|name| drop(self.state.variables.remove(*name))),
            "eval" => self.within(&args.join(" ")),
            name if among(SHELLS, name) => {
                let at = args.iter().position(|word| is_short(word) && word.contains('c'));
                match at.and_then(|at| args.get(at + 1)) {
                    Some(text) => {
                        let before = self.state.clone();
                        if bare {
                            self.state.exported.clear();
                        }
                        own.into_iter().for_each(|(name, value)| self.state.export(&name, value));
                        self.within(text);
                        self.state = before;
                    }
                    None => self.unread(words),
                }
            }
            name if among(ENGINES, name) || among(COMPOSERS, name) => {
                let own = Own { state: &self.state, own, bare };
                let found = if among(ENGINES, name) { engine(&own, args) } else { compose(&own, args, daemon(&own)) };
                self.all.started.extend(found);
            }
            name if among(RUNNERS, name) || is_own(program) => self.unread(words),
            name if among(SCRIPTED, name) && args.first() == Some(&"run") => self.unread(words),
            name if among(TALKERS, name) => {}
            _ => self.handed_on(args, own, bare, words),
        }
    }

    /// A program that is not known runs what it is told, for all that can be read: words that begin with a known program,
    /// or a text of commands.
    fn handed_on(&mut self, args: &[&str], own: BTreeMap<String, String>, bare: bool, words: &[String]) {
        let is_text = |word: &&&str| word.contains(' ') && (word.contains("docker") || word.contains("podman"));
        for text in args.iter().filter(is_text) {
            let before = self.state.clone();
            self.within(text);
            self.state = before;
        }
        let starts = |word: &str| among(ENGINES, base(word)) || among(COMPOSERS, base(word));
        if let Some(at) = args.iter().position(|word| starts(word)) {
            self.run(args[at], &args[at + 1..], own, bare, words);
        }
    }

    fn go(&mut self, path: &str) {
        self.state.folder = if path == "-" { format!("{OPEN}(cd -)") } else { join(&self.state.folder, path) };
    }

    fn within(&mut self, text: &str) {
        if self.depth < DEEPEST {
            self.depth += 1;
            self.read(text);
            self.depth -= 1;
        }
    }

    fn unread(&mut self, words: &[String]) {
        self.all.unread.insert(words.join(" ").replace(OPEN, "$"));
    }
}

/// Whether a word is one of some.
fn among(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

/// Whether it is a program of the service's own, and no program of the system.
fn is_own(program: &str) -> bool {
    let system = ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"];
    program.contains(['/', OPEN]) && !system.iter().any(|folder| program.starts_with(folder))
}

fn is_short(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--")
}

fn is_known(name: &str) -> bool {
    [ENGINES, COMPOSERS, SHELLS, RUNNERS].iter().any(|names| among(names, name))
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    (first && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some((name, value))
}

fn daemon(own: &Own<'_>) -> String {
    own.get("DOCKER_CONTEXT").or_else(|| own.get("DOCKER_HOST")).unwrap_or_default().to_owned()
}

/// The options at the beginning, each with what it is told, and the words behind them.
fn options<'w>(args: &'w [&'w str], takes: impl Fn(&str) -> bool) -> (Vec<(&'w str, &'w str)>, &'w [&'w str]) {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(word) = args.get(at).filter(|word| word.starts_with('-') && **word != "-") {
        at += 1;
        if let Some((name, value)) = word.split_once('=') {
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

fn engine(own: &Own<'_>, args: &[&str]) -> Vec<Started> {
    let (given, rest) = options(args, |word| among(ENGINE_TAKES, word));
    let elsewhere = |(name, _): &&(&str, &str)| ["-c", "--context", "-H", "--host", "--connection"].contains(name);
    let daemon = given.iter().rfind(elsewhere).map_or_else(|| daemon(own), |(_, value)| (*value).to_owned());
    let named = |kind, name: &str| {
        vec![Started { kind, name: name.to_owned(), by_folder: false, daemon: daemon.clone(), folder: String::new() }]
    };
    let start = |rest: &[&str]| {
        let alone =
            |word: &str| among(RUN_ALONE, word) || (is_short(word) && word[1..].chars().all(|c| "ditPq".contains(c)));
        let (given, _) = options(rest, |word| !alone(word) && (!is_short(word) || word.len() == 2));
        let name = given.iter().rfind(|(option, _)| *option == "--name");
        name.map_or_else(Vec::new, |(_, name)| named(Kind::Container, name))
    };
    match rest {
        ["compose", rest @ ..] => compose(own, rest, daemon),
        // The word before was what a wrapper is told.
        [name, ..] if among(ENGINES, name) => engine(own, &rest[1..]),
        ["stack", "deploy" | "up", .., name] => named(Kind::Stack, name),
        ["run" | "create", rest @ ..] | ["container" | "service", "run" | "create", rest @ ..] => start(rest),
        _ => Vec::new(),
    }
}

fn compose(own: &Own<'_>, args: &[&str], daemon: String) -> Vec<Started> {
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
    let given = told(&["-p", "--project-name"]).or_else(|| own.get(project::VARIABLE));
    let of_folder = Path::new(&folder).file_name().unwrap_or_default().to_string_lossy();
    let name = normal(given.unwrap_or(&of_folder));
    if name.is_empty() {
        return Vec::new();
    }
    vec![Started { kind: Kind::Project, name, by_folder: given.is_none(), daemon, folder }]
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
