//! The certificate that Yabby makes for itself, in the state folder. It is made once and used again, as long as it has all the
//! names that are needed.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use yabby_config::{GatewaySettings, GatewayTls};
use yabby_core::{Secret, text};
use yabby_gateway::{fingerprint, new_certificate};

use super::{
    address,
    private_file::{PrivateFile, Unusable},
};
use crate::app::App;

const FILE: &str = "gateway-tls.pem";
/// No file with one certificate and its key is longer.
const LONGEST: u64 = 64 << 10;
/// The line above a certificate that Yabby has made, before its names. Whoever reads PEM passes over it.
const MADE_FOR: &str = "Made by Yabby for: ";
/// So many names are kept when it is made anew.
const MOST: usize = 64;

/// A certificate of Yabby's own.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The file of it and of its key.
    pub(crate) path: PathBuf,
    /// The names for which it was made anew just now.
    added: Vec<String>,
}

impl Certificate {
    /// The one in a state folder, where the config wants one, for a gateway that listens at this address.
    pub(crate) fn of(state_dir: &Path, settings: &GatewaySettings, at: IpAddr) -> Result<Option<Self>, Unusable> {
        if settings.tls != GatewayTls::Own {
            return Ok(None);
        }
        let mut names = names(settings, at);
        let mut file = PrivateFile::of(state_dir, FILE, LONGEST, || made(&names))?;
        if fingerprint(file.text.expose()).is_none() {
            return Err(Unusable::none_in(&file.path));
        }
        // One that a person has put there stays as it is.
        let known = made_for(file.text.expose());
        let added: Vec<String> = match &known {
            Some(known) => names.iter().filter(|name| !known.contains(name)).cloned().collect(),
            None => Vec::new(),
        };
        if !added.is_empty() {
            // A machine that goes to and fro between networks is not to have another one each time.
            let left = MOST.saturating_sub(names.len());
            let others = known
                .into_iter()
                .flatten()
                .filter(|name| !names.contains(name))
                .take(left);
            names.extend(others.collect::<Vec<_>>());
            file = file.replace(|| made(&names))?;
        }
        Ok(Some(Self { path: file.path, added }))
    }

    /// Tells by what a person knows it: its fingerprint.
    pub(crate) fn tell(&self, app: &App, fingerprint: &str) {
        if !self.added.is_empty() {
            app.terminal.notice(&text!(
                "the certificate was made anew, because it did not name {names}; whoever has trusted the one before is asked again",
                names = self.added.join(", ")
            ));
        }
        app.terminal.notice(&text!(
            "the certificate is Yabby's own, in {path}: a browser warns, and it is the right one if its SHA-256 fingerprint is {fingerprint}",
            path = self.path.display(),
            fingerprint = fingerprint
        ));
    }
}

fn made(names: &[String]) -> io::Result<Secret> {
    let text = new_certificate(names)?;
    Ok(Secret::new(format!("{MADE_FOR}{}\n{}", names.join(" "), text.expose())))
}

/// The names for which Yabby has made what is in a file; nothing where somebody else has made it.
fn made_for(text: &str) -> Option<Vec<String>> {
    let names = text.lines().next()?.strip_prefix(MADE_FOR)?;
    Some(names.split(' ').map(str::to_owned).collect())
}

/// What it is needed for: this machine, the addresses at which others reach it, and the names of the config.
fn names(settings: &GatewaySettings, at: IpAddr) -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    names.extend(address::others(at).iter().map(IpAddr::to_string));
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
            allowed_origins: ["https://box.example", "http://[fd00::1]:8080", "http://localhost:1"]
                .map(str::to_owned)
                .to_vec(),
            ..GatewaySettings::default()
        }
    }

    fn at(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        let of = |settings: &GatewaySettings| Certificate::of(&state, settings, at("192.168.1.5"));
        assert!(of(&GatewaySettings::default()).unwrap().is_none());
        assert!(!state.exists());
        let Certificate { path, added } = of(&wanted()).unwrap().unwrap();
        assert!(added.is_empty());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let first = fs::read(&path).unwrap();
        assert!(of(&wanted()).unwrap().unwrap().added.is_empty());
        assert_eq!(fs::read(&path).unwrap(), first);
        fs::write(&path, "no certificate at all").unwrap();
        assert!(of(&wanted()).is_err());
    }

    #[test]
    fn it_is_made_anew_when_it_lacks_a_name_and_keeps_those_that_it_has() {
        let home = tempfile::tempdir().unwrap();
        let of = |address: &str| {
            let own = Certificate::of(home.path(), &wanted(), at(address)).unwrap().unwrap();
            let text = fs::read_to_string(&own.path).unwrap();
            assert_eq!(fs::metadata(&own.path).unwrap().mode() & 0o777, 0o600);
            (own.added, text)
        };
        let (added, first) = of("127.0.0.1");
        assert!(added.is_empty());
        let (added, second) = of("192.168.1.5");
        assert_eq!(added, ["192.168.1.5"]);
        assert_ne!(fingerprint(&second), fingerprint(&first));
        let (added, third) = of("10.0.0.5");
        assert_eq!(added, ["10.0.0.5"]);
        for address in ["192.168.1.5", "127.0.0.1", "10.0.0.5"] {
            assert_eq!(of(address), (Vec::new(), third.clone()), "{address}");
        }
        // What somebody else has made is not taken away.
        let path = home.path().join(FILE);
        let other = new_certificate(&["localhost".to_owned()]).unwrap();
        fs::write(&path, other.expose()).unwrap();
        assert_eq!(of("10.0.0.5"), (Vec::new(), other.expose().to_owned()));
    }

    #[test]
    fn it_has_the_names_by_which_the_gateway_is_called() {
        assert_eq!(
            names(&wanted(), at("192.168.1.5")),
            ["127.0.0.1", "192.168.1.5", "::1", "box.example", "fd00::1", "localhost"]
        );
        let everywhere = names(&wanted(), at("0.0.0.0"));
        let missing: Vec<IpAddr> = address::others(at("0.0.0.0"))
            .into_iter()
            .filter(|own| !everywhere.contains(&own.to_string()))
            .collect();
        assert!(
            missing.is_empty() && !everywhere.contains(&"0.0.0.0".to_owned()),
            "{missing:?}"
        );
    }
}
