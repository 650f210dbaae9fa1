//! One case, on each database in turn.

use yabby_core::Secret;
use yabby_store::{Access, Place, Store};
use yabby_testkit::Postgres;

/// Runs a case on an empty store of each kind. It may open the place again as often as it likes.
pub(crate) async fn on_both(case: impl AsyncFn(&Place)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("on SQLite");
    case(&Place::Folder(folder.path().join("store"))).await;
    println!("on PostgreSQL");
    case(&Place::Postgres {
        url: Secret::new(Postgres::shared().new_database()),
        folder: folder.path().join("files"),
    })
    .await;
}

/// The store of a place, to write.
pub(crate) async fn open(place: &Place) -> Store {
    Store::open(place, Access::Write).await.expect("a store")
}
