//! Fetching a file over HTTPS: resumable, verified, put in place in one step.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{StatusCode, header::RANGE};
use sha2::{Digest, Sha256};
use yabby_core::{ModelError, Text, text};

use super::{
    Report,
    artefact::{feed, hex},
    failure,
};

/// What to fetch.
pub(crate) struct Download<'a> {
    pub(crate) url: &'a str,
    pub(crate) sha256: &'a str,
    pub(crate) to: &'a Path,
    /// What the person sees.
    pub(crate) name: Text,
}

/// Without a byte for this long, the connection is given up and resumed.
const STALL: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(15);
/// Nothing that Yabby fetches is larger; a source that goes on for ever must not fill the disk.
const LARGEST: u64 = 512 << 20;
/// How often a broken connection is resumed before it is a failure.
const RESUMES: u32 = 5;

impl Download<'_> {
    /// Fetches the file unless it is there. A broken connection is resumed where it stopped, also by a later call.
    pub(crate) async fn run(&self, client: &reqwest::Client, report: &dyn Report) -> Result<(), ModelError> {
        if self.to.exists() {
            return Ok(());
        }
        if let Some(folder) = self.to.parent() {
            fs::create_dir_all(folder).map_err(|error| self.disk(&error))?;
        }
        // A second process that wants the same file waits here and then finds it.
        let _lock = lock(&self.beside("lock"), report)
            .await
            .map_err(|error| self.disk(&error))?;
        if self.to.exists() {
            return Ok(());
        }
        let part = self.beside("part");
        let mut resumes = 0;
        // A part of an earlier run that does not fit is thrown away once.
        let mut inherited = part.exists();
        loop {
            match self.stream_into(client, &part, report).await {
                Ok(digest) if digest == self.sha256 => break,
                Ok(digest) => {
                    let _ = fs::remove_file(&part);
                    if std::mem::take(&mut inherited) {
                        continue;
                    }
                    return Err(failure(text!(
                        "{name} is not the expected file: its SHA-256 is {digest}, not {expected}",
                        name = self.name,
                        digest = digest,
                        expected = self.sha256
                    )));
                }
                Err(Trouble::Broken(_)) if resumes < RESUMES => {
                    resumes += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(Trouble::Broken(error) | Trouble::Refused(error)) => {
                    return Err(failure(text!(
                        "{name} could not be fetched: {error}",
                        name = self.name,
                        error = error
                    ))
                    .with_hint(text!(
                        "check the internet connection and run the same command again; it goes on where it stopped"
                    )));
                }
                Err(Trouble::Disk(error)) => return Err(self.disk(&error)),
            }
        }
        fs::rename(&part, self.to).map_err(|error| self.disk(&error))?;
        report.end();
        Ok(())
    }

    /// One connection. Returns the digest of the complete file.
    async fn stream_into(&self, client: &reqwest::Client, part: &Path, report: &dyn Report) -> Result<String, Trouble> {
        let mut hasher = Sha256::new();
        let mut done = match File::open(part) {
            Ok(mut file) => feed(&mut hasher, &mut file).map_err(Trouble::Disk)?,
            Err(_) => 0,
        };
        let mut request = client.get(self.url);
        if done > 0 {
            request = request.header(RANGE, format!("bytes={done}-"));
        }
        let mut response = match tokio::time::timeout(CONNECT, request.send()).await {
            Ok(Ok(response)) => response,
            // Nothing was reached: another source may do better, trying again here will not.
            Ok(Err(error)) => return Err(Trouble::Refused(error.without_url().to_string())),
            Err(_) => return Err(Trouble::Refused("no answer".to_owned())),
        };
        let mut file = match response.status() {
            StatusCode::PARTIAL_CONTENT => OpenOptions::new().append(true).open(part),
            // The part is the whole file already.
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(hex(hasher.finalize())),
            status if status.is_success() => {
                hasher = Sha256::new();
                done = 0;
                File::create(part)
            }
            status => return Err(Trouble::Refused(format!("HTTP {status}"))),
        }
        .map_err(Trouble::Disk)?;
        report.begin(self.name.clone(), response.content_length().map(|rest| done + rest));
        report.advance(done);
        loop {
            match tokio::time::timeout(STALL, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    if done + chunk.len() as u64 > LARGEST {
                        return Err(Trouble::Refused(format!("more than {} MB", LARGEST >> 20)));
                    }
                    file.write_all(&chunk).map_err(Trouble::Disk)?;
                    hasher.update(&chunk);
                    done += chunk.len() as u64;
                    report.advance(done);
                }
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Err(Trouble::Broken(error.without_url().to_string())),
                Err(_) => return Err(Trouble::Broken("no data".to_owned())),
            }
        }
        file.sync_all().map_err(Trouble::Disk)?;
        Ok(hex(hasher.finalize()))
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.to.as_os_str().to_owned();
        name.push(".");
        name.push(suffix);
        PathBuf::from(name)
    }

    fn disk(&self, error: &io::Error) -> ModelError {
        failure(text!(
            "{path} could not be written: {error}",
            path = self.to.display(),
            error = error
        ))
        .with_hint(text!(
            "make room on the disk, or set YABBY_CACHE_DIR to a folder that can be written"
        ))
    }
}

enum Trouble {
    /// The source does not give the file.
    Refused(String),
    /// The connection broke; the file so far is kept.
    Broken(String),
    Disk(io::Error),
}

/// Waits for an exclusive lock on a file, which is created when it is missing.
pub(crate) async fn lock(path: &Path, report: &dyn Report) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        if !std::mem::replace(&mut told, true) {
            report.begin(text!("another yabby is at work here; waiting for it"), None);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if told {
        report.end();
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tempfile::TempDir;
    use yabby_core::ErrorKind;
    use yabby_testkit::{FileRequest, FileServer, dead_url};

    use super::*;

    /// Notes what a person would see.
    #[derive(Default)]
    struct Seen(Mutex<Vec<(Option<u64>, u64)>>);

    impl Report for Seen {
        fn begin(&self, _what: Text, total: Option<u64>) {
            self.0.lock().unwrap().push((total, 0));
        }
        fn advance(&self, done: u64) {
            self.0.lock().unwrap().last_mut().unwrap().1 = done;
        }
        fn end(&self) {}
    }

    fn content() -> Vec<u8> {
        (0..3_000_000_u32).flat_map(u32::to_le_bytes).take(3_000_000).collect()
    }

    fn digest(bytes: &[u8]) -> String {
        hex(Sha256::digest(bytes))
    }

    async fn fetch(url: &str, sha256: &str, to: &Path, seen: &Seen) -> Result<(), ModelError> {
        let download = Download {
            url,
            sha256,
            to,
            name: text!("model"),
        };
        download
            .run(&reqwest::Client::builder().no_proxy().build().unwrap(), seen)
            .await
    }

    #[tokio::test]
    async fn a_broken_connection_is_resumed_where_it_stopped() {
        let (folder, bytes, seen) = (TempDir::new().unwrap(), content(), Seen::default());
        let to = folder.path().join("deep/model.gguf");
        let server = FileServer::start(bytes.clone());
        server.break_after(1_000_000);
        fetch(server.url(), &digest(&bytes), &to, &seen).await.unwrap();
        assert_eq!(fs::read(&to).unwrap(), bytes);
        let asked = server.requests();
        assert_eq!((asked.len(), asked[0].from), (2, None));
        assert!(asked[1].from.is_some_and(|from| from > 0), "{asked:?}");
        assert_eq!(seen.0.lock().unwrap().last(), Some(&(Some(3_000_000), 3_000_000)));
        // A second call finds the file and asks nobody.
        fetch(server.url(), &digest(&bytes), &to, &seen).await.unwrap();
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn a_part_of_an_earlier_run_is_used() {
        let (folder, bytes) = (TempDir::new().unwrap(), content());
        let to = folder.path().join("model.gguf");
        fs::write(folder.path().join("model.gguf.part"), &bytes[..2_000_000]).unwrap();
        let server = FileServer::start(bytes.clone());
        fetch(server.url(), &digest(&bytes), &to, &Seen::default())
            .await
            .unwrap();
        assert_eq!(fs::read(&to).unwrap(), bytes);
        let only = FileRequest {
            path: "/".to_owned(),
            from: Some(2_000_000),
        };
        assert_eq!(server.requests(), [only]);
    }

    #[tokio::test]
    async fn a_part_that_does_not_fit_is_thrown_away() {
        let (folder, bytes) = (TempDir::new().unwrap(), content());
        let to = folder.path().join("model.gguf");
        fs::write(folder.path().join("model.gguf.part"), vec![7; 1_000_000]).unwrap();
        let server = FileServer::start(bytes.clone());
        fetch(server.url(), &digest(&bytes), &to, &Seen::default())
            .await
            .unwrap();
        assert_eq!(fs::read(&to).unwrap(), bytes);
    }

    #[tokio::test]
    async fn another_file_never_gets_into_place() {
        let (folder, bytes) = (TempDir::new().unwrap(), content());
        let to = folder.path().join("model.gguf");
        let server = FileServer::start(bytes);
        let error = fetch(server.url(), &digest(b"other"), &to, &Seen::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Provision);
        assert!(!to.exists() && !folder.path().join("model.gguf.part").exists());
    }

    #[tokio::test]
    async fn a_source_that_is_off_is_given_up_at_once() {
        let folder = TempDir::new().unwrap();
        let to = folder.path().join("model.gguf");
        let error = fetch(&dead_url(), &digest(b""), &to, &Seen::default())
            .await
            .unwrap_err();
        assert!(error.message.english().contains("could not be fetched"), "{error}");
        assert!(error.hint.is_some() && !to.exists());
    }
}
