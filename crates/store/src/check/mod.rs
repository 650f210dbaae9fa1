//! Whether the store is as it should be.
//!
//! The database is asked first, then what Yabby itself relies on. What follows from other rows can be made again.

mod attached;
mod rows;

use yabby_core::{Text, text};

use crate::{
    attachments::Attached,
    derived,
    error::Result,
    search,
    sql::{Flavor, Tx, params},
    store::Store,
};

/// So many problems of a kind are named; more are counted.
const NAMED: usize = 20;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// So many more problems are not named.
    pub more: u64,
    /// Secrets that are kept as they are, because there was no key for them.
    pub plain_secrets: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// In words.
    pub text: Text,
    /// Whether [`Store::repair`] mends it.
    pub can_be_repaired: bool,
}

/// What kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The database itself is damaged.
    Database,
    /// A row names another one that is not there.
    Reference,
    /// A conversation or a place does not know what waits in it.
    Head,
    /// A session counts its items wrongly, or misses some.
    Sequence,
    /// An attachment is not there, or is not what it was.
    Attachment,
    /// Something that nothing needs any more.
    Orphan,
    /// Something can not be found by searching.
    Search,
    /// A row is in a state that this version does not know.
    State,
    /// A value cannot be read.
    Value,
}

/// What was mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Conversations and places that know again what waits in them.
    pub heads: u64,
    /// Sessions that count their items rightly again.
    pub sessions: u64,
    /// Items that can be found again.
    pub searched: u64,
    /// Attachments that nothing needed and that are gone.
    pub orphans: u64,
}

impl Store {
    /// Looks at everything, at one moment. Others may go on meanwhile.
    pub async fn check(&self) -> Result<Checked> {
        let attached = Attached::of(self.place().folder());
        self.read("check", move |tx| {
            let mut found = Checked::default();
            database(tx, &mut found)?;
            sequences(tx, &mut found)?;
            unfindable(tx, &mut found)?;
            rows::states(tx, &mut found)?;
            rows::values(tx, &mut found)?;
            rows::references(tx, &mut found)?;
            attached::check(tx, &attached, &mut found)?;
            Ok(found)
        })
        .await
    }

    /// Mends what can be made again from other rows, and takes away what nothing needs. Others may go on meanwhile. It is done
    /// piece by piece: when it breaks off, what is mended stays so, and the next time goes on with the rest.
    pub async fn repair(&self) -> Result<Repaired> {
        let mut repaired = self
            .write("repair", |tx| {
                if tx.flavor() == Flavor::Postgres {
                    // Nobody takes or ends work meanwhile, so that what is seen is what is.
                    tx.execute("LOCK TABLE lanes, sessions IN EXCLUSIVE MODE", params![])?;
                }
                Ok(Repaired {
                    heads: derived::heads(tx)?,
                    sessions: derived::next_seqs(tx)?,
                    ..Repaired::default()
                })
            })
            .await?;
        let mut next = Some(i64::MIN);
        while let Some(after) = next {
            let indexing = self.write("repair_search", move |tx| search::index_missing(tx, after));
            let (indexed, last) = indexing.await?;
            repaired.searched += indexed;
            next = last;
        }
        repaired.orphans = attached::remove_orphans(self).await?;
        Ok(repaired)
    }
}

// === impl Checked ===

impl Checked {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, kind: ProblemKind, text: Text, can_be_repaired: bool) {
        let named = self.problems.iter().filter(|problem| problem.kind == kind).count();
        if named >= NAMED {
            self.more += 1;
            return;
        }
        self.problems.push(Problem {
            kind,
            text,
            can_be_repaired,
        });
    }
}

/// What the database says of itself.
fn database(tx: &mut dyn Tx, found: &mut Checked) -> Result<()> {
    if tx.flavor() == Flavor::Postgres {
        return Ok(());
    }
    for row in tx.query("PRAGMA integrity_check(20)", params![])? {
        let said = row.text(0)?;
        if said != "ok" {
            let problem = text!("the database is damaged: {problem}", problem = said);
            found.add(ProblemKind::Database, problem, false);
        }
    }
    for row in tx.query("PRAGMA foreign_key_check", params![])? {
        let problem = text!(
            "a row of {table} belongs to one of {other} that is not there",
            table = row.text(0)?,
            other = row.text(2)?
        );
        found.add(ProblemKind::Reference, problem, false);
    }
    Ok(())
}

/// Items that the search does not know.
fn unfindable(tx: &mut dyn Tx, found: &mut Checked) -> Result<()> {
    let count = search::missing(tx)?;
    if count > 0 {
        let problem = text!("{count} items cannot be found by the search", count = count);
        found.add(ProblemKind::Search, problem, true);
    }
    Ok(())
}

/// What Yabby counts on in the order of things.
fn sequences(tx: &mut dyn Tx, found: &mut Checked) -> Result<()> {
    for key in derived::wrong_heads(tx)? {
        let problem = text!("{key} does not know what waits in it", key = key);
        found.add(ProblemKind::Head, problem, true);
    }
    for (id, next, expected) in derived::wrong_seqs(tx)? {
        let problem = text!(
            "session {id} goes on with item {next}, and should with {expected}",
            id = id,
            next = next,
            expected = expected
        );
        found.add(ProblemKind::Sequence, problem, next < expected);
    }
    let statement =
        "SELECT session, COUNT(*), MAX(seq) + 1 FROM items GROUP BY session HAVING COUNT(*) <> MAX(seq) + 1";
    for row in tx.query(statement, params![])? {
        let problem = text!(
            "session {id} has {count} items of {expected}",
            id = row.text(0)?,
            count = row.int(1)?,
            expected = row.int(2)?
        );
        found.add(ProblemKind::Sequence, problem, false);
    }
    Ok(())
}
