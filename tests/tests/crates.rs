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

/// The modules of a crate by their paths, the root's being empty: the code of each, without
/// comments and tests.
fn modules(dir: &Path, prefix: &str, all: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(dir).expect("a source folder") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().expect("a name").to_string_lossy();
        let joined = join(prefix, &stem);
        if path.is_dir() {
            modules(&path, &joined, all);
        } else if path.extension().is_some_and(|e| e == "rs") && stem != "tests" {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
            let lines = code.lines().filter(|l| !l.trim_start().starts_with("//"));
            let name = match &*stem {
                "lib" | "main" | "mod" => prefix.to_string(),
                _ => joined,
            };
            all.insert(name, lines.map(|l| format!("{l}\n")).collect());
        }
    }
}

fn join(module: &str, name: &str) -> String {
    match module {
        "" => name.to_string(),
        _ => format!("{module}::{name}"),
    }
}

/// The paths at the start of `code`: one, or those of a group in braces.
fn paths(code: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let end = code.find(|c| !is_path(c)).unwrap_or(code.len());
    let head = code[..end].trim_end_matches(':');
    match code[end..]
        .strip_prefix('{')
        .and_then(|g| g.split('}').next())
    {
        None => vec![head.to_string()],
        Some(group) => {
            let items = group.split(',').map(str::trim).filter(|i| !i.is_empty());
            items.map(|item| join(head, item)).collect()
        }
    }
}

/// The statements of a file that export what its own modules have.
fn exports(code: &str) -> impl Iterator<Item = &str> {
    let statements = code.split_inclusive(';').map(str::trim_start);
    statements.filter(|s| s.starts_with("pub") && s.contains(" use "))
}

/// What each module uses of its crate: `crate::…`, `super::…`, and modules of its own that it does
/// not merely export.
fn uses(all: &BTreeMap<String, String>) -> BTreeMap<&str, BTreeSet<&str>> {
    // What a module exports is its owner's.
    let mut owners = BTreeMap::new();
    for (name, code) in all {
        for export in exports(code) {
            let path = export.split_once(" use ").map_or("", |(_, path)| path);
            for item in paths(path) {
                let (module, last) = item.rsplit_once("::").unwrap_or(("", &item));
                if let Some((owner, _)) = all.get_key_value(&join(name, module)) {
                    owners.insert(join(name, last), owner.as_str());
                }
            }
        }
    }
    let owner = |path: &str| {
        let parts: Vec<&str> = path.split("::").collect();
        let mut heads = (1..=parts.len()).rev().map(|n| parts[..n].join("::"));
        let found = heads.find_map(|head| {
            let own = || all.get_key_value(&head).map(|(name, _)| name.as_str());
            owners.get(&head).copied().or_else(own)
        });
        found.unwrap_or("")
    };
    let mut graph = BTreeMap::new();
    for (name, code) in all {
        let parent = name.rsplit_once("::").map_or("", |(parent, _)| parent);
        let mut used = BTreeSet::new();
        for (root, base) in [("crate::", ""), ("super::", parent)] {
            for path in code.split(root).skip(1).flat_map(paths) {
                used.insert(owner(&join(base, &path)));
            }
        }
        let mut inside = code.clone();
        exports(code).for_each(|export| inside = inside.replace(export, ""));
        for child in all.keys() {
            let word = child.strip_prefix(&join(name, "")).unwrap_or("");
            let is_child = !word.is_empty() && !word.contains(':');
            let pattern = format!("{word}::");
            let at = inside.match_indices(&pattern).map(|(at, _)| &inside[..at]);
            let mut starts = at.map(|before| before.ends_with([' ', '(', '\n', '&', '!', '{']));
            if is_child && starts.any(|is_start| is_start) {
                used.insert(child.as_str());
            }
        }
        used.remove(name.as_str());
        graph.insert(name.as_str(), used);
    }
    graph
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
        let mut all = BTreeMap::new();
        modules(&folder, "", &mut all);
        let uses = uses(&all);
        let edges: usize = uses.values().map(BTreeSet::len).sum();
        assert!(edges > 3, "{name}: {edges} uses in {} modules", all.len());
        for module in uses.keys() {
            let mut seen = BTreeSet::new();
            let mut next: Vec<&str> = uses[module].iter().copied().collect();
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
