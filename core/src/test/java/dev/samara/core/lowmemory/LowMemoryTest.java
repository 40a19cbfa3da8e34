// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lowmemory;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.VictimScore;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a machine does when a fault finds no frame, with a policy for low memory. */
@ExtendWith(OneThread.class)
@DisplayName("A machine with too little memory")
final class LowMemoryTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final long AT = 0x10_0000;
    private static final int FRAMES = 12;
    private static final String NAME = "needs";

    /** The page tables of a space, except the topmost one. */
    private static final int TABLES = 3;

    private final List<Report> reports = new CopyOnWriteArrayList<>();

    /** The scores by name of the space, and -1 for other spaces. */
    private volatile VictimScore score = (space, pages) -> -1;

    /** The numbers of pages that were passed to the score, by name of the space. */
    private final Map<String, Long> told = Collections.synchronizedMap(new TreeMap<>());

    private final List<AddressSpace> spaces = new ArrayList<>();
    private Machine machine = machine(false);
    private AddressSpace needs = space(NAME);
    private Cpu cpu = machine.claimCpu();

    private Machine machine(boolean isInvoked) {
        return Machine.builder()
                .memory(FRAMES * PAGE)
                .checked(true)
                .poisonFrames(true)
                .invokedHousekeeping(isInvoked)
                .reportTo(reports::add)
                .lowMemory((space, pages) -> {
                    told.put(String.valueOf(space.name()), pages);
                    return score.score(space, pages);
                })
                .build();
    }

    private AddressSpace space(String name) {
        AddressSpace made = machine.space(GEOMETRY).name(name).build();
        spaces.add(made);
        return made;
    }

    /** Creates a space with private pages. */
    private AddressSpace space(String name, long pages) {
        AddressSpace made = space(name);
        assertEquals(AT, made.mmap(AT, pages * PAGE, RW, FIXED, null, 0));
        assertEquals(0, made.madvise(AT, pages * PAGE, Mman.POPULATE_WRITE));
        return made;
    }

    @BeforeEach
    void needsPages() {
        assertEquals(AT, needs.mmap(AT, 2 * FRAMES * PAGE, RW, FIXED, null, 0));
        cpu.switchTo(needs);
    }

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        cpu.close();
        spaces.forEach(AddressSpace::close);
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        for (AddressSpace space : spaces) {
            assertEquals(0, layoutOf(space).lifetime.context.holds(), "no reap holds the page table");
        }
        machine.close();
    }

    private void scores(Map<String, Long> byName) {
        score = (space, pages) -> byName.getOrDefault(String.valueOf(space.name()), -1L);
    }

    private int touch(long page) {
        return cpu.memory().store(AT + page * PAGE, 8, page);
    }

    /** Writes pages until an access fails, and returns the first page that could not be written. */
    private long fill(long from) {
        long page = from;
        while (touch(page) == Fault.NONE) {
            page++;
        }
        return page;
    }

    /** Tries to write a page until that succeeds. */
    private void touchAtLast(long page) {
        Await.until(
                "a frame is free",
                () -> {
                    int fault = touch(page);
                    if (fault != Fault.NONE) {
                        assertFault(Fault.RETRY, fault);
                    }
                    return fault == Fault.NONE;
                },
                reports);
    }

    /** Returns the names of the reaped spaces, in order, with a question mark if a space could not be emptied. */
    private List<String> reaped() throws InterruptedException {
        machine.awaitQuiescence();
        List<String> names = new ArrayList<>();
        for (Report report : reports) {
            if (report.kind() == Report.Kind.SPACE_REAPED) {
                String number = report.message().replaceAll("\\D", "");
                String name = String.valueOf(layoutOf(spaces.get(Integer.parseInt(number) - 1)).lifetime.identity.name);
                names.add(name + (report.message().contains("could not") ? "?" : ""));
            }
        }
        return names;
    }

    private static boolean isUnstable(AddressSpace space) {
        return layoutOf(space).isUnstable();
    }

    @Test
    @DisplayName("takes the pages of the space with the highest score, then of the next one, and fails at last")
    void order() throws InterruptedException {
        AddressSpace low = space("low", 3);
        AddressSpace high = space("high", 3);
        AddressSpace never = space("never", 1);
        scores(Map.of("low", 5L, "high", 6L));
        long full = fill(0);
        assertEquals(FRAMES - 7, full);
        touchAtLast(full);
        assertEquals(Map.of("high", 3L + TABLES, "low", 3L + TABLES, NAME, full + TABLES, "never", 1L + TABLES), told);
        assertEquals(List.of("high"), reaped());
        assertTrue(isUnstable(high));
        assertFalse(isUnstable(low));
        full = fill(full);
        assertEquals(FRAMES - 4, full);
        touchAtLast(full);
        assertEquals(List.of("high", "low"), reaped());
        full = fill(full);
        assertEquals(FRAMES - 1, full);
        assertFault(Fault.OUT_OF_MEMORY, touch(full));
        assertFalse(isUnstable(never));
        byte[] bytes = new byte[1];
        assertEquals(1, never.read(AT, bytes, 0, 1));
        assertResult(Errno.EFAULT, high.read(AT, bytes, 0, 1));
    }

    @Test
    @DisplayName("asks no score for a space without private pages, for one that has ended, nor for one that was reaped")
    void notAsked() throws InterruptedException {
        space("empty");
        AddressSpace ended = space("ended", 1);
        AddressSpace reaped = space("reaped", 2);
        AddressSpace chosen = space("chosen", 2);
        ended.close();
        try (PageTableRef ref = reaped.hold()) {
            assertEquals(0, ref.reap());
        }
        scores(Map.of("chosen", 0L, "empty", 9L, "ended", 9L, "reaped", 9L));
        touchAtLast(fill(0));
        assertEquals(Map.of(NAME, 10L + TABLES, "chosen", 2L + TABLES), told);
        assertEquals(List.of("chosen"), reaped());
        assertTrue(isUnstable(chosen));
    }

    @Test
    @DisplayName("may take the pages of the space that needs one, which is SIGBUS")
    void itself() throws InterruptedException {
        scores(Map.of(NAME, 1L));
        long full = fill(0);
        assertEquals(FRAMES, full);
        Await.until("SIGBUS", () -> touch(full) == Fault.ADRERR, reports);
        assertEquals(List.of(NAME), reaped());
    }

    @Test
    @DisplayName("answers RETRY at once until the CPUs of the victim have acknowledged")
    void retry() throws InterruptedException {
        AddressSpace victim = space("victim", 4);
        scores(Map.of("victim", 1L));
        try (OtherCpu guest = new OtherCpu(victim)) {
            inGuest(guest);
            long full = fill(0);
            for (int i = 0; i < 100; i++) {
                assertFault(Fault.RETRY, touch(full));
            }
            byte[] bytes = new byte[1];
            assertResult(Errno.EAGAIN, needs.write(AT + full * PAGE, bytes, 0, 1));
            assertResult(Errno.EAGAIN, needs.madvise(AT + full * PAGE, PAGE, Mman.POPULATE_WRITE));
            Thread.currentThread().interrupt();
            assertFault(Fault.RETRY, touch(full));
            assertResult(Errno.EAGAIN, needs.write(AT + full * PAGE, bytes, 0, 1));
            assertResult(Errno.EAGAIN, needs.madvise(AT + full * PAGE, PAGE, Mman.POPULATE_WRITE));
            assertTrue(Thread.interrupted());
            leaveGuest(guest);
            touchAtLast(full);
        }
        assertEquals(List.of("victim"), reaped());
    }

    private static void inGuest(OtherCpu guest) {
        guest.call(other -> {
            other.enterGuest();
            assertFault(Fault.NONE, other.memory().load(AT, 8));
            return 0;
        });
    }

    private static void leaveGuest(OtherCpu guest) {
        guest.call(other -> {
            other.leaveGuest();
            return 0;
        });
    }

    @Test
    @DisplayName("chooses another space if one cannot be emptied, whose pages come back later")
    void cannotBeEmptied() throws InterruptedException {
        AddressSpace stuck = space("stuck", 4);
        space("next", 3);
        scores(Map.of("stuck", 9L, "next", 1L));
        try (OtherCpu guest = new OtherCpu(stuck)) {
            inGuest(guest);
            long full = fill(0);
            // The second reap frees its frames before it ends. Until its end, an access that finds no frame returns
            // RETRY.
            for (; full < FRAMES - 4; full++) {
                touchAtLast(full);
            }
            long none = full;
            Await.until("the end of the second reap", () -> touch(none) != Fault.RETRY, reports);
            assertFault(Fault.OUT_OF_MEMORY, touch(none));
            leaveGuest(guest);
            Await.until("the pages come back", () -> touch(FRAMES - 1) == Fault.NONE, reports);
        }
        assertEquals(List.of("stuck?", "next"), reaped());
    }

    @Test
    @DisplayName("counts the pages that checkpoints keep, and takes them: no checkpoint can be restored afterwards")
    void checkpoints() throws InterruptedException {
        AddressSpace victim = space("victim", 3);
        space("other", 2);
        Checkpoint first = victim.checkpoint();
        assertEquals(0, victim.madvise(AT, PAGE, Mman.DONTNEED));
        Checkpoint second = victim.checkpoint();
        assertEquals(0, victim.madvise(AT, 3 * PAGE, Mman.DONTNEED));
        long tables = layoutOf(victim).pages().tables();
        scores(Map.of("victim", 1L));
        long full = fill(0);
        assertEquals(FRAMES - 5, full);
        touchAtLast(full);
        assertEquals(3 + tables, told.get("victim"));
        assertEquals(List.of("victim"), reaped());
        touchAtLast(full + 1);
        touchAtLast(full + 2);
        for (Checkpoint each : List.of(second, first)) {
            assertEquals(
                    "restore of a space that was reaped: ENOMEM",
                    assertThrows(MmException.class, each::restore).getMessage());
            each.close();
        }
    }

    @Test
    @DisplayName("passes over a space whose score throws, and reports it")
    void throwing() throws InterruptedException {
        space("throws", 4);
        space("next", 3);
        RuntimeException thrown = new RuntimeException("no score");
        score = (space, pages) -> {
            if ("throws".equals(space.name())) {
                throw thrown;
            }
            return NAME.equals(space.name()) ? -1 : 1;
        };
        touchAtLast(fill(0));
        assertEquals(List.of("next"), reaped());
        Report report = reports.get(0);
        assertEquals(Report.Kind.CALLBACK_FAILED, report.kind());
        assertSame(thrown, report.cause());
        assertEquals("the score of space 2", report.message());
    }

    @Test
    @DisplayName("takes nothing if the score has ended a space; faults within the score are RETRY")
    void endedByTheScore() throws InterruptedException {
        AddressSpace first = space("first", 4);
        AddressSpace second = space("second", 3);
        List<String> within = new ArrayList<>();
        score = (space, pages) -> {
            within.add(Fault.toString(touch(FRAMES + 1)));
            first.close();
            second.close();
            return Long.MAX_VALUE;
        };
        long full = fill(0);
        assertEquals(FRAMES - 7, full);
        assertEquals(List.of("RETRY"), within);
        assertFault(Fault.NONE, touch(full));
        assertEquals(List.of(), reaped());
        assertFalse(isUnstable(needs));
    }

    @Test
    @DisplayName("takes nothing because a backing says that there is no memory, while there is")
    void lyingBacking() throws InterruptedException {
        space("victim", 4);
        scores(Map.of("victim", 1L));
        PageCache pages = machine.newPageCache(GEOMETRY, PAGE);
        Backing lies = new LyingBacking(pages);
        assertEquals(AT, needs.mmap(AT, PAGE, RW, Mman.SHARED | Mman.FIXED, lies, 0));
        assertFault(Fault.OUT_OF_MEMORY, touch(0));
        assertEquals(List.of(), reaped());
        // If memory is really short, the fault returns RETRY until the reap ended.
        fill(1);
        Await.until(
                "the end of the reap",
                () -> {
                    int fault = touch(0);
                    if (fault != Fault.OUT_OF_MEMORY) {
                        assertFault(Fault.RETRY, fault);
                    }
                    return fault == Fault.OUT_OF_MEMORY;
                },
                reports);
        assertEquals(List.of("victim"), reaped());
        pages.close();
    }

    /** A backing that claims to have no memory for any page. */
    private static final class LyingBacking extends NamedBacking {
        private final PageCache pages;

        LyingBacking(PageCache pages) {
            super("/lies", 9);
            this.pages = pages;
        }

        @Override
        public PageCache pageCache() {
            return pages;
        }

        @Override
        public int fault(Backing.PageRequest request) {
            return -Fault.OUT_OF_MEMORY;
        }
    }

    @Test
    @DisplayName("gives frames to shared anonymous memory too")
    void sharedAnonymous() throws InterruptedException {
        space("victim", 4);
        scores(Map.of("victim", 1L));
        long shared = needs.mmap(0, PAGE, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        fill(0);
        Await.until("a page", () -> cpu.memory().handleFault(shared, Mman.WRITE) == Fault.NONE, reports);
        assertEquals(List.of("victim"), reaped());
    }

    @Test
    @DisplayName("makes the steps itself where the housekeeping is invoked, and nobody invokes it")
    void invoked() throws InterruptedException {
        cpu.close();
        spaces.forEach(AddressSpace::close);
        machine.close();
        spaces.clear();
        machine = machine(true);
        needs = space(NAME);
        cpu = machine.claimCpu();
        needsPages();
        space("victim", 4);
        scores(Map.of("victim", 1L));
        long full = fill(0);
        touchAtLast(full);
        assertEquals(List.of("victim"), reaped());
    }

    @Test
    @DisplayName("goes on as before without a policy")
    void without() {
        try (SpaceFixture fixture = new SpaceFixture(4)) {
            long at = fixture.anonymous(8);
            for (int page = 0; page < 4; page++) {
                fixture.store(at + page * PAGE, 1);
            }
            assertFault(Fault.OUT_OF_MEMORY, fixture.memory.store(at + 4 * PAGE, 8, 1));
        }
    }
}
