//! What a file is read as, for targets that compare.

use recipients::ingest::{Batch, Options, Source};

/// Number, byte where it begins, and fields.
pub(crate) type Row = (u64, u64, Vec<String>);

/// The rows as far as they could be read, and whether that was to the end.
pub(crate) fn rows(bytes: &[u8], options: &Options) -> (Vec<Row>, bool) {
    let mut rows = Vec::new();
    let Ok(mut source) = Source::from_bytes("fuzz", bytes.to_vec(), options) else {
        return (rows, false);
    };
    let mut batch = Batch::new();
    loop {
        match source.fill(&mut batch) {
            Ok(true) => rows.extend(batch.rows().map(|row| {
                let fields = row.fields().map(str::to_owned).collect();
                (row.number(), row.offset(), fields)
            })),
            Ok(false) => return (rows, true),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return (rows, false);
            }
        }
    }
}
