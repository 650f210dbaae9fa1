//! `yabby models set`: the default model, in the config file.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use yabby_config::{Origin, include_and_set_primary, set_primary};
use yabby_core::{ModelRef, Text, text};
use yabby_route::resolve;
use yabby_servers::managed::private_folder;

use crate::{
    app::App,
    commands::ask::no_plan,
    exit::Exit,
    models::{Look, here},
};

/// Writes the primary model into the config file, keeping everything else in it.
pub(super) async fn run(app: &App, name: &str) -> Exit {
    let here = match here(app, Some(name), Look::Needed).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    let model = match resolve(app.config(), &here.fleet, name) {
        Ok(model) => model,
        Err(error) => return no_plan(app, &error),
    };
    let target = match &app.loaded.origin {
        Origin::Explicit(path) | Origin::Environment(path) | Origin::Home(path) => path.clone(),
        Origin::OpenClaw(_) | Origin::None => app.paths.own_config(),
    };
    let after = match changed(app, &target, &model) {
        Ok(text) => text,
        Err(error) => {
            app.terminal.error(&error, None);
            return Exit::Usage;
        }
    };
    if let Err(error) = write_in_place(&target, &after) {
        app.terminal.error(
            &text!(
                "{path} could not be written: {error}",
                path = target.display(),
                error = error
            ),
            None,
        );
        return Exit::Usage;
    }
    if let Origin::OpenClaw(path) = &app.loaded.origin {
        app.terminal.notice(&text!(
            "{openclaw} stays as it is; Yabby now has a config of its own that includes it",
            openclaw = path.display()
        ));
    }
    app.terminal.notice(&text!(
        "{model} is the default model now ({path})",
        model = model,
        path = target.display()
    ));
    Exit::Answered
}

/// The text of the config with another primary. OpenClaw's own file is never written: Yabby's includes it.
fn changed(app: &App, target: &Path, model: &ModelRef) -> Result<String, Text> {
    let unreadable = |error: io::Error| text!("{path} cannot be read: {error}", path = target.display(), error = error);
    let same = |a: &Path, b: &Path| {
        a.canonicalize()
            .ok()
            .is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
    };
    if let Origin::OpenClaw(openclaw) = &app.loaded.origin {
        if target.exists() {
            return Err(text!(
                "{path} exists and would be replaced: set agents.defaults.model.primary there by hand",
                path = target.display()
            ));
        }
        return Ok(include_and_set_primary(openclaw, &model.to_string()));
    }
    if same(target, &app.paths.openclaw_config) {
        return Err(text!(
            "{path} is a link to OpenClaw's config, which Yabby never writes: replace the link by a file that includes it",
            path = target.display()
        ));
    }
    let before = match app.loaded.origin.path() {
        Some(path) => fs::read_to_string(path).map_err(unreadable)?,
        None => String::new(),
    };
    set_primary(&before, &model.to_string()).map_err(|error| error.text())
}

/// Replaces the file in one step; a config may hold keys, so only the owner can read a new one.
fn write_in_place(target: &Path, text: &str) -> io::Result<()> {
    let target = target.canonicalize().unwrap_or_else(|_| target.to_owned());
    if let Some(folder) = target.parent() {
        private_folder(folder)?;
    }
    let part = target.with_extension("json5.part");
    let _ = fs::remove_file(&part);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if let Ok(old) = fs::metadata(&target) {
        fs::set_permissions(&part, old.permissions())?;
    }
    fs::rename(part, target)
}
