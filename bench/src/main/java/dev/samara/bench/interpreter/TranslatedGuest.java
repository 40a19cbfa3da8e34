// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.agrona.collections.Long2LongCounterMap;
import org.agrona.collections.Long2ObjectHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Runs a guest program: translates the code that runs often, and interprets the rest. After {@code fence.i}, the next
 * entry of each region compares its instructions with the memory, and drops the region if an instruction changed.
 */
final class TranslatedGuest implements GuestEngine {
    /** How often a block is interpreted before it is translated. */
    private static final int HOT = 50;

    /** How often an access may exit its region before it becomes a call. */
    private static final int CALLED = 100;

    /** The maximum size of a method that HotSpot compiles, in bytes of bytecode. */
    private static final int LARGEST = 8_000;

    /** The state of the code at an address. */
    private static final class CodeAddress {
        private int runs;
        private int hot = HOT;
        private @Nullable Translation translation;

        /** The index of the translation's entry at this address. */
        private int entry;
    }

    /** A region and its instructions. */
    private static final class Translation {
        private final RegionPlan plan;
        private final Region region;

        /** The interpreter's count of code changes when the instructions were last compared with the memory. */
        private int changes;

        Translation(RegionPlan plan, Region region, int changes) {
            this.plan = plan;
            this.region = region;
            this.changes = changes;
        }
    }

    private final GuestRam ram;
    private final Interpreter interpreter;
    private final AccessWay way;
    private final List<Object> constants;
    private final Long2ObjectHashMap<CodeAddress> places = new Long2ObjectHashMap<>();
    private final Long2LongCounterMap misses = new Long2LongCounterMap(0);
    private final Set<Long> called = new HashSet<>();
    private final Region.RegionProgress progress = new Region.RegionProgress();
    private final List<Integer> sizes = new ArrayList<>();

    /**
     * Creates a translator.
     *
     * @param interpreter executes the blocks that are not translated
     * @param ram the memory of the interpreter
     * @param way how translated code accesses the memory
     */
    TranslatedGuest(Interpreter interpreter, GuestRam ram, AccessWay way) {
        this.interpreter = interpreter;
        this.ram = ram;
        this.way = way;
        constants = way.constants(ram);
    }

    @Override
    public long executed() {
        return interpreter.executed() + progress.executed;
    }

    /**
     * Returns how much bytecode was generated.
     *
     * @return the size of each region's code in bytes
     */
    List<Integer> sizes() {
        return List.copyOf(sizes);
    }

    @Override
    public long run(long start, long x10, long x11) {
        long[] x = interpreter.registers();
        x[10] = x10;
        x[11] = x11;
        long pc = start;
        while (pc != Region.END) {
            CodeAddress place = placeAt(pc);
            Translation known = place.translation;
            if (known != null && isCurrent(known)) {
                // A region polls only at its own backward jumps, but a guest loop may span several regions.
                ram.poll();
                pc = leave(known.region.run(x, progress, place.entry));
            } else if (++place.runs < place.hot) {
                pc = interpreter.runBlock(pc);
            } else {
                place.runs = 0;
                translate(pc);
            }
        }
        return x[10];
    }

    private CodeAddress placeAt(long pc) {
        CodeAddress place = places.get(pc);
        if (place == null) {
            place = new CodeAddress();
            places.put(pc, place);
        }
        return place;
    }

    /** Returns the address at which the guest continues after a region. */
    private long leave(long pc) {
        int reason = progress.reason;
        progress.reason = 0;
        if (reason == Region.CHANGED) {
            interpreter.forgetBlocks();
        } else if (reason == Region.MISSED) {
            if (misses.incrementAndGet(pc) == CALLED) {
                called.add(pc);
                dropAllWith(pc);
            }
            return interpreter.runBlock(pc);
        }
        return pc;
    }

    private boolean isCurrent(Translation known) {
        if (known.changes != interpreter.changes()) {
            if (!known.plan.isCurrent(ram)) {
                drop(known);
                return false;
            }
            known.changes = interpreter.changes();
        }
        return true;
    }

    private void dropAllWith(long pc) {
        for (CodeAddress place : List.copyOf(places.values())) {
            if (place.translation != null && place.translation.plan.has(pc)) {
                drop(place.translation);
            }
        }
    }

    private void drop(Translation known) {
        for (long entry : known.plan.entries()) {
            CodeAddress place = placeAt(entry);
            if (place.translation == known) {
                place.translation = null;
                // Translating code that changes repeatedly does not pay off.
                place.hot = Math.min(2 * place.hot, 1 << 20);
            }
        }
    }

    private void translate(long start) {
        int most = way.most();
        RegionPlan plan = RegionPlan.of(start, ram, most);
        if (plan.size() == 0) {
            // The memory no longer contains code here, but the guest did not execute fence.i yet, so the interpreter
            // may still cache decoded blocks.
            return;
        }
        RegionWriter writer = writer(plan);
        int size = writer.write();
        while (size > LARGEST) {
            most = Math.min(most, plan.size()) / 2;
            plan = RegionPlan.of(start, ram, most);
            writer = writer(plan);
            size = writer.write();
        }
        Translation made = new Translation(plan, load(writer.file()), interpreter.changes());
        sizes.add(size);
        for (int i = 0; i < plan.entries().size(); i++) {
            CodeAddress place = placeAt(plan.entries().get(i));
            if (place.translation == null) {
                place.translation = made;
                place.entry = i;
            }
        }
    }

    private RegionWriter writer(RegionPlan plan) {
        return new RegionWriter(plan, code -> way.code(code, constants, plan, called));
    }

    private Region load(byte[] file) {
        try {
            return (Region) MethodHandles.lookup()
                    .defineHiddenClassWithClassData(file, constants, true)
                    .lookupClass()
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException failed) {
            throw new IllegalStateException("a region could not be loaded", failed);
        }
    }
}
