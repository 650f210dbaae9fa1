//! New secrets.

use std::io;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use yabby_core::Secret;

use super::KeyHash;

/// What secrets begin with, so that people and programs that look for them know one when they see it.
const BEGIN: &str = "yk_";
/// No letter that looks like another one.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A new secret with an id for its key.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// Ten letters and digits.
    pub id: String,
    /// 256 random bits as text. It is shown once, and kept nowhere.
    pub secret: Secret,
    /// Its hash, which is kept.
    pub hash: KeyHash,
}

/// A secret that nobody can guess. It fails where the system has no random numbers.
pub fn new_secret() -> io::Result<NewSecret> {
    let mut random = [0; 42];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let (of_secret, of_id) = random.split_at(32);
    let secret = format!("{BEGIN}{}", URL_SAFE_NO_PAD.encode(of_secret));
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('a', char::from);
    Ok(NewSecret {
        id: of_id.iter().map(letter).collect(),
        hash: KeyHash::of(secret.as_bytes()),
        secret: Secret::new(secret),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_have_all_their_bits() {
        let [one, other] = [new_secret().unwrap(), new_secret().unwrap()];
        assert_eq!(one.secret.expose().len(), BEGIN.len() + 43);
        assert_eq!(one.id.len(), 10);
        assert_ne!(one.secret, other.secret);
        assert_ne!(one.id, other.id);
        assert_eq!(one.hash, KeyHash::of(one.secret.expose().as_bytes()));
    }
}
