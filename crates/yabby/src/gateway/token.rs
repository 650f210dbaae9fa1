//! The owner's key, in a file that only the owner can read. It is made when the gateway starts for the first time.

use std::path::{Path, PathBuf};

use yabby_store::{KeyHash, new_secret};

use super::private_file::{PrivateFile, Unusable};

/// No key is longer.
const LONGEST: u64 = 4096;

/// The owner's key, and where it stands.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) path: PathBuf,
    pub(crate) hash: KeyHash,
}

impl Token {
    /// The owner's key in a state folder.
    pub(crate) fn of(state_dir: &Path) -> Result<Self, Unusable> {
        let made = || new_secret().map(|new| new.secret);
        let PrivateFile { path, text } = PrivateFile::of(state_dir, "gateway-token", LONGEST, made)?;
        Ok(Self {
            hash: KeyHash::of(text.expose().as_bytes()),
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    };

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
