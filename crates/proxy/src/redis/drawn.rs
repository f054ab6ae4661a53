//! What rules make of a command.

use std::net::IpAddr;
use std::sync::Arc;

use super::command::Command;
use super::rule::{About, Rule};
use super::special::Special;
use crate::groups::Side;
use crate::rulebook::Live;

/// What the rules make of a command.
#[derive(Default)]
pub(super) struct Drawn<'a> {
    /// The first rule that hits it, and the chance that was drawn for it.
    pub(super) hit: Option<(&'a Live<Rule>, f64)>,
    /// Its group; `None` when no rule is about it.
    pub(super) side: Option<Side>,
}

pub(super) fn drawn<'a>(
    command: &Command<'_>,
    rules: &'a [Arc<Live<Rule>>],
    client: Option<IpAddr>,
) -> Drawn<'a> {
    let mut side = None;
    for rule in rules {
        if !matches!(rule.rule.about(command, client), About::Yes | About::YesWithKeyAt(_)) {
            continue;
        }
        let (number, chance) = rule.draw();
        if rule.rule.share.takes(number, chance) {
            return Drawn { hit: Some((&**rule, chance)), side: Some(Side::Hit) };
        }
        side = Some(Side::Spared);
    }
    Drawn { hit: None, side }
}

/// How many arguments must be known to say what becomes of a command.
pub(super) fn wanted(command: &Command<'_>, rules: &[Arc<Live<Rule>>], client: Option<IpAddr>) -> usize {
    if command.known() == 0 {
        return 1;
    }
    let mut wanted = match Special::of(command) {
        Special::Client if command.known() < 2 => 2,
        Special::Client if command.is(1, b"reply") => 3,
        _ => 1,
    };
    for rule in rules {
        if let About::More(more) | About::YesWithKeyAt(more) = rule.rule.about(command, client) {
            wanted = wanted.max(more);
        }
    }
    wanted
}
