//! Any bytes as a journal: no panic; what can be opened can be written to and opened again.
//!
//! Lines of the input get their checksums here, which no fuzzer finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipients_api_adapter::client::Journal;

fuzz_target!(|input: (bool, Vec<u8>)| {
    let (with_sums, bytes) = input;
    let path = std::env::temp_dir().join(format!("recipients-fuzz-journal-{}", std::process::id()));
    let bytes = match with_sums {
        false => bytes,
        true => {
            let lines = bytes.split(|&byte| byte == b'\n');
            let summed = lines.enumerate().map(|(place, line)| {
                let place = (place as u64 + 1).to_le_bytes();
                let sum = crc32fast::hash(&[&place[..], line].concat());
                [line, format!(" {sum:08x}\n").as_bytes()].concat()
            });
            summed.collect::<Vec<_>>().concat()
        }
    };
    std::fs::write(&path, bytes).unwrap();
    let Ok(mut journal) = Journal::open(&path) else {
        return;
    };
    let (campaign, heading) = (journal.campaign(), journal.heading().clone());
    journal.finish("told".into()).unwrap();
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.heading(), &heading);
    assert_eq!(journal.campaign(), campaign);
    assert_eq!(journal.finished().unwrap(), "told");
});
