//! `yabby`: a personal AI assistant gateway that lives on its owner's own models.

mod app;
mod arguments;
mod assistant;
mod chat;
mod clock;
mod commands;
mod config_file;
mod exit;
mod explain;
mod gateway;
mod help;
mod interrupt;
mod models;
mod needs;
mod person;
mod privacy;
mod progress;
mod question;
mod saying;
mod serving;
mod shared;
mod stored;
mod table;
mod telemetry;
mod terminal;
mod toolbox;
mod waiting;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use yabby_config::{Environment, Paths};
use yabby_core::Lang;

use crate::{
    app::App,
    arguments::{Arguments, Command},
    exit::Exit,
    terminal::Terminal,
};

/// It gives memory back after a busy minute; ARCHITECTURE.md says how much.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let env = Environment::from_process();
    let lang = env.lang();
    let command = help::translated(Arguments::command(), lang);
    let arguments = match command
        .try_get_matches()
        .and_then(|found| Arguments::from_arg_matches(&found))
    {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Answered
            }
            .into();
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(run(arguments, env, lang));
            // A read of standard input that was given up must not keep the process.
            runtime.shutdown_background();
            exit.into()
        }
        Err(_) => ExitCode::FAILURE,
    }
}

async fn run(arguments: Arguments, env: Environment, lang: Lang) -> Exit {
    let terminal = Terminal::new(&env, lang);
    // Hidden commands need no config and must not depend on one.
    match arguments.command {
        Command::ManagedServer { folder } => return commands::hidden::managed_server(&folder).await,
        Command::ExecBound {
            parent,
            program,
            arguments,
        } => return commands::hidden::exec_bound(parent, &program, &arguments),
        _ => {}
    }
    let paths = match Paths::new(&env) {
        Ok(paths) => paths,
        Err(error) => {
            terminal.error(&error.text(), None);
            return Exit::Usage;
        }
    };
    let mut app = App::new(env, paths, arguments.config.as_deref(), terminal);
    if let Some(needs) = needs::of(&arguments.command) {
        // Nothing else runs yet that this could hold up.
        app.fetch(needs);
    }
    let app = app;
    match arguments.command {
        Command::Up(arguments) => Box::pin(commands::up::run(&app, &arguments)).await,
        Command::Ask(arguments) => Box::pin(commands::ask::run(&app, &arguments)).await,
        Command::Prompt(arguments) => Box::pin(commands::prompt::run(&app, &arguments)).await,
        Command::Route(arguments) => Box::pin(commands::route::run(&app, &arguments)).await,
        Command::Serve(arguments) => Box::pin(commands::serve::run(&app, &arguments)).await,
        Command::Keys(arguments) => Box::pin(commands::keys::run(&app, &arguments)).await,
        Command::Models(arguments) => Box::pin(commands::models::run(&app, &arguments)).await,
        Command::Doctor(arguments) => Box::pin(commands::doctor::run(&app, &arguments)).await,
        Command::Setup(arguments) => Box::pin(commands::setup::run(&app, &arguments)).await,
        Command::Usage(arguments) => Box::pin(commands::usage::run(&app, &arguments)).await,
        Command::Mcp(arguments) => Box::pin(commands::mcp::run(&app, &arguments)).await,
        Command::Sessions(arguments) => Box::pin(commands::sessions::run(&app, &arguments)).await,
        Command::Store(arguments) => Box::pin(commands::store::run(&app, &arguments)).await,
        Command::Config(arguments) => commands::config::run(&app, &arguments),
        Command::ManagedServer { .. } | Command::ExecBound { .. } => Exit::Usage,
    }
}
