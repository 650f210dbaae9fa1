//! `yabby store vacuum`.

use std::time::SystemTime;

use yabby_core::{Time, text};
use yabby_store::{Access, StoreError};

use super::size;
use crate::{app::App, exit::Exit, stored};

pub(super) async fn run(app: &App) -> Exit {
    let tidying = async {
        let store = stored::open(app, Access::Write).await?;
        let pruned = store
            .prune(stored::keep_for(app), Time::from(SystemTime::now()))
            .await?;
        Ok::<_, StoreError>((pruned, store.vacuum().await?))
    };
    match tidying.await {
        Ok((pruned, tidied)) => {
            let said = text!(
                "{sessions} sessions, {ended} finished messages and {attachments} attachments were deleted; {before} became {after}",
                sessions = pruned.sessions,
                ended = pruned.ended,
                attachments = tidied.attachments,
                before = size(tidied.before),
                after = size(tidied.after)
            );
            app.print(&format!("{}\n", app.terminal.say(&said)))
        }
        Err(error) => stored::tell(app, &error),
    }
}
