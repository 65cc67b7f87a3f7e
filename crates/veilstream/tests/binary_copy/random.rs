//! Numbers without end for the tests, the same in every run.

/// Repeatable numbers that look random (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }

    fn digits(&mut self, most: u64) -> String {
        let digit = ['0', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '9'];
        let count = 1 + self.below(most);
        (0..count)
            .map(|_| digit[usize::try_from(self.below(12)).unwrap_or(0)])
            .collect()
    }

    pub(crate) fn decimal(&mut self, most: u64, exponent: u64) -> String {
        let sign = ["", "-"][usize::from(self.below(2) == 0)];
        let integer = self.digits(most);
        let fraction = if self.below(3) > 0 {
            format!(".{}", self.digits(most))
        } else {
            String::new()
        };
        let exponent = if self.below(3) == 0 {
            let sign = ["", "+", "-"][usize::try_from(self.below(3)).unwrap_or(0)];
            format!("e{sign}{}", self.below(exponent))
        } else {
            String::new()
        };
        format!("{sign}{integer}{fraction}{exponent}")
    }
}
