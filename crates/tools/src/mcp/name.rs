//! How tools of MCP servers are called for models.

use sha2::{Digest, Sha256};

use super::listing::hex;

/// Model servers take no longer names, nor others than these characters.
const MOST: usize = 64;

/// `mcp__<server>__<tool>`. A name that had to be changed for that ends in a part of its hash, so that two that look alike
/// then are still two; and so does one with a `__` in a place that would make it look like the tool of another server.
pub(super) fn name(server: &str, tool: &str) -> String {
    let plain = format!("mcp__{server}__{tool}");
    let is_plain =
        plain.len() <= MOST && plain.bytes().all(is_name) && !server.contains("__") && !server.ends_with('_');
    if is_plain && !server.is_empty() && !tool.is_empty() {
        return plain;
    }
    let mut hash = Sha256::new();
    hash.update(server);
    hash.update([0]);
    hash.update(tool);
    let hash: String = hex(&hash.finalize()).chars().take(8).collect();
    let clean = plain.chars().map(|char| {
        if char.is_ascii() && is_name(char as u8) {
            char
        } else {
            '_'
        }
    });
    let clean: String = clean.take(MOST - 1 - hash.len()).collect();
    format!("{clean}_{hash}")
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_stay_as_they_are_where_they_can() {
        let long = "x".repeat(80);
        let names = [
            ("files", "read_file"),
            ("a", "_b"),
            ("a_", "b"),
            ("a__b", "c"),
            ("a", "b__c"),
            ("天氣", "查詢"),
            ("weather", "get.forecast"),
            ("s", &long),
        ]
        .map(|(server, tool)| name(server, tool));
        insta::assert_debug_snapshot!(names);
    }

    proptest! {
        #[test]
        fn no_two_tools_have_one_name(tools in prop::collection::hash_set(("[a_]{0,4}", "[a_.]{0,4}|[a_]{60,70}"), 2..40)) {
            let mut named = BTreeMap::new();
            for (server, tool) in tools {
                let name = name(&server, &tool);
                prop_assert!(name.len() <= MOST && name.bytes().all(is_name), "{name}");
                let other = named.insert(name, (server.clone(), tool.clone()));
                prop_assert_eq!(other, None, "{} {}", server, tool);
            }
        }
    }
}
