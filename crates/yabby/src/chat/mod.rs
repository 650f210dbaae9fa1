//! The chat in the terminal: plain lines, history, several lines, Ctrl-C stops the answer, Ctrl-D leaves.

mod follow;
mod kept;
mod lines;
mod page;
mod private;
mod through;

pub(crate) use lines::read_line;
pub(crate) use page::Place;
pub(crate) use private::Chat;

use yabby_core::{SessionKey, text};
use yabby_route::Plan;
use yabby_store::StoreError;

use crate::{
    app::App,
    assistant::{Running, Working},
    exit::Exit,
    interrupt::Interrupt,
    saying::unwritten,
    shared::HAND_OVER,
    stored,
};

use follow::{Followed, Screen};
use kept::Kept;
use lines::{Lines, Next};
use page::Page;
use private::Private;

/// What a chat is held with.
struct Begun {
    running: Running,
    /// What an earlier run did not come to an end with goes on, and is shown, before the person says more.
    goes_on: bool,
    page: Option<Page>,
    /// The assistant for the page too, where this process serves it.
    working: Option<Working>,
    kept: Kept,
}

/// Chats until the person leaves or standard input ends, beside a page where there is a place for one.
pub(crate) async fn run(app: &App, mut chat: Chat<'_>, plan: Plan, place: Place) -> Exit {
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
    let mut interrupt = Interrupt::listen();
    let own = !lines.interactive() || chat.private.is_some();
    let conversation = match kept::conversation(chat.session, own) {
        Ok(conversation) => conversation,
        Err(error) => {
            terminal.error(
                &text!("this cannot be the name of a conversation: {error}", error = error),
                None,
            );
            return Exit::Usage;
        }
    };
    let there = match &place {
        Place::There(own) if through::is_wanted(app, &chat) => Some(own.clone()),
        _ => None,
    };
    if let Some(own) = there {
        let page = match Page::of(app, own.clone()).await {
            Ok(page) => page,
            Err(error) => return stored::tell(app, &error),
        };
        if let Some(exit) = through::run(app, &chat, (&own, &page), &conversation, &mut lines).await {
            return exit;
        }
    }
    let begun = match begin(app, &chat, conversation, place).await {
        Ok(begun) => begun,
        Err(error) => return stored::tell(app, &error),
    };
    let Begun {
        mut running,
        mut goes_on,
        page,
        working,
        kept,
    } = begun;
    if let Some(page) = &page {
        page.show_link(app).await;
    }
    let mut exit = Exit::Answered;
    let mut asked: Vec<String> = Vec::new();
    loop {
        let line = if std::mem::take(&mut goes_on) {
            terminal.notice(&text!("I go on with what I was doing"));
            None
        } else {
            Some(match lines.next(&mut interrupt).await {
                Next::Message(line) => answer_of(&line, &asked).unwrap_or(line),
                Next::Help => {
                    help(app);
                    continue;
                }
                Next::Link => {
                    match &page {
                        Some(page) => page.show_link(app).await,
                        None => terminal.notice(&text!("no page is served beside this chat; yabby serve serves one")),
                    }
                    continue;
                }
                Next::Private(Private::Which) => {
                    chat.tell_zones(app);
                    continue;
                }
                Next::Private(Private::Off) if chat.private == Some("--private") => {
                    terminal.notice(&text!("this chat was begun with --private, and stays private"));
                    continue;
                }
                Next::Private(wanted) => {
                    chat.private = (wanted == Private::On).then_some("/private on");
                    let plan = chat.plan(app).await;
                    // The old one may look at servers that are outside now.
                    drop(keeper);
                    keeper = chat.keeper(app, plan.as_ref().ok());
                    wanted.line().to_owned()
                }
                Next::Unknown(command) => {
                    terminal.notice(&text!(
                        "{command} is not a command; /help lists them",
                        command = command
                    ));
                    continue;
                }
                Next::Leave => break,
                Next::Stop => {
                    exit = Exit::Stopped;
                    break;
                }
                Next::Unreadable(error) => {
                    terminal.error(
                        &text!("standard input cannot be read: {error}", error = error),
                        Some(&text!("it must be UTF-8 text")),
                    );
                    exit = Exit::Usage;
                    break;
                }
            })
        };
        let mut screen = Screen::new(terminal);
        let message = match &line {
            Some(line) => {
                for notice in running.catch_up() {
                    terminal.notice(&notice);
                }
                running.say(line).await.map(Some)
            }
            None => Ok(None),
        };
        let followed = match message {
            Ok(message) => screen.follow(&mut running, &mut interrupt, message).await,
            Err(error) => Followed::Failed(error),
        };
        asked = screen.asked;
        app.keep(&chat.fleet);
        match followed {
            Followed::Answered if lines.interactive() => exit = Exit::Answered,
            Followed::Answered => {}
            // A question is no failure while it can be answered.
            Followed::Told if !asked.is_empty() => {}
            Followed::Told if line.is_none_or(|line| line.starts_with('/')) => {}
            Followed::Told => exit = Exit::NoAnswer,
            Followed::Stopped if lines.interactive() => {}
            Followed::Stopped => {
                exit = Exit::Stopped;
                break;
            }
            Followed::Unread => break,
            Followed::Unwritten(error) => return unwritten(terminal, &error),
            Followed::Failed(error) => return stored::tell(app, &error),
        }
    }
    if matches!(exit, Exit::Answered) && !asked.is_empty() {
        exit = Exit::NoAnswer;
    }
    if let Some(page) = page {
        page.close().await;
    }
    running.spending.hand_over(HAND_OVER).await;
    drop(running);
    // What was begun at the page is given back.
    if let Some(working) = working {
        working.end().await;
    }
    drop(kept);
    exit
}

/// The assistant for this chat, the page, and whether an earlier run has left something to it.
async fn begin(app: &App, chat: &Chat<'_>, conversation: SessionKey, place: Place) -> Result<Begun, StoreError> {
    let mut page = None;
    let mut wanted = None;
    match place {
        Place::Here(address, taken) => wanted = Some((address, taken)),
        Place::There(own) => page = Some(Page::of(app, own).await?),
        Place::Nowhere => {}
    }
    let kept = Kept::open(app).await?;
    let mut working = None;
    match wanted {
        Some(at) if kept.stays() => {
            let (works, opened) = Page::open(app, chat, &kept.store, at).await;
            (working, page) = (Some(works), opened);
        }
        Some(_) => app
            .terminal
            .notice(&text!("the page is not served, because this chat is not kept")),
        None => {}
    }
    let store = kept.store.clone();
    let running = match &working {
        Some(working) => Running::beside(app, working, store, conversation),
        None => Running::start(app, store, conversation, chat.chosen()),
    };
    let goes_on = running.has_begun().await?;
    if chat.private.is_some() {
        // So that whoever goes on with it later keeps it private.
        running.set("/private on", goes_on).await?;
    }
    Ok(Begun {
        running,
        goes_on,
        page,
        working,
        kept,
    })
}

/// What a short answer to the only open question means.
fn answer_of(line: &str, asked: &[String]) -> Option<String> {
    let [id] = asked else { return None };
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" | "是" | "好" => Some(format!("/approve {id}")),
        "n" | "no" | "否" | "不" => Some(format!("/deny {id}")),
        _ => None,
    }
}

fn help(app: &App) {
    let say = |text| app.terminal.line(&app.terminal.say(&text));
    say(text!("/new     begin a new conversation"));
    say(text!(
        "/private say where the data of this chat may go; /private on keeps it in this network, /private off ends that"
    ));
    say(text!(
        "/status  what answers, and how full its window is; /model NAME chooses another"
    ));
    say(text!(
        "/approve allow what the assistant asks for, like y; /deny, like n, does not"
    ));
    say(text!("/link    a new link to the page, for one browser"));
    say(text!("/help    show this list"));
    say(text!("/exit    leave, like Ctrl-D"));
    say(text!("Ctrl-C   stop the answer"));
    say(text!(
        "A line that ends with \\ goes on in the next one; pasted text may have many lines."
    ));
}
