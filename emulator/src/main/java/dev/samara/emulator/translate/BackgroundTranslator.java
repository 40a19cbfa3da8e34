// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import dev.samara.emulator.cpu.BlockCache;
import dev.samara.emulator.cpu.CodeBlock;
import dev.samara.emulator.cpu.CodeTranslator;
import dev.samara.emulator.cpu.HotCode;
import dev.samara.emulator.cpu.HotRegion;
import dev.samara.emulator.limit.GuestLimits;
import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;

/**
 * Makes code in a thread of its own, while the guest is interpreted, and keeps it for all threads and processes: the
 * blocks of another process may be other ones at this address, so each cache compares before it takes the code.
 *
 * <p>A failure harms no guest. Code whose making has failed is not asked for again, and after {@link #MOST_FAILURES}
 * failures no code is made any more.
 */
public final class BackgroundTranslator implements CodeTranslator {
    /** The compilers of HotSpot leave a method of more bytecode to its interpreter. */
    private static final int LARGEST = 8_000;

    /** The most regions that begin at one address: of programs that are at the same one. */
    private static final int MOST_ALIKE = 4;

    private static final int MOST_FAILURES = 3;
    private static final int RUNS_BEFORE = 3000;

    /** By how many runs a region delays those after it; more where no processor is left for the compilers. */
    private static final int RUNS_PER_REGION = Runtime.getRuntime().availableProcessors() > 1 ? 10_000 : 40_000;

    /** The number of regions that delay others. */
    private static final int MOST_DELAYS = 100;

    /** How often a block is interpreted between two requests for code that is not there yet. */
    private static final int RUNS_BETWEEN = 500;

    private final boolean waits;
    private final Consumer<Throwable> failures;

    /** The regions that begin at an address, newest first. */
    private final Map<Long, List<HotRegion>> regions = new ConcurrentHashMap<>();

    /** The addresses of regions that are being made, or whose making has failed. */
    private final Set<Long> requested = ConcurrentHashMap.newKeySet();

    private final LoadedClasses live = new LoadedClasses();
    private final LongAdder made = new LongAdder();
    private final AtomicInteger failed = new AtomicInteger();
    private final BlockingQueue<HotPlan> plans = new ArrayBlockingQueue<>(GuestLimits.WAITING_PLANS);
    private final Thread worker = new Thread(this::work, "translator of the guest");

    /**
     * Makes a translator, and starts its thread.
     *
     * @param waits whether a thread of the guest makes code itself, of each block that runs again: a test of the code
     * @param failures told of code that could not be made; at most {@link #MOST_FAILURES} times
     */
    public BackgroundTranslator(boolean waits, Consumer<Throwable> failures) {
        this.waits = waits;
        this.failures = failures;
        worker.setDaemon(true);
        try {
            worker.start();
        } catch (OutOfMemoryError noThread) {
            // The JVM says so where the host has no thread left. The guest is interpreted then.
            failed.set(MOST_FAILURES);
            failures.accept(noThread);
        }
    }

    @Override
    public int runsBefore() {
        return waits ? 2 : RUNS_BEFORE;
    }

    /**
     * Returns how often a block has to be interpreted before it is translated. HotSpot needs milliseconds to compile a
     * region, in which a block is interpreted some 100,000 times. So a program that spends its time in a few loops has
     * them translated at once, and one that runs much code, but none of it for long, has little of it translated.
     *
     * @param regions the number of regions that were made
     */
    static int runsWanted(long regions) {
        return RUNS_BEFORE + RUNS_PER_REGION * (int) Math.min(regions, MOST_DELAYS);
    }

    @Override
    public int translate(CodeBlock hot, BlockCache blocks) {
        if (!install(hot, blocks)) {
            int wanting = waits ? 0 : runsWanted(made.sum()) - hot.runs();
            if (wanting > 0) {
                return wanting;
            }
            request(hot, blocks);
        }
        return waits ? 1 : RUNS_BETWEEN;
    }

    private void request(CodeBlock hot, BlockCache blocks) {
        if (!InstructionWriter.isTranslated(hot, 0) || !canMakeMore() || !requested.add(hot.start)) {
            return;
        }
        HotPlan plan = HotPlan.of(hot, blocks);
        if (waits) {
            make(plan);
            install(hot, blocks);
        } else if (!plans.offer(plan)) {
            // The block asks again.
            requested.remove(hot.start);
        }
    }

    private boolean canMakeMore() {
        if (failed.get() >= MOST_FAILURES || plans.remainingCapacity() == 0) {
            return false;
        }
        if (live.isFull()) {
            // What no hart uses can be collected then.
            regions.clear();
            return false;
        }
        return true;
    }

    private boolean install(CodeBlock hot, BlockCache blocks) {
        for (HotRegion region : regions.getOrDefault(hot.start, List.of())) {
            if (blocks.install(region)) {
                return true;
            }
        }
        return false;
    }

    private void work() {
        try {
            while (true) {
                make(plans.take());
            }
        } catch (InterruptedException ended) {
            // By end(): nothing is left to do.
        }
    }

    private void make(HotPlan plan) {
        try {
            HotCodeWriter written = HotCodeWriter.of(plan);
            HotPlan fitting = plan;
            while (written.size() >= LARGEST && fitting.blocks().size() > 1) {
                fitting = fitting.shorter();
                written = HotCodeWriter.of(fitting);
            }
            HotCode code = load(written.file());
            live.add(code);
            keep(new HotRegion(code, fitting.blocks()));
            made.increment();
            requested.remove(plan.start());
        } catch (RuntimeException | Error failure) {
            if (failed.getAndIncrement() < MOST_FAILURES) {
                failures.accept(failure);
            }
        }
    }

    private void keep(HotRegion region) {
        regions.merge(region.blocks().get(0).start, List.of(region), (before, one) -> {
            List<HotRegion> kept = new ArrayList<>(one);
            kept.addAll(before.subList(0, Math.min(before.size(), MOST_ALIKE - 1)));
            return List.copyOf(kept);
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
        worker.interrupt();
    }
}
