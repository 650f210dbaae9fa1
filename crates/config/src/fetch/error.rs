//! Why a secret cannot be had.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use yabby_core::{Text, text};

/// Why a secret cannot be had from its file or program. It holds nothing of what the file or the answer says, but for what
/// a program gives as its reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.text().english())]
pub(crate) enum SecretError {
    /// There is no such file or program.
    Absent { path: PathBuf },
    /// The system does not let us.
    Unreadable {
        path: PathBuf,
        #[source]
        cause: Arc<io::Error>,
    },
    /// It is a folder or something else.
    NotAFile { path: PathBuf },
    /// Others can read the file.
    Readable { path: PathBuf },
    /// Others can change the program.
    Changeable { path: PathBuf },
    /// It belongs to somebody else.
    Foreign { path: PathBuf, provider: String },
    /// The program is a link.
    Link {
        path: PathBuf,
        target: PathBuf,
        provider: String,
    },
    /// The program is outside the folders that are trusted.
    Untrusted { path: PathBuf, provider: String },
    /// The file is too large.
    TooLarge { path: PathBuf, most: u64, provider: String },
    /// The file has something that is not UTF-8, or in JSON mode no JSON object.
    NotAnObject { path: PathBuf, provider: String },
    /// Nothing that is a text stands at the id.
    Nothing { path: PathBuf },
    /// The program could not be started.
    NotStarted {
        path: PathBuf,
        #[source]
        cause: Arc<io::Error>,
    },
    /// The program ended with an error.
    Failed { path: PathBuf, how: String },
    /// The program took too long.
    Slow {
        path: PathBuf,
        limit: Duration,
        provider: String,
    },
    /// The program wrote too much.
    TooMuch { path: PathBuf, most: u64, provider: String },
    /// The program wrote nothing.
    Silent { path: PathBuf },
    /// The program wrote something that is no answer.
    NoAnswer { path: PathBuf, provider: String },
    /// The program says that it cannot give this secret.
    Refused { path: PathBuf, reason: Option<String> },
}

// === impl SecretError ===

impl SecretError {
    pub(super) fn of_io(path: &std::path::Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent { path },
            _ => Self::Unreadable {
                path,
                cause: Arc::new(error),
            },
        }
    }

    /// What is wrong.
    pub(crate) fn text(&self) -> Text {
        match self {
            Self::Absent { path } => text!(
                "{path} does not exist, so there is no secret here",
                path = path.display()
            ),
            Self::Unreadable { path, cause } => text!(
                "{path} cannot be read, so there is no secret here: {reason}",
                path = path.display(),
                reason = cause
            ),
            Self::NotAFile { path } => text!(
                "{path} is not a file, so there is no secret here",
                path = path.display()
            ),
            Self::Readable { path } => {
                text!(
                    "others can read {path}, so the secret in it is not used",
                    path = path.display()
                )
            }
            Self::Changeable { path } => text!("others can change {path}, so it is not run", path = path.display()),
            Self::Foreign { path, .. } => text!(
                "{path} belongs to somebody else, so there is no secret here",
                path = path.display()
            ),
            Self::Link { path, .. } => text!("{path} is a link, so it is not run", path = path.display()),
            Self::Untrusted { path, .. } => {
                text!("{path} is outside trustedDirs, so it is not run", path = path.display())
            }
            Self::TooLarge { path, most, .. } => text!(
                "{path} is larger than {count} bytes, so there is no secret here",
                path = path.display(),
                count = most
            ),
            Self::NotAnObject { path, .. } => {
                text!(
                    "{path} is not a JSON object, so there is no secret here",
                    path = path.display()
                )
            }
            Self::Nothing { path } => text!("{path} has no text at the id of this reference", path = path.display()),
            Self::NotStarted { path, cause } => text!(
                "{path} cannot be started, so there is no secret here: {reason}",
                path = path.display(),
                reason = cause
            ),
            Self::Failed { path, how } => text!(
                "{path} ended without a secret: {reason}",
                path = path.display(),
                reason = how
            ),
            Self::Slow { path, limit, .. } => text!(
                "{path} gave no secret within {milliseconds} ms",
                path = path.display(),
                milliseconds = limit.as_millis()
            ),
            Self::TooMuch { path, most, .. } => text!(
                "{path} wrote more than {count} bytes, so there is no secret here",
                path = path.display(),
                count = most
            ),
            Self::Silent { path } => text!(
                "{path} wrote nothing, so there is no secret here",
                path = path.display()
            ),
            Self::NoAnswer { path, .. } => text!(
                "what {path} wrote is not the JSON that was asked for, so there is no secret here",
                path = path.display()
            ),
            Self::Refused { path, reason } => match reason {
                Some(reason) => text!(
                    "{path} does not give this secret: {reason}",
                    path = path.display(),
                    reason = reason
                ),
                None => text!("{path} does not give this secret", path = path.display()),
            },
        }
    }

    /// What to do next.
    pub(crate) fn hint(&self) -> Text {
        let by_hand =
            || text!("run it by hand to see why; it gets the variables of passEnv and env, PATH and HOME, no others");
        match self {
            Self::Absent { .. } => text!("correct the path, or put the file there"),
            Self::Unreadable { .. } | Self::NotAFile { .. } => text!("check the path and the permissions"),
            Self::Readable { path } => text!("run: chmod 600 {path}", path = path.display()),
            Self::Changeable { path } => text!("run: chmod go-w {path}", path = path.display()),
            Self::Foreign { provider, .. } => text!(
                "make it your own, or set allowInsecurePath in secrets.providers.{provider}",
                provider = provider
            ),
            Self::Link { target, provider, .. } => text!(
                "write {target}, or set allowSymlinkCommand in secrets.providers.{provider}",
                target = target.display(),
                provider = provider
            ),
            Self::Untrusted { provider, .. } => text!(
                "add its folder to trustedDirs in secrets.providers.{provider}, or use a program that is in one of them",
                provider = provider
            ),
            Self::TooLarge { provider, .. } => text!(
                "check the path, or raise maxBytes in secrets.providers.{provider}",
                provider = provider
            ),
            Self::NotAnObject { provider, .. } => text!(
                "correct it, or set mode: \"singleValue\" in secrets.providers.{provider} when the whole file is the secret",
                provider = provider
            ),
            Self::Nothing { .. } => text!("correct the id, or put the secret there as a text that is not empty"),
            Self::NotStarted { .. } => text!("check that it is a program that you may run"),
            Self::Failed { .. } | Self::Silent { .. } => by_hand(),
            Self::Slow { provider, .. } => text!(
                "run it by hand to see what it waits for, or raise timeoutMs in secrets.providers.{provider}",
                provider = provider
            ),
            Self::TooMuch { provider, .. } => text!(
                "check the program, or raise maxOutputBytes in secrets.providers.{provider}",
                provider = provider
            ),
            Self::NoAnswer { provider, .. } => text!(
                "set jsonOnly: false in secrets.providers.{provider} when the program writes the secret itself",
                provider = provider
            ),
            Self::Refused { .. } => text!("correct the id, or add the secret where the program looks for it"),
        }
    }
}
