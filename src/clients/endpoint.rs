//! The HTTP client for an endpoint that the configuration names: GitHub, an issuer of id tokens, a collector, a model.
//!
//! Must not: follow where the endpoint leads, or try again by itself.

use std::error::Error;
use std::net::IpAddr;

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Url};

use super::tls;

/// A client for `url`, without limits of time. It trusts the public authorities, and those of `ca` (PEM) beside them.
///
/// # Errors
/// What is wrong with the authorities.
pub fn builder(url: &Url, ca: Option<&str>) -> Result<ClientBuilder, String> {
    let trust = tls::client(ca).map_err(|fault| format!("the certificates of `ca`: {fault:?}"))?;
    let builder = reqwest::Client::builder()
        .use_preconfigured_tls((*trust).clone())
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .user_agent(concat!("rmm/", env!("CARGO_PKG_VERSION")));
    // A proxy cannot know what this machine calls itself.
    Ok(if is_loopback(url) { builder.no_proxy() } else { builder })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// An error, and what it comes from.
pub(super) fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// The words at the bottom of an error: those above repeat the address.
pub(super) fn bottom(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}
