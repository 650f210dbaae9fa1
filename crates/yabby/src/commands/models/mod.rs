//! `yabby models`: what there is, and which is the default.

mod list;
mod probe;
mod rows;
mod set;

use yabby_core::{Text, text};

use crate::{
    app::App,
    arguments::{Models, ModelsCommand},
    exit::Exit,
    table::table,
    terminal::visible,
};

pub(crate) async fn run(app: &App, arguments: &Models) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    match &arguments.command {
        None => list::run(app, arguments.json, arguments.watch).await,
        Some(ModelsCommand::Aliases) => {
            let rows: Vec<_> = app
                .config()
                .aliases()
                .into_iter()
                .map(|(alias, model)| vec![alias, model.to_string()])
                .collect();
            if rows.is_empty() {
                app.terminal.notice(&text!(
                    "there are no aliases; agents.defaults.models.\"provider/model\".alias makes one"
                ));
            } else {
                print(app, &[text!("ALIAS"), text!("MODEL")], &rows);
            }
            Exit::Answered
        }
        Some(ModelsCommand::Set { model }) => set::run(app, model).await,
        Some(ModelsCommand::Probe(arguments)) => Box::pin(probe::run(app, arguments)).await,
    }
}

fn print(app: &App, head: &[Text], rows: &[Vec<String>]) {
    let head: Vec<String> = head.iter().map(|text| app.terminal.say(text)).collect();
    for line in table(&head, rows) {
        // Ids come from servers.
        app.terminal.out(&visible(&line));
    }
}
