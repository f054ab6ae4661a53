//! The two macros that documents are declared with.

/// Declares a mapping with known keys.
///
/// A field is `required` (without it the whole is not read), `wanted` (its lack is a mistake, and reading goes on),
/// `optional`, or `flatten` (the keys of another document, beside these).
macro_rules! document {
    (
        $(#[doc = $about:literal])*
        struct $name:ident $(one_of($what:literal: $($one:literal),+))? $(later($($later:literal => $help:literal),+))? {
            $( $(#[doc = $doc:literal])* $field:ident: $mode:ident $type:ty ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name {
            $( $(#[doc = $doc])* pub(crate) $field: $crate::shape::document!(@type $mode $type), )*
        }

        impl $crate::shape::Shape for $name {
            fn read(node: &$crate::node::Node, notes: &mut $crate::notes::Notes<'_>) -> Option<Self> {
                $crate::shape::whole(node, notes)
            }

            fn schema() -> serde_json::Value {
                let about = $crate::shape::prose(&[$($about),*]);
                $crate::shape::object_schema(&about, <Self as $crate::shape::Document>::describe())
            }

            fn may_be_empty() -> bool {
                true
            }
        }

        impl $crate::shape::Document for $name {
            #[allow(clippy::vec_init_then_push, unused_mut, reason = "one macro for empty and full documents")]
            fn keys() -> Vec<String> {
                let mut keys = Vec::new();
                $( $crate::shape::document!(@key $mode $type, $field, keys); )*
                keys
            }

            #[allow(unused_mut, reason = "one macro for empty and full documents")]
            fn later() -> Vec<(&'static str, &'static str)> {
                let mut later: Vec<(&'static str, &'static str)> = vec![$($(($later, $help)),+)?];
                $( $crate::shape::document!(@later $mode $type, later); )*
                later
            }

            #[allow(unused_variables, reason = "one macro for empty and full documents")]
            fn fields(node: &$crate::node::Node, notes: &mut $crate::notes::Notes<'_>) -> Option<Self> {
                $( let single = $crate::shape::one_of(node, $what, &[$($one),+], notes); )?
                $( let $field = $crate::shape::document!(@read $mode $type, $field, node, notes); )*
                $( let _: &str = $what; if !single { return None; } )?
                Some(Self { $( $field: $crate::shape::document!(@keep $mode $field) ),* })
            }

            #[allow(unused_mut, reason = "one macro for empty and full documents")]
            fn describe() -> $crate::shape::Description {
                let mut description = $crate::shape::Description::default();
                $( $crate::shape::document!(@describe $mode $type, $field, description, $crate::shape::prose(&[$($doc),*])); )*
                $( description.one_of.push(vec![$($one.to_owned()),+]); )?
                description
            }
        }
    };
    (@type required $type:ty) => { $type };
    (@type flatten $type:ty) => { $type };
    (@type $mode:ident $type:ty) => { Option<$type> };
    (@key flatten $type:ty, $field:ident, $keys:ident) => {
        $keys.extend(<$type as $crate::shape::Document>::keys());
    };
    (@key $mode:ident $type:ty, $field:ident, $keys:ident) => {
        $keys.push($crate::shape::key(stringify!($field)));
    };
    (@later flatten $type:ty, $later:ident) => {
        $later.extend(<$type as $crate::shape::Document>::later());
    };
    (@later $mode:ident $type:ty, $later:ident) => {};
    (@read flatten $type:ty, $field:ident, $node:ident, $notes:ident) => {
        <$type as $crate::shape::Document>::fields($node, $notes)
    };
    (@read optional $type:ty, $field:ident, $node:ident, $notes:ident) => {
        $crate::shape::optional::<$type>($node, &$crate::shape::key(stringify!($field)), $notes)
    };
    (@read $mode:ident $type:ty, $field:ident, $node:ident, $notes:ident) => {
        $crate::shape::required::<$type>($node, &$crate::shape::key(stringify!($field)), $notes)
    };
    (@keep required $field:ident) => { $field? };
    (@keep flatten $field:ident) => { $field? };
    (@keep $mode:ident $field:ident) => { $field };
    (@describe flatten $type:ty, $field:ident, $description:ident, $prose:expr) => {
        let inner = <$type as $crate::shape::Document>::describe();
        $description.properties.extend(inner.properties);
        $description.required.extend(inner.required);
        $description.one_of.extend(inner.one_of);
    };
    (@describe optional $type:ty, $field:ident, $description:ident, $prose:expr) => {
        let schema = $crate::shape::described(<$type as $crate::shape::Shape>::schema(), &$prose);
        $description.properties.insert($crate::shape::key(stringify!($field)), schema);
    };
    (@describe $mode:ident $type:ty, $field:ident, $description:ident, $prose:expr) => {
        let schema = $crate::shape::described(<$type as $crate::shape::Shape>::schema(), &$prose);
        $description.required.push($crate::shape::key(stringify!($field)));
        $description.properties.insert($crate::shape::key(stringify!($field)), schema);
    };
}

/// Declares a mapping with exactly one key, which says what is meant.
macro_rules! choice {
    (
        $(#[doc = $about:literal])*
        enum $name:ident($what:literal) $(later($($later:literal => $help:literal),+))? {
            $( $(#[doc = $doc:literal])* $variant:ident($key:literal): $type:ty ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        #[allow(clippy::large_enum_variant, reason = "read once; a box would stand in every use")]
        pub(crate) enum $name {
            $( $(#[doc = $doc])* $variant($type), )*
        }

        impl $crate::shape::Shape for $name {
            fn read(node: &$crate::node::Node, notes: &mut $crate::notes::Notes<'_>) -> Option<Self> {
                let known: Vec<String> = vec![$($key.to_owned()),*];
                let later: &[(&str, &str)] = &[$($(($later, $help)),+)?];
                let (name, _) = $crate::shape::chosen(node, $what, &known, later, notes)?;
                match name.value.as_str() {
                    $( $key => $crate::shape::optional::<$type>(node, $key, notes).map(Self::$variant), )*
                    _ => None,
                }
            }

            fn schema() -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                $(
                    let prose = $crate::shape::prose(&[$($doc),*]);
                    let schema = $crate::shape::described(<$type as $crate::shape::Shape>::schema(), &prose);
                    properties.insert($key.to_owned(), schema);
                )*
                serde_json::json!({
                    "description": $crate::shape::prose(&[$($about),*]),
                    "type": "object",
                    "properties": properties,
                    "additionalProperties": false,
                    "minProperties": 1,
                    "maxProperties": 1,
                })
            }
        }
    };
}

pub(crate) use {choice, document};
