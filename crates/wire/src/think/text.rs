//! The steps of the splitter in the visible text.

use memchr::memchr2;

use super::{
    Fresh, Mode, Splitter,
    aloud::{self, Aloud},
    fence::{Fence, Line, Position, indent},
    out::Out,
    tags::{self, Place, Tag},
};

// === impl Splitter ===

impl Splitter {
    /// One step in the visible text: bytes used, or `None` to wait for more.
    pub(super) fn text(&mut self, rest: &str, out: &mut Out<'_>) -> Option<usize> {
        let first = *rest.as_bytes().first()?;
        match self.position.line {
            Line::Start(spaces) => match first {
                b'\n' | b'\r' | b' ' | b'\t' => {
                    self.position.line = Line::Start(indent(spaces, first));
                    if self.fresh.is_some() {
                        self.lead.push(char::from(first));
                    } else {
                        out.text(&rest[..1]);
                    }
                    Some(1)
                }
                b'<' | b'[' if self.position.fence.is_none() => {
                    let place = match self.fresh {
                        Some(_) => Place::Beginning,
                        None if spaces <= 3 => Place::Line,
                        None => Place::Middle,
                    };
                    self.tag(rest, place, out)
                }
                mark @ (b'`' | b'~') if spaces <= 3 => {
                    self.position.line = Line::Run(Fence { mark, length: 0 });
                    Some(0)
                }
                _ if spaces == 0 && self.fresh == Some(Fresh::Beginning) && aloud::may_begin(first) => {
                    self.aloud(rest, out)
                }
                _ => self.middle(),
            },
            Line::Run(run) => {
                let more = rest.bytes().take_while(|byte| *byte == run.mark).count();
                let run = Fence {
                    length: run.length + more,
                    ..run
                };
                if more == 0 {
                    self.position.end_of_run(run);
                } else {
                    self.position.line = Line::Run(run);
                    self.show(&rest[..more], out);
                }
                Some(more)
            }
            Line::Info => match memchr2(b'`', b'\n', rest.as_bytes()) {
                Some(0) => {
                    let backticks = self.position.fence.is_some_and(|fence| fence.mark == b'`');
                    if first == b'`' && !backticks {
                        self.show("`", out);
                        return Some(1);
                    }
                    if first == b'`' {
                        self.position.fence = None;
                    }
                    self.middle()
                }
                found => {
                    let used = found.unwrap_or(rest.len());
                    self.show(&rest[..used], out);
                    Some(used)
                }
            },
            Line::Closing => match first {
                b'\n' => {
                    self.position.fence = None;
                    self.middle()
                }
                b' ' | b'\t' | b'\r' => {
                    self.show(&rest[..1], out);
                    Some(1)
                }
                // The end of a message or of a wrapper ends the line too.
                b'<' => match tags::read(rest, Place::Middle, self.wrapped) {
                    Tag::Maybe => None,
                    Tag::No => self.middle(),
                    _ => {
                        self.position.fence = None;
                        self.middle()
                    }
                },
                _ => self.middle(),
            },
            Line::Middle => {
                let wrapped = self.wrapped;
                let used = self.position.plain(rest, |rest| {
                    tags::may_begin(rest) && tags::read(rest, Place::Middle, wrapped) != Tag::No
                });
                if used == 0 {
                    return self.tag(rest, Place::Middle, out);
                }
                self.show(&rest[..used], out);
                Some(used)
            }
        }
    }

    /// The rest of the line has no fence.
    #[expect(clippy::unnecessary_wraps, reason = "a step of `text`, which has used nothing")]
    fn middle(&mut self) -> Option<usize> {
        self.position.line = Line::Middle;
        Some(0)
    }

    fn aloud(&mut self, rest: &str, out: &mut Out<'_>) -> Option<usize> {
        match aloud::read(rest, self.aloud) {
            Aloud::Block(text, length) => {
                out.reasoning(&text);
                self.close(Fresh::AfterBlock);
                Some(length)
            }
            Aloud::Maybe(known) => {
                self.aloud = known;
                None
            }
            Aloud::No => self.middle(),
        }
    }

    fn tag(&mut self, rest: &str, place: Place, out: &mut Out<'_>) -> Option<usize> {
        match tags::read(rest, place, self.wrapped) {
            Tag::Opener(block, length) => {
                self.lead.clear();
                self.mode = Mode::Reasoning(block);
                Some(length)
            }
            Tag::Closer(length) => {
                self.close(Fresh::AfterBlock);
                Some(length)
            }
            Tag::Wrapper(length) => {
                self.wrapped |= !rest.starts_with("<|");
                self.close(Fresh::AfterBlock);
                Some(length)
            }
            Tag::WrapperEnd(length) => {
                self.wrapped = false;
                self.position.line = Line::Middle;
                Some(length)
            }
            Tag::Message(length) => {
                self.close(Fresh::Message);
                Some(length)
            }
            Tag::Call(length) => {
                self.show(&rest[..length], out);
                self.mode = Mode::Call;
                Some(length)
            }
            Tag::Maybe => None,
            Tag::No => self.middle(),
        }
    }

    /// Gives out visible text, with the white space before it.
    pub(super) fn show(&mut self, text: &str, out: &mut Out<'_>) {
        if let Some(fresh) = self.fresh.take() {
            let lead = std::mem::take(&mut self.lead);
            match fresh {
                Fresh::Beginning => out.text(&lead),
                Fresh::AfterBlock => out.text(lead.trim_start_matches(['\n', '\r'])),
                Fresh::Message => {
                    if self.said {
                        out.text("\n\n");
                    }
                    out.text(lead.trim_start_matches(['\n', '\r']));
                }
            }
        }
        self.said = true;
        out.text(text);
    }

    /// A block has ended, or what is around the visible text.
    pub(super) fn close(&mut self, fresh: Fresh) {
        self.mode = Mode::Text;
        self.fresh = Some(fresh);
        self.lead.clear();
        self.position = Position::START;
    }
}
