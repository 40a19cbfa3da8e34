// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import dev.samara.emulator.cpu.BlockCache.CodeBlock;
import java.util.List;

/**
 * Bytecode that does the same as some blocks of the guest. It has no state, so each hart whose memory contains these
 * blocks may run it. A {@link CodeTranslator} generates a subclass for each translation.
 *
 * <p>The code accesses memory through the arrays of the TLB, and exits before an access that misses. It never calls
 * code that polls or leaves GUEST. So no block can be dropped while the code runs, and no access can fail.
 */
public abstract class TranslatedCode {
    /**
     * The bit of a result that is set if the interpreter must execute the next block. It is free because addresses are
     * even.
     */
    public static final long INTERPRET = 1;

    /** The code exits for a poll after about this many instructions. */
    public static final int MOST_WITHOUT_POLL = 2048;

    /** For subclasses. */
    protected TranslatedCode() {}

    /**
     * Runs the guest from the first instruction of the first block on. Called in GUEST, which it does not leave.
     *
     * @param hart contains the registers of the guest before and after the call
     * @return the address of the next instruction. If {@link #INTERPRET} is set, that instruction needs the
     *     interpreter, because its access missed or because such instructions are not translated
     */
    public abstract long run(Hart hart);

    /**
     * Counts instructions that were executed.
     *
     * @param hart the hart that executed them
     * @param number the number of instructions
     */
    protected static void count(Hart hart, int number) {
        hart.counts().instructions += number;
    }

    /**
     * Translated code, and the blocks that it replaces.
     *
     * @param code the code
     * @param blocks copies of the blocks, which are in no cache; the code starts with the first one
     */
    public record TranslatedRegion(TranslatedCode code, List<CodeBlock> blocks) {
        /**
         * Creates a region.
         *
         * @param code the code
         * @param blocks the blocks
         */
        public TranslatedRegion {
            blocks = List.copyOf(blocks);
        }
    }

    /** Translates blocks that run often to {@link TranslatedCode}. Used by the threads of all harts. */
    public interface CodeTranslator {
        /**
         * {@linkplain BlockCache#install Installs} the code that starts with a block, or starts to translate it. Called
         * in GUEST, so another thread does the translation, except in tests.
         *
         * @param hot a block of the cache
         * @param blocks the cache, which must not be used after the call
         * @return how many more times the block is interpreted before the next request, if it has no code by then; at
         *     least 1
         */
        int translate(CodeBlock hot, BlockCache blocks);

        /**
         * Returns how often a block is interpreted before the first request.
         *
         * @return the number of runs
         */
        int runsBefore();
    }
}
