// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.record.FileReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class ReadersTest {
    private static final long ADDRESS = 0x10000000;
    private static final long LENGTH = 0x1000;

    private final AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
    private final LayoutSnapshot empty = space.snapshot();
    private final FileReport report = new FileReport(Path.of("none"));
    private final Readers pool = new Readers(2);

    @AfterEach
    void endThreads() {
        pool.close();
    }

    @Test
    @DisplayName("an answer is right if one of the versions from start to end held it, nothing included")
    void accepts() {
        VersionRing ring = new VersionRing(8, 1, empty);
        Vma first = step(ring, this::map);
        Vma second = step(ring, this::protect);
        step(ring, this::unmap);
        assertTrue(Readers.accepts(ring, 0, 0, ADDRESS, null));
        assertTrue(Readers.accepts(ring, 0, 1, ADDRESS, first));
        assertTrue(Readers.accepts(ring, 1, 3, ADDRESS, second));
        assertTrue(Readers.accepts(ring, 2, 3, ADDRESS, null));
        assertFalse(Readers.accepts(ring, 0, 0, ADDRESS, first), "too early");
        assertFalse(Readers.accepts(ring, 2, 3, ADDRESS, first), "too late");
        assertFalse(Readers.accepts(ring, 1, 2, ADDRESS, null), "something was there all the time");
        assertFalse(Readers.accepts(ring, 1, 1, ADDRESS + LENGTH, first), "not there");
    }

    @Test
    @DisplayName("an equal VMA that is another object is wrong")
    void identity() {
        VersionRing ring = new VersionRing(8, 1, empty);
        Vma real = step(ring, this::map);
        assertNotNull(real);
        Vma copy = AddressSpaceBuilder.mapping(real.start(), real.end(), real.flags(), real.pageOffset(), null, null);
        assertTrue(copy.looksLike(real));
        assertFalse(Readers.accepts(ring, 0, 1, ADDRESS, copy));
        Readers.WrongAnswer verdict = Readers.verdict(ring, 0, 1, ADDRESS, copy);
        assertEquals(1, verdict.line());
        assertTrue(verdict.held().startsWith("nothing or "), verdict::held);
    }

    @Test
    @DisplayName("what will be joined when its operation is complete may be found apart, beside that operation only")
    void inFlight() {
        long whole = 4 * LENGTH;
        List<Vma> found = new ArrayList<>();
        VersionRing ring = new VersionRing(8, 1, empty);
        step(ring, () -> map(ADDRESS, whole));
        space.addNotifier((start, end, reason) -> found.add(space.find(ADDRESS)));
        Vma joined = step(ring, () -> map(ADDRESS, 2 * LENGTH));
        assertNotNull(joined);
        assertEquals(whole, joined.length());
        Vma part = found.get(0);
        assertEquals(2 * LENGTH, part.length());
        assertTrue(Readers.accepts(ring, 1, 2, ADDRESS, part));
        assertFalse(Readers.accepts(ring, 2, 2, ADDRESS, part), "too late");
        assertFalse(
                Readers.accepts(
                        ring,
                        0,
                        1,
                        ADDRESS,
                        AddressSpaceBuilder.mapping(ADDRESS, ADDRESS + whole, joined.flags(), 0, null, null)),
                "not a part");
        Vma other = AddressSpaceBuilder.mapping(
                part.start(), part.end(), part.flags() | VmaFlags.EXEC, part.pageOffset(), null, null);
        assertFalse(Readers.accepts(ring, 1, 2, ADDRESS, other), "not like it");
        Vma shifted =
                AddressSpaceBuilder.mapping(part.start(), part.end(), part.flags(), part.pageOffset() + 1, null, null);
        assertFalse(Readers.accepts(ring, 1, 2, ADDRESS, shifted), "of other pages");
    }

    @Test
    @DisplayName("readers find a planted wrong answer, and count only lookups that were judged")
    void plantedWrongAnswer() {
        map();
        Vma stale = space.find(ADDRESS);
        protect();
        Readers.MappingLookup lookup = address -> address == ADDRESS ? stale : space.find(address);
        Readers.Tally tally = read(lookup, 0);
        assertTrue(tally.lookups() >= 2_000);
        assertFalse(tally.wrong().isEmpty());
        assertEquals(ADDRESS, tally.wrong().get(0).address());
    }

    @Test
    @DisplayName("readers beside a writer accept every answer of a space, over more versions than are kept")
    void aWriter() {
        Readers.Tally tally = read(space::find, 20_000);
        assertEquals(0, tally.wrong().size(), () -> tally.wrong().toString());
        assertTrue(tally.lookups() >= 2_000);
        assertTrue(tally.overlapping() <= tally.lookups());
    }

    private Readers.Tally read(Readers.MappingLookup lookup, int operations) {
        try (Readers.Session session = pool.new Session(lookup, space.snapshot(), report)) {
            for (int i = 0; i < operations; i++) {
                session.begins(i, ADDRESS);
                switch (i % 3) {
                    case 0 -> map();
                    case 1 -> protect();
                    default -> unmap();
                }
                session.ends(space.snapshot());
            }
            return session.awaitReaders();
        }
    }

    private @Nullable Vma step(VersionRing ring, Runnable operation) {
        ring.begin((int) ring.newest() + 1, ADDRESS);
        operation.run();
        ring.end(space.snapshot());
        return space.find(ADDRESS);
    }

    private void map() {
        map(ADDRESS, LENGTH);
    }

    private void map(long address, long length) {
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        assertEquals(address, space.mmap(address, length, Mman.READ, flags, null, 0));
    }

    private void protect() {
        assertEquals(0, space.mprotect(ADDRESS, LENGTH, Mman.READ | Mman.WRITE));
    }

    private void unmap() {
        assertEquals(0, space.munmap(ADDRESS, LENGTH));
    }
}
