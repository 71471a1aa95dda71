//! What people and programs take for lists, and is none.

use crate::error::ErrorKind;

const EXPORT: &str = "export the list as CSV or as an Excel workbook";
const PAGE: &str = "a web page, whatever its name says";

fn unsupported(what: &'static str, advice: &'static str) -> ErrorKind {
    ErrorKind::Unsupported {
        what: what.into(),
        advice: advice.into(),
    }
}

/// Another format, by the first bytes of a file.
pub(crate) fn by_bytes(head: &[u8]) -> Option<ErrorKind> {
    const UNPACK: &str = "unpack it first, or pack it with gzip or zstd";
    const KNOWN: [(&[u8], &str, &str); 14] = [
        (b"\xfd7zXZ\0", "a file compressed with xz", UNPACK),
        (b"BZh", "a file compressed with bzip2", UNPACK),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
        (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
        (b"\x04\x22\x4d\x18", "a file compressed with LZ4", UNPACK),
        (b"\x1f\x9d", "a file compressed with compress", UNPACK),
        (b"%PDF-", "a PDF", EXPORT),
        (b"\x89PNG\r\n\x1a\n", "a picture (PNG)", EXPORT),
        (b"\xff\xd8\xff", "a picture (JPEG)", EXPORT),
        (b"GIF8", "a picture (GIF)", EXPORT),
        (b"{\\rtf", "a Rich Text document", EXPORT),
        (b"\x7fELF", "a program", EXPORT),
        (b"SQLite format 3\0", "a database (SQLite)", EXPORT),
        (b"PAR1", "a Parquet file", EXPORT),
    ];
    let is_bzip2 =
        |head: &[u8]| matches!(head.get(3), Some(b'1'..=b'9')) && head.get(4) == Some(&b'1');
    KNOWN
        .into_iter()
        .find(|(magic, ..)| head.starts_with(magic) && (*magic != b"BZh" || is_bzip2(head)))
        .map(|(_, what, advice)| unsupported(what, advice))
}

/// Another format, by the first text of a file. Programs that export "to Excel" often write a web page and
/// call it `.xls`.
pub(crate) fn by_text(text: &str, delimiter_is_given: bool) -> Option<ErrorKind> {
    const SAVE: &str =
        "open it in a spreadsheet program and save it as CSV or as an Excel workbook (.xlsx)";
    let text = text.trim_start();
    if !delimiter_is_given && is_json(text) {
        let advice = "export the list as CSV, or tell the delimiter if its lines are rows";
        return Some(unsupported("a JSON document", advice));
    }
    if let Some(what) = markup(text) {
        return Some(unsupported(what, SAVE));
    }
    let begins = |mark: &str| {
        let head = text.get(..mark.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(mark))
    };
    if begins("mime-version:") {
        return Some(unsupported("a web page with all that belongs to it", SAVE));
    }
    let is_vcard = begins("begin:vcard");
    is_vcard.then(|| unsupported("a list of contacts (vCard)", EXPORT))
}

/// What a text is whose first tag is a document's.
fn markup(text: &str) -> Option<&'static str> {
    const LOOKED_AT: usize = 1024;
    const PAGES: [&str; 10] = [
        "html", "head", "meta", "title", "style", "body", "center", "div", "table", "tr",
    ];
    const XML: [(&str, &str); 4] = [
        ("<office:document", "an OpenDocument sheet in XML"),
        (":office:spreadsheet", "an Excel workbook in XML, of 2003"),
        ("<html", PAGE),
        ("", "an XML document"),
    ];
    let tag = text.strip_prefix('<')?;
    let end = tag.find(|c: char| c.is_whitespace() || c == '>');
    let (name, rest) = tag.split_at(end.unwrap_or(tag.len()));
    let name = name.to_ascii_lowercase();
    let root = rest.trim_start().get(..4).unwrap_or_default();
    let is_html = name == "!doctype" && root.eq_ignore_ascii_case("html");
    if is_html || name.starts_with("!--") || PAGES.contains(&&*name) {
        return Some(PAGE);
    }
    if name != "?xml" {
        return None;
    }
    let end = text.char_indices().nth(LOOKED_AT);
    let head = text[..end.map_or(text.len(), |(at, _)| at)].to_ascii_lowercase();
    let known = XML.into_iter().find(|(mark, _)| head.contains(mark));
    known.map(|(_, what)| what)
}

/// Whether a text is one JSON value with several things in it: its lines, or its one line, are no rows then.
/// Values line by line are.
fn is_json(text: &str) -> bool {
    let then: &[char] = match text.as_bytes().first() {
        Some(b'[') => &[
            '[', '{', '"', '+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
        ],
        Some(b'{') => &['"'],
        _ => return false,
    };
    if !text[1..].trim_start().starts_with(then) {
        return false;
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.next().unwrap_or_default();
    let Some(end) = end_of_value(line) else {
        return true;
    };
    let (value, rest) = line.split_at(end);
    let is_line_by_line = lines.next().is_some();
    let is_several = match value.as_bytes()[0] {
        b'[' => value.contains(','),
        _ => value[1..].contains(['[', '{']),
    };
    rest.is_empty() && !is_line_by_line && is_several
}

/// Where the JSON value ends that begins a line, if it does in the line.
fn end_of_value(line: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut is_escaped) = (0usize, false, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn json_is_told_from_rows() {
        for json in [
            r#"[{"phone":"380971112233"},{"phone":"79101112233"}]"#,
            "[\n  \"380971112233\",\n  \"79101112233\"\n]",
            r#"{"data":[{"phone":"380971112233"},{"phone":"79101112233"}]}"#,
            r#"{"data": [ "380971112233","79101112233"]}"#,
            r#"{"phones":[380971112233,79101112233]}"#,
            r#"{"a":{"phone":"380971112233"},"b":{"phone":"79101112233"}}"#,
            "[380971112233,79101112233]\n",
            "[\n380971112233,\n79101112233]\n",
            "{\n  \"phones\": [\n",
            "[[\"380971112233\"],\n[\"79101112233\"]]\n",
            r#"[{"name":"\"]","phone":"380971112233"},"#,
            r#"["\"]\"",380971112233]"#,
        ] {
            assert!(is_json(json), "{json}");
        }
        for rows in [
            "",
            "[",
            "<380971112233>\n<79101112233>\n",
            "{\"phone\":\"380971112233\"}\n{\"phone\":\"79101112233\"}\n",
            "{\"phone\":\"380971112233\",\"tags\":[\"vip\"]}\n{\"phone\":\"79101112233\",\"tags\":[]}\n",
            "{\"phone\":\"380971112233\"},\n{\"phone\":\"79101112233\"}\n",
            "{\"phone\":\"380971112233\"}\n",
            "{\"utm\":{\"source\":\"x\"}}\t380971112233\n",
            "[\"380971112233\",\"Anna\"]\n[\"79101112233\",\"Boris\"]\n",
            "[380971112233],Anna\n",
            "[380971112233]\n",
            "{380971112233}\n",
            "380971112233 [\"\n",
        ] {
            assert!(!is_json(rows), "{rows}");
        }
    }

    #[test]
    fn names_that_begin_as_bzip2_does_are_no_bzip2() {
        assert!(by_bytes(b"BZh91AY&SY").is_some());
        assert!(by_bytes(b"BZhanna;380971112233\n").is_none());
        assert!(by_bytes(b"BZh9;380971112233\n").is_none());
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in "[\\[{\"<>!?a-z,:\\\\\n 1\u{e9}]{0,40}") {
            let _ = (by_text(&text, false), by_text(&text, true), by_bytes(text.as_bytes()));
        }
    }
}
