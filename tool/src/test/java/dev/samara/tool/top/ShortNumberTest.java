// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class ShortNumberTest {
    @Test
    @DisplayName("numbers have three digits from 10,000 on")
    void counts() {
        assertEquals("0", TopRates.ShortNumber.count(0));
        assertEquals("9999", TopRates.ShortNumber.count(9_999));
        assertEquals("10k", TopRates.ShortNumber.count(10_000));
        assertEquals("12.3k", TopRates.ShortNumber.count(12_345));
        assertEquals("1M", TopRates.ShortNumber.count(999_950));
        assertEquals("999k", TopRates.ShortNumber.count(999_499));
        assertEquals("9.22E", TopRates.ShortNumber.count(Long.MAX_VALUE));
    }

    @Test
    @DisplayName("a low rate has a digit after the point")
    void rates() {
        assertEquals("0", TopRates.ShortNumber.rate(0));
        assertEquals("0.4", TopRates.ShortNumber.rate(0.42));
        assertEquals("3", TopRates.ShortNumber.rate(3));
        assertEquals("10", TopRates.ShortNumber.rate(9.96));
        assertEquals("123k", TopRates.ShortNumber.rate(123_456.7));
    }

    @Test
    @DisplayName("bytes are counted by powers of 1024")
    void bytes() {
        assertEquals("0B", TopRates.ShortNumber.bytes(0));
        assertEquals("1023B", TopRates.ShortNumber.bytes(1023));
        assertEquals("4K", TopRates.ShortNumber.bytes(4096));
        assertEquals("1.5K", TopRates.ShortNumber.bytes(1536));
        assertEquals("64M", TopRates.ShortNumber.bytes(64 << 20));
        assertEquals("1G", TopRates.ShortNumber.bytes((1 << 30) - 1));
    }
}
