//! What all policy kinds share: loading YAML with positions, all errors at once, nearest names, JSON Schema.
