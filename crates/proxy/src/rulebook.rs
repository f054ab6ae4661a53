//! The rules of one proxy, read by all of its connections and changed while they run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Instant;

use crate::dice::chance;
use crate::groups::{Groups, Side, Ticket};
use crate::share::Share;

/// A rule that is in force, with its counts.
#[derive(Debug)]
pub struct Live<R> {
    /// Its name.
    pub name: String,
    /// What it says.
    pub rule: R,
    /// Requests that matched it, hit or spared by chance.
    matched: AtomicU64,
    /// Requests that it hit, also as what it was before it was changed.
    hits: Arc<AtomicU64>,
    seed: u64,
    /// The share of requests that chance leaves to the rule, from 0 to 1.
    share: f64,
}

impl<R> Live<R> {
    /// A rule whose chances are drawn from this seed: the same seed spares and hits the same requests.
    pub fn new(name: impl Into<String>, rule: R, seed: u64) -> Self {
        Self { name: name.into(), rule, matched: AtomicU64::new(0), hits: Arc::default(), seed, share: 1.0 }
    }

    /// Leaves the rule this share of the requests that it would hit (a toxic's toxicity, from 0 to 1).
    #[must_use]
    pub fn sparing(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// Goes on with the hits of what the rule was before it was changed.
    #[must_use]
    pub fn in_place_of(mut self, before: &Self) -> Self {
        self.hits = Arc::clone(&before.hits);
        self
    }

    /// Notes that a request matches, and where the rule's `share` takes it, that it is hit. The chance that was drawn for
    /// the hit is even from 0 to below 1 for a rule that takes all.
    pub fn strike(&self, share: &Share) -> Option<f64> {
        let number = self.matched.fetch_add(1, Ordering::Relaxed);
        // Stretched, so that it falls below any limit of the rule's own less often by just that share. Nothing is below
        // an infinite one.
        let chance = if self.share > 0.0 { chance(self.seed, number) / self.share } else { f64::INFINITY };
        share.takes(number, chance).then(|| {
            self.hits.fetch_add(1, Ordering::Relaxed);
            chance
        })
    }

    /// Requests that matched, and those of them that were hit.
    pub fn counts(&self) -> (u64, u64) {
        (self.matched.load(Ordering::Relaxed), self.hits.load(Ordering::Relaxed))
    }
}

/// The rules in force, in their order, and what came of the requests that they are about. Clones are handles to the same
/// book.
#[derive(Debug)]
pub struct Rulebook<R> {
    page: Arc<RwLock<Page<R>>>,
    groups: Arc<Groups>,
}

/// The rules at one time.
type Page<R> = Arc<[Arc<Live<R>>]>;

impl<R> Clone for Rulebook<R> {
    fn clone(&self) -> Self {
        Self { page: Arc::clone(&self.page), groups: Arc::clone(&self.groups) }
    }
}

impl<R> Default for Rulebook<R> {
    fn default() -> Self {
        Self { page: Arc::new(RwLock::new(Arc::new([]))), groups: Arc::default() }
    }
}

impl<R> Rulebook<R> {
    /// The rules now. Asked anew for every request, so that a change is in force at once.
    pub fn current(&self) -> Arc<[Arc<Live<R>>]> {
        Arc::clone(&self.page.read().expect("nobody panics with the book in hand"))
    }

    /// Replaces all rules at once. Waits for no connection.
    pub fn replace(&self, rules: Vec<Arc<Live<R>>>) {
        *self.page.write().expect("nobody panics with the book in hand") = rules.into();
    }

    /// What came of the requests that were hit, and of those that were spared.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// A request of this group is under way since `asked`.
    pub(crate) fn ticket(&self, side: Option<Side>, asked: Instant) -> Option<Ticket> {
        side.map(|side| Ticket::new(&self.groups, side, asked))
    }
}

/// What rules make of a request that one of them may hit.
#[derive(Debug)]
pub(crate) struct Drawn<'a, R> {
    /// The first rule that hits it, and the chance that was drawn for it.
    pub(crate) hit: Option<(&'a Live<R>, f64)>,
    /// Its group; `None` when no rule is about it.
    pub(crate) side: Option<Side>,
}

impl<R> Default for Drawn<'_, R> {
    fn default() -> Self {
        Self { hit: None, side: None }
    }
}

impl<'a, R> Drawn<'a, R> {
    /// Asks the rules in their order, until one hits. `about` gives the share of those that are about the request.
    pub(crate) fn of(rules: &'a [Arc<Live<R>>], about: impl Fn(&'a R) -> Option<&'a Share>) -> Self {
        let mut side = None;
        for live in rules {
            let Some(share) = about(&live.rule) else { continue };
            if let Some(chance) = live.strike(share) {
                return Self { hit: Some((live, chance)), side: Some(Side::Hit) };
            }
            side = Some(Side::Spared);
        }
        Self { hit: None, side }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_book_is_seen_by_every_handle_and_counts_stay_with_the_rule() {
        let book = Rulebook::default();
        let reader = book.clone();
        let rule = Arc::new(Live::new("slow", "GET", 1));
        book.replace(vec![Arc::clone(&rule)]);
        let second = Share::new(None, None, Some(2)).unwrap();
        let struck = [(); 2].map(|()| reader.current()[0].strike(&second).is_some());
        assert_eq!((struck, rule.counts()), ([false, true], (2, 1)));
        book.replace(Vec::new());
        assert!(reader.current().is_empty());
    }

    #[test]
    fn the_first_rule_about_a_request_that_hits_is_the_only_one_that_counts_it() {
        let second = Share::new(None, None, Some(2)).unwrap();
        let rules = ["other", "GET", "GET"].map(|rule| Arc::new(Live::new(rule, rule, 1)));
        let counts = || rules.each_ref().map(|live| live.counts());
        let ask = |word: &str| {
            let drawn = Drawn::of(&rules, |rule| (*rule == word).then_some(&second));
            (drawn.hit.is_some(), drawn.side)
        };
        assert_eq!((ask("SET"), counts()), ((false, None), [(0, 0); 3]));
        assert_eq!((ask("GET"), counts()), ((false, Some(Side::Spared)), [(0, 0), (1, 0), (1, 0)]));
        assert_eq!((ask("GET"), counts()), ((true, Some(Side::Hit)), [(0, 0), (2, 1), (1, 0)]));
    }
}
