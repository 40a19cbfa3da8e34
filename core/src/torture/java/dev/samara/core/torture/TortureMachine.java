// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.PageContents;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Fault;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The machine of the memory torture. Its few frames are filled with a pattern when they are freed, and record which
 * threads access them. This class also defines how the actors access memory: each access declares its page, for the
 * checks of {@link WatchedFrames}.
 */
final class TortureMachine {
    /**
     * The number of frames: so few that some allocations find no free frame, and that a freed frame is reused
     * immediately.
     */
    private static final int FRAMES = 208;

    private static final long BASE = 0x10_0000_0000L;

    /** Far longer than any flush. */
    private static final long LONGEST_FLUSH_NANOS = 20_000_000_000L;

    /** The start of the shared space's heap. */
    static final long HEAP = 0x30_0000_0000L;

    private static final long STAMP = 0x5A3L << 52;
    private static final long POISON = 0xa5a5_a5a5_a5a5_a5a5L;

    /** The offsets of the stamps in a page. */
    static final int[] PARTS = {8, 2048, 4080};

    final Machine machine;
    final AddressSpace space;
    final LongAdder refused = new LongAdder();
    final RandomFailures failures;
    final EventCounts events = new EventCounts();

    /** The hook that stops operations before they retire. */
    final OperationHold held = new OperationHold();

    private final AtomicReference<@Nullable WatchedFrames> frames = new AtomicReference<>();
    private final AtomicLong spaces = new AtomicLong();
    private final ThreadLocal<Cpu> cpus;
    private final ThreadLocal<ThrowingMemory> flat;
    private int areas;

    TortureMachine(TortureRun run, LifetimeChoices choices, Checker oneTranslation, Checker noEarlyReuse) {
        failures = RandomFailures.slow(run.seed);
        machine = MachineInternals.machine(
                choices.apply(Machine.builder())
                        .memory(FRAMES * TortureSpace.PAGE)
                        .poisonFrames(true)
                        .reportTo(run::reported)
                        .frameStore((pageShift, count) -> {
                            frames.set(new WatchedFrames(pageShift, count, failures, oneTranslation, noEarlyReuse));
                            return frames();
                        }),
                range -> {
                    failures.linger();
                    held.retires();
                },
                () -> new NappingLock(failures));
        space = machine.space(TortureSpace.GEOMETRY).heap(HEAP, HEAP).build();
        cpus = ThreadLocal.withInitial(machine::claimCpu);
        flat = ThreadLocal.withInitial(() -> new ThrowingMemory(cpus.get()));
    }

    WatchedFrames frames() {
        WatchedFrames made = frames.get();
        if (made == null) {
            throw new IllegalStateException("no space has been made");
        }
        return made;
    }

    /**
     * Returns how many page tables are left of a closed space. Waits for leaves with a pending flush of another
     * operation, which are removed when the flush is done.
     */
    static int tablesLeft(AddressSpace closed) {
        long until = System.nanoTime() + LONGEST_FLUSH_NANOS;
        int tables = PageContents.tables(closed);
        while (tables != 0 && System.nanoTime() - until < 0) {
            LockSupport.parkNanos(LONGEST_FLUSH_NANOS / 100_000);
            tables = PageContents.tables(closed);
        }
        return tables;
    }

    /**
     * Reserves two places with a number of pages, in leaf tables that other areas share. Must be called before the
     * actors start.
     */
    long[] area(int pages) {
        long first = BASE + areas * TortureSpace.PAGE;
        // One page stays free between the places, so that their mappings cannot merge.
        areas += 2 * (pages + 1);
        return new long[] {first, first + (pages + 1) * TortureSpace.PAGE};
    }

    /** Returns the end of the pages of all areas. */
    long end() {
        return BASE + areas * TortureSpace.PAGE;
    }

    static long base() {
        return BASE;
    }

    /** Returns the calling thread's CPU. */
    Cpu cpu() {
        return cpus.get();
    }

    /** Ends an access by the calling thread. Returns the result of the access. */
    int done(int result) {
        frames().towards(0);
        if (result == Fault.OUT_OF_MEMORY) {
            refused.increment();
        }
        return result;
    }

    /** The accesses of one thread to one space. */
    final class View {
        final AddressSpace of;
        private final long number;
        private long seen;
        private int fault;

        View(AddressSpace of) {
            this.of = of;
            this.number = 1 + spaces.getAndIncrement() % 200;
        }

        /** Creates a view with a number, which must be the same for all views of a space. */
        View(AddressSpace of, long number) {
            this.of = of;
            this.number = number;
        }

        private Cpu cpu(long address) {
            Cpu cpu = cpus.get();
            if (cpu.space() != of) {
                cpu.switchTo(of);
            }
            frames().towards((number << 36) | (address >>> 12));
            return cpu;
        }

        /** Enters GUEST for many accesses. Until it leaves GUEST, the thread must not wait for another thread. */
        void enterGuest() {
            cpu(0).enterGuest();
            events.count("stretches in GUEST");
        }

        void leaveGuest() {
            cpus.get().leaveGuest();
        }

        /** Leaves the space, so that the CPU is not a user of the space any more. */
        void leave() {
            Cpu cpu = cpus.get();
            if (cpu.space() == of) {
                cpu.switchTo(null);
            }
        }

        /** Makes the CPU LAZY until the next access. */
        void enterLazy() {
            cpu(0).enterLazy();
            done(Fault.NONE);
            events.count("stretches in LAZY");
        }

        void poll() {
            cpus.get().poll();
        }

        /** Adds atomically through the flat memory. The CPU must be in GUEST, and the address aligned. */
        int addInOneStep(long address, long delta) {
            cpu(address);
            try {
                seen = flat.get().getAndAddLong(address, delta);
            } catch (ThrowingMemory.Signal failed) {
                return done(failed.fault());
            }
            events.count("additions in one step");
            return done(Fault.NONE);
        }

        /** Returns the number that the last atomic addition found. */
        long seen() {
            return seen;
        }

        int load(long address) {
            return done(cpu(address).memory().load(address, 8));
        }

        int store(long address, long value) {
            return done(cpu(address).memory().store(address, 8, value));
        }

        int add(long address, long delta) {
            return done(cpu(address).memory().getAndAdd(address, 8, delta));
        }

        long value() {
            return cpus.get().memory().value();
        }

        /** Pins a page; returns null if that fails. */
        @Nullable
        PinnedFrame pin(long address, int access) {
            PinnedFrame pinned = cpu(address).memory().pin(address, access);
            fault = done(cpus.get().memory().fault());
            return pinned;
        }

        /** Returns why the last pin failed; NONE if it succeeded. */
        int fault() {
            return fault;
        }
    }

    /** Returns one thread's view of the space that all actors share. */
    View view() {
        return new View(space, 0xff);
    }

    /** Closes the calling thread's CPU. */
    void leave() {
        cpus.get().close();
        cpus.remove();
        flat.remove();
    }

    /** Returns a number that identifies the owner, the page and the time of the write. */
    static long stamp(int owner, int page, long sequence) {
        return STAMP | ((long) owner << 44) | ((long) page << 32) | sequence;
    }

    static long sequence(long stamp) {
        return stamp & 0xffff_ffffL;
    }

    static boolean isOf(long stamp, int owner, int page) {
        return stamp >>> 32 == stamp(owner, page, 0) >>> 32;
    }

    static String say(long content) {
        return content == POISON
                ? "poison"
                : content >>> 52 == STAMP >>> 52
                        ? "stamp " + sequence(content) + " of page " + ((content >>> 32) & 0xfff) + " of "
                                + ((content >>> 44) & 0xff)
                        : "0x" + Long.toHexString(content);
    }
}
