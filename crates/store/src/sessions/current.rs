//! The session in which a conversation goes on.

use yabby_core::{Activity, Label, Origin, ResetPolicy, ResetReason, SessionKey, Time, text};

use super::list::{COLUMNS, Session, session};
use crate::{
    error::{Result, StoreError, StoreErrorKind},
    json,
    lanes::{self, Lease},
    sql::{Tx, params},
    store::Store,
};

impl Store {
    /// The session in which the leased conversation goes on at `now`: the current one, or a new one with the id `new`, when
    /// there is none or the policy says that it has grown stale; then also why. `offset` is the difference to UTC in
    /// seconds at a moment.
    pub async fn session_for(
        &self,
        lease: &Lease,
        origin: Option<&Origin>,
        (policy, now): (ResetPolicy, Time),
        offset: impl Fn(Time) -> i32 + Send + 'static,
        new: &str,
    ) -> Result<(Session, Option<ResetReason>)> {
        let (lease, origin, new) = (lease.clone(), origin.cloned(), new.to_owned());
        self.write("session_for", move |tx| {
            lanes::hold(tx, &lease)?;
            let current = current(tx, &lease.key)?;
            let stale = current
                .as_ref()
                .filter(|current| current.id != new)
                .and_then(|current| {
                    let activity = Activity {
                        started: current.begun_at,
                        last: current.heard_at.unwrap_or(current.begun_at),
                    };
                    policy.why_stale(activity, now, &offset)
                });
            match (current, stale) {
                (Some(current), None) => Ok((current, None)),
                (current, why) => {
                    let ended_by = why.map(|why| format!("{why:?}").to_lowercase());
                    begin(
                        tx,
                        &lease.key,
                        origin.as_ref(),
                        current.as_ref(),
                        ended_by.as_deref(),
                        (&new, now),
                    )?;
                    Ok((existing(tx, &new)?, why))
                }
            }
        })
        .await
    }

    /// Ends the current session of the leased conversation, if there is one, because of `why`, and begins one with the id
    /// `new`. To begin it once more changes nothing.
    pub async fn begin_session(
        &self,
        lease: &Lease,
        origin: Option<&Origin>,
        why: &str,
        (new, now): (&str, Time),
    ) -> Result<Session> {
        let (lease, origin, why, new) = (lease.clone(), origin.cloned(), why.to_owned(), new.to_owned());
        self.write("begin_session", move |tx| {
            lanes::hold(tx, &lease)?;
            let current = current(tx, &lease.key)?;
            if let Some(current) = current.as_ref().filter(|current| current.id == new) {
                return Ok(current.clone());
            }
            begin(
                tx,
                &lease.key,
                origin.as_ref(),
                current.as_ref(),
                Some(&why),
                (&new, now),
            )?;
            existing(tx, &new)
        })
        .await
    }

    /// Ends a session that is not to be gone on with.
    pub async fn end_session(&self, lease: &Lease, why: &str) -> Result<()> {
        let (lease, why) = (lease.clone(), why.to_owned());
        self.write("end_session", move |tx| {
            lanes::hold(tx, &lease)?;
            let now = tx.now()?;
            let Some(current) = current(tx, &lease.key)? else {
                return Ok(());
            };
            end(tx, &current.id, &why, now)?;
            let statement = "UPDATE conversations SET session = NULL, updated_at = ?1 WHERE key = ?2";
            tx.execute(statement, params![now, &lease.key]).map(drop)
        })
        .await
    }
}

fn current(tx: &mut dyn Tx, key: &str) -> Result<Option<Session>> {
    let statement =
        format!("SELECT {COLUMNS} FROM sessions WHERE id = (SELECT session FROM conversations WHERE key = ?1)");
    tx.query_one(&statement, params![key])?
        .map(|row| session(&row))
        .transpose()
}

fn existing(tx: &mut dyn Tx, id: &str) -> Result<Session> {
    let statement = format!("SELECT {COLUMNS} FROM sessions WHERE id = ?1");
    let row = tx.query_one(&statement, params![id])?;
    row.map(|row| session(&row)).transpose()?.ok_or_else(|| {
        let message = text!("there is no session {session}", session = id);
        StoreError::new(StoreErrorKind::Missing, message)
    })
}

fn end(tx: &mut dyn Tx, session: &str, why: &str, now: Time) -> Result<()> {
    let statement = "UPDATE sessions SET ended_at = ?1, ended_by = ?2 WHERE id = ?3 AND ended_at IS NULL";
    tx.execute(statement, params![now, why, session]).map(drop)
}

fn begin(
    tx: &mut dyn Tx,
    key: &str,
    origin: Option<&Origin>,
    current: Option<&Session>,
    why: Option<&str>,
    (new, now): (&str, Time),
) -> Result<()> {
    if let Some(current) = current {
        end(tx, &current.id, why.unwrap_or("new"), now)?;
    }
    let agent = agent(key)?;
    let statement = "INSERT INTO sessions (id, conversation, agent, begun_at, active_at, label) \
                     VALUES (?1, ?2, ?3, ?4, ?4, ?5) ON CONFLICT (id) DO NOTHING";
    let label = json::to_text(&Label::of_nothing())?;
    if tx.execute(statement, params![new, key, &agent, now, label])? == 0 {
        let message = text!("the session {session} was there before", session = new);
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    let statement = "INSERT INTO conversations (key, agent, session, origin, state, updated_at) \
                     VALUES (?1, ?2, ?3, ?4, '{}', ?5) \
                     ON CONFLICT (key) DO UPDATE SET session = excluded.session, updated_at = excluded.updated_at";
    tx.execute(statement, params![key, agent, new, json::to_text(&origin)?, now])
        .map(drop)
}

fn agent(key: &str) -> Result<String> {
    let key: SessionKey = key.parse().map_err(|error: yabby_core::InvalidSessionKey| {
        let message = text!("{key} is no key of a session", key = key);
        StoreError::new(StoreErrorKind::Invalid, message).with_source(error)
    })?;
    Ok(key.agent().to_owned())
}
