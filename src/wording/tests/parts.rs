//! The parts of RMM.

use super::*;
use crate::domain::part::Part;

#[test]
fn every_part_of_rmm_has_a_name_in_every_language() {
    let told = |part: &Part| {
        assert_eq!(Part::of(part.as_str()), Some(*part));
        format!("{}\n  {}\n  {}\n", part.as_str(), Language::En.part(*part), Language::Ru.part(*part))
    };
    insta::assert_snapshot!(Part::ALL.iter().map(told).collect::<String>());
}
