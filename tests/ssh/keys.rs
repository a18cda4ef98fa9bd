//! Host keys: unknown ones wait for a person, changed ones are an alarm, and no server sees a credential first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use russh::server::{self, Auth, PublicKeyOffer, VerifiedPublicKey};
use tokio::net::TcpListener;

use crate::host::Host;
use crate::shop::{Plan, Shop};

/// An unknown SSH server that counts attempts to log in.
#[derive(Clone, Default)]
struct Stranger {
    contacts: Arc<AtomicUsize>,
    logins: Arc<AtomicUsize>,
}

impl Stranger {
    fn login(&self) -> Result<Auth, russh::Error> {
        self.logins.fetch_add(1, Ordering::SeqCst);
        Ok(Auth::Accept)
    }

    /// Listens; answers with the port and the fingerprint of the key.
    async fn listen(&self) -> (u16, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let mut keygen = std::process::Command::new("ssh-keygen");
        assert!(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file).status().unwrap().success());
        let key = russh::keys::load_secret_key(&file, None).unwrap();
        let fingerprint = key.public_key().fingerprint(russh::keys::HashAlg::Sha256).to_string();
        let config = Arc::new(server::Config { keys: vec![key], ..server::Config::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let me = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                me.contacts.fetch_add(1, Ordering::SeqCst);
                let (config, me) = (config.clone(), me.clone());
                tokio::spawn(async move {
                    if let Ok(session) = server::run_stream(config, stream, me).await {
                        let _ = session.await;
                    }
                });
            }
        });
        (port, fingerprint)
    }
}

impl server::Handler for Stranger {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, Self::Error> {
        self.login()
    }

    async fn auth_password(&mut self, _: &str, _: &str) -> Result<Auth, Self::Error> {
        self.login()
    }

    async fn auth_publickey_offered(&mut self, _: &str, _: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        self.login()
    }

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.login()
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        _: Option<server::Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        self.login()
    }
}

fn unpinned(login: Option<crate::shop::Login>) -> Plan {
    Plan { login, unpinned: true, ..Plan::default() }
}

/// The log of sshd shows no attempt to log in.
fn no_login_attempt(log: &str) {
    for sign in ["Accepted", "Failed", "Postponed", "userauth", "deploy"] {
        assert!(!log.contains(sign), "{sign}: {log}");
    }
}

#[tokio::test]
async fn an_unknown_key_waits_for_a_person_and_a_changed_one_is_an_alarm() {
    let stories = ["ed25519", "ecdsa"].map(async |kind| {
        let Some(shop) = Shop::with(&[unpinned(None)], &Default::default()).await else { return };
        let host = &shop.hosts[0];
        let release = shop.world.release_of_tag("v1").await;
        let said = shop.waits_for(release, "rmm host trust").await;
        assert!(said.contains(host.fingerprint()) && said.contains(host.name()), "{said}");
        let (_, list) = shop.rmm("host list", None);
        assert!(list.contains("unknown") && list.contains(host.fingerprint()), "{list}");
        no_login_attempt(&host.sshd_log());

        let trust = format!("host trust {}", host.name());
        let (done, said) = shop.rmm(&trust, None);
        assert!(!done && said.contains("nothing was trusted"), "{said}");
        let (done, said) = shop.rmm(&trust, Some("n\n"));
        assert!(!done && said.contains(host.fingerprint()) && said.contains("nothing was trusted"), "{said}");
        assert!(shop.rmm("host list", None).1.contains("unknown"));
        no_login_attempt(&host.sshd_log());
        let (done, said) = shop.rmm(&trust, Some("y\n"));
        assert!(done && said.contains("is trusted"), "{said}");
        assert!(shop.rmm("host list", None).1.contains("trusted"));
        shop.world.until(release, "manual_testing").await;
        shop.is_deployed_once();
        shop.world.quiet().await;

        changes(&shop, host, release, kind).await;
    });
    futures_util::future::join_all(stories).await;
}

/// Another key at the same place: production does not begin.
async fn changes(shop: &Shop, host: &Host, release: i64, kind: &str) {
    let before = shop.ledger(0);
    let other = host.change_key(kind);
    let from = host.sshd_log().len();
    shop.world.approve("ann", release).await.ok();
    let run = crate::world::eventually("the production run has failed", async || {
        shop.world.runs(release).await.into_iter().find(|run| run["state"] == "failed")
    })
    .await;
    let text = run.to_string();
    assert!(text.contains("THE HOST KEY HAS CHANGED") && text.contains(&other), "{text}");
    assert!(text.contains(host.name()) && text.contains(host.fingerprint()), "{text}");
    no_login_attempt(&host.sshd_log()[from..]);
    assert_eq!(shop.ledger(0), before);
    let list = shop.rmm("host list", None).1;
    assert!(list.contains("CHANGED"), "{list}");
    let events = serde_json::Value::from(shop.world.events().await).to_string();
    assert!(events.contains("host_key_changed"), "{events}");
    let (done, said) = shop.rmm(&format!("host trust {}", host.name()), Some("n\n"));
    assert!(!done && said.contains("WARNING") && said.contains(&other), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_at_a_changed_address_sees_no_credential() {
    let password: crate::shop::Login = |host, setup| {
        setup.variables.push(("PASSWORD_OF_HOST".into(), host.password().into()));
        "password = \"env:PASSWORD_OF_HOST\"".to_owned()
    };
    let stories = [Some(password), None].map(async |login| {
        let Some(shop) = Shop::with(&[unpinned(login)], &Default::default()).await else { return };
        let host = &shop.hosts[0];
        let release = shop.world.release_of_tag("v1").await;
        shop.waits_for(release, "rmm host trust").await;
        let trust =
            |fingerprint: &str| shop.rmm(&format!("host trust {} --fingerprint {fingerprint}", host.name()), None);
        let (done, said) = trust(host.fingerprint());
        assert!(done, "{said}");
        shop.world.until(release, "manual_testing").await;
        shop.world.quiet().await;

        let stranger = Stranger::default();
        let (port, fingerprint) = stranger.listen().await;
        shop.reconfigure(&format!("{}:22", host.address()), &format!("127.0.0.1:{port}")).await;
        shop.world.approve("ann", release).await.ok();
        let said = shop.waits_for(release, "rmm host trust").await;
        assert!(said.contains(&fingerprint), "{said}");
        // The old trust is of no use here, and looking gives nothing away either.
        let (done, said) = trust(host.fingerprint());
        assert!(!done && said.contains(&fingerprint), "{said}");
        let (done, said) = shop.rmm(&format!("host check {}", host.name()), None);
        assert!(!done && said.contains(&fingerprint), "{said}");
        assert!(stranger.contacts.load(Ordering::SeqCst) >= 2);
        assert_eq!(stranger.logins.load(Ordering::SeqCst), 0);
        // Back at the known place, the run goes on.
        shop.reconfigure(&format!("127.0.0.1:{port}"), &format!("{}:22", host.address())).await;
        shop.world.until(release, "deployed").await;
        assert_eq!(stranger.logins.load(Ordering::SeqCst), 0);
    });
    futures_util::future::join_all(stories).await;
}
