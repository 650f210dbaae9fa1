//! One message and what follows from it, on the terminal.

use std::{io, pin::pin};

use tokio::{
    sync::broadcast::error::RecvError,
    time::{Duration, sleep},
};
use yabby_agent::{Live, ToolState};
use yabby_core::{ModelEvent, Text, text};
use yabby_route::RouteEvent;
use yabby_store::{Said, StoreError};

use crate::{
    assistant::{Delivered, Running},
    interrupt::{Interrupt, unread},
    terminal::Terminal,
    waiting::Waiting,
};

/// How often it is looked whether all was said.
const LOOK: Duration = Duration::from_millis(15);

/// How a message was dealt with.
pub(super) enum Followed {
    /// With an answer.
    Answered,
    /// With something else: an error, a question, what a command has to say.
    Told,
    /// The person has stopped it.
    Stopped,
    /// Nobody reads standard output any more.
    Unread,
    /// Standard output cannot be written.
    Unwritten(io::Error),
    /// The store has failed.
    Failed(StoreError),
}

/// What is on the screen of one message.
pub(super) struct Screen {
    pub(super) terminal: Terminal,
    pub(super) waiting: Waiting,
    /// The text of the answer that stands there.
    streamed: String,
    /// Whether the line of standard output is not ended.
    open: bool,
    reasoned: bool,
    answered: bool,
    /// Questions that were asked, by their ids.
    pub(super) asked: Vec<String>,
}

impl Screen {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            waiting: Waiting::new(terminal),
            streamed: String::new(),
            open: false,
            reasoned: false,
            answered: false,
            asked: Vec::new(),
        }
    }

    /// Shows what happens until the message was dealt with; without one, until nothing is left of an earlier run.
    pub(super) async fn follow(
        &mut self,
        running: &mut Running,
        interrupt: &mut Interrupt,
        message: Option<i64>,
    ) -> Followed {
        let followed = self.until_done(running, interrupt, message).await;
        self.waiting.clear();
        if let Err(error) = self.end_line() {
            return Followed::Unwritten(error);
        }
        followed
    }

    async fn until_done(&mut self, running: &mut Running, interrupt: &mut Interrupt, message: Option<i64>) -> Followed {
        let mut unread = pin!(unread());
        let mut stopped = false;
        loop {
            let shown = tokio::select! {
                biased;
                Some(delivered) = running.deliveries.recv() => self.in_order(running, delivered),
                live = running.live.recv() => match live {
                    Ok(live) => self.live(live),
                    // The answer itself comes as a delivery, whole.
                    Err(RecvError::Lagged(_)) => Ok(()),
                    Err(RecvError::Closed) => return self.end(stopped),
                },
                () = interrupt.pressed(), if !stopped => {
                    stopped = true;
                    match running.say("/stop").await {
                        Ok(_) => Ok(()),
                        Err(error) => return Followed::Failed(error),
                    }
                }
                () = self.waiting.is_long() => {
                    self.waiting.tell();
                    Ok(())
                }
                () = &mut unread => {
                    // The server works for nobody.
                    let _ = running.say("/stop").await;
                    return Followed::Unread;
                }
                () = sleep(LOOK) => match running.is_done(message).await {
                    Ok(true) if running.deliveries.is_empty() && running.live.is_empty() => return self.end(stopped),
                    Ok(_) => Ok(()),
                    Err(error) => return Followed::Failed(error),
                },
            };
            match shown {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    let _ = running.say("/stop").await;
                    return Followed::Unread;
                }
                Err(error) => return Followed::Unwritten(error),
            }
        }
    }

    pub(super) fn end(&self, stopped: bool) -> Followed {
        match (stopped, self.answered) {
            (true, _) => Followed::Stopped,
            (false, true) => Followed::Answered,
            (false, false) => Followed::Told,
        }
    }

    pub(super) fn live(&mut self, live: Live) -> io::Result<()> {
        match live {
            Live::Trying(model) => {
                self.end_line()?;
                self.streamed.clear();
                self.saw(&RouteEvent::Trying(model));
            }
            Live::Model(ModelEvent::Text(piece)) => {
                self.waiting.clear();
                if std::mem::take(&mut self.reasoned) {
                    self.terminal.line("");
                }
                self.write(&piece)?;
                self.saw(&RouteEvent::Model(ModelEvent::Text(piece)));
            }
            Live::Model(ModelEvent::Reasoning(piece)) => {
                self.waiting.clear();
                self.terminal.reasoning(&piece);
                self.reasoned = true;
            }
            Live::Model(event) => self.saw(&RouteEvent::Model(event)),
            Live::Attempt(attempt) => self.saw(&RouteEvent::Attempt(attempt)),
            Live::Notice(notice) => self.notice(&notice)?,
            Live::Tool(call, state) => self.tool(&call.name, &state)?,
            Live::Asked(approval) => self.asked.push(approval.asked.id),
            Live::Began(_) | Live::Ended => {}
        }
        Ok(())
    }

    fn saw(&mut self, event: &RouteEvent) {
        self.waiting.saw(event);
        self.waiting.tell();
    }

    fn tool(&mut self, name: &str, state: &ToolState) -> io::Result<()> {
        self.waiting.clear();
        self.end_line()?;
        match state {
            ToolState::Began => self.terminal.notice(&text!("{tool} …", tool = name)),
            ToolState::Piece(piece) => self.terminal.reasoning(piece),
            ToolState::Ended(Some(summary)) => {
                self.terminal
                    .notice(&text!("{tool}: {summary}", tool = name, summary = summary));
            }
            ToolState::Ended(None) => {}
            ToolState::Failed(problem) => {
                self.terminal
                    .notice(&text!("{tool}: {summary}", tool = name, summary = problem));
            }
        }
        Ok(())
    }

    /// What was told before a delivery is shown before it.
    fn in_order(&mut self, running: &mut Running, delivered: Delivered) -> io::Result<()> {
        while let Ok(live) = running.live.try_recv() {
            self.live(live)?;
        }
        self.delivered(delivered)
    }

    /// Something that must be shown.
    fn delivered(&mut self, delivered: Delivered) -> io::Result<()> {
        match &delivered.content {
            Said::Answer(answer) => self.answer(answer.as_str())?,
            Said::Notice(notice) => self.notice(notice)?,
        }
        let _ = delivered.shown.send(());
        Ok(())
    }

    /// The answer as a whole, of which a part may stand there.
    pub(super) fn answer(&mut self, whole: &str) -> io::Result<()> {
        self.waiting.clear();
        self.answered = true;
        if let Some(rest) = whole.strip_prefix(self.streamed.as_str()) {
            let rest = rest.to_owned();
            self.write(&rest)?;
        } else {
            self.end_line()?;
            self.streamed.clear();
            self.write(whole)?;
        }
        self.end_line()
    }

    pub(super) fn notice(&mut self, notice: &Text) -> io::Result<()> {
        self.waiting.clear();
        self.end_line()?;
        self.terminal.notice(notice);
        Ok(())
    }

    fn write(&mut self, piece: &str) -> io::Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        self.terminal.answer(piece)?;
        self.streamed.push_str(piece);
        self.open = !piece.ends_with('\n');
        Ok(())
    }

    pub(super) fn end_line(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.reasoned) {
            self.terminal.line("");
        }
        if std::mem::take(&mut self.open) {
            self.terminal.answer("\n")?;
        }
        Ok(())
    }
}
