//! Links between documents: the files and the places in them that they name are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::blocks::{documented, files, root};

/// Lines of a document that are no code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Places that a link can name: headings as Markdown's renderers name them, and anchors.
fn places(text: &str) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for line in prose(text) {
        if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
            places.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
        for anchor in line.split("<a id=\"").skip(1) {
            places.insert(anchor.split('"').next().unwrap_or_default().to_owned());
        }
    }
    places
}

/// What a document links to: `[text](target)`, and `[name]: target`.
fn targets(text: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for line in prose(text) {
        for rest in line.split("](").skip(1) {
            targets.extend(rest.split([')', ' ']).next());
        }
        if let Some((_, target)) = line.strip_prefix('[').and_then(|l| l.split_once("]: ")) {
            targets.push(target.trim());
        }
    }
    targets.retain(|target| !target.contains("://") && !target.is_empty());
    targets
}

/// Names in brackets that are no links, as `[N6.9]` without a line that says where it is.
fn undefined(text: &str) -> Vec<String> {
    let is_clause = |name: &&str| {
        let mut chars = name.chars();
        chars.next().is_some_and(|c| "FNMS".contains(c))
            && name.len() > 1
            && chars.all(|c| c.is_ascii_digit() || c == '.')
    };
    let named = prose(text).flat_map(|line| {
        line.split('[')
            .skip(1)
            .filter_map(|rest| rest.split_once(']'))
            .map(|(name, _)| name)
    });
    named
        .filter(is_clause)
        .filter(|name| !text.contains(&format!("\n[{name}]: ")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_documents_link_to_is_there() {
    let (mut wrong, mut found) = (Vec::new(), 0);
    for document in files(root(), &["md"]) {
        let (name, text) = (documented(&document), read(&document));
        let folder = document.parent().expect("a folder");
        for target in targets(&text) {
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                document.clone()
            } else {
                folder.join(file)
            };
            let is_there =
                path.exists() && (place.is_empty() || places(&read(&path)).contains(place));
            if !is_there {
                wrong.push(format!("{name}: {target}"));
            }
            found += 1;
        }
        wrong.extend(
            undefined(&text)
                .into_iter()
                .map(|clause| format!("{name}: [{clause}]")),
        );
    }
    assert!(wrong.is_empty(), "nothing there:\n{}", wrong.join("\n"));
    assert!(found >= 100, "{found} links");
}

/// Clauses that the code cites are clauses of the normative documents.
#[test]
fn clauses_that_the_code_cites_exist() {
    let normative = [
        ("F", "format"),
        ("N", "numerics"),
        ("S", "snapshot"),
        ("M", "frontend"),
    ];
    let mut clauses = BTreeSet::new();
    for (letter, document) in normative {
        let text = read(&root().join("docs").join(document).with_extension("md"));
        let is_clause = |place: &String| place.starts_with(&letter.to_lowercase());
        let of = |place: String| place.split('-').next().unwrap_or_default().to_uppercase();
        clauses.extend(places(&text).into_iter().filter(is_clause).map(of));
    }
    assert!(clauses.len() > 100, "{} clauses", clauses.len());
    let (mut wrong, mut found) = (Vec::new(), 0);
    for source in files(root(), &["rs", "py"]) {
        let text = read(&source);
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.') {
            let word = word.trim_end_matches('.');
            let Some((major, minor)) = word.split_once('.') else {
                continue;
            };
            let is_citation = major.len() > 1
                && "FN".contains(&major[..1])
                && major[1..]
                    .bytes()
                    .chain(minor.bytes())
                    .all(|b| b.is_ascii_digit())
                && !minor.is_empty();
            if is_citation {
                found += 1;
                if !clauses.contains(word) {
                    wrong.push(format!("{}: {word}", documented(&source)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "no such clause:\n{}", wrong.join("\n"));
    assert!(found >= 100, "{found} citations");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
