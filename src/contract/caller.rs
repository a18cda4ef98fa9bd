//! How the command line says which of its verbs makes a call: `User-Agent: rmm/0.1.0 (release approve)`.

/// The verbs that call RMM.
pub const VERBS: [&str; 48] = [
    "audit acknowledge",
    "audit list",
    "audit rotate-key",
    "audit verify",
    "backup",
    "backup status",
    "doctor",
    "host check",
    "host list",
    "host trust",
    "login-link",
    "person confirm",
    "person list",
    "person refuse",
    "release abort",
    "release approve",
    "release bypass",
    "release cancel",
    "release create",
    "release events",
    "release explain",
    "release list",
    "release logs",
    "release plan",
    "release promote",
    "release reject",
    "release report",
    "release resolve",
    "release retry",
    "release rollback",
    "release runs",
    "release show",
    "release wait",
    "reload",
    "service catch-up",
    "service define",
    "service definition",
    "service give-up",
    "service list",
    "service lock",
    "service remove",
    "service settle",
    "service show",
    "service unlock",
    "token adopt",
    "token create",
    "token list",
    "token revoke",
];

/// What a client of this version calls itself; `verb` may be empty.
#[must_use]
pub fn user_agent(verb: &str) -> String {
    let program = concat!("rmm/", env!("CARGO_PKG_VERSION"));
    if verb.is_empty() { program.to_owned() } else { format!("{program} ({verb})") }
}

/// The verb of a caller that says it is the command line; none that is not known.
#[must_use]
pub fn verb_of(user_agent: &str) -> Option<&'static str> {
    let (_, said) = user_agent.strip_prefix("rmm/")?.split_once(" (")?;
    VERBS.into_iter().find(|verb| said.strip_suffix(')') == Some(*verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_is_read_as_it_is_said_and_others_are_not() {
        assert_eq!(verb_of(&user_agent("release approve")), Some("release approve"));
        for other in [&user_agent(""), "rmm/9 (release approve", "curl/8 (release approve)", "rmm/9 (rm -rf)"] {
            assert_eq!(verb_of(other), None, "{other}");
        }
    }
}
