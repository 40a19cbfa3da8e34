// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import java.lang.invoke.VarHandle;

/**
 * The operations of instructions on integer registers that take more than an operator of Java. Each method has the name
 * of its instruction, takes the contents of registers, and returns the content of the target register.
 */
public final class IntegerOperations {
    private static final int READS = 2;
    private static final int WRITES = 1;

    private IntegerOperations() {}

    private static long bit(boolean isSet) {
        return isSet ? 1 : 0;
    }

    /**
     * The instruction fence. Executes fences of the Java memory model that are at least as strong.
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
}
