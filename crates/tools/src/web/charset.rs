//! From bytes to text, whatever the page says of its characters and whatever it means.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// So far into a page its own word on its characters may stand
/// (<https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding>).
const PRESCAN: usize = 1024;

/// The text of `bytes`. `declared` is what the server says; what the page says itself is read for HTML. A word that the
/// bytes contradict does not count, when another one fits them. `whole` says that the bytes do not end within a character.
pub(super) fn decode(bytes: &[u8], declared: Option<&str>, html: bool, whole: bool) -> String {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return read(encoding, bytes.get(length..).unwrap_or_default(), whole).0;
    }
    let own = html.then(|| prescan(bytes)).flatten();
    let named = [declared, own.as_deref()]
        .into_iter()
        .flatten()
        .filter_map(|label| Encoding::for_label(label.as_bytes()));
    // Single bytes mean something in windows-1252 whatever they are, so it fits always and comes last.
    let mut candidates: Vec<_> = named.chain([UTF_8, WINDOWS_1252]).collect();
    candidates.dedup();
    let first = candidates.first().copied();
    // A page that a server or its author names, and that has a bad byte, is still best read as what they say.
    let trusted = declared.is_some() || own.is_some();
    for encoding in candidates {
        let last_resort = encoding == WINDOWS_1252 && trusted && first != Some(WINDOWS_1252);
        let (text, fits) = read(encoding, bytes, whole);
        if fits && !last_resort {
            return text;
        }
    }
    first.map_or_else(String::new, |encoding| read(encoding, bytes, whole).0)
}

/// The text, and whether all bytes make sense.
fn read(encoding: &'static Encoding, bytes: &[u8], whole: bool) -> (String, bool) {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(0));
    let (_, _, had_errors) = decoder.decode_to_string(bytes, &mut text, whole);
    (text, !had_errors)
}

/// What the beginning of a page says: `<meta charset="big5">`, or the same within `content="text/html; charset=big5"`.
fn prescan(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..PRESCAN.min(bytes.len()))?.to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    let mut metas = head.split("<meta").skip(1);
    let label = metas.find_map(|meta| {
        let meta = meta.split('>').next()?;
        let (_, value) = meta.split_once("charset")?;
        let value = value.trim_start().strip_prefix('=')?.trim_start();
        let value = value.trim_start_matches(['"', '\'']);
        let end = |char: char| char.is_whitespace() || matches!(char, '"' | '\'' | ';' | '/');
        value
            .split(end)
            .next()
            .filter(|label| !label.is_empty())
            .map(str::to_owned)
    })?;
    // A page whose word could be read as ASCII is not in UTF-16.
    Some(if label.starts_with("utf-16") {
        "utf-8".to_owned()
    } else {
        label
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, GBK, SHIFT_JIS};
    use proptest::prelude::*;

    use super::*;

    fn bytes(encoding: &'static Encoding, text: &str) -> Vec<u8> {
        let (bytes, _, failed) = encoding.encode(text);
        assert!(!failed);
        bytes.into_owned()
    }

    #[test]
    fn whoever_is_right_about_the_characters() {
        let chinese = "臺北的天氣";
        let meta = |label: &str| format!("<html><head><meta charset={label}><title>{chinese}</title>");
        let long_meta = format!("<META HTTP-EQUIV=\"Content-Type\" CONTENT=\"text/html; charset=Big5\">{chinese}");
        let mut utf_16 = vec![0xff, 0xfe];
        utf_16.extend(chinese.encode_utf16().flat_map(u16::to_le_bytes));
        let cases: Vec<(Vec<u8>, Option<&str>, String)> = vec![
            (chinese.into(), None, chinese.into()),
            (chinese.into(), Some("utf-8"), chinese.into()),
            (bytes(BIG5, chinese), Some("big5"), chinese.into()),
            (bytes(BIG5, &meta("big5")), None, meta("big5")),
            (bytes(BIG5, &long_meta), None, long_meta.clone()),
            // The server is wrong.
            (bytes(BIG5, &meta("'Big5'")), Some("utf-8"), meta("'Big5'")),
            // The page is wrong.
            (meta("gbk").into(), Some("utf-8"), meta("gbk")),
            (meta("us-ascii-and-more").into(), None, meta("us-ascii-and-more")),
            (bytes(SHIFT_JIS, "日本の天気"), Some("Shift_JIS"), "日本の天気".into()),
            (bytes(GBK, "北京的天气"), Some("gb2312"), "北京的天气".into()),
            (b"caf\xe9".to_vec(), None, "café".into()),
            (b"caf\xe9 \xe2\x82\xac".to_vec(), Some("utf-8"), "caf\u{fffd} €".into()),
            (utf_16.clone(), Some("big5"), chinese.into()),
            (utf_16[2..].to_vec(), Some("utf-16le"), chinese.into()),
            (b"\xef\xbb\xbfabc".to_vec(), Some("utf-16le"), "abc".into()),
            (Vec::new(), None, String::new()),
        ];
        for (bytes, declared, expected) in cases {
            assert_eq!(decode(&bytes, declared, true, true), expected, "{declared:?}");
        }
    }

    #[test]
    fn a_cut_within_a_character_is_no_error() {
        assert_eq!(decode(&"天氣".as_bytes()[..5], Some("utf-8"), false, false), "天");
        let big5 = bytes(BIG5, "天氣");
        assert_eq!(decode(&big5[..3], Some("big5"), false, false), "天");
    }

    proptest! {
        #[test]
        fn utf_8_is_always_read_as_it_is(text in "\\PC*") {
            prop_assert_eq!(decode(text.as_bytes(), None, false, true), text.trim_start_matches('\u{feff}'));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>, label in "[a-z0-9-]{0,12}", html: bool, whole: bool) {
            decode(&bytes, Some(&label), html, whole);
        }
    }
}
