// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.mman.Advice;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Readers beside a writer. The writer's calls are made once alone, so every layout that there can be is known; then
 * again beside readers, who must see these layouts and no others, in this order.
 */
@DisplayName("I6: what a reader sees beside a writer is the layout of one instant")
final class ConcurrentLookupTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int CALLS = TORTURE ? 100_000 : 3_000;
    private static final int READERS = 3;

    private static final long PAGE = 0x1000;

    /** Always mapped, and always being changed. */
    private static final long BUSY = 0x1000_0000L;

    private static final int BUSY_PAGES = 48;

    /** Comes and goes. */
    private static final long LOOSE = 0x2000_0000L;

    private static final int LOOSE_PAGES = 24;

    /** One of these two is mapped. */
    private static final long HERE = 0x3000_0000L;

    private static final long THERE = 0x7000_0000_0000L;

    /** Grows down, and is cut off again. */
    private static final long STACK = 0x5000_0000L;

    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final int[] RIGHTS = {
        Protection.READ, Protection.READ | Protection.WRITE, Protection.READ | Protection.EXEC
    };

    private static AddressSpace space() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(BUSY, BUSY_PAGES * PAGE, Protection.READ, FIXED, null, 0);
        space.throwing().mmap(HERE, 5 * PAGE, Protection.READ, FIXED, null, 0);
        space.throwing().mmap(STACK, 2 * PAGE, Protection.READ, FIXED | MapFlags.GROWSDOWN, null, 0);
        return space;
    }

    /** The writer's calls; each is one step, so it changes the layout at one instant. */
    private static List<Consumer<AddressSpace>> calls(long seed) {
        Random random = new Random(seed);
        List<Consumer<AddressSpace>> calls = new ArrayList<>();
        boolean here = true;
        for (int i = 0; i < CALLS; i++) {
            int rights = RIGHTS[random.nextInt(RIGHTS.length)];
            int first = random.nextInt(BUSY_PAGES);
            long busy = BUSY + first * PAGE;
            long busyLength = (1 + random.nextInt(BUSY_PAGES - first)) * PAGE;
            long loose = LOOSE + random.nextInt(LOOSE_PAGES) * PAGE;
            long length = (1 + random.nextInt(LOOSE_PAGES / 2)) * PAGE;
            int depth = 1 + random.nextInt(40);
            switch (random.nextInt(8)) {
                case 0 -> calls.add(space -> space.throwing().mmap(busy, busyLength, rights, FIXED, null, 0));
                case 1 -> {
                    int flags = MapFlags.SHARED | MapFlags.FIXED;
                    calls.add(space -> space.throwing().mmap(busy, busyLength, rights, flags, OpenFiles.A, busy));
                }
                case 2, 3 -> calls.add(space -> space.throwing().mprotect(busy, busyLength, rights));
                case 4 -> {
                    int advice = random.nextBoolean() ? Advice.DONTFORK : Advice.DOFORK;
                    calls.add(space -> space.throwing().madvise(busy, busyLength, advice));
                }
                case 5 -> {
                    calls.add(space -> space.throwing().mmap(loose, length, rights, FIXED, null, 0));
                    calls.add(space -> space.throwing().munmap(loose + PAGE, length));
                }
                case 6 -> {
                    calls.add(space -> space.throwing().growStack(STACK - depth * PAGE));
                    calls.add(space -> space.throwing().munmap(STACK - depth * PAGE, depth * PAGE));
                }
                default -> {
                    long from = here ? HERE : THERE;
                    long to = here ? THERE : HERE;
                    int flags = RemapFlags.MAYMOVE | RemapFlags.FIXED;
                    calls.add(space -> space.throwing().mremap(from, 5 * PAGE, 5 * PAGE, flags, to));
                    here = !here;
                }
            }
        }
        return calls;
    }

    /** What is mapped on each page of a VMA. */
    private static List<String> pages(Vma vma) {
        List<String> pages = new ArrayList<>();
        for (long page = 0; page < vma.length() / PAGE; page++) {
            pages.add(vma.start() / PAGE + page + ": " + (vma.pageOffset() + page) + ' ' + VmaFlags.format(vma.flags())
                    + ' ' + vma.backing());
        }
        return pages;
    }

    /** What is mapped where; equal neighbours may be joined late, so how it is cut does not matter. */
    private static String shape(List<Vma> vmas) {
        List<String> pages = new ArrayList<>();
        vmas.forEach(vma -> pages.addAll(pages(vma)));
        return pages.toString();
    }

    /** Everything that there is to see, in order. */
    private static final class History {
        final List<String> layouts = new ArrayList<>();
        final Set<String> pages = new HashSet<>();

        History(List<Consumer<AddressSpace>> calls) {
            AddressSpace space = space();
            add(space);
            for (Consumer<AddressSpace> call : calls) {
                call.accept(space);
                add(space);
            }
            space.validate();
        }

        private void add(AddressSpace space) {
            List<Vma> now = space.snapshot().vmas();
            layouts.add(shape(now));
            now.forEach(vma -> pages.addAll(pages(vma)));
        }

        /** Whether a VMA, or one of which it is a part until that is joined, was ever there. */
        boolean has(Vma vma) {
            return pages.containsAll(pages(vma));
        }

        /** Where a layout stands in this history, at or after a place. */
        int indexOf(String layout, int from) {
            for (int i = from; i < layouts.size(); i++) {
                if (layouts.get(i).equals(layout)) {
                    return i;
                }
            }
            throw new AssertionError("there was never, or not since layout " + from + ", a layout\n" + layout);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void snapshotsAndLookups(long seed) throws Exception {
        List<Consumer<AddressSpace>> calls = calls(seed);
        History history = new History(calls);
        AddressSpace space = space();
        AtomicBoolean done = new AtomicBoolean();
        CyclicBarrier start = new CyclicBarrier(READERS + 1);
        List<Callable<Integer>> tasks = new ArrayList<>();
        tasks.add(() -> {
            start.await();
            try {
                calls.forEach(call -> call.accept(space));
            } finally {
                done.set(true);
            }
            return 1;
        });
        for (int i = 0; i < READERS; i++) {
            Random random = new Random(seed * 31 + i);
            boolean wholeLayouts = i == 0;
            tasks.add(() -> {
                start.await();
                return wholeLayouts ? readLayouts(space, history, done) : readPages(space, history, done, random);
            });
        }
        for (int looks : inParallel(tasks)) {
            assertTrue(looks > 0);
        }
        assertEquals(
                history.layouts.get(history.layouts.size() - 1),
                shape(space.snapshot().vmas()));
        space.validate();
    }

    /** Takes snapshots until the writer is done, and once more. */
    private static int readLayouts(AddressSpace space, History history, AtomicBoolean done) {
        int reached = 0;
        int looks = 0;
        boolean last;
        do {
            last = done.get();
            LayoutSnapshot snapshot = space.snapshot();
            reached = history.indexOf(shape(snapshot.vmas()), reached);
            boolean here = snapshot.find(HERE) != null;
            assertEquals(!here, snapshot.find(THERE) != null, "what is moved is in one place");
            looks++;
        } while (!last);
        return looks;
    }

    /** Looks up single pages until the writer is done, and once more. */
    private static int readPages(AddressSpace space, History history, AtomicBoolean done, Random random) {
        int looks = 0;
        boolean last;
        do {
            last = done.get();
            long busy = BUSY + random.nextInt(BUSY_PAGES * (int) PAGE);
            Vma found = space.find(busy);
            assertTrue(found != null, "a hole where none ever was");
            check(history, found, busy);
            Vma stack = space.find(STACK);
            assertTrue(stack != null, "a stack that grows is always there");
            check(history, stack, STACK);
            long loose = LOOSE + random.nextInt(LOOSE_PAGES) * PAGE;
            check(history, space.find(loose), loose);
            long moving = random.nextBoolean() ? HERE : THERE;
            check(history, space.find(moving), moving);
            looks++;
        } while (!last);
        return looks;
    }

    private static void check(History history, @Nullable Vma found, long address) {
        if (found != null) {
            assertTrue(found.contains(address), () -> found + " does not hold " + Long.toHexString(address));
            assertTrue(history.has(found), () -> "there was never a mapping " + found);
        }
    }

    private static List<Integer> inParallel(List<Callable<Integer>> tasks) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(tasks.size());
        try {
            List<Integer> results = new ArrayList<>();
            for (Future<Integer> future : threads.invokeAll(tasks)) {
                results.add(future.get());
            }
            return results;
        } finally {
            threads.shutdownNow();
        }
    }
}
