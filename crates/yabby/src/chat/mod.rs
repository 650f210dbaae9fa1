//! The chat in the terminal: plain lines, history, several lines, Ctrl-C stops the answer, Ctrl-D leaves.

mod lines;

pub(crate) use lines::read_line;

use yabby_core::{ErrorKind, Message, ModelRef, ModelRequest, text};
use yabby_route::{Plan, Recorder, RouteFailure, Router};
use yabby_servers::{Fleet, Keeper};

use crate::{
    app::App,
    exit::Exit,
    interrupt::Interrupt,
    saying::{Said, Show, say, tell_failure, unwritten},
};

use lines::{Lines, Next};

/// Chats until the person leaves or standard input ends.
pub(crate) async fn run(app: &App, fleet: &Fleet, plan: Plan, show_reasoning: bool) -> Exit {
    let terminal = app.terminal;
    let mut lines = match Lines::open(app) {
        Ok(lines) => lines,
        Err(error) => {
            terminal.error(&text!("the terminal cannot be used: {error}", error = error), None);
            return Exit::Usage;
        }
    };
    if let (true, Some(first)) = (lines.interactive(), plan.candidates.first()) {
        terminal.notice(&text!(
            "chatting with {model}; /help lists what you can type, Ctrl-D leaves",
            model = first.model
        ));
    }
    // It looks after the servers until the person leaves.
    let models: Vec<ModelRef> = plan
        .candidates
        .iter()
        .map(|candidate| candidate.model.clone())
        .collect();
    let _keeper = Keeper::start(&app.http, fleet, &models);
    let router = Router::new(&app.http, app.config());
    let mut interrupt = Interrupt::listen();
    let mut transcript: Vec<Message> = Vec::new();
    let mut exit = Exit::Answered;
    loop {
        let line = match lines.next(&mut interrupt).await {
            Next::Message(line) => line,
            Next::New => {
                transcript.clear();
                terminal.notice(&text!("a new conversation"));
                continue;
            }
            Next::Help => {
                help(app);
                continue;
            }
            Next::Unknown(command) => {
                terminal.notice(&text!(
                    "{command} is not a command; /help lists them",
                    command = command
                ));
                continue;
            }
            Next::Leave => return exit,
            Next::Stop => return Exit::Stopped,
            Next::Unreadable(error) => {
                terminal.error(
                    &text!("standard input cannot be read: {error}", error = error),
                    Some(&text!("it must be UTF-8 text")),
                );
                return Exit::Usage;
            }
        };
        transcript.push(Message::user(line));
        let said = loop {
            let request = ModelRequest {
                messages: transcript.clone(),
                ..ModelRequest::default()
            };
            let mut recorder = Recorder::start(None, &plan, &request);
            let events = router.answer(plan.clone(), request);
            let show = Show {
                text: true,
                reasoning: show_reasoning,
            };
            let said = say(terminal, &mut interrupt, events, show, &mut recorder).await;
            app.record(&recorder.finish());
            match said {
                Said::Failed(failure) if overflowed(&failure) && transcript.len() > 2 => {
                    // Half of what was said goes, in whole exchanges.
                    let half = transcript.len() / 4 * 2;
                    transcript.drain(..half.max(2));
                    terminal.notice(&text!(
                        "the conversation no longer fits the model's window; its beginning is left out"
                    ));
                }
                said => break said,
            }
        };
        app.keep(fleet);
        match said {
            // Only tools were called: that is told, and nothing of it is kept.
            Said::Answered(answer) if answer.text.is_blank() => {
                transcript.pop();
                exit = Exit::NoAnswer;
            }
            Said::Answered(answer) => {
                transcript.push(Message::Assistant {
                    text: answer.text.into_string(),
                    tool_calls: Vec::new(),
                    opaque: answer.opaque,
                });
                if lines.interactive() {
                    exit = Exit::Answered;
                }
            }
            Said::Failed(failure) => {
                tell_failure(terminal, &failure);
                // A question without an answer would stand twice when it is asked again.
                transcript.pop();
                exit = Exit::NoAnswer;
            }
            Said::Stopped => {
                transcript.pop();
                terminal.notice(&text!("stopped"));
                if !lines.interactive() {
                    return Exit::Stopped;
                }
            }
            Said::Unread => return exit,
            Said::Unwritten(error) => return unwritten(terminal, &error),
        }
    }
}

/// Whether the only thing that is wrong is the length of the conversation.
fn overflowed(failure: &RouteFailure) -> bool {
    let mut errors = failure.errors.iter();
    errors.any(|(_, error)| error.kind == ErrorKind::ContextOverflow) && failure.partial.is_empty()
}

fn help(app: &App) {
    let say = |text| app.terminal.line(&app.terminal.say(&text));
    say(text!("/new     begin a new conversation"));
    say(text!("/help    show this list"));
    say(text!("/exit    leave, like Ctrl-D"));
    say(text!("Ctrl-C   stop the answer"));
    say(text!(
        "A line that ends with \\ goes on in the next one; pasted text may have many lines."
    ));
}
