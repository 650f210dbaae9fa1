//! Values of keys that nobody knows: any of them may be a misspelt key's secret.

use crate::{
    known,
    path::Seg,
    schema::Shape,
    source::Span,
    tree::{Duplicate, Node, Value},
};

/// The places of every such value, those that a later key of the same name replaced included.
pub(crate) fn values(tree: &Node, duplicates: &[Duplicate]) -> Vec<Span> {
    let mut finder = Finder {
        path: Vec::new(),
        keys: Vec::new(),
        values: Vec::new(),
    };
    finder.node(tree, &[Shape::root()]);
    let below_unknown = |path: &[Seg]| finder.keys.iter().any(|key| path.starts_with(key));
    let replaced = duplicates.iter().filter(|duplicate| below_unknown(&duplicate.path));
    let spans: Vec<Span> = replaced.map(|duplicate| duplicate.member.value.span).collect();
    finder.values.extend(spans);
    finder.values
}

struct Finder {
    path: Vec<Seg>,
    keys: Vec<Vec<Seg>>,
    values: Vec<Span>,
}

// === impl Finder ===

impl Finder {
    fn node(&mut self, node: &Node, shapes: &[Shape]) {
        match &node.value {
            Value::Object(members) => {
                for member in members {
                    self.path.push(Seg::Key(member.key.clone()));
                    let below: Vec<Shape> = shapes.iter().filter_map(|shape| shape.member(&member.key)).collect();
                    if known::is_unused(&self.path) {
                        // A key of OpenClaw, whose secrets have names.
                    } else if !below.is_empty() {
                        self.inside(&member.value, &below);
                    } else if shapes.iter().any(|shape| shape.properties().is_some()) {
                        self.keys.push(self.path.clone());
                        self.values.push(member.value.span);
                        self.elsewhere(&member.value);
                    }
                    self.path.pop();
                }
            }
            Value::Array(items) => {
                let below: Vec<Shape> = shapes.iter().filter_map(|shape| shape.items()).collect();
                for (index, item) in items.iter().enumerate() {
                    self.path.push(Seg::Index(index));
                    self.inside(item, &below);
                    self.path.pop();
                }
            }
            _ => {}
        }
    }

    fn inside(&mut self, node: &Node, shapes: &[Shape]) {
        let shapes: Vec<Shape> = shapes.iter().flat_map(|shape| shape.alternatives()).collect();
        self.node(node, &shapes);
    }

    /// What stands below `node` but not within its text, because it was included.
    fn elsewhere(&mut self, node: &Node) {
        let children: Vec<&Node> = match &node.value {
            Value::Object(members) => members.iter().map(|member| &member.value).collect(),
            Value::Array(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        let within =
            |span: Span| span.file == node.span.file && span.start >= node.span.start && span.end <= node.span.end;
        for child in children {
            if !within(child.span) {
                self.values.push(child.span);
            }
            self.elsewhere(child);
        }
    }
}
