// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/**
 * Code of the JVM that does what some blocks of the guest do. It has no state, so each hart whose memory has these
 * blocks may run it. A {@link CodeTranslator} makes a subclass for each one.
 *
 * <p>The code accesses memory by the arrays of the TLB, and leaves before an access that misses. It never calls what
 * polls or leaves GUEST. So no block can be dropped while the code runs, and no access can fail.
 */
public abstract class TranslatedCode {
    /** The bit of a result that is set if the interpreter has to execute the next block. Addresses are even. */
    public static final long INTERPRET = 1;

    /** The code leaves for a poll before it has executed many more instructions than this. */
    public static final int MOST_WITHOUT_POLL = 2048;

    /** For subclasses. */
    protected TranslatedCode() {}

    /**
     * Runs the guest from the first instruction of the first block on. Called in GUEST, and stays there.
     *
     * @param hart its registers are those of the guest before and after the call
     * @return the address of the next instruction. If {@link #INTERPRET} is set, that instruction needs the
     *     interpreter: its access has missed, or it is none that is translated
     */
    public abstract long run(Hart hart);

    /**
     * Counts instructions that were executed.
     *
     * @param hart that has executed them
     * @param number of instructions
     */
    protected static void count(Hart hart, int number) {
        hart.counts().instructions += number;
    }
}
