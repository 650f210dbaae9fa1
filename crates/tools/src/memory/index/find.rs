//! What the index has for a question.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use yabby_core::Label;

use super::{Vector, kept, label, number};

/// What is looked for.
pub(in crate::memory) struct Wanted<'a> {
    /// Words, for FTS5.
    pub(in crate::memory) words: Option<String>,
    /// What it means, and the model that says so.
    pub(in crate::memory) meaning: Option<(&'a str, &'a Vector)>,
    /// So many of each are looked at.
    pub(in crate::memory) candidates: usize,
}

/// A piece that was found.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::memory) struct Found {
    pub(in crate::memory) path: String,
    pub(in crate::memory) first: usize,
    pub(in crate::memory) last: usize,
    pub(in crate::memory) text: String,
    /// Where it came from, when it is not the owner's.
    pub(in crate::memory) label: Option<Label>,
    /// How well its words fit, as a part of how well those of the best one do.
    pub(in crate::memory) words: Option<f32>,
    /// How much it means the same, when that is known.
    pub(in crate::memory) likeness: Option<f32>,
}

/// The candidates, in no order.
pub(in crate::memory) fn find(connection: &Connection, wanted: &Wanted<'_>) -> rusqlite::Result<Vec<Found>> {
    let words: HashMap<i64, f32> = match &wanted.words {
        Some(words) => by_words(connection, words, wanted.candidates)?.into_iter().collect(),
        None => HashMap::new(),
    };
    let mut likeness: HashMap<i64, f32> = HashMap::new();
    let mut nearest: Vec<(i64, f32)> = Vec::new();
    if let Some((model, vector)) = wanted.meaning {
        nearest = by_meaning(connection, model, vector)?;
        nearest.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        likeness = nearest.iter().copied().collect();
        nearest.truncate(wanted.candidates);
    }
    let mut ids: Vec<i64> = words.keys().copied().chain(nearest.iter().map(|(id, _)| *id)).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut statement = connection.prepare_cached(
        "SELECT p.path, p.first, p.last, p.text, n.label FROM pieces p JOIN notes n ON n.path = p.path WHERE p.id = ?1",
    )?;
    let found = ids.into_iter().map(|id| {
        statement.query_row([id], |row| {
            Ok(Found {
                path: row.get(0)?,
                first: number(row, 1)?,
                last: number(row, 2)?,
                text: row.get(3)?,
                label: label(row.get(4)?),
                words: words.get(&id).copied(),
                likeness: likeness.get(&id).copied(),
            })
        })
    });
    found.collect()
}

fn by_words(connection: &Connection, words: &str, most: usize) -> rusqlite::Result<Vec<(i64, f32)>> {
    // The better, the smaller: it is below zero.
    let mut statement = connection.prepare_cached(
        "SELECT rowid, bm25(words) FROM words WHERE words MATCH ?1 ORDER BY bm25(words), rowid LIMIT ?2",
    )?;
    let rows = statement.query_map(params![words, kept(most)], |row| {
        Ok((row.get(0)?, row.get::<_, f64>(1)?))
    })?;
    let found = rows.collect::<rusqlite::Result<Vec<(i64, f64)>>>()?;
    let best = found.first().map_or(0.0, |(_, score)| *score);
    // In a few notes a word may be worth nothing at all.
    #[expect(clippy::cast_possible_truncation, reason = "it is from 0 to 1")]
    let part = |score: f64| {
        if best < 0.0 {
            (score / best).clamp(0.0, 1.0) as f32
        } else {
            1.0
        }
    };
    Ok(found.into_iter().map(|(id, score)| (id, part(score))).collect())
}

fn by_meaning(connection: &Connection, model: &str, vector: &Vector) -> rusqlite::Result<Vec<(i64, f32)>> {
    let mut statement = connection
        .prepare_cached("SELECT p.id, v.vector FROM pieces p JOIN vectors v ON v.model = ?1 AND v.hash = p.hash")?;
    let mut rows = statement.query([model])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = row.get_ref(1)?.as_blob()?;
        if let Some(likeness) = vector.likeness(stored) {
            found.push((row.get(0)?, likeness));
        }
    }
    Ok(found)
}
