//! Model files, and files that are none.

use std::io::Cursor;

use crate::gguf::{GgufError, Metadata, Value};

/// What is kept is no more than the file has, what follows the metadata changes nothing, and a file that is cut short
/// says the same or is refused.
pub fn metadata(input: &[u8]) {
    let read = |bytes: &[u8], length: usize| Metadata::read(Cursor::new(bytes), length as u64);
    let whole = read(input, input.len());
    assert!(
        !matches!(whole, Err(GgufError::Io(_))),
        "bytes in memory can be read: {whole:?}"
    );
    let cut = read(&input[..input.len() / 2], input.len() / 2);
    assert!(cut == whole || cut.is_err(), "{cut:?}, not {whole:?}");
    let lying = read(&input[..input.len() / 2], input.len());
    assert!(lying == whole || lying.is_err(), "{lying:?}, not {whole:?}");
    let Ok(metadata) = whole else { return };
    let mut longer = input.to_vec();
    longer.extend([0xff; 64]);
    assert_eq!(read(&longer, longer.len()).as_ref(), Ok(&metadata));
    let mut kept = 0;
    for (name, value) in &metadata.values {
        kept += name.len();
        let (number, text) = (metadata.number(name), metadata.text(name));
        match value {
            Value::Number(value) => assert_eq!((number, text), (Some(*value), None)),
            Value::Numbers(values) => kept += values.len(),
            Value::Text(value) => {
                kept += value.len();
                assert_eq!((number, text), (None, Some(value.as_str())));
            }
        }
    }
    assert!(kept <= input.len(), "{kept} bytes out of {}", input.len());
}
