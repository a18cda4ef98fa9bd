//! The functions as the shells of hosts run them.

mod checkout;
mod compose;
