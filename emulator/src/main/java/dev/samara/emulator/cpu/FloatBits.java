// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/** Converts between floating-point numbers and the bits in registers, and provides operations that Java lacks. */
final class FloatBits {
    /** The upper bits of a register that contains a float (NaN boxing). */
    static final long BOX = -1L << 32;

    private static final int CANONICAL_NAN = 0x7fc0_0000;
    private static final double TWO_TO_63 = 0x1p63;
    private static final double TWO_TO_64 = 0x1p64;

    private FloatBits() {}

    /** Returns the bits of a double; each NaN becomes the canonical NaN. */
    static long of(double value) {
        return Double.doubleToLongBits(value);
    }

    /** Returns the content of a register with a float; each NaN becomes the canonical NaN. */
    static long of(float value) {
        return Float.floatToIntBits(value) | BOX;
    }

    /** Returns the bits of the float in a register; if the register contains no float, the canonical NaN. */
    static int single(long register) {
        return register >>> 32 == 0xffff_ffffL ? (int) register : CANONICAL_NAN;
    }

    static double min(double a, double b) {
        return Double.isNaN(a) ? b : Double.isNaN(b) ? a : Math.min(a, b);
    }

    static double max(double a, double b) {
        return Double.isNaN(a) ? b : Double.isNaN(b) ? a : Math.max(a, b);
    }

    static float min(float a, float b) {
        return Float.isNaN(a) ? b : Float.isNaN(b) ? a : Math.min(a, b);
    }

    static float max(float a, float b) {
        return Float.isNaN(a) ? b : Float.isNaN(b) ? a : Math.max(a, b);
    }

    /** Rounds a number to an integer. */
    static double round(double value, int rounding) {
        return switch (rounding) {
            case 0 -> Math.rint(value);
            case 1 -> value < 0 ? Math.ceil(value) : Math.floor(value);
            case 2 -> Math.floor(value);
            case 3 -> Math.ceil(value);
            default -> {
                double down = Math.floor(Math.abs(value));
                yield Math.copySign(Math.abs(value) - down >= 0.5 ? down + 1 : down, value);
            }
        };
    }

    static long toInt(double value, int rounding) {
        return Double.isNaN(value) ? Integer.MAX_VALUE : (int) round(value, rounding);
    }

    static long toUnsignedInt(double value, int rounding) {
        if (Double.isNaN(value)) {
            return -1;
        }
        double whole = round(value, rounding);
        return whole <= 0 ? 0 : whole >= 0x1p32 ? -1 : (int) (long) whole;
    }

    static long toLong(double value, int rounding) {
        return Double.isNaN(value) ? Long.MAX_VALUE : (long) round(value, rounding);
    }

    static long toUnsignedLong(double value, int rounding) {
        if (Double.isNaN(value)) {
            return -1;
        }
        double whole = round(value, rounding);
        if (whole < TWO_TO_63) {
            return whole <= 0 ? 0 : (long) whole;
        }
        return whole >= TWO_TO_64 ? -1 : (long) (whole - TWO_TO_63) | Long.MIN_VALUE;
    }

    static double fromUnsigned(long value) {
        return value >= 0 ? (double) value : (double) (value >>> 1 | (value & 1)) * 2;
    }

    static float fromUnsignedToFloat(long value) {
        return value >= 0 ? (float) value : (float) (value >>> 1 | (value & 1)) * 2;
    }

    /** Returns the class of a number as a mask with one bit ({@code fclass}). */
    static long classOf(long bits, boolean isDouble) {
        int exponentBits = isDouble ? 11 : 8;
        int fractionBits = isDouble ? 52 : 23;
        boolean isNegative = (bits >>> (exponentBits + fractionBits) & 1) != 0;
        long exponent = bits >>> fractionBits & (1L << exponentBits) - 1;
        long fraction = bits & (1L << fractionBits) - 1;
        if (exponent == (1L << exponentBits) - 1) {
            if (fraction != 0) {
                return (fraction >>> (fractionBits - 1)) != 0 ? 1 << 9 : 1 << 8;
            }
            return isNegative ? 1 : 1 << 7;
        }
        if (exponent != 0) {
            return isNegative ? 1 << 1 : 1 << 6;
        }
        if (fraction != 0) {
            return isNegative ? 1 << 2 : 1 << 5;
        }
        return isNegative ? 1 << 3 : 1 << 4;
    }
}
