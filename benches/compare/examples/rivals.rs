//! What `xtask/compare.py` runs beside `recipients check`: the lists, and two programs as others
//! would write them.
//!
//! ```text
//! rivals list one|six|template|stop ROWS FILE [utf8]
//! rivals csv FILE
//! rivals straightforward FILE STOP-LIST
//! ```

#![allow(clippy::print_stdout, reason = "counts are what it is run for")]

use encoding_rs::WINDOWS_1251;
use numbering_plan_oracle::{Google, committed_source};
use rlibphonenumber::PhoneNumberFormat;
use std::collections::HashSet;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};

/// Russian mobile prefixes behind the calling code 7; each stands for ten million numbers.
const CODES: [u64; 20] = [
    900, 902, 903, 904, 905, 906, 909, 910, 911, 912, 913, 914, 915, 916, 917, 919, 920, 921, 922,
    926,
];
const NUMBERS: u64 = CODES.len() as u64 * 10_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["list", kind, rows, file] => list(kind, rows.parse()?, file, false),
        ["list", kind, rows, file, "utf8"] => list(kind, rows.parse()?, file, true),
        ["csv", file] => csv_only(file),
        ["straightforward", file, stop_list] => straightforward(file, stop_list),
        _ => Err("see the first lines of the source".into()),
    }
}

/// A number for each index, all different: a small Feistel network over the next even number of
/// bits, walked until it is back among the numbers.
fn number(index: u64) -> u64 {
    const HALF: u32 = 14;
    const { assert!(NUMBERS <= 1 << (2 * HALF)) };
    let mask = (1 << HALF) - 1;
    let mut at = index;
    loop {
        let (mut left, mut right) = (at >> HALF, at & mask);
        for round in 1..=4u64 {
            let mixed = (right + round * 0x9e37_79b9).wrapping_mul(0xd6e8_feb8_6659_fd93);
            (left, right) = (right, left ^ mixed >> 40 & mask);
        }
        at = left << HALF | right;
        if at < NUMBERS {
            break;
        }
    }
    70_000_000_000 + CODES[(at / 10_000_000) as usize] * 10_000_000 + at % 10_000_000
}

/// The number in a row: a tenth of the rows repeat an earlier one.
fn in_row(row: u64) -> u64 {
    let dice = (row + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let dice = (dice ^ dice >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    match row > 0 && (dice >> 32).is_multiple_of(10) {
        true => number((dice ^ dice >> 31) % row),
        false => number(row),
    }
}

fn list(kind: &str, rows: u64, file: &str, utf8: bool) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let names = ["Василий", "Ольга", "Markus", "João", "Лариса", "Пётр"];
    let names = names.map(|name| name.replace('ã', "a"));
    let towns = [
        "Київ",
        "\"Санкт-Петербург; центр\"",
        "Тверь",
        "\"пос. \"\"Заря\"\"\"",
    ];
    let header = match kind {
        "six" => "номер;имя;телефон;город;баланс;заметка\n",
        "template" => "recipient;name;code\n",
        _ => "",
    };
    let mut text = header.to_owned();
    for row in 0..rows {
        let name = &names[(row * 7 / 3) as usize % names.len()];
        match kind {
            "one" => text.push_str(&format!("{}\n", in_row(row))),
            // One in twenty is in the list of ten million.
            "stop" if row % 20 == 0 => text.push_str(&format!("{}\n", number(row))),
            "stop" => text.push_str(&format!("{}\n", number(NUMBERS - 1 - row))),
            "six" => text.push_str(&format!(
                "{row};{name};{};{};{};\"{name}, \"\"постоянный\"\" клиент\"\n",
                in_row(row),
                towns[row as usize % towns.len()],
                row * 37 % 10_000,
            )),
            "template" => text.push_str(&format!("{};{name};{}\n", in_row(row), row * 37 % 10_000)),
            _ => return Err("one, six, template or stop".into()),
        }
        if text.len() > 1 << 16 || row + 1 == rows {
            match utf8 || kind == "one" || kind == "stop" {
                true => out.write_all(text.as_bytes())?,
                false => out.write_all(&WINDOWS_1251.encode(&text).0)?,
            }
            text.clear();
        }
    }
    Ok(out.flush()?)
}

fn reader(file: &str, delimiter: u8) -> csv::Result<csv::Reader<File>> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_path(file)
}

/// Reads the rows and does nothing with them.
fn csv_only(file: &str) -> Result<(), Box<dyn Error>> {
    let mut reader = reader(file, b';')?;
    let mut record = csv::ByteRecord::new();
    let mut rows = 0u64;
    while reader.read_byte_record(&mut record)? {
        rows += 1;
    }
    println!("{rows}");
    Ok(())
}

/// What a program does that was written in an afternoon: `csv`, `rlibphonenumber`, two `HashSet`s.
fn straightforward(file: &str, stop_list: &str) -> Result<(), Box<dyn Error>> {
    let google = Google::new(&committed_source());
    let util = google.util();
    let stop: HashSet<String> = BufReader::new(File::open(stop_list)?)
        .lines()
        .collect::<Result<_, _>>()?;
    let mut reader = reader(file, b';')?;
    let mut record = csv::ByteRecord::new();
    let mut seen: HashSet<String> = HashSet::new();
    let mut counts = [0u64; 4];
    while reader.read_byte_record(&mut record)? {
        let cell = match record.len() {
            1 | 3 => record.get(0),
            _ => record.get(2),
        };
        // Numbers are ASCII in every encoding.
        let cell = String::from_utf8_lossy(cell.unwrap_or_default());
        let fate = match util.parse(format!("+{}", cell.trim()), None) {
            Ok(number) if util.is_valid_number(&number) => {
                let number = util.format(&number, PhoneNumberFormat::E164);
                match stop.contains(number.trim_start_matches('+')) {
                    true => 2,
                    false if seen.insert(number.into_owned()) => 0,
                    false => 1,
                }
            }
            _ => 3,
        };
        counts[fate] += 1;
    }
    println!("new, duplicate, on the stop list, invalid: {counts:?}");
    Ok(())
}
