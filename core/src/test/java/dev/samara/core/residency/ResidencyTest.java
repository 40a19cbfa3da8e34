// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.residency;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MappingResidency;
import dev.samara.core.Residency;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountedPages;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The numbers of resident pages of a space, and of each of its mappings. */
@ExtendWith(OneThread.class)
final class ResidencyTest {
    private static final long MANY = 1 << 20;

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;

    @AfterEach
    void close() {
        fixture.close();
    }

    private void check(long anonymous, long file, long shmem) {
        Residency told = space.residency();
        assertEquals(anonymous, told.anonymous(), "RssAnon");
        assertEquals(file, told.file(), "RssFile");
        assertEquals(shmem, told.shmem(), "RssShmem");
        assertEquals(anonymous + file + shmem, told.resident());
        CountedPages.check("now", space);
    }

    private void touch(long start, long pages, boolean writes) {
        assertEquals(0, space.madvise(start, pages * PAGE, writes ? Mman.POPULATE_WRITE : Mman.POPULATE_READ));
    }

    private MappingResidency smaps(long start) {
        List<MappingResidency> found = new ArrayList<>();
        space.smaps(found::add);
        found.removeIf(entry -> entry.vma() == null || entry.vma().start() != start);
        assertEquals(1, found.size());
        return found.get(0);
    }

    @Test
    @DisplayName("private pages count, and the zero page does not")
    void anonymous() {
        long at = fixture.anonymous(8);
        touch(at, 8, false);
        check(0, 0, 0);
        touch(at, 3, true);
        check(3, 0, 0);
        assertEquals(0, space.madvise(at, PAGE, Mman.DONTNEED));
        check(2, 0, 0);
        assertEquals(0, space.madvise(at + PAGE, PAGE, Mman.GUARD_INSTALL));
        check(1, 0, 0);
        assertEquals(0, space.munmap(at, 8 * PAGE));
        check(0, 0, 0);
    }

    @Test
    @DisplayName("a page of a file counts as its kind, and its private copy as private")
    void files() {
        PagedFile paged = new PagedFile(fixture, 16);
        long at = fixture.map(0, 4, RW, Mman.PRIVATE, paged, 0);
        touch(at, 4, false);
        check(0, 4, 0);
        touch(at, 2, true);
        check(2, 2, 0);
        MemoryFile file = fixture.file(4);
        long memory = fixture.map(0, 4, RW, Mman.PRIVATE, file.open(), 0);
        touch(memory, 4, false);
        check(2, 2, 4);
        touch(memory, 1, true);
        check(3, 2, 3);
        long shared = fixture.map(0, 4, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        touch(shared, 2, true);
        check(3, 2, 5);
        file.truncate(0);
        check(2, 2, 2);
        paged.cache.remove(0, 4);
        check(2, 0, 2);
    }

    @Test
    @DisplayName("a move changes no number, and a child begins with the pages that it has in common")
    void movesAndForks() {
        long at = fixture.anonymous(8);
        touch(at, 8, true);
        long moved = space.mremap(at, 8 * PAGE, 16 * PAGE, Mman.MAYMOVE, 0);
        check(8, 0, 0);
        long shared = fixture.map(0, 2, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        touch(shared, 2, true);
        try (AddressSpace child = space.fork()) {
            assertEquals(8, child.residency().anonymous());
            assertEquals(0, child.residency().shmem(), "shared pages are faulted in again");
            assertEquals(8, child.residency().peak());
            assertEquals(space.residency().total(), child.residency().totalPeak());
            assertEquals(0, child.munmap(moved, 4 * PAGE));
            assertEquals(4, child.residency().anonymous());
            CountedPages.check("child", child);
        }
        check(8, 0, 2);
    }

    @Test
    @DisplayName("the highest numbers stay when pages and mappings go, and a replaced mapping does not count twice")
    void peaks() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        long at = fixture.anonymous(64);
        long mapped = space.residency().total();
        assertEquals(space.usage().total(), mapped);
        touch(at, 10, true);
        assertEquals(0, space.munmap(at, 4 * PAGE));
        Residency told = space.residency();
        assertEquals(6, told.resident());
        assertEquals(10, told.peak());
        assertEquals(mapped - 4, told.total());
        assertEquals(mapped, told.totalPeak());
        assertEquals(at, fixture.map(at, 64, RW, ANONYMOUS | Mman.FIXED, null, 0));
        told = space.residency();
        assertEquals(0, told.resident());
        assertEquals(10, told.peak());
        assertEquals(mapped, told.total());
        assertEquals(mapped, told.totalPeak());
        touch(at, 64, true);
        assertEquals(0, space.madvise(at, 64 * PAGE, Mman.DONTNEED));
        assertEquals(64, space.residency().peak());
        fixture.anonymous(MANY);
        assertEquals(mapped + MANY, space.residency().totalPeak());
    }

    @Test
    @DisplayName("the highest number of mapped pages stays when an unmapping completes after another mapping was made")
    void peakBesideUnmapping() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        long at = fixture.anonymous(100);
        touch(at, 1, true);
        try (OtherCpu other = new OtherCpu(space)) {
            other.call(cpu -> {
                cpu.memory().load(at, 8);
                cpu.enterGuest();
                return 0;
            });
            PendingCall pending = space.munmapAsync(at, 50 * PAGE);
            fixture.anonymous(50);
            long peak = space.residency().totalPeak();
            other.call(cpu -> {
                cpu.leaveGuest();
                return 0;
            });
            Await.until("the unmapping is complete", pending::isDone);
            assertEquals(peak, space.residency().totalPeak());
        }
    }

    @Test
    @DisplayName("smaps: shared and private, clean and dirty, proportional and locked amounts of a mapping")
    void smaps() {
        PagedFile paged = new PagedFile(fixture, 4);
        long one = fixture.map(0, 4, READ, Mman.PRIVATE, paged, 0);
        touch(one, 4, false);
        MappingResidency alone = smaps(one);
        assertEquals(4 * PAGE, alone.rss());
        assertEquals(4 * PAGE, alone.pss());
        assertEquals(4 * PAGE, alone.privateClean());
        assertEquals(0, alone.anonymous());
        long other = fixture.map(0, 2, RW, Mman.SHARED, paged, 0);
        for (long page = 0; page < 2; page++) {
            assertEquals(Fault.NONE, fixture.memory.store(other + page * PAGE, 8, 1));
        }
        MappingResidency both = smaps(one);
        assertEquals(4 * PAGE, both.rss());
        assertEquals(3 * PAGE, both.pss());
        assertEquals(3 * PAGE, both.pssFile());
        assertEquals(2 * PAGE, both.privateClean());
        assertEquals(0, both.sharedDirty(), "no frame is marked before its entry goes");
        assertEquals(2 * PAGE, smaps(other).sharedDirty());
        assertEquals(2 * PAGE, smaps(other).referenced());

        long locked = fixture.anonymous(2);
        touch(locked, 2, true);
        assertEquals(0, space.mlock(locked, 2 * PAGE));
        assertEquals(2 * PAGE, smaps(locked).locked());
        assertEquals(2 * PAGE, smaps(locked).privateDirty());
        assertEquals(2 * PAGE, smaps(locked).pssAnonymous());
        try (AddressSpace child = space.fork()) {
            assertEquals(2 * PAGE, smaps(locked).sharedDirty());
            assertEquals(PAGE, smaps(locked).locked());
            assertEquals(2, child.residency().anonymous());
        }
        MappingResidency all = space.smapsRollup();
        assertNull(all.vma());
        assertEquals(8 * PAGE, all.rss());
        assertEquals(6 * PAGE, all.pss());
        assertEquals(2 * PAGE, all.anonymous());
        assertEquals(all.pss(), all.pssAnonymous() + all.pssFile() + all.pssShmem());
        assertEquals(all.rss(), all.sharedClean() + all.sharedDirty() + all.privateClean() + all.privateDirty());
    }

    @Test
    @DisplayName("a closed reference has no pages, and a machine without memory no numbers")
    void closed() {
        AddressSpace closed = space.get();
        closed.close();
        assertEquals(new Residency(0, 0, 0, 0, 0, 0), closed.residency());
        assertEquals(0, closed.smapsRollup().rss());
        closed.smaps(entry -> assertTrue(false, "a mapping of a closed reference"));
        Machine bare = Machine.builder().build();
        AddressSpace without = bare.newSpace(SpaceFixture.GEOMETRY);
        assertThrows(IllegalStateException.class, without::residency);
        assertThrows(IllegalStateException.class, without::smapsRollup);
        without.close();
    }
}
