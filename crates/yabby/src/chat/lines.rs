//! Where the person's messages come from: an editor on a terminal, or lines of standard input.

use std::{
    io::{self, BufRead, IsTerminal, Read},
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

use yabby_agent::Body;

use super::private::Private;
use crate::{app::App, interrupt::Interrupt};

/// What the person did.
pub(super) enum Next {
    /// A message, or a command that the assistant obeys.
    Message(String),
    Help,
    /// Another link to the page.
    Link,
    Private(Private),
    Unknown(String),
    Leave,
    /// Ctrl-C while nobody types.
    Stop,
    /// Standard input cannot be read.
    Unreadable(io::Error),
}

/// The source of messages.
pub(super) enum Lines {
    /// The editor is away while it reads, on a thread of its own: the connection of an answer that was stopped is
    /// closed by the runtime, which must not be blocked.
    Terminal {
        editor: Option<Box<Editor<Continue, FileHistory>>>,
        history: PathBuf,
    },
    Piped,
}

/// A line on standard input may be so long, in bytes.
const LONGEST_LINE: u64 = 8 * 1024 * 1024;

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
            editor: Some(Box::new(editor)),
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
                Self::Terminal { editor, history } => {
                    let Some(mut away) = editor.take() else {
                        return Next::Leave;
                    };
                    let file = history.clone();
                    let read = spawn_blocking(move || {
                        let line = away.readline("> ");
                        let _ = away.save_history(&file);
                        (away, line)
                    });
                    let Ok((back, line)) = read.await else {
                        return Next::Leave;
                    };
                    *editor = Some(back);
                    // What was pressed before or while the person typed is not meant for the next answer.
                    *interrupt = Interrupt::listen();
                    match line {
                        Ok(line) => line.replace("\\\n", "\n"),
                        // Ctrl-C at the prompt throws the line away.
                        Err(ReadlineError::Interrupted) => continue,
                        Err(_) => return Next::Leave,
                    }
                }
                Self::Piped => {
                    let read = spawn_blocking(read_line);
                    let read = tokio::select! {
                        read = read => read,
                        () = interrupt.pressed() => return Next::Stop,
                    };
                    match read {
                        Ok(Ok(Some(line))) => line,
                        Ok(Err(error)) => return Next::Unreadable(error),
                        Ok(Ok(None)) | Err(_) => return Next::Leave,
                    }
                }
            };
            // Its words are never part of a message.
            let private = line.trim().strip_prefix("/private");
            if let Some(rest) = private.filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)) {
                return Private::of(rest).map_or_else(|| Next::Unknown(line.trim().to_owned()), Next::Private);
            }
            match line.trim() {
                "" => {}
                "/help" | "/?" => return Next::Help,
                "/link" => return Next::Link,
                "/exit" | "/quit" => return Next::Leave,
                // What the assistant obeys.
                command if yabby_agent::Command::of(&Body::text(command)).is_some() => {
                    return Next::Message(command.to_owned());
                }
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

/// The next line of standard input; `None` at its end.
pub(crate) fn read_line() -> io::Result<Option<String>> {
    let mut line = String::new();
    match io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)? as u64 {
        0 => Ok(None),
        LONGEST_LINE => Err(io::Error::other(format!(
            "a line of more than {} MB",
            LONGEST_LINE >> 20
        ))),
        _ => Ok(Some(line)),
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
