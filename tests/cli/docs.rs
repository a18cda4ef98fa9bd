//! The command lines of the README and of `docs/`, run as they are printed.

use std::collections::BTreeMap;

use super::*;

const README: &str = include_str!("../../README.md");
/// The README is a story of its own, and so are `docs/ci.md`, beside the tests of CI, and `docs/github.md`, beside those of the
/// workflows.
const PAGES: [(&str, &str); 5] = [
    ("install", include_str!("../../docs/install.md")),
    ("life-cycle", include_str!("../../docs/life-cycle.md")),
    ("operating", include_str!("../../docs/operating.md")),
    ("servers", include_str!("../../docs/servers.md")),
    ("telegram", include_str!("../../docs/telegram.md")),
];

/// The block of shell that begins with this line, without what is explained behind the commands.
fn block(first: &str) -> Vec<String> {
    let mut blocks = README.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let found = blocks.find(|block| block.starts_with(first)).unwrap_or_else(|| panic!("no block begins with {first}"));
    found.lines().map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned()).collect()
}

impl Sandbox {
    /// Lines in one shell, as they are printed.
    fn in_shell(&self, lines: &str) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_rmm")).parent().unwrap().display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-eu", "-c", lines]).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", format!("{programs}:{path}")).env("HOME", self.folder.path());
        command.env("USER", "ann");
        command
    }

    fn shell(&self, lines: &str) -> Done {
        finished(&mut self.in_shell(lines))
    }

    fn release_is(&self, number: &str, status: &str) {
        let done = self.shell(&format!("rmm release wait {number} --until {status} --timeout 60s"));
        assert_eq!(done.status, 0, "{done:?}\n{}", self.shell(&format!("rmm release logs {number}")).out);
    }

    /// What the README leads to: a repository with two versions, and RMM on it.
    fn as_the_readme_says(&mut self) {
        let make = "git init -q my-service.git && cd my-service.git && git config user.name t && git config user.email t@t \
                    && for v in 0 1; do git commit -q --allow-empty -m $v && git tag v1.$v.0; done";
        self.shell(make).ends(0);
        let begin = block("cargo install");
        let init = begin.iter().find(|line| line.starts_with("rmm init")).unwrap();
        let repository = self.path("my-service.git").display().to_string();
        self.shell(&init.replace("/path/or/url/of/my-service.git", &repository)).ends(0);
        // What stands behind `$EDITOR rmm.toml`: commands that need no Docker, and a port that is free.
        let text = fs::read_to_string(self.path("rmm.toml")).unwrap();
        let user = if rustix::process::geteuid().is_root() { "user = \"root\"" } else { "" };
        let text = text
            .replace("127.0.0.1:8080", "127.0.0.1:0")
            .replace("user = \"rmm-steps\"", user)
            .replace("recipe = \"compose\"", "recipe = \"commands\"\ndeploy = \"echo deploying $RMM_TAG\"");
        fs::write(self.path("rmm.toml"), text).unwrap();
        assert!(begin.iter().any(|line| line == "rmm check") && begin.iter().any(|line| line == "rmm serve"));
        self.shell("rmm check").ends(0);
        self.serve();
    }
}

#[test]
fn the_readme_leads_to_production_and_back() {
    let mut place = Sandbox::empty();
    place.as_the_readme_says();
    let look = block("rmm release create");
    place.shell(&look[0]).ends(0);
    place.release_is("1", "manual_testing");
    let (follow, at_once): (Vec<_>, Vec<_>) = look[1..].iter().partition(|line| line.contains("--follow"));
    for line in at_once {
        let done = place.shell(line).ends(0);
        assert!(!done.out.trim().is_empty(), "{line}: {done:?}");
    }
    let mut following = place.in_shell(follow[0]);
    let following = following.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    let decide = block("export RMM_TOKEN");
    let url = place.url();
    let [token, address, approve, rollback] = decide.as_slice() else { panic!("{decide:?}") };
    let address = address.replace("http://127.0.0.1:8080", &url);
    place.shell(&format!("{token}\n{address}\n{approve}")).ends(0);
    place.release_is("1", "deployed");
    let followed = following.wait_with_output().unwrap();
    assert!(followed.status.success(), "{followed:?}");
    assert!(String::from_utf8_lossy(&followed.stdout).contains("deploying v1.0.0"), "{followed:?}");
    place.shell(&look[0].replace("v1.0.0", "v1.1.0")).ends(0);
    place.release_is("2", "manual_testing");
    let again = token.replace("my-laptop", "my-desktop");
    place.shell(&format!("{again}\n{address}\n{}", approve.replace('1', "2"))).ends(0);
    place.release_is("2", "deployed");
    let third = token.replace("my-laptop", "my-phone");
    place.shell(&format!("{third}\n{address}\n{rollback}")).ends(0);
    place.release_is("2", "rollback_done");
    place.stop();
}

/// Calls that are written out in a page: in blocks, and in running text where they have words enough to be typed.
fn calls(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).map(str::to_owned);
    let text =
        page.split('`').skip(1).step_by(2).filter(|text| !text.contains(['\n', '[', '/', '|'])).map(str::to_owned);
    let all = lines.chain(text.filter(|text| text.split_whitespace().count() > 3));
    let plain = |line: String| line.split(" #").next().unwrap_or_default().trim().to_owned();
    all.map(plain).filter(|call| call.starts_with("rmm ")).collect()
}

/// A call that says nothing wrong is answered, or refused for how things stand: never for how it is written.
#[test]
fn every_command_of_the_pages_can_be_typed() {
    let mut place = Sandbox::empty();
    place.as_the_readme_says();
    place.shell(&block("rmm release create")[0]).ends(0);
    place.release_is("1", "manual_testing");
    let stands_for = BTreeMap::from([
        ("N", "1"),
        ("RUN", "1"),
        ("R", "1"),
        ("E", "stage"),
        ("NAME", "my-service"),
        ("HOST", "prod-1"),
        ("FILE", "a-backup.db"),
        ("…", "x"),
        ("shop", "my-service"),
    ]);
    let (mut wrong, mut typed) = (Vec::new(), 0);
    for (page, text) in PAGES {
        for call in calls(text) {
            // They end with the process that they start, or with a person at the keyboard.
            if call.starts_with("rmm serve") || call.contains(" init ") {
                continue;
            }
            let words = call.split(' ').map(|word| *stands_for.get(word).unwrap_or(&word));
            let call = words.collect::<Vec<_>>().join(" ");
            let done = place.shell(&call);
            typed += 1;
            let answered =
                matches!(done.status, 0 | 1 | 3) && !(done.out.trim().is_empty() && done.err.trim().is_empty());
            if !answered {
                wrong.push(format!("{page}: {call}: {done:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(typed >= 15, "only {typed} calls were found");
}

#[test]
fn a_page_is_laid_out_on_a_terminal_and_stays_markdown_elsewhere() {
    let place = Sandbox::empty();
    let piped = place.run(&["docs", "servers"]).ends(0);
    assert_eq!(piped.out, PAGES[3].1);
    if Command::new("script").arg("--version").output().is_err() {
        return eprintln!("skipped: there is no `script`, so no terminal");
    }
    let rmm = format!("{} docs servers", env!("CARGO_BIN_EXE_rmm"));
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &rmm, "/dev/null"]).env("COLUMNS", "60").env("NO_COLOR", "1").stdin(Stdio::null());
    let shown = finished(&mut terminal).ends(0).says("═══").says("`rmm docs install`").says_not("](").out;
    assert!(shown.lines().any(|line| line.trim_end().chars().count() > 50), "{shown}");
}
