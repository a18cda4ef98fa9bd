//! An SSH server that has just been set up: it shows its key, and allows no login.

use std::sync::Arc;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server;
use tokio::net::TcpListener;

/// The server; its defaults allow no login.
struct Closed;

impl server::Handler for Closed {
    type Error = russh::Error;
}

/// A host in `rmm.toml`, and the fingerprint of its key.
pub async fn new_host(name: &str) -> (toml::Table, String) {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let fingerprint = key.public_key().fingerprint(russh::keys::HashAlg::Sha256).to_string();
    let config = Arc::new(server::Config { keys: vec![key], ..server::Config::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let config = config.clone();
            tokio::spawn(async move {
                if let Ok(session) = server::run_stream(config, stream, Closed).await {
                    let _ = session.await;
                }
            });
        }
    });
    let entry = format!("name = \"{name}\"\naddress = \"{address}\"\nuser = \"deploy\"\npassword = \"env:HOST\"");
    (entry.parse().unwrap(), fingerprint)
}
