//! National and international prefixes: patterns whose first match is cut off or rewritten.
//!
//! A backtracking matcher prefers the first way in which a pattern can match. Here every pattern is
//! taken apart into those ways, in that order, each with a fixed length and fixed places of its
//! groups; an automaton over all ways that respects the order then tells the way, and with it
//! everything that there is to know about the match.

use crate::Error;
use crate::automaton::{dfa, parse, start_of};
use regex_automata::MatchKind;
use regex_automata::dfa::{Automaton as _, dense::DFA};
use regex_automata::util::primitives::StateID;
use regex_syntax::hir::{Hir, HirKind, Look};
use std::collections::HashMap;

/// One way in which a pattern can match.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// What it looks like.
    pub(crate) hir: Hir,
    /// Its length in digits.
    pub(crate) len: usize,
    /// It must reach the end of the number.
    pub(crate) at_end: bool,
    /// Where each group starts and how long it is, if it took part.
    pub(crate) groups: Vec<(u32, usize, usize)>,
}

/// The ways of a pattern in the order in which a backtracking matcher would try them; neighbours
/// that differ in no length are one.
pub(crate) fn ways(pattern: &str) -> Result<Vec<Way>, Error> {
    expand(&parse(pattern)?).ok_or_else(|| {
        Error::new(format!(
            "the prefix {pattern} can match in ways without a fixed length"
        ))
    })
}

fn expand(hir: &Hir) -> Option<Vec<Way>> {
    let plain = |hir: Hir, len: usize| {
        vec![Way {
            hir,
            len,
            at_end: false,
            groups: Vec::new(),
        }]
    };
    Some(match hir.kind() {
        HirKind::Empty => plain(Hir::empty(), 0),
        HirKind::Literal(literal) => plain(hir.clone(), literal.0.len()),
        HirKind::Class(_) => plain(hir.clone(), 1),
        HirKind::Look(Look::End) => vec![Way {
            hir: hir.clone(),
            len: 0,
            at_end: true,
            groups: Vec::new(),
        }],
        HirKind::Look(_) => return None,
        HirKind::Repetition(repetition) => {
            let max = repetition.max?;
            let mut counts: Vec<u32> = (repetition.min..=max).collect();
            if repetition.greedy {
                counts.reverse();
            }
            let each = expand(&repetition.sub)?;
            let mut all = Vec::new();
            for count in counts {
                all.extend((0..count).try_fold(plain(Hir::empty(), 0), |ways, _| {
                    Some(merge(concat(&ways, &each)))
                })?);
            }
            merge(all)
        }
        HirKind::Capture(capture) => {
            let mut ways = expand(&capture.sub)?;
            for way in &mut ways {
                way.groups.push((capture.index, 0, way.len));
            }
            ways
        }
        HirKind::Concat(parts) => parts
            .iter()
            .try_fold(plain(Hir::empty(), 0), |ways, part| {
                Some(merge(concat(&ways, &expand(part)?)))
            })?,
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(expand(part)?);
            }
            merge(all)
        }
    })
}

fn concat(heads: &[Way], tails: &[Way]) -> Vec<Way> {
    let mut all = Vec::new();
    for head in heads {
        for tail in tails {
            // Nothing can follow the end of the number.
            if head.at_end && tail.len > 0 {
                continue;
            }
            let mut groups = head.groups.clone();
            groups.extend(
                tail.groups
                    .iter()
                    .map(|&(group, start, len)| (group, head.len + start, len)),
            );
            all.push(Way {
                hir: Hir::concat(vec![head.hir.clone(), tail.hir.clone()]),
                len: head.len + tail.len,
                at_end: head.at_end || tail.at_end,
                groups,
            });
        }
    }
    all
}

fn merge(ways: Vec<Way>) -> Vec<Way> {
    let mut merged: Vec<Way> = Vec::new();
    for way in ways {
        match merged.last_mut() {
            Some(last)
                if (last.len, last.at_end, &last.groups) == (way.len, way.at_end, &way.groups) =>
            {
                let either = vec![last.hir.clone(), way.hir];
                last.hir = Hir::alternation(either);
            }
            _ => merged.push(way),
        }
    }
    merged
}

/// Automata that read the start of a number: for each state where a digit leads, what is done if
/// the match ends here, and what if the number ends here too. State 0 is the dead one, and 0 as an
/// action is none. Equal futures are one state, also of different automata.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(crate) states: Vec<ReaderState>,
    ids: HashMap<ReaderState, u16>,
}

#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct ReaderState {
    pub(crate) next: [u16; 10],
    pub(crate) action: u16,
    pub(crate) action_at_end: u16,
}

impl Readers {
    pub(crate) fn new() -> Readers {
        Readers {
            states: vec![ReaderState::default()],
            ids: HashMap::from([(ReaderState::default(), 0)]),
        }
    }

    /// Adds an automaton that prefers the first of these patterns that can match; its first state.
    pub(crate) fn add(&mut self, patterns: &[Hir], actions: &[u16]) -> Result<u16, Error> {
        let dfa = dfa(patterns, MatchKind::LeftmostFirst)?;
        let start = start_of(&dfa)?;
        self.visit(&dfa, actions, &mut HashMap::new(), start, 0)
    }

    fn visit(
        &mut self,
        dfa: &DFA<Vec<u32>>,
        actions: &[u16],
        known: &mut HashMap<StateID, u16>,
        at: StateID,
        depth: usize,
    ) -> Result<u16, Error> {
        if let Some(&id) = known.get(&at) {
            return Ok(id);
        }
        if depth > LONGEST {
            return Err(Error::new("a prefix without an end".into()));
        }
        let action = |state: StateID| match dfa.is_match_state(state) {
            true => actions[dfa.match_pattern(state, 0).as_usize()],
            false => 0,
        };
        // A match is known one step after it ended.
        let mut state = ReaderState {
            next: [0; 10],
            action: action(dfa.next_state(at, b'x')),
            action_at_end: action(dfa.next_eoi_state(at)),
        };
        for digit in 0..10 {
            let next = dfa.next_state(at, b'0' + digit as u8);
            if !dfa.is_dead_state(next) {
                state.next[digit] = self.visit(dfa, actions, known, next, depth + 1)?;
            }
        }
        let id = match self.ids.get(&state) {
            Some(&id) => id,
            None => {
                let id = u16::try_from(self.states.len())
                    .map_err(|_| Error::new("too many prefixes".into()))?;
                self.states.push(state);
                self.ids.insert(state, id);
                id
            }
        };
        known.insert(at, id);
        Ok(id)
    }
}

/// No pattern looks at more digits.
const LONGEST: usize = 40;
