// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.VmaRef;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** No call waits for a reference: each call here returns while the reference is held. */
final class ReferenceDelaysNothingTest {
    private static final long PAGE = 0x1000;
    private static final long GIGABYTE = 1L << 30;
    private static final long PLACE = 0x10_0000_0000L;
    private static final int READ = Mman.READ;
    private static final int FIXED = Mman.SHARED | Mman.FIXED;

    @Test
    @DisplayName(
            "a thread that blocks with a reference to a gigabyte delays neither a munmap at the other end nor one of"
                    + " its own page")
    void munmapGoesOn() throws Exception {
        Machine machine = Machine.builder().trackReferences(true).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        CountingBacking backing = new CountingBacking("/gigabyte", 1);
        assertEquals(PLACE, space.mmap(PLACE, GIGABYTE, READ, FIXED, backing, 0));
        CountDownLatch acquired = new CountDownLatch(1);
        CountDownLatch inputArrives = new CountDownLatch(1);
        ExecutorService pool = Executors.newSingleThreadExecutor();
        try {
            Future<?> reader = pool.submit(() -> {
                try (VmaRef reference = space.acquire(PLACE + 7)) {
                    assertNotNull(reference);
                    acquired.countDown();
                    inputArrives.await();
                    assertSame(backing, reference.vma().backing());
                    assertTrue(reference.vma().isDetached());
                }
                return null;
            });
            acquired.await();

            long last = PLACE + GIGABYTE - PAGE;
            assertEquals(0, space.munmap(last, PAGE));
            assertEquals(Fault.MAPERR, space.resolve(last, READ));
            assertEquals(Fault.NONE, space.resolve(last - 1, READ));

            assertEquals(0, space.munmap(PLACE, PAGE));
            assertEquals(Fault.MAPERR, space.resolve(PLACE + 7, READ));
            assertNull(space.acquire(PLACE + 7));
            assertEquals(PLACE, space.mmap(PLACE, PAGE, READ, FIXED | Mman.ANONYMOUS, null, 0), "used again");
            assertEquals(Fault.NONE, space.resolve(PLACE + 7, READ));

            assertEquals(0, space.munmap(PLACE, GIGABYTE));
            assertEquals(Fault.MAPERR, space.resolve(PLACE + GIGABYTE / 2, READ));
            space.validate();
            machine.awaitQuiescence();
            assertEquals(1, backing.stillOpen(), "held");
            assertEquals(1, machine.outstandingReferences().size());

            inputArrives.countDown();
            reader.get();
        } finally {
            pool.shutdown();
        }
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
        assertEquals(1, backing.opens());
        assertEquals(1, backing.closes());
    }

    @Test
    @DisplayName("nor does it delay a change of rights, a move, a replacement, a fork or the end of the space")
    void everythingGoesOn() throws InterruptedException {
        Machine machine = Machine.builder().build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        CountingBacking backing = new CountingBacking("/gigabyte", 1);
        assertEquals(PLACE, space.mmap(PLACE, GIGABYTE, READ, FIXED, backing, 0));
        try (VmaRef reference = space.acquire(PLACE)) {
            assertNotNull(reference);
            assertEquals(0, space.mprotect(PLACE, PAGE, Mman.NONE));
            assertEquals(Fault.ACCERR, space.resolve(PLACE, READ));
            assertEquals(0, space.mprotect(PLACE, PAGE, READ));
            long elsewhere = PLACE + 2 * GIGABYTE;
            assertEquals(elsewhere, space.mremap(PLACE, GIGABYTE, GIGABYTE, 3, elsewhere));
            assertEquals(Fault.MAPERR, space.resolve(PLACE, READ));
            assertEquals(elsewhere, space.mmap(elsewhere, PAGE, READ, FIXED | Mman.ANONYMOUS, null, 0));
            space.fork().close();
            space.close();
            machine.awaitQuiescence();
            assertTrue(reference.vma().isDetached());
            assertEquals(1, backing.stillOpen());
        }
        machine.awaitQuiescence();
        assertEquals(0, backing.stillOpen());
    }
}
