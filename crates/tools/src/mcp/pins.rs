//! What the owner has accepted of each server.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Withheld,
    listing::{Listed, Listing, hex},
};

/// What was accepted of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Which program or address it was, as a hash. When that has changed, the owner has changed it.
    pub server: String,
    /// The hash of each tool, by the server's name of it.
    pub tools: BTreeMap<String, String>,
}

/// Keeps what the owner has accepted of each server. The methods read and write the disk, or wherever it is kept.
pub trait Pins: Send + Sync {
    /// What was accepted of a server; `None` when it is new.
    fn accepted(&self, server: &str) -> io::Result<Option<Accepted>>;

    /// Keeps what is accepted of a server, instead of what was.
    fn accept(&self, server: &str, accepted: &Accepted) -> io::Result<()>;
}

/// Keeps it as a file for each server, in a folder of their own.
#[derive(Clone, Debug)]
pub struct FolderPins(PathBuf);

impl Accepted {
    /// Accepts all that there is.
    pub(super) fn of(server: String, listing: &Listing) -> Self {
        Self {
            server,
            tools: listing.hashes.clone(),
        }
    }

    /// Whether a tool is as it was accepted.
    pub(super) fn check(&self, tool: &Listed) -> Result<(), Withheld> {
        match self.tools.get(&tool.name) {
            Some(hash) if *hash == tool.hash => Ok(()),
            Some(_) => Err(Withheld::Changed),
            None => Err(Withheld::Late),
        }
    }
}

impl FolderPins {
    /// Keeps it in `folder`, which is made when it is needed, for its owner alone.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// A server may be called anything, a file not.
    fn file(&self, server: &str) -> PathBuf {
        self.0.join(hex(&Sha256::digest(server)) + ".json")
    }
}

impl Pins for FolderPins {
    fn accepted(&self, server: &str) -> io::Result<Option<Accepted>> {
        match fs::read(self.file(server)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn accept(&self, server: &str, accepted: &Accepted) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        fs::set_permissions(&self.0, Permissions::from_mode(0o700))?;
        let file = self.file(server);
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let new = file.with_extension(hex(&random));
        let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        open.write_all(&serde_json::to_vec_pretty(accepted)?)?;
        open.sync_all()?;
        fs::rename(new, file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_accepted_is_kept_whatever_a_server_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let pins = FolderPins::new(folder.path().join("mcp"));
        let accepted = |hash: &str| Accepted {
            server: "s".to_owned(),
            tools: BTreeMap::from([("add".to_owned(), hash.to_owned())]),
        };
        assert_eq!(pins.accepted("../a/b").unwrap(), None);
        pins.accept("../a/b", &accepted("1")).unwrap();
        pins.accept("../a/b", &accepted("2")).unwrap();
        assert_eq!(pins.accepted("../a/b").unwrap(), Some(accepted("2")));
        assert_eq!(pins.accepted("b").unwrap(), None);
        let files = fs::read_dir(folder.path().join("mcp"))
            .unwrap()
            .map(|file| file.unwrap());
        let modes: Vec<_> = files
            .map(|file| file.metadata().unwrap().permissions().mode() & 0o777)
            .collect();
        assert_eq!(modes, [0o600]);
    }

    #[test]
    fn a_file_that_cannot_be_read_accepts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let pins = FolderPins::new(folder.path());
        fs::write(pins.file("s"), "{").unwrap();
        assert!(pins.accepted("s").is_err());
    }
}
