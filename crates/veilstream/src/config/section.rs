//! A table of the file, read key by key; what does not fit is noted with its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistakes, Place};
use super::spelling;

/// A value of the file and where it stands.
#[derive(Debug)]
pub(super) struct Entry<T> {
    /// The value.
    pub(super) value: T,
    /// Where it stands.
    pub(super) place: Place,
}

/// One table of the file.
///
/// The keys it may hold are named when it is opened, and every other one is noted as a mistake
/// then and there.
#[derive(Debug)]
pub(super) struct Section<'t> {
    table: &'t DeTable<'t>,
    keys: &'static [&'static str],
    place: Place,
}

impl<'t> Section<'t> {
    /// The file itself.
    pub(super) fn root(
        table: &'t DeTable<'t>,
        keys: &'static [&'static str],
        mistakes: &mut Mistakes<'_>,
    ) -> Self {
        Self::open(
            table,
            Place {
                path: String::new(),
                offset: 0,
            },
            keys,
            mistakes,
        )
    }

    fn open(
        table: &'t DeTable<'t>,
        place: Place,
        keys: &'static [&'static str],
        mistakes: &mut Mistakes<'_>,
    ) -> Self {
        let section = Self { table, keys, place };
        for key in table.keys() {
            if !keys.contains(&key.get_ref().as_ref()) {
                let hint = spelling::did_you_mean(key.get_ref(), keys.iter().copied());
                let place = section.place_of(key);
                let known = keys.join(", ");
                mistakes.add(&place, format!("unknown key{hint}; known here: {known}"));
            }
        }
        section
    }

    /// Where the section starts.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Where the key stands, if it is there.
    pub(super) fn place_at(&self, key: &'static str) -> Option<Place> {
        self.get(key).map(|entry| entry.place)
    }

    /// Whether the key is there, whatever its value.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// The text at this key, if there is one; an empty text is a mistake.
    ///
    /// `wanted` says in messages what to write.
    pub(super) fn text(
        &self,
        key: &'static str,
        wanted: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Entry<&'t str>> {
        let Entry { value, place } = self.get(key)?;
        match value.as_str() {
            Some("") => mistakes.add(&place, format!("empty; write {wanted}")),
            Some(value) => return Some(Entry { value, place }),
            None => mistakes.add(&place, misplaced(value, "a string", wanted)),
        }
        None
    }

    /// The same for a key that must be there.
    pub(super) fn required_text(
        &self,
        key: &'static str,
        wanted: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Entry<&'t str>> {
        if !self.has(key) {
            let place = Place {
                path: self.path_of(key),
                offset: self.place.offset,
            };
            mistakes.add_missing(&place, format!("missing; write {wanted}"));
        }
        self.text(key, wanted, mistakes)
    }

    /// The elements of the list at this key, if it is one; `None` among them is no text. An empty
    /// list is a mistake as well. Its elements are `key[0]` and so on.
    pub(super) fn texts(
        &self,
        key: &'static str,
        wanted: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Vec<Option<Entry<&'t str>>>> {
        let Entry { value, place } = self.get(key)?;
        let array = value.as_array()?;
        if array.is_empty() {
            mistakes.add(&place, format!("empty; write {wanted}"));
        }
        let texts = array.iter().enumerate().map(|(index, element)| {
            let place = Place {
                path: format!("{}[{index}]", place.path),
                offset: element.span().start,
            };
            let text = element.get_ref().as_str();
            if text.is_none() {
                mistakes.add(&place, misplaced(element.get_ref(), "a string", wanted));
            }
            text.map(|value| Entry { value, place })
        });
        Some(texts.collect())
    }

    /// The boolean at this key, `false` if there is none.
    pub(super) fn flag(&self, key: &'static str, mistakes: &mut Mistakes<'_>) -> bool {
        let Some(Entry { value, place }) = self.get(key) else {
            return false;
        };
        value.as_bool().unwrap_or_else(|| {
            mistakes.add(
                &place,
                misplaced(value, "a boolean", "true or false, without quotes"),
            );
            false
        })
    }

    /// The count at this key, if there is one.
    ///
    /// `wanted` says in messages what to write.
    pub(super) fn count(
        &self,
        key: &'static str,
        wanted: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Entry<u16>> {
        let Entry { value, place } = self.get(key)?;
        let Some(integer) = value.as_integer() else {
            mistakes.add(&place, misplaced(value, "an integer", wanted));
            return None;
        };
        let value = u16::from_str_radix(integer.as_str(), integer.radix());
        if value.is_err() {
            let most = u16::MAX;
            mistakes.add(&place, format!("not from 0 to {most}; write {wanted}"));
        }
        value.ok().map(|value| Entry { value, place })
    }

    /// The section under this key, if there is one.
    ///
    /// `wanted` says in messages how one is written.
    pub(super) fn section(
        &self,
        key: &'static str,
        keys: &'static [&'static str],
        wanted: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Section<'t>> {
        let Entry { value, place } = self.get(key)?;
        let Some(table) = value.as_table() else {
            mistakes.add(&place, misplaced(value, "a table", wanted));
            return None;
        };
        Some(Self::open(table, place, keys, mistakes))
    }

    /// The list of sections under this key, if there is one; an empty one is a
    /// mistake. Its elements are `key[0]` and so on.
    pub(super) fn sections(
        &self,
        key: &'static str,
        keys: &'static [&'static str],
        wanted: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Vec<Section<'t>>> {
        let Entry { value, place } = self.get(key)?;
        let Some(array) = value.as_array() else {
            mistakes.add(&place, misplaced(value, "an array of tables", wanted));
            return None;
        };
        if array.is_empty() {
            mistakes.add(&place, format!("empty; write {wanted}"));
        }
        let mut sections = Vec::with_capacity(array.len());
        for (index, element) in array.iter().enumerate() {
            let path = format!("{}[{index}]", place.path);
            let place = Place {
                path,
                offset: element.span().start,
            };
            match element.get_ref().as_table() {
                Some(table) => sections.push(Self::open(table, place, keys, mistakes)),
                None => mistakes.add(&place, misplaced(element.get_ref(), "a table", wanted)),
            }
        }
        Some(sections)
    }

    fn get(&self, key: &'static str) -> Option<Entry<&'t DeValue<'t>>> {
        debug_assert!(
            self.keys.contains(&key),
            "{key} is read but not among the known keys"
        );
        let (key, value) = self.table.get_key_value(key)?;
        Some(Entry {
            value: value.get_ref(),
            place: self.place_of(key),
        })
    }

    fn place_of(&self, key: &Spanned<std::borrow::Cow<'_, str>>) -> Place {
        Place {
            path: self.path_of(key.get_ref()),
            offset: key.span().start,
        }
    }

    fn path_of(&self, key: &str) -> String {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let key = if !key.is_empty() && key.len() <= 63 && key.chars().all(bare) {
            key.to_owned()
        } else {
            let short: String = key.chars().take(63).collect();
            format!("\"{}\"", short.escape_debug())
        };
        if self.place.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.place.path)
        }
    }
}

/// Tells that a value is of another kind than the one that is due, in TOML's own terms.
fn misplaced(value: &DeValue<'_>, due: &str, wanted: &str) -> String {
    let found = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    format!("{found} where {due} is due; write {wanted}")
}
