// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.file.FilePages;
import org.jspecify.annotations.Nullable;

/**
 * What an operation does to the pages of a range whose mapping stays.
 *
 * @param kind what
 * @param start the first address
 * @param end behind the last
 * @param file of a punched hole: the file
 * @param offset of a punched hole: where it begins in the file, in bytes
 */
public record PageAction(
        Kind kind, long start, long end, @Nullable FilePages file, long offset) {
    public enum Kind {
        /** The pages go; private ones are lost. */
        DISCARD,
        /** The file's pages go, everywhere. */
        PUNCH,
        /** The pages go, and nothing is faulted in any more. */
        GUARD,
        /** The reverse. */
        UNGUARD
    }
}
