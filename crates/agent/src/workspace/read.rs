//! Reading the notes of a workspace.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::skills::without_front_matter;

/// The largest note that is read, in bytes (openclaw `MAX_WORKSPACE_BOOTSTRAP_FILE_BYTES`).
const LARGEST: u64 = 2 * 1024 * 1024;

/// Where OpenClaw writes down whether a workspace was set up, and the names under which it has done so.
const STATE: &str = ".openclaw/workspace-state.json";
const SET_UP: [&str; 2] = ["setupCompletedAt", "onboardingCompletedAt"];

/// The notes of one workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    /// The folder.
    pub folder: PathBuf,
    /// The notes that there are and that say something, in the order in which a model is shown them.
    pub files: Vec<WorkspaceFile>,
    /// Notes that could not be read.
    pub troubles: Vec<FileTrouble>,
}

/// One note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceFile {
    /// Which.
    pub name: FileName,
    /// All of it, with `\n` at the ends of lines and without front matter.
    pub text: String,
}

/// The notes that there may be, in the order in which a model is shown them (openclaw `CONTEXT_FILE_ORDER`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileName {
    /// How to work.
    Agents,
    /// Whom to be.
    Soul,
    /// Name and looks.
    Identity,
    /// Who the owner is.
    User,
    /// Notes on tools and the place.
    Tools,
    /// What to do first in a new workspace.
    Bootstrap,
    /// What is to be remembered for good.
    Memory,
    /// What to look at from time to time.
    Heartbeat,
}

/// A note that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTrouble {
    /// Which.
    pub name: FileName,
    /// Why.
    pub kind: TroubleKind,
}

/// Why a note could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// It has more than 2 MiB.
    TooLarge,
    /// It leads out of the workspace, or is no file.
    Outside,
    /// The system says no.
    Unreadable(io::ErrorKind),
}

impl FileName {
    /// All of them, in their order.
    pub const ALL: [Self; 8] = [
        Self::Agents,
        Self::Soul,
        Self::Identity,
        Self::User,
        Self::Tools,
        Self::Bootstrap,
        Self::Memory,
        Self::Heartbeat,
    ];

    /// The name of its file.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Agents => "AGENTS.md",
            Self::Soul => "SOUL.md",
            Self::Identity => "IDENTITY.md",
            Self::User => "USER.md",
            Self::Tools => "TOOLS.md",
            Self::Bootstrap => "BOOTSTRAP.md",
            Self::Memory => "MEMORY.md",
            Self::Heartbeat => "HEARTBEAT.md",
        }
    }
}

impl Workspace {
    /// Reads a workspace. A folder that is not there has no notes.
    ///
    /// Blocks for as long as the disk takes.
    pub fn read(folder: &Path) -> Self {
        let mut workspace = Self {
            folder: folder.to_owned(),
            ..Self::default()
        };
        let (Ok(root), Ok(entries)) = (folder.canonicalize(), fs::read_dir(folder)) else {
            return workspace;
        };
        // By their exact names: on some systems `memory.md`, which is something else, would be found as `MEMORY.md`.
        let there: BTreeMap<_, _> = entries
            .filter_map(Result::ok)
            .map(|entry| (entry.file_name(), entry.path()))
            .collect();
        for name in FileName::ALL {
            let Some(path) = there.get(std::ffi::OsStr::new(name.file())) else {
                continue;
            };
            if name == FileName::Bootstrap && is_set_up(&root) {
                continue;
            }
            match text_of(path, &root) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => workspace.files.push(WorkspaceFile { name, text }),
                Err(kind) => workspace.troubles.push(FileTrouble { name, kind }),
            }
        }
        workspace
    }
}

/// Whether the first conversation, which `BOOTSTRAP.md` is for, is over.
fn is_set_up(root: &Path) -> bool {
    let state = fs::read(root.join(STATE)).unwrap_or_default();
    let state: Value = serde_json::from_slice(&state).unwrap_or_default();
    SET_UP.iter().any(|name| {
        state
            .get(*name)
            .and_then(Value::as_str)
            .is_some_and(|at| !at.trim().is_empty())
    })
}

fn text_of(path: &Path, root: &Path) -> Result<String, TroubleKind> {
    let unreadable = |error: io::Error| TroubleKind::Unreadable(error.kind());
    let real = path.canonicalize().map_err(unreadable)?;
    if !real.starts_with(root) || !real.is_file() {
        return Err(TroubleKind::Outside);
    }
    let mut bytes = Vec::new();
    let mut file = fs::File::open(real).map_err(unreadable)?.take(LARGEST + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(TroubleKind::TooLarge);
    }
    Ok(without_front_matter(&String::from_utf8_lossy(&bytes)).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn notes(folder: &Path) -> Vec<(&'static str, String)> {
        let read = Workspace::read(folder);
        assert_eq!(read.troubles, []);
        read.files
            .into_iter()
            .map(|file| (file.name.file(), file.text))
            .collect()
    }

    #[test]
    fn notes_come_in_their_order_and_as_plain_text() {
        let folder = folder(&[
            ("MEMORY.md", b"m\n"),
            ("SOUL.md", b"\xef\xbb\xbfsoul\r\nof\r\n\r\nit\r\n"),
            ("AGENTS.md", b"---\nsummary: x\n---\n\n# Agents\n"),
            ("USER.md", b"  \n"),
            ("IDENTITY.md", b"---\ntitle: nothing else\n---\n"),
            ("TOOLS.md", b"caf\xe9"),
            ("memory.md", b"not this one"),
            ("README.md", b"nor this one"),
        ]);
        let expected = [
            ("AGENTS.md", "# Agents"),
            ("SOUL.md", "soul\nof\n\nit"),
            ("TOOLS.md", "caf\u{fffd}"),
            ("MEMORY.md", "m"),
        ];
        assert_eq!(
            notes(folder.path()),
            expected.map(|(name, text)| (name, text.to_owned()))
        );
        assert_eq!(notes(&folder.path().join("nowhere")), []);
    }

    #[test]
    fn bootstrap_is_for_a_new_workspace() {
        let state = (STATE, br#"{"bootstrapSeededAt": "2026-11-01"}"#.as_slice());
        let begun = folder(&[("BOOTSTRAP.md", b"b"), state]);
        assert_eq!(notes(begun.path()), [("BOOTSTRAP.md", "b".to_owned())]);
        for name in SET_UP {
            let state = format!(r#"{{"{name}": "2026-11-01"}}"#);
            let done = folder(&[("BOOTSTRAP.md", b"b"), (STATE, state.as_bytes())]);
            assert_eq!(notes(done.path()), []);
        }
    }

    #[test]
    fn what_is_too_large_or_elsewhere_is_not_read() {
        let folder = folder(&[("AGENTS.md", b"")]);
        fs::write(folder.path().join("SOUL.md"), vec![b'x'; 2 * 1024 * 1024 + 1]).unwrap();
        fs::create_dir(folder.path().join("USER.md")).unwrap();
        let mut expected = vec![
            (FileName::Soul, TroubleKind::TooLarge),
            (FileName::User, TroubleKind::Outside),
        ];
        #[cfg(unix)]
        {
            let elsewhere = tempfile::NamedTempFile::new().unwrap();
            std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("TOOLS.md")).unwrap();
            std::os::unix::fs::symlink("nothing", folder.path().join("MEMORY.md")).unwrap();
            expected.push((FileName::Tools, TroubleKind::Outside));
            expected.push((FileName::Memory, TroubleKind::Unreadable(io::ErrorKind::NotFound)));
            let found = Workspace::read(folder.path()).troubles;
            let found: Vec<_> = found.into_iter().map(|trouble| (trouble.name, trouble.kind)).collect();
            assert_eq!(found, expected);
        }
    }
}
