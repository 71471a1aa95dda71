//! Lists to measure with, as files hold them: made anew each time, and always the same. The numbers
//! come from [`numbering_plan_oracle::lists`].

use numbering_plan_oracle::committed_source;
pub use numbering_plan_oracle::lists::{Dice, Lists};

/// The lists over the numbers of the committed plan.
pub fn lists() -> Lists {
    Lists::new(&committed_source())
}

/// A list of one column.
pub fn one_column(numbers: &[String]) -> String {
    numbers.join("\n") + "\n"
}

/// A list of six columns with quotes, as a CRM exports it.
pub fn six_columns(numbers: &[String]) -> String {
    let mut dice = Dice::new(5);
    let mut list = "id;name;recipient;city;balance;note\n".to_owned();
    for (id, number) in numbers.iter().enumerate() {
        let name = dice.pick(&["Василий Петрович", "\"Ольга; мл.\"", "Markus", "João"]);
        let balance = dice.roll(100_000);
        list.push_str(&format!(
            "{id};{name};{number};Київ;{balance};\"a \"\"b\"\" c\"\n"
        ));
    }
    list
}
