//! How values from outside enter commands and addresses: each passes the one function that makes it safe there.

use minijinja::{AutoEscape, Environment as Templates, escape_formatter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// How values are made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// As one word of a shell.
    Shell,
    /// As a part of a URL.
    Url,
}

/// The template engine for commands: every value is quoted, and nothing can undo that; an unknown name is an error.
#[must_use]
pub fn templates(quoting: Quoting) -> Templates<'static> {
    let mut templates = Templates::new();
    templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(|_| AutoEscape::None);
    // They would only seem to turn the quoting off.
    ["safe", "escape", "e"].into_iter().for_each(|filter| templates.remove_filter(filter));
    templates.set_formatter(move |out, state, value| {
        if value.is_undefined() {
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

/// What stands for itself everywhere in an address (RFC 3986, section 2.3: unreserved characters); all else is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One part of an address that stands for exactly `text`.
#[must_use]
pub fn url_part(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn a_part_of_an_address_is_one_part() {
        assert_eq!(url_part("a b/ü?-._~"), "a%20b%2F%C3%BC%3F-._~");
    }

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
    fn nothing_undoes_the_quoting() {
        for template in [
            "{{ x | tojson }}",
            "{% set y %}{{ x }}{% endset %}{{ y }}",
            "{% macro m(v) %}{{ v }}{% endmacro %}{{ m(x) }}",
            "{% autoescape true %}{{ x }}{% endautoescape %}",
            "{% autoescape 'html' %}{{ x }}{% endautoescape %}",
            "{% filter upper %}{{ x }}{% endfilter %}",
            "{{ x | replace(\"'\", \"\") }}",
            "{{ [x] }}",
            "{{ x ~ \"'\" }}",
        ] {
            let hostile = context! { x => "a' $(touch owned) `b`; c" };
            let Ok(rendered) = templates(Quoting::Shell).render_str(template, hostile) else { continue };
            let words = shlex::split(&rendered).expect("splits");
            assert_eq!(words.len(), 1, "{template}: {rendered}");
        }
        for filter in ["safe", "e", "escape"] {
            assert!(templates(Quoting::Shell).render_str(&format!("{{{{ 1 | {filter} }}}}"), ()).is_err(), "{filter}");
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
