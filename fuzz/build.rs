//! Compiles what asks expat and libxml2, which are linked as the system has them.

fn main() {
    let mut build = cc::Build::new();
    for library in ["expat", "libxml-2.0"] {
        match pkg_config::probe_library(library) {
            Ok(found) => build.includes(found.include_paths),
            Err(error) => panic!("{library} is missing; on Debian, `tests/run fuzz` installs it\n{error}"),
        };
    }
    build.file("src/opinions/parsers.c").std("c11").warnings(true).compile("parsers");
    println!("cargo::rerun-if-changed=src/opinions/parsers.c");
}
