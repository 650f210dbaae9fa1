//! The APIs that clients speak.

use super::{
    chat,
    fields::Fields,
    invalid::InvalidRequest,
    messages,
    request::{ClientRequest, Items},
    responses,
};
use crate::Dialect;

/// An API that a client's request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];

    /// The same API towards a server.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Chat => Dialect::Chat,
            Self::Responses => Dialect::Responses,
            Self::Messages => Dialect::Messages,
        }
    }

    /// Reads the body of a request.
    pub fn parse(self, body: &[u8]) -> Result<ClientRequest, InvalidRequest> {
        self.parse_with(body, &mut Items::new())
    }

    /// Reads the body of a request that may speak of earlier output by its id; `known` has those items, as
    /// [`super::item_references`] names them.
    pub fn parse_with(self, body: &[u8], known: &mut Items) -> Result<ClientRequest, InvalidRequest> {
        let body = Fields::of_body(body)?;
        match self {
            Self::Chat => chat::parse(body),
            Self::Responses => responses::parse(body, known),
            Self::Messages => messages::parse(body),
        }
    }
}
