-- Answers that a program may ask for again. A change is a new file; this one never changes. The file for PostgreSQL has the same
-- tables.

-- Responses. `key` is the one of the gateway that has asked; `message` its place in the inbox; `session` goes with what was said.
-- `input` is what was asked and `body` the response, both as JSON as the API has them. One without `ended_at` is being answered.
CREATE TABLE responses (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  conversation TEXT NOT NULL,
  session TEXT,
  message INTEGER NOT NULL,
  input TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX responses_of ON responses (session);
CREATE INDEX responses_at ON responses (created_at);
