//! Lists to measure with: made anew each time, and always the same.
//!
//! The numbers lie around Google's published example numbers of mobile lines
//! (`testdata/numbers/examples.tsv`): the last four digits are drawn at random, so most of them
//! are valid and none belongs to anybody we know of.

/// A small generator of numbers that look random (xorshift), so that a list depends on its seed
/// only.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts with a seed, which must not be 0.
    pub fn new(seed: u64) -> Dice {
        Dice(seed.max(1))
    }

    /// A number below `below`.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.roll(list.len())]
    }
}

fn examples() -> Vec<&'static str> {
    include_str!("../../testdata/numbers/examples.tsv")
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (number, _, kind) = (fields.next()?, fields.next()?, fields.next()?);
            (kind == "mobile" && number.len() > 9).then_some(number)
        })
        .collect()
}

fn number(dice: &mut Dice, examples: &[&str]) -> String {
    let example = dice.pick(examples);
    let head = &example[..example.len() - 4];
    format!("{head}{:04}", dice.roll(10_000))
}

/// Digits and nothing else, of all countries in turn without order.
pub fn clean(count: usize) -> Vec<String> {
    let (mut dice, examples) = (Dice::new(1), examples());
    (0..count).map(|_| number(&mut dice, &examples)).collect()
}

/// Digits of one country.
pub fn clean_one_country(count: usize) -> Vec<String> {
    let mut dice = Dice::new(2);
    (0..count)
        .map(|_| format!("38097{:07}", dice.roll(10_000_000)))
        .collect()
}

/// The same numbers as people write them: plus, brackets, spaces, dashes, 00.
pub fn messy(count: usize) -> Vec<String> {
    let mut dice = Dice::new(3);
    clean(count)
        .into_iter()
        .map(|number| {
            let (a, rest) = number.split_at(3);
            let (b, c) = rest.split_at(3);
            match dice.roll(6) {
                0 => format!("+{number}"),
                1 => format!("+{a} ({b}) {c}"),
                2 => format!("00{number}"),
                3 => format!("{a}-{b}-{c}"),
                4 => format!("+{a}\u{a0}{b}\u{a0}{c}"),
                _ => format!(" {a}.{b}.{c} "),
            }
        })
        .collect()
}

/// What breaks readers: random digits, letters, exponents, several numbers, other scripts.
pub fn hostile(count: usize) -> Vec<String> {
    let mut dice = Dice::new(4);
    let clean = clean(count);
    clean
        .iter()
        .map(|number| match dice.roll(10) {
            0 => (0..5 + dice.roll(14))
                .map(|_| char::from(b'0' + dice.roll(10) as u8))
                .collect(),
            1 => format!("{}.{}E+11", &number[..1], &number[1..]),
            2 => format!("{number}; {}", dice.pick(&clean)),
            3 => number
                .chars()
                .map(|c| char::from_u32(c as u32 - 0x30 + 0x660).unwrap_or(c))
                .collect(),
            4 => format!("tel.: +{number}"),
            5 => format!("{}o{}", &number[..4], &number[4..]),
            6 => format!("+{number} ext. 12"),
            7 => format!("0{}", &number[2..]),
            8 => "n/a".to_owned(),
            _ => format!("{number}.0"),
        })
        .collect()
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
