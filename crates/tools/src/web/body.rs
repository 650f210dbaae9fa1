//! Reading a body that may have no end.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use reqwest::{
    Response,
    header::{CONTENT_ENCODING, HeaderValue},
};
use tokio::time::{Instant, timeout_at};

use super::http;
use crate::{ToolError, ToolErrorKind};

/// What was read of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    /// Uncompressed.
    pub(super) bytes: Vec<u8>,
    /// Why there is no more, when there was.
    pub(super) cut: Option<Cut>,
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It is longer than the limit.
    Long,
    /// It came too slowly.
    Slow,
    /// The connection or the compression broke.
    Broken,
}

/// Takes what fits.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

enum Decoder {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

/// Reads at most `limit` bytes, on the wire and uncompressed alike, until `deadline`. Something is better than nothing: an
/// error means that nothing came.
pub(super) async fn read(mut response: Response, limit: usize, deadline: Instant) -> Result<Body, ToolError> {
    let host = response.url().host_str().unwrap_or_default().to_owned();
    let mut decoder = Decoder::of(&response, limit)?;
    let mut on_the_wire = 0_usize;
    let (cut, error) = loop {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(piece))) => {
                // Compressed nothing is also something that must end.
                on_the_wire += piece.len();
                if let Err(cut) = decoder.take(&piece) {
                    break (Some(cut), None);
                }
                if on_the_wire > limit {
                    break (Some(Cut::Long), None);
                }
            }
            Ok(Ok(None)) => break (None, None),
            Ok(Err(error)) => break (Some(Cut::Broken), Some(http::failed(&host, &error))),
            Err(_) => break (Some(Cut::Slow), None),
        }
    };
    let (bytes, whole) = decoder.end();
    let cut = cut.or((!whole).then_some(Cut::Broken));
    match cut {
        Some(cut) if bytes.is_empty() => Err(error.unwrap_or_else(|| nothing(&host, cut))),
        _ => Ok(Body { bytes, cut }),
    }
}

fn nothing(host: &str, cut: Cut) -> ToolError {
    let (kind, why) = match cut {
        Cut::Slow => (ToolErrorKind::TimedOut, "sent nothing in time"),
        Cut::Long => (ToolErrorKind::TooLarge, "sent no text within the limit"),
        Cut::Broken => (ToolErrorKind::Failed, "sent a compressed page that is broken"),
    };
    ToolError::new(kind, format!("{host} {why}. Try another source."))
}

impl Decoder {
    fn of(response: &Response, limit: usize) -> Result<Self, ToolError> {
        let bounded = Bounded {
            bytes: Vec::new(),
            limit,
        };
        let encoding = response.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let is = |names: &[&[u8]]| {
            encoding.is_some_and(|encoding| names.iter().any(|name| encoding.eq_ignore_ascii_case(name)))
        };
        if encoding.is_none() || is(&[b"", b"identity"]) {
            Ok(Self::Plain(bounded))
        } else if is(&[b"gzip", b"x-gzip"]) {
            Ok(Self::Gzip(Box::new(MultiGzDecoder::new(bounded))))
        } else {
            Err(ToolError::new(
                ToolErrorKind::Failed,
                "The page came in a compression that was not asked for. Try another source.",
            ))
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Cut> {
        match self {
            Self::Plain(bounded) => bounded.write_all(piece).map_err(|_| Cut::Long),
            Self::Gzip(decoder) => decoder.write_all(piece).map_err(|_| {
                if decoder.get_ref().is_full() {
                    Cut::Long
                } else {
                    Cut::Broken
                }
            }),
        }
    }

    /// What there is, and whether that is all of it.
    fn end(self) -> (Vec<u8>, bool) {
        match self {
            Self::Plain(bounded) => (bounded.bytes, true),
            Self::Gzip(mut decoder) => {
                let whole = decoder.try_finish().is_ok();
                (std::mem::take(&mut decoder.get_mut().bytes), whole)
            }
        }
    }
}

impl Bounded {
    fn is_full(&self) -> bool {
        self.bytes.len() >= self.limit
    }
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let fits = piece.len().min(self.limit - self.bytes.len());
        if fits == 0 && !piece.is_empty() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece.get(..fits).unwrap_or_default());
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
