//! The operator's socket, however deep in the tree it lies.
//!
//! The system takes paths of sockets up to 107 bytes only. A longer one is taken from its folder on, which is opened
//! first and named by its number.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::domain::fault::machine::MachineFault;

/// Bytes of a path of a socket, without the zero at its end (`sun_path` in unix(7)).
const LONGEST: usize = 107;

/// A path that the system takes, as long as this lives.
struct Short {
    path: PathBuf,
    _folder: Option<File>,
}

impl Short {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().as_bytes().len() <= LONGEST {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let folder = File::open(folder)?;
        let inside = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string());
        if !inside.exists() {
            let sentence = format!(
                "its path is longer than the {LONGEST} bytes that the system takes, and there is no /proc to shorten it; \
                 choose a shorter data_dir in [server]"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, sentence));
        }
        Ok(Self { path: inside.join(name), _folder: Some(folder) })
    }
}

/// Why a socket cannot be made at `path`, whatever its permissions. Its folder need not be there yet.
#[must_use]
pub fn impossible(path: &Path) -> Option<MachineFault> {
    let long = path.as_os_str().as_bytes().len() > LONGEST;
    let there = path.ancestors().skip(1).find(|folder| folder.is_dir())?;
    let name = "x".repeat(LONGEST);
    // Of the folder that is there, the socket's own name stands for the path that will be.
    let tried = if long { Short::of(&there.join(name)) } else { Short::of(path) };
    tried.err().map(|error| MachineFault::NoSocket { path: path.to_owned(), said: error.to_string() })
}

/// Listens on the operator's socket. A file left over by a process that died is replaced; the lock on the data
/// directory says that no process listens on it.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let short = Short::of(path)?;
    let listener = UnixListener::bind(&short.path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the operator's socket.
///
/// # Errors
/// When no process listens, or the caller may not.
pub async fn call(path: &Path) -> io::Result<UnixStream> {
    let short = Short::of(path)?;
    UnixStream::connect(&short.path).await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_socket_deep_in_the_tree_is_served_and_found() {
        let root = tempfile::tempdir().unwrap();
        for folder in [root.path().join("data"), root.path().join("customer-with-a-long-name-".repeat(6))] {
            let path = folder.join("rmm.sock");
            assert_eq!(impossible(&path), None);
            std::fs::create_dir(&folder).unwrap();
            assert_eq!(call(&path).await.unwrap_err().kind(), io::ErrorKind::NotFound);
            for _ in 0..2 {
                let listener = listen(&path).unwrap();
                let (served, asked) = tokio::join!(listener.accept(), call(&path));
                served.unwrap().0.write_all(b"here").await.unwrap();
                let mut said = String::new();
                asked.unwrap().read_to_string(&mut said).await.unwrap();
                assert_eq!(said, "here");
                assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            }
        }
    }
}
