// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.history;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.layout.ReadersBesideAWriterTest;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Historical bugs that needed two threads. {@link ReadersBesideAWriterTest} covers lookups concurrent with a writer (1,
 * 17, 25).
 *
 * <p>The other bugs of this kind cannot occur in this library. 18: a VMA is complete before it is published, because
 * its fields are final. 19: a merge is decided under the lock that guards all changes of its VMAs. 20: no cursor
 * outlives the call that created it. 21, 22 and 33: a VMA is never reused for another range or space, and stays valid
 * as long as a thread reads it. 26: no validation depends on a counter that could wrap. 27: a lookup holds no lock for
 * which a writer could wait. 31: {@code mremap} moves pages one by one, each under the lock of its leaf, and moves no
 * table. 32: a change holds the layout lock or the lock of one district, and a join of districts acquires all their
 * locks, so no other set of locks exists that could be acquired incompletely.
 */
final class RacingCallsTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int STACK = FIXED | Mman.GROWSDOWN;
    private static final int MOVE = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    private static long page(long number) {
        return PLACE + number * PAGE;
    }

    private static void map(AddressSpace space, long first, long pages, int protection) {
        assertEquals(page(first), space.mmap(page(first), pages * PAGE, protection, FIXED, null, 0));
    }

    /**
     * Runs readers repeatedly and concurrently with a writer; each reader runs at least once before and once after the
     * writer.
     */
    private static void beside(Runnable writer, Runnable... readers) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(readers.length);
        AtomicBoolean over = new AtomicBoolean();
        CountDownLatch reading = new CountDownLatch(readers.length);
        List<Future<?>> results = new ArrayList<>();
        try {
            for (Runnable reader : readers) {
                results.add(threads.submit(() -> {
                    try {
                        reader.run();
                    } finally {
                        reading.countDown();
                    }
                    while (!over.get()) {
                        reader.run();
                    }
                    reader.run();
                }));
            }
            reading.await();
            writer.run();
        } finally {
            over.set(true);
            threads.shutdown();
        }
        for (Future<?> result : results) {
            result.get();
        }
    }

    @Test
    @DisplayName("16: a fork copied what another thread was just changing")
    void childHasTheLayoutOfOneInstant() throws Exception {
        AddressSpace space = Machine.builder().build().newSpace(LINUX);
        map(space, 0, 2, RW);
        map(space, 40, 1, Mman.READ);
        beside(
                () -> {
                    for (int i = 0; i < 3000; i++) {
                        assertEquals(page(20), space.mremap(page(0), 2 * PAGE, 2 * PAGE, MOVE, page(20)));
                        assertEquals(page(0), space.mremap(page(20), 2 * PAGE, 2 * PAGE, MOVE, page(0)));
                    }
                },
                () -> {
                    try (AddressSpace child = space.fork()) {
                        child.validate();
                        assertEquals(3, child.usage().total());
                        List<Vma> copied = child.snapshot().vmas();
                        assertEquals(2, copied.size());
                        assertEquals(2 * PAGE, copied.get(0).length());
                    }
                });
        space.validate();
    }

    @Test
    @DisplayName("23 (CVE-2020-29369): a stack grew into a range that was being unmapped")
    void stackThatGrowsBesideAnUnmapLosesNothing() throws Exception {
        Machine machine = Machine.builder().stackGuardGap(0).build();
        ExecutorService other = Executors.newSingleThreadExecutor();
        try {
            for (int round = 0; round < 1000; round++) {
                try (AddressSpace space = machine.newSpace(LINUX)) {
                    assertEquals(page(8), space.mmap(page(8), 2 * PAGE, RW, STACK, null, 0));
                    map(space, 0, 8, Mman.READ);
                    CyclicBarrier together = new CyclicBarrier(2);
                    Future<Long> unmapped = other.submit(() -> {
                        together.await();
                        return space.munmap(page(0), 8 * PAGE);
                    });
                    together.await();
                    assertEquals(0, space.growStack(page(4)));
                    assertEquals(0, unmapped.get());
                    // A touch before the unmap finds the mapping; a touch after the unmap makes the stack grow.
                    List<Vma> left = space.snapshot().vmas();
                    assertEquals(1, left.size());
                    long start = left.get(0).start();
                    assertTrue(
                            start == page(4) || start == page(8), () -> "stack begins at " + Long.toHexString(start));
                    assertEquals(page(10), left.get(0).end());
                    assertEquals((page(10) - start) / PAGE, space.usage().stack());
                    space.validate();
                }
            }
        } finally {
            other.shutdown();
        }
    }

    @Test
    @DisplayName("23, 34: a stack grew while its gap was being given to another mapping")
    void gapIsKeptBetweenAStackThatGrowsAndMappingsBelowIt() throws Exception {
        long gap = 16;
        AddressSpace space = Machine.builder().stackGuardGap(gap).build().newSpace(LINUX);
        assertEquals(page(1999), space.mmap(page(1999), PAGE, RW, STACK, null, 0));
        int hinted = Mman.PRIVATE | Mman.ANONYMOUS;
        beside(
                () -> {
                    for (long i = 1998; i > 0; i--) {
                        // The growth is refused near the other mapping, and below it.
                        long grown = space.growStack(page(i));
                        assertTrue(
                                grown == 0 || grown == Errno.ENOMEM.result() || grown == Errno.EFAULT.result(),
                                () -> "result " + grown);
                    }
                },
                () -> {
                    Vma stack = space.find(page(1999));
                    assertNotNull(stack);
                    long hint = stack.start() - (gap + 2) * PAGE;
                    long mapped = space.mmap(hint, PAGE, RW, hinted, null, 0);
                    List<Vma> vmas = space.snapshot().vmas();
                    for (int i = 1; i < vmas.size(); i++) {
                        if (vmas.get(i).has(VmaFlags.GROWSDOWN)) {
                            long end = vmas.get(i - 1).end();
                            assertTrue(vmas.get(i).start() - end >= gap * PAGE, vmas::toString);
                        }
                    }
                    assertEquals(0, space.munmap(mapped, PAGE));
                });
        assertEquals(0, space.growStack(page(0)));
        assertEquals(
                List.of(page(0)),
                space.snapshot().vmas().stream().map(Vma::start).toList());
        assertEquals(2000, space.usage().stack());
        space.validate();
    }
}
