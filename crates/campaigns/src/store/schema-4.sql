-- Version 4. Who did what; how old stop lists are; personal data is forgotten.

-- What has been changed; written in the transaction that changed it.
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  account INTEGER NOT NULL,               -- whose it is; 0 is everybody's
  actor   INTEGER NOT NULL,               -- 0 an administrator, 1 the account's key
  origin  TEXT,                           -- the administrator's name, or the address that used the key
  act     INTEGER NOT NULL,
  subject INTEGER                         -- the number of what was changed
) STRICT;
CREATE INDEX audit_account ON audit (account, id);
CREATE INDEX audit_origin ON audit (at) WHERE actor = 1 AND origin IS NOT NULL;

-- When a stop list was loaded last; account 0 is the system.
CREATE TABLE stop_loaded (
  account INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL
) STRICT;

ALTER TABLE campaign ADD COLUMN purged INTEGER; -- when its recipients were forgotten

-- A card's fields go when it is deleted.
UPDATE card SET fields = '{}' WHERE deleted IS NOT NULL;

-- What codes of recipients' own links are enciphered with.
CREATE TABLE secret (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  value BLOB NOT NULL
) STRICT;

-- From now on `personal_link` holds own links that were followed; others follow from their codes.
ALTER TABLE personal_link ADD COLUMN last INTEGER; -- when a click was counted last

CREATE INDEX card_mobile ON card (account, fields ->> '$.mobile') WHERE deleted IS NULL;
