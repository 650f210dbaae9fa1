//! Where a chat is kept.

use tempfile::TempDir;
use yabby_core::{InvalidSessionKey, SessionKey, Text, Time, text};
use yabby_store::{Access, Place, Store, StoreError, new_id};

use crate::{app::App, stored};

/// The agent of the chat.
const AGENT: &str = "main";
/// How long to wait for the rest of what the config says is to go.
const WAIT: std::time::Duration = std::time::Duration::from_millis(100);

/// The store of a chat. What cannot be kept for good is kept until its end.
pub(super) struct Kept {
    pub(super) store: Store,
    /// Removed when it is dropped.
    until_its_end: Option<TempDir>,
}

impl Kept {
    /// Whether it stays when the chat is over.
    pub(super) const fn stays(&self) -> bool {
        self.until_its_end.is_none()
    }

    /// Opens the store. When that cannot be, it is told once, and the chat goes on without.
    pub(super) async fn open(app: &App) -> Result<Self, StoreError> {
        match stored::open(app, Access::Write).await {
            Ok(store) => {
                // What the config says is old goes now; what takes longer goes on behind the chat, and the next time.
                let now = Time::from(std::time::SystemTime::now());
                let _ = tokio::time::timeout(WAIT, store.prune(stored::keep_for(app), now)).await;
                Ok(Self {
                    store,
                    until_its_end: None,
                })
            }
            Err(error) => {
                app.terminal.notice(&reason(&error));
                let folder = tempfile::tempdir().map_err(|_| error)?;
                let store = Store::open(&Place::Folder(folder.path().to_owned()), Access::Write).await?;
                Ok(Self {
                    store,
                    until_its_end: Some(folder),
                })
            }
        }
    }
}

/// The conversation of a chat: the one that was named. Otherwise a person at a terminal goes on with the main one; whatever is piped in, or is private, has
/// one of its own.
pub(super) fn conversation(named: Option<&str>, own: bool) -> Result<SessionKey, InvalidSessionKey> {
    match named {
        Some(name) => SessionKey::within(AGENT, name),
        None if own => SessionKey::within(AGENT, &format!("terminal:{}", new_id())),
        None => Ok(SessionKey::main(AGENT)),
    }
}

fn reason(error: &StoreError) -> Text {
    match &error.hint {
        Some(hint) => text!(
            "this chat is not kept: {reason}; {hint}",
            reason = error.message,
            hint = hint
        ),
        None => text!("this chat is not kept: {reason}", reason = error.message),
    }
}
