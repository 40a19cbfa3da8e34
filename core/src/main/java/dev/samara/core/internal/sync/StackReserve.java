// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * Detects a lack of stack early, before anything is changed, rather than in code that releases resources or finishes
 * work for which other threads wait.
 *
 * <p>A compiled frame of the check is at least as large as an interpreted one. Otherwise a check that is already
 * compiled would reserve too little for code that is still interpreted. A compiled frame contains space for the
 * arguments that its calls do not pass in registers, so the innermost call has many arguments.
 */
public final class StackReserve {
    /** The number of frames for a fork, and for other calls that need many. */
    public static final int MANY = 150;

    /** A constant whose load takes three bytes of bytecode. */
    private static final int MIXED = 1000;

    /**
     * How many more checks make the innermost call. This call must be in the profile of {@link #descend} when that
     * method is compiled, because a compiler leaves out code that was never executed. Once {@link #descend} is
     * compiled, its frames contain the space for the arguments in each check, and storing the arguments would take half
     * of the check's time. Read and written plainly by any thread: a lost write only increases the number of calls, and
     * nothing is written after the number has reached 0.
     */
    private static int left = 1 << 18;

    private StackReserve() {}

    /**
     * Recurses to a depth, and returns. A frame has at least 220 bytes; a frame that the C1 compiler compiled has about
     * 800.
     *
     * @param frames the number of calls
     * @throws StackOverflowError if the thread's stack has no space for that many frames
     */
    public static void check(int frames) {
        descend(frames, 0, 0, 0, 0, 0);
    }

    /**
     * Returns a sum that includes the numbers up to {@code frames}, so that no compiler turns the recursion into a
     * loop. The other arguments make an interpreted frame wide. A compiler may inline one of the calls, so a compiled
     * frame may stand for two calls.
     */
    private static int descend(int frames, long a, long b, long c, long d, long e) {
        if (frames != 0) {
            return frames + descend(frames - 1, a, b, c, d, e);
        }
        int calls = left;
        if (calls == 0) {
            return 0;
        }
        left = calls - 1;
        return last(
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    /**
     * Has at least 380 bytes of arguments that are not passed in registers, so a compiled frame with space for them is
     * larger than two interpreted frames of {@link #descend}. With two more arguments, the C2 compiler of JDK 17
     * compiles no caller. The code has more than 325 bytes, which is too long to be inlined. Most of it never runs,
     * because the first argument is 0.
     */
    private static int last(
            int p1,
            int p2,
            int p3,
            int p4,
            int p5,
            int p6,
            int p7,
            int p8,
            int p9,
            int p10,
            int p11,
            int p12,
            int p13,
            int p14,
            int p15,
            int p16,
            int p17,
            int p18,
            int p19,
            int p20,
            int p21,
            int p22,
            int p23,
            int p24,
            int p25,
            int p26,
            int p27,
            int p28,
            int p29,
            int p30,
            int p31,
            int p32,
            int p33,
            int p34,
            int p35,
            int p36,
            int p37,
            int p38,
            int p39,
            int p40,
            int p41,
            int p42,
            int p43,
            int p44,
            int p45,
            int p46,
            int p47,
            int p48,
            int p49,
            int p50,
            int p51,
            int p52,
            int p53,
            int p54) {
        if (p1 == 0) {
            return 0;
        }
        int sum = 0;
        sum += (p1 ^ MIXED) + (p2 ^ MIXED) + (p3 ^ MIXED) + (p4 ^ MIXED);
        sum += (p5 ^ MIXED) + (p6 ^ MIXED) + (p7 ^ MIXED) + (p8 ^ MIXED);
        sum += (p9 ^ MIXED) + (p10 ^ MIXED) + (p11 ^ MIXED) + (p12 ^ MIXED);
        sum += (p13 ^ MIXED) + (p14 ^ MIXED) + (p15 ^ MIXED) + (p16 ^ MIXED);
        sum += (p17 ^ MIXED) + (p18 ^ MIXED) + (p19 ^ MIXED) + (p20 ^ MIXED);
        sum += (p21 ^ MIXED) + (p22 ^ MIXED) + (p23 ^ MIXED) + (p24 ^ MIXED);
        sum += (p25 ^ MIXED) + (p26 ^ MIXED) + (p27 ^ MIXED) + (p28 ^ MIXED);
        sum += (p29 ^ MIXED) + (p30 ^ MIXED) + (p31 ^ MIXED) + (p32 ^ MIXED);
        sum += (p33 ^ MIXED) + (p34 ^ MIXED) + (p35 ^ MIXED) + (p36 ^ MIXED);
        sum += (p37 ^ MIXED) + (p38 ^ MIXED) + (p39 ^ MIXED) + (p40 ^ MIXED);
        sum += (p41 ^ MIXED) + (p42 ^ MIXED) + (p43 ^ MIXED) + (p44 ^ MIXED);
        sum += (p45 ^ MIXED) + (p46 ^ MIXED) + (p47 ^ MIXED) + (p48 ^ MIXED);
        sum += (p49 ^ MIXED) + (p50 ^ MIXED) + (p51 ^ MIXED) + (p52 ^ MIXED);
        sum += (p53 ^ MIXED) + (p54 ^ MIXED);
        return sum;
    }
}
