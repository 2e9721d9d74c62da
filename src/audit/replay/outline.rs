//! The outline of a line of JSON: where its brackets, colons and commas are.
//!
//! Sixty-four bytes are looked at together, and a bit stands for each: so a
//! body costs little more than its length. Only JSON without white space is
//! taken, as Go's encoder writes it; whoever asks about other lines is told
//! that they are not, and reads them in another way.

use std::borrow::Cow;

use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x64};

/// Bytes in a block.
const BLOCK: usize = 64;
/// Every other bit, from the first.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// Of sixty-four bytes, a bit each.
#[derive(Debug, Clone, Copy, Default)]
pub struct Word {
    /// Brackets, colons and commas outside strings.
    marks: u64,
    /// Where a number or literal begins, or an escape other than of a quote or backslash.
    odd: u64,
}

/// How many words a text has.
pub fn words(text: &str) -> usize {
    text.len().div_ceil(BLOCK)
}

/// Fills the words of a text. Gives nothing unless every byte may stand beside
/// its neighbours in JSON without white space, and strings, numbers and literals
/// are well formed; which bracket closes which, and where a key is due, [`Cursor`]
/// knows. Gives how far there is no backslash.
pub fn outline(level: Level, text: &str, words: &mut [Word]) -> Option<usize> {
    dispatch!(level, simd => fill(simd, text.as_bytes(), words))
}

/// What the bytes before a block mean for its first byte, a bit each.
struct Before {
    /// All bits, if they end inside a string.
    inside: u64,
    /// A backslash that escapes.
    escape: u64,
    /// After which a value or a key begins: an opening bracket, colon or comma.
    due: u64,
    /// An opening bracket.
    open: u64,
    /// The end of a string.
    quote: u64,
    /// Part of a number or literal.
    scalar: u64,
    /// How far there is no backslash.
    plain: usize,
    /// All backslashes.
    backslashes: u64,
    /// Bytes that may not stand where they do.
    bad: u64,
}

#[inline(always)]
fn fill<S: Simd>(simd: S, text: &[u8], words: &mut [Word]) -> Option<usize> {
    let mut before = Before { inside: 0, escape: 0, due: 1, open: 0, quote: 0, scalar: 0, plain: 0, backslashes: 0, bad: 0 };
    let (blocks, rest) = text.as_chunks();
    for (word, block) in words.iter_mut().zip(blocks) {
        *word = classify(simd, block, u64::MAX, &mut before);
    }
    if let Some(word) = words.get_mut(blocks.len()) {
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        *word = classify(simd, &block, (1 << rest.len()) - 1, &mut before);
    }
    // What is seldom is looked at one by one, and not among what is often.
    let are_right = |(index, word): (usize, &Word)| bits(word.odd).all(|bit| is_right(text, index * BLOCK + bit));
    (before.bad == 0 && words.iter().enumerate().all(are_right)).then_some(before.plain.min(text.len()))
}

/// The word of a block. Only bytes in `valid` are of the text.
#[inline(always)]
fn classify<S: Simd>(simd: S, block: &[u8; BLOCK], valid: u64, before: &mut Before) -> Word {
    let bytes = u8x64::from_slice(simd, block);
    // Brackets and braces differ by one bit.
    let folded = bytes | 0x20;
    let quote = bytes.simd_eq(b'"').to_bitmask();
    let backslash = bytes.simd_eq(b'\\').to_bitmask();
    let control = bytes.simd_lt(b' ').to_bitmask();

    before.backslashes |= backslash;
    before.plain += if before.backslashes == 0 { BLOCK } else { 0 };
    let escaped = escaped(backslash, before);
    let quotes = quote & !escaped;
    let inside = parity(quotes) ^ before.inside;
    let outside = !(inside | quotes) & valid;
    let open = folded.simd_eq(b'{').to_bitmask() & outside;
    let close = folded.simd_eq(b'}').to_bitmask() & outside;
    let colon = bytes.simd_eq(b':').to_bitmask() & outside;
    let comma = bytes.simd_eq(b',').to_bitmask() & outside;
    let due = open | colon | comma;
    let scalar = outside & !due & !close;
    let (begins, ends) = (quotes & inside, quotes & !inside);

    let after = |bits: u64, before: u64| bits << 1 | before;
    let after_due = after(due, before.due);
    let after_scalar = after(scalar, before.scalar);
    // Where nothing is due, a value has ended.
    let not_due = comma | close & !after(open, before.open);
    let not_done = begins | open | scalar & !after_scalar;
    before.bad |= control & valid | after_due & not_due | !after_due & not_done | colon & !after(ends, before.quote);

    let last = BLOCK - 1;
    before.inside = 0_u64.wrapping_sub(inside >> last);
    (before.due, before.open) = (due >> last, open >> last);
    (before.quote, before.scalar) = (ends >> last, scalar >> last);
    Word { marks: due | close, odd: scalar & !after_scalar | escaped & valid & !(quote | backslash) }
}

/// The bytes that a backslash escapes: those after an odd number of them.
#[inline(always)]
fn escaped(backslash: u64, before: &mut Before) -> u64 {
    if backslash == 0 {
        return std::mem::take(&mut before.escape);
    }
    let backslash = backslash & !before.escape;
    let follows = backslash << 1 | before.escape;
    // Adding runs that begin at odd places carries past their ends, and turns the
    // places around where they are told apart by their evenness.
    let odd = backslash & !EVEN & !follows;
    let (sum, carry) = odd.overflowing_add(backslash);
    before.escape = u64::from(carry);
    (EVEN ^ (sum << 1)) & follows
}

/// For each bit, whether an odd number is set up to it, itself included.
#[inline(always)]
fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// The places of the bits that are set.
#[inline(always)]
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize);
        word &= word.wrapping_sub(1);
        bit
    })
}

/// Whether what begins here is a number or literal, with nothing else up to the
/// next mark, or, after a backslash, the rest of an escape.
fn is_right(text: &[u8], at: usize) -> bool {
    let (before, text) = text.split_at(at);
    if before.last() == Some(&b'\\') {
        return match text {
            [b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => true,
            [b'u', a, b, c, d, ..] => [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit),
            _ => false,
        };
    }
    let length = match text {
        [b't', b'r', b'u', b'e', ..] | [b'n', b'u', b'l', b'l', ..] => 4,
        [b'f', b'a', b'l', b's', b'e', ..] => 5,
        _ => number(text),
    };
    length > 0 && matches!(text.get(length), Some(b',' | b'}' | b']'))
}

/// The length of the number here, or 0.
fn number(text: &[u8]) -> usize {
    let is = |at: usize, wanted: &[u8]| text.get(at).is_some_and(|byte| wanted.contains(byte));
    let digits = |from: usize| from + text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut from = usize::from(is(0, b"-"));
    let mut end = if is(from, b"0") { from + 1 } else { digits(from) };
    if end > from && is(end, b".") {
        from = end + 1;
        end = digits(from);
    }
    if end > from && is(end, b"eE") {
        from = end + 1 + usize::from(is(end + 1, b"+-"));
        end = digits(from);
    }
    if end > from { end } else { 0 }
}

/// A bracket, colon or comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its place in the text.
    pub at: usize,
    /// Which.
    pub byte: u8,
}

/// Goes through a text by its marks. Every method gives nothing where the text
/// is not JSON, or is something that should be read in another way.
#[derive(Debug)]
pub struct Cursor<'a, 'm> {
    text: &'a str,
    words: &'m [Word],
    /// How far the text has no backslash.
    plain: usize,
    index: usize,
    /// Of the marks at `index`, what is ahead.
    ahead: u64,
}

impl<'a, 'm> Cursor<'a, 'm> {
    /// At the beginning of a text that has been outlined.
    pub fn new(text: &'a str, words: &'m [Word], plain: usize) -> Self {
        Self { text, words, plain, index: 0, ahead: words.first().map_or(0, |word| word.marks) }
    }

    /// The next mark.
    #[inline(always)]
    pub fn next(&mut self) -> Option<Mark> {
        while self.ahead == 0 {
            self.index += 1;
            self.ahead = self.words.get(self.index)?.marks;
        }
        let at = self.index * BLOCK + self.ahead.trailing_zeros() as usize;
        self.ahead &= self.ahead - 1;
        Some(Mark { at, byte: *self.text.as_bytes().get(at)? })
    }

    /// Steps over an opening bracket of this kind that is at this place.
    #[inline(always)]
    pub fn opening(&mut self, at: usize, byte: u8) -> Option<()> {
        (self.next()? == Mark { at, byte }).then_some(())
    }

    /// Steps over the value that begins here: the mark after it.
    #[inline(always)]
    pub fn value(&mut self, from: usize) -> Option<Mark> {
        let mark = self.next()?;
        if mark.at > from {
            return Some(mark);
        }
        self.skip(mark)?;
        self.next()
    }

    /// What the string that begins here says, and the mark after it.
    #[inline(always)]
    pub fn string(&mut self, from: usize) -> Option<(Cow<'a, str>, Mark)> {
        let mark = self.next()?;
        let raw = self.text.get(from..mark.at)?;
        if raw.as_bytes().first() != Some(&b'"') {
            return None;
        }
        let is_plain = mark.at <= self.plain || memchr::memchr(b'\\', raw.as_bytes()).is_none();
        // What begins with a quote here also ends with one.
        let text = if is_plain { Cow::Borrowed(raw.get(1..raw.len() - 1)?) } else { Cow::Owned(serde_json::from_str(raw).ok()?) };
        Some((text, mark))
    }

    /// Steps over an object whose opening bracket is at `open`. `field` is told
    /// each key, without quotes but as it is written, and where its value begins;
    /// it steps over the value and gives the mark after it.
    #[inline(always)]
    pub fn object(&mut self, open: usize, mut field: impl FnMut(&mut Self, &'a str, usize) -> Option<Mark>) -> Option<Mark> {
        let mut last = open;
        loop {
            let mark = self.next()?;
            match mark.byte {
                b':' => {}
                b'}' if mark.at == open + 1 => return Some(mark),
                _ => return None,
            }
            // A colon comes after a string, and the string after the mark before.
            let key = self.text.get(last + r#",""#.len()..mark.at - 1)?;
            let mark = field(self, key, mark.at + 1)?;
            match mark.byte {
                b',' => last = mark.at,
                b'}' => return Some(mark),
                _ => return None,
            }
        }
    }

    /// Steps over the rest of a container, to its closing bracket.
    fn skip(&mut self, open: Mark) -> Option<()> {
        let mut last = open.at;
        // Whether a key and its colon are due.
        let mut key = open.byte == b'{';
        // The containers, the innermost in the lowest bit, 1 for an object, below a bit that ends them.
        let mut containers = 0b10 | u64::from(key);
        loop {
            let Mark { at, byte } = self.next()?;
            match byte {
                b':' if key => key = false,
                b',' if !key => key = containers & 1 == 1,
                b'{' | b'[' if !key && containers >> 63 == 0 => {
                    key = byte == b'{';
                    containers = containers << 1 | u64::from(key);
                }
                b'}' | b']' if (containers & 1 == 1) == (byte == b'}') && (!key || at == last + 1) => {
                    key = false;
                    containers >>= 1;
                    if containers == 1 {
                        return Some(());
                    }
                }
                _ => return None,
            }
            last = at;
        }
    }
}
