// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/** Translates blocks that run often to {@link TranslatedCode}. Used by the threads of all harts. */
public interface CodeTranslator {
    /**
     * {@linkplain BlockCache#install Installs} the code that starts with a block, or starts to translate it. Called in
     * GUEST, so another thread does the translation, except in tests.
     *
     * @param hot a block of the cache
     * @param blocks the cache, which must not be used after the call
     * @return how many more times the block is interpreted before the next request, if it has no code by then; at least
     *     1
     */
    int translate(CodeBlock hot, BlockCache blocks);

    /**
     * Returns how often a block is interpreted before the first request.
     *
     * @return the number of runs
     */
    int runsBefore();
}
