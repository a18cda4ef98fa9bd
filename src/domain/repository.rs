//! What a repository is called at GitHub.

use std::fmt::{Display, Formatter, Result};

use serde::{Deserialize, Serialize};

/// The API of github.com; that of a GitHub Enterprise Server is `https://HOST/api/v3`.
pub const GITHUB_API: &str = "https://api.github.com";

/// `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepoName {
    /// The account that it belongs to.
    pub owner: String,
    /// Its own name, without `.git`.
    pub name: String,
}

impl RepoName {
    /// `owner/name`, as GitHub's answers have it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let name = name.strip_suffix(".git").unwrap_or(name);
        (is_word(owner) && is_word(name)).then(|| Self { owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The repository of a service, if it is one at the GitHub behind `api_url`: `owner/name`, or an address
    /// (`https://`, `ssh://`, `git@HOST:…`) on its host.
    #[must_use]
    pub fn of(repository: &str, api_url: &str) -> Option<Self> {
        if let Some(name) = Self::parse(repository) {
            return Some(name);
        }
        let (host, path) = host_and_path(repository)?;
        is_host_of(host, api_url).then(|| Self::parse(path.trim_matches('/'))).flatten()
    }

    /// Where it is cloned from, at the GitHub behind `api_url`.
    #[must_use]
    pub fn address(&self, api_url: &str) -> String {
        let (scheme, rest) = api_url.split_once("://").unwrap_or(("https", api_url));
        let authority = rest.split('/').next().unwrap_or_default();
        // So is that of a company that GitHub runs for it.
        let own = authority.strip_prefix("api.").filter(|page| *page == "github.com" || page.ends_with(".ghe.com"));
        format!("{scheme}://{}/{self}.git", own.unwrap_or(authority))
    }

    /// Whether `full_name` is this one; capitals do not count at GitHub.
    #[must_use]
    pub fn is(&self, full_name: &str) -> bool {
        Self::parse(full_name).is_some_and(|other| {
            other.owner.eq_ignore_ascii_case(&self.owner) && other.name.eq_ignore_ascii_case(&self.name)
        })
    }
}

impl Display for RepoName {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

fn is_word(text: &str) -> bool {
    let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(is_taken)
}

/// The host of an address, without user and port, and what stands behind it.
fn host_and_path(address: &str) -> Option<(&str, &str)> {
    let (authority, path) = match address.split_once("://") {
        Some(("https" | "http" | "ssh", rest)) => rest.split_once('/')?,
        Some(_) => return None,
        // As scp writes it: `git@host:owner/name`.
        None => address.split_once(':')?,
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some((host.split_once(':').map_or(host, |(host, _)| host), path))
}

fn is_host_of(host: &str, api_url: &str) -> bool {
    let rest = api_url.split_once("://").map_or(api_url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let api = authority.split_once(':').map_or(authority, |(api, _)| api);
    let (host, api) = (host.to_ascii_lowercase(), api.to_ascii_lowercase());
    let page = match api.strip_prefix("api.") {
        // So is that of a company that GitHub runs for it.
        Some(page) if page == "github.com" || page.ends_with(".ghe.com") => page,
        Some(_) | None => &api,
    };
    let has_other_name = page == "github.com" && ["ssh.github.com", "www.github.com"].contains(&&*host);
    host == page || has_other_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_at_github_is_known_however_it_is_written() {
        for written in [
            "acme/shop",
            "acme/shop.git",
            "https://github.com/acme/shop",
            "https://github.com/acme/shop.git",
            "https://GitHub.com/acme/shop/",
            "https://me:x@github.com/acme/shop.git",
            "ssh://git@github.com/acme/shop.git",
            "ssh://git@ssh.github.com:443/acme/shop.git",
            "git@github.com:acme/shop.git",
        ] {
            let repo = RepoName::of(written, GITHUB_API).map(|repo| repo.to_string());
            assert_eq!(repo.as_deref(), Some("acme/shop"), "{written}");
        }
    }

    #[test]
    fn a_name_has_an_address_at_its_github() {
        let shop = RepoName::parse("acme/shop").unwrap();
        for (api, address) in [
            (GITHUB_API, "https://github.com/acme/shop.git"),
            ("https://git.example.com/api/v3", "https://git.example.com/acme/shop.git"),
            ("https://git.example.com:8443/api/v3", "https://git.example.com:8443/acme/shop.git"),
            ("https://api.acme.ghe.com", "https://acme.ghe.com/acme/shop.git"),
        ] {
            assert_eq!(shop.address(api), address);
            assert_eq!(RepoName::of(address, api).as_ref(), Some(&shop));
        }
    }

    #[test]
    fn another_host_is_not_github() {
        for written in [
            "https://gitlab.example.com/acme/shop.git",
            "git@git.example.com:acme/shop.git",
            "https://github.com.example.com/acme/shop",
            "https://github.com/acme",
            "https://github.com/acme/shop/tree",
            "/srv/shop.git",
            "../shop",
            "file:///github.com/acme/shop",
        ] {
            assert_eq!(RepoName::of(written, GITHUB_API), None, "{written}");
        }
        let enterprise = "https://git.example.com/api/v3";
        assert!(RepoName::of("git@git.example.com:acme/shop.git", enterprise).is_some());
        assert!(RepoName::of("ssh://git@git.example.com:2222/acme/shop.git", enterprise).is_some());
        assert!(RepoName::of("https://github.com/acme/shop", enterprise).is_none());
        assert!(RepoName::of("https://acme.ghe.com/acme/shop", "https://api.acme.ghe.com").is_some());
    }

    #[test]
    fn capitals_do_not_count() {
        let repo = RepoName::parse("Acme/Shop").unwrap();
        assert!(repo.is("acme/shop") && !repo.is("acme/shop2") && !repo.is("acme"));
    }
}
