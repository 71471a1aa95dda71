//! The summary: what people want to look at, and the same as JSON.

use crate::args::{ListArgs, ReadingArgs};
use crate::output::shown;
use crate::template::{count_culprits, culprit};
use recipients::ingest::{Confidence, Format, Layout, Source};
use recipients::{
    BadLine, Checker, Code, FileInfo, Kind, Reason, RegionSuggestion, Report, Segments, Template,
    Territory, TextEncoding, non_gsm, region_suggestions,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

/// All that the summary tells beside the counts.
pub(crate) struct Facts<'c> {
    checker: &'c Checker,
    text: Option<Template>,
    missing_flag: u8,
    stop_lines: Vec<StopLines>,
    lists: Vec<List>,
    /// What each file's header does not serve, with the file's name.
    pub(crate) lacking: Vec<String>,
    /// Results that were written.
    pub(crate) files: Vec<PathBuf>,
}

/// A list of numbers that are not accepted.
pub(crate) struct StopLines {
    /// Whether they are those of earlier lists, and not to be written to for no other reason.
    pub(crate) is_seen: bool,
    pub(crate) file: String,
    pub(crate) numbers: u64,
    pub(crate) bad: Vec<BadLine>,
}

struct List {
    name: String,
    layout: Layout,
    column_name: Option<String>,
    sheet_given: bool,
}

impl<'c> Facts<'c> {
    pub(crate) fn new(
        args: &ListArgs,
        checker: &'c Checker,
        text: Option<Template>,
        stop_lines: Vec<StopLines>,
        sources: &[Source],
    ) -> Facts<'c> {
        let lists = sources.iter();
        let lists = lists
            .map(|source| List::new(source, &args.reading))
            .collect();
        Facts {
            checker,
            missing_flag: args.placeholders.flag(),
            text,
            stop_lines,
            lists,
            lacking: Vec::new(),
            files: Vec::new(),
        }
    }
}

impl List {
    fn new(source: &Source, reading: &ReadingArgs) -> List {
        let layout = source.layout().clone();
        List {
            name: source.name().to_owned(),
            sheet_given: reading.sheet_is_given(),
            column_name: source
                .header()
                .and_then(|header| header.get(layout.column).cloned()),
            layout,
        }
    }
}

/// How a list is laid out, and what overrules what was found out.
pub(crate) fn layout(
    out: &mut impl Write,
    source: &Source,
    reading: &ReadingArgs,
) -> io::Result<()> {
    let mut text = Vec::new();
    tell_layout(&mut text, &List::new(source, reading))?;
    show(out, &text)
}

/// Prints what was written as text.
fn show(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(text);
    out.write_all(shown(&text).as_bytes())
}

fn tell_layout(out: &mut impl Write, list: &List) -> io::Result<()> {
    writeln!(out, "{} ({})", list.name, format_name(&list.layout))?;
    for property in properties(list) {
        let Property {
            name,
            value,
            confidence,
            flag,
        } = property;
        writeln!(
            out,
            "  {name}: {value}  ({}; {flag} overrules)",
            confidence.name()
        )?;
    }
    Ok(())
}

/// Placeholders that no column serves, with the file's name.
pub(crate) fn lacking(files: &[FileInfo]) -> Vec<String> {
    let of = |file: &FileInfo| -> Vec<String> {
        let lacking = file.lacking().iter();
        lacking.map(|l| format!("{}: {l}", file.name())).collect()
    };
    files.iter().flat_map(of).collect()
}

/// A property that was found out or given: what it is called, what it is, how sure, and the flag.
struct Property {
    name: &'static str,
    value: String,
    confidence: Confidence,
    flag: &'static str,
}

fn properties(list: &List) -> Vec<Property> {
    let layout = &list.layout;
    let property = |name, value, confidence, flag| Property {
        name,
        value,
        confidence,
        flag,
    };
    let character = |c: Option<char>| match c {
        None => "none".to_owned(),
        Some('\t') => "tab".to_owned(),
        Some(c) => c.to_string(),
    };
    let mut properties = Vec::new();
    if let Some(encoding) = layout.encoding {
        let name = encoding.to_string();
        properties.push(property(
            "encoding",
            name,
            layout.encoding_confidence,
            "--encoding",
        ));
        properties.push(property(
            "delimiter",
            character(layout.delimiter),
            layout.delimiter_confidence,
            "--delimiter",
        ));
        properties.push(property(
            "enclosure",
            character(layout.enclosure),
            layout.enclosure_confidence,
            "--enclosure",
        ));
    }
    if let Some(sheet) = &layout.sheet {
        properties.push(property(
            "sheet",
            sheet.clone(),
            if list.sheet_given {
                Confidence::Given
            } else {
                Confidence::Likely
            },
            "--sheet",
        ));
    }
    let header = if layout.has_header {
        "first row"
    } else {
        "none"
    };
    properties.push(property(
        "header",
        header.to_owned(),
        layout.header_confidence,
        "--skip-header",
    ));
    let column = match &list.column_name {
        Some(name) => format!("{} `{name}`", layout.column + 1),
        None => (layout.column + 1).to_string(),
    };
    properties.push(property(
        "recipients in column",
        column,
        layout.column_confidence,
        "--column",
    ));
    properties
}

fn format_name(layout: &Layout) -> String {
    let format = match layout.format {
        Format::Text => "text",
        Format::Sheet(kind) => kind,
        Format::Rows => "rows",
    };
    match layout.compression {
        Some(compression) => format!("{format}, {compression}"),
        None => format.to_owned(),
    }
}

/// Thousands apart, as people read them.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn rows(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{} rows", grouped(count)),
    }
}

fn suggestion_sentence(suggestion: &RegionSuggestion) -> String {
    let RegionSuggestion {
        region,
        calling_code,
        rows: count,
        at_least,
    } = suggestion;
    let at_least = if *at_least { "at least " } else { "" };
    let verb = if *count == 1 { "reads as" } else { "read as" };
    let noun = if *count == 1 { "number" } else { "numbers" };
    format!(
        "{at_least}{} {verb} {region} {noun} without {calling_code}: rerun with --region {region}",
        rows(*count)
    )
}

/// Everything that a person may want to do something about.
fn advice(facts: &Facts<'_>, report: &Report, suggestions: &[RegionSuggestion]) -> Vec<String> {
    let mut advice: Vec<String> = suggestions.iter().map(suggestion_sentence).collect();
    advice.extend(facts.lacking.iter().cloned());
    for list in &facts.lists {
        for property in properties(list) {
            if property.confidence == Confidence::Guess && report.total() > 0 {
                advice.push(format!(
                    "{}: {} {} is a guess; {} overrules it",
                    list.name, property.name, property.value, property.flag
                ));
            }
        }
    }
    advice.extend(
        report
            .notes()
            .iter()
            .map(|(file, note)| format!("{file}: {note}")),
    );
    for stop in facts.stop_lines.iter().filter(|stop| !stop.bad.is_empty()) {
        let lines: Vec<String> = stop
            .bad
            .iter()
            .take(10)
            .map(|l| l.row.to_string())
            .collect();
        let more = if stop.bad.len() > 10 { ", …" } else { "" };
        advice.push(format!(
            "{}: lines of the list that are no numbers and were not used: {} (line {}{more})",
            stop.file,
            grouped(stop.bad.len() as u64),
            lines.join(", ")
        ));
    }
    let reasons: BTreeMap<Reason, u64> = report.reasons().collect();
    for (reason, what, todo) in [
        (
            Reason::PrecisionLost,
            "Cut short by a spreadsheet (3.8E+11), beyond repair from this file",
            "export the source again with the column formatted as text",
        ),
        (
            Reason::SeveralNumbers,
            "Several numbers in one cell",
            "--several first takes the first, --several explode takes each",
        ),
        (
            Reason::RowShape,
            "Missing or extra fields",
            "look at the delimiter and the quotes in these rows",
        ),
        (
            Reason::NotMobile,
            "Landlines and service numbers",
            "--lines any accepts them",
        ),
    ] {
        if let Some(&count) = reasons.get(&reason) {
            advice.push(format!("{what}: {}; {todo}", rows(count)));
        }
    }
    if report.likely_duplicates() > 0 {
        advice.push(format!(
            "Likely the same person twice, the number written with and without the mobile digit \
             (Brazil, Argentina, Mexico): {}; both are kept, --output names the rows",
            grouped(report.likely_duplicates())
        ));
    }
    if report.cleaned() > 0 {
        advice.push(format!(
            "Numbers with other characters among the digits: {}; they were cleaned here, but the \
             source is worth repairing",
            rows(report.cleaned())
        ));
    }
    advice
}

pub(crate) fn text(out: &mut impl Write, facts: &Facts<'_>, report: &Report) -> io::Result<()> {
    let mut text = Vec::new();
    tell(&mut text, facts, report)?;
    show(out, &text)
}

fn tell(out: &mut impl Write, facts: &Facts<'_>, report: &Report) -> io::Result<()> {
    const MOST_LISTS: usize = 10;
    for list in facts.lists.iter().take(MOST_LISTS) {
        tell_layout(out, list)?;
    }
    if facts.lists.len() > MOST_LISTS {
        writeln!(out, "and {} more files", facts.lists.len() - MOST_LISTS)?;
    }
    writeln!(out)?;
    let total = report.total();
    writeln!(
        out,
        "{}: {} accepted, {} rejected, {} duplicates",
        rows(total),
        grouped(report.accepted()),
        grouped(report.rejected() - report.count(Code::Duplicate)),
        grouped(report.count(Code::Duplicate))
    )?;
    if report.skipped_blank() > 0 {
        writeln!(
            out,
            "Blank lines skipped: {}",
            grouped(report.skipped_blank())
        )?;
    }
    for stop in &facts.stop_lines {
        let what = if stop.is_seen {
            "Seen before"
        } else {
            "Stop list"
        };
        writeln!(out, "{what} {}: {}", stop.file, grouped(stop.numbers))?;
    }
    if total == 0 {
        writeln!(out, "There are no rows to check.")?;
    }
    writeln!(out)?;
    codes(out, report)?;
    destinations(out, report)?;
    segments(out, facts, report)?;
    let suggestions = region_suggestions(report, facts.checker);
    let advice = advice(facts, report, &suggestions);
    if !advice.is_empty() {
        writeln!(out, "What you can do")?;
        for line in advice {
            writeln!(out, "  - {line}")?;
        }
        writeln!(out)?;
    }
    for file in &facts.files {
        writeln!(out, "written: {}", file.display())?;
    }
    let version = facts.checker.plan().version();
    writeln!(
        out,
        "Numbering plan: {version}. Code 7 means \"not in this plan\", not \"wrong\"."
    )
}

/// A bar for each code, and under it the reasons.
fn codes(out: &mut impl Write, report: &Report) -> io::Result<()> {
    const WIDTH: u64 = 30;
    let most = Code::ALL
        .iter()
        .map(|&code| report.count(code))
        .max()
        .unwrap_or(0);
    if most == 0 {
        return Ok(());
    }
    let width = grouped(report.total()).len().max(4);
    writeln!(out, "code  {:>width$}", "rows")?;
    for code in Code::ALL {
        let count = report.count(code);
        if count == 0 {
            continue;
        }
        let eighths = (count * WIDTH * 8).div_ceil(most);
        let mut bar = "█".repeat((eighths / 8) as usize);
        if eighths % 8 > 0 {
            bar.push(['▏', '▎', '▍', '▌', '▋', '▊', '▉'][(eighths % 8) as usize - 1]);
        }
        let name = code.to_string();
        writeln!(
            out,
            "{:>4}  {:>width$}  {name:<31}  {bar}",
            code.as_u8(),
            grouped(count)
        )?;
        let reasons: Vec<_> = report
            .reasons()
            .filter(|(reason, _)| reason.code() == code && *reason != Reason::Ok)
            .collect();
        for (reason, count) in reasons {
            writeln!(
                out,
                "      {:>width$}  · {} {}",
                "",
                grouped(count),
                reason.message()
            )?;
        }
    }
    writeln!(out)
}

type Kinds = BTreeMap<Option<Kind>, u64>;

/// Accepted recipients of each territory by kind, the most first.
fn by_territory(report: &Report) -> Vec<(Option<Territory>, Kinds)> {
    let mut found: BTreeMap<Option<Territory>, Kinds> = BTreeMap::new();
    for ((territory, kind), count) in report.destinations() {
        *found.entry(territory).or_default().entry(kind).or_default() += count;
    }
    let mut found: Vec<_> = found.into_iter().collect();
    let total = |kinds: &BTreeMap<_, u64>| kinds.values().sum::<u64>();
    found.sort_by_key(|(territory, kinds)| {
        let name = territory.map(|t| t.to_string());
        (std::cmp::Reverse(total(kinds)), name)
    });
    found
}

fn destinations(out: &mut impl Write, report: &Report) -> io::Result<()> {
    const MOST: usize = 20;
    let found = by_territory(report);
    if found.is_empty() {
        return Ok(());
    }
    writeln!(out, "Accepted by country and kind of line")?;
    for (territory, kinds) in found.iter().take(MOST) {
        let name = territory.map_or("?".to_owned(), |t| t.to_string());
        let total: u64 = kinds.values().sum();
        let kinds: Vec<String> = kinds
            .iter()
            .map(|(kind, count)| {
                let kind =
                    kind.map_or("not in the plan".to_owned(), |k| k.name().replace('_', " "));
                format!("{} {kind}", grouped(*count))
            })
            .collect();
        writeln!(
            out,
            "  {name:<3}  {:>9}  {}",
            grouped(total),
            kinds.join(", ")
        )?;
    }
    if found.len() > MOST {
        writeln!(out, "  and {} more countries", found.len() - MOST)?;
    }
    writeln!(out)
}

fn segments(out: &mut impl Write, facts: &Facts<'_>, report: &Report) -> io::Result<()> {
    let (Some(text), Some(counts)) = (&facts.text, report.segments()) else {
        return Ok(());
    };
    if report.accepted() == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "Segments: {} SMS, accepted recipients: {}",
        grouped(counts.total),
        grouped(report.accepted())
    )?;
    for (parts, count) in &counts.by_parts {
        writeln!(out, "  recipients who get {parts} SMS: {}", grouped(*count))?;
    }
    let in_text = count_culprits(non_gsm(text.text()));
    match (in_text.is_empty(), counts.ucs2) {
        (true, 0) => writeln!(out, "  every text fits the GSM alphabet")?,
        (true, ucs2) => {
            writeln!(
                out,
                "  {} texts need UCS-2 (70 characters per SMS instead of 160) because of",
                grouped(ucs2)
            )?;
            most_frequent(out, &counts.culprits, "rows")?;
        }
        (false, _) => {
            writeln!(
                out,
                "  the text itself needs UCS-2 (70 characters per SMS instead of 160) because of"
            )?;
            most_frequent(out, &in_text, "times")?;
        }
    }
    writeln!(out)
}

fn most_frequent(
    out: &mut impl Write,
    culprits: &BTreeMap<char, u64>,
    unit: &str,
) -> io::Result<()> {
    const MOST: usize = 10;
    let mut sorted: Vec<_> = culprits.iter().collect();
    sorted.sort_by_key(|&(&c, &count)| (std::cmp::Reverse(count), c));
    for (c, count) in sorted.iter().take(MOST) {
        writeln!(out, "    {}", culprit(**c, **count, unit))?;
    }
    if sorted.len() > MOST {
        writeln!(out, "    and {} other characters", sorted.len() - MOST)?;
    }
    Ok(())
}

pub(crate) fn json(out: &mut impl Write, facts: &Facts<'_>, report: &Report) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &value(facts, report))?;
    writeln!(out)
}

/// The summary as a value.
pub(crate) fn value(facts: &Facts<'_>, report: &Report) -> Value {
    let files: Vec<Value> = facts
        .lists
        .iter()
        .map(|list| {
            let detected: serde_json::Map<String, Value> = properties(list)
                .into_iter()
                .map(|p| {
                    let name = p.flag.trim_start_matches("--").replace('-', "_");
                    let value = json!({
                        "value": p.value,
                        "confidence": p.confidence.name(),
                        "flag": p.flag,
                    });
                    (name, value)
                })
                .collect();
            json!({
                "file": list.name,
                "format": format_name(&list.layout),
                "layout": detected,
            })
        })
        .collect();
    let codes: serde_json::Map<String, Value> = Code::ALL
        .iter()
        .filter(|&&code| report.count(code) > 0)
        .map(|&code| (code.as_u8().to_string(), json!(report.count(code))))
        .collect();
    let reasons: serde_json::Map<String, Value> = report
        .reasons()
        .map(|(reason, count)| (reason.name().to_owned(), json!(count)))
        .collect();
    let territories: Vec<Value> = by_territory(report)
        .into_iter()
        .map(|(territory, kinds)| {
            let kinds: serde_json::Map<String, Value> = kinds
                .into_iter()
                .map(|(kind, count)| {
                    (
                        kind.map_or("unknown", |k| k.name()).to_owned(),
                        json!(count),
                    )
                })
                .collect();
            json!({"territory": territory.map(|t| t.to_string()), "kinds": kinds})
        })
        .collect();
    let plan = facts.checker.plan();
    let mut operators: Vec<(Option<&str>, u64)> = report
        .operators()
        .map(|(operator, count)| (operator.map(|id| plan.operator_name(id)), count))
        .collect();
    operators.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
    let operators: Vec<Value> = operators
        .into_iter()
        .map(|(name, count)| json!({"operator": name, "accepted": count}))
        .collect();
    let segments = facts.text.as_ref().zip(report.segments()).map(|(text, counts)| {
        let whole = Segments::of(text.text());
        let culprits: serde_json::Map<String, Value> = counts
            .culprits
            .iter()
            .map(|(c, count)| (c.to_string(), json!(count)))
            .collect();
        let by_parts: serde_json::Map<String, Value> = counts
            .by_parts
            .iter()
            .map(|(parts, count)| (parts.to_string(), json!(count)))
            .collect();
        json!({
            "total": counts.total,
            "by_parts": by_parts,
            "ucs2": counts.ucs2,
            "text_is_gsm": whole.encoding == TextEncoding::Gsm7,
            "characters_of_text": non_gsm(text.text()).collect::<std::collections::BTreeSet<char>>(),
            "characters_of_values": culprits,
            "placeholders_flag": facts.missing_flag,
        })
    });
    let lists = |is_seen: bool| -> Vec<Value> {
        let lists = facts.stop_lines.iter();
        lists
            .filter(|list| list.is_seen == is_seen)
            .map(|list| {
                json!({"file": list.file, "numbers": list.numbers, "bad_lines": list.bad.len()})
            })
            .collect()
    };
    let suggestions = region_suggestions(report, facts.checker);
    let advice = advice(facts, report, &suggestions);
    let suggestions: Vec<Value> = suggestions
        .iter()
        .map(|s| {
            json!({
                "rows": s.rows,
                "at_least": s.at_least,
                "flag": format!("--region {}", s.region),
                "message": suggestion_sentence(s),
            })
        })
        .collect();
    json!({
        "rows": report.total(),
        "accepted": report.accepted(),
        "rejected": report.rejected() - report.count(Code::Duplicate),
        "duplicates": report.count(Code::Duplicate),
        "likely_duplicates": report.likely_duplicates(),
        "cleaned": report.cleaned(),
        "blank_lines_skipped": report.skipped_blank(),
        "codes": codes,
        "reasons": reasons,
        "territories": territories,
        "operators": operators,
        "segments": segments,
        "stop_lists": lists(false),
        "seen": lists(true),
        "files": files,
        "suggestions": suggestions,
        "advice": advice,
        "written": facts.files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>(),
        "numbering_plan": plan.version(),
    })
}
