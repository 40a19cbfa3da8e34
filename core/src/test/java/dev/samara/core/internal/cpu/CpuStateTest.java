// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.memory.SmallMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The states of a CPU, as seen by other threads. */
final class CpuStateTest {
    private final Cpus cpus = new Cpus(LazyContext.Shootdown::new);
    private final Shootdowns shootdowns = SmallMemory.shootdowns(cpus, Long.MAX_VALUE, message -> {});
    private final CpuState cpu = OwnedCpu.claim(cpus, 1, () -> {});
    private final TlbContext context = new TlbContext();
    private final TlbContext another = new TlbContext();

    @AfterEach
    void offline() {
        cpus.release(cpu);
        assertEquals(0, context.cpus());
        assertEquals(0, another.cpus());
    }

    private void switchTo(TlbContext next) {
        cpu.depart();
        assertTrue(next.use());
        cpu.arrive(next);
    }

    /** Makes another thread shoot at this CPU in both contexts, without waiting for an acknowledgement. */
    private void shoot() throws InterruptedException {
        Thread shooter = new Thread(() -> {
            shootdowns.shoot(context, context.advance(), cpu.bit);
            shootdowns.shoot(another, another.advance(), cpu.bit);
        });
        shooter.start();
        shooter.join();
        assertEquals(0, shootdowns.targets());
    }

    @Test
    @DisplayName("the numbers of a cpumask are those whose bit it has, in ascending order")
    void numbers() {
        List<CpuState> many = new ArrayList<>(List.of(cpu));
        for (int number = 1; number < 200; number++) {
            many.add(OwnedCpu.claim(cpus, 1, () -> {}));
        }
        Random random = new Random(3);
        for (int round = 0; round < 200; round++) {
            long mask = round == 0 ? 0 : round == 1 ? -1 : random.nextLong() & Long.rotateLeft(random.nextLong(), 1);
            List<Integer> found = new ArrayList<>();
            for (int n = CpuState.next(mask, 0); n < many.size(); n = CpuState.next(mask, n + 1)) {
                found.add(n);
            }
            assertEquals(
                    many.stream()
                            .filter(each -> (each.bit & mask) != 0)
                            .map(state -> state.number)
                            .toList(),
                    found);
        }
        many.stream().skip(1).forEach(cpus::release);
    }

    @Test
    @DisplayName("no thread waits for a CPU that is not in GUEST, and only one between two spaces is asked")
    void whoIsAsked() throws InterruptedException {
        shoot();
        assertFalse(cpu.isPending(), "in the empty space");
        switchTo(context);
        shoot();
        assertFalse(cpu.isPending(), "in KERNEL");
        cpu.enterLazy();
        shoot();
        assertFalse(cpu.isPending(), "in LAZY");
        cpu.depart();
        assertEquals("SWITCHING", cpu.state());
        shoot();
        assertTrue(cpu.isPending());
        cpu.arrive(null);
        cpu.clearPending();
        shoot();
        assertFalse(cpu.isPending());
    }

    @Test
    @DisplayName("a LAZY CPU is no user, loses its own context only, and then has to switch as any other")
    void takenOff() {
        switchTo(context);
        cpu.enterLazy();
        assertEquals(0, context.cpus());
        assertNull(cpus.beginTeardown(another));
        assertTrue(cpu.leaveLazy(context));
        assertEquals(1, context.cpus());
        cpu.enterLazy();
        assertTrue(context.put());
        assertNull(cpus.beginTeardown(context));
        assertNull(cpu.lazyContext());
        assertFalse(cpu.leaveLazy(context));
        assertEquals(0, context.cpus());
    }

    @Test
    @DisplayName("a CPU that is not LAZY is not taken off, in KERNEL nor in GUEST")
    void notTakenOff() {
        switchTo(context);
        assertSame(cpu, cpus.beginTeardown(context));
        cpu.enterGuest(context.id);
        assertSame(cpu, cpus.beginTeardown(context));
        cpu.leaveGuest(context.id);
        assertEquals(1, context.cpus());
        cpu.depart();
        assertNull(cpus.beginTeardown(context));
        cpu.arrive(null);
    }
}
