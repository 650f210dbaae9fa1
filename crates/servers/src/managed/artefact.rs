//! Files that are checked before they are used.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

/// The SHA-256 of a file, in hexadecimal.
pub(crate) async fn sha256(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    spawn_blocking(move || {
        let mut hasher = Sha256::new();
        feed(&mut hasher, &mut File::open(path)?)?;
        Ok(hex(hasher.finalize()))
    })
    .await?
}

/// Reads everything into the hasher.
pub(crate) fn feed(hasher: &mut Sha256, input: &mut impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let mut count = 0;
    loop {
        let read = input.read(&mut buffer)?;
        if read == 0 {
            return Ok(count);
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        count += read as u64;
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
    let halves = bytes.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.map(digit).collect()
}
