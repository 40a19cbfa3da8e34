// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import dev.samara.emulator.cpu.BlockCache;
import dev.samara.emulator.cpu.BlockCache.CodeBlock;
import dev.samara.emulator.cpu.TranslatedCode;
import dev.samara.emulator.cpu.TranslatedCode.CodeTranslator;
import dev.samara.emulator.cpu.TranslatedCode.TranslatedRegion;
import dev.samara.emulator.limit.GuestLimits;
import java.lang.invoke.MethodHandles;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
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
import org.jspecify.annotations.Nullable;

/**
 * Translates code in a separate thread while the guest is interpreted, and keeps the code for all threads and
 * processes. Another process may have other instructions at the same address, so each cache compares the blocks before
 * it uses the code.
 *
 * <p>A failure does not harm the guest. Code whose translation failed is not requested again, and after {@link
 * #MOST_FAILURES} failures nothing is translated any more.
 */
public final class BackgroundTranslator implements CodeTranslator {
    /** HotSpot does not compile a method with more bytes of bytecode. */
    private static final int LARGEST = 8_000;

    /** The maximum number of regions that start at one address. Different programs may use the same address. */
    private static final int MOST_ALIKE = 4;

    private static final int MOST_FAILURES = 3;

    private final boolean waits;
    private final HotnessPolicy hotness;
    private final Consumer<Throwable> failures;

    /** The regions that start at an address, newest first. */
    private final Map<Long, List<TranslatedRegion>> regions = new ConcurrentHashMap<>();

    /** The start addresses of regions that are being translated, or whose translation failed. */
    private final Set<Long> requested = ConcurrentHashMap.newKeySet();

    private final LoadedClasses live = new LoadedClasses();

    /**
     * Written: the threads that write {@code failed} (adder).
     * Read: threads of the guest that request code (sum).
     * Invariant: a count, which only determines how hot code must be.
     */
    private final LongAdder made = new LongAdder();

    /**
     * Written: the translator's thread, or in tests the threads of the guest (get-and-add); its creator, if the host
     *     has no thread for it (volatile).
     * Read: threads of the guest that request code (volatile).
     * Invariant: only grows; from three on nothing is translated any more. All other state that the translator and
     *     threads of the guest share is in concurrent collections: the code by address, the requested addresses, the
     *     queued plans, and the loaded code.
     */
    private final AtomicInteger failed = new AtomicInteger();

    private final BlockingQueue<HotPlan> plans = new ArrayBlockingQueue<>(GuestLimits.WAITING_PLANS);
    private final Thread worker = new Thread(this::work, "translator of the guest");

    /**
     * Creates a translator, and starts its thread.
     *
     * @param waits whether a thread of the guest itself translates each block that runs again, to test the code
     * @param failures called for code that could not be translated, at most {@link #MOST_FAILURES} times
     */
    public BackgroundTranslator(boolean waits, Consumer<Throwable> failures) {
        this.waits = waits;
        hotness = new HotnessPolicy(waits);
        this.failures = failures;
        worker.setDaemon(true);
        try {
            worker.start();
        } catch (OutOfMemoryError noThread) {
            // The JVM throws this if the host has no threads left. Then the guest is only interpreted.
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
        if (!TranslatedCodeWriter.isTranslated(hot, 0) || !canMakeMore() || !requested.add(hot.start)) {
            return;
        }
        HotPlan plan = HotPlan.of(hot, blocks);
        if (waits) {
            make(plan);
            install(hot, blocks);
        } else if (!plans.offer(plan)) {
            // The block will request it again.
            requested.remove(hot.start);
        }
    }

    private boolean canMakeMore() {
        if (failed.get() >= MOST_FAILURES || plans.remainingCapacity() == 0) {
            return false;
        }
        if (live.isFull()) {
            // After this, code that no hart uses can be collected.
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
            // Interrupted by end(), so there is nothing left to do.
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
     * Returns how many regions were translated.
     *
     * @return the number of regions
     */
    public long regionsMade() {
        return made.sum();
    }

    /** Ends the thread after the region that it is translating. */
    public void end() {
        worker.interrupt();
    }

    /**
     * Decides when a block is hot, i.e. is to be translated, from the number of times that it was interpreted. HotSpot
     * needs milliseconds to compile a region; in that time, a block is interpreted some 100,000 times. So if a program
     * spends its time in a few loops, they are translated immediately. If it runs much code, but none of it for long,
     * little of it is translated. Immutable.
     */
    static final class HotnessPolicy {
        private static final int RUNS_BEFORE = 3000;

        /**
         * How many additional runs each translated region requires of later regions. It is higher on a host with one
         * processor, where the compilers compete with the guest.
         */
        private static final int RUNS_PER_REGION = Runtime.getRuntime().availableProcessors() > 1 ? 10_000 : 40_000;

        /** The maximum number of regions that count for this. */
        private static final int MOST_DELAYS = 100;

        /** How often a block is interpreted between two requests for code that is not available yet. */
        private static final int RUNS_BETWEEN = 500;

        private final boolean isEager;

        /**
         * Creates a policy.
         *
         * @param isEager whether each block that runs again is hot, to test the code
         */
        HotnessPolicy(boolean isEager) {
            this.isEager = isEager;
        }

        /** Returns how often a block is interpreted before its first request. */
        int runsBeforeRequest() {
            return isEager ? 2 : RUNS_BEFORE;
        }

        /** Returns how often a block is interpreted between two requests. */
        int runsBetweenRequests() {
            return isEager ? 1 : RUNS_BETWEEN;
        }

        /**
         * Returns how many more times a block must be interpreted before it is hot; 0 or negative if it is hot.
         *
         * @param runs how often it was interpreted
         * @param regions the number of translated regions
         */
        int runsMissing(int runs, long regions) {
            return isEager ? 0 : runsWanted(regions) - runs;
        }

        /**
         * Returns how often a block must be interpreted before it is hot.
         *
         * @param regions the number of translated regions
         */
        static int runsWanted(long regions) {
            return RUNS_BEFORE + RUNS_PER_REGION * (int) Math.min(regions, MOST_DELAYS);
        }
    }

    /**
     * Counts the classes of translated code that the JVM cannot unload yet, so that a guest which generates code does
     * not exhaust the metaspace. The blocks of harts and the translator refer to these classes. Thread-safe.
     */
    static final class LoadedClasses {
        /** The maximum number of classes. A class takes some 4 KiB of metaspace. */
        static final int MOST = GuestLimits.TRANSLATED_CLASSES;

        private final ReferenceQueue<TranslatedCode> collected = new ReferenceQueue<>();
        private final Set<Reference<TranslatedCode>> references = ConcurrentHashMap.newKeySet();

        void add(TranslatedCode code) {
            references.add(new PhantomReference<>(code, collected));
        }

        boolean isFull() {
            @Nullable Reference<? extends TranslatedCode> gone = collected.poll();
            while (gone != null) {
                references.remove(gone);
                gone = collected.poll();
            }
            return references.size() >= MOST;
        }
    }
}
