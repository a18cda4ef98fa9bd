//! Every screen in both languages, as it was reviewed.

/// Compares screens with what was reviewed.
macro_rules! seen {
    ($name:expr, $shot:expr) => {{
        let shot: String = $shot;
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../snapshots" }, {
            insta::assert_snapshot!($name, shot);
        });
    }};
}

mod hosts;
mod releases;
mod rig;
mod trouble;
