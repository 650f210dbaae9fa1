//! Whether the files of a config have changed.
//!
//! They are looked at again and again: that works on every system and every kind of mount, follows links that are replaced
//! (as Kubernetes does it) and files that are not there yet, and costs a few system calls. Who is told by the system
//! instead has to watch folders, and misses what happens behind a network.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::sleep;

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_secs(2);
/// A file that has changed is looked at again after this; what is the same twice was written to its end.
const SETTLE: Duration = Duration::from_millis(500);

/// Some files, and how they were when they were read.
#[derive(Debug)]
pub(super) struct Watched {
    files: Vec<PathBuf>,
    seen: Vec<Option<Trace>>,
}

/// What changes with a file: device and inode, size, times of the last change of its content and of its attributes.
type Trace = (u64, u64, u64, (i64, i64), (i64, i64));

impl Watched {
    /// Files as they are now. That must be before they are read: what changes meanwhile is seen as a change.
    pub(super) fn now(files: Vec<PathBuf>) -> Self {
        Self {
            seen: traces(&files),
            files,
        }
    }

    /// Whether these are other files than those of a config that was read afterwards.
    pub(super) fn are(&self, files: &[PathBuf]) -> bool {
        self.files == files
    }

    /// Waits until something has changed, and is written to its end.
    pub(super) async fn changed(&self) {
        loop {
            sleep(LOOK).await;
            let mut found = traces(&self.files);
            while found != self.seen {
                sleep(SETTLE).await;
                let again = traces(&self.files);
                if again == found {
                    return;
                }
                found = again;
            }
        }
    }
}

fn traces(files: &[PathBuf]) -> Vec<Option<Trace>> {
    files.iter().map(|file| trace(file)).collect()
}

/// Nothing of a file that is not there.
fn trace(file: &Path) -> Option<Trace> {
    let found = fs::metadata(file).ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.size(),
        (found.mtime(), found.mtime_nsec()),
        (found.ctime(), found.ctime_nsec()),
    ))
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _, os::unix::fs::symlink};

    use tokio::time::{Instant, timeout};

    use super::*;

    async fn is_changed(watched: &Watched) -> bool {
        timeout(LOOK * 2, watched.changed()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn every_way_to_change_a_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "1").unwrap();
        symlink("a", path("link")).unwrap();
        let files = || vec![path("link"), path("absent")];
        let nothing = Watched::now(files());
        assert!(!is_changed(&nothing).await);
        let changes: [&dyn Fn(); 5] = [
            // The same size.
            &|| fs::write(path("a"), "2").unwrap(),
            &|| {
                fs::write(path("new"), "3").unwrap();
                fs::rename(path("new"), path("a")).unwrap();
            },
            &|| {
                fs::write(path("b"), "3").unwrap();
                symlink("b", path("new")).unwrap();
                fs::rename(path("new"), path("link")).unwrap();
            },
            &|| fs::write(path("absent"), "").unwrap(),
            &|| fs::remove_file(path("link")).unwrap(),
        ];
        for (at, change) in changes.iter().enumerate() {
            let watched = Watched::now(files());
            // The clock of files goes in steps.
            std::thread::sleep(Duration::from_millis(20));
            change();
            assert!(is_changed(&watched).await, "change {at}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_being_written_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = File::create(&path).unwrap();
        let watched = Watched::now(vec![path]);
        let start = Instant::now();
        let writes = async {
            for _ in 0..20 {
                file.write_all(b"a piece").unwrap();
                sleep(SETTLE * 4 / 5).await;
            }
            start.elapsed()
        };
        let (whole, seen) = tokio::join!(writes, async {
            watched.changed().await;
            start.elapsed()
        });
        assert!(seen >= whole, "{seen:?} {whole:?}");
    }
}
