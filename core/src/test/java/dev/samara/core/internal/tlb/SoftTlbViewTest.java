// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames.FrameRegion;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.RegionThatFills;
import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Compares what an object that reads the tags and addends finds with the results of the TLB itself. */
final class SoftTlbViewTest {
    private static final int SHIFT = SoftTlb.GRANULE_SHIFT;
    private static final long PAGE = 1L << SHIFT;
    private static final int ENTRIES = 16;
    private static final long AT = 0x7fff_1234_5000L;

    /** Frames below this number are in the region, the others elsewhere. */
    private static final int IN_REGION = 8;

    private static final int FRAMES = 16;
    private static final long RIGHTS = Pte.READ | Pte.WRITE | Pte.EXEC;

    /** Looks up an access as FlatMemory does. */
    private static final class Reading implements SoftTlb.View {
        private long[] loads = {};
        private long[] stores = {};
        private long[] addends = {};
        private long[] fetches = {};
        private long[] fetchAddends = {};
        private @Nullable MappedByteBuffer region;
        private long key;

        @Override
        public void arrays(
                long[] ofLoads,
                long[] ofStores,
                long[] offsets,
                long[] ofFetches,
                long[] fetchOffsets,
                @Nullable FrameRegion frames) {
            loads = ofLoads;
            stores = ofStores;
            addends = offsets;
            fetches = ofFetches;
            fetchAddends = fetchOffsets;
            region = frames == null ? null : frames.region();
        }

        @Override
        public void second(SoftTlb of) {
            // This view looks up only in the first level.
        }

        @Override
        public void requests(@Nullable CpuState state) {
            throw new AssertionError("given by a CPU only");
        }

        @Override
        public void key(long next) {
            key = next;
        }

        long find(long address, int size, long right) {
            long[] tags = right == Pte.READ ? loads : right == Pte.WRITE ? stores : fetches;
            long[] offsets = right == Pte.EXEC ? fetchAddends : addends;
            int at = (int) (address >>> SHIFT);
            return tags[at & tags.length - 1] == (((address + size - 1) & -PAGE) | key)
                    ? offsets[at & offsets.length - 1] + address
                    : SoftTlb.MISS;
        }
    }

    private final Reading view = new Reading();
    private DirectFrames frames;
    private SoftTlb tlb;

    @BeforeEach
    void makeTlb() throws IOException {
        frames = RegionThatFills.frames(SHIFT, 2, FRAMES, IN_REGION);
        frames.extend(0, FRAMES);
        tlb = new SoftTlb(SHIFT, ENTRIES, frames);
        tlb.view(view);
        select(tlb, tlb.newNumber());
    }

    /** Selects a space for probes and for the view, as a CPU does when it enters GUEST in that space. */
    private void select(SoftTlb of, int number) {
        of.select(number);
        view.key(number);
    }

    /** Fills both parts; the part for fetches only with the right to execute. */
    private static long fill(SoftTlb of, long address, int frame, long rights) {
        if ((rights & Pte.EXEC) != 0) {
            of.fill(address, frame, rights, Pte.EXEC);
        }
        return of.fill(address, frame, rights, Pte.READ);
    }

    private void assertFinds(long expected, long address) {
        for (long right : new long[] {Pte.READ, Pte.WRITE, Pte.EXEC}) {
            assertEquals(expected, view.find(address, 8, right));
        }
    }

    @Test
    @DisplayName("a view finds a frame in the region at its physical address, and never one elsewhere")
    void elsewhere() {
        assertSame(frames.region(), view.region);
        for (int frame = 0; frame < FRAMES; frame++) {
            long physical = frame * PAGE + 8;
            assertEquals(physical, fill(tlb, AT + 8, frame, RIGHTS));
            assertEquals(physical, tlb.probe(AT + 8, 8, Pte.READ));
            assertFinds(frame < IN_REGION ? physical : SoftTlb.MISS, AT + 8);
        }
    }

    @Test
    @DisplayName("a view that comes late finds what the TLB has, once it has the number of the space")
    void late() {
        int number = tlb.newNumber();
        tlb.select(number);
        fill(tlb, AT, 3, RIGHTS);
        Reading late = new Reading();
        tlb.view(late);
        assertEquals(SoftTlb.MISS, late.find(AT + 5, 2, Pte.EXEC));
        late.key(number);
        assertEquals(3 * PAGE + 5, late.find(AT + 5, 2, Pte.EXEC));
    }

    @Test
    @DisplayName("a view of pages smaller than a granule, or of frames without a region, finds nothing")
    void without() {
        SoftTlb small = new SoftTlb(9, ENTRIES, new DirectFrames(9, 4, FRAMES));
        small.view(view);
        select(small, small.newNumber());
        fill(small, AT, 1, RIGHTS);
        assertFinds(SoftTlb.MISS, AT);
        assertNull(view.region);
        SoftTlb none = new SoftTlb(SHIFT, ENTRIES);
        none.view(view);
        select(none, none.newNumber());
        fill(none, AT, 1, RIGHTS);
        assertFinds(SoftTlb.MISS, AT);
        assertEquals(PAGE, none.probe(AT, 1, Pte.READ));
    }

    @Test
    @DisplayName("over random fills, flushes and switches a view finds what a probe finds, but nothing elsewhere")
    void random() {
        Random random = new Random(11);
        int[] numbers = {tlb.newNumber(), tlb.newNumber(), SoftTlb.NOTHING};
        select(tlb, numbers[0]);
        int selected = numbers[0];
        for (int step = 0; step < 20_000; step++) {
            long address = AT + random.nextInt(40) * PAGE + random.nextInt((int) PAGE);
            int what = random.nextInt(8);
            if (what == 0) {
                selected = numbers[random.nextInt(numbers.length)];
                select(tlb, selected);
            } else if (what == 1) {
                long page = address & -PAGE;
                tlb.tryFlush(page, page + (1 + random.nextInt(3)) * PAGE);
            } else if (what < 5 && selected != SoftTlb.NOTHING) {
                fill(tlb, address, random.nextInt(FRAMES), random.nextLong() & RIGHTS);
            }
            long right = Pte.READ << random.nextInt(3);
            int size = 1 << random.nextInt(4);
            long physical = tlb.probe(address, size, right);
            boolean isInRegion = physical != SoftTlb.MISS && frames.isInRegion((int) (physical >>> SHIFT));
            assertEquals(isInRegion ? physical : SoftTlb.MISS, view.find(address, size, right));
        }
    }
}
