use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::clients::local::Local;
use crate::clients::transport::{Channel, EnvPair, Stream};
use crate::wording::english;

fn said(fault: HealthFault) -> String {
    english(&Reason::Health { fault })
}

const SOON: Duration = Duration::from_millis(50);

/// A host that opens nothing, and can be reached or not.
struct Silent {
    reachable: bool,
}

impl Transport for Silent {
    fn exec<'a>(
        &'a self,
        script: &'a str,
        args: &'a [&'a str],
        env: &'a [EnvPair],
    ) -> BoxFuture<'a, Result<Channel, TransportError>> {
        Box::pin(async move {
            if self.reachable {
                return Local::new().exec(script, args, env).await;
            }
            Err(TransportError::Unreachable("the line is cut".into()))
        })
    }

    fn connect<'a>(
        &'a self,
        _: &'a str,
        _: u16,
        _: Duration,
    ) -> BoxFuture<'a, Result<Box<dyn Stream>, TransportError>> {
        Box::pin(async { Err(TransportError::Silent("it said nothing".into())) })
    }
}

/// Answers every question with `answer`.
async fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}/health")
}

async fn asked(url: &str, expected: Expected<'_>) -> Result<String, String> {
    let over = get_over(&Local::new(), url, expected, Duration::from_secs(10)).await.map_err(|unwell| match unwell {
        Unwell::Surface(fault) => said(fault),
        Unwell::Host(error) => panic!("{error}"),
    });
    let direct = Prober::new().unwrap().get(url, expected, None, Duration::from_secs(10)).await.map_err(said);
    assert_eq!(over, direct, "the same answer, from every host");
    over
}

#[tokio::test]
async fn status_and_body_are_judged_alike_from_rmm_and_from_a_host() {
    let well = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nok 17").await;
    asked(&well, Expected::default()).await.unwrap();
    asked(&well, Expected { status: Some(200), body: Some("ok") }).await.unwrap();
    let other = asked(&well, Expected { status: Some(204), body: None }).await.unwrap_err();
    assert!(other.ends_with("answered 200: ok 17"), "{other}");
    let without = asked(&well, Expected { status: None, body: Some("fine") }).await.unwrap_err();
    assert!(without.ends_with("answered 200 without \"fine\": ok 17"), "{without}");
    let ill = server("HTTP/1.1 500 No\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbad").await;
    assert!(asked(&ill, Expected::default()).await.unwrap_err().ends_with("answered 500: bad"));
    asked(&ill, Expected { status: Some(500), body: None }).await.unwrap();
}

#[tokio::test]
async fn silence_is_the_surfaces_fault_only_if_its_host_can_be_reached() {
    let url = "http://127.0.0.1:1/";
    for (reachable, blames_surface) in [(true, true), (false, false)] {
        let host = Silent { reachable };
        let http = get_over(&host, url, Expected::default(), SOON).await.unwrap_err();
        let tcp = reach_over(&host, "127.0.0.1:1", SOON).await.unwrap_err();
        for unwell in [http, tcp] {
            assert_eq!(matches!(unwell, Unwell::Surface(_)), blames_surface, "{unwell:?}");
        }
    }
    let broken = server("nonsense\r\n\r\n").await;
    let unwell = get_over(&Local::new(), &broken, Expected::default(), Duration::from_secs(10)).await.unwrap_err();
    assert!(matches!(&unwell, Unwell::Surface(fault) if said(fault.clone()).contains("not answer in HTTP")));
}

/// A server of TLS whose certificate is made to order. Answers everything with 200.
struct Secure {
    url: String,
    /// The certificate, and the one of its authority.
    pem: String,
    authority: String,
}

/// What is special about a server of TLS.
#[derive(Default)]
struct Special {
    name: Option<&'static str>,
    expired: bool,
    early: bool,
    /// Signed by itself and marked as an authority, as `openssl req -x509` makes it.
    own: bool,
    protocols: Vec<Vec<u8>>,
    wants_certificate: bool,
}

impl Secure {
    async fn start(special: Special) -> Self {
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(authority, authority_key);

        let mut params = rcgen::CertificateParams::new(vec![special.name.unwrap_or("localhost").to_owned()]).unwrap();
        if special.expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 2);
        }
        if special.early {
            params.not_before = rcgen::date_time_ymd(3000, 1, 2);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = if special.own {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.self_signed(&key).unwrap()
        } else {
            params.signed_by(&key, &issuer).unwrap()
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = if special.wants_certificate {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority_certificate.der().clone()).unwrap();
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.with_client_cert_verifier(verifier)
        } else {
            config.with_no_client_auth()
        };
        let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = config.with_single_cert(vec![certificate.der().clone()], private).unwrap();
        config.alpn_protocols = special.protocols;
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let answer = |_| async {
                        Ok::<_, std::convert::Infallible>(hyper::Response::new(http_body_util::Full::new(
                            bytes::Bytes::from_static(b"ok"),
                        )))
                    };
                    let service = hyper::service::service_fn(answer);
                    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                    let io = hyper_util::rt::TokioIo::new(stream);
                    if http2 {
                        let executor = hyper_util::rt::TokioExecutor::new();
                        let _ = hyper::server::conn::http2::Builder::new(executor).serve_connection(io, service).await;
                    } else {
                        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
                    }
                });
            }
        });
        Self {
            url: format!("https://localhost:{port}/health"),
            pem: certificate.pem(),
            authority: authority_certificate.pem(),
        }
    }

    async fn ask(&self, ca: Option<&str>) -> Result<String, String> {
        Prober::new().unwrap().get(&self.url, Expected::default(), ca, Duration::from_secs(10)).await.map_err(said)
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    for protocols in [vec![], vec![b"http/1.1".to_vec()], vec![b"h2".to_vec()]] {
        let server = Secure::start(Special { protocols, ..Special::default() }).await;
        let said = server.ask(None).await.unwrap_err();
        assert!(said.contains("the authority that signed it is unknown; name its certificate as `ca = "), "{said}");
        let several = format!("{}{}", Secure::start(Special::default()).await.authority, server.authority);
        assert_eq!(server.ask(Some(&several)).await, Ok(format!("{} answered 200", server.url)));
    }
    let own = Secure::start(Special { own: true, ..Special::default() }).await;
    let said = own.ask(None).await.unwrap_err();
    assert!(said.contains("has a certificate that RMM does not trust") && said.contains("`ca = "), "{said}");
    assert_eq!(own.ask(Some(&own.pem)).await, Ok(format!("{} answered 200", own.url)));
    let other = Secure::start(Special { own: true, name: Some("elsewhere.example"), ..Special::default() }).await;
    let said = other.ask(Some(&other.pem)).await.unwrap_err();
    assert!(said.ends_with("it is for elsewhere.example, not for localhost"), "{said}");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told() {
    let say = async |special: Special| {
        let server = Secure::start(special).await;
        server.ask(Some(&server.authority)).await.unwrap_err()
    };
    let expired = say(Special { expired: true, ..Special::default() }).await;
    assert!(expired.ends_with("it expired on 2020-01-02"), "{expired}");
    let early = say(Special { early: true, ..Special::default() }).await;
    assert!(early.ends_with("it is not valid yet, only from 3000-01-02 on"), "{early}");
    let other = say(Special { name: Some("elsewhere.example"), ..Special::default() }).await;
    assert!(other.ends_with("it is for elsewhere.example, not for localhost"), "{other}");
    let mutual = say(Special { wants_certificate: true, ..Special::default() }).await;
    assert!(mutual.contains("wants a client certificate"), "{mutual}");
    let strange = say(Special { protocols: vec![b"smtp".to_vec()], ..Special::default() }).await;
    assert!(strange.contains("speaks neither HTTP/1.1 nor HTTP/2 over TLS"), "{strange}");
}

#[tokio::test]
async fn a_signature_of_another_authority_with_the_same_name_is_told() {
    let (server, other) = (Secure::start(Special::default()).await, Secure::start(Special::default()).await);
    let said = server.ask(Some(&other.authority)).await.unwrap_err();
    assert!(said.contains("signed by another authority of the same name as the one in the file of `ca`"), "{said}");
}

/// OpenSSL with a certificate that it makes by these commands, which leave `key.pem` and `cert.pem`.
async fn openssl(commands: &str) -> Option<(tokio::process::Child, tempfile::TempDir, String)> {
    let folder = tempfile::tempdir().unwrap();
    let make = std::process::Command::new("sh").args(["-ec", commands]).current_dir(&folder).output().unwrap();
    if !make.status.success() {
        eprintln!("skipped, since openssl makes no such certificate: {}", String::from_utf8_lossy(&make.stderr));
        return None;
    }
    let line = "exec openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -cipher ALL@SECLEVEL=0 -www 2>&1";
    let mut server = tokio::process::Command::new("sh")
        .args(["-c", line])
        .current_dir(&folder)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(server.stdout.take().unwrap()));
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(port) = line.strip_prefix("ACCEPT ").and_then(|address| address.rsplit(':').next()) {
            return Some((server, folder, format!("https://localhost:{port}/")));
        }
    }
    panic!("openssl does not listen");
}

#[tokio::test]
async fn certificates_as_old_tools_make_them_are_told_apart() {
    const REQUEST: &str = "openssl req -nodes -keyout key.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost";
    let ask = async |commands: &str| {
        let (_server, folder, url) = openssl(commands).await?;
        let ca = std::fs::read_to_string(folder.path().join("ca.pem")).ok();
        let asked = Prober::new().unwrap().get(&url, Expected::default(), ca.as_deref(), Duration::from_secs(10)).await;
        Some(said(asked.unwrap_err()).replace(&url, "it"))
    };
    let untrusted = |cause: &str| Some(format!("it has a certificate that RMM does not trust: {cause}"));
    let first = format!(
        "{REQUEST} -newkey rsa:2048 -out request.pem && openssl x509 -req -in request.pem -signkey key.pem -out cert.pem && \
         openssl x509 -in cert.pem -noout -text | grep -q 'Version: 1 ' && cp cert.pem ca.pem"
    );
    if let Some(said) = ask(&first).await {
        let cause =
            "it is of X.509 version 1, which is not accepted any more; make one of version 3, with a subjectAltName";
        assert_eq!(Some(said), untrusted(cause));
    }
    // A short key of the server, and one of its authority.
    let signed = |authority: &str, server: &str| {
        format!(
            "openssl req -x509 -nodes -newkey rsa:{authority} -keyout ca-key.pem -subj /CN=own -out ca.pem && \
             {REQUEST} -newkey rsa:{server} -out request.pem && echo subjectAltName=DNS:localhost >more && \
             openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile more -out cert.pem"
        )
    };
    if let Some(said) = ask(&signed("2048", "1024")).await {
        assert_eq!(Some(said), untrusted("its RSA key has less than 2048 bits; make it anew with a longer key"));
    }
    if let Some(said) = ask(&signed("1024", "2048")).await {
        let cause = "it is signed with an RSA key of less than 2048 bits; its authority needs a longer key";
        assert_eq!(Some(said), untrusted(cause));
    }
    if let Some(said) = ask(&format!("{} -sha1", signed("2048", "2048"))).await {
        assert!(said.contains("in a way that RMM does not take (such as with SHA-1"), "{said}");
    }
}

#[tokio::test]
async fn the_wrong_protocol_is_told_apart_from_silence() {
    let prober = Prober::new().unwrap();
    let ask = async |url: &str| {
        let fault = prober.get(url, Expected::default(), None, Duration::from_secs(10)).await.unwrap_err();
        said(fault).replace(url, "it")
    };
    let secure = |url: String| url.replace("http://", "https://");
    let http = secure(server("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await);
    assert_eq!(
        ask(&http).await,
        "it took the connection, but does not speak TLS there: it speaks plain HTTP; write the address with http://"
    );
    let tls = Secure::start(Special::default()).await.url.replace("https://", "http://");
    assert_eq!(
        ask(&tls).await,
        "it took the connection, but did not answer in HTTP: it speaks TLS; write the address with https://"
    );
    for (url, what) in [(server("SSH-2.0-OpenSSH\r\n").await, "HTTP"), (secure(server("SSH-2.0-x\r\n").await), "TLS")] {
        let said = ask(&url).await;
        assert!(said.contains(what) && said.ends_with("it speaks SSH"), "{said}");
    }
    let smtp = server("220 mail.example.com ESMTP\r\n").await;
    let said = "it took the connection, but did not answer in HTTP: it says \"220 mail.example.com ESMTP\"";
    assert_eq!(ask(&smtp).await, said);
    assert_eq!(
        ask(&secure(smtp)).await,
        "it took the connection, but does not speak TLS there: it says \"220 mail.example.com ESMTP\""
    );
    let http2 = server("\0\0\u{6}\u{4}\0\0\0\0\0\0\u{3}\0\0\0d").await;
    assert!(ask(&http2).await.contains("it speaks HTTP/2 only"));
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = mute.local_addr().unwrap();
    tokio::spawn(async move { while mute.accept().await.is_ok() {} });
    assert_eq!(
        ask(&format!("http://{address}/")).await,
        "it took the connection and ended it without an answer; does it want https://?"
    );
    assert!(ask(&format!("https://{address}/")).await.contains("ended it without a word; does it speak TLS there?"));
}

#[tokio::test]
async fn names_and_refusals_and_slow_answers_are_told_apart() {
    let prober = Prober::new().unwrap();
    let ask = async |url: &str, limit| said(prober.get(url, Expected::default(), None, limit).await.unwrap_err());
    let long = Duration::from_secs(10);
    let said = ask("http://no-such-name.invalid/", long).await;
    assert!(said.contains("could not be reached: the name no-such-name.invalid does not resolve"), "{said}");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        let said = ask(&format!("{scheme}://{free}/"), long).await;
        assert!(
            said.ends_with(&format!("could not be reached: {free} refuses the connection: nothing listens there")),
            "{said}"
        );
    }
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", slow.local_addr().unwrap());
    assert_eq!(ask(&url, SOON).await, format!("{url} did not answer within 50 ms; it took the connection"));
    assert_eq!(ask("ftp://h/", long).await, "ftp://h/ is not an address that can be asked");
}
