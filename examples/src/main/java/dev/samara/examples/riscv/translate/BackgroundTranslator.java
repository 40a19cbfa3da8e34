// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.translate;

import dev.samara.examples.riscv.cpu.BlockCache;
import dev.samara.examples.riscv.cpu.CodeBlock;
import dev.samara.examples.riscv.cpu.CodeTranslator;
import dev.samara.examples.riscv.cpu.HotCode;
import dev.samara.examples.riscv.cpu.HotRegion;
import java.lang.invoke.MethodHandles;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Makes code in a thread of its own, while the guest is interpreted, and keeps it for all threads and processes: the
 * blocks of another process may be other ones at this address, so each cache compares before it takes the code.
 */
public final class BackgroundTranslator implements CodeTranslator {
    /** The compilers of HotSpot leave a method of more bytecode to its interpreter. */
    private static final int LARGEST = 8_000;

    /** The most regions, so that a guest that makes code does not fill the memory for classes. */
    private static final int MOST = 4_096;

    /** The most regions that begin at one address: of programs that are at the same one. */
    private static final int MOST_ALIKE = 4;

    private static final int MOST_WAITING = 64;
    private static final int RUNS_BEFORE = 3000;
    private static final int RUNS_BETWEEN = 500;

    private final boolean waits;
    private final Consumer<Throwable> failures;

    /** The regions that begin at an address, newest first. */
    private final Map<Long, List<HotRegion>> regions = new ConcurrentHashMap<>();

    /** The addresses of regions that are being made. */
    private final Set<Long> requested = ConcurrentHashMap.newKeySet();

    private final LongAdder made = new LongAdder();

    private final ThreadPoolExecutor worker =
            new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(MOST_WAITING), task -> {
                Thread thread = new Thread(task, "translator of the guest");
                thread.setDaemon(true);
                return thread;
            });

    /**
     * Makes a translator.
     *
     * @param waits whether a thread of the guest makes code itself, of each block that runs again: a test of the code
     * @param failures told of a region that could not be made
     */
    public BackgroundTranslator(boolean waits, Consumer<Throwable> failures) {
        this.waits = waits;
        this.failures = failures;
    }

    @Override
    public int runsBefore() {
        return waits ? 2 : RUNS_BEFORE;
    }

    @Override
    public int runsBetween() {
        return waits ? 1 : RUNS_BETWEEN;
    }

    @Override
    public void translate(CodeBlock hot, BlockCache blocks) {
        if (install(hot, blocks) || !InstructionWriter.isTranslated(hot, 0) || !requested.add(hot.start)) {
            return;
        }
        HotPlan plan = HotPlan.of(hot, blocks, runsBefore());
        if (waits) {
            make(plan);
            install(hot, blocks);
            return;
        }
        try {
            worker.execute(() -> make(plan));
        } catch (RejectedExecutionException full) {
            // The block asks again.
            requested.remove(hot.start);
        }
    }

    private boolean install(CodeBlock hot, BlockCache blocks) {
        for (HotRegion region : regions.getOrDefault(hot.start, List.of())) {
            if (blocks.install(region)) {
                return true;
            }
        }
        return false;
    }

    private void make(HotPlan plan) {
        try {
            HotPlan fitting = plan;
            HotCodeWriter written = HotCodeWriter.of(fitting);
            while (written.size() >= LARGEST) {
                fitting = fitting.shorter();
                written = HotCodeWriter.of(fitting);
            }
            keep(new HotRegion(load(written.file()), fitting.blocks()));
            made.increment();
        } catch (RuntimeException | LinkageError failed) {
            failures.accept(failed);
        } finally {
            requested.remove(plan.start());
        }
    }

    private void keep(HotRegion region) {
        if (regions.size() >= MOST) {
            regions.clear();
        }
        regions.merge(region.blocks().get(0).start, List.of(region), (before, one) -> {
            List<HotRegion> kept = before.subList(0, Math.min(before.size(), MOST_ALIKE - 1));
            return Stream.concat(one.stream(), kept.stream()).toList();
        });
    }

    private static HotCode load(byte[] file) {
        try {
            return (HotCode) MethodHandles.lookup()
                    .defineHiddenClass(file, true)
                    .lookupClass()
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException failed) {
            throw new IllegalStateException("translated code cannot be loaded", failed);
        }
    }

    /**
     * Returns how many regions were made.
     *
     * @return their number
     */
    public long regionsMade() {
        return made.sum();
    }

    /** Ends the thread, after the region that it is making. */
    public void end() {
        worker.shutdownNow();
    }
}
