// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.PollingCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("I2: a CPU that stays in GUEST and polls has no translation that a call has taken away")
final class StaleTranslationTest {
    private static final int ROUNDS = 50;

    private final SpaceFixture fixture = new SpaceFixture(Machine.builder()
            .memory(2048 * PAGE)
            .reportWaitsLongerThan(Await.LONG)
            .reportShootdownsLongerThan(Await.LONG));

    @Test
    @DisplayName("of a page that another CPU has copied for a write: that of zeros, or one that a child has")
    void copied() {
        long zeros = fixture.anonymous(1);
        long shared = fixture.anonymous(1);
        fixture.store(shared, 7);
        AddressSpace child = fixture.space.fork();
        try (PollingCpu other = PollingCpu.reading(fixture.space, zeros, shared)) {
            fixture.store(zeros, 8);
            fixture.store(shared, 9);
            assertEquals(8, other.loaded(zeros));
            assertEquals(9, other.loaded(shared));
        }
        child.close();
        fixture.close();
    }

    private void shoot(PollingCpu polling, long page) {
        for (int round = 0; round < ROUNDS; round++) {
            assertEquals(0, fixture.space.mprotect(page, PAGE, READ));
            assertFault(Fault.ACCERR, polling.store(page, round));
            assertEquals(0, fixture.space.mprotect(page, PAGE, RW));
            assertFault(Fault.NONE, polling.store(page, round));
        }
    }

    @Test
    @DisplayName("beside several threads that take rights away at once: none of their requests is lost")
    void severalShooters() {
        long[] at = {fixture.anonymous(1), fixture.map(1L << 30, 1, RW, SpaceFixture.ANONYMOUS, null, 0)};
        try (PollingCpu polling = PollingCpu.writing(fixture.space, at)) {
            List<FutureTask<?>> shooters = new ArrayList<>();
            for (long page : at) {
                FutureTask<?> shooter = new FutureTask<>(() -> shoot(polling, page), null);
                Thread thread = new Thread(shooter, "shooter of " + Long.toHexString(page));
                thread.setDaemon(true);
                thread.start();
                shooters.add(shooter);
            }
            shooters.forEach(shooter -> Await.result("a shooter", shooter, fixture.reports));
        }
        fixture.closeEmpty();
    }
}
