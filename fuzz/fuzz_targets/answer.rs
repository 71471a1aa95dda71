//! Any bytes as a server's answer, read as every kind that the client knows: no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients_api_adapter::client::{
    Balance, CampaignInfo, ContactCard, ContactGroup, Entry, LinkInfo, Listed, MessageInfo,
    Processed, SentMessage, StoppedNumber, Task, read_answer,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(answer) = read_answer::<Vec<Entry>>(bytes) {
        assert!(format!("{:?}", answer.data).len() < 100 + 100 * bytes.len());
    }
    let _ = read_answer::<CampaignInfo>(bytes);
    let _ = read_answer::<Listed<MessageInfo>>(bytes);
    let _ = read_answer::<Listed<StoppedNumber>>(bytes);
    let _ = read_answer::<Listed<ContactGroup>>(bytes);
    let _ = read_answer::<(Task, Balance, SentMessage)>(bytes);
    let _ = read_answer::<(LinkInfo, Processed, ContactCard)>(bytes);
});
