//! Where placeholders may stand in a command, tried with real shells.

use std::process::Command;

use minijinja::context;

use super::{PEOPLE, problems};
use crate::domain::fault::config::ConfigFault;
use crate::domain::plan::{Quoting, misplaced, templates};
use crate::wording::Language;

/// Commands in which a value is one word, whatever it is.
const GOOD: &[&str] = &[
    "args {{ x }}",
    "args a={{ x }} 'it''s' \"two words\"",
    "args before-{{ x }}-after",
    "args '{'{{ x }}'}'",
    "y={{ x }}; args \"$y\" \"a $y b\" \"${y}\"",
    "args \"$(printf %s {{ x }})\"",
    "args $(: \"(\" ')' ; echo) \"$(printf %s \"$(printf %s {{ x }})\")\"",
    "# it's a comment\nargs {{ x }} # \"another",
    "args a\\'b {{ x }}",
    "cat >/dev/null <<'END'\nit's \" ( `\nEND\nargs {{ x }}",
    "cat >/dev/null <<-END; args {{ x }}\n\tdon't\n\tEND\n",
    "case a in a) args {{ x }} ;; esac",
    "f() { args \"$@\"; }; (f {{ x }})",
    "args $((1 + (2 * 3))) {{ x }}",
    "args ${z:-\"a}b\"} {{ x }}",
    "{% if x %}args {{ x }}{% else %}args 'it' {{ x }}{% endif %}",
    "{# it's \" #}args {{ x }}",
    "sh -c 'args \"$1\"' sh {{ x }}",
    "args {{ \"it's }} \" ~ x }}",
];

/// Commands in which it would not be one.
const BAD: &[(&str, &str)] = &[
    ("args \"{{ x }}\"", "double quotes"),
    ("args 'a {{ x }}'", "single quotes"),
    ("sh -c 'echo {{ x }}'", "single quotes"),
    ("sh -c {{ x }}", "once more"),
    ("env A=1 /bin/bash -lc {{ x }}", "once more"),
    ("eval {{ x }}", "once more"),
    ("A=1 eval echo {{ x }}", "once more"),
    ("eval \"$(date)\" {{ x }}", "once more"),
    ("args `printf %s {{ x }}`", "backquotes"),
    ("args \"$(printf %s \"{{ x }}\")\"", "double quotes"),
    ("args ${y:-{{ x }}}", "inside `${…}`"),
    ("args $(({{ x }} + 1))", "inside `$((…))`"),
    ("args $[{{ x }} + 1]", "inside `$((…))`"),
    ("args $[a[1] + {{ x }}] b", "inside `$((…))`"),
    ("args ${{ x }}", "after a `$`"),
    ("args \\{{ x }}", "after a backslash"),
    ("args $'{{ x }}'", "single quotes"),
    ("args $\"{{ x }}\"", "double quotes"),
    ("cat <<END\n{{ x }}\nEND\n", "here-document"),
    ("cat <<'END' | args\na {{ x }}\nEND\n", "here-document"),
    ("cat <<A <<B\n1\nA\n{{ x }}\nB\n", "here-document"),
    ("args a # {{ x }}", "comment"),
    ("{% if x %}args 'it{% endif %} {{ x }}'", "single quotes"),
    ("args \"{% if x %}{{ x }}{% endif %}\"", "double quotes"),
    ("args \"a\\\"{{ x }}\"", "double quotes"),
    ("args $'don\\'t' {{ x }} $'can\\'t'", "not every shell"),
    ("args \"$(case a in a) echo \"{{ x }}\" ;; esac)\"", "whose patterns end like it"),
];

const HOSTILE: &[&str] = &[
    "v1",
    "",
    "a b",
    "x $(touch owned)",
    "`touch owned`",
    "'; touch owned; '",
    "\"; touch owned; \"",
    "'\"'\"'$(touch owned)",
    "a\ntouch owned\n",
    "\\'; touch owned #",
    "END\ntouch owned",
    "*",
    "~",
    "$HOME",
    "-n",
    "}; touch owned; {",
    ")) ; touch owned",
];

#[test]
fn where_a_value_is_no_word_the_command_is_refused() {
    for (command, what) in BAD {
        let found = misplaced(command).unwrap_or_else(|| panic!("{command}"));
        let fault = ConfigFault::MisplacedForSome { place: found.place };
        assert!(Language::En.config_fault(&fault).contains(what), "{command}: {found:?}");
        assert!(command[found.at..].starts_with("{{"), "{command}: {found:?}");
    }
}

#[test]
fn where_it_passes_real_shells_take_every_value_for_one_word() {
    let there = |shell: &&str| Command::new(shell).args(["-c", ":"]).output().is_ok();
    let shells: Vec<_> = ["dash", "bash", "busybox"].into_iter().filter(there).collect();
    for command in GOOD {
        assert_eq!(misplaced(command), None, "{command}");
        for value in HOSTILE {
            let script = templates(Quoting::Shell).render_str(command, context! { x => *value }).unwrap();
            for shell in &shells {
                let place = tempfile::tempdir().unwrap();
                // Outside, the arguments are told one by one.
                let told = "#!/bin/sh\nfor a; do printf '[%s]' \"$a\"; done\n";
                let args = place.path().join("args");
                std::fs::write(&args, told).unwrap();
                std::fs::set_permissions(&args, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
                let mut run = Command::new(shell);
                if *shell == "busybox" {
                    run.arg("sh");
                }
                let path = format!("{}:/usr/bin:/bin", place.path().display());
                let done = run.args(["-c", &script]).env("PATH", path).current_dir(place.path()).output().unwrap();
                let told = String::from_utf8(done.stdout).unwrap();
                // A command substitution leaves out the newlines at the end.
                let value = if command.contains("$(printf") { value.trim_end_matches('\n') } else { value };
                let said = String::from_utf8_lossy(&done.stderr);
                assert!(done.status.success() && told.contains(value), "{command} with {value:?}: {told} {said}");
                assert!(!place.path().join("owned").exists(), "{command} with {value:?} in {shell:?}");
            }
        }
    }
}

#[test]
fn what_is_rendered_for_some_release_is_looked_at_too() {
    for deploy in [
        "{% if target.tag %}echo 'from {% else %}echo 'first {% endif %}{{ surface.artifact }}'",
        "echo \\ {{- surface.artifact }}",
        "echo {% if run.kind == 'rollback' %}\"{% endif %} {{ surface.digest }} {% if run.kind == 'rollback' %}\"{% endif %}",
    ] {
        let text = format!(
            "{PEOPLE}[[services]]\nname = \"shop\"\napprovals = {{ required = [\"ann\"] }}\n[[services.surfaces]]\nname = \"app\"\n\
             recipe = \"commands\"\ncheckout = false\ndirectory = \"/srv/app\"\ndeploy = {}\n\
             [services.environments.stage]\ndriver = \"ci\"\n[services.environments.production]\ndriver = \"ci\"\n",
            toml::Value::from(deploy)
        );
        let problems = problems(&text);
        assert!(problems.iter().any(|problem| problem.contains("could run commands")), "{deploy}: {problems:?}");
    }
}
