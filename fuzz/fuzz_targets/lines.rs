//! Any bytes as a list of lines: every path gives the answers that one line at a time gets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use numbering_plan::{Answer, Path, Plan};

fuzz_target!(|text: &[u8]| {
    let plan = Plan::builtin();
    let mut lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
    // Nothing after the last line end is no line.
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    for line in &mut lines {
        *line = line.strip_suffix(b"\r").unwrap_or(line);
    }
    let expected: Vec<Answer> = lines.iter().map(|line| plan.classify(line)).collect();
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        let mut answers = vec![Answer::BLANK; lines.len() + 1];
        let done = plan.classify_lines_by(path, text, &mut answers);
        assert_eq!((done.lines, done.bytes), (lines.len(), text.len()));
        assert!(answers[..done.lines] == expected);
        plan.classify_batch_by(path, &lines, &mut answers[..lines.len()]);
        assert!(answers[..lines.len()] == expected);
    }
});
