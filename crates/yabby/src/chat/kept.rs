//! Keeping what is said in the chat: each run, and each new conversation in it, is a session of the agent's main
//! conversation.

use std::time::{Duration, SystemTime};

use yabby_core::{Attempt, Confidentiality, Integrity, Label, Message, SessionKey, Text, Time, text};
use yabby_store::{Access, Content, NewItem, Store, StoreError, new_id};

use crate::{app::App, stored};

/// The agent of the chat.
const AGENT: &str = "main";
/// How long the conversation is taken for, each time. Another chat on the same database waits as long when this one dies.
const LEASE: Duration = Duration::from_secs(10);
/// How often it is tried while another chat writes, and how long to wait before each try; and for other things beside it.
const TRIES: u32 = 20;
const WAIT: Duration = Duration::from_millis(100);

/// Where the chat is kept.
pub(super) struct Kept {
    /// `None` when it is not kept, which was told.
    store: Option<Store>,
    conversation: SessionKey,
    /// The session, as soon as something was said in it.
    session: Option<String>,
}

/// A question, its answer, and when each was there.
pub(super) struct Exchange {
    pub(super) turn: String,
    pub(super) asked_at: Time,
    pub(super) question: Message,
    pub(super) answer: Message,
    pub(super) attempts: Vec<Attempt>,
}

/// This moment.
pub(super) fn moment() -> Time {
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

    /// Keeps an exchange. When that cannot be, it is told once, and no more is kept.
    pub(super) async fn keep(&mut self, app: &App, exchange: Exchange) {
        let Some(store) = self.store.clone() else { return };
        if let Err(error) = self.put(&store, exchange).await {
            tell(app, &error);
            self.store = None;
        }
    }

    async fn put(&mut self, store: &Store, exchange: Exchange) -> Result<(), StoreError> {
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
            return Err(StoreError::new(
                yabby_store::StoreErrorKind::Unavailable,
                text!("another chat has this conversation"),
            ));
        };
        let put = async {
            let session = if let Some(session) = &self.session {
                session.clone()
            } else {
                let (new, now) = (new_id(), exchange.asked_at);
                store.begin_session(&lease, None, "new", (&new, now)).await?;
                new
            };
            store.append(&lease, &session, items(exchange)).await?;
            Ok(session)
        };
        let put = put.await;
        // A lease that cannot be given back ends by itself.
        let _ = store.release(&lease).await;
        self.session = Some(put?);
        Ok(())
    }
}

fn items(exchange: Exchange) -> Vec<NewItem> {
    let Exchange {
        turn,
        asked_at,
        question,
        answer,
        attempts,
    } = exchange;
    let item = |at, message, attempts| NewItem {
        id: new_id(),
        turn: Some(turn.clone()),
        at,
        content: Content::Message { message },
        label: Label::new(Integrity::Owner, Confidentiality::Private, "terminal"),
        attempts,
        files: Vec::new(),
    };
    vec![item(asked_at, question, Vec::new()), item(moment(), answer, attempts)]
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
