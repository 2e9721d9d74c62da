//! How the program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" && target("ARCH") == "x86_64" {
        // A program at a fixed address needs no relocations, which take a tenth of
        // a command's time: sixty pages are written before `main` is entered.
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
