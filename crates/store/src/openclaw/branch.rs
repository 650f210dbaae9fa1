//! Which entries of the tree are the conversation as it is now.
//!
//! Rules, after openclaw/openclaw `src/config/sessions/transcript-tree.ts`:
//! - The leaf is the last entry that belongs to the conversation and does not stand aside; the branch is the way from it back
//!   to the root.
//! - An entry of the kind `leaf` sets the leaf to its `targetId`. Who names it as parent means that target. One that
//!   names something unknown changes nothing.
//! - An entry without a parent, or with one that is not there, goes on from the leaf, and so does one that names the last
//!   entry while the leaf is another.
//! - Where no entry says anything of parents, all of them are the branch, in order.

use std::collections::{HashMap, HashSet};

use super::entry::{Entry, Parent, filled};

struct Node<'a> {
    parent: Option<&'a str>,
    at: usize,
    /// A mark that moves the leaf: not part of the branch itself.
    is_mark: bool,
}

/// What has been read of the tree.
#[derive(Default)]
struct Tree<'a> {
    nodes: HashMap<&'a str, Node<'a>>,
    leaf: Option<&'a str>,
    /// Where the last entry was put.
    cursor: Option<&'a str>,
    /// Marks that name something unknown.
    invalid: HashSet<&'a str>,
    /// Whether any entry says where it belongs.
    has_parents: bool,
}

/// The places of the entries of the active branch, in order.
pub(super) fn active(entries: &[Entry]) -> Vec<usize> {
    let mut tree = Tree::default();
    for (at, entry) in entries.iter().enumerate() {
        if let (Some(id), true) = (&entry.id, entry.kind != "session") {
            tree.add(at, id, entry);
        }
    }
    if !tree.has_parents {
        return (0..entries.len()).collect();
    }
    let Some(mut branch) = tree.way() else {
        // A circle: nothing tells what was meant, and nothing is lost this way.
        return (0..entries.len()).collect();
    };
    let first = branch.first().copied().unwrap_or_default();
    let begins = |at: &usize| matches!(entries[*at].kind.as_str(), "compaction" | "reset");
    // What was before it was cut off; the summary of that stays.
    if let Some(summary) = (0..first).rev().find(begins) {
        branch.insert(0, summary);
    }
    branch
}

impl<'a> Tree<'a> {
    fn add(&mut self, at: usize, id: &'a str, entry: &'a Entry) {
        let node = |parent, is_mark| Node { parent, at, is_mark };
        let said = match &entry.parent {
            Parent::Id(id) => Some(Some(id.as_str())),
            Parent::Root => Some(None),
            Parent::Unsaid => None,
        };
        if let (Some(raw), "leaf") = (said, entry.kind.as_str()) {
            if let Some((target, cursor)) = self.target(entry) {
                self.nodes.insert(id, node(target, true));
                (self.leaf, self.cursor) = (target, cursor);
                self.has_parents = true;
            } else {
                self.invalid.insert(id);
                self.nodes.insert(id, node(raw, true));
            }
            return;
        }
        let moves = entry.is_canonical() && !entry.is_aside();
        let parent = match said {
            None if entry.is_canonical() => self.leaf,
            None => return,
            Some(parent) if moves && self.goes_on_from_leaf(parent) => self.leaf,
            Some(parent) => parent,
        };
        let parent = self.without_marks(parent);
        self.nodes.insert(id, node(parent, false));
        self.cursor = Some(id);
        if moves {
            self.leaf = Some(id);
            self.has_parents |= said.is_some();
        }
    }

    /// Where a mark sets the leaf, and the place behind which the next entry is put. `None` when it names what is not there.
    fn target(&self, mark: &'a Entry) -> Option<(Option<&'a str>, Option<&'a str>)> {
        let known = |value: &'a serde_json::Value| -> Option<Option<&'a str>> {
            if value.is_null() {
                return Some(None);
            }
            filled(Some(value))?;
            let id = value.as_str()?;
            let is_known = self.nodes.contains_key(id) && !self.invalid.contains(id);
            is_known.then_some(Some(id))
        };
        let target = known(mark.value.get("targetId")?)?;
        let cursor = mark.value.get("appendParentId").map_or(Some(target), known)?;
        Some((target, cursor))
    }

    fn goes_on_from_leaf(&self, parent: Option<&str>) -> bool {
        let is_gone = parent.is_some_and(|parent| !self.nodes.contains_key(parent)) && self.leaf.is_some();
        is_gone || parent == self.cursor && self.leaf != self.cursor
    }

    /// The entry that a mark stands for.
    fn without_marks(&self, mut id: Option<&'a str>) -> Option<&'a str> {
        let mut seen = HashSet::new();
        while let Some(current) = id {
            match self.nodes.get(current) {
                Some(node) if node.is_mark && seen.insert(current) => id = node.parent,
                _ => break,
            }
        }
        id
    }

    /// From the root to the leaf; `None` when it leads in a circle.
    fn way(&self) -> Option<Vec<usize>> {
        let mut way = Vec::new();
        let mut seen = HashSet::new();
        let mut next = self.leaf;
        while let Some(id) = next {
            if !seen.insert(id) {
                return None;
            }
            let Some(node) = self.nodes.get(id) else { break };
            if !node.is_mark {
                way.push(node.at);
            }
            next = node.parent;
        }
        way.reverse();
        Some(way)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{super::entry::of_lines, *};

    /// `id<parent` is a message, `id` one that says nothing of a parent, `id<` one at the root; `id>target` sets the leaf;
    /// `id~parent` stands aside; `id^parent` is a compaction.
    fn branch(said: &str) -> String {
        let mut lines = vec![json!({"type": "session", "id": "s"}).to_string()];
        for word in said.split(' ') {
            let at = word.find(['<', '>', '~', '^']);
            let (id, rest) = word.split_at(at.unwrap_or(word.len()));
            let parent = match rest.get(1..) {
                Some("") => json!(null),
                Some(id) => json!(id),
                None => json!(false),
            };
            let mut line = json!({"type": "message", "id": id});
            match rest.chars().next() {
                Some('>') => line = json!({"type": "leaf", "id": id, "parentId": null, "targetId": parent}),
                Some('^') => line = json!({"type": "compaction", "id": id, "parentId": parent}),
                Some('~') => line = json!({"type": "message", "id": id, "parentId": parent, "appendMode": "side"}),
                Some(_) => line["parentId"] = parent,
                None => {}
            }
            lines.push(line.to_string());
        }
        let (entries, _) = of_lines(lines.join("\n").as_bytes());
        let ids = active(&entries).into_iter().filter(|at| entries[*at].kind != "session");
        let ids: Vec<&str> = ids.filter_map(|at| entries[at].id.as_deref()).collect();
        ids.join(" ")
    }

    #[test]
    fn the_active_branch_is_the_one_that_openclaw_shows() {
        let cases = [
            ("a b c", "a b c"),
            ("a< b<a c<b", "a b c"),
            ("a< b<a c<a d<c", "a c d"),
            // A mark goes back, and what names it goes on from its target.
            ("a< b<a c<b m>a d<m", "a d"),
            ("a< b<a m>a", "a"),
            ("a< b<a m>nowhere c<b", "a b c"),
            ("a< b<a m> c<m", "c"),
            // Aside.
            ("a< b<a x~b c<x", "a b c"),
            ("a< b<a x~b", "a b"),
            // Written by an older program, between others.
            ("a< b c<b", "a b c"),
            ("a< b<gone c<b", "a b c"),
            // What was summed up is not there any more.
            ("b<gone c<b", "b c"),
            ("k^ b< c<b", "k b c"),
            // A circle.
            ("a<b b<a", "a b"),
        ];
        for (said, expected) in cases {
            assert_eq!(branch(said), expected, "{said}");
        }
    }

    proptest! {
        #[test]
        fn a_branch_goes_forward_and_nothing_panics(said in "([a-d][<>~^]?[a-d]? ){0,12}[a-d]") {
            let _ = branch(&said);
        }
    }
}
