//! Parameters, with PHP's names: `recipients[0][name]=Olha`.
//!
//! Clients of the API build their requests for a PHP server, so names are read as PHP reads them
//! (checked against `parse_str` of PHP 8.2; the cases are in the tests).

use percent_encoding::percent_decode;
use serde::Deserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Ceilings on what a request can make us hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Values in a request, lists and maps among them. The default is 40,000: 500 recipients of 64
    /// fields, and some.
    pub values: usize,
    /// Brackets in a name, and levels of a JSON body. The default is 8.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            values: 40_000,
            depth: 8,
        }
    }
}

/// A request goes beyond a limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TooMuch {
    /// It has too many values.
    Values(usize),
    /// Names or a JSON body are nested too deeply.
    Depth(usize),
    /// A body is not what its type says.
    Malformed,
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TooMuch::Values(most) => write!(f, "a request holds at most {most} values"),
            TooMuch::Depth(most) => write!(f, "parameters are nested at most {most} deep"),
            TooMuch::Malformed => f.write_str("the body is not what its content type says"),
        }
    }
}

impl std::error::Error for TooMuch {}

/// A parameter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A list or a map: ordered, with keys.
    Map(Map),
}

/// Parameters by their names, in the order of their first appearance.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Map {
    entries: Vec<(String, Value)>,
    /// Where a key is; only of maps that are not searched through as fast.
    places: HashMap<String, usize>,
    /// The key of the next `[]`.
    next: u64,
}

/// Entries of a map that is searched through.
const FEW: usize = 8;

impl Value {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Map(_) => None,
        }
    }

    /// What is under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Text(_) => None,
            Value::Map(map) => map.get(key),
        }
    }

    /// Keys and values of a map, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        let entries = match self {
            Value::Text(_) => &[][..],
            Value::Map(map) => &map.entries[..],
        };
        entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The values of a map, in order, whatever their keys.
    pub fn items(&self) -> impl Iterator<Item = &Value> {
        self.entries().map(|(_, value)| value)
    }
}

impl Map {
    fn place(&self, key: &str) -> Option<usize> {
        match self.entries.len() <= FEW {
            true => self.entries.iter().position(|(known, _)| known == key),
            false => self.places.get(key).copied(),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.place(key).map(|at| &self.entries[at].1)
    }

    fn entry(&mut self, key: String) -> &mut Value {
        let at = match self.place(&key) {
            Some(at) => at,
            None => {
                // What is beyond PHP's integers is a name like others.
                if let Ok(number) = key.parse::<u64>()
                    && number < i64::MAX as u64
                    && number.to_string() == key
                {
                    self.next = self.next.max(number + 1);
                }
                let at = self.entries.len();
                if at == FEW {
                    let keys = self.entries.iter().enumerate();
                    self.places = keys.map(|(at, (key, _))| (key.clone(), at)).collect();
                }
                if at >= FEW {
                    self.places.insert(key.clone(), at);
                }
                if at == 0 {
                    // Most maps of a hostile request have one.
                    self.entries.reserve_exact(1);
                }
                self.entries.push((key, Value::Text(String::new())));
                at
            }
        };
        &mut self.entries[at].1
    }
}

/// All parameters of a request. What is added later replaces what has the same name.
#[derive(Clone, Debug, Default)]
pub struct Bag {
    map: Map,
    limits: Limits,
    values: usize,
    /// What came before the body, and gives way as a whole to what the body has of that name.
    below: HashSet<String>,
}

impl Bag {
    /// An empty one.
    pub fn new(limits: Limits) -> Bag {
        Bag {
            limits,
            ..Bag::default()
        }
    }

    /// What is added from now on takes the place of what was added before under the same name, as
    /// a whole: of `r[0]` in the query and `r[1]` in the body the latter is left, as in PHP.
    pub fn overlay(&mut self) {
        self.below = self
            .map
            .entries
            .iter()
            .map(|(key, _)| key.clone())
            .collect();
    }

    /// The place of a parameter.
    fn top(&mut self, name: String) -> &mut Value {
        let gives_way = self.below.remove(&name);
        let place = self.map.entry(name);
        if gives_way {
            *place = Value::Text(String::new());
        }
        place
    }

    /// The parameter of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    /// The first of several names that is there.
    pub fn first(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The parameter of this name, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// A text within a map: `params[replace]`.
    pub fn within(&self, map: &str, key: &str) -> Option<&str> {
        self.get(map)?.get(key)?.text()
    }

    /// Adds the pairs of a query or of a form body.
    ///
    /// # Errors
    ///
    /// If a limit is reached.
    pub fn add_query(&mut self, query: &str) -> Result<(), TooMuch> {
        self.add_form(query.as_bytes())
    }

    /// Adds the pairs of a form body. Bytes that are no UTF-8 become U+FFFD.
    ///
    /// # Errors
    ///
    /// If a limit is reached.
    pub fn add_form(&mut self, body: &[u8]) -> Result<(), TooMuch> {
        for pair in body.split(|&byte| byte == b'&') {
            let at = pair.iter().position(|&byte| byte == b'=');
            let (name, value) = match at {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            if !name.is_empty() {
                self.add(&decode(name), decode(value))?;
            }
        }
        Ok(())
    }

    /// Adds one parameter under a name with brackets.
    ///
    /// # Errors
    ///
    /// If a limit is reached.
    pub fn add(&mut self, name: &str, value: String) -> Result<(), TooMuch> {
        self.values += 1;
        if self.values > self.limits.values {
            return Err(TooMuch::Values(self.limits.values));
        }
        let limits = self.limits;
        let Some((top, keys)) = path(name) else {
            return Ok(());
        };
        if keys.len() > self.limits.depth {
            return Err(TooMuch::Depth(self.limits.depth));
        }
        let mut left = self.limits.values - self.values;
        let mut place = self.top(top);
        for key in keys {
            if let Value::Text(_) = place {
                // A map takes memory as a text does.
                left = left.checked_sub(1).ok_or(TooMuch::Values(limits.values))?;
                *place = Value::Map(Map::default());
            }
            let Value::Map(map) = place else {
                unreachable!("made above");
            };
            let key = match key.is_empty() {
                true => map.next.to_string(),
                false => key.to_owned(),
            };
            place = map.entry(key);
        }
        *place = Value::Text(value);
        self.values = limits.values - left;
        Ok(())
    }

    /// Adds the members of a JSON object: `null` is absent, `true` is 1 and `false` 0.
    ///
    /// # Errors
    ///
    /// If it is no object, or a limit is reached.
    pub fn add_json(&mut self, body: &[u8]) -> Result<(), TooMuch> {
        let mut reading = Reading {
            limits: self.limits,
            values: self.values,
            refused: None,
        };
        // serde_json refuses what is nested more than 128 deep.
        let mut json = serde_json::Deserializer::from_slice(body);
        let seed = Seed {
            reading: &mut reading,
            depth: 0,
        };
        let read = seed.deserialize(&mut json).and_then(|value| {
            json.end()?;
            Ok(value)
        });
        let Ok(Some(Value::Map(members))) = read else {
            return Err(reading.refused.unwrap_or(TooMuch::Malformed));
        };
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(TooMuch::Malformed);
        }
        self.values = reading.values;
        for (name, value) in members.entries {
            *self.top(name) = value;
        }
        Ok(())
    }
}

/// How much of a JSON body was read, so that one beyond the limits is not held as a whole first.
struct Reading {
    limits: Limits,
    values: usize,
    refused: Option<TooMuch>,
}

/// Reads one JSON value; `None` for `null`.
struct Seed<'r> {
    reading: &'r mut Reading,
    depth: usize,
}

impl Seed<'_> {
    /// For a value within this one.
    fn inner(&mut self) -> Seed<'_> {
        Seed {
            depth: self.depth + 1,
            reading: self.reading,
        }
    }

    fn count(&mut self) -> Result<(), TooMuch> {
        let Limits { values, depth } = self.reading.limits;
        self.reading.values += 1;
        if self.reading.values > values {
            return Err(TooMuch::Values(values));
        }
        // The members of the body are at depth 1, as names without brackets are at none.
        match self.depth > depth + 1 {
            true => Err(TooMuch::Depth(depth)),
            false => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(mut self, json: D) -> Result<Option<Value>, D::Error> {
        if self.depth > 0
            && let Err(refused) = self.count()
        {
            self.reading.refused = Some(refused);
            return Err(de::Error::custom(refused));
        }
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters")
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Option<Value>, E> {
        Ok(Some(Value::Text(u8::from(yes).to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<Value>, E> {
        Ok(Some(Value::Text(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<Value>, E> {
        Ok(Some(Value::Text(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Option<Value>, E> {
        // As PHP writes it, whose clients know nothing of `.0`.
        let is_whole = number.fract() == 0.0 && number.abs() < 1e15;
        Ok(Some(Value::Text(match is_whole {
            true => (number as i64).to_string(),
            false => Json::from(number).to_string(),
        })))
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<Value>, E> {
        Ok(Some(Value::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Option<Value>, A::Error> {
        let mut map = Map::default();
        let mut at = 0u64;
        while let Some(item) = items.next_element_seed(self.inner())? {
            // The place of an element counts in a list of recipients.
            *map.entry(at.to_string()) = item.unwrap_or(Value::Text(String::new()));
            at += 1;
        }
        Ok(Some(Value::Map(map)))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Option<Value>, A::Error> {
        let mut map = Map::default();
        while let Some(name) = members.next_key::<String>()? {
            if let Some(value) = members.next_value_seed(self.inner())? {
                *map.entry(name) = value;
            }
        }
        Ok(Some(Value::Map(map)))
    }
}

fn decode(bytes: &[u8]) -> String {
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    percent_decode(&spaced).decode_utf8_lossy().into_owned()
}

/// A name taken apart as PHP does it; `None` for a name that is left out.
fn path(name: &str) -> Option<(String, Vec<&str>)> {
    let name = name.trim_start_matches(' ');
    let (top, mut rest) = match name.find('[') {
        Some(at) if at > 0 => name.split_at(at),
        // A bracket that begins the name is part of it.
        _ => (name, ""),
    };
    if top.is_empty() {
        return None;
    }
    let clean = |text: &str| text.replace(['.', ' '], "_");
    let mut keys = Vec::new();
    if !rest.is_empty() && !rest.contains(']') {
        // Never closed: the bracket is read as `_`, and what follows stays.
        return Some((format!("{}_{}", clean(top), &rest[1..]), keys));
    }
    while let Some(inner) = rest.strip_prefix('[') {
        let Some(end) = inner.find(']') else {
            break;
        };
        keys.push(inner[..end].trim_start_matches(' '));
        rest = &inner[end + 1..];
    }
    let top = match top.starts_with('[') {
        true => format!("_{}", clean(&top[1..])),
        false => clean(top),
    };
    Some((top, keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn to_json(value: &Value) -> Json {
        match value {
            Value::Text(text) => Json::String(text.clone()),
            Value::Map(map) => {
                let entries = map.entries.iter();
                Json::Object(
                    entries
                        .map(|(key, value)| (key.clone(), to_json(value)))
                        .collect(),
                )
            }
        }
    }

    fn parsed(query: &str) -> Json {
        let mut bag = Bag::new(Limits::default());
        bag.add_query(query).unwrap();
        to_json(&Value::Map(bag.map))
    }

    /// What `parse_str` of PHP 8.2 makes of them.
    #[test]
    fn names_as_php_reads_them() {
        for (query, expected) in [
            ("r[]=1&r[]=2", json!({"r": {"0": "1", "1": "2"}})),
            ("r=1,2", json!({"r": "1,2"})),
            ("r=1&r[]=2", json!({"r": {"0": "2"}})),
            ("r[]=1&r=2", json!({"r": "2"})),
            (
                "r[5]=a&r[2]=b&r[]=c",
                json!({"r": {"5": "a", "2": "b", "6": "c"}}),
            ),
            (
                "r[9223372036854775808]=a&r[]=b",
                json!({"r": {"9223372036854775808": "a", "0": "b"}}),
            ),
            (
                "r[18446744073709551615]=a&r[]=b&r[]=c",
                json!({"r": {"18446744073709551615": "a", "0": "b", "1": "c"}}),
            ),
            (
                "r[][recipient]=1&r[][name]=x",
                json!({"r": {"0": {"recipient": "1"}, "1": {"name": "x"}}}),
            ),
            (
                "r[0][recipient]=1&r[0][name]=x",
                json!({"r": {"0": {"recipient": "1", "name": "x"}}}),
            ),
            (
                "sort[counters.totalCost]=DESC",
                json!({"sort": {"counters.totalCost": "DESC"}}),
            ),
            ("a.b c=1", json!({"a_b_c": "1"})),
            ("p[a]=1&p[a][b]=2", json!({"p": {"a": {"b": "2"}}})),
            ("p[a][b]=2&p[a]=1", json!({"p": {"a": "1"}})),
            ("k=1&k=2", json!({"k": "2"})),
            ("x[=1&z[a=3&y]=2", json!({"x_": "1", "z_a": "3", "y]": "2"})),
            ("r[0]junk=5", json!({"r": {"0": "5"}})),
            ("n[0][[x]]=1", json!({"n": {"0": {"[x": "1"}}})),
            ("id&j=", json!({"id": "", "j": ""})),
            ("=1&&?=2", json!({"?": "2"})),
            ("q=1;w=2", json!({"q": "1;w=2"})),
            ("a=%zz&b=%D0%9E%2B+", json!({"a": "%zz", "b": "О+ "})),
            ("data%5Bname%5D=x", json!({"data": {"name": "x"}})),
        ] {
            assert_eq!(parsed(query), expected, "{query}");
        }
    }

    #[test]
    fn a_body_lies_over_the_query() {
        let mut bag = Bag::new(Limits::default());
        bag.add_query("r[0]=a&p[x]=1&q=1").unwrap();
        bag.overlay();
        bag.add_form(b"r[1]=b&r[2]=c&p=2").unwrap();
        let whole = to_json(&Value::Map(bag.map));
        assert_eq!(
            whole,
            json!({"r": {"1": "b", "2": "c"}, "p": "2", "q": "1"})
        );
    }

    #[test]
    fn json_bodies() {
        let mut bag = Bag::new(Limits::default());
        bag.add_query("id=1&a=2").unwrap();
        bag.add_json(br#"{"id": 7, "x": null, "y": true, "r": ["1", null, {"recipient": 2.5}]}"#)
            .unwrap();
        assert_eq!(
            (bag.text("id"), bag.text("a"), bag.text("y")),
            (Some("7"), Some("2"), Some("1"))
        );
        assert!(bag.get("x").is_none());
        let items: Vec<Json> = bag.get("r").unwrap().items().map(to_json).collect();
        assert_eq!(items, [json!("1"), json!(""), json!({"recipient": "2.5"})]);
        bag.add_json(br#"{"id": 22.0, "r": 3.80971112233e11, "big": 1e99}"#)
            .unwrap();
        assert_eq!(
            (bag.text("id"), bag.text("r"), bag.text("big")),
            (Some("22"), Some("380971112233"), Some("1e+99"))
        );
        for bad in ["[1]", "{", "", "{\"a\": 1} x"] {
            assert_eq!(
                bag.add_json(bad.as_bytes()),
                Err(TooMuch::Malformed),
                "{bad}"
            );
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits {
            values: 3,
            depth: 2,
        };
        let parse = |query| Bag::new(limits).add_query(query);
        assert_eq!(parse("a=1&b=2&c=3"), Ok(()));
        assert_eq!(parse("a=1&b=2&c=3&d=4"), Err(TooMuch::Values(3)));
        assert_eq!(parse("a[b][c]=1"), Ok(()));
        assert_eq!(parse("a[b][c][d]=1"), Err(TooMuch::Depth(2)));
        let json = |body: &str| Bag::new(limits).add_json(body.as_bytes());
        assert_eq!(json("{\"a\": [[[1]]]}"), Err(TooMuch::Values(3)));
        let deep = Bag::new(Limits {
            values: 99,
            depth: 2,
        })
        .add_json(b"{\"a\": [[[[1]]]]}");
        assert_eq!(deep, Err(TooMuch::Depth(2)));
    }

    proptest! {
        #[test]
        fn nothing_panics(query in "[a-c\\[\\]=&%+. ]{0,40}") {
            let _ = Bag::new(Limits::default()).add_query(&query);
        }

        #[test]
        fn values_come_back(name in "[a-z]{1,5}", value in any::<String>()) {
            let mut bag = Bag::new(Limits::default());
            bag.add(&name, value.clone()).unwrap();
            prop_assert_eq!(bag.text(&name), Some(value.as_str()));
        }
    }
}
