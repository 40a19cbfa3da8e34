// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.page.FrameRegion;
import dev.samara.core.internal.tlb.SecondTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The runs of a CPU on a checked machine. Each ends when the CPU leaves GUEST, which this learns as a view of the TLB:
 * it loses its key then. Passes everything on to the view that the CPU has. For the owner of the CPU.
 */
final class CheckedRuns implements SoftTlb.View {
    private final Consumer<JudgedRun> end;
    private final List<JudgedRun> runs = new ArrayList<>();
    private SoftTlb.@Nullable View view;
    private @Nullable CpuState requests;

    /**
     * Has no run.
     *
     * @param end judges a run that ends, and takes its buffer back. Called in GUEST
     */
    CheckedRuns(Consumer<JudgedRun> end) {
        this.end = end;
    }

    /** Passes on to a view of the embedder's from now on. */
    void passOn(SoftTlb.View of) {
        view = of;
    }

    /** Adds a run, which the next poll ends, though no other thread may ask for one. */
    void add(JudgedRun run) {
        runs.add(run);
        Objects.requireNonNull(requests).request();
    }

    /** Ends one of the runs. */
    void end(JudgedRun run) {
        if (runs.remove(run)) {
            end.accept(run);
        }
    }

    /** Ends all runs. If the judge of one throws, the later ones are left for the next call. */
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
    public void second(SecondTlb level) {
        SoftTlb.View of = view;
        if (of != null) {
            of.second(level);
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
        // Asked in both cases: at the end of the stack, a leave of GUEST needs no more of it than the entry.
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
