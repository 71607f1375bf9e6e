# From `cargo metadata`, the list of linked crates and Cargo.lock's checksums to a CycloneDX document.
def of($text): $text | split(" ");
def crate_ref: if .source == null then "trestle:\(.name)" else "pkg:cargo/\(.name)@\(.version)" end;
def expression: .license // error("\(.name) has no licence") | gsub(" */ *"; " OR ");

def crate($checksums):
  { type: "library", "bom-ref": crate_ref, name, version, scope: "required",
    licenses: [{ expression: expression }] }
  + (if .source == null then {} else {
      purl: "pkg:cargo/\(.name)@\(.version)",
      hashes: [{ alg: "SHA-256", content: $checksums["\(.name) \(.version)"] }] } end)
  + (if .description then { description: (.description | gsub("\\s+"; " ") | sub("^ "; "") | sub(" $"; "")) } else {} end)
  + (if .repository then { externalReferences: [{ type: "vcs", url: .repository }] } else {} end);

# A static library out of a Debian package, "package version".
def debian($name; $from; $licence; $what):
  { type: "library", "bom-ref": "debian:\($name)", name: $name, version: of($from)[1], scope: "required",
    purl: "pkg:deb/debian/\(of($from)[0])@\(of($from)[1] | @uri)?arch=\($arch)", description: $what,
    licenses: [{ expression: $licence }] };

($rustc | split(" ")[1]) as $rust
| . as $all
| [.packages[] | select(("\(.name) \(.version)" | IN($linked[0][])))] as $crates
| ($crates | map({ key: .id, value: crate_ref }) | from_entries) as $refs
| ($crates[] | select(.name == "trestle" and .source == null)) as $root
| {
    bomFormat: "CycloneDX", specVersion: "1.6", serialNumber: "urn:uuid:\($serial)", version: 1,
    metadata: {
      timestamp: $time,
      component: {
        type: "application", "bom-ref": "trestle:trestle", name: "trestle", version: $version,
        description: "CNI plugins bridge, host-local and loopback, in one static program",
        licenses: [{ license: { id: "Apache-2.0" } }],
        hashes: [{ alg: "SHA-256", content: $sha256 }, { alg: "SHA-512", content: $sha512 }],
        externalReferences: [{ type: "vcs", url: $url }] },
      properties: [
        { name: "trestle:commit", value: $commit },
        { name: "trestle:program-commit", value: $program_commit },
        { name: "trestle:target", value: $target },
        { name: "trestle:compiler", value: $rustc }] },
    components: (
      [$crates[] | select(.id != $root.id) | crate($checksums[0])]
      + [{ type: "library", "bom-ref": "rust:std", name: "rust-std", version: $rust, scope: "required",
           purl: "pkg:generic/rust-std@\($rust)", licenses: [{ expression: "MIT OR Apache-2.0" }],
           description: "The Rust standard library, with the crates that it carries",
           externalReferences: [{ type: "vcs", url: "https://github.com/rust-lang/rust" }] },
         debian("glibc"; $libc; "LGPL-2.1-or-later"; "The GNU C Library, linked statically"),
         debian("libgcc"; $libgcc; "GPL-3.0-or-later WITH GCC-exception-3.1"; "The GCC runtime library")]
      | sort_by(."bom-ref")),
    dependencies: (
      [$all.resolve.nodes[] | select($refs[.id])
        | { ref: $refs[.id],
            dependsOn: ([.deps[] | select(any(.dep_kinds[]; .kind == null)) | $refs[.pkg] | values] | unique
              | if . == [] then ["rust:std"] else . end) }]
      + [{ ref: "rust:std", dependsOn: ["debian:glibc", "debian:libgcc"] },
         { ref: "debian:glibc", dependsOn: [] }, { ref: "debian:libgcc", dependsOn: [] }]
      | sort_by(.ref))
  }
