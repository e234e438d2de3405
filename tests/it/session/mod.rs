//! A whole session with scripted peers: what each side gets for what the other one does.

mod closing;
mod content;
mod learning;
mod limits;
mod opening;
mod passing;
mod pressure;
mod sasl2;
