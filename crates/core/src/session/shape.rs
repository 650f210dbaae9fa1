//! What a key says of its conversation.

/// What kind of conversation a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionKind {
    /// The agent's main session.
    Main,
    /// With one person.
    Direct,
    /// In a group.
    Group,
    /// In a room.
    Channel,
    /// In a thread or topic of one of these.
    Thread,
    /// The runs of a job.
    Cron,
    /// What a webhook started.
    Hook,
    /// Anything else, such as the work of another agent.
    Other,
}

/// The parts of a key behind `agent:<id>:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape<'a> {
    pub(super) kind: SessionKind,
    /// What stands before the thread: all of it, where there is none.
    pub(super) base: &'a str,
    pub(super) thread: Option<&'a str>,
    pub(super) channel: Option<&'a str>,
}

/// First words of keys that are not conversations, so that `direct` in them means nothing.
const NO_CONVERSATION: [&str; 5] = ["agent", "cron", "hook", "subagent", "acp"];

// === impl Shape ===

impl<'a> Shape<'a> {
    pub(super) fn of(rest: &'a str) -> Self {
        let markers = [":thread:", ":topic:"].into_iter();
        let found = markers
            .filter_map(|marker| Some((rest.rfind(marker)?, marker)))
            .max_by_key(|(at, _)| *at);
        if let Some((at, marker)) = found {
            let base = Self::without_thread(&rest[..at]);
            let thread = &rest[at + marker.len()..];
            let is_conversation = matches!(
                base.kind,
                SessionKind::Main | SessionKind::Direct | SessionKind::Group | SessionKind::Channel
            );
            if is_conversation && !thread.is_empty() {
                return Self {
                    kind: SessionKind::Thread,
                    thread: Some(thread),
                    ..base
                };
            }
        }
        Self::without_thread(rest)
    }

    fn without_thread(base: &'a str) -> Self {
        let segments: Vec<&str> = base.split(':').collect();
        let marker = marker(&segments);
        let kind = match (segments.as_slice(), marker) {
            (["main" | "global"], _) => SessionKind::Main,
            (["cron", job, ..], _) if !job.is_empty() => SessionKind::Cron,
            (["hook", id, ..], _) if !id.is_empty() => SessionKind::Hook,
            (_, Some(at)) => match segments[at] {
                "group" => SessionKind::Group,
                "channel" | "room" => SessionKind::Channel,
                _ => SessionKind::Direct,
            },
            _ => SessionKind::Other,
        };
        Self {
            kind,
            base,
            thread: None,
            channel: marker.filter(|at| *at > 0).map(|_| segments[0]),
        }
    }
}

/// Which segment names the kind of conversation: the first, or the one behind the channel, or behind channel and account.
fn marker<S: AsRef<str>>(segments: &[S]) -> Option<usize> {
    let is_kind = |segment: &S| matches!(segment.as_ref(), "direct" | "dm" | "group" | "channel" | "room");
    let first = segments.first()?.as_ref();
    if NO_CONVERSATION.contains(&first) {
        return None;
    }
    let at = segments.iter().take(3).position(is_kind)?;
    let has_id = segments[at + 1..].iter().any(|segment| !segment.as_ref().is_empty());
    let has_names = segments[..at].iter().all(|segment| !segment.as_ref().is_empty());
    (has_id && has_names).then_some(at)
}

/// Which segment says that the conversation is direct, in the older word too.
pub(super) fn direct_marker<S: AsRef<str>>(segments: &[S]) -> Option<usize> {
    marker(segments).filter(|at| matches!(segments[*at].as_ref(), "direct" | "dm"))
}
