//! Where the person's messages come from: an editor on a terminal, or lines of standard input.

use std::{
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
};

use rustyline::{
    Config, Editor, Helper,
    completion::Completer,
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::FileHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};

use tokio::task::spawn_blocking;
use yabby_servers::managed::private_folder;

use crate::{app::App, interrupt::Interrupt};

/// What the person did.
pub(super) enum Next {
    Message(String),
    New,
    Help,
    Unknown(String),
    Leave,
    /// Ctrl-C while nobody types.
    Stop,
}

/// The source of messages.
pub(super) enum Lines {
    Terminal {
        editor: Box<Editor<Continue, FileHistory>>,
        history: PathBuf,
    },
    Piped,
}

/// Lines are kept for the next chat, at most this many.
const HISTORY: usize = 1000;

impl Lines {
    pub(super) fn open(app: &App) -> rustyline::Result<Self> {
        if !io::stdin().is_terminal() {
            return Ok(Self::Piped);
        }
        let config = Config::builder()
            .max_history_size(HISTORY)?
            .auto_add_history(true)
            .history_ignore_space(true)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Continue));
        let _ = private_folder(&app.paths.state_dir);
        let history = app.paths.state_dir.join("chat-history.txt");
        let _ = editor.load_history(&history);
        Ok(Self::Terminal {
            editor: Box::new(editor),
            history,
        })
    }

    /// Whether a person types.
    pub(super) fn interactive(&self) -> bool {
        matches!(self, Self::Terminal { .. })
    }

    /// The next message; blank lines are passed over.
    pub(super) async fn next(&mut self, interrupt: &mut Interrupt) -> Next {
        loop {
            let line = match self {
                Self::Terminal { editor, history } => match editor.readline("> ") {
                    Ok(line) => {
                        let _ = editor.save_history(history);
                        line.replace("\\\n", "\n")
                    }
                    // Ctrl-C at the prompt throws the line away.
                    Err(ReadlineError::Interrupted) => continue,
                    Err(_) => return Next::Leave,
                },
                Self::Piped => {
                    let line = spawn_blocking(|| io::stdin().lock().lines().next());
                    let line = tokio::select! {
                        line = line => line,
                        () = interrupt.pressed() => return Next::Stop,
                    };
                    match line {
                        Ok(Some(Ok(line))) => line,
                        _ => return Next::Leave,
                    }
                }
            };
            match line.trim() {
                "" => {}
                "/new" | "/reset" => return Next::New,
                "/help" | "/?" => return Next::Help,
                "/exit" | "/quit" => return Next::Leave,
                command
                    if command.starts_with('/') && !command.contains([' ', '\n']) && !command[1..].contains('/') =>
                {
                    return Next::Unknown(command.to_owned());
                }
                message => return Next::Message(message.to_owned()),
            }
        }
    }
}

/// A line that ends with a backslash goes on in the next one.
pub(super) struct Continue;

impl Helper for Continue {}
impl Highlighter for Continue {}

impl Completer for Continue {
    type Candidate = String;
}

impl Hinter for Continue {
    type Hint = String;
}

impl Validator for Continue {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if context.input().ends_with('\\') {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}
