//! `yabby store backup` and `yabby store export`.

use std::{io, path::Path};

use yabby_core::{Text, text};
use yabby_store::{Access, Exported, StoreError, StoreErrorKind};

use super::size;
use crate::{app::App, exit::Exit, stored};

/// So many backups stay in the folder for them.
const KEPT: usize = 7;

pub(super) async fn backup(app: &App, to: Option<&Path>) -> Exit {
    let making = async {
        let store = stored::open(app, Access::Read).await?;
        store.backup(to.map(Path::to_owned), KEPT).await
    };
    match making.await {
        Ok(backup) => app.print(&format!("{} ({})\n", backup.path.display(), size(backup.bytes))),
        Err(error) => stored::tell(app, &error),
    }
}

pub(super) async fn export(app: &App, file: &Path) -> Exit {
    let is_piped = file.as_os_str() == "-";
    let writing = async {
        if !is_piped && file.exists() {
            let message = text!("there is something at {path} already", path = file.display());
            return Err(StoreError::new(StoreErrorKind::Invalid, message).with_hint(text!("give another name")));
        }
        let store = stored::open(app, Access::Read).await?;
        if !is_piped {
            return store.export_to(file.to_owned()).await;
        }
        let mut has_begun = false;
        store
            .export(move || {
                if std::mem::replace(&mut has_begun, true) {
                    return Err(io::Error::other("the connection to the database broke off; begin anew"));
                }
                Ok(io::stdout())
            })
            .await
    };
    match writing.await {
        Ok(done) => {
            app.terminal.notice(&said(&done));
            if done.missing_files > 0 {
                app.terminal.notice(&text!(
                    "{count} attachments are not there any more; yabby store check names them",
                    count = done.missing_files
                ));
            }
            Exit::Answered
        }
        Err(error) => stored::tell(app, &error),
    }
}

fn said(done: &Exported) -> Text {
    text!(
        "{rows} rows and {files} attachments were exported, {size}; secrets in it are as they are stored",
        rows = done.rows,
        files = done.files,
        size = size(done.bytes)
    )
}
