// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.List;

/** Where scripts run: the free pages of a world, and the mappings of all other pages. */
interface Place {
    /** Returns the first address of the world. */
    long base();

    /** Returns the end of the world, exclusive. */
    long end();

    /** Returns the start of the heap, which is empty at the start of a script. */
    long brk();

    /** Returns an address in the main stack. */
    long stack();

    /** Returns all mappings at the start of a script. */
    List<Area> areas();

    /** Returns the bytes that count against the data limit at the start of a script. */
    long data();

    /** Returns a limit in bytes. */
    long bytes(Limit limit, long argument);

    /** Returns whether mappings of the world may be shown as the heap or the stack. */
    boolean isPlaceNamed();

    /** Returns whether the zero page is mapped when untouched memory is read. */
    boolean mapsZeroPage();

    /** Returns whether a process may lock memory and map the lowest pages, and can drop these privileges. */
    boolean isPrivileged();

    /** Returns whether scripts name memory. Some kernels are built without such names. */
    default boolean namesMemory() {
        return false;
    }

    /** Returns whether a mapping was created completely by a script, so that its pages are known. */
    default boolean isWithin(long start, long stop) {
        return Long.compareUnsigned(start, base()) >= 0 && Long.compareUnsigned(stop, end()) <= 0;
    }

    /** Returns whether a range, including its last page, overlaps memory that is neither of the world nor a filler. */
    default boolean hasOwn(long start, long stop) {
        return areas().stream()
                .anyMatch(area -> !area.name().startsWith("/memfd:filler")
                        && Long.compareUnsigned(area.start(), stop) < 0
                        && Long.compareUnsigned(start, area.end()) < 0);
    }
}
