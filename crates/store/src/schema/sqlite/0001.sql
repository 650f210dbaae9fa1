-- The first schema. A change is a new file; this one never changes. The file for PostgreSQL has the same tables.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who may work where: a row for each conversation (`in`) and for each place that is delivered to (`out`).
-- `head` is the oldest row that waits there. `fence` goes up with each new owner, and an older one cannot write.
CREATE TABLE lanes (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  head INTEGER,
  owner TEXT,
  until INTEGER NOT NULL DEFAULT 0,
  fence INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX lanes_waiting ON lanes (kind, head) WHERE head IS NOT NULL;

-- What has come in. `state`: received, claimed, running, done, failed (will be tried again), dead. `claims` counts since the
-- last end; `fence` is that of the last claim.
CREATE TABLE inbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  message TEXT NOT NULL,
  conversation TEXT NOT NULL,
  origin TEXT NOT NULL,
  state TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  body TEXT NOT NULL,
  label TEXT NOT NULL,
  claims INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  fence INTEGER NOT NULL DEFAULT 0,
  turn TEXT,
  problem TEXT,
  ended_at INTEGER,
  UNIQUE (channel, account, message)
) STRICT;
CREATE INDEX inbox_open ON inbox (conversation, id) WHERE ended_at IS NULL;
CREATE INDEX inbox_ended ON inbox (ended_at) WHERE ended_at IS NOT NULL;

-- What must go out. `state`: pending, sending, sent, failed, unknown, held (about these three the owner is asked), dropped.
-- `fence` is that of the last claim.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  conversation TEXT NOT NULL,
  turn TEXT,
  lane TEXT NOT NULL,
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  peer TEXT NOT NULL,
  thread TEXT,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  tries INTEGER NOT NULL DEFAULT 0,
  fence INTEGER NOT NULL DEFAULT 0,
  receipt TEXT,
  problem TEXT,
  ended_at INTEGER
) STRICT;
CREATE INDEX outbox_open ON outbox (lane, id) WHERE ended_at IS NULL;
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended_at IS NOT NULL;

-- What tools did, or may have done. `state`: intent, done, unknown. `begun_by` is the one beginning that may do it.
CREATE TABLE effects (
  key TEXT PRIMARY KEY,
  conversation TEXT NOT NULL,
  turn TEXT NOT NULL,
  call TEXT NOT NULL,
  state TEXT NOT NULL,
  begun_at INTEGER NOT NULL,
  begun_by TEXT NOT NULL,
  outcome TEXT,
  ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX effects_of ON effects (conversation, begun_at);

-- A conversation goes on for ever; its current session is replaced when it is reset.
CREATE TABLE conversations (
  key TEXT PRIMARY KEY,
  agent TEXT NOT NULL,
  session TEXT,
  origin TEXT NOT NULL,
  state TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `heard_at` is when a person last said something in it; `active_at` is when anything happened.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  conversation TEXT NOT NULL,
  agent TEXT NOT NULL,
  title TEXT,
  begun_at INTEGER NOT NULL,
  active_at INTEGER NOT NULL,
  heard_at INTEGER,
  ended_at INTEGER,
  ended_by TEXT,
  next_seq INTEGER NOT NULL DEFAULT 0,
  label TEXT NOT NULL,
  source TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_active ON sessions (active_at, id);
CREATE INDEX sessions_of ON sessions (conversation, active_at);

-- What was said and done, in order. It is only added to. `kind`: user, assistant, tool, summary (of `covers_from` to
-- `covers_to`), note.
CREATE TABLE items (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  item TEXT NOT NULL UNIQUE,
  session TEXT NOT NULL REFERENCES sessions (id),
  seq INTEGER NOT NULL,
  turn TEXT,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  covers_from INTEGER,
  covers_to INTEGER,
  label TEXT NOT NULL,
  body TEXT NOT NULL,
  UNIQUE (session, seq)
) STRICT;

CREATE INDEX items_summaries ON items (session, seq) WHERE kind = 'summary';

-- Beside an item. `kind`: attempt, opaque (which only `endpoint` and `model` can read).
CREATE TABLE item_extras (
  item TEXT NOT NULL REFERENCES items (item),
  n INTEGER NOT NULL,
  kind TEXT NOT NULL,
  endpoint TEXT,
  model TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (item, n)
) STRICT, WITHOUT ROWID;

-- The words of items, by `items.id`; they are cut by Yabby, the same way for both databases.
CREATE VIRTUAL TABLE items_search USING fts5 (
  words,
  content = '',
  contentless_delete = 1,
  tokenize = 'ascii'
);

-- `awaited` says how often it was added for an item that has not come yet.
CREATE TABLE attachments (
  hash TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  awaited INTEGER NOT NULL DEFAULT 0,
  data BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX attachments_added ON attachments (added_at);

-- `kind`: image (a part of the message), file (beside it).
CREATE TABLE item_attachments (
  item TEXT NOT NULL REFERENCES items (item),
  n INTEGER NOT NULL,
  kind TEXT NOT NULL,
  hash TEXT NOT NULL REFERENCES attachments (hash),
  name TEXT,
  PRIMARY KEY (item, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_attachments_of ON item_attachments (hash);

-- Questions to the owner. `state`: open, granted, denied, expired. `answered_in` is the one call that has answered.
CREATE TABLE approvals (
  id TEXT PRIMARY KEY,
  conversation TEXT NOT NULL,
  turn TEXT,
  effect TEXT,
  question TEXT NOT NULL,
  state TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  expires_at INTEGER,
  answered_at INTEGER,
  answered_by TEXT,
  answered_in TEXT,
  answer TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX approvals_open ON approvals (asked_at, id) WHERE state = 'open';

-- What the owner has allowed once and for all, until it ends.
CREATE TABLE grants (
  id TEXT PRIMARY KEY,
  agent TEXT NOT NULL,
  body TEXT NOT NULL,
  given_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_of ON grants (agent);

-- A repeated one is due at `begins_at` and every `every_ms` after that; `due_at` is the next time, `fired` how often it was.
-- One with a `problem` cannot be read, and does not fire.
CREATE TABLE timers (
  id TEXT PRIMARY KEY,
  conversation TEXT NOT NULL,
  begins_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  every_ms INTEGER,
  body TEXT NOT NULL,
  label TEXT NOT NULL,
  fired INTEGER NOT NULL DEFAULT 0,
  problem TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due_at);
CREATE INDEX timers_repeated ON timers (due_at) WHERE every_ms IS NOT NULL;

-- What was learned about something (`subject`), and where from.
CREATE TABLE learned (
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  source TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (subject, name)
) STRICT, WITHOUT ROWID;

-- What hosted models have cost. `day` counts from 1970, in UTC.
CREATE TABLE spending (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  day INTEGER NOT NULL,
  model TEXT NOT NULL,
  conversation TEXT NOT NULL,
  input INTEGER NOT NULL,
  cached INTEGER NOT NULL,
  written INTEGER NOT NULL,
  output INTEGER NOT NULL,
  usd REAL,
  exact INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spending_on ON spending (day);
CREATE INDEX spending_by ON spending (conversation, day);

-- `sealed` says how `value` is encrypted; empty is not at all.
CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  sealed TEXT NOT NULL,
  value BLOB NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
