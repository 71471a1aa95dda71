//! What workbooks are filled with: mostly what reading them depends on, now and then anything.

use arbitrary::Arbitrary;
use std::io::{Cursor, Write};

/// What cells say.
const TEXTS: [&str; 36] = [
    "380971112233", "+38 (097) 111-22-33", "79101112233", "3.80971112233E11", "7.9101112233e+10", "1e15", "1e999",
    "-0", "0", "1", "-1", "0.5", "43034", "43034.75", "2958466", "NaN", "inf", "TRUE", "false", "#N/A", "#DIV/0!",
    "2017-10-26", "2017-10-26T18:00:00", "PT12H30M", "Василий", "recipient", "380971112233,79101112233", "=1+1",
    "", " ", " x ", "\u{a0}", "a\nb", "]]>", "_x0041_", "\u{1f600}",
];

/// Numbers of rows, columns, repeats and places in tables, as XML has them.
const COUNTS: [&str; 24] = [
    "0", "1", "2", "3", "-1", "+1", " 1", "01", "1e3", "1.5", "x", "", "255", "256", "16383", "16384", "65536",
    "1048576", "1048577", "4294967295", "4294967296", "4294967298", "18446744073709551615", "18446744073709551617",
];

/// A text.
#[derive(Arbitrary, Debug)]
pub enum Text {
    Known(u8),
    Number(u64),
    Any(String),
}

impl Text {
    pub fn known(number: usize) -> &'static str {
        TEXTS[number % TEXTS.len()]
    }

    pub fn get(&self) -> String {
        match self {
            Text::Known(number) => Text::known(usize::from(*number)).to_owned(),
            Text::Number(number) => (number % 10u64.pow(15)).to_string(),
            Text::Any(text) => text.clone(),
        }
    }
}

/// A number, or what stands where one should be.
#[derive(Arbitrary, Debug)]
pub enum Count {
    Few(u8),
    Known(u8),
    Any(u64),
}

impl Count {
    pub fn get(&self) -> String {
        match self {
            Count::Few(count) => (count % 8).to_string(),
            Count::Known(number) => COUNTS[usize::from(*number) % COUNTS.len()].to_owned(),
            Count::Any(count) => count.to_string(),
        }
    }

    /// Four bytes of it, for formats that have no other numbers.
    pub fn bits(&self) -> u32 {
        self.get().parse::<u64>().unwrap_or(u64::MAX) as u32
    }
}

/// A piece of the text of an element.
#[derive(Arbitrary, Debug)]
pub enum Piece {
    Text(Text),
    Cdata(Text),
    Comment(Text),
    Entity(u8),
    Raw(String),
}

impl Piece {
    pub fn xml(&self) -> String {
        const ENTITIES: [&str; 8] = ["amp", "lt", "quot", "#51", "#x38", "nbsp", "#0", "#x110000"];
        match self {
            Piece::Text(text) => escaped(&text.get()),
            Piece::Cdata(text) => format!("<![CDATA[{}]]>", text.get()),
            Piece::Comment(text) => format!("<!--{}-->", text.get()),
            Piece::Entity(number) => format!("&{};", ENTITIES[usize::from(number % 8)]),
            Piece::Raw(xml) => xml.clone(),
        }
    }
}

pub fn pieces(pieces: &[Piece]) -> String {
    pieces.iter().map(Piece::xml).collect()
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An attribute, if there is a value.
pub fn attribute(name: &str, value: Option<String>) -> String {
    value.map_or(String::new(), |value| format!(" {name}=\"{}\"", escaped(&value)))
}

/// What has happened to a part before it was packed, so that checksums are of what is there.
#[derive(Arbitrary, Debug)]
pub struct Damage {
    part: u8,
    at: u16,
    how: How,
}

#[derive(Arbitrary, Debug)]
enum How {
    Cut,
    Set(u8),
    Remove(u8),
    Insert(Vec<u8>),
    Repeat(u8),
    Lose,
}

/// A part's name and content.
pub type Part = (String, Vec<u8>);

pub fn damage(parts: &mut Vec<Part>, damages: &[Damage]) {
    for damage in damages {
        if parts.is_empty() {
            return;
        }
        let part = usize::from(damage.part) % parts.len();
        let bytes = &mut parts[part].1;
        let at = usize::from(damage.at) % (bytes.len() + 1);
        let until = |count: u8| (at + usize::from(count)).min(bytes.len());
        match &damage.how {
            How::Cut => bytes.truncate(at),
            How::Set(byte) => bytes.get_mut(at).into_iter().for_each(|old| *old = *byte),
            How::Remove(count) => drop(bytes.drain(at..until(*count))),
            How::Insert(new) => drop(bytes.splice(at..at, new.iter().copied())),
            How::Repeat(count) => drop(bytes.splice(at..at, bytes[at..until(*count)].to_vec())),
            How::Lose => drop(parts.remove(part)),
        }
    }
}

/// A ZIP archive of the parts, not compressed.
pub fn zipped(parts: &[Part]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in parts {
        zip.start_file(name.as_str(), options).expect("memory");
        zip.write_all(bytes).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}
