//! The hash of a secret.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use sha2::{Digest as _, Sha256};

use crate::portable::hex;

const LENGTH: usize = 32;

/// SHA-256 of a secret. Secrets are random numbers of 256 bits, so that nothing slower is needed: nobody can try them all.
/// Two hashes are compared in a time that does not depend on them.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; LENGTH]);

impl KeyHash {
    /// The hash of a secret.
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// As 64 hexadecimal digits.
    pub fn to_text(self) -> String {
        hex(&self.0)
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        if text.len() != 2 * LENGTH || !text.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for KeyHash {}

impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As even as random numbers already.
        let begin = self.0.first_chunk().copied().unwrap_or_default();
        state.write_u64(u64::from_le_bytes(begin));
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "{}…", hex(&[a, b]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sha256_and_comes_back() {
        let hash = KeyHash::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_text(), text);
        assert_eq!(KeyHash::from_text(text), Some(hash));
        assert_ne!(hash, KeyHash::of(b"abd"));
        for wrong in [
            "",
            "ba78",
            &text.replace('b', "x"),
            &format!("{text}00"),
            &"é".repeat(32),
        ] {
            assert_eq!(KeyHash::from_text(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{hash:?}"), "ba78…");
    }
}
