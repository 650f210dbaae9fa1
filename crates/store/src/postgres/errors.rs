//! What PostgreSQL and the way to it say, as kinds, and what can be done about it.

use std::{error::Error as _, io};

use rustls::Error as TlsError;
use tokio_postgres::Error;
use yabby_core::{Text, text};

use super::address::Address;
use crate::error::{StoreError, StoreErrorKind};

/// An error, and whether the job is run again.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    pub(super) then: Then,
}

/// What follows an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It would fail again.
    Stop,
    /// Another transaction was in the way.
    Again,
    /// On a new connection.
    Reconnect,
    /// On a new connection, once: what this one has prepared may be out of date.
    Fresh,
}

/// What the server said, without the values that it was about.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
struct Cause {
    said: String,
}

/// An error while a connection is made.
pub(super) fn connecting(address: &Address, error: &Error) -> Failure {
    if let Some(code) = error.code() {
        let rule = match code.code() {
            // `ALTER DATABASE … ALLOW_CONNECTIONS false`: somebody is busy with it.
            "55000" => Rule(StoreErrorKind::Unavailable, Then::Reconnect, None),
            code => of_code(code),
        };
        return failure(address, rule, error);
    }
    let cause = io_cause(error);
    let inner = cause.and_then(io::Error::get_ref);
    let is_untrusted = inner.is_some_and(|inner| matches!(inner.downcast_ref(), Some(TlsError::InvalidCertificate(_))));
    let rule = match cause {
        _ if is_untrusted => Rule(StoreErrorKind::Denied, Then::Stop, Some(certificate())),
        Some(_) => unreachable(),
        None if error.is_closed() => unreachable(),
        // The server asks for a password and there is none, or it has no TLS and it must.
        None => Rule(StoreErrorKind::Denied, Then::Stop, Some(access())),
    };
    failure(address, rule, error)
}

/// An error of a statement.
pub(super) fn statement(address: &Address, error: &Error) -> Failure {
    let rule = match error.code() {
        Some(code) => of_code(code.code()),
        None if error.is_closed() || io_cause(error).is_some() => unreachable(),
        None => Rule(StoreErrorKind::Other, Then::Stop, None),
    };
    failure(address, rule, error)
}

fn io_cause(error: &Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

/// The server does not answer.
pub(super) fn silent(address: &Address) -> Failure {
    let message = text!(
        "PostgreSQL at {place} does not answer",
        place = address.redact(&address.shown)
    );
    let Rule(kind, then, hint) = unreachable();
    let error = StoreError::new(kind, message);
    Failure {
        error: match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        },
        then,
    }
}

/// What is done about an error.
struct Rule(StoreErrorKind, Then, Option<Text>);

/// By SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_code(code: &str) -> Rule {
    use StoreErrorKind as Kind;
    match code {
        // Serialization failure, deadlock, lock not available.
        "40001" | "40P01" | "55P03" => Rule(Kind::Unavailable, Then::Again, None),
        "53100" => Rule(
            Kind::Full,
            Then::Stop,
            Some(text!(
                "free some space on the disk of the database; Yabby goes on by itself then"
            )),
        ),
        "53300" => Rule(
            Kind::Unavailable,
            Then::Reconnect,
            Some(text!(
                "the database has too many connections: raise max_connections, or end some; each Yabby needs 9"
            )),
        ),
        // Shut down, crashed, starting; cut off while idle, also in a transaction (this process was paused).
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => unreachable(),
        // Statement timeout, out of memory, another limit.
        "57014" | "53000" | "53200" | "53400" => Rule(Kind::Unavailable, Then::Stop, None),
        "25006" => Rule(
            Kind::ReadOnly,
            Then::Reconnect,
            Some(text!(
                "this is a standby, or the database is set to read only: give the URL of the primary"
            )),
        ),
        "28000" | "28P01" => Rule(Kind::Denied, Then::Stop, Some(access())),
        "42501" => Rule(
            Kind::Denied,
            Then::Stop,
            Some(text!(
                "let the user make tables: ALTER DATABASE name OWNER TO user, or GRANT CREATE ON SCHEMA public TO user"
            )),
        ),
        "3D000" => Rule(
            Kind::Missing,
            Then::Stop,
            Some(text!(
                "make it first: createdb --encoding=UTF8 --template=template0 name"
            )),
        ),
        // Pages, indexes, files or tables that are not as they must be.
        "XX001" | "XX002" | "58P01" | "42P01" | "42703" => {
            Rule(Kind::Damaged, Then::Stop, Some(text!("run: yabby store check")))
        }
        // The plan of a statement is out of date, or the connection is another one than before (a pooler).
        "0A000" | "26000" => Rule(Kind::Other, Then::Fresh, None),
        "22001" => Rule(Kind::TooLarge, Then::Stop, None),
        _ => match code.get(..2) {
            Some("08") => unreachable(),
            Some("54") => Rule(Kind::TooLarge, Then::Stop, None),
            Some("22" | "23") => Rule(Kind::Invalid, Then::Stop, None),
            _ => Rule(Kind::Other, Then::Stop, None),
        },
    }
}

fn unreachable() -> Rule {
    let hint = text!("is it running, and is the address right? Yabby goes on by itself when it is back");
    Rule(StoreErrorKind::Unavailable, Then::Reconnect, Some(hint))
}

fn access() -> Text {
    text!("check user, password and sslmode in the URL of the database, and pg_hba.conf of the server")
}

fn certificate() -> Text {
    text!(
        "its certificate is not trusted: name the file of its authority with sslrootcert=FILE in the URL; \
         sslmode=require trusts anybody"
    )
}

fn failure(address: &Address, Rule(kind, then, hint): Rule, error: &Error) -> Failure {
    let said = address.redact(&said(error));
    let message = text!(
        "PostgreSQL at {place}: {problem}",
        place = address.redact(&address.shown),
        problem = said
    );
    let error = StoreError::new(kind, message).with_source(Cause { said });
    Failure {
        error: match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        },
        then,
    }
}

/// What a person needs of it. Details of the server quote what is stored, and stay out.
fn said(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            error,
            then: Then::Stop,
        }
    }
}
