// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import java.util.List;

/**
 * Translated code, and the blocks that it stands for.
 *
 * @param code the code
 * @param blocks the blocks, of which no cache has any; the code begins with the first one
 */
public record TranslatedRegion(TranslatedCode code, List<CodeBlock> blocks) {
    /**
     * Makes a region.
     *
     * @param code the code
     * @param blocks the blocks
     */
    public TranslatedRegion {
        blocks = List.copyOf(blocks);
    }
}
