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
 * The machine of the torture of memory. It has few frames, which are filled with a pattern when they are freed, and
 * which detect which thread accesses them. Also defines how its actors access memory: each access declares its page,
 * for the checks of {@link WatchedFrames}.
 */
final class TortureMachine {
    /** So few that some allocations find none, and a freed frame is allocated again at once. */
    private static final int FRAMES = 208;

    private static final long BASE = 0x10_0000_0000L;

    /** Far beyond any flush. */
    private static final long LONGEST_FLUSH_NANOS = 20_000_000_000L;

    /** Where the heap of the shared space begins. */
    static final long HEAP = 0x30_0000_0000L;

    private static final long STAMP = 0x5A3L << 52;
    private static final long POISON = 0xa5a5_a5a5_a5a5_a5a5L;

    /** The places of a page in which a stamp is. */
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
     * Returns how many page tables a closed space has left. A leaf with a pending flush of another operation goes
     * when that is done, for which this waits.
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

    /** Takes two places of so many pages, in one leaf table with those of others; before the actors start. */
    long[] area(int pages) {
        long first = BASE + areas * TortureSpace.PAGE;
        // A page between them, so that nothing is merged across.
        areas += 2 * (pages + 1);
        return new long[] {first, first + (pages + 1) * TortureSpace.PAGE};
    }

    /** Where the pages of all areas end. */
    long end() {
        return BASE + areas * TortureSpace.PAGE;
    }

    static long base() {
        return BASE;
    }

    /** The CPU of the calling thread. */
    Cpu cpu() {
        return cpus.get();
    }

    /** The calling thread has made an access; returns its result. */
    int done(int result) {
        frames().towards(0);
        if (result == Fault.OUT_OF_MEMORY) {
            refused.increment();
        }
        return result;
    }

    /** One space as one thread accesses it. */
    final class View {
        final AddressSpace of;
        private final long number;
        private long seen;
        private int fault;

        View(AddressSpace of) {
            this.of = of;
            this.number = 1 + spaces.getAndIncrement() % 200;
        }

        /** With the number that all views of a space must have in common. */
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

        /** Goes to GUEST, for many accesses; the thread waits for no other one until it has left. */
        void enterGuest() {
            cpu(0).enterGuest();
            events.count("stretches in GUEST");
        }

        void leaveGuest() {
            cpus.get().leaveGuest();
        }

        /** Leaves the space, of which the CPU is a user otherwise. */
        void leave() {
            Cpu cpu = cpus.get();
            if (cpu.space() == of) {
                cpu.switchTo(null);
            }
        }

        /** Has the CPU do without its space until the next access. */
        void enterLazy() {
            cpu(0).enterLazy();
            done(Fault.NONE);
            events.count("stretches in LAZY");
        }

        void poll() {
            cpus.get().poll();
        }

        /** Adds in one step. In GUEST, and aligned. */
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

        /** The number that the last addition in one step found. */
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

        /** Returns why the last pin has failed; NONE if it has not. */
        int fault() {
            return fault;
        }
    }

    /** The space that all actors share, for one thread. */
    View view() {
        return new View(space, 0xff);
    }

    /** Ends the calling thread's CPU. */
    void leave() {
        cpus.get().close();
        cpus.remove();
        flat.remove();
    }

    /** A number that says whose page it is, which one, and when it was written. */
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
