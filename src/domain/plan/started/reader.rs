//! Goes through the commands of a surface as a shell does, for what they start.

use std::collections::BTreeMap;

use super::state::{GAP, Own, State, unknown};
use super::{All, COMPOSERS, ENGINES, docker};
use crate::domain::plan::words::{LOOSE, OPEN, Token, among, is_short, tokens};

/// Texts inside of texts that are read.
const DEEPEST: u32 = 4;

const SHELLS: &str = "sh bash dash ash zsh ksh busybox su runuser";
/// What runs another command, which is somewhere behind it.
const WRAPPERS: &str =
    "sudo doas env nice ionice timeout flock stdbuf chronic nohup setsid exec command xargs systemd-run";
const KEYWORDS: &str = "then do ! { time builtin";
/// What begins commands of which not all are run.
const BLOCKS: &str = "if while until for select case";
/// What runs a file that has not been read.
const RUNNERS: &str = "make gmake just task ansible-playbook ssh source .";
/// What only speaks of other programs.
const TALKERS: &str = "echo printf : true false test [ [[ logger grep sed awk cat tee which type hash wait kill pkill systemctl \
    service apt apt-get yum dnf apk pip pip3 install rm mkdir cp mv ln chmod chown git curl wget";
/// What is asked only to do something or not.
const TESTS: &str = "test [ [[ grep";
/// What runs a script of the repository, when it is told so.
const SCRIPTED: &str = "npm yarn pnpm bun composer";

/// Whether the next command is run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Surely,
    /// Only as another one has ended.
    Perhaps,
}

/// Goes through commands as a shell does.
pub(super) struct Shell<'a> {
    state: State,
    around: Vec<State>,
    pushed: Vec<String>,
    /// What held before each block that has not ended, and after each of its branches.
    blocks: Vec<Vec<State>>,
    runs: Runs,
    depth: u32,
    all: &'a mut All,
}

impl<'a> Shell<'a> {
    pub fn new(state: State, all: &'a mut All) -> Self {
        let (around, pushed, blocks) = (Vec::new(), Vec::new(), Vec::new());
        Self { state, around, pushed, blocks, runs: Runs::Surely, depth: 0, all }
    }

    pub fn read(&mut self, text: &str) {
        let mut words: Vec<String> = Vec::new();
        for token in tokens(text) {
            if let Token::Word(word) = token {
                let text = self.state.expand(&word);
                if assignment(&text).is_some() {
                    words.push(text.replace(GAP, " "));
                } else if !text.is_empty() || !word.starts_with(LOOSE) {
                    words.extend(text.split(GAP).map(str::to_owned));
                }
                continue;
            }
            let command = std::mem::take(&mut words);
            if !command.is_empty() {
                self.command(&command);
            }
            let is_test = command.first().is_some_and(|first| among(TESTS, base(first)));
            self.runs = match token {
                Token::Or => Runs::Perhaps,
                Token::And if is_test => Runs::Perhaps,
                Token::And => self.runs,
                Token::End | Token::Begin | Token::Close | Token::Word(_) => Runs::Surely,
            };
            match token {
                Token::Begin => self.around.push(self.state.clone()),
                Token::Close => self.state = self.around.pop().unwrap_or_else(|| self.state.clone()),
                Token::End | Token::And | Token::Or | Token::Word(_) => {}
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
                let options: Vec<_> = rest.clone().take_while(|word| word.starts_with('-')).collect();
                match name {
                    "sudo" | "doas" => {
                        let keeps =
                            |word: &&str| word.starts_with("--preserve-env") || (is_short(word) && word.contains('E'));
                        bare = !options.iter().any(keeps);
                        own.clear();
                        self.login(&options);
                    }
                    "env" => self.env(&rest.clone().collect::<Vec<_>>(), &mut own, &mut bare),
                    _ => {}
                }
            } else if !self.keyword(word) {
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
                own.into_iter().for_each(|(name, value)| self.assign(&name, value));
            }
            return;
        }
        self.run(program, &args, own, bare, words);
    }

    /// Follows what decides which commands are run. True: the word is only that.
    fn keyword(&mut self, word: &str) -> bool {
        match word {
            _ if among(BLOCKS, word) => {
                self.blocks.push(vec![self.state.clone()]);
                !matches!(word, "for" | "select" | "case")
            }
            "elif" | "else" => {
                if let Some(states) = self.blocks.last_mut() {
                    let before = states[0].clone();
                    states.push(std::mem::replace(&mut self.state, before));
                }
                true
            }
            "fi" | "done" | "esac" => {
                self.state.merge(&self.blocks.pop().unwrap_or_default());
                true
            }
            _ => among(KEYWORDS, word),
        }
    }

    /// What `env` takes away.
    fn env(&mut self, args: &[&str], own: &mut BTreeMap<String, String>, bare: &mut bool) {
        for (at, word) in args.iter().enumerate() {
            match *word {
                "-i" | "-" | "--ignore-environment" => {
                    *bare = true;
                    own.clear();
                }
                "-u" | "--unset" => {
                    drop(own.insert(args.get(at + 1).copied().unwrap_or_default().to_owned(), String::new()))
                }
                word if word.starts_with(OPEN) => self.state.foreign = Some(format!("env {}", word.replace(OPEN, "$"))),
                word if word.starts_with('-') || assignment(word).is_some() => {}
                _ if at > 0 && args[at - 1] == "-u" => {}
                _ => return,
            }
        }
    }

    /// A shell of a login begins in a folder of its own.
    fn login(&mut self, options: &[&str]) {
        if options.iter().any(|word| matches!(*word, "-" | "-i" | "-l" | "--login")) {
            self.state.folder = format!("{OPEN}(login)");
        }
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
            what @ ("export" | "declare" | "typeset" | "readonly" | "local") => self.declare(what, args, words),
            "unset" => args.iter().for_each(|name| drop(self.state.variables.remove(*name))),
            "set" => args.iter().filter(|word| word.starts_with(['-', '+'])).for_each(|word| {
                if word.contains('a') || (word.ends_with('o') && args.contains(&"allexport")) {
                    self.state.exports_all = word.starts_with('-');
                }
            }),
            "read" | "for" | "select" | "mapfile" | "getopts" => {
                let names: Vec<_> = args.iter().take_while(|word| **word != "in").collect();
                names.into_iter().for_each(|name| self.state.set(name, unknown(name)));
            }
            "case" => {}
            "eval" if args.first().is_some_and(|text| text.starts_with(OPEN)) => {
                self.unread(words);
                self.state.changed_by(words.join(" ").replace(OPEN, "$"));
            }
            "eval" => self.within(&args.join(" ")),
            name if among(SHELLS, name) => {
                let at = args.iter().position(|word| is_short(word) && word.contains('c'));
                match at.and_then(|at| args.get(at + 1)) {
                    Some(text) => {
                        let before = self.state.clone();
                        let is_login = matches!(name, "su" | "runuser")
                            && args.iter().any(|word| matches!(*word, "-" | "-l" | "--login"));
                        if bare || is_login {
                            self.state.exported.clear();
                        }
                        if is_login {
                            self.login(&["-"]);
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
                let composes = among(COMPOSERS, name) || args.contains(&"compose");
                self.all.composes |= composes;
                self.all.engine |= !composes;
                self.all.started.extend(docker::started(&own, program, args));
            }
            name @ ("." | "source") => {
                // A file of settings starts nothing.
                if !args.first().is_some_and(|file| base(file).contains(".env")) {
                    self.unread(words);
                }
                self.state.changed_by(format!("{name} {}", args.join(" ")));
            }
            name if among(RUNNERS, name) || is_own(program) => self.unread(words),
            name if among(SCRIPTED, name) && args.first() == Some(&"run") => self.unread(words),
            name if among(TALKERS, name) => {}
            _ => self.handed_on(args, own, bare, words),
        }
    }

    fn declare(&mut self, what: &str, args: &[&str], words: &[String]) {
        let exports = what == "export" || args.iter().any(|word| is_short(word) && word.contains('x'));
        for word in args.iter().filter(|word| !word.starts_with('-')) {
            if word.starts_with(OPEN) {
                self.state.changed_by(words.join(" ").replace(OPEN, "$"));
                continue;
            }
            let (name, value) = assignment(word).map_or((*word, None), |(name, value)| (name, Some(value)));
            if exports {
                self.state.exported.insert(name.to_owned());
            }
            if let Some(value) = value {
                self.assign(name, value.to_owned());
            }
        }
    }

    fn assign(&mut self, name: &str, value: String) {
        let value = if self.runs == Runs::Perhaps { unknown(name) } else { value };
        self.state.set(name, value);
    }

    fn go(&mut self, path: &str) {
        match self.runs {
            Runs::Surely => self.state.go(path),
            Runs::Perhaps => self.state.folder = format!("{OPEN}(cd {path})"),
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

    fn within(&mut self, text: &str) {
        if self.depth < DEEPEST {
            self.depth += 1;
            let runs = std::mem::replace(&mut self.runs, Runs::Surely);
            self.read(text);
            self.runs = runs;
            self.depth -= 1;
        }
    }

    fn unread(&mut self, words: &[String]) {
        self.all.unread.insert(words.join(" ").replace(OPEN, "$"));
    }
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

/// Whether it is a program of the service's own, and no program of the system.
fn is_own(program: &str) -> bool {
    let system = ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"];
    program.contains(['/', OPEN]) && !system.iter().any(|folder| program.starts_with(folder))
}

fn is_known(name: &str) -> bool {
    [ENGINES, COMPOSERS, SHELLS, RUNNERS].iter().any(|names| among(names, name))
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    (first && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some((name, value))
}
