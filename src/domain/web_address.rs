//! Addresses of the web, and hosts with ports as they stand in them.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::rule::{Invalid, Rule};

/// Characters of an address at most.
const LONGEST: usize = 2000;

/// The user and the password in an address, if it has some. What stands in an address is seen by many.
#[must_use]
pub fn login(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    rest.split(['/', '?', '#']).next()?.rsplit_once('@').map(|(login, _)| login)
}

/// Checks an address of the web: absolute, `http` or `https`, at most 2,000 characters, with a host and perhaps a port,
/// without a user or a password.
///
/// # Errors
/// [`Invalid`] that names the field and the rule.
pub fn web_address(field: &str, value: &str) -> Result<(), Invalid> {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let plain = value.len() <= LONGEST
        && value.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '`'));
    let Some(rest) = rest.filter(|_| plain) else {
        return Err(Invalid::new(field, Rule::WebAddress { most: LONGEST }));
    };
    if login(value).is_some() {
        return Err(Invalid::new(field, Rule::NoLogin));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if host_and_port(authority).is_none() {
        return Err(Invalid::new(field, Rule::WebHost));
    }
    Ok(())
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`: the host without brackets, and the port if there is one.
#[must_use]
pub fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let label = |label: &str| {
            label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) && !label.is_empty()
        };
        let name = host.strip_suffix('.').unwrap_or(host);
        let numbers = name.split('.').filter(|label| label.bytes().all(|b| b.is_ascii_digit())).count();
        let fits = (1..=253).contains(&host.len())
            && host.as_bytes()[0].is_ascii_alphanumeric()
            && name.split('.').all(label)
            // Four numbers are an IPv4 address, or a mistake.
            && (numbers < 4 || name.split('.').count() > numbers || name.parse::<Ipv4Addr>().is_ok());
        fits.then_some((host, port))?
    };
    let port = match port {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port > 0)?)
        }
        Some(_) => return None,
        None => None,
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_links() {
        assert!(web_address("url", "https://example.com/a?b=c#d").is_ok());
        for bad in ["javascript:alert(1)", "data:text/html,x", "https://a b", "https://a\"onclick=", ""] {
            assert!(web_address("url", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_web_address_has_a_host_and_a_port_that_can_be() {
        for good in [
            "http://127.0.0.1:8080/health",
            "http://a",
            "https://a.b:1?x=me:pw@c",
            "http://[::1]:65535/",
            "http://my_app.#x",
            "http://10.0.0.1.example",
            "http://2130706433/",
        ] {
            assert_eq!(web_address("url", good), Ok(()), "{good}");
        }
        for bad in [
            "http://",
            "https:///health",
            "http://:80/",
            "http://a:99999/",
            "http://a:0/",
            "http://a:/",
            "http://a:8o/",
            "http://[::1/",
            "http://[::1]80",
            "http://::1/",
            "http://a..b/",
            "http://256.1.1.1/",
            "http://-a/",
            "http://u@/",
            "https://me:pw@a.b:1?x",
            "http://me@a/",
            "http://:pw@a",
            "http://a:80:80/",
            "http:// a",
        ] {
            assert!(web_address("url", bad).is_err(), "{bad}");
        }
    }
}
