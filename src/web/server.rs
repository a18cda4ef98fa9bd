//! Serves the router on a TCP address and on the operator's socket: limits for connections and slow callers, and an
//! end that lets running answers finish.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::Peer;
use super::auth::HEADER_PATIENCE;

/// Connections at the same time; more wait to be accepted.
const CONNECTIONS: usize = 1024;
/// How long running answers may take to finish when the server ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves until `stop`, then lets running answers finish.
pub async fn serve(router: Router, tcp: TcpListener, socket: Option<(UnixListener, PathBuf)>, stop: CancellationToken) {
    let connections =
        Connections { router, tracker: TaskTracker::new(), room: Arc::new(Semaphore::new(CONNECTIONS)), stop };
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
    if tokio::time::timeout(FAREWELL, connections.tracker.wait()).await.is_err() {
        tracing::info!("some connections were cut at the end");
    }
}

struct Connections {
    router: Router,
    tracker: TaskTracker,
    room: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Connections {
    async fn accept_tcp(&self, listener: &TcpListener) {
        loop {
            let Ok(permit) = self.room.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    let _ = stream.set_nodelay(true);
                    self.spawn(stream, Peer::Network(address), permit);
                }
                // Out of file descriptors, most likely: room comes back when others end.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn accept_unix(&self, listener: &UnixListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            // The operator is never kept out by a crowd at the other door.
            match (accepted, Arc::new(Semaphore::new(1)).acquire_owned().await) {
                (Ok((stream, _)), Ok(permit)) => self.spawn(stream, Peer::Socket, permit),
                (Ok(_), Err(_)) => return,
                (Err(error), _) => {
                    tracing::warn!(%error, "a connection to the socket could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn spawn<S>(&self, stream: S, peer: Peer, permit: tokio::sync::OwnedSemaphorePermit)
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
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_PATIENCE)
                .max_buf_size(64 * 1024)
                .max_headers(64)
                .serve_connection(TokioIo::new(stream), service);
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
            drop(permit);
        });
    }
}
