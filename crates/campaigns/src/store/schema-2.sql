-- Version 2. A task belongs to one worker, until it is over or its lease runs out; an import of
-- groups is of the cards that were in them when it was asked for.

ALTER TABLE task ADD COLUMN owner TEXT;     -- the worker that carries it out
ALTER TABLE task ADD COLUMN leased INTEGER; -- until when, if it is not renewed

CREATE TABLE task_card (
  task INTEGER NOT NULL,
  card INTEGER NOT NULL,
  PRIMARY KEY (task, card)
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO task_card
  SELECT task.id, card_in_group.card
  FROM task, json_each(task.job, '$.groups') wanted
  JOIN card_in_group ON card_in_group.card_group = wanted.value
  JOIN card ON card.id = card_in_group.card AND card.account = task.account
  WHERE task.status < 2 AND card.deleted IS NULL;

-- When something is to be done about a campaign that is under way; `due` says so for each of them.
DROP INDEX campaign_active;
UPDATE campaign SET due = CASE WHEN status IN (3, 4) THEN coalesce(deferred, 0) ELSE coalesce(due, 0) END
  WHERE status IN (3, 4, 5, 6);
CREATE INDEX campaign_due ON campaign (due) WHERE status IN (3, 4, 5, 6) AND deleted IS NULL;

ALTER TABLE task ADD COLUMN failures INTEGER NOT NULL DEFAULT 0; -- in a row, of this computer

ALTER TABLE campaign ADD COLUMN first INTEGER; -- the message that was added first
UPDATE campaign SET first = (SELECT min(id) FROM message
  WHERE message.campaign = campaign.id AND message.generation = campaign.generation);

ALTER TABLE link ADD COLUMN updated INTEGER;
ALTER TABLE link ADD COLUMN deleted INTEGER;
CREATE INDEX link_account ON link (account, created);

-- Clicks and redirects of each minute that had any; minutes since 1970 (UTC).
CREATE TABLE link_minute (
  link      INTEGER NOT NULL,
  minute    INTEGER NOT NULL,
  clicks    INTEGER NOT NULL,
  redirects INTEGER NOT NULL,
  PRIMARY KEY (link, minute)
) STRICT, WITHOUT ROWID;

ALTER TABLE card_group ADD COLUMN cards INTEGER NOT NULL DEFAULT 0;
UPDATE card_group SET cards = (SELECT count(*) FROM card_in_group WHERE card_group = card_group.id);
