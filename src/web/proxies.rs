//! For whom a request is that comes through a proxy: the address that limits, sessions and the record know its caller by.
//!
//! Only proxies that the configuration names are believed. Each adds the address that it was called from at the right, so the
//! right-most address that is no such proxy is the caller's; whatever stands to the left of it, the caller may have made up. One header
//! alone is read: of two, proxies write one and hand the other on as the caller sent it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;

use super::{Peer, Web};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Puts the caller in the place of the proxies between it and RMM.
pub(super) async fn seen_through(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(Peer::Network(address))) = request.extensions().get().copied() {
        let caller = caller(address.ip(), request.headers(), web.engine.catalog().trusted_proxies());
        let seen = Peer::Network(SocketAddr::new(caller, address.port()));
        request.extensions_mut().insert(ConnectInfo(seen));
    }
    next.run(request).await
}

/// Who is behind the one who calls.
fn caller(from: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let from = from.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&from) {
        return from;
    }
    let values = headers.get_all(X_FORWARDED_FOR).into_iter().map(|value| value.to_str().unwrap_or_default());
    let all: Vec<_> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut nearest = from;
    for one in all.into_iter().rev() {
        // What cannot be read was not said by a proxy that RMM can follow.
        let Some(address) = plain(one) else { break };
        nearest = address;
        if !is_trusted(&address) {
            break;
        }
    }
    nearest
}

/// An address, perhaps with a port.
fn plain(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(from: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted = ["127.0.0.1/32", "10.0.0.0/8", "::1/128"].map(|text| text.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        caller(from.parse().unwrap(), &map, &trusted).to_string()
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn a_caller_that_is_no_proxy_says_nothing_about_others() {
        assert_eq!(seen("198.51.100.1", &[(XFF, "192.0.2.7")]), "198.51.100.1");
        assert_eq!(seen("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn the_rightmost_that_is_no_proxy_is_the_caller() {
        assert_eq!(seen("127.0.0.1", &[(XFF, "192.0.2.7")]), "192.0.2.7");
        assert_eq!(seen("::ffff:127.0.0.1", &[(XFF, "::ffff:192.0.2.7")]), "192.0.2.7");
        // Made up by the caller, who is 192.0.2.7.
        assert_eq!(seen("127.0.0.1", &[(XFF, "203.0.113.9, 192.0.2.7, 10.1.1.1")]), "192.0.2.7");
        assert_eq!(seen("127.0.0.1", &[(XFF, "203.0.113.9"), (XFF, "192.0.2.7")]), "192.0.2.7");
        assert_eq!(seen("127.0.0.1", &[(XFF, "10.0.0.9, 10.0.0.8")]), "10.0.0.9");
        assert_eq!(seen("::1", &[(XFF, "[2001:db8::7]:4711")]), "2001:db8::7");
    }

    #[test]
    fn what_cannot_be_read_leaves_the_last_that_is_known() {
        assert_eq!(seen("127.0.0.1", &[(XFF, "192.0.2.7, unknown")]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &[(XFF, "192.0.2.7, evil, 10.1.1.1")]), "10.1.1.1");
        assert_eq!(seen("127.0.0.1", &[(XFF, "")]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &[(XFF, "192.0.2.7"), ("forwarded", "for=203.0.113.9")]), "192.0.2.7");
    }
}
