// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/**
 * A space with early reuse. One thread, the mover, moves pages away or unmaps them. Another thread, the squatter, maps
 * over the hole before that operation is complete, and a third thread forks concurrently. The moved pages must keep
 * their content, and the mapping over the hole must have its own content.
 */
final class EarlyReuseScenario implements Group {
    private static final int PAGES = 16;
    private static final long BYTES = PAGES * PageModel.PAGE;
    private static final long SOURCE = 0x50_0000_0000L;
    private static final long TARGET = SOURCE + (1L << 30);
    private static final int ANONYMOUS = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final long MINE = 0x1D_0000_0000_0000L;
    private static final long THEIRS = 0x2D_0000_0000_0000L;
    private static final long PAUSE_NANOS = 20_000;

    private final AddressSpace space;
    private final Scene scene;

    /**
     * The last round that the mover started, and the last round that the squatter finished.
     *
     * <p>Words: {@code begun}, {@code ended}.
     * Written: the mover, the squatter (volatile).
     * Read: the mover, the squatter (volatile).
     * Invariant: the squatter maps over the hole of round {@code begun}; the mover starts no other round before {@code
     *     ended} is equal to {@code begun}.
     */
    private volatile long begun;

    private volatile long ended;

    EarlyReuseScenario(Scene scene) {
        this.scene = scene;
        space = scene.machine().space(Geometry.LINUX_X86_64).earlyReuse(true).build();
        space.addNotifier((start, end, reason) -> scene.pauses().maybe());
    }

    private static void done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("a call beside early reuse fails with " + Errno.of(result));
        }
    }

    private static void map(AddressSpace space) {
        done(space.mmap(SOURCE, BYTES, READ | WRITE, ANONYMOUS | Mman.FIXED, null, 0));
    }

    private static void fill(Cpu cpu, long address, long stamp) {
        for (int page = 0; page < PAGES; page++) {
            int result = cpu.memory().store(address + page * PageModel.PAGE, Long.BYTES, stamp + page);
            if (result != Fault.NONE) {
                throw new IllegalStateException("a store beside early reuse gives " + Fault.toString(result));
            }
        }
    }

    private void compare(Cpu cpu, long address, long stamp, String what) {
        for (int page = 0; page < PAGES; page++) {
            GuestMemory memory = cpu.memory();
            int result = memory.load(address + page * PageModel.PAGE, Long.BYTES);
            if (result == Fault.NONE && memory.value() == stamp + page) {
                scene.rules().moved.held();
            } else {
                scene.rules()
                        .moved
                        .broken(what + ": page " + page + " gives " + Fault.toString(result) + " and 0x"
                                + Long.toHexString(memory.value()) + ", not 0x" + Long.toHexString(stamp + page));
            }
        }
    }

    /** Moves or unmaps pages, which leaves a hole for the squatter. */
    void moves(Random random) {
        try (Cpu cpu = scene.machine().claimCpu()) {
            cpu.switchTo(space);
            while (scene.course().goesOn()) {
                long round = begun + 1;
                map(space);
                fill(cpu, SOURCE, MINE + (round << 8));
                begun = round;
                boolean moves = random.nextInt(4) != 0;
                if (moves) {
                    done(space.mremap(SOURCE, BYTES, BYTES, Mman.MAYMOVE | Mman.MREMAP_FIXED, TARGET));
                    compare(cpu, TARGET, MINE + (round << 8), "the moved page");
                } else {
                    done(space.munmap(SOURCE, BYTES));
                }
                while (ended != round && !scene.course().isOver()) {
                    LockSupport.parkNanos(this, PAUSE_NANOS);
                }
                if (moves) {
                    compare(cpu, TARGET, MINE + (round << 8), "the moved page");
                }
            }
            cpu.switchTo(null);
        }
    }

    /** Maps over the hole as soon as it exists, at its address or at an address that the space chooses. */
    void squats(Random random) {
        try (Cpu cpu = scene.machine().claimCpu()) {
            cpu.switchTo(space);
            while (scene.course().goesOn()) {
                long round = begun;
                if (round == ended || space.find(SOURCE) != null) {
                    LockSupport.parkNanos(this, random.nextInt((int) PAUSE_NANOS));
                    continue;
                }
                if (random.nextInt(4) == 0) {
                    long found = space.mmap(SOURCE, BYTES, READ | WRITE, ANONYMOUS, null, 0);
                    done(found);
                    fill(cpu, found, THEIRS);
                    compare(cpu, found, THEIRS, "the page placed in the hole");
                    done(space.munmap(found, BYTES));
                }
                map(space);
                fill(cpu, SOURCE, THEIRS + (round << 8));
                compare(cpu, SOURCE, THEIRS + (round << 8), "the page mapped over the hole");
                ended = round;
            }
            cpu.switchTo(null);
        }
    }

    /** Forks, so that operations in flight wait for the copy. */
    void forks(Random random) {
        while (scene.course().goesOn()) {
            space.fork().close();
            LockSupport.parkNanos(this, random.nextInt(2_000_000));
        }
    }

    /** Unmaps everything. */
    @Override
    public void rest() {
        done(space.munmap(SOURCE, BYTES));
        done(space.munmap(TARGET, BYTES));
    }

    @Override
    public void join(Crew crew) {
        crew.add("mover", this::moves);
        crew.add("squatter", this::squats);
        crew.add("forker", this::forks);
    }

    @Override
    public List<AddressSpace> spaces() {
        return List.of(space);
    }

    @Override
    public List<Invariant> rules() {
        return List.of(scene.rules().moved);
    }
}
