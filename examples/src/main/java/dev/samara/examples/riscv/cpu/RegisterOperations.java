// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.cpu;

import java.lang.invoke.VarHandle;

/**
 * What an instruction makes of the registers that it reads, where that takes more than an operator of Java. Each method
 * is named as the instruction; it takes registers, and returns one.
 */
public final class RegisterOperations {
    private static final int READS = 2;
    private static final int WRITES = 1;

    private RegisterOperations() {}

    /**
     * The instruction fence: the fences of the Java memory model that are at least as strong.
     *
     * @param orders the immediate of the instruction
     */
    public static void fence(int orders) {
        int before = orders >> 4 & 15;
        int after = orders & 15;
        boolean isTotal = (orders >> 8 & 15) != 8;
        if (isTotal && (before & WRITES) != 0 && (after & READS) != 0) {
            VarHandle.fullFence();
        } else {
            VarHandle.acquireFence();
            VarHandle.releaseFence();
        }
    }

    private static double wide(long register) {
        return Double.longBitsToDouble(register);
    }

    private static float single(long register) {
        return Float.intBitsToFloat(FloatBits.single(register));
    }

    private static long bit(boolean isSet) {
        return isSet ? 1 : 0;
    }

    /**
     * The instruction slt.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long slt(long a, long b) {
        return bit(a < b);
    }

    /**
     * The instruction sltu.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long sltu(long a, long b) {
        return bit(a + Long.MIN_VALUE < b + Long.MIN_VALUE);
    }

    /**
     * The instruction mulh.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long mulh(long a, long b) {
        return Math.multiplyHigh(a, b);
    }

    /**
     * The instruction mulhsu.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long mulhsu(long a, long b) {
        return Math.multiplyHigh(a, b) + (b < 0 ? a : 0);
    }

    /**
     * The instruction mulhu.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long mulhu(long a, long b) {
        return Math.multiplyHigh(a, b) + (b < 0 ? a : 0) + (a < 0 ? b : 0);
    }

    /**
     * The instruction div.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long div(long a, long b) {
        return b == 0 ? -1 : a / b;
    }

    /**
     * The instruction divu.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long divu(long a, long b) {
        return b == 0 ? -1 : Long.divideUnsigned(a, b);
    }

    /**
     * The instruction rem.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long rem(long a, long b) {
        return b == 0 ? a : a % b;
    }

    /**
     * The instruction remu.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long remu(long a, long b) {
        return b == 0 ? a : Long.remainderUnsigned(a, b);
    }

    /**
     * The instruction divw.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long divw(long a, long b) {
        return (int) b == 0 ? -1 : (int) a / (int) b;
    }

    /**
     * The instruction divuw.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long divuw(long a, long b) {
        return (int) b == 0 ? -1 : Integer.divideUnsigned((int) a, (int) b);
    }

    /**
     * The instruction remw.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long remw(long a, long b) {
        return (int) b == 0 ? (int) a : (int) a % (int) b;
    }

    /**
     * The instruction remuw.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long remuw(long a, long b) {
        return (int) b == 0 ? (int) a : Integer.remainderUnsigned((int) a, (int) b);
    }

    /**
     * The instruction fadd.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long faddD(long a, long b) {
        return FloatBits.of(wide(a) + wide(b));
    }

    /**
     * The instruction fsub.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsubD(long a, long b) {
        return FloatBits.of(wide(a) - wide(b));
    }

    /**
     * The instruction fmul.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmulD(long a, long b) {
        return FloatBits.of(wide(a) * wide(b));
    }

    /**
     * The instruction fdiv.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fdivD(long a, long b) {
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
    public static long fmaddD(long a, long b, long c) {
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
    public static long fmsubD(long a, long b, long c) {
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
    public static long fnmsubD(long a, long b, long c) {
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
    public static long fnmaddD(long a, long b, long c) {
        return FloatBits.of(Math.fma(-wide(a), wide(b), -wide(c)));
    }

    /**
     * The instruction fsqrt.d.
     *
     * @param a the first source
     * @return the result
     */
    public static long fsqrtD(long a) {
        return FloatBits.of(Math.sqrt(wide(a)));
    }

    /**
     * The instruction fmin.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fminD(long a, long b) {
        return FloatBits.of(FloatBits.min(wide(a), wide(b)));
    }

    /**
     * The instruction fmax.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmaxD(long a, long b) {
        return FloatBits.of(FloatBits.max(wide(a), wide(b)));
    }

    /**
     * The instruction feq.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long feqD(long a, long b) {
        return bit(wide(a) == wide(b));
    }

    /**
     * The instruction flt.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fltD(long a, long b) {
        return bit(wide(a) < wide(b));
    }

    /**
     * The instruction fle.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fleD(long a, long b) {
        return bit(wide(a) <= wide(b));
    }

    /**
     * The instruction fcvt.w.d, to zero.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtWD(long a) {
        return Double.isNaN(wide(a)) ? Integer.MAX_VALUE : (int) wide(a);
    }

    /**
     * The instruction fcvt.l.d, to zero.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtLD(long a) {
        return Double.isNaN(wide(a)) ? Long.MAX_VALUE : (long) wide(a);
    }

    /**
     * The instruction fadd.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long faddS(long a, long b) {
        return FloatBits.of(single(a) + single(b));
    }

    /**
     * The instruction fsub.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsubS(long a, long b) {
        return FloatBits.of(single(a) - single(b));
    }

    /**
     * The instruction fmul.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmulS(long a, long b) {
        return FloatBits.of(single(a) * single(b));
    }

    /**
     * The instruction fdiv.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fdivS(long a, long b) {
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
    public static long fmaddS(long a, long b, long c) {
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
    public static long fmsubS(long a, long b, long c) {
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
    public static long fnmsubS(long a, long b, long c) {
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
    public static long fnmaddS(long a, long b, long c) {
        return FloatBits.of(Math.fma(-single(a), single(b), -single(c)));
    }

    /**
     * The instruction fsqrt.s.
     *
     * @param a the first source
     * @return the result
     */
    public static long fsqrtS(long a) {
        return FloatBits.of((float) Math.sqrt(single(a)));
    }

    /**
     * The instruction fmin.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fminS(long a, long b) {
        return FloatBits.of(FloatBits.min(single(a), single(b)));
    }

    /**
     * The instruction fmax.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fmaxS(long a, long b) {
        return FloatBits.of(FloatBits.max(single(a), single(b)));
    }

    /**
     * The instruction feq.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long feqS(long a, long b) {
        return bit(single(a) == single(b));
    }

    /**
     * The instruction flt.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fltS(long a, long b) {
        return bit(single(a) < single(b));
    }

    /**
     * The instruction fle.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fleS(long a, long b) {
        return bit(single(a) <= single(b));
    }

    /**
     * The instruction fcvt.w.s, to zero.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtWS(long a) {
        return Double.isNaN(single(a)) ? Integer.MAX_VALUE : (int) single(a);
    }

    /**
     * The instruction fcvt.l.s, to zero.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtLS(long a) {
        return Double.isNaN(single(a)) ? Long.MAX_VALUE : (long) single(a);
    }

    /**
     * The instruction fsgnj.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsgnjD(long a, long b) {
        return (a & Long.MAX_VALUE) | (b & Long.MIN_VALUE);
    }

    /**
     * The instruction fsgnjn.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsgnjnD(long a, long b) {
        return (a & Long.MAX_VALUE) | (~b & Long.MIN_VALUE);
    }

    /**
     * The instruction fsgnjx.d.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsgnjxD(long a, long b) {
        return a ^ (b & Long.MIN_VALUE);
    }

    private static long sign(long register, int sign) {
        return (FloatBits.single(register) & Integer.MAX_VALUE) | (sign & Integer.MIN_VALUE) | FloatBits.BOX;
    }

    /**
     * The instruction fsgnj.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsgnjS(long a, long b) {
        return sign(a, FloatBits.single(b));
    }

    /**
     * The instruction fsgnjn.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsgnjnS(long a, long b) {
        return sign(a, ~FloatBits.single(b));
    }

    /**
     * The instruction fsgnjx.s.
     *
     * @param a the first source
     * @param b the second source
     * @return the result
     */
    public static long fsgnjxS(long a, long b) {
        return sign(a, FloatBits.single(a) ^ FloatBits.single(b));
    }

    /**
     * The instruction fcvt.s.d.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtSD(long a) {
        return FloatBits.of((float) wide(a));
    }

    /**
     * The instruction fcvt.d.s.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtDS(long a) {
        return FloatBits.of((double) single(a));
    }

    /**
     * The instruction fcvt.d.w.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtDW(long a) {
        return FloatBits.of((double) (int) a);
    }

    /**
     * The instruction fcvt.d.wu.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtDWu(long a) {
        return FloatBits.of((double) (a & 0xffff_ffffL));
    }

    /**
     * The instruction fcvt.d.l.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtDL(long a) {
        return FloatBits.of((double) a);
    }

    /**
     * The instruction fcvt.s.w.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtSW(long a) {
        return FloatBits.of((float) (int) a);
    }

    /**
     * The instruction fcvt.s.wu.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtSWu(long a) {
        return FloatBits.of((float) (a & 0xffff_ffffL));
    }

    /**
     * The instruction fcvt.s.l.
     *
     * @param a the first source
     * @return the result
     */
    public static long fcvtSL(long a) {
        return FloatBits.of((float) a);
    }
}
