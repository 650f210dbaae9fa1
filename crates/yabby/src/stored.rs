//! The store of this run: where it is, and opening it.

use yabby_config::{Config, Paths, StoreSettings};
use yabby_core::text;
use yabby_store::{Access, KeepFor, Keys, Limits, Place, Store, StoreError, StoreErrorKind};

use crate::{app::App, exit::Exit, shared::Database, terminal::Terminal};

/// Where it is.
pub(crate) fn place(app: &App) -> Result<Place, StoreError> {
    place_of(app.config(), &app.paths)
}

/// The database of a config that names one, for what is shared in it. What else is wrong with the store, or not fetched, does not
/// matter for that.
pub(crate) fn database(config: &Config, paths: &Paths, terminal: Terminal) -> Option<Database> {
    let place = at(&config.store, paths);
    Database::of(&place, limits(config), terminal)
}

fn place_of(config: &Config, paths: &Paths) -> Result<Place, StoreError> {
    let settings = &config.store;
    if settings.in_doubt {
        let message =
            text!("the config says of the store what cannot be understood, so that nothing is stored or read");
        return Err(StoreError::new(StoreErrorKind::Invalid, message).with_hint(text!("run: yabby doctor")));
    }
    Ok(at(settings, paths))
}

fn at(settings: &StoreSettings, paths: &Paths) -> Place {
    let folder = settings.folder(paths);
    match &settings.database {
        Some(database) => Place::Postgres {
            url: database.url.clone(),
            folder,
        },
        None => Place::Folder(folder),
    }
}

/// Opens it.
pub(crate) async fn open(app: &App, access: Access) -> Result<Store, StoreError> {
    let place = place(app)?;
    if let (Some(database), Access::Write) = (&app.database, access) {
        return database.store().await;
    }
    let store = Store::open(&place, access).await?;
    Ok(store.with_limits(limits(app.config())))
}

/// The keys of the gateway, which may be made and revoked also while another Yabby has the store.
pub(crate) async fn keys(app: &App) -> Result<Keys, StoreError> {
    match &app.database {
        Some(database) => Ok(database.store().await?.keys()),
        None => Keys::open(&place(app)?).await,
    }
}

fn limits(config: &Config) -> Limits {
    let limits = config.store.limits;
    Limits {
        attachment: limits.attachment,
        item: limits.item,
    }
}

/// The store to be looked into, or an empty one when there is none: for what needs one and reads nothing of it.
pub(crate) async fn open_or_empty(app: &App) -> Result<(Store, Option<tempfile::TempDir>), StoreError> {
    match open(app, Access::Read).await {
        Ok(store) => Ok((store, None)),
        Err(error) => {
            let folder = tempfile::tempdir().map_err(|_| error)?;
            let store = Store::open(&Place::Folder(folder.path().to_owned()), Access::Write).await?;
            Ok((store, Some(folder)))
        }
    }
}

/// How long things are kept. What OpenClaw's `session.maintenance` says of archives deletes nothing.
pub(crate) fn keep_for(app: &App) -> KeepFor {
    let retention = app.config().store.retention;
    KeepFor {
        sessions: retention.sessions,
        max_sessions: retention.max_sessions,
        inbox: retention.inbox,
    }
}

/// Tells why it cannot be used.
pub(crate) fn tell(app: &App, error: &StoreError) -> Exit {
    app.terminal.error(&error.message, error.hint.as_ref());
    Exit::Usage
}
