// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The pages of many mappings are gathered and flushed together, like those of one mapping. */
@ExtendWith(OneThread.class)
@DisplayName("The pages of many mappings are discarded with few shootdowns")
final class DiscardTogetherTest {
    private static final int MAPPINGS = 150;
    private static final long AT = 0x1_0000_0000L;

    private final SpaceFixture fixture = new SpaceFixture();

    @AfterEach
    void nothingIsLeft() {
        assertEquals(0, fixture.space.munmap(AT, 2 * MAPPINGS * PAGE));
        fixture.closeEmpty();
    }

    private void map(long step) {
        for (int i = 0; i < MAPPINGS; i++) {
            fixture.map(AT + i * step, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
            if (i % 2 == 0) {
                // Keeps neighbours from being merged.
                assertEquals(0, fixture.space.madvise(AT + i * step, PAGE, Mman.DONTDUMP));
            }
        }
    }

    /** Advises the range while a CPU is in GUEST that accessed all pages. Returns the number of shootdowns. */
    private long shootdowns(long step, int advice, long expected) throws Exception {
        AtomicBoolean stops = new AtomicBoolean();
        CountDownLatch isReady = new CountDownLatch(1);
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            Future<Integer> guest = other.submit(cpu -> {
                cpu.enterGuest();
                for (int i = 0; i < MAPPINGS; i++) {
                    assertEquals(Fault.NONE, cpu.memory().store(AT + i * step, 8, i));
                }
                isReady.countDown();
                while (!stops.get()) {
                    cpu.poll();
                    Awake.turn();
                }
                cpu.leaveGuest();
                return 0;
            });
            isReady.await();
            long before = fixture.space.statistics().shootdowns();
            try {
                assertEquals(expected, fixture.space.madvise(AT, MAPPINGS * step, advice));
            } finally {
                stops.set(true);
            }
            guest.get();
            return fixture.space.statistics().shootdowns() - before;
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {Mman.DONTNEED, Mman.GUARD_INSTALL})
    @DisplayName("of neighbours")
    void neighbours(int advice) throws Exception {
        map(PAGE);
        long count = shootdowns(PAGE, advice, 0);
        assertTrue(count >= 1 && count <= 2, () -> count + " shootdowns");
    }

    @ParameterizedTest
    @ValueSource(ints = {Mman.DONTNEED, Mman.GUARD_INSTALL})
    @DisplayName("of mappings with holes between them")
    void withHoles(int advice) throws Exception {
        map(2 * PAGE);
        long count = shootdowns(2 * PAGE, advice, -12);
        assertTrue(count >= 1 && count <= 2, () -> count + " shootdowns");
    }

    @Test
    @DisplayName("each page is discarded")
    void pagesAreGone() throws Exception {
        map(2 * PAGE);
        shootdowns(2 * PAGE, Mman.DONTNEED, -12);
        for (int i = 0; i < MAPPINGS; i++) {
            assertEquals(0, fixture.load(AT + 2 * PAGE * i));
        }
    }

    @Test
    @DisplayName("each page is guarded")
    void pagesAreGuarded() throws Exception {
        map(2 * PAGE);
        shootdowns(2 * PAGE, Mman.GUARD_INSTALL, -12);
        for (int i = 0; i < MAPPINGS; i++) {
            assertTrue(fixture.memory.load(AT + 2 * PAGE * i, 8) != Fault.NONE);
        }
    }
}
