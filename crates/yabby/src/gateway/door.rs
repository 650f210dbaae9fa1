//! The port of the gateway: who has it, which one is free, and why it cannot be listened at.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;
use yabby_core::{Text, text};
use yabby_gateway::{BindError, Exposed, TlsError};

use super::{
    holder::{self, Holder},
    link::Link,
    sign::Neighbour,
};
use crate::{app::App, exit::Exit, person, stored};

/// The address, or the one with another port if it is taken and the person wants that. It is looked for first: who has the
/// port may have everything else that a gateway needs, too.
pub(crate) async fn free(app: &App, mut address: SocketAddr, command: &str) -> Result<SocketAddr, Exit> {
    loop {
        // Whatever else is wrong is told when it is needed.
        let Some(error) = taken(address).await else {
            return Ok(address);
        };
        if let Some(own) = Neighbour::of(&app.paths.state_dir).filter(|own| own.is_at(address.port())) {
            already(app, &own).await;
            return Err(Exit::Usage);
        }
        let free = holder::next_free(address.port());
        let (message, hint) = told(address, &error, free.map(|port| (command, port)));
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

/// The next free port where somebody else has the one that is wanted, and who that is.
pub(crate) async fn next(mut address: SocketAddr) -> (SocketAddr, Option<Text>) {
    let Some(error) = taken(address).await else {
        return (address, None);
    };
    let (message, _) = told(address, &error, None);
    if let Some(port) = holder::next_free(address.port()) {
        address.set_port(port);
    }
    (address, Some(message))
}

/// Says that the gateway runs already; to a person, with a link to it.
pub(crate) async fn already(app: &App, own: &Neighbour) {
    let message = text!(
        "Yabby runs already at {url} (process {pid})",
        url = own.url,
        pid = own.pid
    );
    app.terminal.error(&message, None);
    let link = match stored::keys(app).await {
        // A code has no place in a log.
        Ok(keys) if app.terminal.watched => Link::new(&keys, &own.url, "browser").await.ok(),
        _ => None,
    };
    app.terminal.hint(&match link {
        Some(Link { link, .. }) => text!(
            "open it with {link} (once, within ten minutes), or end it first: kill {pid}",
            link = link,
            pid = own.pid
        ),
        None => text!(
            "get a link to it with: yabby keys link; or end it first: kill {pid}",
            pid = own.pid
        ),
    });
}

/// The error of a port that somebody has.
async fn taken(address: SocketAddr) -> Option<BindError> {
    let error = TcpListener::bind(address).await.err()?;
    (error.kind() == io::ErrorKind::AddrInUse).then_some(BindError::Io { address, error })
}

fn is_taken(error: &BindError) -> bool {
    matches!(error, BindError::Io { error, .. } if error.kind() == io::ErrorKind::AddrInUse)
}

/// Why it cannot listen, and what to do: for example, to give a command a port that is free.
pub(crate) fn told(address: SocketAddr, error: &BindError, free: Option<(&str, u16)>) -> (Text, Text) {
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
                Some((command, port)) => text!(
                    "end that program, or use a free port: yabby {command} --port {port}",
                    command = command,
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
        BindError::Exposed(Exposed::Unprotected(address)) => (
            text!(
                "the gateway does not listen on {address}: others on the network could read your keys and all that is said",
                address = address
            ),
            text!(
                "set gateway.tls with a certificate, or gateway.trustedProxies to the proxy that has one; or gateway.bind to loopback"
            ),
        ),
        BindError::Exposed(Exposed::Open(address)) => (
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
            unusable(error),
            text!("gateway.tls.certPath and keyPath name PEM files that belong together"),
        ),
        BindError::OwnTls(error) => (
            unusable(error),
            text!(
                "remove it, and the next start makes a new one: rm {path}",
                path = error.path.display()
            ),
        ),
        BindError::Keys(error) => (
            error.message.clone(),
            error.hint.clone().unwrap_or(text!("run: yabby store check")),
        ),
    }
}

fn unusable(error: &TlsError) -> Text {
    text!(
        "the certificate or the key in {path} cannot be used: {error}",
        path = error.path.display(),
        error = error.error
    )
}
