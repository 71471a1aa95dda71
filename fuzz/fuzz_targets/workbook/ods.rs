//! ODS.

use super::pool::{Count, Part, Piece, Text, attribute, escaped};
use arbitrary::Arbitrary;

#[derive(Arbitrary, Debug)]
pub struct Ods {
    pub tables: Vec<Vec<Row>>,
}

#[derive(Arbitrary, Debug, Default)]
pub struct Row {
    pub repeat: Option<Count>,
    pub cells: Vec<Cell>,
}

#[derive(Arbitrary, Debug, Default)]
pub struct Cell {
    pub covered: bool,
    pub repeat: Option<Count>,
    /// The type that the cell says it is of, and the kind of value that it has beside its content.
    pub kind: Option<Kind>,
    pub value: Option<(Kind, Text)>,
    pub formula: Option<Text>,
    pub content: Vec<Content>,
}

#[derive(Arbitrary, Debug)]
pub enum Kind {
    String,
    Float,
    Date,
    Time,
    Boolean,
    Error,
}

#[derive(Arbitrary, Debug)]
pub enum Content {
    Piece(Piece),
    Paragraph,
    Spaces(Option<Count>),
    Tab,
    LineBreak,
    Span(Text),
    Annotation(Text),
}

impl Content {
    fn xml(&self) -> String {
        match self {
            Content::Piece(piece) => piece.xml(),
            Content::Paragraph => "</text:p><text:p>".to_owned(),
            Content::Spaces(count) => format!("<text:s{}/>", attribute("text:c", count.as_ref().map(Count::get))),
            Content::Tab => "<text:tab/>".to_owned(),
            Content::LineBreak => "<text:line-break/>".to_owned(),
            Content::Span(text) => format!("<text:span>{}</text:span>", escaped(&text.get())),
            Content::Annotation(text) => format!(
                "</text:p><office:annotation><text:p>{}</text:p></office:annotation><text:p>",
                escaped(&text.get())
            ),
        }
    }
}

impl Cell {
    fn xml(&self) -> String {
        let tag = if self.covered { "table:covered-table-cell" } else { "table:table-cell" };
        let kind = self.kind.as_ref().map(|kind| match kind {
            Kind::String => "string",
            Kind::Float => "float",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::Boolean => "boolean",
            Kind::Error => "error",
        });
        let value = self.value.as_ref().map_or(String::new(), |(kind, text)| {
            let name = match kind {
                Kind::String => "office:string-value",
                Kind::Float => "office:value",
                Kind::Date => "office:date-value",
                Kind::Time => "office:time-value",
                Kind::Boolean => "office:boolean-value",
                Kind::Error => "calcext:value-type",
            };
            attribute(name, Some(text.get()))
        });
        let content: String = self.content.iter().map(Content::xml).collect();
        let content = if content.is_empty() { content } else { format!("<text:p>{content}</text:p>") };
        format!(
            "<{tag}{}{}{value}{}>{content}</{tag}>",
            attribute("office:value-type", kind.map(str::to_owned)),
            attribute("table:number-columns-repeated", self.repeat.as_ref().map(Count::get)),
            attribute("table:formula", self.formula.as_ref().map(Text::get)),
        )
    }
}

impl Ods {
    pub fn parts(&self) -> Vec<Part> {
        let row = |row: &Row| {
            let cells: String = row.cells.iter().map(Cell::xml).collect();
            let repeat = attribute("table:number-rows-repeated", row.repeat.as_ref().map(Count::get));
            format!("<table:table-row{repeat}>{cells}</table:table-row>")
        };
        let table = |(at, rows): (usize, &Vec<Row>)| {
            let rows: String = rows.iter().map(row).collect();
            format!("<table:table table:name=\"S{at}\">{rows}</table:table>")
        };
        let tables: String = self.tables.iter().enumerate().map(table).collect();
        let content = format!(
            "<office:document-content><office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>\
             </office:document-content>"
        );
        let parts = [
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet".to_owned()),
            ("META-INF/manifest.xml", "<manifest:manifest/>".to_owned()),
            ("content.xml", content),
        ];
        parts.map(|(name, xml)| (name.to_owned(), xml.into_bytes())).into()
    }
}
