// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;

/** Maps the segments of a file into a space ({@code elf_map}, {@code set_brk} and {@code padzero} of Linux). */
final class SegmentMapper {
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;

    private final AddressSpace space;
    private final Geometry geometry;

    SegmentMapper(AddressSpace space) {
        this.space = space;
        geometry = space.geometry();
    }

    /** Returns the load bias of a file that may be loaded anywhere. The space chooses the address. */
    long findPlace(ElfFile elf) throws ElfException {
        long length = elf.end() - elf.start();
        long at = check(elf, space.mmap(0, length, 0, Mman.PRIVATE | Mman.ANONYMOUS | Mman.NORESERVE, null, 0));
        check(elf, space.munmap(at, length));
        return at - elf.start();
    }

    void map(ElfFile elf, long moved) throws ElfException {
        for (ElfSegment each : elf.segments()) {
            map(elf, each, moved);
        }
    }

    private void map(ElfFile elf, ElfSegment segment, long moved) throws ElfException {
        long start = geometry.roundDown(segment.address() + moved);
        long fileEnd = segment.address() + moved + segment.fileSize();
        long end = geometry.roundUp(segment.end() + moved);
        long mapped = start;
        if (segment.fileSize() > 0) {
            long length = geometry.roundUp(fileEnd) - start;
            long offset = geometry.roundDown(segment.offset());
            check(elf, space.mmap(start, length, segment.protection(), FIXED, elf.file(), offset));
            mapped = start + length;
            if (segment.memorySize() > segment.fileSize()) {
                clear(elf, fileEnd, mapped);
            }
        }
        if (end > mapped) {
            check(elf, space.mmap(mapped, end - mapped, segment.protection(), FIXED | Mman.ANONYMOUS, null, 0));
        }
    }

    /** Clears the rest of a page that starts with bytes of the file. */
    private void clear(ElfFile elf, long from, long to) throws ElfException {
        int length = (int) (to - from);
        if (length > 0) {
            check(elf, space.writeForced(from, new byte[length], 0, length));
        }
    }

    private static long check(ElfFile elf, long result) throws ElfException {
        if (Errno.isError(result)) {
            throw new ElfException(elf.name(), "cannot be loaded: " + Errno.of(result));
        }
        return result;
    }
}
