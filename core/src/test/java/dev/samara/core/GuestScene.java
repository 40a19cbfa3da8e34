// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageWindow;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A CPU in GUEST on a thread of its own, which has written every page of a space, and calls of other threads that wait
 * for it. Every wait of this class is bounded and ends in an error with the stacks of the threads that are in the
 * library.
 */
final class GuestScene implements AutoCloseable {
    static final Geometry LINUX = Geometry.LINUX_X86_64;
    static final long PAGE = LINUX.pageSize();
    static final int RW = Protection.READ | Protection.WRITE;
    static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    /* Each in another slot of a TLB. */

    /** Replaced by a mapping that is in flight. */
    static final long REPLACED = 0x10_0000_0000L;

    /** Unmapped by a call that is in flight. */
    static final long UNMAPPED = 0x20_0000_1000L;

    /** No thread changes it. */
    static final long CALM = 0x30_0000_2000L;

    /** Shared pages of the file. */
    static final long OF_FILE = 0x40_0000_3000L;

    private static final long SECONDS = 60;

    /** A call, or several, for the CPU in GUEST. */
    enum Waiting {
        /** A mapping replaces another, and a range is being unmapped. */
        RANGES_IN_FLIGHT {
            @Override
            void begin(GuestScene scene) {
                scene.other(() -> scene.space.mmap(REPLACED, PAGE, RW, FIXED, null, 0));
                scene.other(() -> scene.space.munmap(UNMAPPED, PAGE));
            }
        },

        /** An asynchronous call has taken the only room behind grace periods. */
        GRACE_PERIODS_AT_THEIR_BOUND {
            @Override
            void begin(GuestScene scene) {
                scene.other(() -> scene.space.munmapAsync(UNMAPPED, PAGE).get());
            }
        },

        /** A fork copies the page tables. */
        FORK_COPYING {
            @Override
            void begin(GuestScene scene) {
                scene.other(() -> {
                    scene.space.fork().close();
                    return 0;
                });
            }
        };

        abstract void begin(GuestScene scene);
    }

    final Machine machine;
    final AddressSpace space;
    final MemoryFile file;
    private final Semaphore asked = new Semaphore(0);
    private final List<Future<?>> others = new ArrayList<>();
    private final ExecutorService thread = Executors.newSingleThreadExecutor(GuestScene::daemon);
    private final Cpu cpu;

    GuestScene() {
        this(Machine.builder());
    }

    GuestScene(MachineBuilder builder) {
        machine = builder.memory(1 << 20)
                .boundGracePeriods(1, false)
                .deliverShootdowns(new ShootdownDelivery() {
                    @Override
                    public void deliver(int number, Thread owner) {
                        asked.release();
                    }
                })
                .build();
        space = machine.newSpace(LINUX);
        file = machine.newFile("/file", 1, LINUX, PAGE);
        for (long at : new long[] {REPLACED, UNMAPPED, CALM}) {
            assertTrue(space.mmap(at, PAGE, RW, FIXED, null, 0) == at);
        }
        assertTrue(space.mmap(OF_FILE, PAGE, RW, MapFlags.SHARED | MapFlags.FIXED, file.open(), 0) == OF_FILE);
        cpu = result(thread.submit(machine::claimCpu));
        onCpu(of -> {
            of.switchTo(space);
            of.enterGuest();
            for (long at : new long[] {REPLACED, UNMAPPED, CALM, OF_FILE}) {
                of.memory().store(at, 8, at);
            }
            return of;
        });
    }

    private static Thread daemon(Runnable task) {
        Thread made = new Thread(task, "guest");
        made.setDaemon(true);
        return made;
    }

    /** Makes a call on the thread of the CPU. What it throws is thrown as it is. */
    <T> T onCpu(Function<Cpu, T> call) {
        return result(thread.submit(() -> call.apply(cpu)));
    }

    /**
     * Has the CPU leave GUEST, and makes a call within {@code rcuMapPages}, with another CPU of the thread. What it
     * throws is thrown as it is.
     */
    <T extends @Nullable Object> T inSection(Function<Cpu, T> call) {
        List<T> results = new ArrayList<>(1);
        PageCache cache = machine.newPageCache(LINUX, PAGE);
        CachedBacking asking = new CachedBacking("/asking", cache) {
            @Override
            public void rcuMapPages(PageWindow window) {
                if (results.isEmpty()) {
                    try (Cpu other = machine.claimCpu()) {
                        other.switchTo(space);
                        results.add(call.apply(other));
                    }
                }
            }

            @Override
            protected boolean read(long page, int frame, FrameStore store) {
                return true;
            }
        };
        long at = space.mmap(0, PAGE, Protection.READ, MapFlags.SHARED, asking, 0);
        assertTrue(at > 0);
        onCpu(of -> {
            of.leaveGuest();
            return of.memory().load(at, 8);
        });
        assertEquals(1, results.size(), "calls within the section");
        return results.get(0);
    }

    /** Begins calls on other threads; returns when each waits for the CPU. */
    void begin(Waiting what) {
        int before = others.size();
        what.begin(this);
        try {
            assertTrue(
                    asked.tryAcquire(others.size() - before, SECONDS, TimeUnit.SECONDS),
                    () -> what + " does not wait for the CPU\n" + stacks());
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private void other(Callable<?> call) {
        FutureTask<?> task = new FutureTask<>(call);
        Thread made = daemon(task);
        made.setName("other " + others.size());
        others.add(task);
        made.start();
    }

    /** Whether all calls that were begun still wait. */
    boolean areWaiting() {
        return others.stream().noneMatch(Future::isDone);
    }

    /** Whether a CPU is in GUEST; if so, it has acknowledged then. On its thread. */
    static boolean isInGuest(Cpu cpu) {
        try {
            cpu.poll();
            return true;
        } catch (IllegalStateException outside) {
            assertTrue(outside.toString().endsWith("is not in GUEST"), outside::toString);
            return false;
        }
    }

    private static <T> T result(Future<T> future) {
        try {
            return future.get(SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof RuntimeException thrown) {
                throw thrown;
            }
            throw new AssertionError(failed.getCause());
        } catch (TimeoutException late) {
            throw new AssertionError("not done in " + SECONDS + " s\n" + stacks(), late);
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private static String stacks() {
        StringBuilder text = new StringBuilder();
        Thread.getAllStackTraces().forEach((one, stack) -> {
            if (List.of(stack).toString().contains("dev.samara")) {
                text.append(one.getName()).append('\n');
                for (StackTraceElement frame : stack) {
                    text.append("    ").append(frame).append('\n');
                }
            }
        });
        return text.toString();
    }

    /** Takes the CPU out of GUEST; every other call must end then. */
    @Override
    public void close() {
        onCpu(of -> {
            if (isInGuest(of)) {
                of.leaveGuest();
            }
            of.close();
            return of;
        });
        others.forEach(GuestScene::result);
        thread.shutdown();
        space.close();
    }
}
