//! Keeping what is said in the chat: each run, and each new conversation in it, is a session of the agent's main
//! conversation.

use std::time::{Duration, SystemTime};

use yabby_core::{Attempt, Confidentiality, Integrity, Label, Message, SessionKey, Text, Time, text};
use yabby_store::{Access, Content, NewItem, Store, StoreError, StoreErrorKind, new_id};

use crate::{app::App, stored};

/// The agent of the chat.
const AGENT: &str = "main";
/// How long the conversation is taken for, each time. Another chat on the same database waits as long when this one dies.
const LEASE: Duration = Duration::from_secs(10);
/// How often it is tried while another chat writes, and how long to wait before each try; and for other things beside it.
const TRIES: u32 = 20;
const WAIT: Duration = Duration::from_millis(100);
/// A question waits no longer for the store before it is asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the chat is kept.
pub(super) struct Kept {
    /// `None` when it is not kept, which was told.
    store: Option<Store>,
    conversation: SessionKey,
    /// The session, as soon as something was said in it.
    session: Option<String>,
}

/// A question, or its answer.
pub(super) struct Piece {
    pub(super) turn: String,
    pub(super) message: Message,
    /// How an answer came about.
    pub(super) attempts: Vec<Attempt>,
}

/// This moment.
fn moment() -> Time {
    Time::from(SystemTime::now())
}

impl Kept {
    /// Opens the store. When that cannot be, it is told once, and the chat goes on without.
    pub(super) async fn open(app: &App) -> Self {
        let store = match stored::open(app, Access::Write).await {
            Ok(store) => {
                // What the config says is old goes now; what takes longer goes on behind the chat, and the next time.
                let _ = tokio::time::timeout(WAIT, store.prune(stored::keep_for(app), moment())).await;
                Some(store)
            }
            Err(error) => {
                tell(app, &error);
                None
            }
        };
        Self {
            store,
            conversation: SessionKey::main(AGENT),
            session: None,
        }
    }

    /// What comes now belongs to another session.
    pub(super) fn afresh(&mut self) {
        self.session = None;
    }

    /// Keeps what was said; when this has returned, it is on the disk. When that cannot be, also because the database is
    /// away, it is told once, and no more is kept: a model of one's own answers all the same.
    pub(super) async fn keep(&mut self, app: &App, piece: Piece) {
        let Some(store) = self.store.clone() else { return };
        let put = tokio::time::timeout(PATIENCE, self.put(&store, piece)).await;
        let put = put.unwrap_or_else(|_| Err(unavailable(text!("it does not answer"))));
        if let Err(error) = put {
            tell(app, &error);
            self.store = None;
        }
    }

    async fn put(&mut self, store: &Store, piece: Piece) -> Result<(), StoreError> {
        let key = self.conversation.as_str();
        let mut lease = store.lease_conversation(key, LEASE).await?;
        for _ in 0..TRIES {
            if lease.is_some() {
                break;
            }
            tokio::time::sleep(WAIT).await;
            lease = store.lease_conversation(key, LEASE).await?;
        }
        let Some(lease) = lease else {
            return Err(unavailable(text!("another chat has this conversation")));
        };
        let now = moment();
        let put = async {
            let session = if let Some(session) = &self.session {
                session.clone()
            } else {
                let new = new_id();
                store.begin_session(&lease, None, "new", (&new, now)).await?;
                new
            };
            store.append(&lease, &session, vec![item(piece, now)]).await?;
            Ok(session)
        };
        let put = put.await;
        // A lease that cannot be given back ends by itself.
        let _ = store.release(&lease).await;
        self.session = Some(put?);
        Ok(())
    }
}

fn item(piece: Piece, at: Time) -> NewItem {
    let Piece {
        turn,
        message,
        attempts,
    } = piece;
    NewItem {
        id: new_id(),
        turn: Some(turn),
        at,
        content: Content::Message { message },
        label: Label::new(Integrity::Owner, Confidentiality::Private, "terminal"),
        attempts,
        files: Vec::new(),
    }
}

fn unavailable(message: Text) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, message)
}

/// One line: the chat goes on.
fn tell(app: &App, error: &StoreError) {
    app.terminal.notice(&reason(error));
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
