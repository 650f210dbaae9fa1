//! Finds the few fields of a request that a relay reads, without building a tree, and puts others in their place.
//!
//! The body stays as the client wrote it, byte for byte, but for the values that are replaced. Only what lies at the top
//! of the object is looked at; what is nested is stepped over. A key that stands there twice is replaced at each place,
//! because parsers do not agree on which one counts. Nothing is checked that the server checks anyway: a body that is
//! no JSON further inside is passed on and refused there.

use std::{borrow::Cow, ops::Range};

use hyper::body::Bytes;

use crate::fields::{Field, Fields, NotAnObject};

/// A body that is not longer is copied: that costs less than to write it in pieces.
const SHORT: usize = 16 << 10;

/// Where the fields of a request are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Skim {
    /// The values of `model`.
    model: Vec<Range<usize>>,
    /// The values of `provider`, which `OpenRouter` reads.
    provider: Vec<Range<usize>>,
    /// Whether there is a `models`: others that `OpenRouter` asks instead.
    pub(crate) names_others: bool,
    /// Whether `stream` is `true`.
    pub(crate) stream: bool,
    /// Behind the opening brace.
    open: usize,
    /// Whether the object has no field.
    empty: bool,
}

/// Looks through a body.
pub(crate) fn skim(body: &[u8]) -> Result<Skim, NotAnObject> {
    let mut fields = Fields::of(body)?;
    let mut found = Skim {
        open: fields.open,
        empty: fields.is_over(),
        ..Skim::default()
    };
    while let Some(Field { key, value }) = fields.step()? {
        match &*plain(&body[key]) {
            b"\"model\"" => found.model.push(value),
            b"\"provider\"" => found.provider.push(value),
            b"\"models\"" => found.names_others = true,
            b"\"stream\"" => found.stream = &body[value] == b"true",
            _ => {}
        }
    }
    if fields.is_all() { Ok(found) } else { Err(NotAnObject) }
}

/// The text of a JSON string with its quotes.
fn unquoted(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(raw).ok().map(Cow::Owned)
}

/// A key with its quotes, and what is escaped in it written out.
fn plain(key: &[u8]) -> Cow<'_, [u8]> {
    let written = || Some(format!("\"{}\"", unquoted(key)?).into_bytes());
    match memchr::memchr(b'\\', key).and_then(|_| written()) {
        Some(written) => written.into(),
        None => key.into(),
    }
}

// === impl Skim ===

impl Skim {
    /// The model that is asked for: the last one, as parsers have it. `None` when there is none, or null.
    pub(crate) fn model<'a>(&self, body: &'a [u8]) -> Result<Option<Cow<'a, str>>, NotAnObject> {
        match self.model.last().map(|range| &body[range.clone()]) {
            None | Some(b"null") => Ok(None),
            Some(raw) => unquoted(raw).map(Some).ok_or(NotAnObject),
        }
    }

    /// Whether there is a `provider`.
    pub(crate) fn has_provider(&self) -> bool {
        !self.provider.is_empty()
    }

    /// The body with these values instead of its own, as JSON: of `model`, and of `provider` where there is one to set.
    /// Pieces of a long body are shared and not
    /// copied.
    pub(crate) fn spliced(&self, body: &Bytes, model: &Bytes, provider: Option<&Bytes>) -> Vec<Bytes> {
        let unchanged = |range: &Range<usize>| body[range.clone()] == **model;
        if provider.is_none() && !self.model.is_empty() && self.model.iter().all(unchanged) {
            return vec![body.clone()];
        }
        let mut changes: Vec<(&Range<usize>, &Bytes)> = self.model.iter().map(|range| (range, model)).collect();
        let provider_places = provider
            .into_iter()
            .flat_map(|value| self.provider.iter().map(move |at| (at, value)));
        changes.extend(provider_places);
        changes.sort_by_key(|(range, _)| range.start);
        let mut pieces = Vec::with_capacity(2 * changes.len() + 3);
        let mut done = 0;
        let missing_model = self.model.is_empty().then_some(("model", model));
        let missing_provider = provider
            .filter(|_| self.provider.is_empty())
            .map(|value| ("provider", value));
        for (name, value) in missing_model.into_iter().chain(missing_provider) {
            pieces.push(body.slice(done..self.open));
            done = self.open;
            let comma = if self.empty && (missing_provider.is_none() || name == "provider") {
                ""
            } else {
                ","
            };
            let mut field = format!("\"{name}\":").into_bytes();
            field.extend_from_slice(value);
            field.extend_from_slice(comma.as_bytes());
            pieces.push(field.into());
        }
        for (range, value) in changes {
            pieces.push(body.slice(done..range.start));
            pieces.push(value.clone());
            done = range.end;
        }
        pieces.push(body.slice(done..));
        pieces.retain(|piece| !piece.is_empty());
        if body.len() <= SHORT {
            return vec![pieces.concat().into()];
        }
        pieces
    }
}

#[cfg(test)]
mod tests;
