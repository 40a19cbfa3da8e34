// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.file.FilePages;
import org.jspecify.annotations.Nullable;

/**
 * An action of an operation on the pages of a range whose mapping stays.
 *
 * @param kind the action
 * @param start the first address
 * @param end after the last address
 * @param file for a punched hole: the file
 * @param offset for a punched hole: its start in the file, in bytes
 */
public record PageAction(
        Kind kind, long start, long end, @Nullable FilePages file, long offset) {
    public enum Kind {
        /** Removes the pages; the contents of private ones are lost. */
        DISCARD,
        /** Removes the pages of droppable memory that are not pinned. */
        DROP,
        /** Removes the file's pages from all mappings. */
        PUNCH,
        /** Removes the pages and stores guard markers: later accesses fault. */
        GUARD,
        /** Removes guard markers. */
        UNGUARD
    }
}
