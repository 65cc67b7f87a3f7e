//! The configured fields as a tree of keys, built once, walked for every message.

use std::ops::Range;

/// The fields to pick out of a body, each with a slot of its own.
#[derive(Debug)]
pub(super) struct Paths {
    root: Node,
}

/// One key on the way to a field, or a field, or both.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The slot of the value at this very place, if a column, or the identity, asks for it.
    slot: Option<usize>,
    /// The slots of this place and of everything below it.
    slots: Range<usize>,
    /// Sorted by length, then bytes: a lookup mostly compares lengths.
    children: Vec<(Box<str>, Node)>,
}

impl Paths {
    /// The tree of these paths. A path that comes several times has one slot.
    pub(super) fn new<'p>(paths: impl IntoIterator<Item = &'p [String]>) -> Self {
        let mut root = Node::default();
        for path in paths {
            root.insert(path);
        }
        root.number(0);
        Self { root }
    }

    /// The number of slots.
    pub(super) fn len(&self) -> usize {
        self.root.slots.end
    }

    /// The place of the body itself.
    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The slot of a path that the tree was built from.
    pub(super) fn slot(&self, path: &[String]) -> Option<usize> {
        path.iter()
            .try_fold(&self.root, |node, key| node.child(key))?
            .slot
    }
}

impl Node {
    /// What lies below this place under `key`, if any column asks for it.
    pub(super) fn child(&self, key: &str) -> Option<&Self> {
        let position = self.position(key).ok()?;
        self.children.get(position).map(|(_, node)| node)
    }

    /// The slot of the value at this very place.
    pub(super) fn slot(&self) -> Option<usize> {
        self.slot
    }

    /// The slots of this place and of everything below it.
    pub(super) fn slots(&self) -> Range<usize> {
        self.slots.clone()
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.children.binary_search_by(|(name, _)| {
            name.len()
                .cmp(&key.len())
                .then_with(|| name.as_bytes().cmp(key.as_bytes()))
        })
    }

    fn insert(&mut self, path: &[String]) {
        let Some((key, rest)) = path.split_first() else {
            self.slot = Some(0); // numbered once the tree is complete
            return;
        };
        let position = self.position(key).unwrap_or_else(|position| {
            self.children
                .insert(position, (key.as_str().into(), Self::default()));
            position
        });
        self.children[position].1.insert(rest);
    }

    /// Numbers the slots depth first, so that those of a subtree are neighbours.
    fn number(&mut self, first: usize) {
        let mut next = first;
        if let Some(slot) = &mut self.slot {
            *slot = next;
            next += 1;
        }
        for (_, child) in &mut self.children {
            child.number(next);
            next = child.slots.end;
        }
        self.slots = first..next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(keys: &[&str]) -> Vec<String> {
        keys.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn slots_of_a_subtree_are_neighbours() {
        let list = [
            path(&["b"]),
            path(&["a", "y"]),
            path(&["a"]),
            path(&["a", "x", "z"]),
            path(&["b"]),
        ];
        let paths = Paths::new(list.iter().map(Vec::as_slice));
        assert_eq!(paths.len(), 4);
        let a = paths.root().child("a").unwrap();
        assert_eq!(a.slots().len(), 3);
        for below in [path(&["a"]), path(&["a", "y"]), path(&["a", "x", "z"])] {
            assert!(a.slots().contains(&paths.slot(&below).unwrap()));
        }
        assert!(!a.slots().contains(&paths.slot(&path(&["b"])).unwrap()));
        assert_eq!(paths.slot(&path(&["a", "x"])), None);
        assert!(paths.root().child("c").is_none());
    }
}
