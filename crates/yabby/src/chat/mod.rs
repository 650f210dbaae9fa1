//! The chat in the terminal: plain lines, history, several lines, Ctrl-C stops the answer, Ctrl-D leaves.

mod kept;
mod lines;
mod private;

pub(crate) use lines::read_line;
pub(crate) use private::Chat;

use yabby_core::{Message, ModelRequest, text};
use yabby_route::{Plan, Recorder};

use crate::{
    app::App,
    exit::Exit,
    interrupt::Interrupt,
    saying::{Said, Show, say, tell_failure, unwritten},
    shared::HAND_OVER,
};

use kept::{Kept, Piece};
use lines::{Lines, Next};
use private::{Private, told};

/// Chats until the person leaves or standard input ends.
pub(crate) async fn run(app: &App, mut chat: Chat<'_>, plan: Plan) -> Exit {
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
    let mut keeper = chat.keeper(app, Some(&plan));
    let mut plan = Ok(plan);
    let (router, spending) = app.router();
    let mut interrupt = Interrupt::listen();
    let mut transcript: Vec<Message> = Vec::new();
    let mut kept = Kept::open(app).await;
    let mut exit = Exit::Answered;
    loop {
        let line = match lines.next(&mut interrupt).await {
            Next::Message(line) => line,
            Next::New => {
                transcript.clear();
                kept.afresh();
                terminal.notice(&text!("a new conversation"));
                continue;
            }
            Next::Help => {
                help(app);
                continue;
            }
            Next::Private(Private::Which) => {
                chat.tell_zones(app);
                continue;
            }
            Next::Private(wanted) => {
                let was = chat.private.is_some();
                chat.private = (wanted == Private::On).then_some("/private on");
                let forgotten = was && chat.private.is_none() && !transcript.is_empty();
                if forgotten {
                    transcript.clear();
                    kept.afresh();
                }
                plan = chat.plan(app).await;
                // The old one may look at servers that are outside now.
                drop(keeper);
                keeper = chat.keeper(app, plan.as_ref().ok());
                terminal.notice(&told(chat.private.is_some(), forgotten));
                if let Err(error) = &plan {
                    terminal.error(&error.reason(), Some(&error.hint()));
                }
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
        let plan = match &plan {
            Ok(plan) => plan,
            Err(error) => {
                terminal.error(&error.reason(), Some(&error.hint()));
                exit = Exit::NoAnswer;
                continue;
            }
        };
        let question = Message::user(line);
        transcript.push(question.clone());
        let request = ModelRequest {
            messages: transcript.clone(),
            ..ModelRequest::default()
        };
        let mut recorder = Recorder::start(None, plan, &request);
        // What was said is kept before anybody is asked, so that no crash takes it away.
        let said = Piece {
            turn: recorder.id().to_owned(),
            message: question,
            attempts: Vec::new(),
        };
        kept.keep(app, said).await;
        let events = router.answer(plan.clone(), request);
        let show = Show {
            text: true,
            reasoning: chat.show_reasoning,
        };
        let said = say(terminal, &mut interrupt, events, show, &mut recorder).await;
        let record = recorder.finish();
        app.record(&record);
        app.keep(chat.fleet);
        spending.hand_over(HAND_OVER).await;
        match said {
            // Only tools were called: that is told, and the model hears no more of the question.
            Said::Answered(answer) if answer.text.is_blank() => {
                transcript.pop();
                exit = Exit::NoAnswer;
            }
            Said::Answered(answer) => {
                let attempts = answer.attempts;
                let answer = Message::Assistant {
                    text: answer.text.into_string(),
                    tool_calls: Vec::new(),
                    opaque: answer.opaque,
                };
                transcript.push(answer.clone());
                let answered = Piece {
                    turn: record.id,
                    message: answer,
                    attempts,
                };
                kept.keep(app, answered).await;
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

fn help(app: &App) {
    let say = |text| app.terminal.line(&app.terminal.say(&text));
    say(text!("/new     begin a new conversation"));
    say(text!(
        "/private say where the data of this chat may go; /private on keeps it in this network, /private off ends that"
    ));
    say(text!("/help    show this list"));
    say(text!("/exit    leave, like Ctrl-D"));
    say(text!("Ctrl-C   stop the answer"));
    say(text!(
        "A line that ends with \\ goes on in the next one; pasted text may have many lines."
    ));
}
