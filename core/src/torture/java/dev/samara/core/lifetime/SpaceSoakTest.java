// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.MachineInternals.layoutOf;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.SpaceReference;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.testing.Share;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Several threads create and close many spaces, one after another: 2,000 spaces, or 100,000 with {@code torture.model}.
 */
@ExtendWith(OneThread.class)
final class SpaceSoakTest {
    private static final int SPACES = Boolean.getBoolean("samara.torture")
            ? 100_000
            : Share.of("SpaceSoakTest", 4).steps(2_000);
    private static final int THREADS = 4;

    /** The number of spaces that fill the caches of the machine and of the JVM before the heap is measured. */
    private static final int FIRST = SPACES / 10;

    /** The heap growth that does not count as a leak: 100 bytes per space, and the normal variation of a JVM. */
    private static final long SLACK = (1 << 20) + 100L * SPACES;

    private static final long AT = 0x10_0000;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    private final SpaceFixture fixture = new SpaceFixture(1 << 10);
    private final Machine machine = fixture.machine;
    private final List<WeakReference<TlbContext>> contexts = new CopyOnWriteArrayList<>();

    /** Creates a space, uses it, leaves it in one of several ways, and closes it. */
    private void live(Cpu cpu, AddressSpace refuge, int number) {
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        assertEquals(AT, space.mmap(AT, SpaceFixture.PAGE, SpaceFixture.RW, FIXED, null, 0));
        PageTableRef held = space.hold();
        SpaceIdentity identity = space.grab();
        identity.attach(new byte[1_000]);
        cpu.switchTo(space);
        assertEquals(Fault.NONE, cpu.memory().store(AT, 8, number));
        if (number % 250 == 0) {
            contexts.add(new WeakReference<>(layoutOf(space).pages().context));
        }
        if (number % 5 == 0) {
            assertEquals(0, held.reap());
            assertEquals(Fault.ADRERR, cpu.memory().load(AT, 8));
        }
        switch (number % 4) {
            case 0 -> cpu.enterLazy();
            case 1 -> cpu.switchTo(null);
            case 2 -> cpu.switchTo(refuge);
            default -> {
                // The CPU is the last user, and leaves when it switches to the next space.
            }
        }
        space.close();
        if (number % 3 == 0) {
            AddressSpace got = held.tryGet();
            if (got != null) {
                got.close();
            }
        }
        held.close();
        identity.close();
    }

    private void run(int spaces) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            all.add(threads.submit(() -> {
                try (Cpu cpu = machine.claimCpu()) {
                    for (int number = 0; number < spaces / THREADS; number++) {
                        live(cpu, fixture.space, number);
                    }
                }
            }));
        }
        threads.shutdown();
        for (Future<?> each : all) {
            each.get();
        }
        machine.awaitQuiescence();
    }

    private static long heap() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    @Test
    @DisplayName(
            "spaces that are made, used, reaped, left and closed leave no frame, context, reference or heap in use")
    void spaces() throws Exception {
        run(FIRST);
        long heap = heap();
        long frames = fixture.frames();
        List<SpaceReference> references = machine.references();
        long committed = machine.committed();
        run(SPACES);
        assertEquals(frames, fixture.frames());
        assertEquals(references.size(), machine.references().size());
        assertEquals(committed, machine.committed());
        contexts.forEach(context -> Await.collected("a context", context));
        Await.until("the heap is as small as before", () -> heap() < heap + SLACK, fixture.reports);
        fixture.closeEmpty();
        machine.close();
        assertEquals(List.of(), fixture.reports);
    }
}
