-- Who may use the gateway. A change is a new file; this one never changes. The file for SQLite has the same tables.

-- Keys. `hash` is SHA-256 of the secret, in hexadecimal digits: the secret itself is kept nowhere. `kind`: owner, client, device.
CREATE TABLE keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT,
  expires_at BIGINT,
  revoked_at BIGINT
);

-- Codes that are exchanged for a key, once. `key` is the one that it was.
CREATE TABLE key_codes (
  hash TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  made_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  key TEXT
);

-- Which key of the gateway has spent it, where one has.
ALTER TABLE spending ADD COLUMN key TEXT;
CREATE INDEX spending_of ON spending (key, day);
