//! Tests of the pure recording decision.
