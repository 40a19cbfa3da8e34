// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.KernelTable;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.SharedSegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Compares {@code SHM_LOCK} and {@code SHM_UNLOCK} with the answers of a live kernel ({@code kernel/shm_lock.table}).
 */
@DisplayName("System V segments can be locked")
final class ShmLockTest {
    private static final KernelTable KERNEL = new KernelTable("shm_lock.table");
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = CallArguments.PAGE;

    /** So many rounds that a lock that two threads could charge concurrently would fail in every run. */
    private static final int ROUNDS = 20_000;

    private static final long[] SIZES = {PAGE, 2 * PAGE + 100, 4 * PAGE};

    /** Three segments, and the space of a process, which may continue in a child. */
    private static final class Scene {
        final Machine machine = Machine.builder().memory(1 << 22).build();
        final List<SharedSegment> segments = new ArrayList<>();
        final long[] attached = new long[SIZES.length];
        AddressSpace space = machine.newSpace(LINUX);

        Scene(boolean hasMemory) {
            for (int i = 0; i < SIZES.length; i++) {
                segments.add(new SharedSegment(
                        i, 0, SIZES[i], hasMemory ? machine.newPageCache(LINUX, LINUX.roundUp(SIZES[i])) : null));
            }
            space.grant(Capability.IPC_LOCK);
            space.setLimit(Resource.MEMLOCK, 8 << 20);
            assertEquals(
                    CallArguments.PLACE,
                    space.mmap(CallArguments.PLACE, 64 * PAGE, CallArguments.RW, CallArguments.ANON, null, 0));
        }

        private @Nullable SharedSegment segment(String word) {
            int index = index(word);
            return index < segments.size() ? segments.get(index) : null;
        }

        private static int index(String word) {
            return word.charAt(1) - 'a';
        }

        private SharedSegment there(String word) {
            return segments.get(index(word));
        }

        /** Performs a word of a row, and returns its result, if the word has one. */
        LongStream run(String word) {
            switch (word.charAt(0)) {
                case 'M' -> space.setLimit(Resource.MEMLOCK, Long.parseLong(word.substring(1)));
                case '-' -> space.drop(Capability.IPC_LOCK);
                case '+' -> space.grant(Capability.IPC_LOCK);
                case 'F' -> space = space.fork();
                default -> {
                    return LongStream.of(answer(word));
                }
            }
            return LongStream.empty();
        }

        private long answer(String word) {
            return switch (word.charAt(0)) {
                case 'L' -> space.shmLock(segment(word));
                case 'U' -> space.shmUnlock(segment(word));
                case 'R' -> {
                    there(word).removeWhenDetached();
                    yield 0;
                }
                case 'A' -> {
                    attached[index(word)] = space.shmat(there(word), 0, 0);
                    yield attached[index(word)];
                }
                case 'D' -> space.shmdt(attached[index(word)]);
                case 'S' ->
                    there(word).isRemoved()
                            ? Errno.EINVAL.result()
                            : there(word).isLocked() ? 1 : 0;
                case 'P' -> space.madvise(attached[index(word)], PAGE, Mman.PAGEOUT);
                case 'k' -> space.mlock(CallArguments.PLACE, Long.parseLong(word.substring(1)) * PAGE);
                default -> throw new AssertionError(word);
            };
        }
    }

    private static List<DynamicTest> tests(boolean hasMemory) {
        return KERNEL.tests("run", words -> {
            Scene scene = new Scene(hasMemory);
            String answers = KernelTable.answers(
                    List.of(words).stream().flatMapToLong(scene::run).toArray());
            long locked = 0;
            for (int i = 0; i < SIZES.length; i++) {
                locked += scene.segments.get(i).isLocked() ? LINUX.roundUp(SIZES[i]) : 0;
            }
            assertEquals(locked, scene.machine.lockedSegments(), "what is charged is what is locked");
            return answers;
        });
    }

    @TestFactory
    @DisplayName("the rows of the kernel, with segments that have memory")
    List<DynamicTest> kernel() {
        return tests(true);
    }

    @TestFactory
    @DisplayName("the rows of the kernel in which nothing is attached, with segments that have none")
    List<DynamicTest> kernelWithoutMemory() {
        return tests(false).stream()
                .filter(row -> !row.getDisplayName().contains(" A"))
                .toList();
    }

    @Test
    @DisplayName("remove unlocks at once, and the segment is not locked again")
    void remove() {
        Scene scene = new Scene(true);
        SharedSegment segment = scene.segments.get(2);
        assertFalse(Errno.isError(scene.space.shmat(segment, 0, 0)));
        assertEquals(0, scene.space.shmLock(segment));
        assertEquals(4 * PAGE, scene.machine.lockedSegments());
        segment.remove();
        assertFalse(segment.isLocked());
        assertEquals(0, scene.machine.lockedSegments());
        assertEquals(Errno.EINVAL.result(), scene.space.shmLock(segment));
        assertEquals(Errno.EINVAL.result(), scene.space.shmUnlock(segment));
    }

    @Test
    @DisplayName("without a limit each size may be locked; one that does not fit beside others is ENOMEM")
    void withoutLimit() {
        AddressSpace space = Machine.builder().build().newSpace(LINUX);
        space.setLimit(Resource.MEMLOCK, -1);
        SharedSegment huge = new SharedSegment(1, 0, Long.MAX_VALUE);
        SharedSegment other = new SharedSegment(2, 0, Long.MAX_VALUE);
        SharedSegment third = new SharedSegment(3, 0, PAGE);
        assertEquals(0, space.shmLock(huge));
        assertEquals(Errno.ENOMEM.result(), space.shmLock(other), "2^64 bytes");
        assertEquals(0, space.shmLock(third));
        assertEquals(0, space.shmUnlock(huge));
        assertEquals(0, space.shmLock(other));
        assertTrue(third.isLocked());
    }

    @Test
    @DisplayName("the segments of a machine count together, whichever space locks and unlocks them; machines do not")
    void spaces() {
        Scene scene = new Scene(true);
        AddressSpace other = scene.machine.newSpace(LINUX);
        other.setLimit(Resource.MEMLOCK, PAGE);
        AddressSpace elsewhere = Machine.builder().build().newSpace(LINUX);
        elsewhere.setLimit(Resource.MEMLOCK, PAGE);
        assertEquals(0, scene.space.shmLock(scene.segments.get(2)));
        assertEquals(Errno.ENOMEM.result(), other.shmLock(scene.segments.get(0)));
        assertEquals(0, elsewhere.shmLock(scene.segments.get(0)));
        assertEquals(0, other.shmUnlock(scene.segments.get(0)), "charged to the machine that has locked it");
        assertEquals(0, elsewhere.machine().lockedSegments());
        assertEquals(0, other.shmUnlock(scene.segments.get(2)));
        assertEquals(0, other.shmLock(scene.segments.get(0)));
        assertEquals(0, scene.space.usage().locked(), "no page of the space is locked");
    }

    @Test
    @DisplayName("a lock stays when its space has ended")
    void end() {
        Scene scene = new Scene(true);
        assertEquals(0, scene.space.shmLock(scene.segments.get(0)));
        scene.space.close();
        assertEquals(Errno.ESRCH.result(), scene.space.shmLock(null));
        assertEquals(Errno.ESRCH.result(), scene.space.shmUnlock(null));
        assertEquals(PAGE, scene.machine.lockedSegments());
    }

    @Test
    @DisplayName("two locks of one segment by two spaces both succeed where the limit allows one")
    void twoLocks() throws Exception {
        Machine machine = Machine.builder().build();
        SharedSegment segment = new SharedSegment(1, 0, PAGE);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            List<Future<Long>> refused = new ArrayList<>();
            AtomicInteger arrived = new AtomicInteger();
            for (int thread = 0; thread < 2; thread++) {
                AddressSpace space = machine.newSpace(LINUX);
                space.setLimit(Resource.MEMLOCK, PAGE);
                refused.add(threads.submit(() -> {
                    long failures = 0;
                    for (int round = 0; round < ROUNDS; round++) {
                        meet(arrived, 4 * round + 2);
                        failures += space.shmLock(segment) == 0 ? 0 : 1;
                        meet(arrived, 4 * round + 4);
                        space.shmUnlock(segment);
                    }
                    return failures;
                }));
            }
            for (Future<Long> failures : refused) {
                assertEquals(0, failures.get());
            }
            assertEquals(0, machine.lockedSegments());
        } finally {
            threads.shutdownNow();
        }
    }

    /**
     * Waits for the other thread, unless the test has ended; on two processors, both threads leave within a few cycles.
     */
    private static void meet(AtomicInteger arrived, int both) {
        arrived.incrementAndGet();
        Thread self = Thread.currentThread();
        Await.until("both are here", () -> arrived.get() >= both || self.isInterrupted());
    }

    @Test
    @DisplayName("a removal beside locks of a segment leaves nothing charged")
    void beside() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        CyclicBarrier start = new CyclicBarrier(3);
        try {
            for (int round = 0; round < 2000; round++) {
                Machine machine = Machine.builder().build();
                SharedSegment segment = new SharedSegment(1, 0, PAGE);
                List<Future<Long>> locked = new ArrayList<>();
                for (int thread = 0; thread < 2; thread++) {
                    AddressSpace space = machine.newSpace(LINUX);
                    locked.add(threads.submit(() -> {
                        start.await();
                        return space.shmLock(segment);
                    }));
                }
                start.await();
                segment.removeWhenDetached();
                for (Future<Long> result : locked) {
                    long answer = result.get();
                    assertTrue(answer == 0 || answer == Errno.EINVAL.result(), () -> "answer " + answer);
                }
                assertEquals(0, machine.lockedSegments());
            }
        } finally {
            threads.shutdownNow();
        }
    }
}
