// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmOperations;

/** A space in which pages are mapped by number. */
final class FewPages {
    private static final Machine MACHINE = Machine.builder().build();
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    final AddressSpace space = MACHINE.newSpace(Geometry.LINUX_X86_64);

    static long page(int number) {
        return PLACE + number * PAGE;
    }

    void map(int first, int pages) {
        succeed(page(first), space.mmap(page(first), pages * PAGE, Protection.READ, FIXED, null, 0));
    }

    /** Maps a backing that requires callbacks. */
    void mapOpened(int first, int pages) {
        int flags = MapFlags.PRIVATE | MapFlags.FIXED;
        succeed(page(first), space.mmap(page(first), pages * PAGE, Protection.READ, flags, new Asked(), 0));
    }

    /** A backing whose callbacks agree to everything. */
    private static final class Asked implements Backing, VmOperations {
        @Override
        public VmOperations operations() {
            return this;
        }

        @Override
        public int major() {
            return 8;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return 1;
        }

        @Override
        public String name() {
            return "/asked";
        }
    }

    void protect(int first, int pages) {
        succeed(0, space.mprotect(page(first), pages * PAGE, Protection.READ | Protection.WRITE));
    }

    void unmap(int first, int pages) {
        succeed(0, space.munmap(page(first), pages * PAGE));
    }

    void move(int from, int pages, int to) {
        int flags = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
        succeed(page(to), space.mremap(page(from), pages * PAGE, pages * PAGE, flags, page(to)));
    }

    /** Closes the space after the actors are done; an unclosed space would be reported when it is garbage-collected. */
    void end() {
        space.close();
    }

    /** Returns 1 if the page is mapped, else 0. */
    static int mapped(LayoutSnapshot now, int page) {
        return now.find(page(page)) == null ? 0 : 1;
    }

    private static void succeed(long expected, long result) {
        if (result != expected) {
            throw new IllegalStateException("result " + result);
        }
    }
}
