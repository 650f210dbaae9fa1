//! The config file as commands change it: never OpenClaw's own, never without a backup, never half written.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use yabby_config::{Edit, Loaded, Origin, edit, including, load_draft};
use yabby_core::{Text, Time, calendar, text};
use yabby_servers::managed::private_folder;

use crate::app::App;

/// The file that a change goes into, and its text before.
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    /// What stands in it; `None` where there is no file yet.
    before: Option<String>,
    /// What a change begins with, where there is no file yet.
    start: String,
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Saved {
    /// Where the text of before is kept.
    pub(crate) backup: Option<PathBuf>,
}

// === impl ConfigFile ===

impl ConfigFile {
    /// The config of this run. Where that is OpenClaw's, it is Yabby's own, which includes it.
    pub(crate) fn of(app: &App) -> Result<Self, Text> {
        let (path, start) = match &app.loaded.origin {
            Origin::OpenClaw(openclaw) => (app.paths.own_config(), including(openclaw)),
            Origin::None => (app.paths.own_config(), String::new()),
            Origin::Explicit(path) | Origin::Environment(path) | Origin::Home(path) => (path.clone(), String::new()),
        };
        if let (Ok(file), Ok(openclaw)) = (path.canonicalize(), app.paths.openclaw_config.canonicalize())
            && file == openclaw
        {
            return Err(text!(
                "{path} is a link to OpenClaw's config, which Yabby never writes: replace the link by a file that includes it",
                path = path.display()
            ));
        }
        let before = read(&path)?;
        if before.is_some() && matches!(app.loaded.origin, Origin::OpenClaw(_)) {
            return Err(text!(
                "{path} exists and would be replaced: change it by hand, or use it without --config and YABBY_CONFIG",
                path = path.display()
            ));
        }
        Ok(Self { path, before, start })
    }

    /// What stands in the file now.
    pub(crate) fn text(&self) -> &str {
        self.before.as_deref().unwrap_or_default()
    }

    /// Whether this is what stands in it.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.before.as_deref() == Some(text)
    }

    /// The text that a change begins with.
    pub(crate) fn base(&self) -> &str {
        self.before.as_ref().unwrap_or(&self.start)
    }

    /// Whether there is no file yet.
    pub(crate) fn is_new(&self) -> bool {
        self.before.is_none()
    }

    /// The text after a change.
    pub(crate) fn edited(&self, change: &Edit) -> Result<String, Text> {
        edit(self.base(), change).map_err(|error| error.text())
    }

    /// What the config would be with this text.
    pub(crate) fn draft(&self, app: &App, text: &str) -> Loaded {
        load_draft(
            &app.env,
            &app.paths,
            Origin::Explicit(self.path.clone()),
            text.to_owned(),
        )
    }

    /// Replaces the file in one step, after a copy of what was in it is safe beside it. Both can be read by nobody else,
    /// unless the file could be before: a config may hold keys.
    pub(crate) fn save(&self, text: &str) -> Result<Saved, Text> {
        self.save_at(text, SystemTime::now())
    }

    fn save_at(&self, text: &str, now: SystemTime) -> Result<Saved, Text> {
        let path = self.path.display();
        if read(&self.path)? != self.before {
            return Err(text!(
                "{path} was changed by another program meanwhile; run this again",
                path = path
            ));
        }
        self.write(text, now)
            .map_err(|error| text!("{path} could not be written: {error}", path = path, error = error))
    }

    fn write(&self, text: &str, now: SystemTime) -> io::Result<Saved> {
        if let Some(folder) = self.path.parent() {
            private_folder(folder)?;
        }
        let backup = match &self.before {
            Some(before) => Some(keep(&self.path, before, now)?),
            None => None,
        };
        // A link stays a link.
        let target = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let part = beside(&target, ".part");
        let _ = fs::remove_file(&part);
        create(&part, text)?;
        if let Ok(old) = fs::metadata(&target) {
            fs::set_permissions(&part, old.permissions())?;
        }
        fs::rename(part, target)?;
        Ok(Saved { backup })
    }
}

/// The text of a file; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, Text> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(text!(
            "{path} cannot be read: {error}",
            path = path.display(),
            error = error
        )),
    }
}

/// Copies what is in the file beside it, under a name that is not taken.
fn keep(path: &Path, text: &str, now: SystemTime) -> io::Result<PathBuf> {
    let stamp = calendar::stamp(Time::from(now));
    for number in 1_u32.. {
        let again = if number == 1 {
            String::new()
        } else {
            format!("-{number}")
        };
        let backup = beside(path, &format!(".bak-{stamp}{again}"));
        match create(&backup, text) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|()| backup),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Writes a new file that only its owner can read.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The file's name with something behind it.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::PermissionsExt,
        time::{Duration, UNIX_EPOCH},
    };

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_backup_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("yabby.json5");
        let mut file = ConfigFile {
            path: path.clone(),
            before: None,
            start: String::new(),
        };
        assert_eq!(file.save_at("one", at(0)).unwrap().backup, None);
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        for (number, (before, after)) in [("one", "two"), ("two", "three"), ("three", "four")].iter().enumerate() {
            file.before = Some((*before).to_owned());
            let backup = file.save_at(after, at(0)).unwrap().backup.unwrap();
            let end = ["", "-2", "-3"][number];
            assert_eq!(
                backup,
                folder.path().join(format!("yabby.json5.bak-19700101-000000{end}"))
            );
            assert_eq!(
                (fs::read_to_string(&backup).unwrap().as_str(), mode(&backup)),
                (*before, 0o600)
            );
            assert_eq!(
                (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
                (*after, 0o640)
            );
        }
        // Whoever changed the file meanwhile keeps the change.
        fs::write(&path, "theirs").unwrap();
        assert!(file.save_at("five", at(0)).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}
