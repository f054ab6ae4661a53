//! Pieces in their order, with what they weigh.

use std::collections::VecDeque;

use super::Piece;

/// A queue that knows its weight. `T` is what a stage notes with each piece.
#[derive(Debug)]
pub(super) struct Hold<T> {
    queue: VecDeque<(Piece, T)>,
    weight: usize,
}

impl<T> Default for Hold<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), weight: 0 }
    }
}

impl<T> Hold<T> {
    pub(super) fn push(&mut self, piece: Piece, note: T) {
        self.weight += piece.weight();
        self.queue.push_back((piece, note));
    }

    pub(super) fn first(&self) -> Option<&(Piece, T)> {
        self.queue.front()
    }

    pub(super) fn pop(&mut self) -> Option<(Piece, T)> {
        let (piece, note) = self.queue.pop_front()?;
        self.weight -= piece.weight();
        if self.queue.is_empty() {
            // A burst must not keep its memory for the rest of a quiet connection.
            self.queue.shrink_to(16);
        }
        Some((piece, note))
    }

    /// Takes at most so many bytes from the first piece; a piece that is not data goes as a whole.
    pub(super) fn pop_bytes(&mut self, most: usize) -> Option<Piece> {
        if let Some((Piece::Data(bytes), _)) = self.queue.front_mut()
            && bytes.len() > most
        {
            let part = bytes.split_to(most);
            self.weight -= part.len();
            return Some(Piece::Data(part));
        }
        self.pop().map(|(piece, _)| piece)
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut (Piece, T)> {
        self.queue.iter_mut()
    }

    pub(super) fn into_pieces(self) -> Vec<Piece> {
        self.queue.into_iter().map(|(piece, _)| piece).collect()
    }
}
