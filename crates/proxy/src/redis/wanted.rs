//! How much of a command must be known.

use std::net::IpAddr;
use std::sync::Arc;

use super::command::Command;
use super::rule::{About, Rule};
use super::special::Special;
use crate::rulebook::Live;

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
