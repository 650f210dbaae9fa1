//! One case, on each database in turn.

use std::path::Path;

use yabby_core::Secret;
use yabby_store::{Access, Place, Store};
use yabby_testkit::Postgres;

/// Runs a case on an empty store of each kind. It may open the place again as often as it likes.
pub(crate) async fn on_both(case: impl AsyncFn(&Place)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("on SQLite");
    case(&Place::Folder(folder.path().join("store"))).await;
    println!("on PostgreSQL");
    case(&empty_database(&folder.path().join("files"))).await;
}

/// A database of its own, on the server of all tests.
pub(crate) fn empty_database(files: &Path) -> Place {
    let server = Postgres::shared();
    // Without a password, which takes long to check in a program that is not optimized.
    let url = server.socket_url(&server.new_database());
    Place::Postgres {
        url: Secret::new(url),
        folder: files.to_owned(),
    }
}

/// Changes what is stored behind the store's back.
pub(crate) fn change(place: &Place, sql: &str) {
    match place {
        Place::Folder(folder) => {
            let connection = rusqlite::Connection::open(folder.join("yabby.db")).expect("a database");
            connection.execute_batch(sql).expect("changed");
        }
        Place::Postgres { url, .. } => {
            Postgres::shared().sql(url.expose(), sql).expect("changed");
        }
    }
}

/// The store of a place, to write.
pub(crate) async fn open(place: &Place) -> Store {
    Store::open(place, Access::Write).await.expect("a store")
}
