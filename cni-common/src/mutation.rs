//! Promises broken on purpose, to show that the fault harnesses notice. Only in a build with the feature
//! `mutations`, which no shipped program has.

/// Whether the promise of this name is to be broken: `TRESTLE_MUTATION` holds it.
#[cfg(feature = "mutations")]
pub fn is_broken(promise: &str) -> bool {
    std::env::var("TRESTLE_MUTATION").is_ok_and(|broken| broken == promise)
}

/// Never, in what is shipped.
#[cfg(not(feature = "mutations"))]
pub const fn is_broken(_: &str) -> bool {
    false
}
