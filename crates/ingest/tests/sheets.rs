//! Our own readers of XLS and XLSB against calamine's, on every such file of the test data that
//! calamine reads whole, and limits on hostile sheets (decision D19).

use calamine::{Data, Reader, Xls, Xlsb};
use recipients_ingest::{
    Batch, Choice, Error, ErrorKind, Format, Limits, Note, Options, Sheet, Source,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata")
        .join(name)
}

type Cells = BTreeMap<(u64, usize), String>;

fn ours(path: &Path, options: &Options) -> Result<Cells, Error> {
    let mut source = Source::open(path, options)?;
    let mut cells = Cells::new();
    let mut batch = Batch::new();
    while source.fill(&mut batch)? {
        for row in batch.rows() {
            for (column, field) in row.fields().enumerate() {
                if !field.is_empty() {
                    cells.insert((row.number(), column), field.to_owned());
                }
            }
        }
    }
    Ok(cells)
}

fn theirs<R: Reader<BufReader<File>>>(mut workbook: R) -> Cells {
    let Some(Ok(range)) = workbook.worksheet_range_at(0) else {
        return Cells::new();
    };
    let (top, left) = range.start().unwrap_or_default();
    let text = |value: &Data| match value {
        Data::Empty => None,
        Data::Float(value) => Some(format!("{value}")),
        Data::Bool(value) => Some(value.to_string().to_uppercase()),
        Data::DateTime(_) => None, // compared in the golden runs
        other => Some(other.to_string()),
    };
    range
        .used_cells()
        .filter_map(|(row, column, value)| {
            let place = (u64::from(top) + row as u64 + 1, left as usize + column);
            Some((place, text(value)?))
        })
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

#[test]
fn xls_and_xlsb_are_read_as_calamine_reads_them() {
    let mut compared = 0;
    for folder in ["files", "gallery"] {
        for entry in std::fs::read_dir(testdata(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // calamine lays out the corners of a sheet, passes over XLSB's short records, and
            // trusts the lying ones.
            let left_out = ["xls-", "sheetjs.xlsb", "encrypted", "truncated"];
            if left_out.iter().any(|n| name.contains(n)) {
                continue;
            }
            let open = || BufReader::new(File::open(&path).unwrap());
            let mut theirs = match path.extension().and_then(|e| e.to_str()) {
                Some("xls") => match Xls::new(open()) {
                    Ok(workbook) => theirs(workbook),
                    Err(_) => continue,
                },
                Some("xlsb") => theirs(Xlsb::new(open()).unwrap()),
                _ => continue,
            };
            let options = Options::auto().skip_header(Choice::Given(false));
            let mut ours = ours(&path, &options).unwrap();
            // Dates are left out above.
            let dates: Vec<_> = ours
                .keys()
                .filter(|place| !theirs.contains_key(place))
                .copied()
                .collect();
            assert!(
                dates.len() <= 3,
                "{name}: cells that calamine does not have: {dates:?}"
            );
            for place in dates {
                ours.remove(&place);
            }
            theirs.retain(|_, text| !text.is_empty());
            assert_eq!(ours, theirs, "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 5, "{compared} files");
}

#[test]
fn d19_a_hostile_size_is_refused_before_memory_is_taken() {
    let read = |name: &str, limits: Limits| {
        ours(&testdata(name), &Options::auto().limits(limits)).map(|cells| cells.len())
    };
    let tight = Limits {
        part_bytes: 1 << 20,
        ..Limits::default()
    };
    let error = read("gallery/xlsx-bomb.xlsx", tight).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::TooLarge { .. }),
        "{error}"
    );
    assert!(error.is_limit());
    let error = read("gallery/ods-repeated.ods", Limits::default()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::TooLarge { .. }),
        "{error}"
    );
    let few = Limits {
        sheet_cells: 10,
        ..Limits::default()
    };
    assert!(
        read("files/lo-text.xls", few.clone())
            .unwrap_err()
            .is_limit()
    );
    assert!(read("files/lo-text.xlsx", few).unwrap_err().is_limit());
    let short = Limits {
        workbook_bytes: 100,
        ..Limits::default()
    };
    assert!(read("files/lo-text.xls", short).unwrap_err().is_limit());
    // Two cells at the corners of a sheet are two cells.
    assert!(read("gallery/xls-corners.xls", Limits::default()).is_ok());
}

/// A workbook of these parts.
fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in parts {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(*name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// An ODS workbook of one sheet with these rows, whose content begins so.
fn ods(head: &str, rows: &str) -> Vec<u8> {
    let content = format!(
        "{head}<office:document-content><office:body><office:spreadsheet><table:table \
         table:name=\"S\">{rows}</table:table></office:spreadsheet></office:body>\
         </office:document-content>"
    );
    zipped(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", "<manifest:manifest/>"),
        ("content.xml", &content),
    ])
}

/// An XLSX of one sheet with these rows.
fn xlsx(rows: &str) -> Vec<u8> {
    const SCHEMAS: &str = "http://schemas.openxmlformats.org";
    let relation = |kind: &str, target: &str| {
        format!(
            "<Relationships xmlns=\"{SCHEMAS}/package/2006/relationships\"><Relationship Id=\"rId1\" \
             Type=\"{SCHEMAS}/officeDocument/2006/relationships/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    let main = format!("xmlns=\"{SCHEMAS}/spreadsheetml/2006/main\"");
    let workbook = format!(
        "<workbook {main} xmlns:r=\"{SCHEMAS}/officeDocument/2006/relationships\"><sheets>\
         <sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    );
    zipped(&[
        (
            "[Content_Types].xml",
            &format!("<Types xmlns=\"{SCHEMAS}/package/2006/content-types\"/>"),
        ),
        (
            "_rels/.rels",
            &relation("officeDocument", "xl/workbook.xml"),
        ),
        ("xl/workbook.xml", &workbook),
        (
            "xl/_rels/workbook.xml.rels",
            &relation("worksheet", "worksheets/sheet1.xml"),
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!("<worksheet {main}><sheetData>{rows}</sheetData></worksheet>"),
        ),
    ])
}

#[test]
fn d18_rows_that_no_sheet_has() {
    let read = |row: u64| {
        let row = format!("<row r=\"{row}\"><c r=\"A{row}\"><v>380971112233</v></c></row>");
        Source::from_bytes("x.xlsx", xlsx(&row), &Options::auto())
    };
    let rows: Vec<_> = read(1_048_576).unwrap().into_rows().collect();
    assert_eq!(rows[0].as_ref().unwrap().number, 1_048_576);
    for row in [1_048_577, 4_000_000_000, 99_999_999_999] {
        let error = read(row).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Workbook(_)), "{error:?}");
    }
}

/// Entities that name each other: a text of a few bytes that would unfold to gigabytes.
#[test]
fn d19_entities_are_not_unfolded() {
    let mut entities = "<!ENTITY a0 \"380971112233\">".to_owned();
    for level in 1..10 {
        let inner = format!("&a{};", level - 1).repeat(10);
        entities.push_str(&format!("<!ENTITY a{level} \"{inner}\">"));
    }
    let head = format!("<?xml version=\"1.0\"?><!DOCTYPE x [{entities}]>");
    let row = "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>&a9;</text:p>\
               </table:table-cell></table:table-row>";
    let read = |row: &str| Source::from_bytes("x.ods", ods(&head, row), &Options::auto()).map(drop);
    read(&row.replace("&a9;", "&amp;1")).unwrap();
    let error = read(row).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Workbook(_)), "{error:?}");
}

/// ODS bombs by what calamine would lay out: a long text in many cells, and empty rows between
/// two wide ones; and cells that calamine would pass over.
#[test]
fn d19_ods_that_would_unfold_is_refused() {
    let read = |rows: &str| Source::from_bytes("x.ods", ods("", rows), &Options::auto()).map(drop);
    let cell = |repeat: u64, text: &str| {
        format!(
            "<table:table-cell office:value-type=\"string\" \
             table:number-columns-repeated=\"{repeat}\"><text:p>{text}</text:p></table:table-cell>"
        )
    };
    let row = |cells: &str| format!("<table:table-row>{cells}</table:table-row>");
    read(&row(&cell(1, "380971112233"))).unwrap();
    let long = row(&cell(16_000, &"A".repeat(100_000)));
    // The size of all texts once laid out: refused by reckoning, not by laying them out.
    assert!(matches!(
        read(&long).unwrap_err().kind(),
        ErrorKind::TooLarge {
            size: 1_600_000_000,
            ..
        }
    ));
    let wide = row(&cell(90, "x"));
    let gap = "<table:table-row table:number-rows-repeated=\"1000000\"/>";
    assert!(read(&format!("{wide}{gap}{wide}")).unwrap_err().is_limit());
    // Blanks of any kind are laid out as well.
    let spaces = cell(16_000, &" ".repeat(100_000));
    let error = read(&row(&spaces)).unwrap_err();
    let is_reckoned = matches!(
        error.kind(),
        ErrorKind::TooLarge {
            size: 1_600_000_000,
            ..
        }
    );
    assert!(is_reckoned, "{error}");
    let most = format!("<text:s text:c=\"{}\"/>x", u64::MAX);
    assert!(read(&row(&cell(1, &most))).unwrap_err().is_limit());
    let blanks = "x<text:s text:c=\"1000000\"/>".repeat(2);
    let rows =
        row(&cell(1, &blanks)).replacen("row>", "row table:number-rows-repeated=\"1000\">", 1);
    assert!(read(&rows).unwrap_err().is_limit());
    // Values that are not of the cell's type are laid out as well.
    for value in [
        "office:value-type=\"date\" office:string-value",
        "office:string-value",
    ] {
        let cells = format!("<table:table-cell {value}=\"{}\"/>", "A".repeat(1000));
        let rows = format!(
            "<table:table-row table:number-rows-repeated=\"1000000\">{cells}</table:table-row>"
        );
        assert!(read(&rows).unwrap_err().is_limit(), "{value}");
    }
    let huge = row(&(cell(u64::MAX, "x") + &cell(u64::MAX, "x")));
    assert!(read(&huge).unwrap_err().is_limit());
    let untyped = row("<table:table-cell><text:p>380971112233</text:p></table:table-cell>");
    let error = read(&untyped).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Unsupported { .. }),
        "{error}"
    );
}

/// What calamine would leave out without a word, or take one cell's text for another's.
#[test]
fn d19_ods_that_would_lose_cells_is_refused() {
    let read = |rows: &str| Source::from_bytes("x.ods", ods("", rows), &Options::auto()).map(drop);
    let row = |cells: &str| format!("<table:table-row>{cells}</table:table-row>");
    let cell = |tag: &str, attributes: &str, text: &str| {
        row(&format!("<table:{tag} {attributes}>{text}</table:{tag}>"))
    };
    let number = "<text:p>380971112233</text:p>";
    let string = "office:value-type=\"string\"";
    for fine in [
        cell("table-cell", string, number),
        cell(
            "table-cell",
            "office:value-type=\"float\" office:value=\"380971112233\"",
            number,
        ),
        cell("covered-table-cell", string, number),
        cell("table-cell", "", ""),
        cell(
            "table-cell",
            "",
            "\n<office:annotation><text:p>x</text:p></office:annotation>\n",
        ),
        cell(
            "table-cell",
            "",
            "<draw:frame><draw:image/><svg:title>Logo</svg:title></draw:frame>",
        ),
        row("")
            + "</table:table><table:dde-links><table:dde-link><table:table/></table:dde-link></table:dde-links><table:table table:name=\"T\">",
    ] {
        read(&fine).unwrap();
    }
    for bad in [
        cell("table-cell", "office:value-type=\"float\"", number),
        cell(
            "table-cell",
            "office:value-type=\"date\" office:value=\"1\"",
            number,
        ),
        cell("covered-table-cell", "", number),
        cell("table-cell", "", "<text:p>&amp;</text:p>"),
        // The title would be added to the number.
        cell(
            "table-cell",
            string,
            &format!("{number}<draw:frame><draw:image/><svg:title>8</svg:title></draw:frame>"),
        ),
        row(&format!(
            "<table:table-cell {string}>{number}</table:table-cell>\n<table:table-cell/>"
        )),
        cell(
            "table-cell",
            string,
            "<text:p><![CDATA[380971112233]]></text:p>",
        ),
        // Sheets of the same name, and of none.
        format!("</table:table><table:table table:name=\"S\">{}", row("")),
        format!("</table:table><table:table>{}", row("")),
    ] {
        let error = read(&bad).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unsupported { .. }),
            "{bad}: {error}"
        );
    }
    let text = cell("table-cell", string, number);
    let gap = "<table:table-row table:number-rows-repeated=\"1048576\"/>";
    assert!(read(&format!("{gap}{text}")).unwrap_err().is_limit());
    let far = "<table:table-cell table:number-columns-repeated=\"16384\"/>";
    let text = format!("{far}<table:table-cell {string}>{number}</table:table-cell>");
    assert!(read(&row(&text)).unwrap_err().is_limit());
    let cut = zipped(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", "<manifest:manifest/>"),
        (
            "content.xml",
            "<office:document-content><office:body><office:spreadsheet><table:table table:name=\"S\"><table:table-row>",
        ),
    ]);
    let error = Source::from_bytes("x.ods", cut, &Options::auto()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Workbook(_)), "{error}");
}

/// Pictures are no markup, whatever their bytes are.
#[test]
fn pictures_are_not_read_as_markup() {
    let sheet = xlsx("<row r=\"1\"><c r=\"A1\"><v>380971112233</v></c></row>");
    let mut zip = zip::ZipWriter::new_append(std::io::Cursor::new(sheet)).unwrap();
    let stored = zip::write::SimpleFileOptions::default();
    zip.start_file("xl/media/image1.bmp", stored).unwrap();
    let picture = [&b"BM<!-- "[..], &vec![0xff; 9 << 20]].concat();
    std::io::Write::write_all(&mut zip, &picture).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    Source::from_bytes("x.xlsx", bytes, &Options::auto()).unwrap();
    // A sheet is markup, however it begins: what stands before its first tag is held as one text.
    let long = xlsx("<row r=\"1\"/>");
    let mut parts = zip::ZipArchive::new(std::io::Cursor::new(long)).unwrap();
    let mut texts: Vec<(String, String)> = Vec::new();
    for index in 0..parts.len() {
        let mut part = parts.by_index(index).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut part, &mut text).unwrap();
        if part.name().unwrap().ends_with("sheet1.xml") {
            text.insert_str(0, &"x".repeat(9 << 20));
        }
        texts.push((part.name().unwrap().into_owned(), text));
    }
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let error = Source::from_bytes("x.xlsx", zipped(&texts), &Options::auto()).unwrap_err();
    assert!(error.is_limit(), "{error}");
}

/// Two cells that say that they stand in the same place.
#[test]
fn d18_a_place_has_one_cell() {
    let read = |second: &str| {
        let cells = format!("<c r=\"A1\"><v>380971112233</v></c><c r=\"A1\"><v>{second}</v></c>");
        let rows = format!("<row r=\"1\">{cells}</row>");
        Source::from_bytes("x.xlsx", xlsx(&rows), &Options::auto()).map(drop)
    };
    read("380971112233").unwrap();
    let error = read("380971112244").unwrap_err().to_string();
    assert!(error.contains("row 1, column 1"), "{error}");
    assert!(!error.contains("38097"), "{error}");
}

/// What a parser quotes of a workbook may be anybody's number.
#[test]
fn errors_tell_nothing_of_the_cells() {
    for cell in [
        "<c r=\"A1\" t=\"380971112233\"><v>1</v></c>",
        "<c r=\"A1\" t=\"b\"><v>380971112233</v></c>",
        "<c r=\"A1\" t=\"e\"><v>380971112233</v></c>",
        "<c r=\"A1\"><v>380971112233x</v></c>",
        "<c r=\"A1\" t=\"s\"><v>380971112233</v></c>",
        "<c r=\"380971112233\"><v>1</v></c>",
    ] {
        let bytes = xlsx(&format!("<row r=\"1\">{cell}</row>"));
        if let Err(error) = Source::from_bytes("x.xlsx", bytes, &Options::auto()) {
            let told = format!("{error} {error:?}");
            assert!(!told.contains("38097"), "{cell}: {told}");
        }
    }
}

#[test]
fn d19_sheets_by_name_and_number_and_the_full_sheet() {
    let open = |name: &str, sheet| Source::open(testdata(name), &Options::auto().sheet(sheet));
    for name in ["gallery/two-sheets.xls", "gallery/two-sheets.xlsx"] {
        let second = open(name, Some(Sheet::Number(2))).unwrap();
        let wanted = second.layout().sheet.clone().unwrap();
        let by_name = open(name, Some(Sheet::Named(wanted.clone()))).unwrap();
        assert_eq!(by_name.layout().sheet.as_ref(), Some(&wanted));
        assert_ne!(
            open(name, None).unwrap().layout().sheet.as_ref(),
            Some(&wanted)
        );
        let error = open(name, Some(Sheet::Named("nowhere".to_owned()))).unwrap_err();
        assert!(error.to_string().contains(&wanted), "{error}");
    }
    let full = open("gallery/rows-65536.xls", None).unwrap();
    assert_eq!(full.layout().format, Format::Sheet("XLS"));
    assert_eq!(full.notes(), [Note::FullSheet { rows: 65_536 }]);
    assert_eq!(open("gallery/rows-65535.xlsx", None).unwrap().notes(), []);
}
