//! Any value as the data of an answer: the JSON is the value, and the XML is well-formed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quick_xml::Reader;
use quick_xml::events::Event;
use recipients_api_adapter::{ApiCode, Envelope, Output};
use serde_json::Value;

fuzz_target!(|input: (&str, &[u8])| {
    let (message, json) = input;
    let Ok(data) = serde_json::from_slice::<Value>(json) else {
        return;
    };
    // Reading a number with a fraction may round it.
    let Ok(data) = serde_json::from_str::<Value>(&data.to_string()) else {
        return;
    };
    let rounded: Value = serde_json::from_str(&data.to_string()).expect("it is JSON");
    if rounded != data {
        return;
    }
    for envelope in [
        Envelope::new(ApiCode::Ok, data.clone(), message),
        Envelope::written(ApiCode::Ok, &data, message),
    ] {
        let told: Value = serde_json::from_slice(&envelope.encode(Output::Json)).expect("it is JSON");
        assert_eq!((&told["data"], told["message"].as_str()), (&data, Some(message)));
        let xml = String::from_utf8(envelope.encode(Output::Xml)).expect("it is UTF-8");
        let mut reader = Reader::from_str(&xml);
        let mut depth = 0;
        loop {
            match reader.read_event().expect("it is XML") {
                Event::Start(start) => {
                    depth += 1;
                    for attribute in start.attributes() {
                        attribute.expect("it is an attribute");
                    }
                }
                Event::End(_) => depth -= 1,
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(depth, 0);
    }
});
