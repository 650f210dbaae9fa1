//! One answer on the terminal, piece by piece.

use std::{io, pin::pin};

use futures_util::{Stream, StreamExt};
use yabby_core::{EndReason, ModelEvent, text};
use yabby_route::{Answer, Recorder, RouteEvent, RouteFailure};

use crate::{
    exit::Exit,
    interrupt::{Interrupt, unread},
    terminal::Terminal,
    waiting::Waiting,
};

/// The most characters that are shown of the name of a tool that a model made up.
const LONGEST_NAME: usize = 64;

/// What is shown of an answer while it comes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Show {
    /// The text, to standard output. Off for `--json`, which prints one object at the end.
    pub(crate) text: bool,
    /// The reasoning, dimmed, to standard error.
    pub(crate) reasoning: bool,
}

/// How an answer ended.
pub(crate) enum Said {
    Answered(Box<Answer>),
    Failed(RouteFailure),
    /// Ctrl-C.
    Stopped,
    /// Nobody reads standard output any more.
    Unread,
    /// Standard output cannot be written.
    Unwritten(io::Error),
}

/// Shows the events until the answer is complete, failed or stopped with Ctrl-C, and takes note of them. Leaving drops the
/// stream, which closes the connection to the server.
pub(crate) async fn say(
    terminal: Terminal,
    interrupt: &mut Interrupt,
    events: impl Stream<Item = RouteEvent>,
    show: Show,
    recorder: &mut Recorder,
) -> Said {
    let mut events = pin!(events);
    let mut waiting = Waiting::new(terminal);
    let mut printed = String::new();
    let mut reasoned = false;
    let mut unread = pin!(unread());
    let end = loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = interrupt.pressed() => break Said::Stopped,
            () = waiting.is_long() => {
                waiting.tell();
                continue;
            }
            () = &mut unread => {
                waiting.clear();
                return Said::Unread;
            }
        };
        if let Some(event) = &event {
            recorder.saw(event);
            waiting.saw(event);
        }
        match event {
            Some(RouteEvent::Notice(notice)) => {
                waiting.clear();
                terminal.notice(&notice);
            }
            Some(RouteEvent::Model(ModelEvent::Reasoning(piece))) if show.reasoning => {
                waiting.clear();
                terminal.reasoning(&piece);
                reasoned = true;
            }
            Some(RouteEvent::Model(ModelEvent::Text(piece))) if show.text => {
                waiting.clear();
                if std::mem::take(&mut reasoned) {
                    terminal.line("");
                }
                match terminal.answer(&piece) {
                    Ok(()) => printed = piece,
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Said::Unread,
                    Err(error) => return Said::Unwritten(error),
                }
            }
            Some(RouteEvent::Trying(_) | RouteEvent::Model(_) | RouteEvent::Attempt(_)) => waiting.tell(),
            Some(RouteEvent::Done(answer)) => break Said::Answered(Box::new(answer)),
            Some(RouteEvent::Failed(failure)) => break Said::Failed(failure),
            // The stream ends with Done or Failed; without them there was nothing to try.
            None => {
                break Said::Failed(RouteFailure {
                    errors: Vec::new(),
                    attempts: Vec::new(),
                    partial: String::new(),
                });
            }
        }
    };
    waiting.clear();
    if reasoned {
        terminal.line("");
    }
    if show.text
        && !printed.is_empty()
        && !printed.ends_with('\n')
        && let Err(error) = terminal.answer("\n")
    {
        return Said::Unwritten(error);
    }
    if let Said::Answered(answer) = &end {
        tell_end(terminal, answer);
    }
    end
}

/// Tells when the answer is not all that the model would have said.
fn tell_end(terminal: Terminal, answer: &Answer) {
    if let Some(name) = called(answer) {
        terminal.notice(&text!(
            "{model} called the tool {name}, and Yabby offers it no tools; ask it to answer without tools",
            model = answer.model,
            name = name
        ));
    }
    match answer.end {
        EndReason::Length => terminal.notice(&text!(
            "the answer was cut: it reached the most tokens that it may have; raise maxTokens for {model}, or use --max-tokens",
            model = answer.model
        )),
        EndReason::Refused => terminal.notice(&text!("{model} or its server declined to answer", model = answer.model)),
        EndReason::Stop | EndReason::ToolCalls | EndReason::Unknown => {}
    }
}

/// The tool that the model called first, though none was offered.
fn called(answer: &Answer) -> Option<String> {
    let runnable = answer.tool_calls.iter().map(|call| &call.name);
    let names = runnable.chain(answer.malformed_calls.iter().map(|call| &call.name));
    let name: String = names.into_iter().next()?.chars().take(LONGEST_NAME).collect();
    Some(if name.is_empty() { "?".to_owned() } else { name })
}

/// Tells that the answer could not be written.
pub(crate) fn unwritten(terminal: Terminal, error: &io::Error) -> Exit {
    terminal.error(
        &text!("standard output cannot be written: {error}", error = error),
        Some(&text!("make room, or write to another place")),
    );
    Exit::Usage
}

/// Tells that there is no complete answer: every candidate with its reason, then what to do.
pub(crate) fn tell_failure(terminal: Terminal, failure: &RouteFailure) {
    if !failure.partial.is_empty() {
        terminal.notice(&text!("the answer above is not complete"));
    }
    match failure.errors.as_slice() {
        [] => terminal.error(&text!("no model could be asked"), None),
        [(model, error)] => terminal.error(
            &text!("{model}: {error}", model = model, error = error.message),
            error.hint.as_ref(),
        ),
        errors => {
            terminal.error(&text!("none of {count} models answered", count = errors.len()), None);
            for (model, error) in errors {
                let reason = text!("{model}: {error}", model = model, error = error.message);
                terminal.line(&format!("  {}", terminal.say(&reason)));
                if let Some(hint) = &error.hint {
                    terminal.hint(hint);
                }
            }
        }
    }
}
