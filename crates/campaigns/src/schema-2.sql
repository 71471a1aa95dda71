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
