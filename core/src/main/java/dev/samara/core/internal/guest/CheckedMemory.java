// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.event.InvariantViolation;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.guest.CpuMemory.AtomicUpdate;
import dev.samara.core.internal.guest.CpuMemory.TranslatedMemory;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames.FrameRegion;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.internal.tlb.SoftTlb.CheckedTlb;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The translated memory of a checked machine. Every access is checked after it is executed, and before its CPU can
 * acknowledge a request.
 *
 * <p>A translation is right under four conditions: the page table contains this frame with this right, the layout
 * permits the right, the frame has not been freed since, and no store can escape the watchers of the page. If the table
 * or the layout changed, the operation that changed it waits for this CPU. So a revocation of the page or the right
 * started and has not ended (I2). And while this CPU uses one frame, the table contains no other (I1).
 */
public final class CheckedMemory extends TranslatedMemory {
    /** The right of a forced read. */
    private static final long FORCED_READ = 0;

    /**
     * The number of pages between the targets of two successive walks in LAZY. It is odd, so that over time a walk
     * starts at each page.
     */
    private static final long SPECULATION_PAGES = (1L << 17) - 1;

    private final AccessChecker checker;
    private final CheckedTlb tlb;

    /* The layout and the page table of the space that is served. */
    private Layout layout;
    private PageTable table;

    /** The address of the last walk in LAZY. */
    private long speculated;

    /** The right that the last forced translation found. */
    private long forcedRight;

    private final Runs runs = new Runs();

    /**
     * The runs that have not ended. Each run ends when the CPU leaves GUEST. This object detects each exit from GUEST,
     * because it is a view of the TLB, and a view loses its key at the exit. It passes all calls on to the CPU's own
     * view.
     */
    private final class Runs implements SoftTlb.View {
        private final List<GuestRun> all = new ArrayList<>();
        private SoftTlb.@Nullable View view;
        private @Nullable CpuState requests;

        /** Ends a run, if it is in the list. */
        void end(GuestRun run) {
            if (all.remove(run)) {
                endJudged(run);
            }
        }

        /** Ends all runs. If the check of a run throws, the remaining runs are left for the next call. */
        void end() {
            while (!all.isEmpty()) {
                endJudged(all.remove(all.size() - 1));
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
            boolean hasRuns = !all.isEmpty();
            if (key == SoftTlb.NOTHING && hasRuns) {
                end();
            }
            SoftTlb.View of = view;
            if (of != null) {
                of.key(key);
            }
        }
    }

    /**
     * Creates the memory of one thread's CPU.
     *
     * @param processor the CPU's own translations, with a checked TLB; whenever it is used, the CPU is in the space
     *     that this object serves
     * @param faulter handles faults in that space
     * @param memory the memory of the space
     * @param tracker records where frames are pinned; null on a machine that does not track references
     * @param layout the initial layout of that space
     * @param checker the machine's access checker
     */
    public CheckedMemory(
            CpuTlb processor,
            Faulter faulter,
            MachineMemory memory,
            @Nullable RefTracker tracker,
            Layout layout,
            AccessChecker checker) {
        super(processor, faulter, memory, tracker);
        this.checker = checker;
        this.layout = layout;
        table = layout.pages();
        tlb = (CheckedTlb) processor.tlb;
        processor.view(runs);
    }

    @Override
    void view(SoftTlb.View view) {
        runs.view = view;
        super.view(runs);
    }

    /**
     * Ends all runs, so that the use of a run after a poll is detected even if no other thread has changed anything.
     */
    @Override
    public void poll() {
        runs.end();
        super.poll();
    }

    @Override
    boolean endsRuns() {
        return true;
    }

    @Override
    void begin(GuestRun run, long physical) {
        run.stamps = stampsOf(physical, run.length());
        run.physical = physical;
        runs.all.add(run);
        // The next poll ends the run, so a poll is requested here, because no other thread might request one.
        Objects.requireNonNull(runs.requests).request();
    }

    @Override
    void end(GuestRun run) {
        runs.end(run);
    }

    private long[] stampsOf(long physical, int length) {
        int first = frameOf(physical);
        long[] stamps = new long[frameOf(physical + length - 1) - first + 1];
        for (int i = 0; i < stamps.length; i++) {
            stamps[i] = frames.reuseStamp(first + i);
        }
        return stamps;
    }

    /**
     * Checks a run like an access that is made now, before the CPU acknowledges anything. A run is not checked if the
     * CPU has acknowledged changes since, for another CPU of its thread, because then no operation waits for the run.
     */
    private void endJudged(GuestRun run) {
        try {
            if (run.isValid()) {
                judge(run);
            }
        } finally {
            run.revoke();
        }
    }

    private void judge(GuestRun run) {
        long right = run.access() == UPDATE ? Pte.READ | Pte.WRITE : Pte.READ;
        long[] stamps = run.stamps;
        long first = run.physical & ~pageMask;
        for (int i = 0; i < stamps.length; i++) {
            long page = (run.address() & ~pageMask) + ((long) i << pageShift);
            long physical = first + ((long) i << pageShift);
            if (frames.reuseStamp(frameOf(physical)) != stamps[i]) {
                throw violated("I3", "was freed while this CPU could use it", page, frameOf(physical), right);
            }
            judgeEntry(page, physical, right);
        }
    }

    @Override
    boolean isChecked() {
        return true;
    }

    @Override
    long walk(long address, long right) {
        long physical = super.walk(address, right);
        if (physical != SoftTlb.MISS) {
            long page = address & ~pageMask;
            tlb.history.add("walks to frame", physical >>> pageShift, table.number(), page, page + pageMask + 1);
            forcedRight = right;
        }
        return physical;
    }

    @Override
    long findForced(long address, int access) {
        forcedRight = rightOf(access);
        return super.findForced(address, access);
    }

    /** A table that was given back is a violation only if the CPU still keeps the context when the walk ends. */
    @Override
    public void speculate() {
        TlbContext of = processor.state.lazyContext();
        if (of == null) {
            return;
        }
        speculated += SPECULATION_PAGES << pageShift;
        PageTable root = (PageTable) of.root();
        String wrong = root == null ? null : root.speculate(speculated);
        if (wrong == null && of.isGivenBack()) {
            wrong = "a context that was given back";
        }
        // Checked again, because with SHOOTDOWN, a thread may have torn the space down during the walk. That thread
        // takes the context from this CPU before it gives tables back, so the walk may have read tables that the CPU
        // had already lost.
        if (wrong != null && processor.state.lazyContext() == of) {
            throw checker.report("I3", "a CPU in LAZY has met " + wrong, of.id, speculated, tlb.history);
        }
    }

    @Override
    public void rest() {
        super.rest();
        layout = layout.closed();
        table = layout.pages();
    }

    @Override
    void serve(Layout next) {
        super.serve(next);
        layout = next;
        table = next.pages();
    }

    @Override
    long get(long address, long physical, int size, int access) {
        long number = super.get(address, physical, size, access);
        judge(address, physical, rightOf(access));
        return number;
    }

    @Override
    void put(long address, long physical, int size, long number) {
        super.put(address, physical, size, number);
        judge(address, physical, Pte.WRITE);
    }

    @Override
    long update(AtomicUpdate what, long address, long physical, int size, long expected, long operand, boolean swaps) {
        long seen = super.update(what, address, physical, size, expected, operand, swaps);
        judge(address, physical, rightOf(what.access()));
        return seen;
    }

    @Override
    void copy(
            long address,
            long physical,
            byte @Nullable [] bytes,
            int at,
            int length,
            @Nullable ByteBuffer buffer,
            boolean writes,
            boolean isForced) {
        super.copy(address, physical, bytes, at, length, buffer, writes, isForced);
        judge(address, physical, isForced ? forcedRight : writes ? Pte.WRITE : Pte.READ);
    }

    /** If both pages share a slot of the TLB, the slot contains the translation of the source, which was found last. */
    @Override
    void copyWithin(long from, long source, long to, long target, int length) {
        super.copyWithin(from, source, to, target, length);
        judge(from, source, Pte.READ);
        if (((from ^ to) & ~pageMask) != 0 && tlb.sharesSlot(from, to)) {
            judgeEntry(to, target, Pte.WRITE);
        } else {
            judge(to, target, Pte.WRITE);
        }
    }

    @Override
    void fill(long address, long physical, int length, byte with) {
        super.fill(address, physical, length, with);
        judge(address, physical, Pte.WRITE);
    }

    /**
     * Checks the access that was just made through a translation.
     *
     * @param right READ, WRITE or EXEC of {@link Pte}, READ and WRITE together, or the right of a forced access
     */
    private void judge(long address, long physical, long right) {
        int frame = frameOf(physical);
        if (frames.reuseStamp(frame) != tlb.reuseStampAtFill(address)) {
            throw violated("I3", "was freed while this CPU could use it", address & ~pageMask, frame, right);
        }
        judgeEntry(address, physical, right);
    }

    /**
     * Checks an access, but not the reuse stamp of its frame, which could be checked only while the TLB still contains
     * the translation.
     */
    private void judgeEntry(long address, long physical, long right) {
        long page = address & ~pageMask;
        int frame = frameOf(physical);
        checker.countAccess();
        long pte = table.get(page);
        int missing = missing(pte, address, frame, right);
        if (missing == 0) {
            return;
        }
        if (!checker.isRevoking(table.number(), page, missing)) {
            throw violated(
                    "I2",
                    "differs from the page table, and no running call revokes it: " + Pte.toString(pte),
                    page,
                    frame,
                    right);
        }
        if (Pte.has(pte, Pte.PRESENT) && Pte.frame(pte) != frame) {
            throw violated("I1", "is used concurrently with another frame: " + Pte.toString(pte), page, frame, right);
        }
    }

    /**
     * Returns the rights and marks that the access used but that are missing in the page table or the layout, as bits
     * of {@link AccessChecker}.
     */
    private int missing(long pte, long address, int frame, long right) {
        boolean writes = isWrite(right);
        long others = writes ? right & Pte.READ : right;
        if (!Pte.has(pte, Pte.PRESENT | others) || Pte.frame(pte) != frame || !isAllowed(address, right)) {
            return AccessChecker.PAGE;
        }
        // A store through the TLB needs an entry with the dirty mark, because otherwise a dirty scan would miss the
        // store.
        return (Pte.has(pte, Pte.ACCESSED | (writes ? Pte.DIRTY : 0)) ? 0 : AccessChecker.MARK)
                | (writes && (!Pte.has(pte, right) || table.isOlder(pte) || escapesWatches(address))
                        ? AccessChecker.WRITE
                        : 0);
    }

    /**
     * Returns whether a page is watched and the TLB nevertheless contains the right to write it, so that watchers would
     * not be notified of a store.
     */
    private boolean escapesWatches(long address) {
        long page = address & ~pageMask;
        return tlb.probe(address, 1, Pte.WRITE) != SoftTlb.MISS && table.watches.touches(page, page + pageMask);
    }

    private boolean isAllowed(long address, long right) {
        VmArea vma = layout.find(address);
        if (vma == null) {
            return false;
        }
        if (right == FORCED_READ) {
            return vma.hasAny(VmaFlags.READ | VmaFlags.MAYREAD);
        }
        return right == Pte.FORCED_WRITE
                ? Faulter.isCopyOnWrite(vma)
                : (LeafWalks.maxRights(vma, layout.geometry) & right) == right;
    }

    private static boolean isWrite(long right) {
        return (right & Pte.WRITE) != 0 || right == Pte.FORCED_WRITE;
    }

    private InvariantViolation violated(String invariant, String what, long page, int frame, long right) {
        return checker.report(
                invariant,
                String.format(
                        Locale.ROOT,
                        "frame %d %s; accessed at 0x%x for %s by thread %s",
                        frame,
                        what,
                        page,
                        isWrite(right) ? "writing" : right == Pte.EXEC ? "executing" : "reading",
                        Thread.currentThread().getName()),
                table.number(),
                page,
                tlb.history);
    }
}
