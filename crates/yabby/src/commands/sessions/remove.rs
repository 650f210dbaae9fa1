//! `yabby sessions rm`.

use yabby_core::text;
use yabby_store::{Access, Session, SessionFilter, Store, StoreError};

use super::named;
use crate::{
    app::App,
    exit::Exit,
    person::{self, Gone},
    stored,
};

/// So many sessions are looked up at once.
const AT_ONCE: usize = 500;

pub(super) async fn run(app: &App, name: &str, all: bool, agreed: bool) -> Result<Exit, StoreError> {
    let store = stored::open(app, Access::Write).await?;
    let session = named::session(&store, name).await?;
    let sessions = if all {
        of_conversation(&store, &session).await?
    } else {
        vec![session]
    };
    if !agreed && !may(app, &sessions).await {
        return Ok(Exit::Usage);
    }
    let mut count = 0_u64;
    for session in &sessions {
        count += u64::from(store.remove_session(&session.id).await?);
    }
    app.terminal.notice(&text!("sessions deleted: {count}", count = count));
    Ok(Exit::Answered)
}

async fn of_conversation(store: &Store, session: &Session) -> Result<Vec<Session>, StoreError> {
    let filter = SessionFilter {
        conversation: Some(session.conversation.clone()),
        ..SessionFilter::default()
    };
    let mut sessions: Vec<Session> = Vec::new();
    loop {
        let from = sessions.last().map(Session::page);
        let page = store.sessions(filter.clone(), from, AT_ONCE).await?;
        let is_last = page.len() < AT_ONCE;
        sessions.extend(page);
        if is_last {
            return Ok(sessions);
        }
    }
}

/// Whether the person agrees. Without a terminal nobody is asked, and nothing is deleted.
async fn may(app: &App, sessions: &[Session]) -> bool {
    let terminal = app.terminal;
    let items: u64 = sessions.iter().map(|session| session.items).sum();
    let what = match sessions {
        [one] => text!(
            "the session {session} of {conversation} with {items} items: {title}",
            session = one.id,
            conversation = one.conversation,
            items = items,
            title = one.title.as_deref().unwrap_or_default()
        ),
        many => text!(
            "{count} sessions of {conversation} with {items} items",
            count = many.len(),
            conversation = many.first().map(|one| one.conversation.to_string()).unwrap_or_default(),
            items = items
        ),
    };
    terminal.notice(&what);
    if !person::somebody(terminal) {
        terminal.error(
            &text!("nothing was deleted: nobody can be asked"),
            Some(&text!("add --yes to delete it all the same")),
        );
        return false;
    }
    match person::yes(terminal, &text!("Delete this for good?"), false).await {
        Ok(true) => true,
        Ok(false) | Err(Gone) => {
            terminal.notice(&text!("nothing was deleted"));
            false
        }
    }
}
