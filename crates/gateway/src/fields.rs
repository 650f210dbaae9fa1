//! Steps through the fields of a JSON object without building a tree. What is nested is stepped over, and not checked.

use std::ops::Range;

use memchr::memchr2;

/// A text that does not begin with a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAnObject;

/// The fields of the object that a text begins with.
pub(crate) struct Fields<'a> {
    body: &'a [u8],
    at: usize,
    /// Behind the opening brace.
    pub(crate) open: usize,
    /// Whether the closing brace was passed.
    over: bool,
}

/// Where the key and the value of a field are, with their quotes.
pub(crate) struct Field {
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(body: &'a [u8]) -> Result<Self, NotAnObject> {
        let mut fields = Self {
            body,
            at: 0,
            open: 0,
            over: false,
        };
        fields.space();
        fields.expect(b'{')?;
        fields.open = fields.at;
        fields.space();
        if fields.peek() == Some(b'}') {
            fields.at += 1;
            fields.over = true;
        }
        Ok(fields)
    }

    /// The next field.
    pub(crate) fn step(&mut self) -> Result<Option<Field>, NotAnObject> {
        if self.over {
            return Ok(None);
        }
        let key = self.string()?;
        self.space();
        self.expect(b':')?;
        self.space();
        let value = self.value()?;
        self.space();
        match self.next() {
            Some(b',') => self.space(),
            Some(b'}') => self.over = true,
            _ => return Err(NotAnObject),
        }
        Ok(Some(Field { key, value }))
    }

    /// Whether it had no more fields.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether nothing follows the object.
    pub(crate) fn is_all(&mut self) -> bool {
        self.space();
        self.over && self.at == self.body.len()
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), NotAnObject> {
        if self.next() == Some(wanted) {
            Ok(())
        } else {
            Err(NotAnObject)
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Result<Range<usize>, NotAnObject> {
        let start = self.at;
        self.expect(b'"')?;
        self.rest_of_string()?;
        Ok(start..self.at)
    }

    /// Behind the closing quote.
    fn rest_of_string(&mut self) -> Result<(), NotAnObject> {
        loop {
            let rest = self.body.get(self.at..).unwrap_or_default();
            let found = memchr2(b'"', b'\\', rest).ok_or(NotAnObject)?;
            self.at += found + 1;
            if rest.get(found) == Some(&b'"') {
                return Ok(());
            }
            // What is escaped ends nothing; of `\u0022` the digits are like any others.
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Range<usize>, NotAnObject> {
        let start = self.at;
        match self.peek().ok_or(NotAnObject)? {
            b'"' => return self.string(),
            b'{' | b'[' => self.nested()?,
            b',' | b'}' | b']' | b':' => return Err(NotAnObject),
            _ => {
                while !matches!(
                    self.peek(),
                    None | Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')
                ) {
                    self.at += 1;
                }
            }
        }
        Ok(start..self.at)
    }

    /// Behind the bracket that closes the one that is opened here.
    fn nested(&mut self) -> Result<(), NotAnObject> {
        let mut depth = 0_usize;
        loop {
            match self.next().ok_or(NotAnObject)? {
                b'"' => self.rest_of_string()?,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    }
}
