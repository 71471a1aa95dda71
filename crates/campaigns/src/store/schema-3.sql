-- Version 3. Reports on messages are passed on to web addresses that accounts name.

CREATE TABLE hook (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES account,
  url     TEXT    NOT NULL,
  format  INTEGER NOT NULL,
  secret  TEXT,
  created INTEGER NOT NULL,
  lost    INTEGER NOT NULL DEFAULT 0      -- events that were given up
) STRICT;
CREATE INDEX hook_account ON hook (account);

-- What a hook has not acknowledged yet. It goes with the acknowledgement, and after the last attempt.
CREATE TABLE event (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  hook     INTEGER NOT NULL,
  message  INTEGER NOT NULL,
  status   INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,    -- that have failed
  due      INTEGER NOT NULL
) STRICT;
CREATE INDEX event_due ON event (hook, due);
CREATE INDEX event_message ON event (message);
