//! XLSX.

use super::pool::{Count, Part, Piece, Text, attribute, escaped, pieces};
use arbitrary::Arbitrary;

#[derive(Arbitrary, Debug, Default)]
pub struct Xlsx {
    pub is_1904: bool,
    pub shared: Vec<Vec<Piece>>,
    pub claim: Option<Claim>,
    /// Number formats of cells, and those that are defined.
    pub styles: Vec<Count>,
    pub formats: Vec<(Count, Format)>,
    pub dimension: Option<(Place, Place)>,
    pub rows: Vec<Row>,
    pub merges: Vec<(Place, Place)>,
}

/// How many shared texts there are said to be, in a way that measuring must see as the parser does.
#[derive(Arbitrary, Debug)]
pub struct Claim {
    count: Count,
    spaced: bool,
    prefixed: bool,
    behind: bool,
}

#[derive(Arbitrary, Debug)]
pub enum Format {
    Known(u8),
    Any(String),
}

#[derive(Arbitrary, Debug)]
pub struct Row {
    pub number: Option<Count>,
    pub cells: Vec<Cell>,
}

#[derive(Arbitrary, Debug)]
pub struct Cell {
    pub place: Option<Place>,
    pub style: Option<Count>,
    pub kind: Option<Kind>,
    pub formula: Option<Text>,
    pub value: Vec<Piece>,
}

#[derive(Arbitrary, Debug)]
pub enum Kind {
    N,
    S,
    B,
    E,
    Str,
    Inline,
    D,
    Other,
}

#[derive(Arbitrary, Debug)]
pub enum Place {
    /// Column and row, from 0.
    Near(u8, u8),
    Far(u16, u32),
    Odd(u8),
}

impl Place {
    fn get(&self) -> String {
        const ODD: [&str; 16] = [
            "", "A", "1", "A0", "1A", "a1", "$A$1", "A1:B2", "XFD1", "XFE1", "ZZZ1", "AAAAAAA1", "FXSHRXX1", "A1048577",
            "A4294967298", "A99999999999999999999",
        ];
        let at = |column: u32, row: u64| {
            let mut letters = Vec::new();
            let mut rest = column + 1;
            while rest > 0 {
                letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
                rest = (rest - 1) / 26;
            }
            format!("{}{}", letters.iter().rev().collect::<String>(), row + 1)
        };
        match self {
            Place::Near(column, row) => at(u32::from(*column), u64::from(*row)),
            Place::Far(column, row) => at(u32::from(*column), u64::from(*row)),
            Place::Odd(number) => ODD[usize::from(number % 16)].to_owned(),
        }
    }

    fn range((from, to): &(Place, Place)) -> String {
        format!("{}:{}", from.get(), to.get())
    }
}

impl Cell {
    fn xml(&self) -> String {
        let kind = self.kind.as_ref().map(|kind| match kind {
            Kind::N => "n",
            Kind::S => "s",
            Kind::B => "b",
            Kind::E => "e",
            Kind::Str => "str",
            Kind::Inline => "inlineStr",
            Kind::D => "d",
            Kind::Other => "other",
        });
        let place = attribute("r", self.place.as_ref().map(Place::get));
        let style = attribute("s", self.style.as_ref().map(Count::get));
        let value = pieces(&self.value);
        let value = match self.kind {
            Some(Kind::Inline) => format!("<is><t xml:space=\"preserve\">{value}</t></is>"),
            _ => format!("<v>{value}</v>"),
        };
        let formula = self.formula.as_ref().map_or(String::new(), |text| format!("<f>{}</f>", escaped(&text.get())));
        format!("<c{place}{style}{}>{formula}{value}</c>", attribute("t", kind.map(str::to_owned)))
    }
}

impl Xlsx {
    pub fn parts(&self) -> Vec<Part> {
        const SCHEMAS: &str = "http://schemas.openxmlformats.org";
        let main = format!("xmlns=\"{SCHEMAS}/spreadsheetml/2006/main\"");
        let relations = |all: &[(&str, &str)]| {
            let relation = |(at, (kind, target)): (usize, &(&str, &str))| {
                let kind = format!("{SCHEMAS}/officeDocument/2006/relationships/{kind}");
                format!("<Relationship Id=\"rId{}\" Type=\"{kind}\" Target=\"{target}\"/>", at + 1)
            };
            let all: String = all.iter().enumerate().map(relation).collect();
            format!("<Relationships xmlns=\"{SCHEMAS}/package/2006/relationships\">{all}</Relationships>")
        };
        let parts = [
            ("[Content_Types].xml", format!("<Types xmlns=\"{SCHEMAS}/package/2006/content-types\"/>")),
            ("_rels/.rels", relations(&[("officeDocument", "xl/workbook.xml")])),
            (
                "xl/workbook.xml",
                format!(
                    "<workbook {main} xmlns:r=\"{SCHEMAS}/officeDocument/2006/relationships\"><workbookPr \
                     date1904=\"{}\"/><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
                    u8::from(self.is_1904)
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                relations(&[
                    ("worksheet", "worksheets/sheet1.xml"),
                    ("sharedStrings", "sharedStrings.xml"),
                    ("styles", "styles.xml"),
                ]),
            ),
            ("xl/sharedStrings.xml", self.shared_xml(&main)),
            ("xl/styles.xml", self.styles_xml(&main)),
            ("xl/worksheets/sheet1.xml", self.sheet_xml(&main)),
        ];
        parts.map(|(name, xml)| (name.to_owned(), xml.into_bytes())).into()
    }

    fn shared_xml(&self, main: &str) -> String {
        let item = |text: &Vec<Piece>| format!("<si><t xml:space=\"preserve\">{}</t></si>", pieces(text));
        let items: String = self.shared.iter().map(item).collect();
        let (mut before, mut count) = (String::new(), String::new());
        if let Some(claim) = &self.claim {
            before = if claim.behind { format!("<!--{}-->", "-x".repeat(5000)) } else { before };
            count = if claim.prefixed { " x:uniqueCount=\"0\"".to_owned() } else { count };
            let name = if claim.spaced { "uniqueCount " } else { "uniqueCount" };
            count += &attribute(name, Some(claim.count.get()));
        }
        format!("{before}<sst {main}{count}>{items}</sst>")
    }

    fn styles_xml(&self, main: &str) -> String {
        const FORMATS: [&str; 8] = ["General", "0", "@", "yyyy-mm-dd", "[h]:mm", "\"d\"0", "[Red]0;\\d", "#,##0.00"];
        let format = |(id, format): &(Count, Format)| {
            let format = match format {
                Format::Known(number) => FORMATS[usize::from(number % 8)],
                Format::Any(format) => format,
            };
            format!("<numFmt numFmtId=\"{}\" formatCode=\"{}\"/>", escaped(&id.get()), escaped(format))
        };
        let formats: String = self.formats.iter().map(format).collect();
        let style = |id: &Count| format!("<xf numFmtId=\"{}\"/>", escaped(&id.get()));
        let styles: String = self.styles.iter().map(style).collect();
        format!("<styleSheet {main}><numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>")
    }

    fn sheet_xml(&self, main: &str) -> String {
        let dimension = self.dimension.as_ref().map(Place::range);
        let dimension = dimension.map_or(String::new(), |range| format!("<dimension ref=\"{range}\"/>"));
        let row = |row: &Row| {
            let cells: String = row.cells.iter().map(Cell::xml).collect();
            format!("<row{}>{cells}</row>", attribute("r", row.number.as_ref().map(Count::get)))
        };
        let rows: String = self.rows.iter().map(row).collect();
        let merge = |range: &(Place, Place)| format!("<mergeCell ref=\"{}\"/>", Place::range(range));
        let merges: String = self.merges.iter().map(merge).collect();
        format!(
            "<worksheet {main}>{dimension}<sheetData>{rows}</sheetData><mergeCells>{merges}</mergeCells></worksheet>"
        )
    }
}
