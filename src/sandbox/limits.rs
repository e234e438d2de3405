//! Limits that several parties have in common.

use std::time::Duration;

/// Of a visible identifier and of a password, in characters.
pub const LONGEST_TEXT: usize = 320;
/// Of what can be configured: how long a token or a key is good, how long a session can be resumed.
pub const SHORTEST_TIME: Duration = Duration::from_secs(1);
pub const LONGEST_TIME: Duration = Duration::from_hours(30 * 24);
