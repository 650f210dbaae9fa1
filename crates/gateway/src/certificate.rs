//! The certificate that a gateway makes for itself, where the config names none.
//!
//! Nobody vouches for it, so that a browser warns; its fingerprint says whether it is the right one.

use std::{
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    error::Unspecified,
    rand::{self, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SignatureAlgorithm, SigningKey, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use yabby_core::Secret;

/// As in OpenClaw: a fingerprint that changes tells nobody anything.
const YEARS: u64 = 10;
const SECONDS_OF_A_YEAR: u64 = 31_556_952;
/// As long as the lines of PEM are (RFC 7468).
const LINE: usize = 64;

/// A key of aws-lc. (rcgen's own feature for that would bring a parser of certificates into the lock file.)
struct Key(EcdsaKeyPair);

/// A new certificate for these names and addresses, and its key (ECDSA, P-256), as PEM.
///
/// # Errors
///
/// When one of them is no name, or the system has no random numbers.
pub fn new_certificate(names: &[String]) -> io::Result<Secret> {
    let failed = |error: rcgen::Error| io::Error::other(error);
    let no_random = |error: Unspecified| io::Error::other(error);
    let mut parameters = CertificateParams::new(names).map_err(failed)?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "Yabby");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let year = 1970 + since.as_secs() / SECONDS_OF_A_YEAR + YEARS;
    parameters.not_after = date_time_ymd(i32::try_from(year).map_err(io::Error::other)?, 1, 1);
    let mut serial = [0; 16];
    rand::fill(&mut serial).map_err(no_random)?;
    // A positive number, whose first byte is not zero (RFC 5280, 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    parameters.serial_number = Some(serial.to_vec().into());
    let key = Key(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(no_random)?);
    let secret = key.0.to_pkcs8v1().map_err(no_random)?;
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    let certificate = pem("CERTIFICATE", certificate.der());
    Ok(Secret::new(certificate + &pem("PRIVATE KEY", secret.as_ref())))
}

/// SHA-256 of the first certificate in a text of PEM, as browsers show it; nothing where there is none.
pub fn fingerprint(text: &str) -> Option<String> {
    let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
    Some(fingerprint_of(&certificate))
}

/// The same of a certificate.
pub(crate) fn fingerprint_of(certificate: &[u8]) -> String {
    let hash = Sha256::digest(certificate);
    let pairs: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signed = self.0.sign(&SystemRandom::new(), message);
        signed
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|Unspecified| rcgen::Error::RemoteKeyError)
    }
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
    let lines = lines.fold(String::new(), |all, line| all + &line + "\n");
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_has_a_fingerprint_of_its_own() {
        let made = || new_certificate(&["localhost".to_owned(), "::1".to_owned()]).unwrap();
        let (one, other) = (made(), made());
        let of = |text: &Secret| fingerprint(text.expose()).unwrap();
        assert_eq!(of(&one).len(), 32 * 3 - 1);
        assert_eq!(of(&one), of(&one));
        assert_ne!(of(&one), of(&other));
        assert_eq!(fingerprint("-----BEGIN CERTIFICATE-----\n"), None);
        assert!(new_certificate(&["b\u{f6}x".to_owned()]).is_err());
    }
}
