// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.ShootdownDelivery;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A CPU that does not acknowledge a shootdown in time")
final class LateCpuTest {
    /** So long that the running time of the test is negligible. */
    private static final long HOUR = TimeUnit.HOURS.toNanos(1);

    private final List<String> reports = new ArrayList<>();
    private final List<ShootdownDelivery.StalledCpu> kicks = new ArrayList<>();
    private final Cpus cpus = new Cpus(LazyContext.Shootdown::new);
    private final CpuState cpu = OwnedCpu.claim(cpus, 7, () -> {});
    private final TlbContext context = new TlbContext();
    private final Shootdowns late = new Shootdowns(
            cpus,
            HOUR,
            reports::add,
            new ShootdownDelivery() {
                @Override
                public void kick(ShootdownDelivery.StalledCpu stalled) {
                    kicks.add(stalled);
                }
            },
            thrown -> {},
            false);

    /** Checks a wait that started some hours ago, and returns the time of the next check. */
    private long check(double hours, long at) {
        return late.check(cpu, context, 1, System.nanoTime() - (long) (hours * HOUR), at);
    }

    @Test
    @DisplayName(
            "is reported at the second check that finds it late, since the first one may follow a pause of the JVM")
    void secondCheck() {
        assertEquals(HOUR, check(0.9, HOUR));
        long after = check(10, HOUR);
        assertTrue(after < 0, "the CPU has a quarter of the time more");
        assertEquals(after, check(10.2, after));
        assertEquals(List.of(), reports);
        assertEquals(List.of(), kicks);
        long kicked = check(10.3, after);
        assertEquals(1, reports.size());
        assertEquals(1, kicks.size());
        assertEquals(kicked, check(11.2, kicked));
        check(11.4, kicked);
        assertEquals(1, reports.size());
        assertEquals(2, kicks.size());
        cpus.release(cpu);
    }
}
