// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A range of guest memory with a cell for each live state of a test. The cells are reused in a circle; there are more
 * of them than states at any time.
 */
final class GuestCells {
    static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    static final Machine MACHINE =
            Machine.builder().memory(64 << 20).tlbEntries(4096).build();
    static final AddressSpace SPACE = MACHINE.newSpace(GEOMETRY);

    /** Two cache lines. */
    static final int WIDE = 128;

    private static final int CELLS = 1 << 15;

    private final AtomicInteger next = new AtomicInteger();
    private final int size;
    private final int flags;
    private final @Nullable Backing backing;
    private final long start;

    /** Maps private memory for cells of a size that divides a page. */
    GuestCells(int size) {
        this(size, MapFlags.PRIVATE | MapFlags.ANONYMOUS, null);
    }

    private GuestCells(int size, int flags, @Nullable Backing backing) {
        this.size = size;
        this.flags = flags;
        this.backing = backing;
        start = map(0, (long) CELLS * size, flags, 0);
    }

    /** Maps a file for cells of a size that divides a page. */
    static GuestCells ofFile(int size) {
        Backing file =
                MACHINE.newFile("/cells", 1, GEOMETRY, (long) CELLS * size).open();
        return new GuestCells(size, MapFlags.SHARED, file);
    }

    private long map(long address, long length, int how, long offset) {
        int rights = Protection.READ | Protection.WRITE;
        long mapped = SPACE.mmap(address, length, rights, how, backing, offset);
        if (Errno.isError(mapped)) {
            throw new IllegalStateException(Errno.of(mapped).name());
        }
        return mapped;
    }

    /** Returns the address of a cell that no other live state uses. */
    long next() {
        return start + (long) (next.getAndIncrement() & CELLS - 1) * size;
    }

    /** Remaps the page of a cell. */
    void mapAgain(long cell) {
        long page = cell & -GEOMETRY.pageSize();
        map(page, GEOMETRY.pageSize(), flags | MapFlags.FIXED, page - start);
    }
}
