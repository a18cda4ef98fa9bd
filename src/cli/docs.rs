//! `rmm docs`: the pages of `docs/`, which the binary carries.

use std::fmt::Write;
use std::io::{IsTerminal, stdout};

use clap::Args;

use crate::api_client::{Context, Fault, print};
use crate::domain::fault::cli::CliFault;
use crate::terminal::markdown;

macro_rules! pages {
    ($($name:literal: $about:literal,)*) => {
        /// The pages by name: what each is about, and its text.
        const PAGES: &[(&str, &str, &str)] =
            &[$(($name, $about, include_str!(concat!("../../docs/", $name, ".md")))),*];
    };
}

pages! {
    "install": "from the binary to a first page in the browser, on a server",
    "servers": "deploy to servers of your own over SSH",
    "telegram": "the bot in which people approve",
    "github": "connect a repository on GitHub in five steps",
    "dashboard": "the pages in a browser: what they show, and how people sign in",
    "services": "define services in the file or in the dashboard; connect a repository",
    "ci": "tell RMM of a tag, from any CI system",
    "life-cycle": "how a release goes, and the command for every decision",
    "operating": "files, restarts, backup and restore, the record, limits",
    "watch": "figures for Prometheus, alerts, dashboards",
    "configuration": "how rmm.toml works, with a complete example",
    "security": "what RMM trusts, and what each role and token can do",
    "glossary": "the words that RMM uses",
    "figures": "how fast, and how small",
}

/// Read the documentation
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm docs                      which pages there are\n  rmm docs servers\n  rmm docs servers > servers.md\n\n\
    On a terminal, a page is laid out for its width. Into a file or a command, it is Markdown."
)]
pub struct Docs {
    /// A page; without one, all are listed
    page: Option<String>,
}

impl Docs {
    /// Prints a page, or the list of them.
    pub fn run(&self, context: &Context) -> Result<(), Fault> {
        let Some(wanted) = &self.page else { return print(&list()) };
        let name = wanted.trim_end_matches(".md").to_lowercase();
        match PAGES.iter().find(|(page, ..)| *page == name) {
            Some((.., text)) if stdout().is_terminal() => print(&markdown(text, &context.ui, &leads_to)),
            Some((.., text)) => print(text),
            None => {
                let (wanted, list) = (wanted.clone(), list().trim_end().to_owned());
                Err(Fault::usage(CliFault::NoPage { wanted, list }))
            }
        }
    }
}

/// What the reader can open for the address of a link: another page, an address of the web, or what the binary writes.
fn leads_to(address: &str) -> Option<String> {
    let file = address.split('#').next().unwrap_or_default();
    match file.strip_suffix(".md").filter(|name| PAGES.iter().any(|(page, ..)| page == name)) {
        Some(page) => Some(format!("rmm docs {page}")),
        None if file == "../rmm.toml.example" => Some("rmm init --example".to_owned()),
        None => address.contains("://").then(|| address.to_owned()),
    }
}

fn list() -> String {
    PAGES.iter().fold(String::new(), |mut list, (name, about, _)| {
        let _ = writeln!(list, "  rmm docs {name:<15} {about}");
        list
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;
    use crate::config::Config;
    use crate::terminal::Ui;

    /// Every page with its name, and the README.
    fn pages() -> Vec<(&'static str, &'static str)> {
        let all = PAGES.iter().map(|(name, _, text)| (*name, *text));
        all.chain([("README", include_str!("../../README.md"))]).collect()
    }

    /// The blocks of a page in a language.
    fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
        let fence = format!("```{language}\n");
        text.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
    }

    /// The calls of `rmm` in a line of shell: in front, behind `&&` and inside of `$(…)`.
    fn calls(line: &str) -> Vec<String> {
        let line = line.split(" #").next().unwrap_or_default().replace("$(", " ; ").replace(')', " ; ");
        let parts = line.split(';').flat_map(|part| part.split("&&")).flat_map(|part| part.split('|'));
        let calls = parts.map(str::trim).map(|part| part.rsplit_once(" > ").map_or(part, |(call, _)| call));
        calls.filter(|part| part.starts_with("rmm ")).map(str::to_owned).collect()
    }

    /// Whether the command line takes a call as it is written; capital letters and dots stand for something.
    fn is_taken(call: &str) -> Result<(), String> {
        let call = call.replace("--status …", "--status deployed").replace('…', "x");
        let stands_for = BTreeMap::from([("N", "1"), ("RUN", "1"), ("R", "1"), ("E", "stage")]);
        let words = shlex::split(&call).ok_or("quotes do not match")?;
        let words = words.iter().map(|word| *stands_for.get(word.as_str()).unwrap_or(&word.as_str()));
        Cli::command().try_get_matches_from(words).map(|_| ()).map_err(|error| format!("{call}: {error}"))
    }

    #[test]
    fn every_call_in_the_pages_is_one_that_rmm_takes() {
        let (mut found, mut wrong) = (0, Vec::new());
        for (name, text) in pages() {
            for line in blocks(text, "sh").iter().flat_map(|block| block.lines()) {
                for call in calls(line) {
                    wrong.extend(is_taken(&call).err().map(|error| format!("{name}: {error}")));
                    found += 1;
                }
            }
            // Calls in running text that are written out.
            for call in
                text.split('`').skip(1).step_by(2).filter(|text| text.starts_with("rmm ") && !text.contains('\n'))
            {
                for call in calls(&call.replace("\\|", " ; ")) {
                    let written_out = !call.contains(['[', '/']) && call.split_whitespace().count() > 3;
                    if written_out {
                        wrong.extend(is_taken(&call).err().map(|error| format!("{name}: {error}")));
                        found += 1;
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(found > 25, "only {found} calls were found");
    }

    #[test]
    fn every_page_fits_its_window_and_its_blocks_stay_as_they_are() {
        for (name, text) in pages() {
            for width in [40, 60, 80, 140] {
                let shown = markdown(text, &Ui::test(width), &leads_to);
                let lines: Vec<_> = shown.lines().map(str::trim).collect();
                let fenced = text.split("```").skip(1).step_by(2).flat_map(|block| block.lines().skip(1));
                let code: Vec<_> = fenced.map(str::trim).collect();
                for line in &code {
                    assert!(lines.contains(line), "{name} at {width} has broken: {line}");
                }
                for line in shown.lines().filter(|line| !code.contains(&line.trim())) {
                    let fits = line.chars().count() <= width.min(100);
                    let is_one_word = line.split_whitespace().count() <= 2;
                    assert!(fits || is_one_word, "{name} at {width}: {line}");
                }
                let count =
                    |text: &str| text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).count();
                assert!(count(&shown) * 10 > count(text) * 9, "{name} at {width} has lost something");
            }
        }
    }

    #[test]
    fn the_complete_example_is_right() {
        let (_, page) = pages().into_iter().find(|(name, _)| *name == "configuration").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("id");
        std::fs::write(&key, "x").unwrap();
        let example = blocks(page, "toml")[0].replace("/etc/rmm/id_ed25519", &key.to_string_lossy());
        let env = [("RMM_TELEGRAM_TOKEN".to_owned(), "1:x".to_owned())].into();
        let config =
            Config::parse(&example, "rmm.toml", folder.path(), &env).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!((config.services.len(), config.hosts.len()), (2, 2));
    }

    #[test]
    fn every_page_that_is_linked_is_there_and_the_readme_is_short() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, text) in pages() {
            let from = if name == "README" { root.to_owned() } else { root.join("docs") };
            for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = link.split('#').next().unwrap_or_default();
                assert!(link.contains("://") || from.join(file).exists(), "{name} links {link}");
            }
        }
        assert!(include_str!("../../README.md").lines().count() <= 150);
    }
}
