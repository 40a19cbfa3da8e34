// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.page.FrameRegion;
import dev.samara.core.internal.tlb.SoftTlb;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The runs of a CPU on a checked machine. Each run ends when the CPU leaves GUEST. This object detects each exit from
 * GUEST, because it is a view of the TLB, and a view loses its key at the exit. It passes all calls on to the CPU's own
 * view. Used by the owner of the CPU.
 */
final class CheckedRuns implements SoftTlb.View {
    private final Consumer<JudgedRun> end;
    private final List<JudgedRun> runs = new ArrayList<>();
    private SoftTlb.@Nullable View view;
    private @Nullable CpuState requests;

    /**
     * Creates an empty list of runs.
     *
     * @param end checks a run that ends, and revokes its buffer. Called in GUEST
     */
    CheckedRuns(Consumer<JudgedRun> end) {
        this.end = end;
    }

    /** Sets the embedder's view, to which calls are passed on from now on. */
    void passOn(SoftTlb.View of) {
        view = of;
    }

    /** Adds a run. The next poll ends it, so a poll is requested here, because no other thread might request one. */
    void add(JudgedRun run) {
        runs.add(run);
        Objects.requireNonNull(requests).request();
    }

    /** Ends a run, if it is in the list. */
    void end(JudgedRun run) {
        if (runs.remove(run)) {
            end.accept(run);
        }
    }

    /** Ends all runs. If the check of a run throws, the remaining runs are left for the next call. */
    void end() {
        while (!runs.isEmpty()) {
            end.accept(runs.remove(runs.size() - 1));
        }
    }

    @Override
    public void arrays(
            long[] loads,
            long[] stores,
            long[] addends,
            long[] fetches,
            long[] fetchAddends,
            @Nullable FrameRegion frames) {
        SoftTlb.View of = view;
        if (of != null) {
            of.arrays(loads, stores, addends, fetches, fetchAddends, frames);
        }
    }

    @Override
    public void second(SoftTlb tlb) {
        SoftTlb.View of = view;
        if (of != null) {
            of.second(tlb);
        }
    }

    @Override
    public void requests(@Nullable CpuState state) {
        requests = state;
        SoftTlb.View of = view;
        if (of != null) {
            of.requests(state);
        }
    }

    @Override
    public void key(long key) {
        // Calls isEmpty for every key, so that leaving GUEST needs no more stack than entering it.
        boolean hasRuns = !runs.isEmpty();
        if (key == SoftTlb.NOTHING && hasRuns) {
            end();
        }
        SoftTlb.View of = view;
        if (of != null) {
            of.key(key);
        }
    }
}
