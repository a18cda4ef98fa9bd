//! Asks a repository which commit a tag points at, and which tags it has, with the git program of RMM's machine.
//!
//! Must not pass anything on that git could take for an option, ask for a password, or read the user's
//! configuration for anything but how to reach the repository.

mod commit;
pub mod kind;
pub mod log;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Output, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

pub use self::commit::find_commit;
use super::group::Group;
use crate::domain::fault::repository::{GitAdvice, RepositoryFault};
use crate::domain::ids::{Commit, Tag};
use crate::domain::plan::{clone_url, shell_word};
use crate::domain::reason::Reason;

/// How long a repository may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Of each of git's streams, in bytes, where two lines are asked for.
const MOST_OUTPUT: u64 = 1 << 20;
/// The same where all tags are: some 200 000 of them.
const MOST_TAGS: u64 = 16 << 20;

/// Why the commit of a tag is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// Asking again will not help before something has changed.
    ForGood(Reason),
    /// The repository answers, and has no such tag, or no such commit.
    NoTag(Reason),
    /// The repository may answer later.
    ForNow(Reason),
}

const fn fault(fault: RepositoryFault) -> Reason {
    Reason::Repository { fault }
}

/// What a tag stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The commit that it points at.
    pub commit: Commit,
    /// The object that an annotated tag is itself.
    pub object: Option<Commit>,
}

impl Tagged {
    /// Whether this id names the tag's commit.
    #[must_use]
    pub fn is_meant_by(&self, id: &Commit) -> bool {
        *id == self.commit || self.object.as_ref() == Some(id)
    }
}

/// The commit that `tag` points at in `repository` (as the configuration names it). `ca` holds the authorities that an
/// https:// server's certificate is checked against instead of the public ones, in PEM format.
///
/// # Errors
/// [`Unresolved`], which says whether asking again makes sense.
pub async fn resolve(repository: &str, ca: Option<&str>, tag: &Tag) -> Result<Tagged, Unresolved> {
    let plain = format!("refs/tags/{tag}");
    let peeled = format!("{plain}^{{}}");
    let (url, listing) = ask(repository, ca, &[&plain, &peeled], MOST_OUTPUT).await?;
    let find = |name: &str| {
        listing
            .lines()
            .find_map(|line| line.split_once('\t').filter(|(_, reference)| *reference == name))
            .map(|(id, _)| id.to_owned())
    };
    let Some(plain) = find(&plain) else {
        // A server that is none of git's may answer, too.
        return Err(if lists_nothing(repository, ca).await? {
            Unresolved::ForNow(fault(RepositoryFault::ListsNothing { url }))
        } else {
            Unresolved::NoTag(fault(RepositoryFault::NoTag { url, tag: tag.clone() }))
        });
    };
    let id = |id| Commit::parse("commit", id).map_err(|invalid| Unresolved::ForNow(Reason::told(invalid.to_string())));
    // An annotated tag is an object of its own; the peeled line names the commit.
    match find(&peeled) {
        Some(commit) => Ok(Tagged { commit: id(commit)?, object: Some(id(plain)?) }),
        None => Ok(Tagged { commit: id(plain)?, object: None }),
    }
}

/// Whether a repository has no branch at all, and nothing that is checked out.
async fn lists_nothing(repository: &str, ca: Option<&str>) -> Result<bool, Unresolved> {
    match ask(repository, ca, &["HEAD", "refs/heads/*"], MOST_OUTPUT).await {
        Ok((_, listing)) => Ok(listing.trim().is_empty()),
        Err(Unresolved::ForNow(Reason::Repository { fault: RepositoryFault::TooMuch { .. } })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What these tags of `repository` point at, those that are there; `ca` as for [`resolve`].
///
/// # Errors
/// [`Unresolved`], which says whether asking again makes sense.
pub async fn resolve_all(repository: &str, ca: Option<&str>, of: &[Tag]) -> Result<BTreeMap<Tag, Tagged>, Unresolved> {
    let names: Vec<_> =
        of.iter().flat_map(|tag| [format!("refs/tags/{tag}"), format!("refs/tags/{tag}^{{}}")]).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let (_, listing) = ask(repository, ca, &names, MOST_OUTPUT).await?;
    let mut found = BTreeMap::new();
    for (id, reference) in listing.lines().filter_map(|line| line.split_once('\t')) {
        let Ok(commit) = Commit::parse("commit", id) else { continue };
        let (name, is_peeled) = reference.strip_suffix("^{}").map_or((reference, false), |name| (name, true));
        let Some(tag) = of.iter().find(|tag| name.strip_prefix("refs/tags/") == Some(tag.as_str())) else { continue };
        // Of an annotated tag the line of its commit follows that of its own object.
        let object = found.remove(tag).filter(|_| is_peeled).map(|plain: Tagged| plain.commit);
        found.insert(tag.clone(), Tagged { commit, object });
    }
    Ok(found)
}

/// The repository's address, and what it lists of these references.
async fn ask(
    repository: &str,
    ca: Option<&str>,
    references: &[&str],
    most: u64,
) -> Result<(String, String), Unresolved> {
    let url = address(repository)?;
    let mut command = prepared();
    command.args(["ls-remote", "--quiet", "--", &url]).args(references);
    let listing = answer(command, &url, ca, most).await?;
    Ok((url, listing))
}

/// The address as git takes it.
fn address(repository: &str) -> Result<String, Unresolved> {
    let url = clone_url(repository);
    if url.starts_with('-') {
        return Err(Unresolved::ForGood(fault(RepositoryFault::NoAddress { url })));
    }
    if url.starts_with('/') && !std::path::Path::new(&url).exists() {
        // A folder of another machine may be mounted again.
        return Err(Unresolved::ForNow(fault(RepositoryFault::NotThere { url })));
    }
    Ok(url)
}

/// What git answers of a repository.
async fn answer(mut command: Command, url: &str, ca: Option<&str>, most: u64) -> Result<String, Unresolved> {
    let url = url.to_owned();
    // Goes when the answer is there.
    let _certificates = match ca.map(certificates).transpose() {
        Ok(file) => {
            if let Some(file) = &file {
                command.env("GIT_SSL_CAINFO", file.path());
            }
            file
        }
        Err(error) => {
            return Err(Unresolved::ForNow(fault(RepositoryFault::CertificatesNotWritten { said: error.to_string() })));
        }
    };
    let output = match tokio::time::timeout(TIMEOUT, bounded_output(command, most)).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Unresolved::ForGood(fault(RepositoryFault::GitMissing)));
        }
        Ok(Err(error)) => {
            return Err(Unresolved::ForNow(fault(RepositoryFault::GitNotStarted { said: error.to_string() })));
        }
        Err(_) => return Err(Unresolved::ForNow(fault(RepositoryFault::Late { url, limit: TIMEOUT }))),
    };
    if output.stdout.len() as u64 >= most {
        return Err(Unresolved::ForNow(fault(RepositoryFault::TooMuch { url, most })));
    }
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let mut lines = said.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("warning: "));
        let line = lines.next().unwrap_or("git failed without a word");
        let line = line.trim_start_matches("fatal: ");
        let (advice, fix) = (advice(&said), untrusted(&said).map(trust_here));
        let said = line.to_owned();
        return Err(Unresolved::ForNow(fault(RepositoryFault::NotRead { url, said, advice, fix })));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The tags of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tags {
    /// Those that RMM can name, with their commits.
    pub named: BTreeMap<Tag, Commit>,
    /// The names of the others, as git tells them.
    pub unnameable: Vec<String>,
}

/// All tags of `repository`; `ca` as for [`resolve`].
///
/// # Errors
/// [`Unresolved`], which says whether asking again makes sense.
pub async fn tags(repository: &str, ca: Option<&str>) -> Result<Tags, Unresolved> {
    let (_, listing) = ask(repository, ca, &["refs/tags/*"], MOST_TAGS).await?;
    let mut tags = Tags::default();
    for (id, reference) in listing.lines().filter_map(|line| line.split_once('\t')) {
        // Of an annotated tag the line of its commit follows that of its own object.
        let name = reference.strip_suffix("^{}").unwrap_or(reference);
        let Some(name) = name.strip_prefix("refs/tags/") else { continue };
        match (Tag::parse("tag", name), Commit::parse("commit", id)) {
            (Ok(tag), Ok(commit)) => drop(tags.named.insert(tag, commit)),
            (Err(_), _) if tags.unnameable.last().is_none_or(|last| last != name) => {
                tags.unnameable.push(name.to_owned());
            }
            (Err(_) | Ok(_), _) => {}
        }
    }
    Ok(tags)
}

/// Git, with what it needs and no more; it ends when the result is not wanted any more.
fn prepared() -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .envs(passed_on(std::env::vars_os()))
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        // With the helpers that it starts, which would outlive it.
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// What a program says, and how it ended. Of each stream only so much is taken; then it is closed, which ends a program that
/// goes on writing.
async fn bounded_output(mut command: Command, most: u64) -> io::Result<Output> {
    async fn beginning(stream: Option<impl AsyncRead + Unpin>, most: u64) -> io::Result<Vec<u8>> {
        let mut taken = Vec::new();
        if let Some(stream) = stream {
            stream.take(most).read_to_end(&mut taken).await?;
        }
        Ok(taken)
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let _group = Group::of(&child);
    let (stdout, stderr) =
        tokio::try_join!(beginning(child.stdout.take(), most), beginning(child.stderr.take(), most))?;
    if stdout.len().max(stderr.len()) as u64 >= most {
        child.start_kill()?;
    }
    Ok(Output { status: child.wait().await?, stdout, stderr })
}

fn certificates(text: &str) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    Ok(file)
}

/// What to do about git's words, where they do not say it.
#[must_use]
pub fn advice(said: &str) -> Option<GitAdvice> {
    const ADVICE: &[(&str, GitAdvice)] = &[
        ("SSL certificate problem", GitAdvice::Authority),
        ("certificate verification failed", GitAdvice::Authority),
        ("no alternative certificate subject name", GitAdvice::OtherName),
        ("could not read Username", GitAdvice::Login),
        ("dubious ownership", GitAdvice::Ownership),
        ("Host key verification failed", GitAdvice::KnownHosts),
        ("Permission denied (publickey", GitAdvice::DeployKey),
        ("does not appear to be a git repository", GitAdvice::Address),
        ("not a git repository", GitAdvice::Address),
        ("epository not found", GitAdvice::Address),
        ("' not found", GitAdvice::Address),
    ];
    ADVICE.iter().find(|(words, _)| said.contains(words)).map(|(_, advice)| *advice)
}

/// The folder that git does not read because of its owner, as git names it.
#[must_use]
pub fn untrusted(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("dubious ownership in repository at '")?;
    rest.split_once('\'').map(|(folder, _)| folder)
}

/// The command that lets a user's git trust a folder. `sudo` is what makes one that user; the settings are those of this
/// `home`, which may be another than the system knows, or in a file of their own.
#[must_use]
pub fn trust(sudo: &str, home: Option<&str>, settings: Option<&str>, folder: &str) -> String {
    let set = |name: &str, value: Option<&str>| {
        let value = value.filter(|value| !value.is_empty());
        value.map(|value| format!("{name}={} ", shell_word(value))).unwrap_or_default()
    };
    let variables = set("HOME", home) + &set("GIT_CONFIG_GLOBAL", settings);
    let variables = if variables.is_empty() { variables } else { format!("env {variables}") };
    format!("{sudo} {variables}git config --global --add safe.directory {}", shell_word(folder))
}

/// The same for the user of this process.
fn trust_here(folder: &str) -> String {
    let uid = rustix::process::geteuid();
    let sudo = if uid.is_root() { "sudo".to_owned() } else { format!("sudo -u '#{}'", uid.as_raw()) };
    let [home, settings] = ["HOME", "GIT_CONFIG_GLOBAL"].map(|name| std::env::var(name).ok());
    trust(&sudo, home.as_deref(), settings.as_deref(), folder)
}

/// The branch that a clone of `repository` begins with; none where it does not say. `ca` as for [`resolve`].
pub async fn default_branch(repository: &str, ca: Option<&str>) -> Option<String> {
    let url = address(repository).ok()?;
    let mut command = prepared();
    command.args(["ls-remote", "--quiet", "--symref", "--", &url, "HEAD"]);
    let listing = answer(command, &url, ca, MOST_OUTPUT).await.ok()?;
    let line = listing.lines().find_map(|line| line.strip_prefix("ref: refs/heads/"))?;
    Some(line.split('\t').next()?.to_owned())
}

/// Whether a repository answers; `ca` as for [`resolve`].
///
/// # Errors
/// [`Unresolved`], which says why it does not.
pub async fn answers(repository: &str, ca: Option<&str>) -> Result<(), Unresolved> {
    ask(repository, ca, &["HEAD"], MOST_OUTPUT).await.map(|_| ())
}

/// What git needs of RMM's environment: where things are, who it runs as, and the way to the network. The rest, secrets
/// among it, is none of its business, nor that of the helpers it starts.
fn passed_on(all: impl Iterator<Item = (OsString, OsString)>) -> impl Iterator<Item = (OsString, OsString)> {
    const PASSED_ON: [&str; 25] = [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "LD_LIBRARY_PATH",
        "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
        "SSH_AUTH_SOCK",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_ASKPASS",
        "GIT_EXEC_PATH",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_SSL_CAPATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
    ];
    all.filter(|(name, _)| name.to_str().is_some_and(|name| PASSED_ON.contains(&name)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use secrecy::SecretString;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::clients::local::Local;
    use crate::clients::tools;
    use crate::clients::transport::Transport;

    #[tokio::test]
    async fn of_what_a_server_says_without_end_a_beginning_is_taken() {
        for stream in ["", " >&2"] {
            let mut endless = Command::new("sh");
            endless.args(["-c", &format!("exec yes{stream}")]).stdin(Stdio::null()).kill_on_drop(true);
            let said = tokio::time::timeout(TIMEOUT, bounded_output(endless, MOST_OUTPUT)).await.unwrap().unwrap();
            assert_eq!((said.stdout.len() + said.stderr.len()) as u64, MOST_OUTPUT);
        }
    }

    #[tokio::test]
    async fn a_server_that_is_none_of_gits_is_not_a_repository_without_the_tag() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/shop.git", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(async || "[\"x\", \"x\", \"x\"");
        tokio::spawn(async move { axum::serve(listener, router).await });
        let found = resolve(&url, None, &Tag::parse("tag", "v1").unwrap()).await;
        let lists_nothing = fault(RepositoryFault::ListsNothing { url });
        assert!(matches!(&found, Err(Unresolved::ForNow(why)) if *why == lists_nothing), "{found:?}");
    }

    #[tokio::test]
    async fn what_git_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut starts = prepared();
        starts.as_std_mut().current_dir(folder.path());
        // An alias is how git starts another program; the helper closes what git says, and stays.
        starts.args(["-c", "alias.help-me=!sleep 1000 > /dev/null 2>&1 < /dev/null & echo $! > pid", "help-me"]);
        let said = bounded_output(starts, MOST_OUTPUT).await.unwrap();
        assert!(said.status.success(), "{said:?}");
        let helper = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        let status = format!("/proc/{}/status", helper.trim());
        // It is gone, or waits to be taken away by its new parent.
        let gone = || std::fs::read_to_string(&status).map_or(true, |text| text.contains("State:\tZ"));
        let ended = async {
            while !gone() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(TIMEOUT, ended).await.expect("the helper goes on");
    }

    /// A repository with a tag, served over HTTPS with a certificate of its own; answers with address, certificate and
    /// commit.
    async fn served(folder: &Path) -> (String, String, String) {
        let script = "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m a && git tag v1 &&\
                      git update-server-info && git rev-parse HEAD";
        let made = std::process::Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
        let commit = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/shop.git", listener.local_addr().unwrap().port());
        let git = folder.join(".git");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, git) = (acceptor.clone(), git.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let mut stream = BufReader::new(stream);
                    let mut line = String::new();
                    let _ = stream.read_line(&mut line).await;
                    let path = line.split([' ', '?']).nth(1).unwrap_or_default();
                    let body = std::fs::read(git.join(path.trim_start_matches("/shop.git/"))).unwrap_or_default();
                    let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
                    let head =
                        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        (url, made.cert.pem(), commit)
    }

    #[tokio::test]
    async fn all_tags_are_listed_with_their_commits() {
        let folder = tempfile::tempdir().unwrap();
        let script = "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m a && git tag v1 && \
                      git -c user.name=a -c user.email=a@b tag -a -m two shop/v2 && git branch v3 && git tag 'v1;id' && \
                      git update-ref refs/tags-not/v4 HEAD && git rev-parse HEAD";
        let made = std::process::Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().unwrap();
        let commit = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        let tags = tags(folder.path().to_str().unwrap(), None).await.unwrap();
        assert_eq!(tags.unnameable, ["v1;id"]);
        let head =
            std::process::Command::new("git").args(["branch", "--show-current"]).current_dir(folder.path()).output();
        let head = String::from_utf8(head.unwrap().stdout).unwrap();
        assert_eq!(default_branch(folder.path().to_str().unwrap(), None).await.as_deref(), Some(head.trim()));
        let listed: Vec<_> = tags.named.iter().map(|(tag, at)| (tag.as_str(), at.as_str())).collect();
        assert_eq!(listed, [("shop/v2", commit.as_str()), ("v1", commit.as_str())]);
        let empty = tempfile::tempdir().unwrap();
        std::process::Command::new("git").args(["init", "-q"]).current_dir(empty.path()).status().unwrap();
        assert!(super::tags(empty.path().to_str().unwrap(), None).await.unwrap().named.is_empty());
    }

    #[tokio::test]
    async fn several_tags_are_looked_up_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let script = "git init -q . && git config user.name a && git config user.email a@b && git commit -q --allow-empty -m a && \
                      git tag v1 && git tag -a -m two shop/v2 && git tag x/v1 && git rev-parse HEAD shop/v2";
        let made = std::process::Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().unwrap();
        let ids = String::from_utf8(made.stdout).unwrap();
        let ids: Vec<_> = ids.lines().map(|id| Commit::parse("commit", id).unwrap()).collect();
        let tags = ["v1", "shop/v2", "v3"].map(|tag| Tag::parse("tag", tag).unwrap());
        let found = resolve_all(folder.path().to_str().unwrap(), None, &tags).await.unwrap();
        let plain = Tagged { commit: ids[0].clone(), object: None };
        let annotated = Tagged { commit: ids[0].clone(), object: Some(ids[1].clone()) };
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [(tags[1].clone(), annotated), (tags[0].clone(), plain)]);
    }

    #[tokio::test]
    async fn a_repository_with_a_certificate_of_its_own_is_read_with_its_authority() {
        let folder = tempfile::tempdir().unwrap();
        let (url, certificate, commit) = served(folder.path()).await;
        let tag = Tag::parse("tag", "v1").unwrap();
        let error = resolve(&url, None, &tag).await.unwrap_err();
        let Unresolved::ForNow(Reason::Repository { fault: RepositoryFault::NotRead { said, advice, .. } }) = error
        else {
            panic!("{error:?}")
        };
        assert!(said.contains("certificate") && advice == Some(GitAdvice::Authority), "{said}");
        let found = resolve(&url, Some(&certificate), &tag).await.unwrap();
        assert_eq!((found.commit.as_str(), found.object), (commit.as_str(), None));

        // The same on a host, where nothing is left of it, whatever the command's end.
        let temporary = tempfile::tempdir().unwrap();
        for (end, status) in [("true", 0), ("false", 1), ("kill -s TERM $$; sleep 60", 143)] {
            let command = format!("rmm_ca\n[ -z \"${{RMM_CA_PEM+x}}\" ] && git ls-remote {url} refs/tags/v1\n{end}");
            let env = [
                ("RMM_CA_PEM".to_owned(), SecretString::from(certificate.clone())),
                ("TMPDIR".to_owned(), SecretString::from(temporary.path().display().to_string())),
            ];
            let mut channel = Local::new().exec(&tools::with(&command), &[], &env).await.unwrap();
            let mut said = String::new();
            channel.stdout.read_to_string(&mut said).await.unwrap();
            assert_eq!((said, channel.status.await.unwrap()), (format!("{commit}\trefs/tags/v1\n"), status));
            assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn git_gets_no_secret_of_rmm() {
        let all = ["PATH", "HOME", "RMM_TELEGRAM_TOKEN", "DB_PASSWORD", "GIT_DIR", "GIT_TRACE", "https_proxy"];
        let all = all.iter().map(|name| (OsString::from(name), OsString::from("x")));
        let passed: Vec<_> = passed_on(all).map(|(name, _)| name).collect();
        assert_eq!(passed, ["PATH", "HOME", "https_proxy"]);
    }
}
