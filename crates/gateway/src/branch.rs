//! A session that begins with a part of another one, which stays as it was.

use std::time::SystemTime;

use yabby_agent::Note;
use yabby_core::{Origin, Time};
use yabby_store::{Item, Lease, NewItem, Store, StoreError};

/// Begins the session `new` with what stood before a message of a person. What that was told beside it is not among it: it is
/// told anew.
pub(crate) async fn branch(
    store: &Store,
    lease: &Lease,
    origin: &Origin,
    (new, mut before): (&str, Vec<Item>),
) -> Result<(), StoreError> {
    while before.last().is_some_and(is_aside) {
        before.pop();
    }
    let now = Time::from(SystemTime::now());
    store.begin_session(lease, Some(origin), "edit", (new, now)).await?;
    let copies: Vec<NewItem> = before
        .into_iter()
        .map(|item| NewItem {
            id: format!("{new}:{}", item.item.id),
            ..item.item
        })
        .collect();
    if copies.is_empty() {
        return Ok(());
    }
    store.append(lease, new, copies).await.map(drop)
}

fn is_aside(item: &Item) -> bool {
    matches!(Note::of(&item.item.content), Some(Note::Aside { .. }))
}
