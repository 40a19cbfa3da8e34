// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;

/**
 * A thread makes calls in GUEST while operations wait for its CPU. Each call must return immediately or be rejected,
 * because a call that waits would wait for an operation that waits for this CPU. The group has its own machine, which
 * often reaches its limit of grace periods.
 */
final class GuestCallScenario implements Group {
    private static final long MEMORY = 1 << 22;
    private static final int BOUND = 2;
    private static final long PAGE = PageModel.PAGE;

    /** The page that the CPU uses while other threads map over it, and pages that only calls from GUEST use. */
    private static final long USED = 0x70_0000_0000L;

    private static final long OTHERS = USED + (1L << 30);
    private static final int ANONYMOUS = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int SPINS = 4000;

    private final Scene scene;
    private final Machine machine;
    private final AddressSpace space;

    /** Calls that are always rejected in GUEST. */
    private final List<Map.Entry<String, Runnable>> refused;

    /** Calls that are rejected in GUEST if they would have to wait, and otherwise return a result. */
    private final List<Map.Entry<String, Runnable>> refusedToWait;

    GuestCallScenario(Scene scene, MachineBuilder description) {
        this.scene = scene;
        machine = description.memory(MEMORY).boundGracePeriods(BOUND, false).build();
        space = machine.newSpace(Geometry.LINUX_X86_64);
        space.addNotifier((start, end, reason) -> scene.pauses().maybe());
        map();
        refused = List.of(
                Map.entry("mmap", () -> space.mmap(OTHERS, PAGE, READ, ANONYMOUS, null, 0)),
                Map.entry("munmap", () -> space.munmap(OTHERS, PAGE)),
                Map.entry("mprotect", () -> space.mprotect(USED, PAGE, READ)),
                Map.entry("madvise", () -> space.madvise(USED, PAGE, Mman.DONTNEED)),
                Map.entry("mlock", () -> space.mlock(USED, PAGE)),
                Map.entry("collectDirty", () -> space.collectDirty(USED, PAGE, page -> {})),
                Map.entry("watch", () -> space.watch(USED, PAGE, (start, size) -> {})),
                Map.entry("fork", space::fork));
        refusedToWait = List.of(
                Map.entry("resolve", () -> space.resolve(USED, READ)),
                Map.entry("resolve", () -> space.resolve(USED, READ)),
                Map.entry("resolve", () -> space.resolve(USED, READ)),
                Map.entry("munmapAsync", () -> begun(space.munmapAsync(OTHERS, PAGE))),
                Map.entry("mmapAsync", () -> begun(space.mmapAsync(OTHERS, PAGE, READ, ANONYMOUS, null, 0))),
                Map.entry("awaitQuiescence", this::awaitQuiescence));
    }

    /** Does not wait for an asynchronous call, which may complete only after this thread has left GUEST. */
    private static void begun(CompletableFuture<Long> call) {
        Objects.requireNonNull(call, "call");
    }

    private void awaitQuiescence() {
        try {
            machine.awaitQuiescence();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void map() {
        space.mmap(USED, PAGE, READ | WRITE, ANONYMOUS, null, 0);
    }

    /** Maps over the page that the CPU uses, synchronously and asynchronously. */
    void changes(Random random) {
        while (scene.course().goesOn()) {
            switch (random.nextInt(3)) {
                case 0 ->
                    space.mmapAsync(USED, PAGE, READ | WRITE, ANONYMOUS, null, 0)
                            .join();
                case 1 -> space.madvise(USED, PAGE, Mman.DONTNEED);
                default -> map();
            }
            LockSupport.parkNanos(this, random.nextInt(SPINS));
        }
    }

    /** Uses the page in GUEST, spins so that operations can start to wait for this CPU, and makes a call. */
    void calls(Random random) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            while (scene.course().goesOn()) {
                cpu.enterGuest();
                try {
                    cpu.memory().store(USED, Long.BYTES, 1);
                    for (int n = random.nextInt(SPINS); n > 0; n--) {
                        Thread.onSpinWait();
                    }
                    boolean always = random.nextInt(4) == 0;
                    List<Map.Entry<String, Runnable>> calls = always ? refused : refusedToWait;
                    call(calls.get(random.nextInt(calls.size())), always);
                } finally {
                    cpu.leaveGuest();
                }
                LockSupport.parkNanos(this, random.nextInt(SPINS));
            }
            cpu.switchTo(null);
        }
    }

    private void call(Map.Entry<String, Runnable> call, boolean always) {
        try {
            call.getValue().run();
        } catch (IllegalStateException expected) {
            scene.rules().refused.held();
            return;
        }
        if (always) {
            scene.rules().refused.broken(call.getKey() + " is not refused in GUEST");
        } else {
            scene.rules().refused.held();
        }
    }

    @Override
    public void rest() {}

    @Override
    public void end() throws InterruptedException {
        space.close();
        machine.awaitQuiescence();
        long frames = machine.statistics().framesInUse();
        if (frames != 0) {
            scene.rules().left.broken(frames + " frames of the machine that is called from GUEST are in use");
        }
    }

    @Override
    public void join(Crew crew) {
        crew.add("over-guest", this::changes);
        crew.add("from-guest", this::calls);
    }

    @Override
    public List<AddressSpace> spaces() {
        return List.of();
    }

    @Override
    public List<Invariant> rules() {
        return List.of(scene.rules().refused);
    }
}
