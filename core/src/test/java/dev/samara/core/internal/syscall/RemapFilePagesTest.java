// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.KernelTable;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Compares {@code remap_file_pages} with the answers of a live kernel ({@code kernel/remap_file_pages.table}). */
@DisplayName("remap_file_pages")
final class RemapFilePagesTest {
    private static final KernelTable KERNEL = new KernelTable("remap_file_pages.table");
    private static final long PAGE = CallArguments.PAGE;
    private static final long AT = CallArguments.PLACE;
    private static final int RW = CallArguments.RW;
    private static final int SHARED = Mman.SHARED | Mman.FIXED;
    private static final int PRIVATE = Mman.PRIVATE | Mman.FIXED;

    private static final ShownFlag[] SHOWN = {
        new ShownFlag(VmaFlags.LOCKED, "lo"),
        new ShownFlag(VmaFlags.DONTCOPY, "dc"),
        new ShownFlag(VmaFlags.RAND_READ, "rr"),
        new ShownFlag(VmaFlags.SEALED, "sl")
    };

    private record ShownFlag(long flag, String text) {}

    /** A space and its files. */
    private static final class Scene {
        final AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        final Backing file = OpenFile.named("/file").open();
        final Backing readOnly = OpenFile.named("/file").readOnly().open();
        final Backing other = OpenFile.named("/other").open();

        void map(long page, long pages, int protection, int flags, Backing backing, long offset) {
            long at = AT + page * PAGE;
            assertEquals(at, space.mmap(at, pages * PAGE, protection, flags, backing, offset * PAGE));
        }

        void mapFile() {
            map(0, 8, RW, SHARED, file, 0);
        }

        long remap(long page, long pages, long offset) {
            return space.remapFilePages(AT + page * PAGE, pages * PAGE, 0, offset, 0);
        }

        /** Returns a result and the mappings in the format of a row. */
        String text(long result) {
            StringBuilder text = new StringBuilder(KernelTable.answers(result));
            for (Vma vma : space.snapshot().vmas()) {
                text.append(' ')
                        .append((vma.start() - AT) / PAGE)
                        .append('-')
                        .append((vma.end() - AT) / PAGE)
                        .append(':')
                        .append(vma.has(VmaFlags.READ) ? 'r' : '-')
                        .append(vma.has(VmaFlags.WRITE) ? 'w' : '-')
                        .append(vma.has(VmaFlags.EXEC) ? 'x' : '-')
                        .append(vma.has(VmaFlags.MAYSHARE) ? 's' : 'p')
                        .append(':')
                        .append(Long.toHexString(vma.pageOffset()));
                for (ShownFlag shown : SHOWN) {
                    text.append(vma.has(shown.flag) ? "+" + shown.text : "");
                }
            }
            return text.toString();
        }
    }

    @TestFactory
    @DisplayName("what it maps")
    List<DynamicTest> maps() {
        return KERNEL.tests("ok", words -> maps(words[0], new Scene()));
    }

    private static String maps(String row, Scene on) {
        AddressSpace space = on.space;
        long result = switch (row) {
            case "readonly-vma" -> {
                on.map(0, 8, Mman.READ, SHARED, on.file, 0);
                yield on.remap(1, 1, 5);
            }
            case "none" -> {
                on.map(0, 8, 0, SHARED, on.file, 0);
                yield on.remap(1, 1, 5);
            }
            case "exec" -> {
                on.map(0, 8, RW | Mman.EXEC, SHARED, on.file, 0);
                yield on.remap(1, 1, 5);
            }
            case "anon-shared" -> {
                on.space.throwing().mmap(AT, 8 * PAGE, RW, SHARED | Mman.ANONYMOUS, null, 0);
                yield on.remap(1, 1, 5);
            }
            case "shm" -> {
                assertEquals(AT, space.shmat(new SharedSegment(1, 0, 8 * PAGE), AT, 0));
                yield on.remap(1, 1, 5);
            }
            case "readonly-file" -> {
                on.map(0, 8, Mman.READ, SHARED, on.readOnly, 0);
                yield on.remap(1, 1, 5);
            }
            default -> {
                on.mapFile();
                yield mapsFile(row, on);
            }
        };
        return on.text(result);
    }

    private static long mapsFile(String row, Scene on) {
        AddressSpace space = on.space;
        switch (row) {
            case "locked" -> assertEquals(0, space.mlock(AT, 8 * PAGE));
            case "locked-onfault" -> assertEquals(0, space.mlock2(AT, 8 * PAGE, Mman.ONFAULT));
            case "partly-locked-first" -> assertEquals(0, space.mlock(AT, PAGE));
            case "partly-locked-second" -> assertEquals(0, space.mlock(AT + PAGE, PAGE));
            case "dontfork" -> assertEquals(0, space.madvise(AT, 8 * PAGE, Mman.DONTFORK));
            case "random" -> assertEquals(0, space.madvise(AT, 8 * PAGE, Mman.RANDOM));
            case "mlockall-future" -> assertEquals(0, space.mlockall(Mman.FUTURE));
            case "two-vmas" -> assertEquals(0, on.remap(4, 4, 20));
            case "back" -> assertEquals(0, on.remap(1, 1, 5));
            default -> {}
        }
        return switch (row) {
            case "first" -> on.remap(0, 1, 5);
            case "middle" -> on.remap(2, 2, 40);
            case "all" -> on.remap(0, 8, 8);
            case "same", "back" -> on.remap(1, 1, 1);
            case "unaligned-start" -> space.remapFilePages(AT + PAGE + 5, PAGE, 0, 5, 0);
            case "unaligned-length" -> space.remapFilePages(AT + PAGE, PAGE + 5, 0, 5, 0);
            case "short-length" -> space.remapFilePages(AT + PAGE, 1, 0, 5, 0);
            case "beyond-file" -> on.remap(1, 1, 1000);
            case "nonblock" -> space.remapFilePages(AT + PAGE, PAGE, 0, 5, Mman.NONBLOCK);
            case "unknown-flags" -> space.remapFilePages(AT + PAGE, PAGE, 0, 5, Integer.MAX_VALUE);
            case "partly-locked-first", "partly-locked-second" -> on.remap(0, 2, 5);
            case "two-vmas" -> on.remap(0, 8, 0);
            case "locked", "locked-onfault", "dontfork", "random", "mlockall-future" -> on.remap(1, 1, 5);
            default -> throw new AssertionError(row);
        };
    }

    @TestFactory
    @DisplayName("what it refuses")
    List<DynamicTest> errors() {
        return KERNEL.tests("error", words -> {
            Scene on = new Scene();
            long result = refuses(words[0], on);
            // Some rows contain only the result.
            boolean hasMappings = !WITHOUT_MAPPINGS.contains(words[0]);
            return hasMappings ? on.text(result) : KernelTable.answers(result);
        });
    }

    private static final List<String> WITHOUT_MAPPINGS = List.of(
            "prot-high",
            "length-0",
            "prot-length-0",
            "length-wraps",
            "length-rounds-0",
            "pgoff-overflow",
            "pgoff-last",
            "nothing",
            "private-anon",
            "as-limit",
            "below-vma",
            "beyond-limit");

    private static long refuses(String row, Scene on) {
        AddressSpace space = on.space;
        int fixed = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        switch (row) {
            case "nothing", "beyond-limit" -> {}
            case "private" -> on.map(0, 8, RW, PRIVATE, on.file, 0);
            case "private-anon" -> space.throwing().mmap(AT, 8 * PAGE, RW, fixed, null, 0);
            case "mdwe" -> on.map(0, 8, RW | Mman.EXEC, SHARED, on.file, 0);
            default -> on.mapFile();
        }
        switch (row) {
            case "hole" -> assertEquals(0, space.munmap(AT + 2 * PAGE, PAGE));
            case "other-file" -> on.map(4, 4, RW, SHARED, on.other, 0);
            case "other-open" ->
                on.map(4, 4, RW, SHARED, OpenFile.named("/file").open(), 4);
            case "other-rights" -> assertEquals(0, space.mprotect(AT + 4 * PAGE, 4 * PAGE, Mman.READ));
            case "other-flags-second" -> assertEquals(0, space.madvise(AT + 4 * PAGE, 4 * PAGE, Mman.DONTFORK));
            case "private-second" -> on.map(4, 4, RW, PRIVATE, on.file, 4);
            case "sealed" -> assertEquals(0, space.mseal(AT, 8 * PAGE, 0));
            case "memlock", "memlock-0" -> {
                assertEquals(0, space.mlock(AT, 8 * PAGE));
                space.setLimit(Resource.MEMLOCK, row.equals("memlock") ? PAGE : 0);
            }
            case "mdwe" -> assertEquals(0, space.setMdwe(Mman.REFUSE_EXEC_GAIN));
            case "as-limit" -> space.setLimit(Resource.AS, PAGE);
            default -> {}
        }
        return switch (row) {
            case "prot", "prot-high" -> space.remapFilePages(AT, PAGE, row.equals("prot") ? 1 : 1 << 30, 5, 0);
            case "length-0" -> on.remap(0, 0, 5);
            case "prot-length-0" -> space.remapFilePages(AT, 0, 1, 5, 0);
            case "length-wraps" -> on.remap(0, -1, 5);
            case "length-rounds-0" -> space.remapFilePages(AT, -1L, 0, 5, 0);
            case "pgoff-overflow" -> on.remap(0, 2, -1);
            case "pgoff-last" -> on.remap(0, 1, -1);
            case "pgoff-large" -> on.remap(0, 1, 1L << 52);
            case "pgoff-larger" -> on.remap(0, 1, (1L << 51) - 1);
            case "nothing", "private", "private-anon" -> on.remap(0, 1, 5);
            case "beyond-vma" -> on.remap(7, 2, 5);
            case "below-vma" -> on.remap(-1, 2, 5);
            case "hole" -> on.remap(0, 4, 5);
            case "other-file", "other-open", "other-rights", "other-flags-second", "private-second" ->
                on.remap(2, 4, 5);
            case "beyond-limit" -> space.remapFilePages(CallArguments.LIMIT, PAGE, 0, 5, 0);
            case "sealed", "memlock", "memlock-0", "mdwe", "as-limit" -> on.remap(1, 1, 5);
            default -> throw new AssertionError(row);
        };
    }

    /** Attaches a segment of two pages, and marks it for removal. */
    private static SharedSegment removed(AddressSpace space) {
        SharedSegment segment =
                new SharedSegment(1, 0, 2 * PAGE, space.machine().newPageCache(Geometry.LINUX_X86_64, 2 * PAGE));
        assertEquals(AT, space.shmat(segment, AT, 0));
        segment.removeWhenDetached();
        return segment;
    }

    @Test
    @DisplayName("of all of the last attachment of a removed segment unmaps it, and finds no segment (EINVAL)")
    void lastAttachment() {
        AddressSpace space = Machine.builder().memory(16 * PAGE).build().newSpace(Geometry.LINUX_X86_64);
        SharedSegment segment = removed(space);
        // Splits the attachment into two VMAs, both of which the call covers.
        assertEquals(0, space.madvise(AT, PAGE, Mman.DONTFORK));
        assertEquals(0, space.madvise(AT, 2 * PAGE, Mman.DOFORK));
        SpaceFixture.assertResult(Errno.EINVAL, space.remapFilePages(AT, 2 * PAGE, 0, 1, 0));
        assertEquals(List.of(), space.snapshot().vmas());
        assertTrue(segment.isRemoved());
    }

    @Test
    @DisplayName("of a part of it, or beside another attachment, maps the segment as before")
    void otherAttachments() {
        AddressSpace space = Machine.builder().memory(16 * PAGE).build().newSpace(Geometry.LINUX_X86_64);
        SharedSegment segment = removed(space);
        assertEquals(0, space.remapFilePages(AT, PAGE, 0, 1, 0));
        assertEquals(0, space.remapFilePages(AT, PAGE, 0, 0, 0));
        long other = space.shmat(segment, 0, 0);
        assertEquals(0, space.remapFilePages(AT, 2 * PAGE, 0, 1, 0));
        assertFalse(segment.isRemoved());
        assertEquals(0, space.munmap(other, 2 * PAGE));
        SpaceFixture.assertResult(Errno.EINVAL, space.remapFilePages(AT, 2 * PAGE, 0, 1, 0));
        assertTrue(segment.isRemoved());
    }

    @Test
    @DisplayName("of a removed segment beyond a limit leaves it (ENOMEM)")
    void limitOfRemoved() {
        AddressSpace space = Machine.builder().memory(16 * PAGE).build().newSpace(Geometry.LINUX_X86_64);
        SharedSegment segment = removed(space);
        space.setLimit(Resource.AS, 0);
        SpaceFixture.assertResult(Errno.ENOMEM, space.remapFilePages(AT, 2 * PAGE, 0, 0, 0));
        assertFalse(segment.isRemoved());
    }

    @Test
    @DisplayName("of a sealed attachment of a removed segment leaves it (EPERM)")
    void sealedAttachment() {
        AddressSpace space = Machine.builder().memory(16 * PAGE).build().newSpace(Geometry.LINUX_X86_64);
        SharedSegment segment = removed(space);
        assertEquals(0, space.mseal(AT, 2 * PAGE, 0));
        SpaceFixture.assertResult(Errno.EPERM, space.remapFilePages(AT, 2 * PAGE, 0, 1, 0));
        assertFalse(segment.isRemoved());
    }

    @Test
    @DisplayName("loads find the other pages of the file, which are in memory already")
    void contents() {
        try (SpaceFixture fixture = new SpaceFixture()) {
            Backing file = fixture.file(64).open();
            long at = fixture.map(AT, 8, RW, SHARED, file, 0);
            assertEquals(0x102, fixture.load(at + 2 * PAGE));
            assertEquals(0, fixture.space.remapFilePages(at + 2 * PAGE, 2 * PAGE, 0, 40, 0));
            byte[] present = new byte[8];
            assertEquals(0, fixture.space.mincore(at, 8 * PAGE, present));
            assertEquals(0x101, fixture.load(at + PAGE));
            assertEquals(0x128, fixture.load(at + 2 * PAGE));
            assertEquals(0x129, fixture.load(at + 3 * PAGE));
            assertEquals(0x104, fixture.load(at + 4 * PAGE));
            fixture.store(at + 2 * PAGE, 7);
            assertEquals(0, fixture.space.remapFilePages(at + 7 * PAGE, PAGE, 0, 40, Mman.NONBLOCK));
            assertEquals(7, fixture.load(at + 7 * PAGE), "of the page cache");
            assertTrue(present[2] == 1 && present[3] == 1, "populated");
            assertEquals(0, fixture.space.munmap(at, 8 * PAGE));
        }
    }
}
