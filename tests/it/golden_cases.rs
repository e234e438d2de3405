//! Tables of what can be wrong with a file, and of the golden case that shows each. They judge no file themselves.

/// Declares a function that lists each variant of an error with its golden case: `(case, message)`, with the message as
/// the case shows it. The `match` that comes of the rows is exhaustive, so that a new variant without a case does not
/// compile. What no file can bring about stands in `never`, with the reason.
macro_rules! golden_cases {
    (
        $list:ident: $error:ty $(, never ($impossible:pat))?;
        $($pattern:pat => $shown:expr, $case:literal;)*
    ) => {
        fn $list() -> Vec<(&'static str, String)> {
            fn is_listed(error: $error) -> $error {
                match error {
                    $($pattern => error,)*
                    $($impossible => error,)?
                }
            }
            vec![$(($case, is_listed($shown).to_string()),)*]
        }
    };
}

pub(crate) use golden_cases;
