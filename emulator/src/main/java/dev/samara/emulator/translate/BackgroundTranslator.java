// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import dev.samara.emulator.cpu.BlockCache;
import dev.samara.emulator.cpu.CodeBlock;
import dev.samara.emulator.cpu.CodeTranslator;
import dev.samara.emulator.cpu.TranslatedCode;
import dev.samara.emulator.cpu.TranslatedRegion;
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

    private final boolean waits;
    private final HotnessPolicy hotness;
    private final Consumer<Throwable> failures;

    /** The regions that begin at an address, newest first. */
    private final Map<Long, List<TranslatedRegion>> regions = new ConcurrentHashMap<>();

    /** The addresses of regions that are being made, or whose making has failed. */
    private final Set<Long> requested = ConcurrentHashMap.newKeySet();

    private final LoadedClasses live = new LoadedClasses();

    /**
     * @written the threads that write {@code failed} (adder)
     * @read threads of the guest that ask for code (sum)
     * @invariant a count; it only decides how hot code must be
     */
    private final LongAdder made = new LongAdder();

    /**
     * @written the translator's thread, or in tests the threads of the guest (get-and-add); its maker, if there is no
     *     thread for it (volatile)
     * @read threads of the guest that ask for code (volatile)
     * @invariant grows; from three on nothing is translated any more. What the translator and threads of the guest
     *     share besides is in concurrent collections: the code by address, the addresses that are asked for, the plans
     *     that wait, and the code that is not collected
     */
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
        hotness = new HotnessPolicy(waits);
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
        return hotness.runsBeforeRequest();
    }

    @Override
    public int translate(CodeBlock hot, BlockCache blocks) {
        if (!install(hot, blocks)) {
            int missing = hotness.runsMissing(hot.runs(), made.sum());
            if (missing > 0) {
                return missing;
            }
            request(hot, blocks);
        }
        return hotness.runsBetweenRequests();
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
        for (TranslatedRegion region : regions.getOrDefault(hot.start, List.of())) {
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
            TranslatedCodeWriter written = TranslatedCodeWriter.of(plan);
            HotPlan fitting = plan;
            while (written.size() >= LARGEST && fitting.blocks().size() > 1) {
                fitting = fitting.shorter();
                written = TranslatedCodeWriter.of(fitting);
            }
            TranslatedCode code = load(written.file());
            live.add(code);
            keep(new TranslatedRegion(code, fitting.blocks()));
            made.increment();
            requested.remove(plan.start());
        } catch (RuntimeException | Error failure) {
            if (failed.getAndIncrement() < MOST_FAILURES) {
                failures.accept(failure);
            }
        }
    }

    private void keep(TranslatedRegion region) {
        regions.merge(region.blocks().get(0).start, List.of(region), (before, one) -> {
            List<TranslatedRegion> kept = new ArrayList<>(one);
            kept.addAll(before.subList(0, Math.min(before.size(), MOST_ALIKE - 1)));
            return List.copyOf(kept);
        });
    }

    private static TranslatedCode load(byte[] file) {
        try {
            return (TranslatedCode) MethodHandles.lookup()
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
