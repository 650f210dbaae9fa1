//! The page beside a chat in a terminal: the same assistant, behind the gateway, as long as the chat.

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
};

use tokio::{sync::oneshot, task::JoinSet};
use yabby_core::{Text, text};
use yabby_store::{Keys, Store, StoreError};

use super::Chat;
use crate::{
    app::App,
    arguments::Up,
    assistant::Working,
    exit::Exit,
    gateway::{
        address,
        certificate::Certificate,
        door,
        link::Link,
        open::{Opened, Over, access, open, tell_unlocked},
        sign::{Neighbour, Sign},
        token::Token,
    },
    stored,
};

/// Where a chat's page is to be, before anything else is made ready.
pub(crate) enum Place {
    /// Nobody types, so that nobody stays for one.
    Nowhere,
    /// At this address; somebody else has the one that was wanted.
    Here(SocketAddr, Option<Text>),
    /// Another one serves it already, over the same state.
    There(Neighbour),
}

/// The page of a chat.
pub(super) struct Page {
    /// Where a browser finds it.
    url: String,
    /// Links are made with them.
    pub(super) keys: Keys,
    serving: Option<Serving>,
}

/// A gateway of this process.
struct Serving {
    end: oneshot::Sender<()>,
    gateway: JoinSet<()>,
    sign: Option<Sign>,
}

impl Place {
    /// Where it is to be. With a port of the command line it is there or nowhere. A private chat has none: whoever came in through
    /// the gateway could ask models that are far away.
    pub(crate) async fn of(app: &App, arguments: &Up) -> Result<Self, Exit> {
        let port = arguments.port;
        if arguments.private || (port.is_none() && !io::stdin().is_terminal()) {
            return Ok(Self::Nowhere);
        }
        if let (None, Some(own)) = (port, Neighbour::of(&app.paths.state_dir)) {
            return Ok(Self::There(own));
        }
        let Some(address) = address::of(app.config(), port) else {
            app.terminal.notice(&text!(
                "this machine has no address of Tailscale, where the gateway is to listen"
            ));
            return Ok(Self::Nowhere);
        };
        if port.is_some() {
            let address = door::free(app, address, "up").await?;
            return Ok(Self::Here(address, None));
        }
        let (address, taken) = door::next(address).await;
        Ok(Self::Here(address, taken))
    }
}

impl Page {
    /// Serves it over a store, and the assistant that works there for the terminal too. A chat does without a page that cannot be.
    pub(super) async fn open(
        app: &App,
        chat: &Chat<'_>,
        store: &Store,
        (address, taken): (SocketAddr, Option<Text>),
    ) -> (Working, Option<Self>) {
        let state_dir = &app.paths.state_dir;
        let needed = Token::of(state_dir)
            .and_then(|token| Certificate::of(state_dir, &app.config().gateway, address.ip()).map(|own| (token, own)));
        let (token, certificate) = match needed {
            Ok(needed) => needed,
            Err(unusable) => {
                not_served(app, &unusable.message, &unusable.hint);
                return (Working::start(app, store.clone(), chat.chosen()), None);
            }
        };
        // Turns are told only where a gateway sends that.
        app.begin_telemetry();
        let working = Working::start(app, store.clone(), chat.chosen());
        let over = Over {
            fleet: (*chat.fleet).clone(),
            default: chat.default.cloned(),
            office: Some(working.office.clone()),
            access: access(app, &token, Some(store)).await,
            certificate,
        };
        let Opened { gateway, sign } = match open(app, address, over).await {
            Ok(opened) => opened,
            Err(error) => {
                let (message, hint) = door::told(address, &error, None);
                not_served(app, &message, &hint);
                app.telemetry().give_up();
                return (working, None);
            }
        };
        let url = address::reached(gateway.address(), gateway.url().starts_with("https:"));
        if let Some(taken) = taken {
            app.terminal.notice(&text!(
                "{taken}; the page is at port {port}",
                taken = taken,
                port = gateway.address().port()
            ));
        }
        if app.config().gateway.auth.open {
            tell_unlocked(app);
        }
        let (end, ends) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(gateway.serve(async move { drop(ends.await) }));
        let page = Self {
            url,
            keys: store.keys(),
            serving: Some(Serving {
                end,
                gateway: serving,
                sign,
            }),
        };
        (working, Some(page))
    }

    /// The page of another one over the same state.
    pub(super) async fn of(app: &App, own: Neighbour) -> Result<Self, StoreError> {
        app.terminal.notice(&text!(
            "Yabby runs already at {url} (process {pid})",
            url = own.url,
            pid = own.pid
        ));
        Ok(Self {
            url: own.url,
            keys: stored::keys(app).await?,
            serving: None,
        })
    }

    /// Shows a new link to it, to somebody who watches: a code has no place in a log.
    pub(super) async fn show_link(&self, app: &App) {
        if !app.terminal.watched {
            app.terminal.notice(&text!("the page is at {url}", url = self.url));
            return;
        }
        match Link::new(&self.keys, &self.url, "browser").await {
            Ok(Link { link, .. }) => {
                app.terminal.notice(&text!("in a browser: {link}", link = link));
                app.terminal.notice(&text!(
                    "the link lets one browser in, within ten minutes, as you: give it to nobody; /link makes another one"
                ));
            }
            Err(error) => app.terminal.notice(&text!(
                "no link can be made: {reason}; the page at {url} also takes the key in gateway-token of the state folder",
                reason = error.message,
                url = self.url
            )),
        }
    }

    /// Ends it. Answers that have begun may come to their end.
    pub(super) async fn close(self) {
        let Some(mut serving) = self.serving else { return };
        // Nobody is to be sent there any more.
        drop(serving.sign);
        let _ = serving.end.send(());
        while serving.gateway.join_next().await.is_some() {}
    }
}

fn not_served(app: &App, message: &Text, hint: &Text) {
    app.terminal.notice(&text!(
        "the page is not served: {reason}; {hint}",
        reason = message,
        hint = hint
    ));
}
