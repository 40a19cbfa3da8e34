// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;

/** Formats numbers of bytes with three digits. */
final class ByteCount {
    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    private static final int UNIT_BITS = 10;
    private static final MathContext DIGITS = new MathContext(3, RoundingMode.HALF_UP);

    /** From this value on, the next unit is used. */
    private static final BigDecimal FULL = BigDecimal.valueOf(1L << UNIT_BITS);

    private ByteCount() {}

    /**
     * Formats a number of bytes.
     *
     * @param bytes the number, unsigned
     * @return e.g. {@code 132 KiB} or {@code 47.2 TiB}
     */
    static String format(long bytes) {
        BigDecimal exact = new BigDecimal(new BigInteger(Long.toUnsignedString(bytes)));
        int unit = Math.max(0, (Long.SIZE - 1 - Long.numberOfLeadingZeros(bytes)) / UNIT_BITS);
        BigDecimal value = scaled(exact, unit);
        if (value.compareTo(FULL) >= 0 && unit < UNITS.length - 1) {
            unit++;
            value = scaled(exact, unit);
        }
        return value.stripTrailingZeros().toPlainString() + " " + UNITS[unit];
    }

    private static BigDecimal scaled(BigDecimal bytes, int unit) {
        BigDecimal value = bytes.divide(BigDecimal.valueOf(1L << (UNIT_BITS * unit)), MathContext.DECIMAL64);
        // 1000 to 1023 of a unit are written with four digits.
        return value.compareTo(BigDecimal.valueOf(1000)) >= 0
                ? value.setScale(0, RoundingMode.HALF_UP)
                : value.round(DIGITS);
    }
}
