//! The counter-based generator Philox4x32-10.
//!
//! # Source
//! Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 4.3; the tests
//! hold the authors' known answers.

const MULTIPLIER: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
const ROUNDS: usize = 10;

/// Four random words from a counter and a key.
#[inline(always)]
pub fn philox4x32(counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let mut c = counter;
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIER[0]) * u64::from(c[0]);
        let p1 = u64::from(MULTIPLIER[1]) * u64::from(c[2]);
        c = [(p1 >> 32) as u32 ^ c[1] ^ key[0], p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ key[1], p0 as u32];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    c
}

/// `N` calls at once, `words[w][lane]`, for counters that differ in their first word only.
///
/// Words live in the low halves of 64-bit lanes, whose high halves are ignored: a product is then one instruction and
/// needs no unpacking.
#[inline(always)]
pub(crate) fn philox4x32_lanes<const N: usize>(first: [u32; 4], mut key: [u32; 2]) -> [[u32; N]; 4] {
    const LOW: u64 = 0xffff_ffff;
    let mut c0: [u64; N] = std::array::from_fn(|lane| u64::from(first[0] + lane as u32));
    let [mut c1, mut c2, mut c3] = [1, 2, 3].map(|w: usize| [u64::from(first[w]); N]);
    for _ in 0..ROUNDS {
        let k = key.map(u64::from);
        for lane in 0..N {
            let p0 = u64::from(MULTIPLIER[0]) * (c0[lane] & LOW);
            let p1 = u64::from(MULTIPLIER[1]) * (c2[lane] & LOW);
            c0[lane] = (p1 >> 32) ^ c1[lane] ^ k[0];
            c1[lane] = p1;
            c2[lane] = (p0 >> 32) ^ c3[lane] ^ k[1];
            c3[lane] = p0;
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    [c0, c1, c2, c3].map(|c| c.map(|word| word as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_the_authors() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox4x32([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn many_at_once_are_as_many_calls() {
        let words = philox4x32_lanes::<32>([32, 7, 8, 9], [1, 2]);
        for lane in 0..32 {
            let one = philox4x32([32 + lane as u32, 7, 8, 9], [1, 2]);
            assert_eq!(one, std::array::from_fn(|w| words[w][lane]));
        }
    }
}
