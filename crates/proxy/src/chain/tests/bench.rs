//! A chain with a clock of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use crate::chain::{Chain, Cut, Piece};
use crate::layer::Way;
use crate::toxic::{Live, Toxic};

#[derive(Clone, Debug)]
pub(super) enum Step {
    Come(usize),
    Wait(u64),
    Add(Value),
    /// Which one of those that are there, by a number of any size.
    Change(usize, Value),
    Remove(usize),
}

pub(super) fn live(document: &Value, id: u64, revision: u64) -> Arc<Live> {
    let (toxic, _) = Toxic::read(document).unwrap();
    Arc::new(Live { id, revision, toxic, seed: id, shared: Arc::default() })
}

/// Runs a chain, and collects what it lets go.
pub(super) struct Bench {
    pub(super) chain: Chain,
    pub(super) toxics: Vec<Arc<Live>>,
    pub(super) next: u64,
    pub(super) opened: Instant,
    pub(super) now: Instant,
    pub(super) came: Vec<u8>,
    pub(super) left: Vec<u8>,
    pub(super) ended: Option<Piece>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let now = tokio::time::Instant::now().into_std();
        Self {
            chain: Chain::new(Way::Downstream),
            toxics: Vec::new(),
            next: 1,
            opened: now,
            now,
            came: Vec::new(),
            left: Vec::new(),
            ended: None,
        }
    }

    pub(super) fn collect(&mut self, ready: Vec<Piece>) {
        for piece in ready {
            assert_eq!(self.ended, None, "nothing comes after the end");
            match piece {
                Piece::Data(bytes) => self.left.extend_from_slice(&bytes),
                other => self.ended = Some(other),
            }
        }
    }

    pub(super) fn run(&mut self) -> Option<Cut> {
        let mut ready = Vec::new();
        let cut = self.chain.run(self.now, &mut ready);
        self.collect(ready);
        cut
    }

    pub(super) fn publish(&mut self) -> Option<Cut> {
        let mut ready = Vec::new();
        let cut = self.chain.change(&self.toxics, 0, self.opened, self.now, &mut ready);
        self.collect(ready);
        cut
    }

    pub(super) fn come(&mut self, length: usize) {
        let bytes: Vec<u8> = (0..length).map(|at| ((self.came.len() + at) % 251) as u8).collect();
        self.came.extend_from_slice(&bytes);
        self.push(Piece::Data(Bytes::from(bytes)));
    }

    pub(super) fn push(&mut self, piece: Piece) {
        let mut ready = Vec::new();
        self.chain.push(piece, self.now, &mut ready);
        self.collect(ready);
    }

    pub(super) fn step(&mut self, step: Step) {
        let cut = match step {
            Step::Come(length) => {
                self.come(length);
                None
            }
            Step::Wait(micros) => {
                self.now += Duration::from_micros(micros);
                None
            }
            Step::Add(document) => {
                self.toxics.push(live(&document, self.next, 1));
                self.next += 1;
                self.publish()
            }
            Step::Change(which, document) if !self.toxics.is_empty() => {
                let which = which % self.toxics.len();
                let before = &self.toxics[which];
                if before.toxic.kind.name() == document["type"] {
                    self.toxics[which] = live(&document, before.id, before.revision + 1);
                }
                self.publish()
            }
            Step::Remove(which) if !self.toxics.is_empty() => {
                self.toxics.remove(which % self.toxics.len());
                self.publish()
            }
            Step::Change(..) | Step::Remove(_) => None,
        };
        assert_eq!(cut, None);
        assert_eq!(self.run(), None);
    }
}
