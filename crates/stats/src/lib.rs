//! Comparing two stretches of measurements so that the answer can be defended.
