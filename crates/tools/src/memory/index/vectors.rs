//! Embeddings, kept by the text that they are of, so that a note that is changed in one place is embedded there alone.

use rusqlite::{Connection, params};

use super::{kept, number, refresh::embedded};

/// An embedding of length 1. One of nothing is of a text that the model does not take.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::memory) struct Vector(Vec<f32>);

/// A text that has no embedding yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::memory) struct Missing {
    pub(in crate::memory) hash: Vec<u8>,
    pub(in crate::memory) text: String,
}

impl Vector {
    /// `None` when the numbers point nowhere.
    pub(in crate::memory) fn of(numbers: &[f32]) -> Option<Self> {
        let length = numbers
            .iter()
            .map(|number| f64::from(*number).powi(2))
            .sum::<f64>()
            .sqrt();
        let is_one = length.is_finite() && length > 0.0;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a number that is divided by its length fits"
        )]
        let unit = |number: &f32| (f64::from(*number) / length) as f32;
        is_one.then(|| Self(numbers.iter().map(unit).collect()))
    }

    /// That of a text that the model does not take.
    pub(in crate::memory) const fn none() -> Self {
        Self(Vec::new())
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// The cosine of the angle to what was stored; `None` when that is an embedding of another kind.
    pub(super) fn likeness(&self, stored: &[u8]) -> Option<f32> {
        let numbers = stored.as_chunks::<4>();
        (numbers.1.is_empty() && numbers.0.len() == self.0.len()).then(|| {
            let pairs = self.0.iter().zip(numbers.0);
            pairs.map(|(one, other)| one * f32::from_le_bytes(*other)).sum()
        })
    }
}

/// Some texts without an embedding of `model`, at most `most`, the newest pieces first.
pub(in crate::memory) fn missing(connection: &Connection, model: &str, most: usize) -> rusqlite::Result<Vec<Missing>> {
    let mut statement = connection.prepare_cached(
        "SELECT hash, headings, text FROM pieces WHERE hash NOT IN (SELECT hash FROM vectors WHERE model = ?1) \
         GROUP BY hash ORDER BY MAX(id) DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![model, kept(most)], |row| {
        Ok(Missing {
            hash: row.get(0)?,
            text: embedded(&row.get::<_, String>(1)?, &row.get::<_, String>(2)?),
        })
    })?;
    rows.collect()
}

/// How many texts have no embedding of `model`.
pub(in crate::memory) fn count_missing(connection: &Connection, model: &str) -> rusqlite::Result<usize> {
    connection.query_row(
        "SELECT COUNT(DISTINCT hash) FROM pieces WHERE hash NOT IN (SELECT hash FROM vectors WHERE model = ?1)",
        [model],
        |row| number(row, 0),
    )
}

/// Keeps embeddings of `model`, and nothing of other models.
pub(in crate::memory) fn keep(
    connection: &mut Connection,
    model: &str,
    vectors: &[(Vec<u8>, Vector)],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute("DELETE FROM vectors WHERE model <> ?1", [model])?;
    for (hash, vector) in vectors {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO vectors (model, hash, vector) VALUES (?1, ?2, ?3)")?
            .execute(params![model, hash, vector.bytes()])?;
    }
    transaction.commit()
}

/// Forgets embeddings of `model` that have another length than `like`: the server has another model by the same name.
pub(in crate::memory) fn forget_others(connection: &Connection, model: &str, like: &Vector) -> rusqlite::Result<()> {
    connection
        .execute(
            "DELETE FROM vectors WHERE model = ?1 AND length(vector) NOT IN (0, ?2)",
            params![model, kept(like.0.len() * 4)],
        )
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_that_of_directions() {
        let vector = |numbers: &[f32]| Vector::of(numbers).unwrap();
        let stored = vector(&[3.0, 4.0]).bytes();
        let likeness = |numbers: &[f32]| vector(numbers).likeness(&stored);
        assert!((likeness(&[6.0, 8.0]).unwrap() - 1.0).abs() < 1e-6);
        assert!(likeness(&[-4.0, 3.0]).unwrap().abs() < 1e-6);
        assert_eq!(likeness(&[1.0, 0.0, 0.0]), None);
        assert_eq!(vector(&[1.0]).likeness(&[]), None);
        assert_eq!(vector(&[1.0]).likeness(&[1, 2, 3, 4, 5]), None);
        for nowhere in [&[][..], &[0.0, 0.0], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0]] {
            assert_eq!(Vector::of(nowhere), None);
        }
    }
}
