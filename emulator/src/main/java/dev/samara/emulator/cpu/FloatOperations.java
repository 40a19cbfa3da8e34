// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/**
 * The operations of floating-point instructions: conversions between numbers and the bits in registers, operations that
 * Java lacks, and the methods that translated code calls, for registers with {@linkplain SingleOperations floats} and
 * with {@linkplain DoubleOperations doubles}. The methods have no state.
 */
public final class FloatOperations {
    /** The upper bits of a register that contains a float (NaN boxing). */
    static final long BOX = -1L << 32;

    private static final int CANONICAL_NAN = 0x7fc0_0000;
    private static final double TWO_TO_63 = 0x1p63;
    private static final double TWO_TO_64 = 0x1p64;

    private FloatOperations() {}

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

    private static long bit(boolean isSet) {
        return isSet ? 1 : 0;
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

    /**
     * The operations of instructions on registers that contain single-precision numbers. Each method has the name of
     * its instruction without {@code .s}; a conversion starts with {@code to} or {@code from}. A method takes the
     * contents of registers, and returns the content of the target register.
     */
    public static final class SingleOperations {
        private SingleOperations() {}

        private static float value(long register) {
            return Float.intBitsToFloat(single(register));
        }

        private static long sign(long register, int sign) {
            return (single(register) & Integer.MAX_VALUE) | (sign & Integer.MIN_VALUE) | BOX;
        }

        /**
         * The instruction fadd.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fadd(long a, long b) {
            return of(value(a) + value(b));
        }

        /**
         * The instruction fsub.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fsub(long a, long b) {
            return of(value(a) - value(b));
        }

        /**
         * The instruction fmul.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fmul(long a, long b) {
            return of(value(a) * value(b));
        }

        /**
         * The instruction fdiv.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fdiv(long a, long b) {
            return of(value(a) / value(b));
        }

        /**
         * The instruction fmadd.s.
         *
         * @param a the first source
         * @param b the second source
         * @param c the third source
         * @return the result
         */
        public static long fmadd(long a, long b, long c) {
            return of(Math.fma(value(a), value(b), value(c)));
        }

        /**
         * The instruction fmsub.s.
         *
         * @param a the first source
         * @param b the second source
         * @param c the third source
         * @return the result
         */
        public static long fmsub(long a, long b, long c) {
            return of(Math.fma(value(a), value(b), -value(c)));
        }

        /**
         * The instruction fnmsub.s.
         *
         * @param a the first source
         * @param b the second source
         * @param c the third source
         * @return the result
         */
        public static long fnmsub(long a, long b, long c) {
            return of(Math.fma(-value(a), value(b), value(c)));
        }

        /**
         * The instruction fnmadd.s.
         *
         * @param a the first source
         * @param b the second source
         * @param c the third source
         * @return the result
         */
        public static long fnmadd(long a, long b, long c) {
            return of(Math.fma(-value(a), value(b), -value(c)));
        }

        /**
         * The instruction fsqrt.s.
         *
         * @param a the first source
         * @return the result
         */
        public static long fsqrt(long a) {
            return of((float) Math.sqrt(value(a)));
        }

        /**
         * The instruction fmin.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fmin(long a, long b) {
            return of(min(value(a), value(b)));
        }

        /**
         * The instruction fmax.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fmax(long a, long b) {
            return of(max(value(a), value(b)));
        }

        /**
         * The instruction feq.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long feq(long a, long b) {
            return bit(value(a) == value(b));
        }

        /**
         * The instruction flt.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long flt(long a, long b) {
            return bit(value(a) < value(b));
        }

        /**
         * The instruction fle.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fle(long a, long b) {
            return bit(value(a) <= value(b));
        }

        /**
         * The instruction fcvt.w.s, rounding toward zero.
         *
         * @param a the first source
         * @return the result
         */
        public static long toW(long a) {
            return Double.isNaN(value(a)) ? Integer.MAX_VALUE : (int) value(a);
        }

        /**
         * The instruction fcvt.l.s, rounding toward zero.
         *
         * @param a the first source
         * @return the result
         */
        public static long toL(long a) {
            return Double.isNaN(value(a)) ? Long.MAX_VALUE : (long) value(a);
        }

        /**
         * The instruction fsgnj.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fsgnj(long a, long b) {
            return sign(a, single(b));
        }

        /**
         * The instruction fsgnjn.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fsgnjn(long a, long b) {
            return sign(a, ~single(b));
        }

        /**
         * The instruction fsgnjx.s.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fsgnjx(long a, long b) {
            return sign(a, single(a) ^ single(b));
        }

        /**
         * The instruction fcvt.s.d.
         *
         * @param a the first source
         * @return the result
         */
        public static long fromD(long a) {
            return of((float) Double.longBitsToDouble(a));
        }

        /**
         * The instruction fcvt.s.w.
         *
         * @param a the first source
         * @return the result
         */
        public static long fromW(long a) {
            return of((float) (int) a);
        }

        /**
         * The instruction fcvt.s.wu.
         *
         * @param a the first source
         * @return the result
         */
        public static long fromWu(long a) {
            return of((float) (a & 0xffff_ffffL));
        }

        /**
         * The instruction fcvt.s.l.
         *
         * @param a the first source
         * @return the result
         */
        public static long fromL(long a) {
            return of((float) a);
        }
    }

    /**
     * The operations of instructions on registers with doubles. Each method has the name of its instruction without
     * {@code .d}; a conversion starts with {@code to} or {@code from}. A method takes the contents of registers, and
     * returns the content of the target register.
     */
    public static final class DoubleOperations {
        private DoubleOperations() {}

        private static double wide(long register) {
            return Double.longBitsToDouble(register);
        }

        /**
         * The instruction fadd.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fadd(long a, long b) {
            return of(wide(a) + wide(b));
        }

        /**
         * The instruction fsub.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fsub(long a, long b) {
            return of(wide(a) - wide(b));
        }

        /**
         * The instruction fmul.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fmul(long a, long b) {
            return of(wide(a) * wide(b));
        }

        /**
         * The instruction fdiv.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fdiv(long a, long b) {
            return of(wide(a) / wide(b));
        }

        /**
         * The instruction fmadd.d.
         *
         * @param a the first source
         * @param b the second source
         * @param c the third source
         * @return the result
         */
        public static long fmadd(long a, long b, long c) {
            return of(Math.fma(wide(a), wide(b), wide(c)));
        }

        /**
         * The instruction fmsub.d.
         *
         * @param a the first source
         * @param b the second source
         * @param c the third source
         * @return the result
         */
        public static long fmsub(long a, long b, long c) {
            return of(Math.fma(wide(a), wide(b), -wide(c)));
        }

        /**
         * The instruction fnmsub.d.
         *
         * @param a the first source
         * @param b the second source
         * @param c the third source
         * @return the result
         */
        public static long fnmsub(long a, long b, long c) {
            return of(Math.fma(-wide(a), wide(b), wide(c)));
        }

        /**
         * The instruction fnmadd.d.
         *
         * @param a the first source
         * @param b the second source
         * @param c the third source
         * @return the result
         */
        public static long fnmadd(long a, long b, long c) {
            return of(Math.fma(-wide(a), wide(b), -wide(c)));
        }

        /**
         * The instruction fsqrt.d.
         *
         * @param a the first source
         * @return the result
         */
        public static long fsqrt(long a) {
            return of(Math.sqrt(wide(a)));
        }

        /**
         * The instruction fmin.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fmin(long a, long b) {
            return of(min(wide(a), wide(b)));
        }

        /**
         * The instruction fmax.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fmax(long a, long b) {
            return of(max(wide(a), wide(b)));
        }

        /**
         * The instruction feq.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long feq(long a, long b) {
            return bit(wide(a) == wide(b));
        }

        /**
         * The instruction flt.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long flt(long a, long b) {
            return bit(wide(a) < wide(b));
        }

        /**
         * The instruction fle.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fle(long a, long b) {
            return bit(wide(a) <= wide(b));
        }

        /**
         * The instruction fcvt.w.d, rounding toward zero.
         *
         * @param a the first source
         * @return the result
         */
        public static long toW(long a) {
            return Double.isNaN(wide(a)) ? Integer.MAX_VALUE : (int) wide(a);
        }

        /**
         * The instruction fcvt.l.d, rounding toward zero.
         *
         * @param a the first source
         * @return the result
         */
        public static long toL(long a) {
            return Double.isNaN(wide(a)) ? Long.MAX_VALUE : (long) wide(a);
        }

        /**
         * The instruction fsgnj.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fsgnj(long a, long b) {
            return (a & Long.MAX_VALUE) | (b & Long.MIN_VALUE);
        }

        /**
         * The instruction fsgnjn.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fsgnjn(long a, long b) {
            return (a & Long.MAX_VALUE) | (~b & Long.MIN_VALUE);
        }

        /**
         * The instruction fsgnjx.d.
         *
         * @param a the first source
         * @param b the second source
         * @return the result
         */
        public static long fsgnjx(long a, long b) {
            return a ^ (b & Long.MIN_VALUE);
        }

        /**
         * The instruction fcvt.d.s.
         *
         * @param a the first source
         * @return the result
         */
        public static long fromS(long a) {
            return of((double) Float.intBitsToFloat(single(a)));
        }

        /**
         * The instruction fcvt.d.w.
         *
         * @param a the first source
         * @return the result
         */
        public static long fromW(long a) {
            return of((double) (int) a);
        }

        /**
         * The instruction fcvt.d.wu.
         *
         * @param a the first source
         * @return the result
         */
        public static long fromWu(long a) {
            return of((double) (a & 0xffff_ffffL));
        }

        /**
         * The instruction fcvt.d.l.
         *
         * @param a the first source
         * @return the result
         */
        public static long fromL(long a) {
            return of((double) a);
        }
    }
}
