//! What tools a server says it has.

use std::{collections::BTreeMap, fmt::Write as _};

use rmcp::{RoleClient, ServiceError, model::PaginatedRequestParams, service::Peer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{McpLimits, McpServer, Withheld, schema};

/// A server does not need more pages for the tools that it may have.
const PAGES: usize = 32;

/// More tools are not even counted.
const MOST: usize = 1024;

/// The tools of a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Listing {
    /// Those that the owner lets through and a model can be shown.
    pub(super) tools: Vec<Listed>,
    /// Those that a model cannot be shown.
    pub(super) withheld: Vec<(String, Withheld)>,
    /// The hash of each by its name, those that the owner does not let through too: to let one through later is not to
    /// accept what has become of the others.
    pub(super) hashes: BTreeMap<String, String>,
}

/// A tool as its server describes it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listed {
    /// The server's name for it.
    pub(super) name: String,
    /// For the model.
    pub(super) description: String,
    /// As the server gave it.
    pub(super) schema: Value,
    /// Of everything that the server said of it which reaches a model.
    pub(super) hash: String,
}

impl Listing {
    /// Asks a server for its tools.
    pub(super) async fn ask(
        peer: &Peer<RoleClient>,
        server: &McpServer,
        limits: &McpLimits,
    ) -> Result<Self, ServiceError> {
        let mut listing = Self::default();
        let mut cursor = None;
        for _ in 0..PAGES {
            let page = peer
                .list_tools(Some(PaginatedRequestParams::default().with_cursor(cursor)))
                .await?;
            for tool in page.tools {
                let said = tool.description.unwrap_or_default();
                let schema = Value::Object((*tool.input_schema).clone());
                listing.add(tool.name.into_owned(), &said, schema, server, limits);
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(listing)
    }

    fn add(&mut self, name: String, said: &str, schema: Value, server: &McpServer, limits: &McpLimits) {
        // What a server names beyond any measure is not even worth being listed as left out.
        if self.hashes.len() >= MOST || self.withheld.len() >= MOST {
            return;
        }
        let mut told = String::new();
        sorted(&json!([name, said, schema]), &mut told);
        let hash = hex(&Sha256::digest(told));
        let is_taken = self.hashes.contains_key(&name);
        if !is_taken {
            self.hashes.insert(name.clone(), hash.clone());
        }
        if !server.lets(&name) {
            return;
        }
        let fits = if self.tools.len() >= limits.tools {
            Err(Withheld::TooMany)
        } else if is_taken {
            Err(Withheld::NameTaken)
        } else {
            schema::check(&schema, limits)
        };
        if let Err(why) = fits {
            self.withheld.push((name.chars().take(100).collect(), why));
            return;
        }
        let description = schema::description(said, limits.description);
        self.tools.push(Listed {
            description: if description.is_empty() {
                format!("{name}, of the MCP server {}", server.name)
            } else {
                description
            },
            hash,
            name,
            schema,
        });
    }

    pub(super) fn find(&self, name: &str) -> Option<&Listed> {
        self.tools.iter().find(|tool| tool.name == name)
    }
}

/// JSON in which the order of an object's fields does not count: some servers have another one each time.
fn sorted(value: &Value, into: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            into.push('{');
            for (name, field) in fields {
                let _ = write!(into, "{}:", Value::from(name.as_str()));
                sorted(field, into);
                into.push(',');
            }
            into.push('}');
        }
        Value::Array(items) => {
            into.push('[');
            for item in items {
                sorted(item, into);
                into.push(',');
            }
            into.push(']');
        }
        other => {
            let _ = write!(into, "{other}");
        }
    }
}

/// Bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::McpTransport;

    fn hash(name: &str, said: &str, schema: &str) -> String {
        let server = McpServer::new(
            "s",
            McpTransport::Http {
                url: String::new(),
                headers: Vec::new(),
            },
        );
        let mut listing = Listing::default();
        let schema = serde_json::from_str(schema).unwrap();
        listing.add(name.to_owned(), said, schema, &server, &McpLimits::default());
        listing.tools.remove(0).hash
    }

    #[test]
    fn everything_that_reaches_a_model_is_hashed_and_order_is_not() {
        let first = hash(
            "add",
            "Adds.",
            r#"{"type": "object", "properties": {"a": {}, "b": {}}}"#,
        );
        let others = [
            hash(
                "add",
                "Adds.",
                r#"{"properties": {"b": {}, "a": {}}, "type": "object"}"#,
            ),
            hash(
                "sum",
                "Adds.",
                r#"{"type": "object", "properties": {"a": {}, "b": {}}}"#,
            ),
            hash(
                "add",
                "Adds!",
                r#"{"type": "object", "properties": {"a": {}, "b": {}}}"#,
            ),
            hash(
                "add",
                "Adds.",
                r#"{"type": "object", "properties": {"a": {}, "b": {"default": 1}}}"#,
            ),
            // Beyond where a description is cut.
            hash("add", &("x".repeat(2000) + "y"), "{}"),
            hash("add", &("x".repeat(2000) + "z"), "{}"),
        ];
        assert_eq!(others[0], first);
        let different: std::collections::BTreeSet<_> = others.iter().collect();
        assert_eq!(different.len(), others.len());
    }
}
