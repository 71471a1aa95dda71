//! Numbers that pass through every part of a plan.

use numbering_plan_compiler::automaton::Automaton;

/// A cover of the automaton, in ASCII digits: for every state the shortest digits that lead there,
/// then each next digit in turn, then on to a number that is valid, by a way that the dice choose,
/// if there is any; `each` of them. Where a digit leads nowhere, zeros are added until the number is
/// as long as a valid one from that state would be.
pub fn cover(
    automaton: &Automaton,
    each: usize,
    mut dice: impl FnMut(usize) -> usize,
) -> Vec<String> {
    let states = &automaton.states;
    // Children come before their parents.
    let mut leads_on = vec![false; states.len()];
    for (at, state) in states.iter().enumerate() {
        leads_on[at] =
            state.end.range.is_some() || state.next.iter().any(|&next| leads_on[next as usize]);
    }
    let mut shortest: Vec<Option<String>> = vec![None; states.len()];
    shortest[automaton.root as usize] = Some(String::new());
    let mut queue = std::collections::VecDeque::from([automaton.root]);
    let mut numbers = Vec::new();
    while let Some(at) = queue.pop_front() {
        let path = shortest[at as usize].clone().unwrap_or_default();
        let mut usual = 0;
        for digit in 0..10 {
            let next = states[at as usize].next[digit];
            let path = format!("{path}{digit}");
            if next != 0 && shortest[next as usize].is_none() {
                shortest[next as usize] = Some(path.clone());
                queue.push_back(next);
            }
            for _ in 0..each {
                let mut number = path.clone();
                let mut at = next;
                while leads_on[at as usize] {
                    let state = &states[at as usize];
                    let ways: Vec<usize> = (0..10)
                        .filter(|&d| leads_on[state.next[d] as usize])
                        .collect();
                    if ways.is_empty() || state.end.range.is_some() && dice(2) == 0 {
                        break;
                    }
                    let digit = ways[dice(ways.len())];
                    number.push(char::from(b'0' + digit as u8));
                    at = state.next[digit];
                }
                match leads_on[next as usize] {
                    true => usual = usual.max(number.len()),
                    false => {
                        while number.len() < usual {
                            number.push(char::from(b'0' + dice(10) as u8));
                        }
                    }
                }
                numbers.push(number);
            }
        }
    }
    numbers
}
