//! `yabby store`: where sessions and messages are kept, and what can be done with them as a whole.

mod check;
mod copy;
mod import;
mod show;
mod vacuum;

use std::path::Path;

use crate::{
    app::App,
    arguments::{Store, StoreCommand},
    exit::Exit,
};

pub(crate) async fn run(app: &App, arguments: &Store) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    match &arguments.command {
        None => show::run(app, arguments.json).await,
        Some(StoreCommand::Check { repair, json }) => check::run(app, *repair, *json).await,
        Some(StoreCommand::Backup { path }) => copy::backup(app, path.as_deref()).await,
        Some(StoreCommand::Export { file }) => copy::export(app, file).await,
        Some(StoreCommand::Import {
            file: Some(file),
            merge,
            dry_run,
            ..
        }) => import::file(app, file, *merge, *dry_run).await,
        Some(StoreCommand::Import { openclaw, dry_run, .. }) => {
            // Without a name it is the usual one.
            let folder = openclaw.as_deref().filter(|folder| !folder.is_empty()).map(Path::new);
            import::openclaw(app, folder, *dry_run).await
        }
        Some(StoreCommand::Vacuum) => vacuum::run(app).await,
    }
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < units.len() {
        tenths /= 1024;
        unit += 1;
    }
    let unit = units.get(unit).copied().unwrap_or_default();
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", tenths / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0.0 kB"),
            (1500, "1.4 kB"),
            (10_240, "10 kB"),
            (1_048_575, "1023 kB"),
            (1_048_576, "1.0 MB"),
            (5_000_000_000, "4.6 GB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }
}
