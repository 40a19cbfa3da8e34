// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lowmemory;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.TableBudget;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The limits of page tables, of a machine and of a space. */
@ExtendWith(OneThread.class)
@DisplayName("I9: page tables have a limit")
final class PageTableLimitTest {
    /** The bytes that a leaf spans. */
    private static final long LEAF = 512 * PAGE;

    private static final long AT = 1L << 30;
    private static final int FIXED = ANONYMOUS | Mman.FIXED;

    /** The tables of the machine: two topmost ones, the two above the leaves, and five leaves. */
    private static final int TABLES = 2 + 2 + 5;

    private static final int LEAVES = 5;

    private SpaceFixture fixture = new SpaceFixture(limited());
    private AddressSpace space = fixture.space;
    private final AddressSpace other = fixture.machine.newSpace(GEOMETRY);

    private static MachineBuilder limited() {
        return Machine.builder()
                .memory(1 << 20)
                .checked(true)
                .poisonFrames(true)
                .pageTableLimit(TABLES * PAGE);
    }

    @AfterEach
    void nothingIsLeft() {
        other.close();
        fixture.closeEmpty();
        assertEquals(0, tableBytes());
    }

    private long tableBytes() {
        return fixture.machine.statistics().pageTableBytes();
    }

    private PageTable pages() {
        return fixture.layout().pages();
    }

    private long map(long leaves) {
        return fixture.map(AT, leaves * LEAF / PAGE, RW, FIXED, null, 0);
    }

    /** Reads a page of each leaf until all tables are used. */
    private void fill() {
        map(LEAVES);
        for (int i = 0; i < LEAVES; i++) {
            assertFault(Fault.NONE, load(i));
        }
        assertEquals(TABLES * PAGE, tableBytes());
    }

    private int load(int leaf) {
        return fixture.memory.load(AT + leaf * LEAF, 8);
    }

    private int store(int leaf) {
        return fixture.memory.store(AT + leaf * LEAF, 8, leaf);
    }

    @Test
    @DisplayName("An access that needs a table more is OUT_OF_MEMORY; an unmapping makes room")
    void access() {
        map(2 * LEAVES);
        for (int i = 0; i < LEAVES; i++) {
            assertFault(Fault.NONE, load(i));
        }
        assertFault(Fault.OUT_OF_MEMORY, load(LEAVES));
        assertFault(Fault.OUT_OF_MEMORY, store(LEAVES));
        assertFault(Fault.NONE, store(LEAVES - 1));
        assertEquals(TABLES * PAGE, tableBytes());
        assertEquals(1, fixture.frames(), "no frame of a refused store is lost");
        assertEquals(0, space.munmap(AT, LEAF));
        assertFault(Fault.NONE, store(LEAVES));
        assertEquals(TABLES * PAGE, tableBytes());
    }

    @Test
    @DisplayName("Another space keeps its tables, and its accesses there")
    void otherSpace() {
        assertEquals(AT, other.mmap(AT, PAGE, RW, FIXED, null, 0));
        byte[] bytes = {1};
        assertEquals(1, other.write(AT, bytes, 0, 1));
        map(LEAVES);
        int leaf = 0;
        while (load(leaf) == Fault.NONE) {
            leaf++;
        }
        assertEquals(LEAVES - 3, leaf, "the other space has a leaf and the two tables above it");
        assertEquals(1, other.read(AT, bytes, 0, 1));
        assertEquals(1, other.write(AT, bytes, 0, 1));
    }

    @Test
    @DisplayName("A limit of the space alone concerns no other space, and no table beyond a lowered limit goes")
    void ownLimit() {
        space.setLimit(Resource.PAGE_TABLES, 5 * PAGE);
        map(3);
        assertFault(Fault.NONE, load(0));
        assertFault(Fault.NONE, load(1));
        assertFault(Fault.OUT_OF_MEMORY, load(2));
        assertEquals(AT, other.mmap(AT, PAGE, RW, FIXED, null, 0));
        assertEquals(1, other.write(AT, new byte[1], 0, 1));
        space.setLimit(Resource.PAGE_TABLES, 0);
        assertFault(Fault.NONE, store(1));
        assertFault(Fault.OUT_OF_MEMORY, load(2));
        space.setLimit(Resource.PAGE_TABLES, -1);
        assertFault(Fault.OUT_OF_MEMORY, load(2));
        assertEquals(0, other.munmap(AT, PAGE));
        assertFault(Fault.NONE, load(2));
    }

    @Test
    @DisplayName("A child inherits the limit")
    void inherited() {
        space.setLimit(Resource.PAGE_TABLES, 4 * PAGE);
        map(2);
        assertFault(Fault.NONE, store(0));
        try (AddressSpace child = space.fork()) {
            byte[] bytes = new byte[1];
            assertEquals(1, child.read(AT, bytes, 0, 1));
            assertResult(Errno.ENOMEM, child.read(AT + LEAF, bytes, 0, 1));
        }
    }

    @Test
    @DisplayName("Empty tables are unhooked first, those of other spaces too")
    void emptyTables() {
        assertEquals(AT, other.mmap(AT, PAGE, RW, FIXED, null, 0));
        Objects.requireNonNull(layoutOf(other).leafForInstall(AT));
        Objects.requireNonNull(pages().leafForInstall(AT + 100 * LEAF));
        fill();
    }

    private static PageTable layoutOf(AddressSpace of) {
        return MachineInternals.layoutOf(of).pages();
    }

    @Test
    @DisplayName("Faults on files, with and without the backing")
    void files() {
        fill();
        MemoryFile file = fixture.file(2);
        long beyond = AT + 50 * LEAF;
        fixture.map(beyond, 1, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
        assertFault(Fault.OUT_OF_MEMORY, fixture.memory.load(beyond, 8));
        assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(beyond, 8, 1));
        fixture.map(beyond, 1, RW, Mman.SHARED | Mman.FIXED, file.open(), 0);
        assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(beyond, 8, 1));
        PagedFile paged = new PagedFile(fixture, 1);
        fixture.map(beyond, 1, RW, Mman.SHARED | Mman.FIXED, paged, 0);
        assertFault(Fault.OUT_OF_MEMORY, fixture.memory.load(beyond, 8));
        assertEquals(0, paged.reads.get(), "the page is not fetched before there is a place for it");
        file.close();
        paged.cache.close();
    }

    @Test
    @DisplayName("A fault that has lost its table while the backing was asked")
    void lostTable() {
        int[] answers = new int[1];
        NoticedFile file = new NoticedFile(fixture, () -> {
            answers[0]++;
            if (answers[0] == 1) {
                fill();
            }
        });
        long beyond = AT + 50 * LEAF;
        fixture.map(beyond, 1, RW, Mman.SHARED | Mman.FIXED, file, 0);
        assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(beyond, 8, 1));
        assertTrue(answers[0] > 0);
        file.close();
    }

    /** A file that is notified of first writes, and runs an action of the test during the notice. */
    private static final class NoticedFile extends PagedFile {
        private final Runnable noticed;

        NoticedFile(SpaceFixture fixture, Runnable noticed) {
            super(fixture, 1);
            this.noticed = noticed;
        }

        @Override
        public boolean noticesWrites() {
            return true;
        }

        @Override
        public int pageMkwrite(Backing.PageRequest request) {
            noticed.run();
            return 0;
        }

        void close() {
            cache.close();
        }
    }

    @Test
    @DisplayName("A population ends with ENOMEM; MAP_POPULATE has faulted in what it could")
    void populations() {
        map(2 * LEAVES);
        assertResult(Errno.ENOMEM, space.madvise(AT, 2 * LEAVES * LEAF, Mman.POPULATE_READ));
        assertEquals(0, space.munmap(AT, 2 * LEAVES * LEAF));
        int flags = FIXED | Mman.POPULATE | Mman.NORESERVE;
        assertEquals(AT, space.mmap(AT, 2 * LEAVES * LEAF, READ, flags, null, 0));
        assertEquals(TABLES * PAGE, tableBytes());
        assertFault(Fault.NONE, load(LEAVES - 1));
        assertFault(Fault.OUT_OF_MEMORY, load(LEAVES));
    }

    @Test
    @DisplayName("P15: guards beyond the limit are refused before anything has changed")
    void guards() {
        map(2 * LEAVES);
        assertFault(Fault.NONE, store(0));
        assertEquals(4 * PAGE + PAGE, tableBytes());
        String before = maps();
        assertResult(Errno.ENOMEM, space.madvise(AT, 2 * LEAVES * LEAF, Mman.GUARD_INSTALL));
        assertResult(Errno.ENOMEM, space.madvise(AT, (LEAVES + 1) * LEAF, Mman.GUARD_INSTALL));
        assertEquals(before, maps());
        assertEquals(5 * PAGE, tableBytes(), "no table is charged");
        assertFault(Fault.NONE, store(0));
        assertEquals(0, space.madvise(AT, LEAVES * LEAF, Mman.GUARD_INSTALL));
        assertEquals(TABLES * PAGE, tableBytes());
        for (int i = 0; i < LEAVES; i++) {
            assertFault(Fault.MAPERR, load(i));
        }
        assertEquals(0, space.madvise(AT, LEAVES * LEAF, Mman.GUARD_INSTALL), "where all tables are there");
        assertEquals(0, space.madvise(AT, LEAVES * LEAF, Mman.GUARD_REMOVE));
        assertFault(Fault.NONE, store(0));
    }

    private String maps() {
        StringBuilder text = new StringBuilder();
        space.snapshot().forEach(vma -> text.append(vma).append('\n'));
        return text.toString();
    }

    @Test
    @DisplayName("Guards of a range that needs more tables than there may be are refused at once")
    void hugeGuard() {
        long bytes = 1L << 46;
        int flags = FIXED | Mman.NORESERVE;
        assertEquals(AT, space.mmap(AT, bytes, RW, flags, null, 0));
        assertResult(Errno.ENOMEM, space.madvise(AT, bytes, Mman.GUARD_INSTALL));
        assertEquals(2 * PAGE, tableBytes());
    }

    @Test
    @DisplayName("Guards for which tables are missing end with EINTR if the thread is interrupted")
    void interruptedGuards() {
        map(LEAVES);
        Thread.currentThread().interrupt();
        assertResult(Errno.EINTR, space.madvise(AT, LEAVES * LEAF, Mman.GUARD_INSTALL));
        assertTrue(Thread.interrupted());
        assertEquals(2 * PAGE, tableBytes());
        assertEquals(0, space.madvise(AT, LEAVES * LEAF, Mman.GUARD_INSTALL));
    }

    @Test
    @DisplayName("P15: a move whose target lacks tables beyond the limit is refused before anything has changed")
    void moves() {
        fill();
        assertFault(Fault.NONE, store(0));
        String before = maps();
        long target = AT + 600 * LEAF;
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        assertResult(Errno.ENOMEM, space.mremap(AT, PAGE, PAGE, flags, target));
        assertEquals(before, maps());
        assertEquals(0, fixture.load(AT));
        long beside = AT + (LEAVES - 1) * LEAF + 5 * PAGE;
        assertEquals(beside, space.mremap(AT, PAGE, PAGE, flags, beside), "where the tables are there");
        assertEquals(0, fixture.load(beside));
        assertEquals(0, space.munmap(AT + LEAF, 2 * LEAF));
        fixture.store(beside, 77);
        assertEquals(target, space.mremap(beside, PAGE, PAGE, flags, target), "of the tables that are free");
        assertEquals(77, fixture.load(target));
    }

    @Test
    @DisplayName("Many leaves are moved in tables that were reserved, each of them in two")
    void movedLeaves() {
        fixture.close();
        assertEquals(0, tableBytes() - PAGE);
        fixture = new SpaceFixture(Machine.builder().memory(1 << 20).pageTableLimit(400 * PAGE));
        space = fixture.space;
        map(130);
        for (int i = 0; i < 130; i += 2) {
            assertFault(Fault.NONE, store(i));
        }
        long target = AT + 1024 * LEAF + 511 * PAGE;
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        assertEquals(target, space.mremap(AT, 130 * LEAF, 130 * LEAF, flags, target));
        for (int i = 0; i < 130; i += 2) {
            assertEquals(i, fixture.load(target + i * LEAF));
        }
        assertEquals(1 + 2 + 65, pages().bytes() / PAGE, "tables that the move has not needed are given back");
    }

    @Test
    @DisplayName("A child beyond the limit is refused with ENOMEM, and nothing is left of it")
    void forks() {
        map(3);
        for (int i = 0; i < 3; i++) {
            assertFault(Fault.NONE, store(i));
        }
        assertEquals(7 * PAGE, tableBytes());
        assertEquals(Errno.ENOMEM, assertThrows(MmException.class, space::fork).errno());
        assertEquals(7 * PAGE, tableBytes());
        assertEquals(3, fixture.frames());
        assertEquals(1, fixture.load(AT + LEAF));
        assertEquals(0, space.munmap(AT + LEAF, 2 * LEAF));
        try (AddressSpace child = space.fork()) {
            assertEquals(1, child.read(AT, new byte[1], 0, 1));
        }
    }

    @Test
    @DisplayName("A new space needs room for its topmost table")
    void newSpace() {
        fill();
        List<MmException> refused = List.of(
                assertThrows(MmException.class, () -> fixture.machine.newSpace(GEOMETRY)),
                assertThrows(MmException.class, space::fork));
        assertEquals(
                List.of(Errno.ENOMEM, Errno.ENOMEM),
                List.of(refused.get(0).errno(), refused.get(1).errno()));
        String reason = ", which needs a page table beyond pageTableLimit " + TABLES * PAGE + ": ENOMEM";
        assertEquals("newSpace" + reason, refused.get(0).getMessage());
        assertEquals("fork" + reason, refused.get(1).getMessage());
        assertEquals(0, space.munmap(AT, LEAVES * LEAF));
        fixture.machine.newSpace(GEOMETRY).close();
    }

    @Test
    @DisplayName("With a policy for low memory, a space loses its tables")
    void lowMemory() throws InterruptedException {
        AtomicInteger asked = new AtomicInteger();
        MachineBuilder description = limited().lowMemory((identity, pages) -> {
            asked.getAndIncrement();
            return "victim".equals(identity.name()) ? pages : -1;
        });
        try (SpaceFixture reaping = new SpaceFixture(description)) {
            AddressSpace victim = reaping.machine.space(GEOMETRY).name("victim").build();
            assertEquals(AT, victim.mmap(AT, 3 * LEAF, RW, FIXED, null, 0));
            assertEquals(0, victim.madvise(AT, LEAF + PAGE, Mman.POPULATE_READ));
            assertEquals(AT, reaping.space.mmap(AT, 3 * LEAF, RW, FIXED, null, 0));
            reaping.store(AT, 1);
            Await.until(
                    "there are tables",
                    () -> {
                        int fault = reaping.memory.store(AT + LEAF, 8, 2);
                        if (fault != Fault.NONE) {
                            assertFault(Fault.RETRY, fault);
                        }
                        return fault == Fault.NONE;
                    },
                    reaping.reports);
            reaping.machine.awaitQuiescence();
            assertEquals(Report.Kind.SPACE_REAPED, reaping.reports.get(0).kind());
            assertEquals(0, layoutOf(victim).tables());
            int scores = asked.get();
            reaping.space.setLimit(Resource.PAGE_TABLES, 5 * PAGE);
            assertFault(Fault.OUT_OF_MEMORY, reaping.memory.store(AT + 2 * LEAF, 8, 2));
            assertEquals(scores, asked.get(), "a space at its own limit takes nothing from others");
            victim.close();
            reaping.closeEmpty();
        }
    }

    @Test
    @DisplayName("The default is half of the memory, at least 8 MiB, at most a quarter of the heap")
    void share() {
        assertEquals(1L << 23, TableBudget.share(1 << 20, 1L << 40));
        assertEquals(1L << 31, TableBudget.share(1L << 32, 1L << 40));
        assertEquals(1L << 25, TableBudget.share(1L << 32, 1L << 27));
    }

    @Test
    @DisplayName("I10: a limit that is not positive")
    void refused() {
        assertEquals(
                "pageTableLimit 0 is not positive",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> Machine.builder().pageTableLimit(0))
                        .getMessage());
    }
}
