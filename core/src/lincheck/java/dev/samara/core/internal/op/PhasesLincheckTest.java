// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.lincheck.FourPages.GEOMETRY;
import static dev.samara.core.lincheck.FourPages.PAGE;
import static dev.samara.core.lincheck.FourPages.PAGES;
import static dev.samara.core.lincheck.FourPages.PLACE;
import static dev.samara.core.lincheck.FourPages.UNMAPPED;
import static dev.samara.core.lincheck.FourPages.address;
import static dev.samara.core.lincheck.FourPages.length;
import static dev.samara.core.lincheck.FourPages.rights;
import static dev.samara.core.lincheck.FourPages.start;

import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.space.District.BeyondDistrict;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Layout.Origin;
import dev.samara.core.internal.space.MachineSeams;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Mmap.Munmap;
import dev.samara.core.internal.syscall.Mprotect;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.lincheck.FourPages;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.testing.Explored;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * I4 and I6 for a call that takes effect at two instants: {@code munmap} takes effect for lookups when it is published,
 * and for placement when it completes.
 *
 * <p>Linearizability assigns one instant to each call, so each phase is a separate call here: a published operation
 * stays in flight until a thread calls {@link #complete} for one of its pages. Both phases run production code, an
 * {@link Edit} and {@link RetirementRun#run}. The wait and the retry of {@link dev.samara.core.AddressSpace} between
 * two attempts are left out: an attempt that finds a range in flight returns {@link #WAITS}. The model's state includes
 * the ranges in flight, so it determines every result. {@code AddressSpaceLincheckTest} shows that whole calls, which
 * do wait, are linearizable. That test contains no placement, and none of its calls can distinguish the two instants of
 * an unmapping, since a call that could do so waits for the second instant.
 *
 * <p>Pages are compared instead of mappings, because equal neighbours may be joined late. The layout has room for four
 * pages.
 */
@DisplayName("I4, I6: published and completed, the phases of a space are linearizable")
@Tag("lincheck")
@Param(name = "page", gen = IntGen.class, conf = "0:3")
@Param(name = "rights", gen = IntGen.class, conf = "0:3")
@Param(name = "pages", gen = IntGen.class, conf = "1:2")
@Explored(24)
public class PhasesLincheckTest {
    /** The result of an attempt on a range that is partly in flight: the operation would wait and then retry. */
    static final long WAITS = -5000;

    private static final int ANYWHERE = Mman.PRIVATE | Mman.ANONYMOUS;

    final Layout layout;

    /** Guarded by the layout lock. */
    private final List<InFlightOperation> taken = new ArrayList<>();

    public PhasesLincheckTest() {
        layout = emptyLayout(spare());
    }

    /** Returns the number of pages for which the layout has room on each side of the four. */
    int spare() {
        return 0;
    }

    private static Layout emptyLayout(int more) {
        MachineState host = new MachineState(new MachineState.Settings(
                65530,
                256,
                MachineState.UNLIMITED,
                Long.MAX_VALUE,
                Long.MAX_VALUE,
                new MachineThreads(
                        report -> {
                            throw new AssertionError(report);
                        },
                        Long.MAX_VALUE,
                        null,
                        null,
                        false),
                null));
        // A lock that parks immediately, because a spin that ends by the clock never ends in a model checker.
        MachineSeams.lockWith(host, ReentrantLock::new);
        long heap = GEOMETRY.defaultHeap();
        return new Layout(
                Layouts.spaces(host),
                new Origin(
                        null,
                        GEOMETRY,
                        Set.of(),
                        Map.of(Resource.STACK, 8L << 20),
                        true,
                        heap,
                        heap,
                        0,
                        PLACE - more * PAGE,
                        PLACE + (PAGES + more) * PAGE,
                        false,
                        false),
                List.of());
    }

    /** Called before each call that changes the layout. */
    void beforeChange() {}

    /** Makes one attempt, and leaves its range in flight. */
    long publish(Call call) {
        beforeChange();
        dev.samara.core.internal.op.Operation operation = new dev.samara.core.internal.op.Operation(layout, call);
        for (; ; ) {
            try (Edit edit = new Edit(operation, false, call.from(layout), call.to(layout))) {
                try {
                    edit.publish(call.decide(edit));
                    return operation.result();
                } catch (dev.samara.core.internal.op.Operation.Restart blocked) {
                    return WAITS;
                } catch (BeyondDistrict more) {
                    operation.isBeyondPart = true;
                }
            }
        }
    }

    private long map(int one, int other, int rights, int flags) {
        long result = publish(new Mmap(start(one, other), length(one, other), rights, ANYWHERE | flags, null, 0));
        return Math.min(result, 0);
    }

    @Operation
    public long map(
            @Param(name = "page") int one, @Param(name = "page") int other, @Param(name = "rights") int rights) {
        return map(one, other, rights, Mman.FIXED);
    }

    @Operation
    public long mapIfFree(
            @Param(name = "page") int one, @Param(name = "page") int other, @Param(name = "rights") int rights) {
        return map(one, other, rights, Mman.FIXED_NOREPLACE);
    }

    @Operation
    public long mapAnywhere(@Param(name = "pages") int pages, @Param(name = "rights") int rights) {
        long result = publish(new Mmap(0, pages * PAGE, rights, ANYWHERE, null, 0));
        return result < 0 ? result : (result - PLACE) / PAGE;
    }

    @Operation
    public long unmap(@Param(name = "page") int one, @Param(name = "page") int other) {
        return publish(new Munmap(start(one, other), length(one, other)));
    }

    @Operation
    public long protect(
            @Param(name = "page") int one, @Param(name = "page") int other, @Param(name = "rights") int rights) {
        return publish(new Mprotect(start(one, other), length(one, other), rights));
    }

    /**
     * Completes the operation in flight at a page. Returns when it is complete, even if another thread completes it.
     */
    @Operation
    public void complete(@Param(name = "page") int page) {
        InFlightOperation there = null;
        boolean mine = false;
        layout.lock();
        try {
            for (InFlightOperation range : layout.inFlight().operations) {
                if (range.touches(address(page), address(page + 1))) {
                    there = range;
                    mine = !taken.contains(range) && taken.add(range);
                }
            }
        } finally {
            layout.unlock();
        }
        if (there == null) {
            return;
        }
        if (mine) {
            there.run();
        } else {
            there.gate().awaitUninterruptibly(there.operation());
        }
    }

    @Operation
    public int find(@Param(name = "page") int page) {
        return rights(layout.find(address(page)));
    }

    @Operation
    public int acquire(@Param(name = "page") int page) {
        VmArea reference = layout.acquire(address(page));
        if (reference != null) {
            reference.release();
        }
        return rights(reference);
    }

    @Operation
    public String snapshot() {
        return rights(layout.snapshot()::get);
    }

    @Test
    @Tag("model")
    @DisplayName("in interleavings made by a model checker")
    void modelChecked() {
        FourPages.modelCheck(getClass(), specification());
    }

    @Test
    @DisplayName("in interleavings of running threads")
    void stressed() {
        FourPages.stress(getClass(), specification());
    }

    Class<? extends Phases> specification() {
        return Phases.class;
    }

    /** The sequential specification: the phases of the operations, on arrays. */
    public static class Phases extends FourPages.Lookups {
        /** The operation in flight to which each page belongs; 0 for none. */
        private final int[] inFlight = new int[PAGES];

        private int operations;

        private boolean isInFlight(int first, int last) {
            for (int page = first; page <= last; page++) {
                if (inFlight[page] != 0) {
                    return true;
                }
            }
            return false;
        }

        private boolean isMapped(int first, int last) {
            for (int page = first; page <= last; page++) {
                if (rights[page] != UNMAPPED) {
                    return true;
                }
            }
            return false;
        }

        private void depart(int first, int last) {
            Arrays.fill(inFlight, first, last + 1, operations);
        }

        public long map(int one, int other, int value) {
            int first = Math.min(one, other);
            int last = Math.max(one, other);
            if (isInFlight(first, last)) {
                return WAITS;
            }
            operations++;
            if (isMapped(first, last)) {
                depart(first, last);
            }
            Arrays.fill(rights, first, last + 1, value);
            return 0;
        }

        public long mapIfFree(int one, int other, int value) {
            int first = Math.min(one, other);
            int last = Math.max(one, other);
            if (isInFlight(first, last)) {
                return WAITS;
            }
            if (isMapped(first, last)) {
                return Errno.EEXIST.result();
            }
            Arrays.fill(rights, first, last + 1, value);
            return 0;
        }

        /** Maps pages at the highest place where they fit, but never in a range whose unmap is not complete. */
        public long mapAnywhere(int pages, int value) {
            for (int first = PAGES - pages; first >= 0; first--) {
                int last = first + pages - 1;
                if (!isMapped(first, last) && !isInFlight(first, last)) {
                    Arrays.fill(rights, first, last + 1, value);
                    return first;
                }
            }
            return Errno.ENOMEM.result();
        }

        /** Unmaps pages; the range from the first to the last page that was mapped is then in flight. */
        public long unmap(int one, int other) {
            int first = Math.min(one, other);
            int last = Math.max(one, other);
            if (isInFlight(first, last)) {
                return WAITS;
            }
            while (first <= last && rights[first] == UNMAPPED) {
                first++;
            }
            while (last >= first && rights[last] == UNMAPPED) {
                last--;
            }
            if (first <= last) {
                operations++;
                depart(first, last);
                Arrays.fill(rights, first, last + 1, UNMAPPED);
            }
            return 0;
        }

        /** Changes the pages up to the first hole; a range that lost a right is then in flight. */
        public long protect(int one, int other, int value) {
            int first = Math.min(one, other);
            int last = Math.max(one, other);
            if (isInFlight(first, last)) {
                return WAITS;
            }
            operations++;
            for (int page = first; page <= last; page++) {
                if (rights[page] == UNMAPPED) {
                    return Errno.ENOMEM.result();
                }
                if ((rights[page] & ~value) != 0) {
                    depart(page, page);
                }
                rights[page] = value;
            }
            return 0;
        }

        public void complete(int page) {
            int done = inFlight[page];
            for (int other = 0; other < PAGES; other++) {
                if (inFlight[other] == done) {
                    inFlight[other] = 0;
                }
            }
        }
    }
}
