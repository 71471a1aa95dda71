//! Lists of numbers to judge and to measure with: made anew each time, and always the same.
//!
//! Numbers are drawn from the patterns of the metadata, so they belong to nobody that we know of:
//! a pattern has millions of them.

use numbering_plan_compiler::source::{MOBILE, Source};
use regex_syntax::hir::{Class, Hir, HirKind};

/// A small generator of numbers that look random (xorshift), so that a list depends on its seed
/// only.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts with a seed, which must not be 0.
    pub fn new(seed: u64) -> Dice {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        dice.roll(2);
        dice
    }

    /// A number below `below`.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The upper bits are the better ones.
        ((u128::from(self.0) * below.max(1) as u128) >> 64) as usize
    }

    /// One of a list.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.roll(list.len())]
    }

    fn digit(&mut self) -> char {
        char::from(b'0' + self.roll(10) as u8)
    }
}

/// Lists over the numbers of a source.
#[derive(Debug)]
pub struct Lists {
    mobiles: Vec<Mobile>,
    /// Places in `mobiles`, each as often as its share asks for.
    shares: Vec<usize>,
    calling_codes: Vec<u16>,
}

#[derive(Debug)]
struct Mobile {
    territory: String,
    calling_code: u16,
    pattern: Hir,
    lengths: Vec<u8>,
}

/// The mix of a sender with customers all over the world; the rest is shared by all others.
const SHARES: [(&str, usize); 7] = [
    ("RU", 25),
    ("UA", 15),
    ("US", 10),
    ("BR", 10),
    ("KZ", 8),
    ("DE", 8),
    ("IN", 8),
];

impl Lists {
    /// Lists over this source.
    ///
    /// # Panics
    ///
    /// If a pattern of it cannot be read.
    pub fn new(source: &Source) -> Lists {
        let mut parser = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build();
        let mobiles: Vec<Mobile> = source
            .territories
            .iter()
            .filter_map(|t| {
                let range = t.kinds[MOBILE].as_ref()?;
                Some(Mobile {
                    territory: t.code.clone(),
                    calling_code: t.calling_code,
                    pattern: parser.parse(&range.pattern).expect("a pattern"),
                    lengths: range.lengths.clone(),
                })
            })
            .collect();
        let mut shares = Vec::new();
        for (at, mobile) in mobiles.iter().enumerate() {
            let named = SHARES.iter().find(|(name, _)| *name == mobile.territory);
            let parts = mobiles.len() - SHARES.len();
            let share = named.map_or(16, |(_, share)| share * parts);
            shares.extend(std::iter::repeat_n(at, share));
        }
        let mut calling_codes: Vec<u16> =
            source.territories.iter().map(|t| t.calling_code).collect();
        calling_codes.dedup();
        Lists {
            mobiles,
            shares,
            calling_codes,
        }
    }

    fn mobile(&self, at: usize, dice: &mut Dice) -> String {
        let mobile = &self.mobiles[at];
        loop {
            let mut national = String::new();
            draw(&mobile.pattern, dice, &mut national);
            // A pattern may allow lengths that the metadata excludes.
            if mobile.lengths.contains(&(national.len() as u8)) {
                return format!("{}{national}", mobile.calling_code);
            }
        }
    }

    /// Mobile numbers of one country, digits and nothing else.
    pub fn clean_one_country(&self, count: usize) -> Vec<String> {
        let mut dice = Dice::new(2);
        let russia = self.mobiles.iter().position(|m| m.territory == "RU");
        (0..count)
            .map(|_| self.mobile(russia.unwrap_or(0), &mut dice))
            .collect()
    }

    /// Mobile numbers of all countries, shuffled: digits and nothing else.
    pub fn clean(&self, count: usize) -> Vec<String> {
        let mut dice = Dice::new(1);
        (0..count)
            .map(|_| self.mobile(*dice.pick(&self.shares), &mut dice))
            .collect()
    }

    /// Such numbers as people write them: plus, brackets, blanks of several kinds, dashes, 00.
    pub fn messy(&self, count: usize) -> Vec<String> {
        let mut dice = Dice::new(3);
        (0..count)
            .map(|_| {
                let number = self.mobile(*dice.pick(&self.shares), &mut dice);
                let (a, rest) = number.split_at(number.len().min(3) - 1);
                let (b, rest) = rest.split_at(rest.len().min(3));
                let (c, d) = rest.split_at(rest.len() / 2);
                match dice.roll(12) {
                    0 | 1 => format!("+{number}"),
                    2 => format!("+{a} ({b}) {c}-{d}"),
                    3 => format!("00{number}"),
                    4 => format!("{a}-{b}-{c}-{d}"),
                    5 => format!("+{a}\u{a0}{b}\u{a0}{c}\u{a0}{d}"),
                    6 => format!(" {a}.{b}.{c}.{d} "),
                    7 => format!("+{a} {b} {c} {d}"),
                    8 => format!("00 {a} {b} {c} {d}"),
                    9 => format!("+{a}/{b}/{c}{d}"),
                    10 => format!("{a} [{b}] {c} {d}\t"),
                    _ => format!("+{a} {b}\u{2013}{c}\u{2013}{d}"),
                }
            })
            .collect()
    }

    /// What breaks readers: three quarters are random digits, alone or after a calling code, of 5 to 17
    /// digits; the rest are numbers that something happened to: wrong lengths, national prefixes in the wrong place,
    /// letters, extensions, exponents, other scripts, nothing at all, far too much.
    pub fn hostile(&self, count: usize) -> Vec<String> {
        let mut dice = Dice::new(4);
        (0..count)
            .map(|_| {
                let at = *dice.pick(&self.shares);
                let number = self.mobile(at, &mut dice);
                let code = self.mobiles[at].calling_code.to_string();
                let national = &number[code.len()..];
                let digits = |dice: &mut Dice, len: usize| -> String {
                    (0..len).map(|_| dice.digit()).collect()
                };
                let in_script = |zero: u32| -> String {
                    number
                        .chars()
                        .map(|c| char::from_u32(zero + (c as u32 - 0x30)).unwrap_or(c))
                        .collect()
                };
                match dice.roll(200) {
                    0..76 => {
                        let len = 5 + dice.roll(13);
                        digits(&mut dice, len)
                    }
                    76..150 => {
                        let code = dice.pick(&self.calling_codes).to_string();
                        let len = 3 + dice.roll(11);
                        format!("+{code}{}", digits(&mut dice, len))
                    }
                    150..156 => format!("+{code} 0{national}"),
                    156..160 => format!("+{code} (0){national}"),
                    160..164 => number[..number.len() - 1].to_owned(),
                    164..168 => format!("{number}{}", dice.digit()),
                    168..172 => format!("0{national}"),
                    172..174 => format!("8{national}"),
                    174..177 => format!("{}o{}", &number[..4], &number[5..]),
                    177..180 => format!("+{number} ext. {}", dice.roll(1000)),
                    180..182 => format!("tel:+{number}"),
                    182..184 => format!("{}.{}E+{}", &number[..1], &number[1..5], number.len() - 1),
                    184..186 => in_script(0xff10),
                    186..188 => in_script(0x660),
                    188..190 => in_script(0x966),
                    190..192 => String::new(),
                    192..194 => {
                        let len = 18 + dice.roll(23);
                        digits(&mut dice, len)
                    }
                    194..196 => format!("{number}; {}", self.mobile(at, &mut dice)),
                    196 => "n/a".to_owned(),
                    197 => format!("(+{code}) {national}"),
                    198 => format!("{number}.0"),
                    _ => "—".to_owned(),
                }
            })
            .collect()
    }

    /// Digits at random after every calling code, of every length from 4 to 17 in all.
    pub fn random(&self, dice: &mut Dice) -> String {
        let mut number = dice.pick(&self.calling_codes).to_string();
        let len = 4 + dice.roll(14);
        while number.len() < len {
            number.push(dice.digit());
        }
        number
    }
}

/// A text that the pattern matches.
fn draw(pattern: &Hir, dice: &mut Dice, out: &mut String) {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Bytes(class)) => {
            let all: Vec<u8> = class.iter().flat_map(|r| r.start()..=r.end()).collect();
            out.push(char::from(*dice.pick(&all)));
        }
        HirKind::Class(Class::Unicode(class)) => {
            let all: Vec<char> = class.iter().flat_map(|r| r.start()..=r.end()).collect();
            out.push(*dice.pick(&all));
        }
        HirKind::Repetition(repetition) => {
            let max = repetition.max.unwrap_or(repetition.min + 5);
            let more = (max - repetition.min) as usize + 1;
            for _ in 0..repetition.min + dice.roll(more) as u32 {
                draw(&repetition.sub, dice, out);
            }
        }
        HirKind::Capture(capture) => draw(&capture.sub, dice, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| draw(part, dice, out)),
        HirKind::Alternation(parts) => draw(dice.pick(parts), dice, out),
    }
}
