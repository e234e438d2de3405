//! `vestibule inspect`: reads one direction of a stream from standard input, prints a line for each frame.
