//! The functions as the shells of hosts run them.

mod checkout;
mod compose;
mod damage;
mod told;
mod work;

#[test]
fn no_function_replaces_another() {
    let mut names: Vec<_> =
        super::TOOLS.iter().flat_map(|part| part.lines()).filter_map(|line| line.strip_suffix("() {")).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(!names.is_empty() && twice.is_empty(), "{twice:?}");
}
