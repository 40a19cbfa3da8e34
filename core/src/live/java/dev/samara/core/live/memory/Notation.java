// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.mman.Errno;
import dev.samara.testing.live.ErrorNames;

/** Converts addresses, numbers and results to text and back. */
final class Notation {
    private static final long NEAR = 1L << 24;

    private Notation() {}

    static String address(long address, long base) {
        long offset = address - base;
        if (offset >= 0 && offset < NEAR) {
            return "+0x" + Long.toHexString(offset);
        }
        return offset < 0 && -offset < NEAR && Long.compareUnsigned(address, base) < 0
                ? "-0x" + Long.toHexString(-offset)
                : number(address);
    }

    static long parseAddress(String text, long base) {
        return switch (text.charAt(0)) {
            case '+' -> base + parseNumber(text.substring(1));
            case '-' -> base - parseNumber(text.substring(1));
            default -> parseNumber(text);
        };
    }

    static String number(long number) {
        return "0x" + Long.toHexString(number);
    }

    static long parseNumber(String text) {
        return text.startsWith("0x") ? Long.parseUnsignedLong(text.substring(2), 16) : Long.parseLong(text);
    }

    /** Returns the text of the result of a call. */
    static String result(Verb verb, long result, long base) {
        if (Errno.isError(result)) {
            return ErrorNames.of(result);
        }
        return verb.returnsAddress() ? address(result, base) : number(result);
    }
}
