// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.translator;

/** A translated loop. {@link LoopTranslator} generates a subclass for each loop. */
abstract class TranslatedLoop {
    /** The maximum number of passes that a loop makes before its caller polls. */
    static final int PASSES = 1_000;

    /**
     * Runs the loop. Called in GUEST. The generated code calls no method of the library, and throws nothing.
     *
     * @param registers the registers of the guest
     * @param key the current key of the TLB
     * @return the address of the next instruction. This is the start of the loop if the passes are used up, the address
     *     after the loop if the loop ended, or the address of an instruction whose access the interpreter must make
     */
    abstract long run(long[] registers, long key);
}
