//! A whole session with scripted peers: what each side gets for what the other one does.

mod accounts;
mod closing;
mod content;
mod draining;
mod external;
mod learning;
mod limits;
mod opening;
mod passing;
mod pressure;
mod sasl2;
mod signals;
