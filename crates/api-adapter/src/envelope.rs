//! What is answered.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::borrow::Cow;

/// The code of an answer: the only place where these numbers are written down.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u16)]
pub enum ApiCode {
    /// 0: done.
    Ok = 0,
    /// 1: values that cannot be stored; `data` has the fields.
    Validation = 1,
    /// 2: there is no such record.
    NotFound = 2,
    /// 3: a fault of the server.
    Fault = 3,
    /// 4: there is no such module.
    UnknownModule = 4,
    /// 5: the module has no such method.
    UnknownMethod = 5,
    /// 6: the format asked for is neither `json` nor `xml`.
    UnknownOutput = 6,
    /// 8: no key, or a wrong one.
    Unauthorized = 8,
    /// 9: the key does not allow this.
    Forbidden = 9,
    /// 10: somebody else works on the record, or its state forbids it.
    Conflict = 10,
    /// 11: a required parameter is missing.
    Missing = 11,
    /// 12: a parameter breaks a rule.
    Incorrect = 12,
    /// 13: the account belongs to another host; `data` is its name.
    OtherHost = 13,
    /// 14: the account is blocked.
    Blocked = 14,
    /// 30: the method is called too often.
    TooOften = 30,
    /// 98: some of several were carried out.
    Partly = 98,
    /// 99: none of several was carried out.
    Nothing = 99,
    /// 100: it is carried out in the background; `data` is the task's number.
    Background = 100,
}

impl ApiCode {
    /// Every code, in numeric order.
    pub const ALL: [ApiCode; 18] = [
        ApiCode::Ok,
        ApiCode::Validation,
        ApiCode::NotFound,
        ApiCode::Fault,
        ApiCode::UnknownModule,
        ApiCode::UnknownMethod,
        ApiCode::UnknownOutput,
        ApiCode::Unauthorized,
        ApiCode::Forbidden,
        ApiCode::Conflict,
        ApiCode::Missing,
        ApiCode::Incorrect,
        ApiCode::OtherHost,
        ApiCode::Blocked,
        ApiCode::TooOften,
        ApiCode::Partly,
        ApiCode::Nothing,
        ApiCode::Background,
    ];

    /// What it says, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            ApiCode::Ok => "done",
            ApiCode::Validation => "fields hold values that cannot be used, which `data` names",
            ApiCode::NotFound => "not found",
            ApiCode::Fault => "a fault of the server",
            ApiCode::UnknownModule => "no such module",
            ApiCode::UnknownMethod => "no such method",
            ApiCode::UnknownOutput => "no such output format",
            ApiCode::Unauthorized => "no key, or a wrong one",
            ApiCode::Forbidden => "the key does not allow the call",
            ApiCode::Conflict => "the state of the record does not allow it",
            ApiCode::Missing => "a parameter is missing",
            ApiCode::Incorrect => "a parameter breaks a rule",
            ApiCode::OtherHost => "the account belongs to another host, which `data` names",
            ApiCode::Blocked => "the account is blocked",
            ApiCode::TooOften => "called too often",
            ApiCode::Partly => "some of several were carried out",
            ApiCode::Nothing => "none of several was carried out",
            ApiCode::Background => "a task carries it out, whose number is `data`",
        }
    }

    /// Whether what was asked for was carried out, as far as it could be.
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            ApiCode::Ok | ApiCode::Partly | ApiCode::Nothing | ApiCode::Background
        )
    }

    /// The code with this number, if it is one that we know.
    pub fn from_number(number: u16) -> Option<ApiCode> {
        ApiCode::ALL.into_iter().find(|&code| code as u16 == number)
    }
}

/// The format of an answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Output {
    /// JSON, the default.
    #[default]
    Json,
    /// XML.
    Xml,
}

impl Output {
    /// The format of this name.
    pub fn from_name(name: &str) -> Option<Output> {
        match name.to_ascii_lowercase().as_str() {
            "" | "json" => Some(Output::Json),
            "xml" => Some(Output::Xml),
            _ => None,
        }
    }

    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Output::Json => "application/json; charset=utf-8",
            Output::Xml => "text/xml; charset=utf-8",
        }
    }
}

/// An answer: always with all three members.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Whether it was done, or why not.
    pub code: ApiCode,
    /// What was asked for.
    pub data: Json,
    /// For people; empty when it was done.
    pub message: String,
    /// What was asked for as JSON text, where it is large; then `data` is null.
    text: Option<String>,
}

impl Envelope {
    /// It was done.
    pub fn ok(data: impl Into<Json>) -> Envelope {
        Envelope::new(ApiCode::Ok, data, "")
    }

    /// An answer of three parts.
    pub fn new(code: ApiCode, data: impl Into<Json>, message: impl Into<String>) -> Envelope {
        Envelope {
            code,
            data: data.into(),
            message: message.into(),
            text: None,
        }
    }

    /// An answer whose data is written at once rather than by way of [`Json`]: for hundreds of
    /// elements that takes a fraction of the time.
    pub fn written(code: ApiCode, data: &impl Serialize, message: impl Into<String>) -> Envelope {
        // What can be written as JSON at all does not fail in memory.
        let text = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
        Envelope {
            text: Some(text),
            ..Envelope::new(code, (), message)
        }
    }

    /// Its bytes.
    pub fn encode(&self, output: Output) -> Vec<u8> {
        let code = self.code as u16;
        match output {
            // Not by way of a whole value: the data of 500 recipients would be copied for it.
            Output::Json => {
                let message = Json::String(self.message.clone());
                let data = match &self.text {
                    Some(text) => Cow::Borrowed(text),
                    None => Cow::Owned(self.data.to_string()),
                };
                format!("{{\"code\":{code},\"data\":{data},\"message\":{message}}}").into_bytes()
            }
            Output::Xml => {
                let data = match &self.text {
                    Some(text) => serde_json::from_str(text).unwrap_or_default(),
                    None => self.data.clone(),
                };
                let whole = json!({"code": code, "data": data, "message": self.message});
                as_xml("response", &whole)
            }
        }
    }
}

/// A value as an XML document whose root has this name.
pub(crate) fn as_xml(root: &str, whole: &Json) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    let declaration = BytesDecl::new("1.0", Some("UTF-8"), None);
    // Writing to memory does not fail.
    let _ = writer.write_event(Event::Decl(declaration));
    element(&mut writer, root, None, whole);
    writer.into_inner()
}

fn element(writer: &mut Writer<Vec<u8>>, name: &str, key: Option<&str>, value: &Json) {
    let mut start = BytesStart::new(name);
    if let Some(key) = key {
        start.push_attribute(("key", allowed(key).as_str()));
    }
    let text = match value {
        Json::Null => String::new(),
        Json::String(text) => allowed(text),
        Json::Bool(yes) => u8::from(*yes).to_string(),
        Json::Number(number) => number.to_string(),
        Json::Array(items) => {
            let _ = writer.write_event(Event::Start(start));
            items
                .iter()
                .for_each(|item| element(writer, "item", None, item));
            let _ = writer.write_event(Event::End(BytesEnd::new(name)));
            return;
        }
        Json::Object(members) => {
            let _ = writer.write_event(Event::Start(start));
            for (name, member) in members {
                match is_xml_name(name) {
                    true => element(writer, name, None, member),
                    false => element(writer, "item", Some(name), member),
                }
            }
            let _ = writer.write_event(Event::End(BytesEnd::new(name)));
            return;
        }
    };
    if text.is_empty() {
        let _ = writer.write_event(Event::Empty(start));
        return;
    }
    let _ = writer.write_event(Event::Start(start));
    let _ = writer.write_event(Event::Text(BytesText::new(&text)));
    let _ = writer.write_event(Event::End(BytesEnd::new(name)));
}

/// Without the characters that XML cannot hold.
fn allowed(text: &str) -> String {
    let is_allowed =
        |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..) && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().filter(is_allowed).collect()
}

fn is_xml_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_a_code_or_none() {
        let known: Vec<u16> = (0..=u16::MAX)
            .filter(|&number| ApiCode::from_number(number).is_some())
            .collect();
        assert_eq!(known, ApiCode::ALL.map(|code| code as u16));
    }

    #[test]
    fn both_formats() {
        let data = json!({"a": [1, null], "2": "<&\u{1}>", "b": true});
        let envelope = Envelope::new(ApiCode::Partly, data, "Ä");
        let json: Json = serde_json::from_slice(&envelope.encode(Output::Json)).unwrap();
        assert_eq!((&json["code"], &json["message"]), (&json!(98), &json!("Ä")));
        assert_eq!(
            String::from_utf8(envelope.encode(Output::Xml)).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><response><code>98</code><data><a>\
             <item>1</item><item/></a><item key=\"2\">&lt;&amp;&gt;</item><b>1</b></data>\
             <message>Ä</message></response>"
        );
    }
}
