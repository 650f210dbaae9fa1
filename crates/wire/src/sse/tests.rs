use proptest::prelude::*;

use super::*;

fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
    let mut framer = Framer::default();
    let mut out = Vec::new();
    for piece in pieces {
        framer.push(piece, &mut out).unwrap();
    }
    framer.finish(&mut out).unwrap();
    out
}

fn event(name: Option<&str>, data: &str) -> Frame {
    Frame::Event {
        name: name.map(str::to_owned),
        data: data.to_owned(),
    }
}

/// The definition, line by line over the whole text: what [`Framer`] must equal.
fn reference(text: &str) -> Vec<Frame> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut out, mut name, mut data): (Vec<Frame>, Option<String>, Vec<String>) = (Vec::new(), None, Vec::new());
    for line in text.split('\n').chain([""]) {
        if line.is_empty() {
            let name = name.take();
            if data.is_empty() {
                out.extend(name.map(Frame::Comment));
            } else {
                out.push(event(name.as_deref(), &std::mem::take(&mut data).join("\n")));
            }
        } else if let Some(comment) = line.strip_prefix(':') {
            out.push(Frame::Comment(comment.strip_prefix(' ').unwrap_or(comment).to_owned()));
        } else {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "data" => data.push(value),
                "event" => name = Some(value),
                _ => {}
            }
        }
    }
    out
}

#[test]
fn line_ends_and_fields() {
    assert_eq!(
        frames(&[b"\xef\xbb\xbfevent: a\r\ndata: 1\r\ndata:2\r\n\r\n: ping\rdata:  x\r\rid: 7\nretry: 1\n\ndata\n\n"]),
        [
            event(Some("a"), "1\n2"),
            Frame::Comment("ping".into()),
            event(None, " x"),
            event(None, ""),
        ]
    );
}

#[test]
fn a_line_end_may_be_cut_in_two() {
    assert_eq!(
        frames(&[b"data: 1\r", b"\n\r", b"\ndata: 2\r", b"\r", b"data: 3"]),
        [event(None, "1"), event(None, "2"), event(None, "3")]
    );
}

#[test]
fn old_llama_cpp_wrote_error_fields() {
    assert_eq!(
        frames(&[b"error: {\"code\":500}\n\n"]),
        [event(Some("error"), "{\"code\":500}")]
    );
}

#[test]
fn endless_lines_are_refused() {
    let mut framer = Framer::default();
    let mut out = Vec::new();
    let chunk = vec![b'x'; 1 << 20];
    let pushed = (0..32).take_while(|_| framer.push(&chunk, &mut out).is_ok()).count();
    assert_eq!((pushed, out.len()), (16, 0));
    let mut framer = Framer::default();
    let line = [b"data: ".as_slice(), &chunk, b"\n"].concat();
    assert!((0..32).any(|_| framer.push(&line, &mut out).is_err()));
}

proptest! {
    #[test]
    fn equals_the_definition_however_it_is_cut(
        lines in prop::collection::vec(
            prop_oneof![
                Just(String::new()),
                "(data|event|id|dat|: |:|data:|event:)[ :]{0,2}[a-zé臺{}]{0,6}",
                ": ?[ -~]{0,8}",
            ],
            0..30,
        ),
        ends in prop::collection::vec(prop_oneof!["\n", "\r\n", "\r"], 30),
        bom in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut text = String::from(if bom { "\u{feff}" } else { "" });
        for (line, end) in lines.iter().zip(&ends) {
            text.push_str(line);
            text.push_str(end);
        }
        let bytes = text.as_bytes();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(frames(&pieces), reference(&text));
    }
}
