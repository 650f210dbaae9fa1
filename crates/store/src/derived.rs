//! What follows from other rows, and can be made again from them.

use crate::{
    error::Result,
    search,
    sql::{Flavor, Tx, params},
};

/// The oldest message of a conversation that waits.
const OPEN_IN: &str = "SELECT MIN(id) FROM inbox WHERE inbox.conversation = lanes.key AND inbox.ended_at IS NULL";
/// The oldest delivery to a place that waits.
const OPEN_OUT: &str = "SELECT MIN(id) FROM outbox WHERE outbox.lane = lanes.key AND outbox.ended_at IS NULL \
                        AND outbox.state IN ('pending', 'sending')";
/// What should be the next place in a session.
const NEXT: &str = "SELECT COALESCE(MAX(seq) + 1, 0) FROM items WHERE items.session = sessions.id";

/// Makes everything again that an export does not hold.
pub(crate) fn after_import(tx: &mut dyn Tx) -> Result<()> {
    heads(tx)?;
    next_seqs(tx)?;
    search::index_all(tx)?;
    numbers(tx)
}

/// Sets the heads of lanes, and makes lanes that are missing; how many.
pub(crate) fn heads(tx: &mut dyn Tx) -> Result<u64> {
    let mut changed = 0;
    for (kind, open) in [("in", OPEN_IN), ("out", OPEN_OUT)] {
        let statement =
            format!("UPDATE lanes SET head = ({open}) WHERE kind = '{kind}' AND head IS DISTINCT FROM ({open})");
        changed += tx.execute(&statement, params![])?;
    }
    let missing = [
        "INSERT INTO lanes (kind, key, head) SELECT 'in', conversation, MIN(id) FROM inbox WHERE ended_at IS NULL \
         GROUP BY conversation ON CONFLICT (kind, key) DO NOTHING",
        "INSERT INTO lanes (kind, key, head) SELECT 'out', lane, MIN(id) FROM outbox WHERE ended_at IS NULL \
         AND state IN ('pending', 'sending') GROUP BY lane ON CONFLICT (kind, key) DO NOTHING",
    ];
    for statement in missing {
        changed += tx.execute(statement, params![])?;
    }
    Ok(changed)
}

/// The lanes whose heads are wrong, and the conversations and places that have none.
pub(crate) fn wrong_heads(tx: &mut dyn Tx) -> Result<Vec<String>> {
    let statement = format!(
        "SELECT key FROM lanes WHERE kind = 'in' AND head IS DISTINCT FROM ({OPEN_IN}) \
         UNION ALL SELECT key FROM lanes WHERE kind = 'out' AND head IS DISTINCT FROM ({OPEN_OUT}) \
         UNION ALL SELECT DISTINCT conversation FROM inbox WHERE ended_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM lanes WHERE kind = 'in' AND key = inbox.conversation) \
         UNION ALL SELECT DISTINCT lane FROM outbox WHERE ended_at IS NULL AND state IN ('pending', 'sending') \
         AND NOT EXISTS (SELECT 1 FROM lanes WHERE kind = 'out' AND key = outbox.lane)"
    );
    let rows = tx.query(&statement, params![])?;
    rows.iter().map(|row| row.text(0)).collect()
}

/// Sets the next place of sessions in which it is taken already; how many.
pub(crate) fn next_seqs(tx: &mut dyn Tx) -> Result<u64> {
    let statement = format!("UPDATE sessions SET next_seq = ({NEXT}) WHERE next_seq < ({NEXT})");
    tx.execute(&statement, params![])
}

/// Sessions whose next place is not behind their last item: id, place, where it should be.
pub(crate) fn wrong_seqs(tx: &mut dyn Tx) -> Result<Vec<(String, i64, i64)>> {
    let statement = format!("SELECT id, next_seq, ({NEXT}) FROM sessions WHERE next_seq <> ({NEXT})");
    let rows = tx.query(&statement, params![])?;
    rows.iter()
        .map(|row| Ok((row.text(0)?, row.int(1)?, row.int(2)?)))
        .collect()
}

/// Lets the database give out numbers that are not taken: PostgreSQL does not look at rows that brought theirs along.
fn numbers(tx: &mut dyn Tx) -> Result<()> {
    if tx.flavor() == Flavor::Sqlite {
        return Ok(());
    }
    for table in ["inbox", "outbox", "items"] {
        let sequence = format!("pg_get_serial_sequence('{table}', 'id')");
        let statement =
            format!("SELECT setval({sequence}, GREATEST(nextval({sequence}), (SELECT MAX(id) FROM {table})))");
        tx.query(&statement, params![])?;
    }
    Ok(())
}
