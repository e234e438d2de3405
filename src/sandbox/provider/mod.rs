//! A provider: accounts with visible identifiers, signed tokens with published keys, and a place for pushes.
