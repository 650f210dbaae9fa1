//! A chat with the Yabby of this state folder that runs already: that one has the store, so that it answers, and this terminal
//! shows it, as the page does.

mod gateway;
mod show;

use yabby_core::{SessionKey, text};

use super::{
    Chat, Page, answer_of,
    follow::{Followed, Screen},
    help,
    lines::{Lines, Next},
    private::Private,
};
use crate::{app::App, exit::Exit, gateway::sign::Neighbour, interrupt::Interrupt, saying::unwritten};

use gateway::{Failed, Gateway};

/// Whether a chat can be held there. One that is private, or with a model that was named for it alone, is held here.
pub(super) fn is_wanted(app: &App, chat: &Chat<'_>) -> bool {
    chat.private.is_none() && chat.model.is_none() && app.database.is_none()
}

/// Chats until the person leaves; nothing when the other one cannot be talked to, which is told.
pub(super) async fn run(
    app: &App,
    chat: &Chat<'_>,
    (own, page): (&Neighbour, &Page),
    conversation: &SessionKey,
    lines: &mut Lines,
) -> Option<Exit> {
    let gateway = match Gateway::open(own, &page.keys, conversation).await {
        Ok(gateway) => gateway,
        Err(failed) => {
            app.terminal.notice(&failed.words());
            return None;
        }
    };
    app.terminal.notice(&text!(
        "this chat goes on there, as on its page: it is kept, and that one answers"
    ));
    page.show_link(app).await;
    let exit = talk(app, chat, page, &gateway, lines).await;
    gateway.close().await;
    Some(exit)
}

async fn talk(app: &App, chat: &Chat<'_>, page: &Page, gateway: &Gateway, lines: &mut Lines) -> Exit {
    let terminal = app.terminal;
    let mut interrupt = Interrupt::listen();
    let mut exit = Exit::Answered;
    let mut asked: Vec<String> = Vec::new();
    loop {
        let line = match lines.next(&mut interrupt).await {
            Next::Message(line) => answer_of(&line, &asked).unwrap_or(line),
            Next::Help => {
                help(app);
                continue;
            }
            Next::Link => {
                page.show_link(app).await;
                continue;
            }
            Next::Private(Private::Which) => {
                chat.tell_zones(app);
                continue;
            }
            Next::Private(wanted) => wanted.line().to_owned(),
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
        let mut screen = Screen::new(terminal);
        let followed = screen
            .through(gateway, chat.show_reasoning, &mut interrupt, &line)
            .await;
        asked = screen.asked;
        match followed {
            Ok(Followed::Answered) => exit = Exit::Answered,
            Ok(Followed::Told) if !asked.is_empty() || line.starts_with('/') => {}
            Ok(Followed::Told) => exit = Exit::NoAnswer,
            Ok(Followed::Stopped) => {}
            Ok(Followed::Unread) => return exit,
            Ok(Followed::Unwritten(error)) => return unwritten(terminal, &error),
            Ok(Followed::Failed(error)) => return crate::stored::tell(app, &error),
            Err(failed) => {
                let hint = matches!(failed, Failed::Ended).then(|| text!("start another one: yabby up"));
                terminal.error(&failed.words(), hint.as_ref());
                return Exit::NoAnswer;
            }
        }
    }
}
