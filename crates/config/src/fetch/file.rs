//! Secrets in files.

use std::{
    fs::{self, File, OpenOptions},
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
};

use rustix::{fs::OFlags, process::geteuid};
use serde_json::Value;
use yabby_core::Secret;
use zeroize::Zeroizing;

use super::{SecretError, keeper::SecretFile, vault::Answer};

/// What others may do with the file.
const OTHERS: u32 = 0o077;

/// The secrets at these ids.
pub(super) fn read(file: &SecretFile, provider: &str, ids: &[&str]) -> Vec<Answer> {
    match content(file, provider) {
        Ok(content) => ids.iter().map(|id| at(file, provider, &content, id)).collect(),
        Err(error) => ids.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// The text of the file, if nobody else can read it.
fn content(file: &SecretFile, provider: &str) -> Result<Zeroizing<String>, SecretError> {
    let path = &file.path;
    let failed = |error| SecretError::of_io(path, error);
    // A pipe would keep the reader waiting for a writer.
    let waits_not = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(waits_not).open(path);
    let opened = opened.map_err(failed)?;
    // What was opened is looked at, not what stands at the path by now.
    allow(file, provider, &opened.metadata().map_err(failed)?)?;
    let mut bytes = Zeroizing::new(Vec::new());
    File::take(opened, file.most + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > file.most {
        return Err(SecretError::TooLarge {
            path: path.clone(),
            most: file.most,
            provider: provider.to_owned(),
        });
    }
    let text = str::from_utf8(&bytes).map_err(|_| SecretError::Nothing { path: path.clone() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(Zeroizing::new(text.to_owned()))
}

fn allow(file: &SecretFile, provider: &str, found: &fs::Metadata) -> Result<(), SecretError> {
    let path = file.path.clone();
    let is_ours = || [0, geteuid().as_raw()].contains(&found.uid());
    if !found.is_file() {
        Err(SecretError::NotAFile { path })
    } else if file.any_owner {
        Ok(())
    } else if found.mode() & OTHERS != 0 {
        Err(SecretError::Readable { path })
    } else if !is_ours() {
        Err(SecretError::Foreign {
            path,
            provider: provider.to_owned(),
        })
    } else {
        Ok(())
    }
}

/// The secret at an id. Of a file that is one secret, a line end at its end is no part of it.
fn at(file: &SecretFile, provider: &str, content: &str, id: &str) -> Answer {
    let path = &file.path;
    let nothing = || SecretError::Nothing { path: path.clone() };
    if !file.is_json {
        let line = content.strip_suffix('\n').unwrap_or(content);
        let value = line.strip_suffix('\r').unwrap_or(line);
        return Some(value)
            .filter(|value| !value.is_empty())
            .map(Secret::new)
            .ok_or_else(nothing);
    }
    let value: Value = serde_json::from_str(content)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| SecretError::NotAnObject {
            path: path.clone(),
            provider: provider.to_owned(),
        })?;
    let found = value.pointer(id).and_then(Value::as_str);
    found
        .filter(|found| !found.is_empty())
        .map(Secret::new)
        .ok_or_else(nothing)
}
