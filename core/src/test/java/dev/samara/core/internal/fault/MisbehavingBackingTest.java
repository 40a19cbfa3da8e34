// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PagedFile;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntUnaryOperator;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A backing that misbehaves in a fault harms only its own mappings")
final class MisbehavingBackingTest {
    private static final int SHARED = Mman.SHARED;
    private static final int PRIVATE = Mman.PRIVATE;
    private static final int PAGES = 4;

    private final SpaceFixture fixture = new SpaceFixture();
    private final MemoryFile others = fixture.file(PAGES);
    private final long othersAt = fixture.map(0, PAGES, RW, SHARED, others.open(), 0);
    private final long anonymous = fixture.anonymous(PAGES);

    private final OddFile odd = new OddFile(fixture);

    @BeforeEach
    void stamp() {
        for (int page = 0; page < PAGES; page++) {
            fixture.store(anonymous + page * PAGE, 0x700 + page);
        }
    }

    /** Checks that pages of other mappings were neither changed nor lost. */
    @AfterEach
    void nobodyElseIsHarmed() throws InterruptedException {
        for (int page = 0; page < PAGES; page++) {
            assertEquals(0x100 + page, fixture.load(othersAt + page * PAGE));
            assertEquals(0x700 + page, fixture.load(anonymous + page * PAGE));
        }
        fixture.space.validate();
        others.close();
        odd.cache.truncate(0);
        fixture.closeEmpty();
    }

    private long map(int protection, int type) {
        return fixture.map(0, PAGES, protection, type, odd, 0);
    }

    /** Returns frames that do not contain page 1 of the odd file, and numbers that are not frames. */
    private List<Integer> wrongFrames() {
        fixture.load(othersAt);
        long gone = fixture.anonymous(1);
        fixture.store(gone, 1);
        int freed = Pte.frame(fixture.pte(gone));
        assertEquals(0, fixture.space.munmap(gone, PAGE));
        long mine = map(READ, SHARED);
        assertEquals(PagedFile.STAMP, fixture.load(mine));
        int ofPageZero = Pte.frame(fixture.pte(mine));
        assertEquals(0, fixture.space.munmap(mine, PAGES * PAGE));
        return List.of(
                0,
                Pte.frame(fixture.pte(othersAt)),
                Pte.frame(fixture.pte(anonymous)),
                freed,
                ofPageZero,
                odd.cache.allocate(),
                1 << 20,
                Integer.MAX_VALUE);
    }

    @Test
    @DisplayName("an answer that is not its cache's frame of that page is a SIGBUS, and reported")
    void wrongAnswers() {
        List<Integer> wrong = wrongFrames();
        for (int frame : wrong) {
            odd.answer = request -> frame;
            for (int type : new int[] {SHARED, PRIVATE}) {
                long at = map(RW, type);
                for (int access : new int[] {READ, WRITE}) {
                    fixture.reports.clear();
                    assertFault(Fault.ADRERR, fixture.memory.handleFault(at + PAGE, access));
                    assertFalse(fixture.isMapped(at + PAGE));
                    assertEquals(1, fixture.reports.size());
                    assertEquals(
                            Report.Kind.CALLBACK_FAILED, fixture.reports.get(0).kind());
                }
                assertEquals(0, fixture.space.munmap(at, PAGES * PAGE));
            }
        }
        odd.cache.free(wrong.get(5));
        odd.answer = null;
        assertEquals(PagedFile.STAMP + 1, fixture.load(map(RW, PRIVATE) + PAGE));
    }

    @Test
    @DisplayName("OUT_OF_MEMORY and RETRY become the result, and any other negative number a SIGBUS")
    void failures() {
        IntUnaryOperator expected = answer -> answer == -Fault.OUT_OF_MEMORY
                ? Fault.OUT_OF_MEMORY
                : answer == -Fault.RETRY ? Fault.RETRY : Fault.ADRERR;
        int[] answers = {
            -Fault.OUT_OF_MEMORY, -Fault.RETRY, -Fault.ADRERR, -Fault.ADRALN, -Fault.MAPERR, -4711, Integer.MIN_VALUE
        };
        long at = map(RW, SHARED);
        long copy = map(RW, PRIVATE);
        for (int answer : answers) {
            odd.answer = request -> answer;
            assertFault(expected.applyAsInt(answer), fixture.memory.load(at, 8));
            assertFault(expected.applyAsInt(answer), fixture.memory.store(copy + PAGE, 8, 1));
        }
        odd.answer = null;
        assertEquals(PagedFile.STAMP, load(at));
        assertEquals(List.of(), fixture.reports);
    }

    /** Loads a number, with or without I/O. */
    private long load(long at) {
        assertTrue(fixture.memory.load(at, 8) == Fault.NONE);
        return fixture.memory.value();
    }

    @Test
    @DisplayName("an exception is a SIGBUS and reported, and the next fault asks again")
    void throwsInFault() {
        RuntimeException thrown = new IllegalArgumentException("no disk");
        odd.answer = request -> {
            throw thrown;
        };
        long at = map(READ, SHARED);
        assertFault(Fault.ADRERR, fixture.memory.load(at, 8));
        assertEquals(thrown, fixture.reports.get(0).cause());
        odd.answer = request -> {
            throw new StackOverflowError();
        };
        assertFault(Fault.ADRERR, fixture.memory.load(at, 8));
        odd.answer = null;
        assertEquals(PagedFile.STAMP, load(at));
    }

    private void assertNotifiedInVain(long at, Runnable revocation) {
        int[] notices = {0};
        odd.notice = request -> {
            notices[0]++;
            revocation.run();
            return 0;
        };
        assertFault(Fault.ADRERR, fixture.memory.store(at, 8, 1));
        assertEquals(4096, notices[0]);
        assertEquals(1, fixture.reports.size());
        assertEquals(Report.Kind.CALLBACK_FAILED, fixture.reports.get(0).kind());
        fixture.reports.clear();
    }

    @Test
    @DisplayName("that revokes each write it permits is asked many times, then the write is a SIGBUS, and reported")
    void revokesWrites() {
        odd.notice = request -> 0;
        long at = map(RW, SHARED);
        assertNotifiedInVain(at, () -> odd.cache.remove(0, PAGES));
        assertEquals(PagedFile.STAMP, load(at));
        assertNotifiedInVain(at, () -> {
            assertEquals(0, fixture.space.mprotect(at, PAGE, READ));
            assertEquals(0, fixture.space.mprotect(at, PAGE, RW));
        });
        odd.notice = request -> 0;
        assertTrue(fixture.memory.store(at, 8, 1) == Fault.NONE);
    }

    @Test
    @DisplayName("that offers nothing is asked for every page, also before a private copy")
    void offersNothing() {
        odd.offer = window -> {};
        for (int type : new int[] {SHARED, PRIVATE}) {
            long at = map(RW, type);
            for (int page = 0; page < PAGES; page++) {
                if (page % 2 == 0) {
                    assertEquals(PagedFile.STAMP + page, load(at + page * PAGE));
                }
                assertTrue(fixture.memory.store(at + page * PAGE + 8, 8, type) == Fault.NONE);
                assertEquals(PagedFile.STAMP + page, load(at + page * PAGE));
            }
        }
        assertEquals(PAGES, odd.reads.get());
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("that offers foreign frames, or frames of other pages, has offered nothing")
    void offersNonsense() {
        List<Integer> wrong = wrongFrames();
        for (int frame : wrong) {
            odd.offer = window -> {
                for (int i = 0; i < window.count(); i++) {
                    window.offer(i, window.first() + i == 0 && frame == odd.cache.frameAt(0) ? -1 : frame);
                }
            };
            for (int type : new int[] {SHARED, PRIVATE}) {
                long at = map(RW, type);
                for (int page = 0; page < PAGES; page++) {
                    assertEquals(PagedFile.STAMP + page, load(at + page * PAGE));
                    assertEquals(odd.cache.frameAt(page), Pte.frame(fixture.pte(at + page * PAGE)));
                }
                assertTrue(fixture.memory.store(at + 8, 8, 1) == Fault.NONE);
                assertEquals(0, fixture.space.munmap(at, PAGES * PAGE));
            }
        }
        odd.cache.free(wrong.get(5));
        for (int negative : new int[] {-1, -2, Integer.MIN_VALUE}) {
            odd.offer = window -> window.offer(0, negative);
            assertEquals(PagedFile.STAMP, load(map(READ, SHARED)));
        }
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("that throws while it offers, or offers outside of the window, has offered nothing, and is reported")
    void throwsWhileOffering() {
        List<Consumer<Backing.PageWindow>> offers = List.of(
                window -> {
                    window.offerFrom(odd.cache);
                    throw new IllegalStateException("lost");
                },
                window -> window.offer(-1, 1),
                window -> window.offer(window.count(), 1),
                window -> window.offer(Integer.MAX_VALUE, 1));
        // The neighbours of page 1, of which one at least is in its window, could be mapped.
        long neighbours = map(READ, SHARED);
        assertEquals(PagedFile.STAMP, load(neighbours));
        assertEquals(PagedFile.STAMP + 2, load(neighbours + 2 * PAGE));
        for (Consumer<Backing.PageWindow> offer : offers) {
            odd.offer = offer;
            fixture.reports.clear();
            long at = map(READ, SHARED);
            assertEquals(PagedFile.STAMP + 1, load(at + PAGE));
            assertEquals(1, fixture.mapped(at, PAGES));
            assertEquals(1, fixture.reports.size());
        }
    }

    @Test
    @DisplayName("that refuses a first write, or throws, has nothing written, and is asked again")
    void refusesWrites() {
        odd.notice = request -> -Fault.ADRERR;
        long at = map(RW, SHARED);
        assertFault(Fault.ADRERR, fixture.memory.store(at, 8, 1));
        assertEquals(PagedFile.STAMP, load(at));
        assertFault(Fault.ADRERR, fixture.memory.store(at, 8, 1));
        odd.notice = request -> -Fault.OUT_OF_MEMORY;
        assertFault(Fault.OUT_OF_MEMORY, fixture.memory.getAndAdd(at, 8, 1));
        odd.notice = request -> 99;
        assertFault(Fault.ADRERR, fixture.memory.store(at, 8, 1));
        assertEquals(List.of(), fixture.reports);
        odd.notice = request -> {
            throw new IllegalStateException("full");
        };
        assertFault(Fault.ADRERR, fixture.memory.store(at, 8, 1));
        assertEquals(1, fixture.reports.size());
        assertEquals(PagedFile.STAMP, load(at));
        odd.notice = request -> 0;
        fixture.store(at, 1);
        assertEquals(1, fixture.load(at));
    }

    @Test
    @DisplayName("that uses the CPU of the fault, or others, is served; it may not go to another space")
    void faultsWithTheSameCpu() {
        long elsewhere = fixture.anonymous(2);
        List<Throwable> thrown = new ArrayList<>();
        odd.answer = request -> {
            try {
                fixture.cpu.switchTo(null);
            } catch (IllegalStateException e) {
                thrown.add(e);
            }
            fixture.store(elsewhere, 3);
            assertEquals(0x100, fixture.load(othersAt));
            return odd.cache.insert(request.page(), odd.cache.allocate());
        };
        assertEquals(0, load(map(READ, SHARED)));
        assertEquals(1, thrown.size());
        assertEquals(3, fixture.load(elsewhere));
    }

    @Test
    @DisplayName("that faults with the CPU of the fault while it offers gets an exception, and has offered nothing")
    void faultsWhileOffering() {
        long elsewhere = fixture.anonymous(1);
        odd.offer = window -> fixture.memory.handleFault(elsewhere, WRITE);
        assertEquals(PagedFile.STAMP, load(map(READ, SHARED)));
        assertEquals(1, fixture.reports.size());
        assertFalse(fixture.isMapped(elsewhere));
    }

    @Test
    @DisplayName("of another machine, or of pages of another size, has no memory here: a SIGBUS")
    void anotherMachine() throws InterruptedException {
        SpaceFixture second = new SpaceFixture();
        MemoryFile file = second.file(1);
        for (int type : new int[] {SHARED, PRIVATE}) {
            long at = fixture.map(0, 1, RW, type, file.open(), 0);
            assertFault(Fault.ADRERR, fixture.memory.load(at, 8));
            assertFault(Fault.ADRERR, fixture.memory.store(at, 8, 1));
            file.truncate(0);
            file.truncate(PAGE);
        }
        file.close();
        second.closeEmpty();
    }

    /** A file whose answers a test may choose. The default answers are correct. */
    private static final class OddFile extends PagedFile {
        @Nullable
        ToIntFunction<Backing.PageRequest> answer;

        @Nullable
        Consumer<Backing.PageWindow> offer;

        @Nullable
        ToIntFunction<Backing.PageRequest> notice;

        OddFile(SpaceFixture fixture) {
            super(fixture, PAGES);
        }

        @Override
        public int fault(Backing.PageRequest request) {
            return answer == null ? super.fault(request) : answer.applyAsInt(request);
        }

        @Override
        public void rcuMapPages(Backing.PageWindow window) {
            if (offer == null) {
                super.rcuMapPages(window);
            } else {
                offer.accept(window);
            }
        }

        @Override
        public boolean noticesWrites() {
            return notice != null;
        }

        @Override
        public int pageMkwrite(Backing.PageRequest request) {
            return notice == null ? 0 : notice.applyAsInt(request);
        }
    }

    @Test
    @DisplayName(
            "on a machine that checks offers, one that waits in rcuMapPages is refused and reported, even if it says"
                    + " nothing")
    void checkedOffers() throws InterruptedException {
        SpaceFixture checked =
                new SpaceFixture(Machine.builder().memory(1 << 24).checkOffers(Duration.ofDays(1)));
        OddFile file = new OddFile(checked);
        long spare = checked.anonymous(1);
        try (Cpu second = checked.machine.claimCpu()) {
            second.switchTo(checked.space);
            List<Runnable> waiting = List.of(
                    () -> checked.space.munmap(spare, PAGE),
                    () -> checked.space.mmap(0, PAGE, RW, SpaceFixture.ANONYMOUS, null, 0),
                    checked.space::fork,
                    () -> checked.machine.newSpace(SpaceFixture.GEOMETRY),
                    checked.space::usage,
                    () -> second.memory().handleFault(spare, WRITE),
                    () -> file.cache.truncate(0),
                    () -> file.cache.remove(0, 1),
                    () -> file.cache.insert(0, 0));
            for (Runnable wait : waiting) {
                for (boolean catches : new boolean[] {false, true}) {
                    checked.reports.clear();
                    file.offer = window -> {
                        try {
                            wait.run();
                        } catch (IllegalStateException refused) {
                            if (!catches) {
                                throw refused;
                            }
                        }
                    };
                    long at = checked.map(0, 1, READ, SHARED, file, 0);
                    assertTrue(checked.cpu.memory().load(at, 8) == Fault.NONE);
                    assertEquals(PagedFile.STAMP, checked.cpu.memory().value());
                    assertEquals(1, checked.reports.size());
                }
            }
            assertFalse(checked.isMapped(spare));
            file.offer = null;
            checked.reports.clear();
            checked.load(checked.map(0, 1, READ, SHARED, file, 0));
            assertEquals(List.of(), checked.reports);
        }
        file.cache.truncate(0);
        checked.closeEmpty();
    }

    @Test
    @DisplayName("on a machine that checks offers, one that takes longer than was set is reported")
    void slowOffers() throws InterruptedException {
        SpaceFixture checked =
                new SpaceFixture(Machine.builder().memory(1 << 24).checkOffers(Duration.ZERO));
        MemoryFile file = checked.file(1);
        checked.load(checked.map(0, 1, READ, SHARED, file.open(), 0));
        assertEquals(1, checked.reports.size());
        assertEquals(Report.Kind.LONG_WAIT, checked.reports.get(0).kind());
        file.close();
        checked.closeEmpty();
    }
}
