//! What a template comes to before there is a release.

use minijinja::context;

use super::super::env::Env;
use super::super::service::{Service, Surface, Target};
use super::quoting::{Quoting, templates};

/// What stands where a release or its run decides. It is two letters that no address encodes, so that a filter that cuts
/// leaves them.
const UNKNOWN: &str = "~~";

/// The address that a health check asks on a host, with a mark where a release decides about it; none where nothing can
/// be said of it.
#[must_use]
pub fn address(
    template: &str,
    service: &Service,
    environment: Env,
    surface: &Surface,
    place: &Target,
) -> Option<String> {
    let version = || context! { tag => UNKNOWN, commit => UNKNOWN, number => UNKNOWN };
    let values = context! {
        release => version(),
        target => version(),
        surface => context! { name => surface.name.as_str(), artifact => UNKNOWN, digest => UNKNOWN },
        host => context! { name => place.host.as_str(), address => place.address.as_str() },
        service => service.name.as_str(),
        environment => environment.to_string(),
        run => context! { id => UNKNOWN, kind => UNKNOWN },
    };
    templates(Quoting::Url).render_str(template, values).ok()
}

/// Whether all of an address, or of a part of it, is known.
#[must_use]
pub fn is_whole(address: &str) -> bool {
    !address.contains(UNKNOWN) && !address.contains("{{")
}
