// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/** Makes {@link TranslatedCode} of blocks that run often. Used by the threads of all harts. */
public interface CodeTranslator {
    /**
     * {@linkplain BlockCache#install Installs} code that begins with a block, or begins to make it. Called in GUEST, so
     * it leaves the making to another thread, unless it is there for tests.
     *
     * @param hot a block of the cache
     * @param blocks the cache, for the time of the call
     * @return after how many more runs the block is to be interpreted before the next request, if it has no code by
     *     then; at least 1
     */
    int translate(CodeBlock hot, BlockCache blocks);

    /**
     * Returns how often a block is interpreted before the first request.
     *
     * @return a number of runs
     */
    int runsBefore();
}
