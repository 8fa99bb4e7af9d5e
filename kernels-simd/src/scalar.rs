//! The oracle: every kernel in plain Rust, the definition that backends are compared with, and what
//! runs where there is no backend.

pub mod activation;
pub mod embedding;
pub mod matrix;
pub mod matrix_i4;
pub mod matrix_pair;
pub mod state;
pub mod state16;
pub mod vector;
