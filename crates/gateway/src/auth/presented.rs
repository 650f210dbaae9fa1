//! The key that a request brings.

use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};

static API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a request has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presented<'a> {
    /// Nothing.
    None,
    /// One key.
    One(&'a [u8]),
    /// Several, of which nobody knows which one counts. The first one of them.
    Several(&'a [u8]),
}

/// The key of a request: `Authorization: Bearer …`, as OpenAI's clients send it, or `x-api-key: …`, as Anthropic's. Nothing
/// else counts: not the address, where it would stand in logs, and no cookie, which a browser sends by itself.
pub(super) fn presented(headers: &HeaderMap) -> Presented<'_> {
    let bearers = headers
        .get_all(AUTHORIZATION)
        .into_iter()
        .map(|value| bearer(value).unwrap_or_default());
    let keys = headers.get_all(&API_KEY).into_iter().map(HeaderValue::as_bytes);
    let mut found: Option<&[u8]> = None;
    for key in bearers.chain(keys) {
        match found {
            Some(first) if first != key => return Presented::Several(first),
            _ => found = Some(key),
        }
    }
    found.map_or(Presented::None, Presented::One)
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, rest) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_counts() {
        for (headers, expected) in [
            (&[][..], Presented::None),
            (&[("authorization", "Bearer k")], Presented::One(b"k")),
            (&[("authorization", "bearer  k ")], Presented::One(b"k")),
            (&[("x-api-key", "k")], Presented::One(b"k")),
            (
                &[("authorization", "Bearer k"), ("x-api-key", "k")],
                Presented::One(b"k"),
            ),
            (
                &[("authorization", "Bearer k"), ("x-api-key", "l")],
                Presented::Several(b"k"),
            ),
            (
                &[("authorization", "Bearer k"), ("authorization", "Bearer l")],
                Presented::Several(b"k"),
            ),
            // What is no key is a wrong one.
            (&[("authorization", "Basic azpr")], Presented::One(b"")),
            (&[("authorization", "k")], Presented::One(b"")),
            (&[("cookie", "authorization=k")], Presented::None),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(HeaderName::from_static(name), value.parse().unwrap());
            }
            assert_eq!(presented(&map), expected, "{headers:?}");
        }
    }
}
