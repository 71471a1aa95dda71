//! The phone number libraries of others, each asked for the same: is it valid, of which kind, and
//! which digits are meant?

use numbering_plan_oracle::Google;
use rlibphonenumber::PhoneNumberFormat;
use std::hint::black_box;

/// A cell as the libraries of others want it: trimmed, a leading 00 made a plus, or a plus put in
/// front.
pub fn prepared(cell: &str) -> String {
    let cell = cell.trim();
    match cell.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None if cell.starts_with('+') => cell.to_owned(),
        None => format!("+{cell}"),
    }
}

/// `rlibphonenumber`, with the metadata of our plan.
pub fn by_rlibphonenumber(google: &Google, text: &str) -> bool {
    let util = google.util();
    util.parse(text, None).is_ok_and(|number| {
        black_box(util.format(&number, PhoneNumberFormat::E164));
        black_box(util.get_number_type(&number));
        util.is_valid_number(&number)
    })
}

/// `phonenumber`, with its own metadata.
pub fn by_phonenumber(text: &str) -> bool {
    phonenumber::parse(None, text).is_ok_and(|number| {
        black_box(number.format().mode(phonenumber::Mode::E164).to_string());
        black_box(number.number_type(&phonenumber::metadata::DATABASE));
        number.is_valid()
    })
}

/// `phonelib`, which checks lengths.
pub fn by_phonelib(text: &str) -> bool {
    black_box(phonelib::normalize_phone_number(text));
    black_box(phonelib::detect_phone_number_type(text));
    phonelib::is_valid_phone_number(text)
}
