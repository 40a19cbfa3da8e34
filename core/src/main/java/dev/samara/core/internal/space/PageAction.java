// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.file.FilePages;
import org.jspecify.annotations.Nullable;

/**
 * An action of an operation on the pages of a range whose mapping stays.
 *
 * @param kind the action
 * @param start the first address
 * @param end the (exclusive) end
 * @param file the file, for a punched hole
 * @param offset the start of the hole in the file, in bytes, for a punched hole
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
        /** Removes the pages and stores guard markers, so that later accesses fault. */
        GUARD,
        /** Removes guard markers. */
        UNGUARD
    }

    /** Returns whether this action continues an earlier one, so that both are one action on a longer range. */
    boolean continues(PageAction before) {
        return kind == before.kind
                && start == before.end
                && file == before.file
                && (file == null || offset == before.offset + (before.end - before.start));
    }

    /** Returns one action on the range of this action and of one that continues it. */
    PageAction with(PageAction next) {
        return new PageAction(kind, start, next.end, file, offset);
    }
}
