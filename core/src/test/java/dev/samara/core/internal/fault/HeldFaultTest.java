// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Machine;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.concurrent.Future;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A fault that has decided, and is not at the lock of the leaf yet")
final class HeldFaultTest {
    /** The first address of a leaf. */
    private static final long AT = 1L << 30;

    /** The number of pages in a leaf. */
    private static final int LEAF = 512;

    /**
     * Makes the first store to the mapping of a whole leaf wait where it fills a frame, after it found its mapping.
     * Returns the store's fault.
     *
     * @param read a page that maps the zero page before the store, or -1; with 0, the store copies that page
     */
    private static int storeBeside(long read, ToLongFunction<SpaceFixture> call) {
        HookedFrames[] made = new HookedFrames[1];
        // The only frame besides the zero page was written to, so it is filled before it is reused.
        SpaceFixture small = new SpaceFixture(Machine.builder().memory(PAGE).frameStore((shift, count) -> {
            made[0] = new HookedFrames(shift, count);
            return made[0];
        }));
        small.map(AT, 1, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0);
        small.store(AT, 7);
        assertEquals(0, small.space.munmap(AT, PAGE));
        small.map(AT, LEAF, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0);
        if (read >= 0) {
            assertEquals(0, small.load(AT + read * PAGE));
        }
        HookedFrames.Hold hold = made[0].holdNextFill();
        int fault;
        try (OtherCpu other = new OtherCpu(small.space)) {
            Future<Integer> stored = other.submit(cpu -> cpu.memory().store(AT, 8, 8));
            Latches.await(hold.reached);
            // Only the zero page may be mapped, so the call does not wait for the fault.
            assertEquals(0, call.applyAsLong(small));
            hold.released.countDown();
            fault = Await.result("store", stored, small.reports);
        }
        small.closeEmpty();
        return fault;
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, 0})
    @DisplayName("P1: installs no page in a mapping that is gone meanwhile")
    void unmappedMeanwhile(long read) {
        assertFault(Fault.MAPERR, storeBeside(read, of -> of.space.munmap(AT, PAGE)));
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, 0})
    @DisplayName("installs no page that may be written in a mapping that may not be written meanwhile")
    void narrowedMeanwhile(long read) {
        assertFault(Fault.ACCERR, storeBeside(read, of -> of.space.mprotect(AT, PAGE, SpaceFixture.READ)));
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, 0, 1})
    @DisplayName("I8: installs no page in a leaf that was unhooked when all of its pages were discarded meanwhile")
    void unhookedMeanwhile(long read) {
        assertFault(Fault.NONE, storeBeside(read, of -> of.space.madvise(AT, LEAF * PAGE, Mman.DONTNEED)));
    }
}
