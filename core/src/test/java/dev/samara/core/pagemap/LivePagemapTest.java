// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.pagemap;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.PageScan;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PagemapFlags;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Compares the words and categories of pages, and the results of scans, with those that a live kernel returned to
 * {@code pagemap.c}. That kernel does not track soft-dirty pages, so the bit is omitted.
 */
@ExtendWith(OneThread.class)
final class LivePagemapTest {
    private static final long LEAF = 1L << 21;

    /** The requested categories, without the bit that the kernel does not support. */
    private static final long TOLD = PagemapFlags.ALL & ~PagemapFlags.SOFT_DIRTY;

    private static final int SHARED_ANONYMOUS = Mman.SHARED | Mman.ANONYMOUS;

    private final List<String> recorded = recorded();
    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;

    /** The number of recorded lines that were compared. */
    private int compared;

    private static List<String> recorded() {
        try (InputStream in = LivePagemapTest.class.getResourceAsStream("linux-6.18.txt")) {
            return new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .toList();
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    /** Maps private pages in a separate leaf. */
    private long alone(int place, long pages) {
        return fixture.map(4 * LEAF * place + LEAF / 2, pages, RW, ANONYMOUS | Mman.FIXED, null, 0);
    }

    private static void read(AddressSpace of, long address) {
        assertEquals(1, of.read(address, new byte[1], 0, 1));
    }

    private static void write(AddressSpace of, long address) {
        assertEquals(1, of.write(address, new byte[] {1}, 0, 1));
    }

    private void advise(long start, long pages, int advice) {
        assertEquals(0, space.madvise(start, pages * PAGE, advice));
    }

    private void show(String name, long start, int pages) {
        show(name, space, start, pages);
    }

    /** Compares pages with the recorded ones. */
    private void show(String name, AddressSpace of, long start, int pages) {
        long[] words = new long[pages];
        assertEquals(pages, of.pagemap(start, pages * PAGE, words));
        for (int i = 0; i < pages; i++) {
            long[] region = new long[3];
            long at = start + i * PAGE;
            PageScan scan = new PageScan().range(at, at + PAGE).told(TOLD);
            long count = of.pagemapScan(scan, region);
            String categories = count == 1 ? Long.toHexString(region[2]) : "r" + count;
            String word = Long.toHexString(words[i] & ~PagemapFlags.PM_SOFT_DIRTY);
            expect(name + ' ' + i + " word " + word + " categories " + categories, name + ' ' + i + ' ');
        }
    }

    private void expect(String line, String prefix) {
        List<String> found =
                recorded.stream().filter(each -> each.startsWith(prefix)).toList();
        assertEquals(1, found.size(), prefix);
        assertEquals(found.get(0), line);
        compared++;
    }

    @Test
    @DisplayName("private memory: untouched, read, written, discarded, protected, guarded")
    void anonymous() {
        long at = alone(1, 8);
        show("private-untouched", at, 1);
        read(space, at);
        write(space, at + PAGE);
        show("private-read-written", at, 3);
        write(space, at + 2 * PAGE);
        advise(at + 2 * PAGE, 1, Mman.DONTNEED);
        show("private-discarded", at + 2 * PAGE, 1);
        write(space, at + 3 * PAGE);
        advise(at + 3 * PAGE, 2, Mman.GUARD_INSTALL);
        show("private-guards", at + 3 * PAGE, 2);
        advise(at + 3 * PAGE, 1, Mman.GUARD_REMOVE);
        show("private-guard-removed", at + 3 * PAGE, 1);
        assertEquals(0, space.mprotect(at + PAGE, PAGE, Mman.NONE));
        show("private-protected", at + PAGE, 1);
        assertEquals(9, compared);
    }

    @Test
    @DisplayName("shared memory and files: present in this table, mapped twice, copied, truncated")
    void shared() {
        long near = alone(1, 1);
        write(space, near);
        long at = near + 8 * PAGE;
        fixture.map(at, 4, RW, SHARED_ANONYMOUS | Mman.FIXED, null, 0);
        show("shared-untouched", at, 1);
        read(space, at);
        write(space, at + PAGE);
        show("shared-read-written", at, 2);
        write(space, at + 2 * PAGE);
        advise(at + 2 * PAGE, 1, Mman.DONTNEED);
        show("shared-discarded", at + 2 * PAGE, 1);
        write(space, at + 3 * PAGE);
        advise(at + 3 * PAGE, 1, Mman.GUARD_INSTALL);
        show("shared-guard", at + 3 * PAGE, 1);

        MemoryFile file = fixture.machine.newFile("f", 9, SpaceFixture.GEOMETRY, 4 * PAGE);
        long one = near + 16 * PAGE;
        long other = near + 24 * PAGE;
        fixture.map(one, 4, RW, Mman.SHARED | Mman.FIXED, file.open(), 0);
        fixture.map(other, 4, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
        write(space, one);
        show("file-shared-written", one, 1);
        read(space, other);
        show("file-private-read", other, 1);
        show("file-mapped-twice", one, 1);
        write(space, other);
        show("file-private-written", other, 1);
        show("file-mapped-once-again", one, 1);
        write(space, other + 2 * PAGE);
        show("file-private-written-first", other + 2 * PAGE, 1);
        show("file-shared-not-mapped", one + 2 * PAGE, 1);
        assertEquals(0, file.truncate(2 * PAGE));
        show("file-beyond-end", other + 2 * PAGE, 1);
        assertEquals(13, compared);
    }

    @Test
    @DisplayName("after a fork: a page of both is exclusive to none, and shared memory is not in the child's table")
    void forked() {
        long at = alone(1, 3);
        write(space, at);
        read(space, at + PAGE);
        advise(at + 2 * PAGE, 1, Mman.GUARD_INSTALL);
        long shared = at + 8 * PAGE;
        fixture.map(shared, 1, RW, SHARED_ANONYMOUS | Mman.FIXED, null, 0);
        write(space, shared);
        try (AddressSpace child = space.fork()) {
            show("forked-child", child, at, 3);
            show("forked-child-shared", child, shared, 1);
            read(child, shared);
            show("forked-child-shared-read", child, shared, 1);
            show("forked-parent", at, 3);
            show("forked-parent-shared", shared, 1);
            write(child, at);
            show("forked-child-wrote", child, at, 1);
            show("forked-parent-after-copy", at, 1);
        }
        show("forked-parent-alone", shared, 1);
        assertEquals(12, compared);
    }

    /**
     * Maps ten pages: pages 0, 1 and 5 are written, 2 is read, 4 is a guard, 6 and 7 are a hole, 8 is shared and
     * written, 9 is shared.
     */
    private long regions() {
        long at = alone(1, 10);
        write(space, at);
        write(space, at + PAGE);
        read(space, at + 2 * PAGE);
        advise(at + 4 * PAGE, 1, Mman.GUARD_INSTALL);
        write(space, at + 5 * PAGE);
        assertEquals(0, space.munmap(at + 6 * PAGE, 2 * PAGE));
        fixture.map(at + 8 * PAGE, 2, RW, SHARED_ANONYMOUS | Mman.FIXED, null, 0);
        write(space, at + 8 * PAGE);
        return at;
    }

    private static long hex(String word) {
        return Long.parseUnsignedLong(word, 16);
    }

    @Test
    @DisplayName("regions: inverted, required and told categories, room, most pages, and where the walk ends")
    void scans() {
        long at = regions();
        show("regions", at, 10);
        compared = 0;
        for (String line : recorded) {
            String[] words = line.split(" ", -1);
            // That kernel finds no soft-dirty pages.
            if (words[0].equals("scan") && hex(words[5]) != PagemapFlags.SOFT_DIRTY) {
                long first = words[1].equals("regions") ? 0 : words[1].equals("hole") ? 6 : 1;
                long end = switch (words[1]) {
                    case "inside" -> at + PAGE + 100;
                    case "empty" -> at + PAGE;
                    case "hole" -> at + 8 * PAGE;
                    case "below" -> at;
                    default -> at + 10 * PAGE;
                };
                PageScan scan = new PageScan()
                        .range(at + first * PAGE, end)
                        .inverted(hex(words[3]))
                        .all(hex(words[5]))
                        .any(hex(words[7]))
                        .told(hex(words[9]) & ~PagemapFlags.SOFT_DIRTY)
                        .maxPages(Long.parseLong(words[13]));
                assertEquals(line, answer(line, scan, at, 3 * Integer.parseInt(words[11])));
                compared++;
            }
        }
        assertEquals(33, compared);
    }

    private String answer(String line, PageScan scan, long base, int room) {
        long[] regions = new long[room];
        long count = space.pagemapScan(scan, regions);
        StringBuilder said = new StringBuilder(line.substring(0, line.indexOf(" : ") + 3));
        said.append(count).append(" end ").append(count < 0 ? 0 : (scan.walkEnd() - base) / PAGE);
        for (int i = 0; i < 3 * count; i += 3) {
            said.append(' ').append((regions[i] - base) / PAGE).append('-').append((regions[i + 1] - base) / PAGE);
            said.append(':').append(Long.toHexString(regions[i + 2]));
        }
        return said.toString();
    }

    private void checkError(String name, long at, Consumer<PageScan> change) {
        PageScan scan =
                new PageScan().range(at, at + PAGE).all(PagemapFlags.PRESENT).told(PagemapFlags.PRESENT);
        change.accept(scan);
        long result = space.pagemapScan(scan, new long[3 * 8]);
        expect("error " + name + " : " + result, "error " + name + " : ");
    }

    @Test
    @DisplayName("errors in the kernel's order")
    void errors() {
        long at = regions();
        long limit = space.geometry().limit();
        checkError("none", at, scan -> {});
        checkError("unaligned-start", at, scan -> scan.range(at + 1, at + PAGE));
        checkError("unknown-mask", at, scan -> scan.all(0x200));
        checkError("unknown-inverted", at, scan -> scan.inverted(0x200));
        checkError("unknown-anyof", at, scan -> scan.any(1L << 63));
        checkError("unknown-return", at, scan -> scan.told(0x200));
        checkError("beyond-limit", at, scan -> scan.range(at, 1L << 48));
        checkError("high-start", at, scan -> scan.range(1L << 63, (1L << 63) + PAGE));
        checkError("end-below-start", at, scan -> scan.range(at, at - PAGE));
        checkError("unknown-and-unaligned", at, scan -> scan.told(0x200).range(at + 1, at + PAGE));
        checkError("unaligned-and-beyond", at, scan -> scan.range(at + 1, 1L << 63));
        checkError("one-beyond", at, scan -> scan.range(at, limit + 1));
        checkError("all", at, scan -> scan.range(0, -1));
        checkError("empty-at-limit", at, scan -> scan.range(limit, limit));
        checkError("empty-beyond", at, scan -> scan.range(1L << 48, 1L << 48));
        long[] none = {};
        PageScan without = new PageScan().range(at, at + PAGE);
        expect("error vector-without-length : " + space.pagemapScan(without, none), "error vector-without-length : ");
        assertTrue(space.pagemapScan(without.range(at, limit), new long[3]) == 1, "to the limit");
        assertEquals(16, compared);
    }
}
