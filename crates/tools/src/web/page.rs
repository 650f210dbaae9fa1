//! From the bytes of an answer to what a model reads.

use reqwest::Url;

use super::{
    body::{Body, Cut},
    charset, html,
};

/// A page as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Where it came from at last.
    pub(super) url: String,
    /// Its title, or nothing.
    pub(super) title: String,
    pub(super) text: String,
    /// What there is to know beside the text.
    pub(super) note: Option<&'static str>,
}

/// What kind of thing an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Text,
    Binary,
}

/// The `Content-Type` of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ContentType {
    /// In lower case, without parameters; nothing when there is none.
    pub(super) essence: String,
    pub(super) charset: Option<String>,
}

/// As far as bytes are looked at to see what they are.
const SNIFF: usize = 1024;
const PDF: &[u8] = b"%PDF-";

impl ContentType {
    pub(super) fn parse(header: Option<&str>) -> Self {
        let mut parts = header.unwrap_or_default().split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let is_charset = name.trim().eq_ignore_ascii_case("charset");
            is_charset.then(|| value.trim().trim_matches(['"', '\'']).to_owned())
        });
        Self { essence, charset }
    }

    /// What it says; `None` when one must look.
    pub(super) fn kind(&self) -> Option<Kind> {
        let essence = self.essence.as_str();
        match essence {
            "" | "*/*" | "application/octet-stream" | "binary/octet-stream" | "unknown/unknown" => None,
            "text/html" | "application/xhtml+xml" => Some(Kind::Html),
            "application/json"
            | "application/ndjson"
            | "application/x-ndjson"
            | "application/xml"
            | "application/javascript"
            | "application/x-javascript"
            | "application/ecmascript"
            | "application/yaml"
            | "application/x-yaml"
            | "application/toml"
            | "application/sql"
            | "application/x-sh"
            | "application/graphql" => Some(Kind::Text),
            _ if essence.starts_with("text/") || essence.ends_with("+json") || essence.ends_with("+xml") => {
                Some(Kind::Text)
            }
            _ => Some(Kind::Binary),
        }
    }

    /// What an answer is, by its bytes where the server does not say or is wrong.
    fn look(&self, bytes: &[u8]) -> Kind {
        let head = bytes.get(..SNIFF.min(bytes.len())).unwrap_or_default();
        let wide = head.starts_with(&[0xff, 0xfe])
            || head.starts_with(&[0xfe, 0xff])
            || self
                .charset
                .as_ref()
                .is_some_and(|charset| charset.to_ascii_lowercase().starts_with("utf-16"));
        if head.starts_with(PDF) || (head.contains(&0) && !wide) {
            return Kind::Binary;
        }
        self.kind().unwrap_or_else(|| {
            let head = String::from_utf8_lossy(head).trim_start().to_ascii_lowercase();
            let is_html = ["<!doctype html", "<html", "<head", "<body", "<!--"]
                .iter()
                .any(|begin| head.starts_with(begin));
            if is_html { Kind::Html } else { Kind::Text }
        })
    }
}

/// What a model is told of something that has no text.
pub(super) fn binary(essence: &str, size: Option<u64>) -> String {
    let what = match essence {
        "" => "binary data".to_owned(),
        "application/pdf" => "a PDF (application/pdf)".to_owned(),
        essence => essence.to_owned(),
    };
    let size = size.map_or_else(
        || "of unknown size".to_owned(),
        |size| format!("of {}", bytes_in_words(size)),
    );
    format!("This is {what} {size}, which web_fetch does not read. Look for a page with the same contents.")
}

pub(super) fn bytes_in_words(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// The page of a body that came from `url`. Takes some hundredths of a second for the longest ones.
pub(super) fn read(url: &Url, content: &ContentType, body: &Body, max_chars: usize) -> Page {
    let page = |title: String, text: String, note: Option<&'static str>| Page {
        url: url.to_string(),
        title,
        text,
        note,
    };
    let mut note = body.cut.map(|cut| match cut {
        Cut::Long => "The page is longer than what is read of one; the rest is missing.",
        Cut::Slow => "The page came too slowly; the rest is missing.",
        Cut::Broken => "The connection broke; the rest is missing.",
    });
    let kind = content.look(&body.bytes);
    if kind == Kind::Binary {
        let size = body.cut.is_none().then_some(body.bytes.len() as u64);
        let essence = if body.bytes.starts_with(PDF) {
            "application/pdf"
        } else {
            &content.essence
        };
        return page(String::new(), binary(essence, size), None);
    }
    let text = charset::decode(
        &body.bytes,
        content.charset.as_deref(),
        kind == Kind::Html,
        body.cut.is_none(),
    );
    let (title, mut text) = if kind == Kind::Html {
        // Four bytes are the longest character.
        let readable = html::readable(&text, url, max_chars.saturating_mul(4));
        if readable.cut {
            note = note.or(Some(TOO_LONG));
        }
        (readable.title, readable.text)
    } else {
        (String::new(), text)
    };
    if let Some((end, _)) = text.char_indices().nth(max_chars) {
        text.truncate(end);
        text.shrink_to_fit();
        note = note.or(Some(TOO_LONG));
    }
    if text.trim().is_empty() {
        note = note.or(Some(if kind == Kind::Html {
            "This page has no text without its scripts. Try another source."
        } else {
            "There is nothing in it."
        }));
    }
    page(title, text, note)
}

const TOO_LONG: &str = "The page is longer than the limit; the rest is missing.";

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(header: Option<&str>, bytes: &[u8]) -> Kind {
        ContentType::parse(header).look(bytes)
    }

    #[test]
    fn what_an_answer_is() {
        let html = b"<!DOCTYPE html><p>x".as_slice();
        assert_eq!(kind(Some("Text/HTML; charset=utf-8"), b"x"), Kind::Html);
        assert_eq!(kind(Some("application/xhtml+xml"), html), Kind::Html);
        assert_eq!(kind(None, html), Kind::Html);
        assert_eq!(kind(Some("application/octet-stream"), b" \n<html>"), Kind::Html);
        assert_eq!(kind(Some("text/plain"), html), Kind::Text);
        assert_eq!(kind(Some("application/ld+json"), b"{}"), Kind::Text);
        assert_eq!(kind(Some("application/rss+xml"), b"<rss>"), Kind::Text);
        assert_eq!(kind(None, b"# Notes"), Kind::Text);
        assert_eq!(kind(Some("text/plain; charset=UTF-16LE"), b"a\0b\0"), Kind::Text);
        assert_eq!(kind(Some("text/plain"), b"a\0b\0"), Kind::Binary);
        assert_eq!(kind(Some("text/html"), b"%PDF-1.7"), Kind::Binary);
        assert_eq!(kind(Some("application/pdf"), b"x"), Kind::Binary);
        assert_eq!(kind(Some("image/png"), b"x"), Kind::Binary);
        assert_eq!(kind(Some("application/wasm"), b"x"), Kind::Binary);
    }

    #[test]
    fn headers_with_parameters() {
        let parsed = ContentType::parse(Some("text/HTML ; x=y; Charset = \"Big5\""));
        let expected = ContentType {
            essence: "text/html".into(),
            charset: Some("Big5".into()),
        };
        assert_eq!(parsed, expected);
        assert_eq!(ContentType::parse(Some(";;=")), ContentType::default());
    }

    #[test]
    fn sizes() {
        assert_eq!([7, 1_999, 2_350_000].map(bytes_in_words), ["7 bytes", "1 kB", "2.3 MB"]);
    }
}
