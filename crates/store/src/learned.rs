//! What was learned about something, and where from.

use yabby_core::Time;

use crate::{
    error::Result,
    sql::{Row, params},
    store::Store,
};

/// Something that was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// What it is about: `http://127.0.0.1:8080 qwen3`.
    pub subject: String,
    /// What of it: `window`. There is one value for each name of a subject.
    pub name: String,
    /// What it is.
    pub value: String,
    /// Where from.
    pub source: String,
    /// When.
    pub at: Time,
}

impl Store {
    /// Keeps what was learned, all or nothing. What is known already and newer stays, so that it makes no difference in
    /// which order two come; but nothing that seems to come from the future does: there, a clock was wrong.
    pub async fn learn(&self, facts: Vec<Learned>) -> Result<()> {
        self.write("learn", move |tx| {
            let now = tx.now()?;
            // In one order, so that nobody waits for each other.
            let mut sorted: Vec<&Learned> = facts.iter().collect();
            sorted
                .sort_by(|one, other| (&one.subject, &one.name, one.at).cmp(&(&other.subject, &other.name, other.at)));
            let statement = "INSERT INTO learned (subject, name, value, source, at) VALUES (?1, ?2, ?3, ?4, ?5) \
                             ON CONFLICT (subject, name) DO UPDATE \
                             SET value = excluded.value, source = excluded.source, at = excluded.at \
                             WHERE excluded.at >= learned.at OR learned.at > ?6";
            for fact in sorted {
                tx.execute(
                    statement,
                    params![&fact.subject, &fact.name, &fact.value, &fact.source, fact.at, now],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// What is known of a subject, by name.
    pub async fn learned(&self, subject: &str) -> Result<Vec<Learned>> {
        let subject = subject.to_owned();
        self.read("learned", move |tx| {
            let statement = "SELECT subject, name, value, source, at FROM learned WHERE subject = ?1 ORDER BY name";
            tx.query(statement, params![&subject])?.iter().map(learned).collect()
        })
        .await
    }

    /// Forgets one thing of a subject, or all of it.
    pub async fn forget(&self, subject: &str, name: Option<&str>) -> Result<()> {
        let (subject, name) = (subject.to_owned(), name.map(str::to_owned));
        self.write("forget", move |tx| {
            let (statement, given) = match &name {
                Some(name) => (
                    "DELETE FROM learned WHERE subject = ?1 AND name = ?2",
                    vec![subject.as_str().into(), name.as_str().into()],
                ),
                None => ("DELETE FROM learned WHERE subject = ?1", vec![subject.as_str().into()]),
            };
            tx.execute(statement, &given).map(drop)
        })
        .await
    }
}

fn learned(row: &Row) -> Result<Learned> {
    Ok(Learned {
        subject: row.text(0)?,
        name: row.text(1)?,
        value: row.text(2)?,
        source: row.text(3)?,
        at: row.time(4)?,
    })
}
