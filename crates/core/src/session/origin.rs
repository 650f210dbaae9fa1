//! Where a message came from.

use serde::{Deserialize, Serialize};

/// What kind of conversation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerKind {
    /// Between the agent and one other.
    #[serde(alias = "dm")]
    Direct,
    /// A group.
    Group,
    /// A room that many read.
    #[serde(alias = "room")]
    Channel,
}

/// The other side of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// What kind of conversation it is.
    pub kind: PeerKind,
    /// The channel's id of the person, the group or the room.
    pub id: String,
}

/// Where a message came from, and so where its answer goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The channel: `telegram`, `whatsapp`.
    pub channel: String,
    /// Which of the channel's accounts received it; `None` for the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The conversation.
    pub peer: Peer,
    /// The thread or topic within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// Who wrote it. In a direct conversation that is the peer, unless the channel says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_words_are_read_and_unknown_keys_are_passed_over() {
        let read = |text| serde_json::from_str::<Origin>(text).unwrap();
        let origin = Origin {
            channel: "telegram".to_owned(),
            account: None,
            peer: Peer {
                kind: PeerKind::Direct,
                id: "7".to_owned(),
            },
            thread: None,
            sender: None,
        };
        let written = r#"{"channel":"telegram","peer":{"kind":"direct","id":"7"}}"#;
        assert_eq!(serde_json::to_string(&origin).unwrap(), written);
        assert_eq!(read(written), origin);
        assert_eq!(
            read(r#"{"channel":"telegram","peer":{"kind":"dm","id":"7"},"later":1}"#),
            origin
        );
    }
}
