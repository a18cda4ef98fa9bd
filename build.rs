//! Migrations and assets are embedded at compile time, so a new one has to be noticed.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=assets");
}
