//! How SQLite finds what is asked for: never by going through a table that grows.

use crate::{
    AddParams, CampaignFilter, Campaigns, Clock, Entries, Entry, HOUR, Import, LinkBy, ManualClock,
    MessageFilter, Money, NewCampaign, NewLink, Options, Page, Settings,
};
use rusqlite::Connection;
use rusqlite::trace::TraceEvent;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    /// Statements that were carried out on this thread, with their values.
    static CARRIED_OUT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn record(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, sql) = event
        && !sql.starts_with("--")
    {
        let sql = statement.expanded_sql().unwrap_or_else(|| sql.to_owned());
        CARRIED_OUT.with_borrow_mut(|all| all.push(sql));
    }
}

/// Tables that hold a handful of rows, lists made within a statement, and a part of an index that
/// holds what is open only.
const SMALL: &[&str] = &[
    "price",
    "garbage",
    "json_each",
    "wanted",
    "CONSTANT ROW",
    "task USING INDEX task_open",
    "campaign USING COVERING INDEX campaign_due",
];

/// The steps of a statement that go through a whole table.
fn scans(look: &Connection, sql: &str) -> Vec<String> {
    let mut plan = look
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .expect(sql);
    let steps = plan
        .query_map([], |row| row.get::<_, String>("detail"))
        .unwrap();
    steps
        .map(Result::unwrap)
        .filter(|step| {
            step.strip_prefix("SCAN ")
                .is_some_and(|of| !SMALL.iter().any(|small| of.starts_with(small)))
        })
        .collect()
}

#[test]
fn nothing_goes_through_a_table_that_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let clock = Arc::new(ManualClock::at(1_795_521_600_000));
    let options = Options {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        threads: 1,
        ..Options::default()
    };
    let campaigns = Campaigns::open(&path, options).unwrap();
    let key = campaigns
        .add_account("test", &Settings::default(), Money(0))
        .unwrap();
    let take = || CARRIED_OUT.take();
    take();

    let account = campaigns.account_by_key(&key).unwrap();
    let target = Some("example.com".to_owned());
    let link = campaigns
        .create_link(
            &account,
            &NewLink {
                target,
                ..NewLink::default()
            },
        )
        .unwrap();
    let new = NewCampaign {
        text: Some(format!("{} {{name}}", campaigns.link_address(&link.code))),
        kind: Some("3".to_owned()),
        track: Some("1".to_owned()),
        rate_limit: Some("60".to_owned()),
        rate_period: Some("60".to_owned()),
        ..NewCampaign::default()
    };
    let id = campaigns.create(&account, &new).unwrap();
    let entries = (0..50).map(|n| Entry::number((380_971_112_000u64 + n).to_string()));
    let added = campaigns
        .add(
            &account,
            id,
            &Entries::Numbers(entries.collect()),
            &AddParams::default(),
        )
        .unwrap();
    let message = added[0].message.unwrap();
    let replacing = AddParams {
        replace: Some("1".to_owned()),
        ..AddParams::default()
    };
    campaigns
        .import(&account, id, &Import::Groups(vec![Some(1)]), &replacing)
        .unwrap();
    while campaigns.work().unwrap() {}
    let other = campaigns.create(&account, &new).unwrap();
    let numbers = Entries::Numbers(vec![Entry::number("380971112233")]);
    campaigns
        .add(&account, other, &numbers, &replacing)
        .unwrap();
    campaigns.send(&account, other).unwrap();
    for _ in 0..20 {
        while campaigns.step().unwrap() {}
        campaigns.idle(HOUR).unwrap();
        clock.advance(1000);
    }
    campaigns.campaign(&account, id).unwrap();
    campaigns.filled_text(&account, id).unwrap();
    campaigns.campaign_links(&account, id).unwrap();
    campaigns.follow_link(&link.code, true).unwrap();
    campaigns.follow_link("nothing", true).unwrap();
    campaigns.link(&account, &LinkBy::Code(link.code)).unwrap();
    campaigns.messages(&account, &[message]).unwrap();
    campaigns.task(&account, 1).unwrap();
    campaigns
        .list(&account, &CampaignFilter::default(), &[], Page::default())
        .unwrap();
    let ids = Some(vec![id]);
    let filter = CampaignFilter {
        ids: ids.clone(),
        ..CampaignFilter::default()
    };
    campaigns
        .list(&account, &filter, &[], Page::default())
        .unwrap();
    let filter = MessageFilter {
        campaigns: ids,
        ..MessageFilter::default()
    };
    campaigns
        .list_messages(&account, &filter, &[], Page::default())
        .unwrap();
    let stopped = campaigns.stop(&account, "380971112299", None).unwrap();
    campaigns.unstop(&account, stopped).unwrap();
    campaigns.delete(&account, id).unwrap();

    let statements = take();
    assert!(statements.len() > 200, "{}", statements.len());
    let look = Connection::open(&path).unwrap();
    for sql in statements {
        let word = sql.split_whitespace().next().unwrap_or_default();
        if ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&word) {
            assert_eq!(scans(&look, &sql), [""; 0], "{sql}");
        }
    }
    // The test itself can tell.
    assert_eq!(
        scans(&look, "SELECT * FROM message WHERE text = 'x'").len(),
        1
    );
}
