// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import java.util.List;

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
