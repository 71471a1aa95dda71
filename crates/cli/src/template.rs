//! `recipients template`: what a text asks for and what it costs.

use crate::args::TemplateArgs;
use crate::failure::Failure;
use recipients::{Segments, Template, gsm_twin, non_gsm};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::process::ExitCode;

/// An SMS text in a file: far above what any network sends.
pub(crate) const LONGEST_TEXT: u64 = 1 << 20;

pub(crate) fn run(args: &TemplateArgs) -> Result<ExitCode, Failure> {
    let text = match args.text.as_str() {
        "-" => read_text("standard input", io::stdin())?,
        text => text.to_owned(),
    };
    let template = Template::parse(text.as_str());
    let segments = Segments::of(&text);
    let mut out = io::stdout().lock();
    match template.names().as_slice() {
        [] => writeln!(out, "placeholders  none")?,
        names => writeln!(out, "placeholders  {{{}}}", names.join("} {"))?,
    }
    let encoding = segments.encoding;
    writeln!(
        out,
        "segments      {} ({}, {} {})",
        segments.parts,
        encoding.name(),
        segments.units,
        if segments.units == 1 { "unit" } else { "units" },
    )?;
    writeln!(
        out,
        "              {} in one SMS, {} in each of several",
        encoding.single(),
        encoding.multi()
    )?;
    if !template.is_plain() {
        writeln!(
            out,
            "              counted with the placeholders as they stand; `recipients check --text` counts the filled texts"
        )?;
    }
    let culprits = count_culprits(non_gsm(&text));
    if !culprits.is_empty() {
        writeln!(out, "UCS-2 because of")?;
        for (c, count) in &culprits {
            writeln!(out, "              {}", culprit(*c, *count, "times"))?;
        }
        let cheaper: String = text
            .chars()
            .map(|c| gsm_twin(c).map_or(c.to_string(), str::to_owned))
            .collect();
        let saved = Segments::of(&cheaper);
        if saved.parts < segments.parts {
            writeln!(
                out,
                "with the replacements: {} ({})",
                saved.parts,
                saved.encoding.name()
            )?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn count_culprits(chars: impl Iterator<Item = char>) -> BTreeMap<char, u64> {
    let mut counts = BTreeMap::new();
    for c in chars {
        *counts.entry(c).or_insert(0) += 1;
    }
    counts
}

/// A character that costs money, how often, and what could stand for it.
pub(crate) fn culprit(c: char, count: u64, unit: &str) -> String {
    let shown = match c {
        c if c.is_control() || c.is_whitespace() || recipients::is_blank(&c.to_string()) => {
            "invisible".to_owned()
        }
        c => c.to_string(),
    };
    let twin = match gsm_twin(c) {
        Some("") => ", can be left out".to_owned(),
        Some(" ") => ", a space would do".to_owned(),
        Some(twin) => format!(", {twin} would do"),
        None => String::new(),
    };
    format!("{shown} U+{:04X}, {unit}: {count}{twin}", c as u32)
}

pub(crate) fn read_text(name: &str, input: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let unreadable = |why: String| Failure::Unreadable(format!("{name}: cannot be read: {why}"));
    input
        .take(LONGEST_TEXT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > LONGEST_TEXT {
        return Err(unreadable(format!("longer than {LONGEST_TEXT} bytes")));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| unreadable("not UTF-8".to_owned()))?;
    // The line break that an editor ends the file with is not meant to be sent.
    for end in ['\n', '\r'] {
        if text.ends_with(end) {
            text.pop();
        }
    }
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}
