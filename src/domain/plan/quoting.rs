//! How values from outside enter commands and addresses: each passes the one function that makes it safe there.

use minijinja::{AutoEscape, Environment as Templates, escape_formatter};

/// How values are made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// As one word of a shell.
    Shell,
    /// As a part of a URL.
    Url,
}

/// The template engine for commands: values are quoted unless a template says `| safe`; an unknown name is an error.
#[must_use]
pub fn templates(quoting: Quoting) -> Templates<'static> {
    let mut templates = Templates::new();
    templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(|_| AutoEscape::None);
    templates.set_formatter(move |out, state, value| {
        if value.is_undefined() || value.is_safe() {
            return escape_formatter(out, state, value);
        }
        let text = if value.is_none() { String::new() } else { value.to_string() };
        let quoted = match quoting {
            Quoting::Shell => shell_word(&text),
            Quoting::Url => url_part(&text),
        };
        out.write_str(&quoted).map_err(minijinja::Error::from)
    });
    templates
}

/// One word of a POSIX shell that stands for exactly `text`. A NUL, which no argument can carry, is left out.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let text = text.replace('\0', "");
    shlex::try_quote(&text).map_or_else(|_| "''".to_owned(), |quoted| quoted.into_owned())
}

fn url_part(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn values_reach_a_command_as_one_word() {
        let rendered =
            |text: &str| templates(Quoting::Shell).render_str("run {{ x }}", context! { x => text }).expect("renders");
        assert_eq!(rendered("v1.0.0"), "run v1.0.0");
        assert_eq!(rendered(""), "run ''");
        assert_eq!(rendered("v1;rm -rf /"), "run 'v1;rm -rf /'");
        assert_eq!(rendered("$(id)"), "run '$(id)'");
        for torture in ["it's", "a\nb", "`x`", "\\", "\"", "-n", "!!", "a\0b", "日本"] {
            let words = shlex::split(&rendered(torture)).expect("splits");
            assert_eq!(words[1], torture.replace('\0', ""));
            assert_eq!(words.len(), 2, "{torture:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert!(templates(Quoting::Shell).render_str("{{ nope }}", ()).is_err());
    }

    #[test]
    fn url_values_cannot_leave_their_part() {
        let url =
            templates(Quoting::Url).render_str("http://h/{{ x }}", context! { x => "a/../b?c#d e" }).expect("renders");
        assert_eq!(url, "http://h/a%2F..%2Fb%3Fc%23d%20e");
    }
}
