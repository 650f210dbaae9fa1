//! Which tools fit a query: BM25 over their names, descriptions and arguments.

use std::{collections::BTreeMap, sync::Arc};

use yabby_tools::{Manifest, Registry, Tool};

use super::words::words;

/// A word of the name counts for so many of the description.
const NAME: u32 = 3;

/// More than any words come to.
const WHOLE_NAME: f64 = 50.0;

/// What fits less than this part of the best one is not meant.
const NEAR: f64 = 0.3;

/// The usual parameters of BM25.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// The words of each tool, made once.
pub(super) struct Index {
    tools: Vec<Document>,
    /// In how many tools each word is.
    spread: BTreeMap<String, u32>,
    /// Words of a tool on average.
    length: f64,
}

struct Document {
    tool: Arc<dyn Tool>,
    counts: BTreeMap<String, u32>,
    length: f64,
}

impl Index {
    pub(super) fn new(tools: &Registry) -> Self {
        let tools: Vec<Document> = tools.iter().map(Document::new).collect();
        let mut spread: BTreeMap<String, u32> = BTreeMap::new();
        for word in tools.iter().flat_map(|tool| tool.counts.keys()) {
            *spread.entry(word.clone()).or_default() += 1;
        }
        let all: f64 = tools.iter().map(|tool| tool.length).sum();
        Self {
            length: all / number(tools.len()).max(1.0),
            spread,
            tools,
        }
    }

    /// Tools that have words of the query, the best first; equal ones by their names.
    pub(super) fn find(&self, query: &str) -> Vec<&Arc<dyn Tool>> {
        let mut asked = words(query);
        asked.sort();
        asked.dedup();
        let mut found: Vec<(f64, &Document)> = self
            .tools
            .iter()
            .map(|tool| (self.score(tool, &asked, query), tool))
            .filter(|(score, _)| *score > 0.0)
            .collect();
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let least = found.first().map_or(0.0, |(best, _)| best * NEAR);
        found.retain(|(score, _)| *score >= least);
        found.into_iter().map(|(_, document)| &document.tool).collect()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().map(Document::name)
    }

    fn score(&self, tool: &Document, asked: &[String], query: &str) -> f64 {
        let whole_name = if query.trim().eq_ignore_ascii_case(tool.name()) {
            WHOLE_NAME
        } else {
            0.0
        };
        let words = asked.iter().filter_map(|word| {
            let count = f64::from(*tool.counts.get(word)?);
            let spread = f64::from(*self.spread.get(word)?);
            let rare = (1.0 + (number(self.tools.len()) - spread + 0.5) / (spread + 0.5)).ln();
            Some(rare * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * tool.length / self.length)))
        });
        whole_name + words.sum::<f64>()
    }
}

impl Document {
    fn new(tool: &Arc<dyn Tool>) -> Self {
        let Manifest { tool: told, group, .. } = tool.manifest();
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        let mut add = |text: &str, weight: u32| {
            for word in words(text) {
                *counts.entry(word).or_default() += weight;
            }
        };
        add(&told.name, NAME);
        add(&told.description, 1);
        add(group.name(), 1);
        let arguments = told.parameters.get("properties").and_then(|fields| fields.as_object());
        for name in arguments.into_iter().flat_map(|fields| fields.keys()) {
            add(name, 1);
        }
        Self {
            tool: Arc::clone(tool),
            length: f64::from(counts.values().sum::<u32>()),
            counts,
        }
    }

    fn name(&self) -> &str {
        &self.tool.manifest().tool.name
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
