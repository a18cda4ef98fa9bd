//! Which values of a CI system may enter the commands of a surface.
//!
//! A value is quoted, so that the shell which runs the command takes it for one word. A command does not tell
//! whether another shell reads the word again (`ssh`, `watch`, `make`, arithmetic of bash, …). So a value that would mean
//! anything but itself there is taken only where every program of the command is known to take its arguments as they
//! are. Tags, commits and names are of harmless characters by their own rules.

use crate::domain::artifact::Artifact;
use crate::domain::rule::{Invalid, Rule};
use crate::domain::service::{Probe, Service, Surface};

use super::quoting::{Quoting, templates};
use super::shell::{SHELLS, VALUE, commands};

/// They take their arguments for what they are.
const PROGRAMS: [&str; 57] = [
    ":",
    "[",
    "basename",
    "cat",
    "cd",
    "chgrp",
    "chmod",
    "chown",
    "cmp",
    "cp",
    "curl",
    "cut",
    "date",
    "dirname",
    "docker",
    "docker-compose",
    "echo",
    "exit",
    "export",
    "false",
    "grep",
    "gunzip",
    "gzip",
    "head",
    "id",
    "install",
    "ln",
    "logger",
    "ls",
    "md5sum",
    "mkdir",
    "mktemp",
    "mv",
    "podman",
    "printf",
    "pwd",
    "readlink",
    "realpath",
    "return",
    "rm",
    "set",
    "sha256sum",
    "sha512sum",
    "sleep",
    "sort",
    "stat",
    "systemctl",
    "tail",
    "tar",
    "tee",
    "test",
    "touch",
    "tr",
    "true",
    "unzip",
    "wc",
    "wget",
];
const KEYWORDS: [&str; 12] = ["if", "then", "elif", "else", "fi", "do", "done", "while", "until", "{", "}", "!"];
const PREFIXES: [&str; 4] = ["command", "exec", "nohup", "sudo"];
/// Commands of docker that start nothing which reads arguments.
const DOCKER: [&str; 14] = [
    "compose", "image", "images", "inspect", "load", "login", "ps", "pull", "push", "restart", "rmi", "start", "stop",
    "tag",
];

/// Checks what a CI system has built for the surfaces of a service against the commands that name it.
///
/// # Errors
/// [`Invalid`] that names the field, and the command where it is in the way.
pub fn check_values(service: &Service, artifacts: &[Artifact]) -> Result<(), Invalid> {
    let ours = service.environments.values().filter(|environment| environment.driver.is_ours());
    for environment in ours {
        for (at, told) in artifacts.iter().enumerate() {
            let surface = environment.surfaces.get(&told.name);
            let surface = surface.or_else(|| service.surfaces.iter().find(|surface| surface.name == told.name));
            for (name, value) in [("artifact", &told.artifact), ("digest", &told.digest)] {
                let (Some(surface), Some(value)) = (surface, value) else { continue };
                check(surface, name, value).map_err(|rule| Invalid::new(format!("surfaces[{at}].{name}"), rule))?;
            }
        }
    }
    Ok(())
}

fn check(surface: &Surface, name: &str, value: &str) -> Result<(), Rule> {
    if is_harmless(value) {
        return Ok(());
    }
    let variable = format!("surface.{name}");
    let engine = templates(Quoting::Shell);
    for (key, command) in texts(surface) {
        let named = engine.template_from_str(command).map(|template| template.undeclared_variables(true));
        if named.is_ok_and(|names| !names.contains(&variable)) || !value.starts_with('-') && reads_once(command) {
            continue;
        }
        return Err(Rule::Harmless { key: key.to_owned(), surface: surface.name.clone() });
    }
    Ok(())
}

/// Nothing in it has a meaning for a shell, an arithmetic expression or a program that looks for options.
fn is_harmless(value: &str) -> bool {
    !value.starts_with('-') && value.chars().all(|c| c.is_alphanumeric() || "._/:@+=,~%-".contains(c))
}

fn texts(surface: &Surface) -> impl Iterator<Item = (&'static str, &str)> {
    let health = surface.health.as_ref().and_then(|health| match &health.probe {
        Probe::Command(command) => Some(command),
        Probe::Http { .. } | Probe::Tcp { .. } | Probe::Containers => None,
    });
    let texts = [
        ("before_deploy", surface.before_deploy.as_ref()),
        ("deploy", Some(&surface.deploy)),
        ("after_deploy", surface.after_deploy.as_ref()),
        ("migrate_up", surface.migrate_up.as_ref()),
        ("migrate_down", surface.migrate_down.as_ref()),
        ("health.command", health),
        ("logs", surface.logs.as_ref()),
    ];
    texts.into_iter().filter_map(|(key, text)| Some((key, text?.as_str())))
}

/// Whether nothing in a command reads a value once more.
fn reads_once(template: &str) -> bool {
    let Some((commands, writes)) = commands(template) else { return false };
    let reads_file =
        |words: &Vec<String>| words.iter().any(|word| [".", "source"].contains(&word.as_str()) || is_shell(word));
    commands.iter().all(|words| takes_as_it_is(words)) && !(writes && commands.iter().any(reads_file))
}

fn is_shell(word: &str) -> bool {
    SHELLS.contains(&word.rsplit('/').next().unwrap_or_default())
}

fn words_assign_value(words: &[String]) -> bool {
    words.iter().any(|word| assigns(word) && word.contains(VALUE))
}

fn takes_as_it_is(all: &[String]) -> bool {
    let skipped = |word: &&String| KEYWORDS.contains(&word.as_str()) || assigns(word);
    let mut words = all.iter().skip_while(skipped).skip_while(|word| PREFIXES.contains(&word.as_str()));
    let Some(program) = words.next().map(String::as_str) else {
        // A variable's value is unknown: without quotes it is several words, options among them.
        return !words_assign_value(all);
    };
    let rest: Vec<_> = words.map(String::as_str).collect();
    let (folder, name) = program.split_at(program.rfind('/').map_or(0, |slash| slash + 1));
    if program.contains('$') {
        return false;
    }
    if SHELLS.contains(&name) && name != "su" {
        // A script of the service's own, with arguments.
        let plain = |word: &&&str| word.starts_with('-') && word[1..].chars().all(|c| "eux".contains(c));
        return rest.iter().find(|word| !plain(word)).is_some_and(|word| is_script(word));
    }
    match name {
        "for" => true,
        "docker" | "podman" => {
            let verb = rest.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
            DOCKER.contains(&verb) && !rest.iter().any(|word| matches!(*word, "exec" | "run"))
        }
        "docker-compose" => !rest.iter().any(|word| matches!(*word, "exec" | "run")),
        // They evaluate names of variables, and in some shells numbers.
        "[" | "test" | "printf" => {
            !rest.iter().any(|word| ["-v", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"].contains(word))
        }
        // Programs of the operator's own lie elsewhere.
        _ if folder.is_empty() || folder.ends_with("bin/") || is_shell(name) => PROGRAMS.contains(&name),
        _ => true,
    }
}

/// Whether a word gives a value to a variable of a plain name.
fn assigns(word: &str) -> bool {
    let name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    word.split_once('=').is_some_and(|(left, _)| name(left))
}

fn is_script(word: &str) -> bool {
    !word.starts_with(['-', VALUE])
        && !word.starts_with("/dev/")
        && !word.starts_with("/proc/")
        && word.contains(['.', '/'])
        && !word.contains('$')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: &[&str] = &[
        "./deploy.sh {{ x }}",
        "sudo /opt/shop/deploy {{ x }} >/dev/null 2>&1",
        "sh -eu deploy.sh {{ x }}",
        "set -e\ncurl -fsS {{ x }} | tar xz -C \"/srv/${name}\"",
        "printf '<%s>\\n' {{ x }} >> ../ledger",
        "if [ -n {{ x }} ]; then docker pull {{ x }}; else exit 1; fi",
        "cd /srv && TAG={{ x }} docker compose up -d --build",
        "mkdir -p \"$(dirname {{ x }})\"",
        "for part in a b; do ./deploy \"$part\" {{ x }}; done",
    ];

    const AGAIN: &[&str] = &[
        "ssh host deploy {{ x }}",
        "echo {{ x }} | sh",
        "trap {{ x }} EXIT",
        "command eval {{ x }}",
        "runuser -u app -c {{ x }}",
        "script -qc {{ x }} /dev/null",
        "flock -c {{ x }} /tmp/lock",
        "env -S {{ x }}",
        "watch {{ x }}",
        "$SHELL -c {{ x }}",
        "\"$SHELL\" -c {{ x }}",
        "sh -c -- {{ x }}",
        "(({{ x }}))",
        "let y={{ x }}",
        "a[{{ x }}]=1",
        "y={{ x }}; echo $((y))",
        "y={{ x }}; echo $[y]",
        "y={{ x }}; echo ${a[y]}",
        "y={{ x }}; echo `$y`",
        "y={{ x }}; cat <<END\n$((y))\nEND",
        "y={{ x }}; $y",
        "y={{ x }}; \"$y\" -c",
        "[ -v {{ x }} ]",
        "[ {{ x }} -gt 1 ]",
        "printf -v {{ x }} a",
        "make deploy TAG={{ x }}",
        "docker exec app sh -c {{ x }}",
        "find . -exec {{ x }}",
        "f() { eval \"$1\"; }; f {{ x }}",
        "{{ x }}",
        "x={{ x }}; tar xzf $x",
        "u={{ x }}\ncurl -s $u",
        "echo {{ x }} | sh /dev/stdin",
        "echo {{ x }} > w.sh; sh w.sh",
        "echo {{ x }} >>env && . ./env",
        "/usr/local/bin/python3 -c {{ x }}",
        "/opt/tools/bin/ssh host {{ x }}",
        "su root.x -c {{ x }}",
        "docker create app sh -c {{ x }}",
        "docker --context far exec app {{ x }}",
    ];

    #[test]
    fn a_command_takes_every_value_only_where_nothing_reads_it_once_more() {
        for command in ONCE {
            assert!(reads_once(command), "{command}: {:?}", commands(command));
        }
        for command in AGAIN {
            assert!(!reads_once(command), "{command}: {:?}", commands(command));
        }
    }

    #[test]
    fn usual_values_pass_everywhere_and_others_do_not() {
        for harmless in ["ghcr.io/team/app:v1.2@sha256:00ff", "s3://bucket/a_b~1,2%20c.tgz", "über+1", "k=v", ""] {
            assert!(is_harmless(harmless), "{harmless}");
        }
        for c in " \t\n!\"#$&'()*;<>?[\\]^`{|}".chars() {
            assert!(!is_harmless(&format!("a{c}b")), "{c:?}");
        }
        assert!(!is_harmless("-rf"));
    }
}
