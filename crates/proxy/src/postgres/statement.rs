//! Statements, and under which names a session has prepared them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::kind::{Kind, Kinds};

/// A statement, or several in one text, as far as rules see it.
#[derive(Debug)]
pub(super) struct Statement {
    /// At most [`Statement::SEEN`] bytes of it.
    pub(super) text: Vec<u8>,
    pub(super) kinds: Kinds,
    /// Its first word, in capitals.
    pub(super) word: String,
}

impl Statement {
    /// So much of a text is looked at.
    const SEEN: usize = 16 * 1024;

    pub(super) fn of(sql: &[u8]) -> Self {
        let sql = &sql[..sql.len().min(Self::SEEN)];
        let (kinds, word) = Kinds::of(sql);
        Self { text: sql.to_vec(), kinds, word }
    }

    /// The start of a session.
    pub(super) fn connect() -> Self {
        Self { text: Vec::new(), kinds: Kinds::default().with(Kind::Connect), word: "CONNECT".to_owned() }
    }
}

/// Names of prepared statements or of portals. It forgets the oldest before it holds more than [`Named::MOST`].
#[derive(Debug, Default)]
pub(super) struct Named {
    statements: HashMap<Vec<u8>, Arc<Statement>>,
    order: VecDeque<Vec<u8>>,
    held: usize,
}

impl Named {
    /// What is held at most, in bytes.
    const MOST: usize = 128 * 1024;
    /// What a name costs besides its text.
    const ENTRY: usize = 128;

    fn cost(name: &[u8], statement: &Statement) -> usize {
        Self::ENTRY + 2 * name.len() + statement.text.len()
    }

    pub(super) fn set(&mut self, name: &[u8], statement: Arc<Statement>) {
        self.held += Self::cost(name, &statement);
        match self.statements.insert(name.to_vec(), statement) {
            Some(before) => self.held -= Self::cost(name, &before),
            None => self.order.push_back(name.to_vec()),
        }
        while self.held > Self::MOST {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(before) = self.statements.remove(&oldest) {
                self.held -= Self::cost(&oldest, &before);
            }
        }
    }

    pub(super) fn forget(&mut self, name: &[u8]) {
        if let Some(before) = self.statements.remove(name) {
            self.held -= Self::cost(name, &before);
            self.order.retain(|known| known != name);
        }
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<Arc<Statement>> {
        self.statements.get(name).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_the_oldest_are_forgotten() {
        let mut named = Named::default();
        named.set(b"", Arc::new(Statement::of(b"SELECT 1")));
        named.set(b"", Arc::new(Statement::of(b"SELECT 2")));
        assert_eq!(named.get(b"").unwrap().text, b"SELECT 2");
        for n in 0..1000 {
            named.set(format!("s{n}").as_bytes(), Arc::new(Statement::of(&vec![b'x'; 100_000])));
            assert!(named.held <= Named::MOST && named.statements.len() == named.order.len());
        }
        assert!(named.get(b"").is_none() && named.get(b"s0").is_none() && named.get(b"s999").is_some());
    }
}
