// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The faulting thread makes calls within {@code rcuMapPages}, with another CPU that it owns. A wait there would never
 * end: every grace period waits for that section, and operations wait for grace periods.
 */
@DisplayName("I9: within rcuMapPages, a call that would wait is refused, on every machine")
final class WaitsInSectionTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int FRAMES = 64;
    private static final int READ = Mman.READ;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final long REPLACED = 0x10_0000_0000L;
    private static final long CALM = 0x20_0000_1000L;
    private static final long OFFERED = 0x30_0000_2000L;
    private static final long OF_FILE = 0x40_0000_3000L;
    private static final long MANY = 0x50_0000_4000L;
    private static final long STACK = 0x60_0000_0000L;

    /** The thread that is within the section. */
    enum Reader {
        /** A CPU in a fault. */
        CPU,
        /** A call that populates, by a thread without a CPU in a fault. */
        POPULATE
    }

    static Stream<Arguments> cases() {
        return Stream.of(Reader.values())
                .flatMap(reader -> Stream.of(Arguments.of(reader, false), Arguments.of(reader, true)));
    }

    /** A file that runs a call when it is first asked for pages. */
    private static final class Offering extends CachedBacking {
        final AtomicReference<@Nullable Runnable> call = new AtomicReference<>();

        final PageCache cache;

        Offering(PageCache cache) {
            super("/offering", cache);
            this.cache = cache;
        }

        @Override
        public void rcuMapPages(Backing.PageWindow window) {
            Runnable once = call.getAndSet(null);
            if (once != null) {
                once.run();
            }
            super.rcuMapPages(window);
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            return true;
        }
    }

    private static final class Scene {
        final ConcurrentLinkedQueue<Report> reports = new ConcurrentLinkedQueue<>();
        final Machine machine;
        final AddressSpace space;
        final MemoryFile file;
        final Offering offering;
        private final Reader reader;
        private final boolean checksOffers;

        Scene(Reader reader, boolean checksOffers) {
            this.reader = reader;
            this.checksOffers = checksOffers;
            MachineBuilder builder = Machine.builder()
                    .memory(FRAMES * PAGE)
                    .reportTo(reports::add)
                    .reportGracePeriodsLongerThan(Await.LONG)
                    .reportWaitsLongerThan(Await.LONG);
            machine = (checksOffers ? builder.checkOffers(Duration.ofMinutes(1)) : builder).build();
            space = machine.newSpace(LINUX);
            file = machine.newFile("/file", 1, LINUX, 2 * PAGE);
            offering = new Offering(machine.newPageCache(LINUX, PAGE));
            assertEquals(REPLACED, space.mmap(REPLACED, PAGE, RW, FIXED, null, 0));
            assertEquals(CALM, space.mmap(CALM, PAGE, RW, FIXED | Mman.POPULATE, null, 0));
            assertEquals(OFFERED, space.mmap(OFFERED, PAGE, READ, Mman.SHARED | Mman.FIXED, offering, 0));
            assertEquals(STACK, space.mmap(STACK, PAGE, RW, FIXED | Mman.GROWSDOWN, null, 0));
            assertEquals(OF_FILE, space.mmap(OF_FILE, PAGE, RW, Mman.SHARED | Mman.FIXED, file.open(), 0));
        }

        /** Makes a call on a separate thread, with a CPU. */
        long elsewhere(String what, ToLongFunction<Cpu> call) {
            FutureTask<Long> task = new FutureTask<>(() -> {
                try (Cpu cpu = machine.claimCpu()) {
                    cpu.switchTo(space);
                    return call.applyAsLong(cpu);
                }
            });
            Thread thread = new Thread(task, what);
            thread.setDaemon(true);
            thread.start();
            return Await.result(what, task, reports);
        }

        /**
         * Makes a call within a reader section of a thread, with a CPU of the same thread that is not in the section.
         * Returns the exception of the call.
         */
        @Nullable
        Throwable within(String what, Function<Cpu, ?> call) {
            AtomicInteger calls = new AtomicInteger();
            AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
            elsewhere(what, second -> {
                offering.call.set(() -> {
                    calls.getAndIncrement();
                    try {
                        Object unused = call.apply(second);
                    } catch (Throwable caught) {
                        thrown.set(caught);
                    }
                });
                return enterSection();
            });
            assertEquals(1, calls.get(), "calls within the section");
            assertEquals(0, space.madvise(OFFERED, PAGE, Mman.DONTNEED));
            offering.cache.remove(0, 1);
            return thrown.get();
        }

        private int enterSection() {
            if (reader == Reader.POPULATE) {
                long unused = space.madvise(OFFERED, PAGE, Mman.POPULATE_READ);
                return Fault.NONE;
            }
            try (Cpu first = machine.claimCpu()) {
                first.switchTo(space);
                return first.memory().load(OFFERED, 8);
            }
        }

        /** Checks that a call is refused within the section, and returns the message. */
        String refuses(String what, Function<Cpu, ?> call) {
            Throwable thrown = within(what, call);
            assertInstanceOf(IllegalStateException.class, thrown, what);
            String message = String.valueOf(thrown.getMessage());
            assertTrue(message.contains("must not wait for anything"), message);
            assertTrue(checksOffers || message.contains("reader section of "), message);
            // The backing caught the exception. A machine that checks offers reports it nevertheless.
            assertEquals(
                    checksOffers ? List.of(thrown) : List.of(),
                    reports.stream().map(Report::cause).toList());
            reports.clear();
            return message;
        }

        /**
         * Closes everything, and checks that no frame is in use. Not called after a failure, because a section may be
         * open forever.
         */
        void end() {
            offering.cache.close();
            file.close();
            space.close();
            assertEquals(0, machine.statistics().framesInUse());
        }
    }

    @ParameterizedTest(name = "{0}, offers are checked: {1}")
    @MethodSource("cases")
    @DisplayName("for a range in flight, which may itself wait for the section")
    void rangeInFlight(Reader reader, boolean checksOffers) {
        Scene scene = new Scene(reader, checksOffers);
        AddressSpace space = scene.space;
        CountDownLatch isInFlight = new CountDownLatch(1);
        CountDownLatch goesOn = new CountDownLatch(1);
        space.addNotifier((start, end, reason) -> {
            if (start == REPLACED) {
                isInFlight.countDown();
                Latches.await(goesOn);
            }
        });
        FutureTask<Long> mapping = new FutureTask<>(() -> space.mmap(REPLACED, PAGE, RW, FIXED, null, 0));
        Thread mapper = new Thread(mapping, "mapper");
        mapper.setDaemon(true);
        mapper.start();
        Latches.await(isInFlight);
        try {
            scene.refuses("resolve", cpu -> space.resolve(REPLACED, READ));
            scene.refuses("a load", cpu -> cpu.memory().load(REPLACED, 8));
            scene.refuses("munmap", cpu -> space.munmap(REPLACED, PAGE));
            // Asynchronous calls are refused before they would wait for room, a wait that no test can observe here.
            for (Function<Cpu, ?> asynchronous : List.<Function<Cpu, ?>>of(
                    cpu -> space.munmapAsync(REPLACED, PAGE).isDone(),
                    cpu -> space.mmapAsync(REPLACED, PAGE, RW, FIXED, null, 0).isDone(),
                    cpu -> space.mremapAsync(REPLACED, PAGE, 2 * PAGE, Mman.MAYMOVE, 0)
                            .isDone())) {
                String message = scene.refuses("an asynchronous form", asynchronous);
                assertTrue(message.matches("(an asynchronous|a) call of a space was called .*"), message);
            }
            scene.refuses("resolve below a stack", cpu -> space.resolve(STACK - PAGE, READ));
            assertNull(space.find(STACK - PAGE));
            List<Integer> found = new ArrayList<>();
            assertNull(scene.within("resolve elsewhere", cpu -> {
                found.add(space.resolve(CALM, READ));
                found.add(space.resolve(CALM + PAGE, READ));
                return 0;
            }));
            assertEquals(List.of(Fault.NONE, Fault.MAPERR), found);
            assertEquals(List.of(), List.copyOf(scene.reports));
        } finally {
            goesOn.countDown();
        }
        assertEquals(REPLACED, Await.result("the mapping", mapping, scene.reports));
        scene.end();
    }

    @ParameterizedTest(name = "{0}, offers are checked: {1}")
    @MethodSource("cases")
    @DisplayName("for a grace period, which waits for the section, and nothing has changed")
    void gracePeriod(Reader reader, boolean checksOffers) {
        Scene scene = new Scene(reader, checksOffers);
        AddressSpace space = scene.space;
        scene.elsewhere(
                "a store", cpu -> cpu.memory().store(CALM, 8, 7) + cpu.memory().store(OF_FILE, 8, 8));
        scene.refuses("truncate", cpu -> {
            scene.file.truncate(0);
            return 0;
        });
        scene.refuses("remove", cpu -> {
            scene.offering.cache.remove(0, 1);
            return 0;
        });
        scene.refuses("madvise", cpu -> space.madvise(OF_FILE, PAGE, Mman.REMOVE));
        scene.refuses("munmap", cpu -> space.munmap(CALM, PAGE));
        scene.refuses("fork", cpu -> space.fork());
        scene.refuses("collectDirty", cpu -> space.collectDirty(CALM, PAGE, page -> {}));
        assertEquals(2 * PAGE, scene.file.size());
        assertEquals(15L, scene.elsewhere("loads", cpu -> {
            long sum = cpu.memory().load(CALM, 8) == Fault.NONE ? cpu.memory().value() : 0;
            return sum
                    + (cpu.memory().load(OF_FILE, 8) == Fault.NONE
                            ? cpu.memory().value()
                            : 0);
        }));
        scene.end();
    }

    @ParameterizedTest(name = "{0}, offers are checked: {1}")
    @MethodSource("cases")
    @DisplayName("for a backing, and for the CPUs that a copy on write asks")
    void otherFaults(Reader reader, boolean checksOffers) {
        Scene scene = new Scene(reader, checksOffers);
        AddressSpace space = scene.space;
        AtomicInteger reads = new AtomicInteger();
        PageCache cache = scene.machine.newPageCache(LINUX, PAGE);
        CachedBacking slow = new CachedBacking("/slow", cache) {
            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                reads.getAndIncrement();
                return true;
            }
        };
        assertEquals(MANY, space.mmap(MANY, PAGE, READ, Mman.SHARED | Mman.FIXED, slow, 0));
        scene.refuses("a load", cpu -> cpu.memory().load(MANY, 8));
        assertEquals(0, reads.get(), "the backing was asked");
        try (AddressSpace child = space.fork()) {
            scene.refuses(
                    "a store to a page that a child has too",
                    cpu -> cpu.memory().store(CALM, 8, 7));
            assertTrue(child.find(CALM) != null);
        }
        assertEquals(Fault.NONE, scene.elsewhere("a load", cpu -> cpu.memory().load(MANY, 8)));
        assertEquals(1, reads.get());
        assertEquals(Fault.NONE, scene.elsewhere("a store", cpu -> cpu.memory().store(CALM, 8, 7)));
        if (!checksOffers) {
            assertNull(scene.within(
                    "a load that need not wait", cpu -> cpu.memory().load(CALM, 8)));
        }
        assertEquals(0, space.munmap(MANY, PAGE));
        cache.close();
        scene.end();
    }

    @ParameterizedTest(name = "{0}, offers are checked: {1}")
    @MethodSource("cases")
    @DisplayName("for memory: no page is reclaimed, and there is none")
    void memory(Reader reader, boolean checksOffers) {
        Scene scene = new Scene(reader, checksOffers);
        AddressSpace space = scene.space;
        PageCache cache = scene.machine.newPageCache(LINUX, FRAMES * PAGE);
        CachedBacking filling = new CachedBacking("/filling", cache) {
            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                return true;
            }
        };
        // The offered page also needs a frame.
        int frame = scene.offering.cache.allocate();
        fill(scene, filling);
        AtomicInteger answer = new AtomicInteger();
        Throwable allocated = scene.within("allocate", cpu -> {
            answer.set(cache.allocate());
            return 0;
        });
        assertNull(allocated);
        assertEquals(-1, answer.get());
        assertEquals(MANY, space.mmap(MANY, PAGE, RW, FIXED, null, 0));
        fill(scene, filling);
        Throwable stored = scene.within("a store", cpu -> {
            answer.set(cpu.memory().store(MANY, 8, 7));
            return 0;
        });
        if (checksOffers) {
            assertInstanceOf(IllegalStateException.class, stored);
        } else {
            assertNull(stored);
            assertEquals(Fault.OUT_OF_MEMORY, answer.get());
        }
        assertEquals(Fault.NONE, scene.elsewhere("a store", cpu -> cpu.memory().store(MANY, 8, 7)));
        scene.offering.cache.free(frame);
        cache.close();
        scene.end();
    }

    /** Fills all free frames with pages of a file that is mapped nowhere. */
    private static void fill(Scene scene, CachedBacking file) {
        long bytes = FRAMES * PAGE;
        long at = scene.space.mmap(0, bytes, READ, Mman.SHARED, file, 0);
        assertTrue(at > 0);
        scene.elsewhere("filling", cpu -> {
            long page = at;
            while (scene.machine.statistics().framesInUse() < FRAMES && page < at + bytes) {
                cpu.memory().load(page, 8);
                page += PAGE;
            }
            return 0;
        });
        assertEquals(FRAMES, scene.machine.statistics().framesInUse());
        assertEquals(0, scene.space.munmap(at, bytes));
    }
}
