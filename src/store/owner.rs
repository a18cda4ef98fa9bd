//! Whose the files of a data directory are: the user's that RMM runs as, also those that root writes while RMM is off.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

/// Gives what root has made below a directory of another user to that user, who could not use it otherwise. Does nothing for others than
/// root, and for a directory of root's own.
pub(super) fn hand_over(directory: &Path) -> io::Result<()> {
    let owner = fs::metadata(directory)?;
    if owner.uid() == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    below(directory, owner.uid(), owner.gid())
}

/// Gives one file that root has made to the owner of a data directory, who has to read it.
///
/// # Errors
/// As the system says.
pub fn give(file: &Path, data_dir: &Path) -> io::Result<()> {
    let owner = fs::metadata(data_dir)?;
    if owner.uid() == 0 || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    lchown(file, Some(owner.uid()), Some(owner.gid()))
}

fn below(directory: &Path, uid: u32, gid: u32) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.uid() == 0 {
            lchown(entry.path(), Some(uid), Some(gid))?;
        }
        if about.is_dir() {
            below(&entry.path(), uid, gid)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Any user but root.
    const USER: u32 = 65_534;

    #[test]
    fn what_root_makes_in_the_directory_of_another_user_is_that_users() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("only root can give files away, so it is not tried");
            return;
        }
        let (outside, directory) = (tempfile::NamedTempFile::new().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("copies")).unwrap();
        fs::write(at("copies/one.db"), "").unwrap();
        symlink(outside.path(), at("link")).unwrap();
        hand_over(directory.path()).unwrap();
        let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        assert_eq!(owner(&at("copies")), 0, "a directory of root's own");
        lchown(directory.path(), Some(USER), Some(USER)).unwrap();
        hand_over(directory.path()).unwrap();
        assert_eq!(["copies", "copies/one.db", "link"].map(|name| owner(&at(name))), [USER; 3]);
        assert_eq!(owner(outside.path()), 0, "a link leads nowhere");
    }
}
