// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;

/**
 * A space in which a fork is in flight at nearly every instant, concurrently with slow operations. If a fork or
 * operation kept another one reachable, all of them would stay reachable as long as the youngest mapping exists.
 */
final class ForkChainScenario implements Group {
    private static final int PAGES = 4;
    private static final long BYTES = PAGES * PageModel.PAGE;
    private static final long BASE = 0x90_0000_0000L;
    private static final long APART = 1L << 30;
    private static final int MAPPINGS = 3;

    private final AddressSpace space;
    private final Scene scene;

    ForkChainScenario(Scene scene) {
        this.scene = scene;
        space = scene.machine().newSpace(Geometry.LINUX_X86_64);
        space.addNotifier((start, end, reason) -> scene.pauses().maybe());
        try (Cpu cpu = scene.machine().claimCpu()) {
            cpu.switchTo(space);
            for (int n = 0; n < MAPPINGS; n++) {
                long at = BASE + n * APART;
                int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
                done(space.mmap(at, BYTES, READ | WRITE, flags, null, 0));
                cpu.memory().store(at, Long.BYTES, n);
            }
            cpu.switchTo(null);
        }
    }

    private static void done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("a change beside forks fails with " + Errno.of(result));
        }
    }

    /** Removes the write right of a mapping, and restores it. */
    void changes(int mapping) {
        long at = BASE + mapping * APART;
        while (scene.course().goesOn()) {
            done(space.mprotect(at, BYTES, READ));
            done(space.mprotect(at, BYTES, READ | WRITE));
        }
    }

    /** Forks without a pause. With two such threads there is hardly an instant without a fork. */
    void forks() {
        while (scene.course().goesOn()) {
            space.fork().close();
        }
    }

    /** Stores into each mapping, so that no child shares one of its pages. */
    @Override
    public void rest() {
        try (Cpu cpu = scene.machine().claimCpu()) {
            cpu.switchTo(space);
            for (int n = 0; n < MAPPINGS; n++) {
                cpu.memory().store(BASE + n * APART, Long.BYTES, n);
            }
            cpu.switchTo(null);
        }
    }

    @Override
    public void join(Crew crew) {
        crew.add("changer-1", random -> changes(0));
        crew.add("changer-2", random -> changes(1));
        crew.add("chain-forker-1", random -> forks());
        crew.add("chain-forker-2", random -> forks());
    }

    @Override
    public List<AddressSpace> spaces() {
        return List.of(space);
    }

    @Override
    public List<Invariant> rules() {
        return List.of();
    }
}
