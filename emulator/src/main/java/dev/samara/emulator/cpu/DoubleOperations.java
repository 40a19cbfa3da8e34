// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/**
 * The operations of instructions on registers with doubles. Each method has the name of its instruction without {@code
 * .d}; a conversion starts with {@code to} or {@code from}. A method takes the contents of registers, and returns the
 * content of the target register.
 */
public final class DoubleOperations {
    private DoubleOperations() {}

    private static double wide(long register) {
        return Double.longBitsToDouble(register);
    }

    private static long bit(boolean isSet) {
        return isSet ? 1 : 0;
    }

    /**
     * The instruction fadd.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fadd(long a, long b) {
        return FloatBits.of(wide(a) + wide(b));
    }

    /**
     * The instruction fsub.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsub(long a, long b) {
        return FloatBits.of(wide(a) - wide(b));
    }

    /**
     * The instruction fmul.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmul(long a, long b) {
        return FloatBits.of(wide(a) * wide(b));
    }

    /**
     * The instruction fdiv.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fdiv(long a, long b) {
        return FloatBits.of(wide(a) / wide(b));
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
        return FloatBits.of(Math.fma(wide(a), wide(b), wide(c)));
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
        return FloatBits.of(Math.fma(wide(a), wide(b), -wide(c)));
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
        return FloatBits.of(Math.fma(-wide(a), wide(b), wide(c)));
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
        return FloatBits.of(Math.fma(-wide(a), wide(b), -wide(c)));
    }

    /**
     * The instruction fsqrt.d.
     *
     * @param a the first source
     * @return the result
     */
    public static long fsqrt(long a) {
        return FloatBits.of(Math.sqrt(wide(a)));
    }

    /**
     * The instruction fmin.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmin(long a, long b) {
        return FloatBits.of(FloatBits.min(wide(a), wide(b)));
    }

    /**
     * The instruction fmax.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmax(long a, long b) {
        return FloatBits.of(FloatBits.max(wide(a), wide(b)));
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
        return FloatBits.of((double) Float.intBitsToFloat(FloatBits.single(a)));
    }

    /**
     * The instruction fcvt.d.w.
     *
     * @param a the first source
     * @return the result
     */
    public static long fromW(long a) {
        return FloatBits.of((double) (int) a);
    }

    /**
     * The instruction fcvt.d.wu.
     *
     * @param a the first source
     * @return the result
     */
    public static long fromWu(long a) {
        return FloatBits.of((double) (a & 0xffff_ffffL));
    }

    /**
     * The instruction fcvt.d.l.
     *
     * @param a the first source
     * @return the result
     */
    public static long fromL(long a) {
        return FloatBits.of((double) a);
    }
}
