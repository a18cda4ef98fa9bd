//! `rmm service workflows`: what it writes for a repository, and what the checkers of GitHub's workflows say of it.

use super::*;

/// Where `tests/run` installs them.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/workflows/bin");
const PAGE: &str = include_str!("../../docs/github.md");

/// `public_url` as the page has it.
fn on_github() -> Sandbox {
    let place = Sandbox::empty();
    let server = "[server]\npublic_url = \"https://rmm.example.com\"";
    fs::write(place.path("rmm.toml"), CONFIG.replacen("[server]", server, 1)).unwrap();
    place
}

#[test]
fn the_workflows_of_a_service_are_shown_and_written() {
    let place = on_github();
    let shown = place.run(&["service", "workflows", "shop"]).ends(0).says("--write DIR");
    assert!(
        shown.out.contains("# ==> .github/workflows/on-rollback.yaml\n") && !shown.out.contains("Next:"),
        "{shown:?}"
    );
    assert_eq!(place.run(&["service", "workflows", "shop", "--print"]).ends(0).out, shown.out);

    // The line of the page, as it is typed.
    let line = PAGE.lines().find(|line| line.starts_with("rmm service workflows ")).unwrap();
    let words: Vec<_> = line.split(" #").next().unwrap().split_whitespace().skip(1).collect();
    let folder = words[words.iter().position(|word| *word == "--write").unwrap() + 1];
    place.run(&words).ends(1).says("checkout of the repository");
    // The checkout lies beside the folder of RMM.
    let rmm = place.path("rmm");
    fs::create_dir(&rmm).unwrap();
    fs::rename(place.path("rmm.toml"), rmm.join("rmm.toml")).unwrap();
    let repository = rmm.join(folder);
    fs::create_dir_all(&repository).unwrap();
    let typed = |words: &[&str]| finished(place.command(words).current_dir(&rmm));
    typed(&words).ends(0).says("on-approve-manual-testing.yaml: written").says("rmm token create").says("git tag");
    typed(&words).ends(0).says("on-approve-manual-testing.yaml: unchanged");

    // The team's own commands stay.
    let workflow = repository.join(".github/workflows/on-rollback.yaml");
    let own = fs::read_to_string(&workflow).unwrap().replace("./rollback.sh", "make down");
    fs::write(&workflow, &own).unwrap();
    typed(&words).ends(1).says("on-rollback.yaml").says("--force").says_not("on-approve");
    assert_eq!(fs::read_to_string(&workflow).unwrap(), own);
    typed(&[&words[..], &["--force"]].concat()).ends(0).says("on-rollback.yaml: replaced");
    let russian = typed(&[&["--lang", "ru"], &words[..]].concat()).ends(0);
    assert!(russian.out.contains("без изменений") && russian.err.contains("Дальше"), "{russian:?}");
}

#[test]
fn what_is_missing_is_said() {
    let place = Sandbox::new();
    place.run(&["service", "workflows", "shop"]).ends(2).says("public_url").says("--url");
    place.run(&["service", "workflows", "shop", "--url", "https://rmm.internal"]).ends(0).says("https://rmm.internal");
    place.run(&["service", "workflows", "shap", "--url", "https://x"]).ends(2).says("did you mean shop?");
    place
        .run(&["service", "workflows", "shop", "--url", "https://x", "--tag-workflow", "../x.yaml"])
        .ends(2)
        .says("../x.yaml");
    place.run(&["service", "workflows", "shop", "--force"]).ends(2).says("--write");
}

/// A checker of `tests/run`.
fn checked(tool: &str, arguments: &[&str], folder: &Path) -> Option<Done> {
    let program = Path::new(TOOLS).join(tool);
    if !program.exists() {
        eprintln!("{tool} is not installed (tests/run does it): the workflows are not checked by it");
        return None;
    }
    let mut command = Command::new(program);
    // shellcheck is beside them.
    let path = format!("{TOOLS}:{}", std::env::var("PATH").unwrap_or_default());
    Some(finished(command.args(arguments).current_dir(folder).env("PATH", path)))
}

/// Of a repository with the workflows in it.
fn is_sound(repository: &Path) {
    let git = Command::new("git").args(["init", "--quiet"]).current_dir(repository).status().unwrap();
    assert!(git.success());
    if let Some(done) = checked("actionlint", &["-no-color"], repository) {
        assert!(done.status == 0 && done.out.is_empty(), "{}{}", done.out, done.err);
    }
    // `$/` instead of `./` is newer than the GitHub Enterprise Server of many.
    fs::write(repository.join("zizmor.yml"), "rules:\n  self-repository:\n    disable: true\n").unwrap();
    if let Some(done) = checked("zizmor", &["--offline", "--no-progress", "--config", "zizmor.yml", "."], repository) {
        assert!(done.status == 0 && done.out.contains("No findings"), "{}{}", done.out, done.err);
    }
}

#[test]
fn the_checkers_of_workflows_find_nothing() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/workflows");
    let shipped = tempfile::tempdir().unwrap();
    for (asset, path) in [
        ("rmm/action.yml", ".github/actions/rmm/action.yml"),
        ("rmm-checkout/action.yml", ".github/actions/rmm-checkout/action.yml"),
        ("on-create-version-tag.yaml", ".github/workflows/on-create-version-tag.yaml"),
        ("registers/on-create-version-tag.yaml", ".github/workflows/registers.yaml"),
        ("on-approve-manual-testing.yaml", ".github/workflows/on-approve-manual-testing.yaml"),
        ("on-rollback.yaml", ".github/workflows/on-rollback.yaml"),
    ] {
        let to = shipped.path().join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(assets.join(asset), to).unwrap();
    }
    is_sound(shipped.path());

    let place = on_github();
    for runner in ["ubuntu-latest", "self-hosted", "self-hosted,linux,x64"] {
        let written = tempfile::tempdir().unwrap();
        let folder = written.path().display().to_string();
        place.run(&["service", "workflows", "shop", "--write", &folder, "--runner", runner]).ends(0);
        is_sound(written.path());
    }
}

#[test]
fn the_checkers_find_nothing_in_the_workflows_of_this_project() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path().join(".github/workflows");
    fs::create_dir_all(&to).unwrap();
    for file in fs::read_dir(own).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    is_sound(copy.path());
}

/// The checkers see what they are for.
#[test]
fn the_checkers_of_workflows_find_something_where_it_is() {
    let place = on_github();
    let written = tempfile::tempdir().unwrap();
    let folder = written.path().display().to_string();
    place.run(&["service", "workflows", "shop", "--write", &folder]).ends(0);
    let workflow = written.path().join(".github/workflows/on-rollback.yaml");
    let text = fs::read_to_string(&workflow).unwrap();
    fs::write(&workflow, text.replace("(cd release && ./rollback.sh)", "echo ${{ inputs.release_tagg }}")).unwrap();
    assert!(Command::new("git").args(["init", "--quiet"]).current_dir(written.path()).status().unwrap().success());
    if let Some(done) = checked("actionlint", &["-no-color"], written.path()) {
        assert!(done.status != 0 && done.out.contains("release_tagg"), "{done:?}");
    }
    if let Some(done) = checked("zizmor", &["--offline", "--no-progress", "."], written.path()) {
        assert!(done.status != 0 && done.out.contains("template-injection"), "{done:?}");
    }
}
