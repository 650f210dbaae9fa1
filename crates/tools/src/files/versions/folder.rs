//! Old versions in a folder: contents by their hash in `objects`, the changes of each file in `files`.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use yabby_core::{Confidentiality, Integrity, Label, Time};

use super::{Change, Kept, State, Versions, digest};

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionLimits {
    /// So many bytes of old contents; the oldest changes go first.
    pub bytes: u64,
    /// So long.
    pub age: Duration,
}

impl Default for VersionLimits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            age: Duration::from_hours(24 * 30),
        }
    }
}

/// Versions in a folder of their own, outside of what tools can reach.
pub struct FolderVersions {
    folder: PathBuf,
    limits: VersionLimits,
    book: Mutex<Book>,
}

/// What is known of the folder without reading it.
#[derive(Default)]
struct Book {
    /// Bytes in `objects`.
    bytes: u64,
    /// When it was last looked for what is too old.
    swept: Option<Time>,
}

/// Every so often, what is too old is looked for.
const SWEEP: Duration = Duration::from_hours(1);

/// The changes of one file, as they are stored.
#[derive(Default, Serialize, Deserialize)]
struct History {
    path: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    /// The oldest first.
    changes: Vec<Stored>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    at: i64,
    before: Option<Object>,
    after: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Object {
    hash: String,
    mode: u32,
}

impl FolderVersions {
    /// Versions in `folder`, which is made when it is missing.
    pub fn open(folder: impl Into<PathBuf>, limits: VersionLimits) -> io::Result<Self> {
        let folder = folder.into();
        let mut book = Book::default();
        fs::create_dir_all(folder.join("files"))?;
        fs::create_dir_all(folder.join("objects"))?;
        for object in fs::read_dir(folder.join("objects"))? {
            book.bytes += object?.metadata()?.len();
        }
        Ok(Self {
            folder,
            limits,
            book: Mutex::new(book),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object(&self, hash: &str) -> PathBuf {
        self.folder.join("objects").join(hash)
    }

    fn history_file(&self, path: &Path) -> PathBuf {
        let name = digest(path.as_os_str().as_encoded_bytes());
        self.folder.join("files").join(format!("{name}.json"))
    }

    fn history(&self, path: &Path) -> io::Result<History> {
        let found = match fs::read(self.history_file(path)) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => History::default(),
            Err(error) => return Err(error),
        };
        Ok(History {
            path: path.to_owned(),
            ..found
        })
    }

    fn store(&self, history: &History) -> io::Result<()> {
        let file = self.history_file(&history.path);
        if history.changes.is_empty() && history.label.is_none() {
            return ignore_missing(fs::remove_file(file));
        }
        put(&file, &serde_json::to_vec(history)?)
    }

    /// Takes away what is too old or too much.
    fn sweep(&self, book: &mut Book, now: Time) -> io::Result<()> {
        let due = book.swept.is_none_or(|last| now.since(last) >= SWEEP);
        if !due && book.bytes <= self.limits.bytes {
            return Ok(());
        }
        book.swept = Some(now);
        let mut histories = Vec::new();
        for file in fs::read_dir(self.folder.join("files"))? {
            // One that cannot be read is left alone.
            if let Ok(history) = serde_json::from_slice::<History>(&fs::read(file?.path())?) {
                histories.push(history);
            }
        }
        let mut times: Vec<i64> = histories
            .iter()
            .flat_map(|history| history.changes.iter().map(|stored| stored.at))
            .collect();
        times.sort_unstable();
        let mut oldest = (now - self.limits.age).0;
        self.drop_before(&mut histories, oldest, book)?;
        // Each step takes an eighth of the changes.
        let mut next = times.len() / 8;
        while book.bytes > self.limits.bytes {
            oldest = times.get(next).copied().unwrap_or(i64::MAX);
            self.drop_before(&mut histories, oldest, book)?;
            if oldest == i64::MAX {
                break;
            }
            next += times.len() / 8 + 1;
        }
        Ok(())
    }

    fn drop_before(&self, histories: &mut [History], oldest: i64, book: &mut Book) -> io::Result<()> {
        for history in histories.iter_mut() {
            let before = history.changes.len();
            history.changes.retain(|stored| stored.at >= oldest);
            if history.changes.len() != before {
                self.store(history)?;
            }
        }
        let used: BTreeSet<&str> = histories
            .iter()
            .flat_map(|history| &history.changes)
            .filter_map(|stored| Some(stored.before.as_ref()?.hash.as_str()))
            .collect();
        book.bytes = 0;
        for object in fs::read_dir(self.folder.join("objects"))? {
            let object = object?;
            if object.file_name().to_str().is_some_and(|name| used.contains(name)) {
                book.bytes += object.metadata()?.len();
            } else {
                ignore_missing(fs::remove_file(object.path()))?;
            }
        }
        Ok(())
    }
}

impl Versions for FolderVersions {
    fn keep(&self, change: &Change<'_>) -> io::Result<()> {
        let mut book = self.lock();
        // Before, so that what is kept now is there for sure.
        self.sweep(&mut book, change.at)?;
        let mut history = self.history(change.path)?;
        let before = match change.before {
            None => None,
            Some(state) => {
                let hash = digest(&state.bytes);
                let object = self.object(&hash);
                if !object.exists() {
                    put(&object, &state.bytes)?;
                    book.bytes += u64::try_from(state.bytes.len()).unwrap_or(u64::MAX);
                }
                Some(Object { hash, mode: state.mode })
            }
        };
        history.changes.push(Stored {
            at: change.at.0,
            before,
            after: change.after.map(|state| digest(&state.bytes)),
        });
        let lower = change.label.confidentiality == Confidentiality::Secret
            || !matches!(change.label.integrity, Integrity::Owner | Integrity::Config);
        history.label = (lower && change.after.is_some()).then(|| change.label.clone());
        self.store(&history)
    }

    fn last(&self, path: &Path) -> io::Result<Option<Kept>> {
        let _book = self.lock();
        let history = self.history(path)?;
        let Some(stored) = history.changes.last() else {
            return Ok(None);
        };
        let before = stored.before.as_ref().map(|object| {
            Ok::<_, io::Error>(State {
                bytes: fs::read(self.object(&object.hash))?,
                mode: object.mode,
            })
        });
        Ok(Some(Kept {
            before: before.transpose()?,
            after: stored.after.clone(),
        }))
    }

    fn forget_last(&self, path: &Path) -> io::Result<()> {
        let _book = self.lock();
        let mut history = self.history(path)?;
        history.changes.pop();
        self.store(&history)
    }

    fn label(&self, path: &Path) -> io::Result<Option<Label>> {
        let _book = self.lock();
        Ok(self.history(path)?.label)
    }
}

/// Writes a file as a whole.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
