//! Where the gateway of a state folder listens, for the owner's other commands: a file that the one that runs keeps.
//!
//! It holds a lock on the file, which the system takes away from a process that ends in any way, so that what a killed one has
//! left there says nothing.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};
use serde::{Deserialize, Serialize};

use super::part::Part;

/// In the state folder.
const NAME: &str = "gateway.json";
/// No sign is longer.
const LONGEST: u64 = 4096;

/// The sign of this process, which is taken down when this is dropped.
#[derive(Debug)]
pub(crate) struct Sign {
    path: PathBuf,
    /// Locked.
    file: File,
}

/// A gateway of the same owner that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Neighbour {
    /// Where its owner reaches it from this machine.
    pub(crate) url: String,
    /// Its process.
    pub(crate) pid: u32,
    /// The SHA-256 fingerprint of the certificate that it shows, where it speaks TLS. Its file may hold another one by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<String>,
}

impl Sign {
    /// Says that the gateway of this process is at `url`, and shows this certificate; `None` where another one has its sign up,
    /// which stays.
    pub(crate) fn put_up(state_dir: &Path, url: &str, certificate: Option<&str>) -> io::Result<Option<Self>> {
        if Neighbour::of(state_dir).is_some() {
            return Ok(None);
        }
        let path = state_dir.join(NAME);
        let mut part = Part::beside(&path)?;
        // It is seen only with its lock.
        part.file().lock()?;
        let neighbour = Neighbour {
            url: url.to_owned(),
            pid: std::process::id(),
            certificate: certificate.map(str::to_owned),
        };
        part.file().write_all(&serde_json::to_vec(&neighbour)?)?;
        let file = part.replace(&path)?;
        Ok(Some(Self { path, file }))
    }
}

impl Drop for Sign {
    fn drop(&mut self) {
        let which = |about: fs::Metadata| (about.dev(), about.ino());
        // Of two that have begun in the same moment, the other one's stays.
        let ours = self.file.metadata().map(which).ok();
        if ours.is_some() && fs::symlink_metadata(&self.path).map(which).ok() == ours {
            let _ = fs::remove_file(&self.path);
        }
        // A program that is being started in this moment has the file, too, until it is there: closing it is not enough.
        let _ = self.file.unlock();
    }
}

impl Neighbour {
    /// Whether it has a port.
    pub(crate) fn is_at(&self, port: u16) -> bool {
        self.url.ends_with(&format!(":{port}"))
    }

    /// The gateway of a state folder, if one runs.
    pub(crate) fn of(state_dir: &Path) -> Option<Self> {
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(state_dir.join(NAME))
            .ok()?;
        let about = file.metadata().ok()?;
        // A link of the owner's must not lead where somebody else wants.
        if about.uid() != geteuid().as_raw() || about.mode() & 0o022 != 0 {
            return None;
        }
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {}
            // Nobody has it.
            Ok(()) | Err(TryLockError::Error(_)) => return None,
        }
        let mut said = String::new();
        file.take(LONGEST).read_to_string(&mut said).ok()?;
        serde_json::from_str(&said).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const URL: &str = "http://127.0.0.1:18790";

    fn here() -> Neighbour {
        Neighbour {
            url: URL.to_owned(),
            pid: std::process::id(),
            certificate: Some("AB:CD".to_owned()),
        }
    }

    fn put_up(state_dir: &Path, url: &str) -> io::Result<Option<Sign>> {
        Sign::put_up(state_dir, url, Some("AB:CD"))
    }

    #[test]
    fn it_is_up_as_long_as_its_gateway_and_for_its_owner_alone() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Neighbour::of(state.path()), None);
        let sign = put_up(state.path(), URL).unwrap();
        assert!(sign.is_some());
        assert_eq!(Neighbour::of(state.path()), Some(here()));
        let mode = fs::metadata(state.path().join(NAME)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        // The first one stays.
        let other = put_up(state.path(), "http://127.0.0.1:1").unwrap();
        assert!(other.is_none());
        assert_eq!(Neighbour::of(state.path()), Some(here()));
        drop(sign);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_one_has_left_says_nothing() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(NAME);
        fs::write(&path, serde_json::to_vec(&here()).unwrap()).unwrap();
        assert_eq!(Neighbour::of(state.path()), None);
        let sign = put_up(state.path(), URL).unwrap();
        assert_eq!(Neighbour::of(state.path()), Some(here()));
        // Somebody else could have written it.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert_eq!(Neighbour::of(state.path()), None);
        drop(sign);
    }

    #[test]
    fn the_sign_of_another_one_stays() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(NAME);
        let sign = put_up(state.path(), URL).unwrap();
        fs::remove_file(&path).unwrap();
        let other = put_up(state.path(), URL).unwrap();
        drop(sign);
        assert_eq!(Neighbour::of(state.path()), Some(here()));
        drop(other);
        assert!(!path.exists());
    }
}
