-- Version 1. Times are milliseconds since 1970 (UTC), money is in ten-thousandths of the account's
-- currency, statuses are the numbers in status.rs.

CREATE TABLE account (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT    NOT NULL UNIQUE,
  key        BLOB    NOT NULL UNIQUE,   -- SHA-256 of the key
  balance    INTEGER NOT NULL,
  settings   TEXT    NOT NULL,          -- JSON
  version    INTEGER NOT NULL,          -- grows with everything that verdicts depend on
  created    INTEGER NOT NULL
) STRICT;

CREATE TABLE campaign (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  account      INTEGER NOT NULL REFERENCES account,
  name         TEXT,
  text         TEXT    NOT NULL,
  type         INTEGER NOT NULL,
  sender       TEXT    NOT NULL,
  rate_limit   INTEGER,
  rate_period  INTEGER,
  deferred     INTEGER,
  mclass       INTEGER NOT NULL,
  validity     INTEGER NOT NULL,
  track        INTEGER NOT NULL,
  status       INTEGER NOT NULL,
  created      INTEGER NOT NULL,
  started      INTEGER,                 -- first message handed over
  sent         INTEGER,                 -- last message handed over
  ended        INTEGER,
  deleted      INTEGER,
  comment      TEXT,                    -- the moderator's
  task         INTEGER,                 -- the import that locks it
  generation   INTEGER NOT NULL,        -- of its list that counts
  generations  INTEGER NOT NULL,        -- the last that was begun
  groups       TEXT,                    -- ids of contact groups that were added
  source       INTEGER NOT NULL,        -- how recipients came last
  messages     INTEGER NOT NULL,
  segments     INTEGER NOT NULL,
  cost         INTEGER NOT NULL,
  rejected     INTEGER NOT NULL,
  counted      INTEGER NOT NULL,        -- when counters changed last
  cursor       INTEGER NOT NULL,        -- number handed over last; numbers go up
  due          INTEGER                  -- when the next packet may leave
) STRICT;
CREATE INDEX campaign_account ON campaign (account, created);
CREATE INDEX campaign_active ON campaign (status) WHERE status IN (3, 4, 5, 6);

CREATE TABLE counter (
  campaign INTEGER NOT NULL,
  status   INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  segments INTEGER NOT NULL,
  cost     INTEGER NOT NULL,
  PRIMARY KEY (campaign, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  campaign   INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  text       TEXT,                      -- where it is not the campaign's
  segments   INTEGER NOT NULL,
  price      INTEGER NOT NULL,          -- of one segment
  status     INTEGER NOT NULL,
  contact    INTEGER,
  sent       INTEGER,
  updated    INTEGER
) STRICT;
CREATE UNIQUE INDEX message_number ON message (campaign, generation, number);

-- What a transport has foretold.
CREATE TABLE report (
  at      INTEGER NOT NULL,
  message INTEGER NOT NULL,
  status  INTEGER NOT NULL,
  PRIMARY KEY (at, message, status)
) STRICT, WITHOUT ROWID;

-- Lists that were replaced and wait to be swept away.
CREATE TABLE garbage (
  campaign   INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (campaign, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE task (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  account    INTEGER NOT NULL,
  campaign   INTEGER NOT NULL,
  status     INTEGER NOT NULL,
  progress   INTEGER NOT NULL,
  job        TEXT    NOT NULL,          -- JSON
  base       INTEGER NOT NULL,          -- messages with a greater id are this task's
  generation INTEGER NOT NULL,
  done       INTEGER NOT NULL,          -- rows that are carried out
  messages   INTEGER NOT NULL,
  segments   INTEGER NOT NULL,
  cost       INTEGER NOT NULL,
  rejected   INTEGER NOT NULL,
  note       TEXT,                      -- why it ended, and warnings
  created    INTEGER NOT NULL,
  ended      INTEGER
) STRICT;
CREATE INDEX task_open ON task (status) WHERE status < 2;

CREATE TABLE link (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  account    INTEGER NOT NULL,
  code       TEXT    NOT NULL UNIQUE,
  target     TEXT    NOT NULL,
  status     INTEGER NOT NULL,
  expires    INTEGER,
  expires_on TEXT,
  comment    TEXT,
  clicks     INTEGER NOT NULL,
  redirects  INTEGER NOT NULL,
  created    INTEGER NOT NULL
) STRICT;

CREATE TABLE personal_link (
  code    TEXT    PRIMARY KEY,
  link    INTEGER NOT NULL,
  message INTEGER NOT NULL,
  clicks  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX personal_link_message ON personal_link (message);

CREATE TABLE campaign_link (
  campaign INTEGER NOT NULL,
  link     INTEGER NOT NULL,
  PRIMARY KEY (campaign, link)
) STRICT, WITHOUT ROWID;

CREATE TABLE card (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL,
  fields  TEXT    NOT NULL,             -- JSON: name to value
  created INTEGER NOT NULL,
  deleted INTEGER
) STRICT;
CREATE INDEX card_account ON card (account);

CREATE TABLE card_group (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL,
  name    TEXT    NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE (account, name)
) STRICT;

CREATE TABLE card_in_group (
  card_group INTEGER NOT NULL,
  card       INTEGER NOT NULL,
  PRIMARY KEY (card_group, card)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_in_group_card ON card_in_group (card);

-- Account 0 is the system's list.
CREATE TABLE stop (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  comment TEXT,
  created INTEGER NOT NULL,
  UNIQUE (account, number)
) STRICT;

CREATE TABLE price (
  territory TEXT    NOT NULL,
  operator  TEXT    NOT NULL,           -- empty: every operator
  price     INTEGER NOT NULL,
  PRIMARY KEY (territory, operator)
) STRICT, WITHOUT ROWID;
