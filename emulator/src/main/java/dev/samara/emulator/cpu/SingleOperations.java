// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/**
 * The operations of instructions on registers that contain single-precision numbers. Each method has the name of its
 * instruction without {@code .s}; a conversion starts with {@code to} or {@code from}. A method takes the contents of
 * registers, and returns the content of the target register.
 */
public final class SingleOperations {
    private SingleOperations() {}

    private static float single(long register) {
        return Float.intBitsToFloat(FloatBits.single(register));
    }

    private static long bit(boolean isSet) {
        return isSet ? 1 : 0;
    }

    private static long sign(long register, int sign) {
        return (FloatBits.single(register) & Integer.MAX_VALUE) | (sign & Integer.MIN_VALUE) | FloatBits.BOX;
    }

    /**
     * The instruction fadd.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fadd(long a, long b) {
        return FloatBits.of(single(a) + single(b));
    }

    /**
     * The instruction fsub.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsub(long a, long b) {
        return FloatBits.of(single(a) - single(b));
    }

    /**
     * The instruction fmul.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmul(long a, long b) {
        return FloatBits.of(single(a) * single(b));
    }

    /**
     * The instruction fdiv.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fdiv(long a, long b) {
        return FloatBits.of(single(a) / single(b));
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
        return FloatBits.of(Math.fma(single(a), single(b), single(c)));
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
        return FloatBits.of(Math.fma(single(a), single(b), -single(c)));
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
        return FloatBits.of(Math.fma(-single(a), single(b), single(c)));
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
        return FloatBits.of(Math.fma(-single(a), single(b), -single(c)));
    }

    /**
     * The instruction fsqrt.s.
     *
     * @param a the first source
     * @return the result
     */
    public static long fsqrt(long a) {
        return FloatBits.of((float) Math.sqrt(single(a)));
    }

    /**
     * The instruction fmin.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmin(long a, long b) {
        return FloatBits.of(FloatBits.min(single(a), single(b)));
    }

    /**
     * The instruction fmax.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmax(long a, long b) {
        return FloatBits.of(FloatBits.max(single(a), single(b)));
    }

    /**
     * The instruction feq.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long feq(long a, long b) {
        return bit(single(a) == single(b));
    }

    /**
     * The instruction flt.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long flt(long a, long b) {
        return bit(single(a) < single(b));
    }

    /**
     * The instruction fle.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fle(long a, long b) {
        return bit(single(a) <= single(b));
    }

    /**
     * The instruction fcvt.w.s, rounding toward zero.
     *
     * @param a the first source
     * @return the result
     */
    public static long toW(long a) {
        return Double.isNaN(single(a)) ? Integer.MAX_VALUE : (int) single(a);
    }

    /**
     * The instruction fcvt.l.s, rounding toward zero.
     *
     * @param a the first source
     * @return the result
     */
    public static long toL(long a) {
        return Double.isNaN(single(a)) ? Long.MAX_VALUE : (long) single(a);
    }

    /**
     * The instruction fsgnj.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsgnj(long a, long b) {
        return sign(a, FloatBits.single(b));
    }

    /**
     * The instruction fsgnjn.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsgnjn(long a, long b) {
        return sign(a, ~FloatBits.single(b));
    }

    /**
     * The instruction fsgnjx.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsgnjx(long a, long b) {
        return sign(a, FloatBits.single(a) ^ FloatBits.single(b));
    }

    /**
     * The instruction fcvt.s.d.
     *
     * @param a the first source
     * @return the result
     */
    public static long fromD(long a) {
        return FloatBits.of((float) Double.longBitsToDouble(a));
    }

    /**
     * The instruction fcvt.s.w.
     *
     * @param a the first source
     * @return the result
     */
    public static long fromW(long a) {
        return FloatBits.of((float) (int) a);
    }

    /**
     * The instruction fcvt.s.wu.
     *
     * @param a the first source
     * @return the result
     */
    public static long fromWu(long a) {
        return FloatBits.of((float) (a & 0xffff_ffffL));
    }

    /**
     * The instruction fcvt.s.l.
     *
     * @param a the first source
     * @return the result
     */
    public static long fromL(long a) {
        return FloatBits.of((float) a);
    }
}
