//! The key of secrets.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use yabby_core::{Secret, text};

use crate::{
    error::{Result, StoreError, StoreErrorKind},
    portable::hex,
};

/// A key with fewer characters could be guessed.
const SHORTEST: usize = 32;
const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 4;

/// What secrets are encrypted with: AES-256-GCM, under a key that is derived from what the owner gives. The name of a
/// secret is part of what is checked, so that no row can stand in for another.
#[derive(Clone)]
pub struct SecretsKey {
    key: Arc<RandomizedNonceKey>,
    /// The way and the key, for the row. It tells keys apart and says nothing about them.
    name: String,
}

/// So many bytes are derived.
struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl SecretsKey {
    /// The key of a text that nobody can guess, of 32 characters at the least.
    pub fn new(from: &Secret) -> Result<Self> {
        let text = from.expose().trim();
        if text.chars().count() < SHORTEST {
            let message = text!(
                "the key for secrets is shorter than {count} characters",
                count = SHORTEST
            );
            return Err(StoreError::new(StoreErrorKind::Invalid, message)
                .with_hint(text!("make one with: openssl rand -hex 32")));
        }
        let derived = Salt::new(HKDF_SHA256, b"yabby store secrets").extract(text.as_bytes());
        let mut key = zeroize::Zeroizing::new([0; KEY_BYTES]);
        let mut id = [0; ID_BYTES];
        let expand = |what: &[u8], into: &mut [u8]| {
            let what = [what];
            derived
                .expand(&what, Bytes(into.len()))
                .and_then(|bytes| bytes.fill(into))
        };
        expand(b"aes-256-gcm", key.as_mut_slice()).map_err(|_| unusable())?;
        expand(b"id", &mut id).map_err(|_| unusable())?;
        Ok(Self {
            key: Arc::new(RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| unusable())?),
            name: format!("aes-256-gcm/1 {}", hex(&id)),
        })
    }

    pub(super) fn seal_name(&self) -> &str {
        &self.name
    }

    /// A random number that is used once, what is encrypted, and the proof that it is whole.
    pub(super) fn seal(&self, name: &str, secret: &Secret) -> Result<Vec<u8>> {
        let mut bytes = secret.expose().as_bytes().to_vec();
        let nonce = self.key.seal_in_place_append_tag(about(name), &mut bytes);
        let nonce = nonce.map_err(|_| unusable())?;
        let mut all = nonce.as_ref().to_vec();
        all.append(&mut bytes);
        Ok(all)
    }

    pub(super) fn open(&self, name: &str, mut value: Vec<u8>) -> Result<Secret> {
        let (nonce, bytes) = value.split_at_mut_checked(NONCE_LEN).ok_or_else(|| unreadable(name))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unreadable(name))?;
        let opened = self.key.open_in_place(nonce, about(name), bytes);
        let opened = opened.map_err(|_| unreadable(name))?;
        let secret = str::from_utf8(opened).map(Secret::new).map_err(|_| unreadable(name));
        zeroize::Zeroize::zeroize(&mut value);
        secret
    }
}

impl fmt::Debug for SecretsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn about(name: &str) -> Aad<Vec<u8>> {
    Aad::from([b"yabby secret 1\0".as_slice(), name.as_bytes()].concat())
}

pub(super) fn unreadable(name: &str) -> StoreError {
    let message = text!("the secret {name} is damaged", name = name);
    StoreError::new(StoreErrorKind::Damaged, message).with_hint(text!("store it anew"))
}

fn unusable() -> StoreError {
    StoreError::new(StoreErrorKind::Other, text!("this machine cannot encrypt"))
}
