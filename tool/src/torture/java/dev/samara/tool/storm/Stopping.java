// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/** A CPU that uses translations of a space, and from time to time stops in GUEST for ten seconds. */
final class Stopping {
    private static final long SECOND_NANOS = 1_000_000_000;
    private static final long STOP_NANOS = 10 * SECOND_NANOS;
    private static final long SHORTEST_PAUSE_NANOS = 20 * SECOND_NANOS;

    private final Scene scene;
    private final AddressSpace space;
    private final PageModel plot;

    Stopping(Scene scene, AddressSpace space, PageModel plot) {
        this.scene = scene;
        this.space = space;
        this.plot = plot;
    }

    void stops(Random random) {
        try (Cpu cpu = scene.machine().claimCpu()) {
            cpu.switchTo(space);
            while (scene.course().goesOn()) {
                cpu.enterGuest();
                scene.course().stopsCpu();
                try {
                    for (int page = 0; page < plot.pages(); page++) {
                        cpu.memory().load(plot.address(page), Long.BYTES);
                    }
                    sleep(STOP_NANOS, false);
                } finally {
                    cpu.leaveGuest();
                    scene.course().resumesCpu();
                }
                sleep(SHORTEST_PAUSE_NANOS + (long) (random.nextDouble() * SHORTEST_PAUSE_NANOS), true);
            }
            cpu.switchTo(null);
        }
    }

    /** Parks for a number of nanoseconds, or until the storm is over. */
    private void sleep(long nanos, boolean isProgress) {
        long until = System.nanoTime() + nanos;
        while (System.nanoTime() - until < 0 && !scene.course().isOver()) {
            LockSupport.parkNanos(this, SECOND_NANOS / 10);
            if (isProgress) {
                scene.course().goesOn();
            }
        }
    }
}
