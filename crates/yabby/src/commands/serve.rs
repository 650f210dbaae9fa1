//! `yabby serve`: the gateway, until Ctrl-C or SIGTERM.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;
use yabby_core::{Text, text};
use yabby_gateway::{Access, BindError, Gateway, House, Level, Settings, Upkeep};
use yabby_store::{self as store, Store};

use crate::{
    app::App,
    arguments::Serve,
    assistant::{Chosen, Working},
    exit::Exit,
    gateway::{
        address,
        holder::{self, Holder},
        token::Token,
    },
    interrupt::Interrupt,
    models::{Look, here},
    person,
    serving::Following,
    shared, stored,
};

pub(crate) async fn run(app: &App, arguments: &Serve) -> Exit {
    if let Err(exit) = app.config_or_exit() {
        return exit;
    }
    let token = match Token::of(&app.paths.state_dir) {
        Ok(token) => token,
        Err(unusable) => {
            app.terminal.error(&unusable.message, Some(&unusable.hint));
            return Exit::Usage;
        }
    };
    let Some(address) = address::of(app.config(), arguments.port) else {
        app.terminal.error(
            &text!("this machine has no address of Tailscale, where the gateway is to listen"),
            Some(&text!("connect it, or change gateway.bind in the config")),
        );
        return Exit::Usage;
    };
    let address = match free(app, address).await {
        Ok(address) => address,
        Err(exit) => return exit,
    };
    let (mut interrupt, mut termination) = (Interrupt::listen(), Interrupt::termination());
    let here = match here(app, None, Look::Needed).await {
        Ok(here) => here,
        Err(error) => {
            app.terminal.model_error(&error);
            return Exit::NoAnswer;
        }
    };
    for notice in &here.notices {
        app.terminal.notice(notice);
    }
    let spending = shared::spending(app);
    let fleet = here.fleet.clone();
    let chosen = Chosen {
        fleet: Arc::new(here.fleet),
        default: here.default.clone(),
        named: None,
        reasoning: false,
        private: None,
    };
    let store = match stored::open(app, store::Access::Write).await {
        Ok(store) => Some(store),
        Err(error) => {
            app.terminal.notice(&text!(
                "the models are served, and the assistant is not: {reason}",
                reason = error.message
            ));
            if let Some(hint) = &error.hint {
                app.terminal.notice(hint);
            }
            None
        }
    };
    let working = store.clone().map(|store| Working::start(app, store, chosen));
    let access = access(app, &token, store.as_ref()).await;
    let house = House {
        config: app.config().clone(),
        fleet,
        http: app.http.clone(),
        default: here.default,
        spending: spending.clone(),
        office: working.as_ref().map(|working| working.office.clone()),
        upkeep: Upkeep {
            tally: app.tally.clone(),
            log: app.log.clone(),
            settings: Settings::of(&app.loaded),
        },
        access,
    };
    let gateway = match Gateway::bind(address, house).await {
        Ok(gateway) => gateway,
        Err(error) => {
            let (message, hint) = told(address, &error, None);
            app.terminal.error(&message, Some(&hint));
            return Exit::Usage;
        }
    };
    // From here on SIGHUP ends nothing.
    let reload = gateway.reload();
    let mut following = Following::new(app, reload.clone(), working.as_ref());
    let listens = text!("Yabby listens on {url}", url = gateway.url());
    app.log.tell(Level::Info, "gateway", &listens);
    app.terminal.out(&app.terminal.say(&listens));
    if app.config().gateway.auth.open {
        app.terminal.notice(&text!(
            "nobody is asked for a key: every program on this machine may use your models (gateway.auth.mode)"
        ));
    } else {
        app.terminal.notice(&text!(
            "your key is in {path}; make others with: yabby keys add",
            path = token.path.display()
        ));
    }
    let end = async {
        tokio::select! {
            () = interrupt.pressed() => {}
            () = termination.pressed() => {}
            () = following.run() => {}
        }
    };
    // Other replicas are to know soon what this one has spent.
    tokio::select! {
        () = gateway.serve(end) => {}
        () = spending.keep_sharing() => {}
    }
    spending.hand_over(shared::HAND_OVER).await;
    if let Some(working) = working {
        working.end().await;
    }
    app.keep(&reload.fleet());
    Exit::Answered
}

/// Who may come in. Without the keys that are kept, the owner may.
async fn access(app: &App, token: &Token, store: Option<&Store>) -> Access {
    let opened = match store {
        Some(store) => Ok(store.keys()),
        // Another one has it for the assistant; keys are for all.
        None => stored::keys(app).await,
    };
    let keys = match opened {
        Ok(keys) => Some(keys),
        Err(error) => {
            app.terminal.notice(&text!(
                "keys of yabby keys do not count until the next start: {reason}",
                reason = error.message
            ));
            None
        }
    };
    Access {
        owners: vec![token.hash],
        keys,
    }
}

/// The address, or the one with another port if it is taken and the person wants that. It is looked for first: who has the
/// port may have everything else that a gateway needs, too.
async fn free(app: &App, mut address: SocketAddr) -> Result<SocketAddr, Exit> {
    loop {
        let error = match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => BindError::Io { address, error },
            // Whatever else is wrong is told when it is needed.
            _ => return Ok(address),
        };
        let free = holder::next_free(address.port());
        let (message, hint) = told(address, &error, free);
        let Some(free) = free.filter(|_| person::somebody(app.terminal)) else {
            app.terminal.error(&message, Some(&hint));
            return Err(Exit::Usage);
        };
        app.terminal.error(&message, None);
        let question = text!("listen on port {port} instead?", port = free);
        if !person::yes(app.terminal, &question, true).await.unwrap_or(false) {
            return Err(Exit::Stopped);
        }
        address.set_port(free);
    }
}

fn is_taken(error: &BindError) -> bool {
    matches!(error, BindError::Io { error, .. } if error.kind() == io::ErrorKind::AddrInUse)
}

/// Why it cannot listen, and what to do.
fn told(address: SocketAddr, error: &BindError, free: Option<u16>) -> (Text, Text) {
    match error {
        BindError::Io { .. } if is_taken(error) => {
            let message = match holder::of(address.port()) {
                Some(Holder { pid, name }) => text!(
                    "{address} is taken by {program} (process {pid})",
                    address = address,
                    program = name,
                    pid = pid
                ),
                None => text!("{address} is taken by another program", address = address),
            };
            let hint = match free {
                Some(port) => text!(
                    "end that program, or use a free port: yabby serve --port {port}",
                    port = port
                ),
                None => text!("end that program, or choose another port with --port"),
            };
            (message, hint)
        }
        BindError::Io { address, error } => (
            text!("cannot listen on {address}: {error}", address = address, error = error),
            text!("choose another port with --port, or another address with gateway.bind in the config"),
        ),
        BindError::Unprotected(address) => (
            text!(
                "the gateway does not listen on {address}: others on the network could read your keys and all that is said",
                address = address
            ),
            text!(
                "set gateway.tls with a certificate, or gateway.trustedProxies to the proxy that has one; or gateway.bind to loopback"
            ),
        ),
        BindError::Open(address) => (
            text!(
                "the gateway does not listen on {address}: with gateway.auth.mode none, anybody on the network could use it",
                address = address
            ),
            text!("remove gateway.auth.mode, or set gateway.bind to loopback"),
        ),
        BindError::TlsInDoubt => (
            text!("the config wants TLS, and a mistake in it hides how"),
            text!("run `yabby config check` for the place, and correct it"),
        ),
        BindError::Tls(error) => (
            text!(
                "the certificate or the key in {path} cannot be used: {error}",
                path = error.path.display(),
                error = error.error
            ),
            text!("gateway.tls.certPath and keyPath name PEM files that belong together"),
        ),
        BindError::Keys(error) => (
            error.message.clone(),
            error.hint.clone().unwrap_or(text!("run: yabby store check")),
        ),
    }
}
