//! A certificate for servers of tests.

use std::path::{Path, PathBuf};

/// The files of a certificate for `localhost` and 127.0.0.1 that no system trusts.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The certificate of the authority that has signed it.
    pub authority: PathBuf,
}

impl Certificate {
    /// The one of PostgreSQL's tests.
    pub fn files() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres/tls");
        Self {
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
            authority: folder.join("ca.pem"),
        }
    }
}
