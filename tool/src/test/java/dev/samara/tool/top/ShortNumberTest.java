// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class ShortNumberTest {
    @Test
    @DisplayName("numbers have three digits from 10,000 on")
    void counts() {
        assertEquals("0", ShortNumber.count(0));
        assertEquals("9999", ShortNumber.count(9_999));
        assertEquals("10k", ShortNumber.count(10_000));
        assertEquals("12.3k", ShortNumber.count(12_345));
        assertEquals("1M", ShortNumber.count(999_950));
        assertEquals("999k", ShortNumber.count(999_499));
        assertEquals("9.22E", ShortNumber.count(Long.MAX_VALUE));
    }

    @Test
    @DisplayName("a low rate has a digit after the point")
    void rates() {
        assertEquals("0", ShortNumber.rate(0));
        assertEquals("0.4", ShortNumber.rate(0.42));
        assertEquals("3", ShortNumber.rate(3));
        assertEquals("10", ShortNumber.rate(9.96));
        assertEquals("123k", ShortNumber.rate(123_456.7));
    }

    @Test
    @DisplayName("bytes are counted by powers of 1024")
    void bytes() {
        assertEquals("0B", ShortNumber.bytes(0));
        assertEquals("1023B", ShortNumber.bytes(1023));
        assertEquals("4K", ShortNumber.bytes(4096));
        assertEquals("1.5K", ShortNumber.bytes(1536));
        assertEquals("64M", ShortNumber.bytes(64 << 20));
        assertEquals("1G", ShortNumber.bytes((1 << 30) - 1));
    }
}
