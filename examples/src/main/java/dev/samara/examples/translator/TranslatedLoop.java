// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.translator;

/** A translated loop. {@link LoopTranslator} makes a subclass for each. */
abstract class TranslatedLoop {
    /** How many passes a loop makes at most before its caller polls. */
    static final int PASSES = 1_000;

    /**
     * Runs the loop. Called in GUEST. Calls nothing, and throws nothing.
     *
     * @param registers of the guest
     * @param key of the TLB
     * @return the address of the next instruction: the start if there are more passes to make, or of an instruction of
     *     the loop whose access the interpreter has to make
     */
    abstract long run(long[] registers, long key);
}
