//! The crates of the converter build on each other in one direction, and their modules too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, TargetKind};

/// The crates of `converter/`: each may depend on those before it alone, and is what users of it
/// get. The last is the command.
const ORDER: [&str; 7] = [
    "sla-reference",
    "sla-checkpoint",
    "sla-mapping",
    "sla-eval",
    "sla-convert",
    "sla-chips",
    "sla-converter",
];
/// What a command line needs and no library.
const COMMAND_LINE: [&str; 4] = ["clap", "clap_complete", "clap_mangen", "indicatif"];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .other_options(["--locked".to_string()])
        .exec()
        .expect("cargo metadata")
}

fn package<'m>(metadata: &'m Metadata, name: &str) -> &'m Package {
    metadata
        .workspace_packages()
        .into_iter()
        .find(|p| p.name.as_str() == name)
        .unwrap_or_else(|| panic!("no package {name}"))
}

/// Names of what a package depends on, outside its tests.
fn dependencies(package: &Package) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .filter(|d| d.kind != DependencyKind::Development)
        .map(|d| d.name.as_str())
        .collect()
}

#[test]
fn the_converters_crates_depend_in_one_direction() {
    let metadata = metadata();
    for (i, name) in ORDER.iter().enumerate() {
        let package = package(&metadata, name);
        let own = dependencies(package);
        let later: Vec<_> = ORDER[i..].iter().filter(|n| own.contains(**n)).collect();
        assert!(later.is_empty(), "{name} depends on {later:?}");
        // Each folder is named after its crate; the command's is the folder of them all.
        let folder = package.manifest_path.parent().expect("a folder");
        let last = name.trim_start_matches("sla-");
        assert_eq!(folder.file_name(), Some(last), "{name}");
        let is_library = package.targets.iter().any(|t| t.is_kind(TargetKind::Lib));
        assert_eq!(is_library, *name != "sla-converter", "{name}");
    }
}

#[test]
fn no_library_forces_a_command_line_on_its_users() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    for name in &ORDER[..ORDER.len() - 1] {
        let mut seen = BTreeSet::new();
        let mut next = vec![&package(&metadata, name).id];
        while let Some(id) = next.pop() {
            if !seen.insert(id) {
                continue;
            }
            let node = resolve.nodes.iter().find(|n| n.id == *id).expect("a node");
            let built = node.deps.iter().filter(|d| {
                let kinds = d.dep_kinds.iter();
                kinds
                    .into_iter()
                    .any(|k| k.kind != DependencyKind::Development)
            });
            next.extend(built.map(|d| &d.pkg));
        }
        let forced: Vec<&str> = seen
            .iter()
            .map(|id| metadata[*id].name.as_str())
            .filter(|n| COMMAND_LINE.contains(n))
            .collect();
        assert!(forced.is_empty(), "{name} brings {forced:?}");
    }
}

#[test]
fn what_is_published_needs_nothing_that_is_not() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let private: BTreeSet<&str> = packages
        .iter()
        .filter(|p| p.publish.as_ref().is_some_and(Vec::is_empty))
        .map(|p| p.name.as_str())
        .collect();
    assert!(private.contains("sla-test-models"));
    for package in packages
        .iter()
        .filter(|p| !private.contains(p.name.as_str()))
    {
        let needed = dependencies(package);
        assert!(needed.is_disjoint(&private), "{}: {needed:?}", package.name);
    }
}

/// The modules of a crate and what each uses of the crate, tests aside: `use crate::…` and
/// `use super::…`, by file.
fn module_uses(src: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut files = BTreeMap::new();
    collect(src, "", &mut files);
    let names: BTreeSet<String> = files.keys().cloned().collect();
    // The longest module that a path begins with.
    let module = |path: &[&str]| {
        (1..=path.len())
            .rev()
            .map(|n| path[..n].join("::"))
            .find(|m| names.contains(m))
    };
    let mut uses = BTreeMap::new();
    for (name, text) in &files {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
        let own: Vec<&str> = name.split("::").filter(|p| !p.is_empty()).collect();
        let mut found = BTreeSet::new();
        for (root, base) in [
            ("crate::", &[][..]),
            ("super::", &own[..own.len().saturating_sub(1)]),
        ] {
            for rest in code.split(root).skip(1) {
                for path in paths(rest) {
                    let path: Vec<&str> = base.iter().copied().chain(path.split("::")).collect();
                    found.extend(module(&path).filter(|m| m != name));
                }
            }
        }
        uses.insert(name.clone(), found);
    }
    uses
}

/// The source files below a folder by the paths of their modules; the root's is empty.
fn collect(dir: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(dir).expect("a source folder") {
        let path = entry.expect("an entry").path();
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let joined = match prefix {
            "" => stem.clone(),
            _ => format!("{prefix}::{stem}"),
        };
        if path.is_dir() {
            collect(&path, &joined, files);
        } else if path.extension().is_some_and(|e| e == "rs") && stem != "tests" {
            let name = match stem.as_str() {
                "lib" | "main" | "mod" => prefix.to_string(),
                _ => joined,
            };
            files.insert(name, std::fs::read_to_string(&path).expect("a source file"));
        }
    }
}

/// The paths at the start of `rest`, a group in braces multiplied out, one level deep.
fn paths(rest: &str) -> Vec<String> {
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
        .unwrap_or(rest.len());
    let head = rest[..end].trim_end_matches(':');
    let Some(group) = rest[end..]
        .strip_prefix('{')
        .and_then(|g| g.split('}').next())
    else {
        return vec![head.to_string()];
    };
    let items = group.split(',').map(str::trim).filter(|i| !i.is_empty());
    let join = |item: &str| match head {
        "" => item.to_string(),
        _ => format!("{head}::{item}"),
    };
    items.map(join).collect()
}

#[test]
fn modules_make_no_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../converter");
    let mut circles = Vec::new();
    for name in ORDER {
        let folder = match name {
            "sla-converter" => root.join("src"),
            _ => root.join(name.trim_start_matches("sla-")).join("src"),
        };
        let uses = module_uses(&folder);
        assert!(uses.len() > 3, "{name}: {} modules", uses.len());
        for module in uses.keys() {
            let mut seen = BTreeSet::new();
            let mut next: Vec<&String> = uses[module].iter().collect();
            while let Some(used) = next.pop() {
                if seen.insert(used) {
                    next.extend(&uses[used]);
                }
            }
            if seen.contains(module) {
                circles.push(format!("{name}: {module}"));
            }
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}
