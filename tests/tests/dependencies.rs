//! The part of deny.toml that needs no network, on the locked dependencies of all workspaces:
//! licences, sources and wildcards.

use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use spdx::{Expression, Licensee, ParseMode};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
const WORKSPACES: [&str; 5] = [
    ".",
    "firmware-examples",
    "firmware-examples/boards",
    "firmware-examples/boards/esp32-c3",
    "tests/fuzz",
];

/// What deny.toml allows: licences for all, and more for some packages.
struct Policy {
    allowed: Vec<Licensee>,
    exceptions: Vec<(String, Vec<Licensee>)>,
}

impl Policy {
    fn read() -> Self {
        let licensees = |list: &toml::Value| -> Vec<Licensee> {
            let ids = list
                .as_array()
                .expect("a list of licences")
                .iter()
                .map(|id| id.as_str().expect("a string"));
            ids.map(|id| Licensee::parse(id).expect("an SPDX licence"))
                .collect()
        };
        let text =
            std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml at the root");
        let licenses = text.parse::<toml::Table>().expect("deny.toml is TOML")["licenses"].clone();
        let exceptions = licenses["exceptions"]
            .as_array()
            .expect("a list of exceptions");
        let exception = |e: &toml::Value| {
            (
                e["crate"].as_str().expect("a name").into(),
                licensees(&e["allow"]),
            )
        };
        Self {
            allowed: licensees(&licenses["allow"]),
            exceptions: exceptions.iter().map(exception).collect(),
        }
    }

    fn allows(&self, package: &str, license: &Expression) -> bool {
        let extra = self
            .exceptions
            .iter()
            .filter(|(name, _)| name == package)
            .flat_map(|(_, more)| more);
        let all: Vec<&Licensee> = self.allowed.iter().chain(extra).collect();
        license.evaluate(|req| all.iter().any(|licensee| licensee.satisfies(req)))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a folder in the repository")
}

/// What the policy has against a package.
fn objection(package: &Package, policy: &Policy) -> Option<String> {
    if let Some(source) = &package.source
        && source.repr != REGISTRY
    {
        return Some(format!("comes from {source}"));
    }
    let wildcard = package.dependencies.iter().find(|d| {
        d.path.is_none() && d.kind != DependencyKind::Development && d.req.comparators.is_empty()
    });
    if let (None, Some(wildcard)) = (&package.source, wildcard) {
        return Some(format!("depends on any version of {}", wildcard.name));
    }
    let Some(license) = &package.license else {
        return Some("names no licence".into());
    };
    let Ok(expression) = Expression::parse_mode(license, ParseMode::LAX) else {
        return Some(format!(
            "has a licence that is no SPDX expression: {license}"
        ));
    };
    (!policy.allows(&package.name, &expression)).then(|| format!("has the licence {license}"))
}

#[test]
fn every_locked_dependency_is_within_the_policy() {
    let policy = Policy::read();
    for workspace in WORKSPACES {
        let manifest = root().join(workspace).join("Cargo.toml");
        let options = ["--locked".to_string()];
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .other_options(options)
            .exec()
            .expect("cargo metadata");
        assert!(
            metadata.packages.len() > 20,
            "{workspace}: {} packages",
            metadata.packages.len()
        );
        let objections: Vec<String> = metadata
            .packages
            .iter()
            .filter_map(|p| {
                Some(format!(
                    "{workspace}: {} {} {}",
                    p.name,
                    p.version,
                    objection(p, &policy)?
                ))
            })
            .collect();
        assert!(objections.is_empty(), "{}", objections.join("\n"));
    }
}

#[test]
fn a_package_outside_the_policy_is_named() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let package = metadata
        .packages
        .iter()
        .find(|p| p.name.as_str() == "sla-format")
        .expect("a package of this workspace");
    let with_license = |license: Option<&str>| {
        let mut package = package.clone();
        package.license = license.map(String::from);
        package
    };
    let said = |package: &Package| objection(package, &Policy::read());
    assert_eq!(said(package), None);
    assert_eq!(said(&with_license(Some("GPL-3.0-only OR MIT"))), None);
    assert_eq!(
        said(&with_license(Some("GPL-3.0-only"))),
        Some("has the licence GPL-3.0-only".into())
    );
    assert_eq!(
        said(&with_license(Some("MIT AND AGPL-3.0"))),
        Some("has the licence MIT AND AGPL-3.0".into())
    );
    assert_eq!(said(&with_license(None)), Some("names no licence".into()));
}
