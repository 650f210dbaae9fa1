//! From what the socket said to a typed error.

use std::{error::Error, io};

use yabby_core::{ErrorKind, ModelError, Phase, Text, text};

use crate::{
    Endpoint, Reach,
    near::{self, Outside},
};

/// What went wrong below HTTP, with what the person can do about it.
pub(crate) fn error(endpoint: &Endpoint, phase: Phase, error: reqwest::Error) -> ModelError {
    let error = error.without_url();
    let connecting = error.is_connect();
    broke_off(endpoint, phase, connecting, error.into())
}

/// The same for an error of any client.
pub(crate) fn broke_off(
    endpoint: &Endpoint,
    phase: Phase,
    connecting: bool,
    error: Box<dyn Error + Send + Sync>,
) -> ModelError {
    let kind = kind(error.as_ref(), connecting, endpoint.reach);
    let phase = if connecting {
        Phase::Connect
    } else {
        phase.max(Phase::Head)
    };
    let url = &endpoint.base_url;
    let message = match kind {
        ErrorKind::OutOfZone => return near::error(endpoint, outside(error.as_ref())),
        ErrorKind::Refused => text!("nothing listens at {url}", url = url),
        ErrorKind::Dns => text!("the host name of {url} has no address", url = url),
        ErrorKind::Tls => text!(
            "no secure connection to {url}: {error}",
            url = url,
            error = root_cause(error.as_ref())
        ),
        ErrorKind::Unreachable => text!(
            "{url} cannot be reached: {error}",
            url = url,
            error = root_cause(error.as_ref())
        ),
        _ => text!("the connection to {url} ended before the answer did", url = url),
    };
    let mut built = ModelError::new(kind, phase, url, message);
    built.hint = hint(endpoint, kind);
    built.with_source(error)
}

fn hint(endpoint: &Endpoint, kind: ErrorKind) -> Option<Text> {
    let url = &endpoint.base_url;
    Some(match (kind, endpoint.reach) {
        (ErrorKind::Refused, Reach::Loopback) => {
            text!(
                "start the model server, or correct the port in baseUrl ({url})",
                url = url
            )
        }
        (ErrorKind::Refused | ErrorKind::Unreachable, Reach::Lan) => text!(
            "switch the machine on, and let its server listen on the network and not only on 127.0.0.1 ({url})",
            url = url
        ),
        (ErrorKind::Refused | ErrorKind::Unreachable, _) => {
            text!("check the internet connection and baseUrl ({url})", url = url)
        }
        (ErrorKind::Dns, _) => text!(
            "check the spelling of the host in baseUrl ({url}) and the network",
            url = url
        ),
        (ErrorKind::Tls, _) => {
            text!("use http:// for a server without a certificate, or install its certificate on this machine")
        }
        (ErrorKind::Interrupted, _) => text!("look into the server's log: it may have crashed or been restarted"),
        _ => return None,
    })
}

fn kind(error: &(dyn Error + 'static), connecting: bool, reach: Reach) -> ErrorKind {
    if outside(error).is_some() {
        return ErrorKind::OutOfZone;
    }
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = source {
        // An I/O error that is wrapped in another one is not among its sources.
        let mut io = cause.downcast_ref::<io::Error>();
        while let Some(error) = io {
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return ErrorKind::Refused,
                io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::TimedOut => return ErrorKind::Unreachable,
                // The system took the connection for a server that ended before it looked at it (measured with one
                // that was killed). On the way to a hosted service, a firewall does that.
                io::ErrorKind::ConnectionReset if reach != Reach::Hosted => return ErrorKind::Interrupted,
                // rustls reports handshake and certificate failures as invalid data. A server without TLS may also hang up;
                // nothing else is read before there is a connection.
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof if connecting => return ErrorKind::Tls,
                _ => {}
            }
            io = error.get_ref().and_then(|inner| inner.downcast_ref());
        }
        // The resolver's error has no public type; its name is part of hyper-util's documented message.
        if connecting && cause.to_string().starts_with("dns error") {
            return ErrorKind::Dns;
        }
        source = cause.source();
    }
    if connecting {
        ErrorKind::Unreachable
    } else {
        ErrorKind::Interrupted
    }
}

/// What the resolver refused, if that is why there is no connection.
fn outside<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Outside> {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(outside) = cause.downcast_ref() {
            return Some(outside);
        }
        source = cause.source();
    }
    None
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut last: &dyn Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
