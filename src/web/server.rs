//! Serves the router on a TCP address and on the operator's socket: limits for connections and slow callers, and an
//! end that lets running answers finish.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::Peer;
use super::auth::HEADER_TIMEOUT;
use super::descent;
use super::limits::{Limits, network, no_room};
use super::patient::Patient;
use super::problem::Problem;

/// How long running answers may take to finish when the server ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection that is not let in may take to hear why.
const REJECT_TIMEOUT: Duration = Duration::from_secs(2);
/// What the system may keep of an answer that is not taken, in bytes of each connection: without it, it keeps megabytes.
const UNTAKEN: usize = 64 * 1024;

/// Serves until `stop`, then lets running answers finish.
pub async fn serve(
    router: Router,
    limits: Arc<Limits>,
    tcp: TcpListener,
    socket: Option<(UnixListener, PathBuf)>,
    stop: CancellationToken,
) {
    // Connections have it from the listener.
    if let Err(error) = rustix::net::sockopt::set_socket_send_buffer_size(&tcp, UNTAKEN) {
        tracing::warn!(%error, "the buffers of connections could not be limited");
    }
    let turning_away = Arc::new(Semaphore::new(limits.turned_away));
    let connections = Connections { router, tracker: TaskTracker::new(), limits, turning_away, stop };
    let unix = async {
        match &socket {
            Some((listener, _)) => connections.accept_unix(listener).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = connections.accept_tcp(&tcp) => {}
        () = unix => {}
    }
    drop(tcp);
    if let Some((_, path)) = &socket {
        let _ = std::fs::remove_file(path);
    }
    connections.tracker.close();
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, connections.tracker.wait()).await.is_err() {
        tracing::info!("some connections were cut at the end");
    }
}

struct Connections {
    router: Router,
    tracker: TaskTracker,
    limits: Arc<Limits>,
    turning_away: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Connections {
    async fn accept_tcp(&self, listener: &TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => match self.limits.connections.take(network(address.ip())) {
                    Ok(share) => {
                        let _ = stream.set_nodelay(true);
                        self.spawn(stream, Peer::Network(address), share);
                    }
                    Err(taken) => {
                        // Where even that is too much, the connection ends without a word.
                        if let Ok(place) = self.turning_away.clone().try_acquire_owned() {
                            self.turn_away(stream, no_room(taken), place);
                        }
                    }
                },
                // Out of file descriptors, most likely: room comes back when others end.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn accept_unix(&self, listener: &UnixListener) {
        // Callers from the network never keep the operator out.
        let room = Arc::new(Semaphore::new(self.limits.operator));
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => match stream.peer_cred().map(descent::objection) {
                    Ok(None) => self.spawn(stream, Peer::Socket, permit),
                    Ok(Some(sentence)) => {
                        let problem = Problem::new(StatusCode::FORBIDDEN, "not_the_operator", sentence);
                        self.turn_away(stream, problem, permit);
                    }
                    Err(error) => tracing::warn!(%error, "who called the socket is not known"),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection to the socket could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn spawn<S>(&self, stream: S, peer: Peer, place: impl Send + 'static)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let router = self.router.clone();
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                router.clone().oneshot(request.map(Body::new))
            });
            let connection = http().serve_connection(TokioIo::new(Patient::new(stream)), service);
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }

    /// Tells a caller why it is not let in.
    fn turn_away<S>(&self, stream: S, problem: Problem, place: impl Send + 'static)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.tracker.spawn(async move {
            let service = hyper::service::service_fn(move |_: hyper::Request<Incoming>| {
                let mut response = problem.clone().into_response();
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                async move { Ok::<Response, Infallible>(response) }
            });
            let _ = tokio::time::timeout(REJECT_TIMEOUT, http().serve_connection(TokioIo::new(stream), service)).await;
            drop(place);
        });
    }
}

fn http() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(64 * 1024).max_headers(64);
    builder
}
