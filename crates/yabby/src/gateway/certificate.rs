//! The certificate that Yabby makes for itself, in the state folder. It is made once and used again.

use std::path::{Path, PathBuf};

use yabby_config::{Bind, GatewaySettings, GatewayTls};
use yabby_core::text;
use yabby_gateway::{fingerprint, new_certificate};

use super::private_file::{PrivateFile, Unusable};
use crate::app::App;

const FILE: &str = "gateway-tls.pem";
/// No file with one certificate and its key is longer.
const LONGEST: u64 = 64 << 10;

/// A certificate of Yabby's own.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The file of it and of its key.
    pub(crate) path: PathBuf,
    /// SHA-256, as browsers show it.
    fingerprint: String,
}

impl Certificate {
    /// The one in a state folder, where the config wants one.
    pub(crate) fn of(state_dir: &Path, settings: &GatewaySettings) -> Result<Option<Self>, Unusable> {
        if settings.tls != GatewayTls::Own {
            return Ok(None);
        }
        let made = || new_certificate(&names(settings));
        let PrivateFile { path, text } = PrivateFile::of(state_dir, FILE, LONGEST, made)?;
        match fingerprint(text.expose()) {
            Some(fingerprint) => Ok(Some(Self { path, fingerprint })),
            None => Err(Unusable::none_in(&path)),
        }
    }

    /// Tells by what a person knows it.
    pub(crate) fn tell(&self, app: &App) {
        app.terminal.notice(&text!(
            "the certificate is Yabby's own, in {path}: a browser warns, and it is the right one if its SHA-256 fingerprint is {fingerprint}",
            path = self.path.display(),
            fingerprint = self.fingerprint
        ));
    }
}

/// What a new one is for: this machine, the address at which it listens, and the names of the config.
fn names(settings: &GatewaySettings) -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    if let Bind::Address(address) = settings.bind
        && !address.is_unspecified()
    {
        names.push(address.to_string());
    }
    let hosts = settings.allowed_origins.iter().filter_map(|origin| {
        let (_, rest) = origin.split_once("://")?;
        let host = match rest.strip_prefix('[') {
            Some(rest) => rest.split(']').next()?,
            None => rest.split(':').next()?,
        };
        Some(host.to_owned())
    });
    names.extend(hosts);
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use super::*;

    fn wanted() -> GatewaySettings {
        GatewaySettings {
            tls: GatewayTls::Own,
            bind: Bind::Address("192.168.1.5".parse().unwrap()),
            allowed_origins: ["https://box.example", "http://[fd00::1]:8080", "http://localhost:1"]
                .map(str::to_owned)
                .to_vec(),
            ..GatewaySettings::default()
        }
    }

    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        assert!(Certificate::of(&state, &GatewaySettings::default()).unwrap().is_none());
        assert!(!state.exists());
        let first = Certificate::of(&state, &wanted()).unwrap().unwrap();
        assert_eq!(fs::metadata(&first.path).unwrap().mode() & 0o777, 0o600);
        let again = Certificate::of(&state, &wanted()).unwrap().unwrap();
        assert_eq!((first.path.clone(), first.fingerprint), (again.path, again.fingerprint));
        fs::write(&first.path, "no certificate at all").unwrap();
        assert!(Certificate::of(&state, &wanted()).is_err());
    }

    #[test]
    fn it_has_the_names_by_which_the_gateway_is_called() {
        assert_eq!(
            names(&wanted()),
            ["127.0.0.1", "192.168.1.5", "::1", "box.example", "fd00::1", "localhost"]
        );
    }
}
