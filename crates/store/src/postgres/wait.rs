//! A connection, driven by the thread that uses it.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
    time,
};
use tokio_postgres::{AsyncMessage, Connection, Error, Socket, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    address::Address,
    errors::{self, Failure},
    worker::Shared,
};

type Link = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// The half of a connection that reads and writes.
pub(super) struct Driver {
    runtime: Rc<Runtime>,
    address: Rc<Address>,
    /// Gone when it has ended.
    link: Option<Link>,
    /// Why it has ended.
    why: Option<Error>,
    /// What was heard: channel and payload.
    heard: VecDeque<(String, String)>,
}

/// What a listener hears.
pub(super) enum Heard {
    /// Something was said.
    Note {
        /// Where.
        channel: String,
        /// What.
        payload: String,
    },
    /// Nothing, but it is time to look around: so long has passed, or somebody has something to tell.
    Nothing,
    /// The connection has ended.
    End,
}

/// A runtime for one thread.
pub(super) fn runtime() -> std::io::Result<Rc<Runtime>> {
    Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map(Rc::new)
}

/// Waits; whether the store is being closed.
pub(super) fn pause(runtime: &Runtime, closing: &mut watch::Receiver<bool>, time: Duration) -> bool {
    runtime.block_on(async {
        let closed = time::timeout(time, closing.wait_for(|closing| *closing));
        closed.await.is_ok()
    })
}

impl Driver {
    pub(super) fn new(runtime: Rc<Runtime>, address: Rc<Address>, link: Link) -> Self {
        Self {
            runtime,
            address,
            link: Some(link),
            why: None,
            heard: VecDeque::new(),
        }
    }

    /// Waits for the answer to a request. A connection on which none comes in time is not used again.
    pub(super) fn wait<T>(
        &mut self,
        limit: Duration,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let runtime = Rc::clone(&self.runtime);
        let outcome = runtime.block_on(async {
            let mut request = pin!(request);
            let both = poll_fn(|cx| {
                self.poll(cx);
                request.as_mut().poll(cx)
            });
            time::timeout(limit, both).await
        });
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if error.is_closed() => {
                // The request only knows that there is no connection any more.
                let why = self.why.as_ref().unwrap_or(&error);
                Err(errors::statement(&self.address, why))
            }
            Ok(Err(error)) => Err(errors::statement(&self.address, &error)),
            Err(_) => {
                self.link = None;
                Err(errors::silent(&self.address))
            }
        }
    }

    /// Waits until something is heard, is to be told, or the store is closed.
    pub(super) fn hear(&mut self, limit: Duration, closed: &mut watch::Receiver<bool>, shared: &Shared) -> Heard {
        let runtime = Rc::clone(&self.runtime);
        runtime.block_on(async {
            let heard = poll_fn(|cx| {
                self.poll(cx);
                match self.heard.pop_front() {
                    Some((channel, payload)) => Poll::Ready(Heard::Note { channel, payload }),
                    None if self.link.is_none() => Poll::Ready(Heard::End),
                    None => Poll::Pending,
                }
            });
            tokio::select! {
                biased;
                heard = heard => heard,
                () = shared.notes.rung() => Heard::Nothing,
                () = shared.between.rung() => Heard::Nothing,
                _ = closed.wait_for(|closed| *closed) => Heard::Nothing,
                () = time::sleep(limit) => Heard::Nothing,
            }
        })
    }

    /// Whether it can be used, as far as is known.
    pub(super) fn is_alive(&self) -> bool {
        self.link.is_some()
    }

    /// Lets the connection say goodbye.
    pub(super) fn finish(&mut self) {
        if let Some(link) = self.link.take() {
            let goodbye = async { time::timeout(Duration::from_millis(500), link).await };
            let _ = self.runtime.block_on(goodbye);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        while let Some(link) = &mut self.link {
            match link.poll_message(cx) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(AsyncMessage::Notification(note)))) => {
                    let note = (note.channel().to_owned(), note.payload().to_owned());
                    self.heard.push_back(note);
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => {
                    self.why = Some(error);
                    // What waits for answers is told by this.
                    self.link = None;
                }
                Poll::Ready(None) => self.link = None,
            }
        }
    }
}
