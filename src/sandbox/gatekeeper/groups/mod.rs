//! Groups: people who are in one, and write to all of it at once. Both the gatekeeper's own users and the providers' can
//! be.
//!
//! A group has an address of its own, below the domain `groups.HOST`. What is asked of it goes there by iq
//! (`requests`), what is said in it by message (`messages`); `register` knows who is in it. A sender is shown as the
//! group's resource, by its local part here: for a provider's user the internal identifier. Who is not in a group
//! learns neither who is nor whether it exists.

mod messages;
mod register;
mod requests;
#[cfg(test)]
mod tests;

pub(super) use register::Groups;
