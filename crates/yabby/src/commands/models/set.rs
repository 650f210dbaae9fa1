//! `yabby models set`: the default model, in the config file.

use yabby_config::{Edit, Origin};
use yabby_core::text;
use yabby_route::resolve;

use crate::{
    app::App,
    commands::ask::no_plan,
    config_file::ConfigFile,
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
    let change = Edit {
        primary: Some(model.to_string()),
        ..Edit::default()
    };
    let written = ConfigFile::of(app).and_then(|file| {
        let text = file.edited(&change)?;
        let saved = if file.has(&text) { None } else { Some(file.save(&text)?) };
        Ok((file, saved))
    });
    let (file, saved) = match written {
        Ok(written) => written,
        Err(error) => {
            app.terminal.error(&error, None);
            return Exit::Usage;
        }
    };
    if let Origin::OpenClaw(path) = &app.loaded.origin {
        app.terminal.notice(&text!(
            "{openclaw} stays as it is; Yabby now has a config of its own that includes it",
            openclaw = path.display()
        ));
    }
    app.terminal.notice(&text!(
        "{model} is the default model now ({path})",
        model = model,
        path = file.path.display()
    ));
    if let Some(backup) = saved.and_then(|saved| saved.backup) {
        app.terminal
            .notice(&text!("the file of before is kept as {path}", path = backup.display()));
    }
    Exit::Answered
}
