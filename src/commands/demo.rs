//! `vestibule demo`: the whole system on this machine, without any set-up.
