//! From patterns to one minimal acyclic automaton over the digits of the whole number, the calling
//! code first.
//!
//! All patterns of a calling code run side by side in one deterministic automaton; a walk over its
//! states, digit by digit, asks at each what a number would be that ended there, in the order in
//! which Google's library asks. Equal futures are one state.

use crate::Error;
use crate::prefix;
use crate::source::{FIXED_LINE, MOBILE, Range, Source, Territory};
use numbering_plan::{Kind, MAX_NATIONAL_DIGITS};
use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;
use std::collections::{BTreeMap, HashMap};

/// What a number is that ends in a state.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct End {
    /// The place of its territory in [`Source::territories`], and its kind.
    pub range: Option<(u16, Kind)>,
    /// Something that may be a national prefix stands at the start of the national number.
    pub prefixed: bool,
    /// The number of the holder, 0 for none.
    pub operator: u16,
}

/// A state: what a number is that ends here, and where each digit leads.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct State {
    /// What a number is that ends here.
    pub end: End,
    /// The state after each digit; 0 if nothing can follow.
    pub next: [u32; 10],
}

/// The minimal acyclic automaton of a plan; state 0 is the dead one.
#[derive(Clone, Debug)]
pub struct Automaton {
    /// Every state, children before parents.
    pub states: Vec<State>,
    /// Where a number starts.
    pub root: u32,
}

impl Automaton {
    /// The state after these digits.
    pub fn walk(&self, digits: impl IntoIterator<Item = u8>) -> &State {
        let mut state = self.root;
        for digit in digits {
            state = self.states[state as usize].next[usize::from(digit)];
        }
        &self.states[state as usize]
    }
}

/// The pattern as a tree that knows ASCII digits only.
pub(crate) fn parse(pattern: &str) -> Result<Hir, Error> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(pattern)
        .map_err(|error| Error::new(format!("the pattern {pattern} cannot be read: {error}")))
}

/// Any digits.
pub(crate) fn digits() -> Result<Hir, Error> {
    parse("[0-9]*")
}

pub(crate) fn dfa(hirs: &[Hir], kind: MatchKind) -> Result<dense::DFA<Vec<u32>>, Error> {
    let fault = |error: &dyn std::fmt::Display| Error::new(format!("no automaton: {error}"));
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .utf8(false)
                .which_captures(thompson::WhichCaptures::None),
        )
        .build_many_from_hir(hirs)
        .map_err(|e| fault(&e))?;
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(kind)
                .start_kind(StartKind::Anchored),
        )
        .build_from_nfa(&nfa)
        .map_err(|e| fault(&e))
}

pub(crate) fn start_of(dfa: &dense::DFA<Vec<u32>>) -> Result<StateID, Error> {
    dfa.start_state(&start::Config::new().anchored(Anchored::Yes))
        .map_err(|error| Error::new(format!("no automaton: {error}")))
}

/// What a pattern of the side-by-side automaton stands for.
#[derive(Clone, Copy)]
enum Meaning {
    General { territory: usize },
    Kind { territory: usize, kind: usize },
    LeadingDigits { territory: usize },
    Prefixed,
}

/// Holders by prefix, as a tree; node 0 is the dead one, 1 the root.
struct Holders {
    nodes: Vec<([usize; 10], u16)>,
}

impl Holders {
    fn new(carriers: &BTreeMap<String, String>, ids: &BTreeMap<String, u16>) -> Holders {
        let mut nodes = vec![([0; 10], 0), ([0; 10], 0)];
        for (prefix, name) in carriers {
            let mut at = 1;
            for digit in prefix.bytes() {
                let digit = usize::from(digit - b'0');
                if nodes[at].0[digit] == 0 {
                    nodes.push(([0; 10], 0));
                    nodes[at].0[digit] = nodes.len() - 1;
                }
                at = nodes[at].0[digit];
            }
            nodes[at].1 = ids[name];
        }
        Holders { nodes }
    }

    /// The node and the holder after one digit more.
    fn step(&self, (node, holder): (usize, u16), digit: usize) -> (usize, u16) {
        let next = self.nodes[node].0[digit];
        match self.nodes[next].1 {
            0 => (next, holder),
            found => (next, found),
        }
    }
}

/// Builds the automaton. `operators` numbers the holders.
///
/// # Errors
///
/// If a pattern cannot be read, or can match without end.
pub fn build(source: &Source, operators: &BTreeMap<String, u16>) -> Result<Automaton, Error> {
    let holders = Holders::new(&source.carriers, operators);
    let mut builder = Builder {
        states: vec![State::default()],
        ids: HashMap::from([(State::default(), 0)]),
    };
    let mut first = 0;
    let mut roots = BTreeMap::new();
    for group in source.by_calling_code() {
        let code = group[0].calling_code.to_string();
        let mut held = (1, 0);
        for digit in code.bytes() {
            held = holders.step(held, usize::from(digit - b'0'));
        }
        let plan = National::new(group, first, &holders)?;
        let root = plan.add_to(&mut builder, held)?;
        roots.insert(code, root);
        first += group.len();
    }
    let root = join(&mut builder, &roots, String::new());
    Ok(Automaton {
        states: builder.states,
        root,
    })
}

/// The states above the calling codes, which no number ends in.
fn join(builder: &mut Builder, roots: &BTreeMap<String, u32>, path: String) -> u32 {
    if let Some(&root) = roots.get(&path) {
        return root;
    }
    let mut state = State::default();
    if roots
        .range(path.clone()..)
        .next()
        .is_some_and(|(code, _)| code.starts_with(&path))
    {
        for digit in 0..10 {
            state.next[digit] = join(builder, roots, format!("{path}{digit}"));
        }
    }
    builder.add(state)
}

struct Builder {
    states: Vec<State>,
    ids: HashMap<State, u32>,
}

impl Builder {
    fn add(&mut self, state: State) -> u32 {
        *self.ids.entry(state).or_insert_with(|| {
            self.states.push(state);
            (self.states.len() - 1) as u32
        })
    }
}

/// The numbers of one calling code.
struct National<'s> {
    group: &'s [Territory],
    first: usize,
    holders: &'s Holders,
    meanings: Vec<Meaning>,
    dfa: dense::DFA<Vec<u32>>,
}

impl<'s> National<'s> {
    fn new(
        group: &'s [Territory],
        first: usize,
        holders: &'s Holders,
    ) -> Result<National<'s>, Error> {
        let mut meanings = Vec::new();
        let mut hirs = Vec::new();
        for (at, territory) in group.iter().enumerate() {
            if let Some(general) = &territory.general {
                meanings.push(Meaning::General { territory: at });
                hirs.push(parse(&general.pattern)?);
            }
            for (kind, range) in territory.kinds.iter().enumerate() {
                if let Some(range) = range {
                    meanings.push(Meaning::Kind {
                        territory: at,
                        kind,
                    });
                    hirs.push(parse(&range.pattern)?);
                }
            }
            if let Some(leading) = &territory.leading_digits {
                meanings.push(Meaning::LeadingDigits { territory: at });
                hirs.push(Hir::concat(vec![parse(leading)?, digits()?]));
            }
        }
        if let Some(pattern) = &group[0].national_prefix {
            for way in prefix::ways(pattern)? {
                if way.len == 0 {
                    continue;
                }
                meanings.push(Meaning::Prefixed);
                hirs.push(match way.at_end {
                    true => way.hir,
                    false => Hir::concat(vec![way.hir, digits()?]),
                });
            }
        }
        Ok(National {
            group,
            first,
            holders,
            meanings,
            dfa: dfa(&hirs, MatchKind::All)?,
        })
    }

    fn add_to(&self, builder: &mut Builder, held: (usize, u16)) -> Result<u32, Error> {
        let mut known = HashMap::new();
        Ok(self.visit(builder, &mut known, start_of(&self.dfa)?, 0, held))
    }

    fn visit(
        &self,
        builder: &mut Builder,
        known: &mut HashMap<(StateID, usize, usize, u16), u32>,
        at: StateID,
        len: usize,
        held: (usize, u16),
    ) -> u32 {
        let key = (at, len, held.0, held.1);
        if let Some(&id) = known.get(&key) {
            return id;
        }
        let mut state = State {
            end: self.end(at, len, held.1),
            next: [0; 10],
        };
        if len < MAX_NATIONAL_DIGITS && !self.dfa.is_dead_state(at) {
            for digit in 0..10 {
                let next = self.dfa.next_state(at, b'0' + digit as u8);
                let held = self.holders.step(held, digit);
                state.next[digit] = self.visit(builder, known, next, len + 1, held);
            }
        }
        let id = builder.add(state);
        known.insert(key, id);
        id
    }

    /// What a national number of this length is that ends in this state.
    fn end(&self, at: StateID, len: usize, holder: u16) -> End {
        let eoi = self.dfa.next_eoi_state(at);
        let mut general = vec![false; self.group.len()];
        let mut leading = vec![false; self.group.len()];
        let mut kinds = vec![[false; 10]; self.group.len()];
        let mut end = End::default();
        if self.dfa.is_match_state(eoi) {
            for i in 0..self.dfa.match_len(eoi) {
                match self.meanings[self.dfa.match_pattern(eoi, i).as_usize()] {
                    Meaning::General { territory } => general[territory] = true,
                    Meaning::Kind { territory, kind } => kinds[territory][kind] = true,
                    Meaning::LeadingDigits { territory } => leading[territory] = true,
                    Meaning::Prefixed => end.prefixed = true,
                }
            }
        }
        let kind_in = |t: usize| kind(&self.group[t], len, general[t], &kinds[t]);
        // A territory that is alone is not asked for its leading digits.
        let territory = match self.group.len() {
            1 => Some(0),
            _ => (0..self.group.len()).find(|&t| match self.group[t].leading_digits {
                Some(_) => leading[t],
                None => kind_in(t).is_some(),
            }),
        };
        end.range = territory.and_then(|t| Some(((self.first + t) as u16, kind_in(t)?)));
        // Google's carrier data speaks of lines that can be mobile, and of pagers.
        if let Some((_, Kind::Mobile | Kind::FixedLineOrMobile | Kind::Pager)) = end.range {
            end.operator = holder;
        }
        end
    }
}

fn kind(territory: &Territory, len: usize, general: bool, kinds: &[bool; 10]) -> Option<Kind> {
    const BEFORE: [Kind; 8] = [
        Kind::PremiumRate,
        Kind::TollFree,
        Kind::SharedCost,
        Kind::Voip,
        Kind::PersonalNumber,
        Kind::Pager,
        Kind::Uan,
        Kind::Voicemail,
    ];
    let fits = |range: &Option<Range>, matched: bool| {
        matched
            && range
                .as_ref()
                .is_some_and(|r| r.lengths.is_empty() || r.lengths.contains(&(len as u8)))
    };
    if !fits(&territory.general, general) {
        return None;
    }
    let is = |k: usize| fits(&territory.kinds[k], kinds[k]);
    if let Some(k) = (0..BEFORE.len()).find(|&k| is(k)) {
        return Some(BEFORE[k]);
    }
    let one_pattern = territory.one_pattern();
    match (is(FIXED_LINE), is(MOBILE)) {
        (true, true) => Some(Kind::FixedLineOrMobile),
        (true, false) if one_pattern => Some(Kind::FixedLineOrMobile),
        (true, false) => Some(Kind::FixedLine),
        (false, true) if !one_pattern => Some(Kind::Mobile),
        _ => None,
    }
}
