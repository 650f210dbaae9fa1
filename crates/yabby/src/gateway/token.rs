//! The owner's key, in a file that only the owner can read. It is made when the gateway starts for the first time.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};
use yabby_core::{Text, text};
use yabby_servers::managed::private_folder;
use yabby_store::{KeyHash, new_secret};

use super::part::Part;

/// A file that does not hold more is one that somebody has begun to write by hand.
const SHORTEST: usize = 16;
/// No key is longer.
const LONGEST: u64 = 4096;

/// The owner's key, and where it stands.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) path: PathBuf,
    pub(crate) hash: KeyHash,
}

/// Why the file cannot be used.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) message: Text,
    pub(crate) hint: Text,
}

impl Token {
    /// The owner's key in a state folder.
    pub(crate) fn of(state_dir: &Path) -> Result<Self, Unusable> {
        let path = state_dir.join("gateway-token");
        let failed = |error: io::Error| Unusable {
            message: text!(
                "the key in {path} cannot be used: {error}",
                path = path.display(),
                error = error
            ),
            hint: text!("let Yabby read and write in {folder}", folder = state_dir.display()),
        };
        private_folder(state_dir).map_err(failed)?;
        let folder = fs::metadata(state_dir).map_err(failed)?;
        if folder.mode() & 0o022 != 0 {
            return Err(Unusable {
                message: text!(
                    "others may change what is in {folder}, where the key of the gateway stands",
                    folder = state_dir.display()
                ),
                hint: text!("run: chmod 700 {folder}", folder = state_dir.display()),
            });
        }
        if !path.exists() {
            make(&path).map_err(failed)?;
        }
        let file = open(&path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.mode() & 0o077 != 0 || about.uid() != geteuid().as_raw() || !about.is_file() {
            return Err(Unusable {
                message: text!(
                    "others may read the key of the gateway in {path}",
                    path = path.display()
                ),
                hint: text!(
                    "it may be known already: remove it, and the next start makes a new one: rm {path}",
                    path = path.display()
                ),
            });
        }
        let mut key = String::new();
        (&file).take(LONGEST).read_to_string(&mut key).map_err(failed)?;
        let key = key.trim();
        if key.len() < SHORTEST {
            return Err(Unusable {
                message: text!("there is no key in {path}", path = path.display()),
                hint: text!(
                    "remove it, and the next start makes a new one: rm {path}",
                    path = path.display()
                ),
            });
        }
        Ok(Self {
            hash: KeyHash::of(key.as_bytes()),
            path,
        })
    }
}

/// Makes the file whole or not at all, also when another Yabby starts in the same moment: the first one stays.
fn make(path: &Path) -> io::Result<()> {
    let mut part = Part::beside(path)?;
    let secret = new_secret()?;
    writeln!(part.file(), "{}", secret.secret.expose())?;
    part.file().sync_all()?;
    part.settle(path)
}

/// Follows no link: it could lead to a file that somebody else has chosen.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn hint(state_dir: &Path) -> String {
        Token::of(state_dir).unwrap_err().hint.english()
    }

    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("new").join("state");
        let token = Token::of(&state).unwrap();
        assert_eq!(token.path, state.join("gateway-token"));
        let key = fs::read_to_string(&token.path).unwrap();
        assert_eq!(token.hash, KeyHash::of(key.trim().as_bytes()));
        assert_eq!(fs::metadata(&token.path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
        assert_eq!(Token::of(&state).unwrap().hash, token.hash);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    }

    #[test]
    fn what_others_can_read_or_change_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path();
        let path = Token::of(state).unwrap().path;
        for wrong in [0o644, 0o640, 0o602] {
            mode(&path, wrong);
            assert!(hint(state).starts_with("it may be known already"), "{wrong:o}");
        }
        mode(&path, 0o600);
        mode(state, 0o770);
        assert!(hint(state).starts_with("run: chmod 700"));
        mode(state, 0o755);
        Token::of(state).unwrap();
        fs::write(&path, "short\n").unwrap();
        assert!(hint(state).starts_with("remove it"));
        fs::rename(&path, state.join("other")).unwrap();
        symlink(state.join("other"), &path).unwrap();
        assert!(hint(state).starts_with("let Yabby read"));
    }
}
