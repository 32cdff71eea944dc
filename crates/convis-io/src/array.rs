//! An array of numbers or text with its shape, as numpy files hold it.

use crate::{Error, Result};

/// The type of the numbers of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// True or false, one byte.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// Floating point, 32 bits.
    F32,
    /// Floating point, 64 bits.
    F64,
}

impl ElementType {
    const ALL: [Self; 11] = [
        Self::Bool,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::F32,
        Self::F64,
    ];

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The name numpy gives it: `float32`, `uint8`, …
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// The code numpy files use, without the byte order: `f4`, `u1`, …
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Bool => "b1",
            Self::U8 => "u1",
            Self::U16 => "u2",
            Self::U32 => "u4",
            Self::U64 => "u8",
            Self::I8 => "i1",
            Self::I16 => "i2",
            Self::I32 => "i4",
            Self::I64 => "i8",
            Self::F32 => "f4",
            Self::F64 => "f8",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|element| element.code() == code)
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A number that arrays can hold. The list is closed: the types of [`ElementType`].
pub trait Element: sealed::Sealed + Copy + Send + 'static {
    /// Its type.
    const TYPE: ElementType;

    /// Appends its little-endian bytes.
    #[doc(hidden)]
    fn push_bytes(self, bytes: &mut Vec<u8>);

    /// The number of little-endian bytes; exactly [`ElementType::size`] of them are given.
    #[doc(hidden)]
    fn from_bytes(bytes: &[u8]) -> Self;

    /// The values as data of an array.
    #[doc(hidden)]
    fn wrap(values: Vec<Self>) -> ArrayData;
}

macro_rules! elements {
    ($($variant:ident $number:ty),*) => {$(
        impl sealed::Sealed for $number {}

        impl Element for $number {
            const TYPE: ElementType = ElementType::$variant;

            fn push_bytes(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn from_bytes(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<Self>()];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }

            fn wrap(values: Vec<Self>) -> ArrayData {
                ArrayData::$variant(values)
            }
        }

        impl From<Vec<$number>> for ArrayData {
            fn from(values: Vec<$number>) -> Self {
                Self::$variant(values)
            }
        }
    )*};
}

elements!(U8 u8, U16 u16, U32 u32, U64 u64, I8 i8, I16 i16, I32 i32, I64 i64, F32 f32, F64 f64);

impl sealed::Sealed for bool {}

impl Element for bool {
    const TYPE: ElementType = ElementType::Bool;

    fn push_bytes(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self));
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }

    fn wrap(values: Vec<Self>) -> ArrayData {
        ArrayData::Bool(values)
    }
}

impl From<Vec<bool>> for ArrayData {
    fn from(values: Vec<bool>) -> Self {
        Self::Bool(values)
    }
}

impl From<Vec<String>> for ArrayData {
    fn from(values: Vec<String>) -> Self {
        Self::Text(values)
    }
}

/// The values of an [`Array`], last axis fastest.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrayData {
    /// True or false.
    Bool(Vec<bool>),
    /// Unsigned, 8 bits.
    U8(Vec<u8>),
    /// Unsigned, 16 bits.
    U16(Vec<u16>),
    /// Unsigned, 32 bits.
    U32(Vec<u32>),
    /// Unsigned, 64 bits.
    U64(Vec<u64>),
    /// Signed, 8 bits.
    I8(Vec<i8>),
    /// Signed, 16 bits.
    I16(Vec<i16>),
    /// Signed, 32 bits.
    I32(Vec<i32>),
    /// Signed, 64 bits.
    I64(Vec<i64>),
    /// Floating point, 32 bits.
    F32(Vec<f32>),
    /// Floating point, 64 bits.
    F64(Vec<f64>),
    /// Text.
    Text(Vec<String>),
}

impl ArrayData {
    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(v) => v.len(),
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::I8(v) => v.len(),
            Self::I16(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// True if there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Values and their shape. The number of values is always the product of the shape.
///
/// ```
/// use convis_io::Array;
///
/// let frame = Array::new([2, 2], vec![1_u8, 2, 3, 4])?;
/// assert_eq!(frame.shape(), [2, 2]);
/// assert_eq!(frame.to_f32()?, [1.0, 2.0, 3.0, 4.0]);
/// assert!(Array::new([3, 2], vec![1_u8, 2, 3, 4]).is_err());
/// # Ok::<(), convis_io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    data: ArrayData,
}

impl Array {
    /// An array of the given shape. Values come last axis fastest.
    ///
    /// # Errors
    /// If the number of values is not the product of the shape.
    pub fn new(shape: impl Into<Vec<usize>>, data: impl Into<ArrayData>) -> Result<Self> {
        let (shape, data) = (shape.into(), data.into());
        let count = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        if count == Some(data.len()) {
            Ok(Self { shape, data })
        } else {
            Err(Error::argument("data", format!("as many values as the shape {shape:?} has"), {
                format!("{} values", data.len())
            }))
        }
    }

    /// An array without axes that holds one number.
    pub fn scalar<T: Element>(value: T) -> Self {
        Self { shape: Vec::new(), data: T::wrap(vec![value]) }
    }

    /// An array without axes that holds one text.
    pub fn text_scalar(text: impl Into<String>) -> Self {
        Self { shape: Vec::new(), data: ArrayData::Text(vec![text.into()]) }
    }

    /// Length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, last axis fastest.
    pub fn data(&self) -> &ArrayData {
        &self.data
    }

    /// Shape and values, given away.
    pub fn into_parts(self) -> (Vec<usize>, ArrayData) {
        (self.shape, self.data)
    }

    /// The numbers as `f64`; true is 1. Integers beyond 2⁵³ are rounded.
    ///
    /// # Errors
    /// If the array holds text.
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        Ok(match &self.data {
            ArrayData::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
            ArrayData::U8(v) => v.iter().map(|&x| f64::from(x)).collect(),
            ArrayData::U16(v) => v.iter().map(|&x| f64::from(x)).collect(),
            ArrayData::U32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            ArrayData::U64(v) => v.iter().map(|&x| x as f64).collect(),
            ArrayData::I8(v) => v.iter().map(|&x| f64::from(x)).collect(),
            ArrayData::I16(v) => v.iter().map(|&x| f64::from(x)).collect(),
            ArrayData::I32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            ArrayData::I64(v) => v.iter().map(|&x| x as f64).collect(),
            ArrayData::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            ArrayData::F64(v) => v.clone(),
            ArrayData::Text(_) => return Err(Error::argument("array", "numbers", "text")),
        })
    }

    /// The numbers as `f32`, rounded to the nearest; true is 1.
    ///
    /// # Errors
    /// If the array holds text.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        match &self.data {
            ArrayData::F32(v) => Ok(v.clone()),
            ArrayData::U64(v) => Ok(v.iter().map(|&x| x as f32).collect()),
            ArrayData::I64(v) => Ok(v.iter().map(|&x| x as f32).collect()),
            _ => Ok(self.to_f64()?.into_iter().map(|x| x as f32).collect()),
        }
    }

    /// The text, if the array is exactly one text.
    ///
    /// # Errors
    /// If the array holds numbers, or not exactly one text.
    pub fn text(&self) -> Result<&str> {
        match &self.data {
            ArrayData::Text(texts) => match texts.as_slice() {
                [text] => Ok(text),
                _ => Err(Error::argument("array", "one text", format!("{} texts", texts.len()))),
            },
            _ => Err(Error::argument("array", "one text", "numbers")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_convert_and_text_does_not() {
        let array = Array::new([3], vec![true, false, true]).unwrap();
        assert_eq!(array.to_f64().unwrap(), [1.0, 0.0, 1.0]);
        let array = Array::new([2], vec![-5_i64, i64::MAX]).unwrap();
        assert_eq!(array.to_f32().unwrap(), [-5.0, 9_223_372_036_854_775_807_i64 as f32]);
        assert!(array.text().is_err());
        let text = Array::text_scalar("α");
        assert_eq!(text.text().unwrap(), "α");
        assert!(text.to_f64().is_err());
    }

    #[test]
    fn an_overflowing_shape_is_refused() {
        assert!(Array::new([usize::MAX, 2], Vec::<f32>::new()).is_err());
        assert!(Array::new([0, usize::MAX], Vec::<f32>::new()).is_ok());
    }
}
