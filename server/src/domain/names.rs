//! One list for each closed set of values: its variants and their `snake_case` names, as they stand in the database and in JSON.

/// Declares a field-less enum with `ALL`, `name()` and serde in `snake_case`.
///
/// The name is written out beside each variant so that the stored value is visible and never depends on a case conversion.
#[macro_export]
macro_rules! named_enum {
    ($(#[$meta:meta])* $type:ident { $($(#[$variant_meta:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $type {
            $($(#[$variant_meta])* #[serde(rename = $name)] $variant),+
        }

        impl $type {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in `snake_case`, as stored in the database.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}
