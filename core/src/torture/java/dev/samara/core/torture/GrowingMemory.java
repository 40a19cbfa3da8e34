// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.Mman;
import java.util.Random;

/**
 * Memory that grows: the heap, whose end its owner moves, and a stack, which grows when a thread accesses memory below
 * it.
 */
final class GrowingMemory {
    private static final long STACK = 0x40_0000_0000L;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;

    private GrowingMemory() {}

    /** Moves the end of the heap, and writes below it. */
    static final class Heap implements Actor {
        final OwnedPages area;
        private final TortureMachine setup;
        private final PageStamps stamper;
        private int end;

        Heap(TortureMachine setup, int owner, Checker contents) {
            this.setup = setup;
            area = new OwnedPages(owner, TortureMachine.HEAP, false);
            stamper = new PageStamps(setup, area, contents);
        }

        @Override
        public void step(Random random) {
            int page = random.nextInt(OwnedPages.PAGES);
            switch (random.nextInt(8)) {
                case 0, 1 -> move(random.nextInt(OwnedPages.PAGES + 1));
                case 2, 3 -> stamper.check(0, OwnedPages.PAGES);
                default -> stamper.stamp(page, random);
            }
        }

        private void move(int to) {
            int first = Math.min(end, to);
            int behind = Math.max(end, to);
            area.begin(first, behind);
            long wanted = TortureMachine.HEAP + to * TortureSpace.PAGE;
            long got = setup.space.brk(wanted);
            if (got != wanted) {
                throw new IllegalStateException("brk has refused 0x" + Long.toHexString(wanted));
            }
            for (int page = first; page < behind; page++) {
                area.set(page, to > end ? OwnedPages.State.WRITABLE : OwnedPages.State.GONE, 0, 0);
            }
            stamper.check(first, behind);
            area.end(first, behind);
            setup.events.count(to > end ? "heap grown" : "heap cut");
            end = to;
        }
    }

    /** Writes to a stack anywhere below its top, and unmaps it. */
    static final class Stack implements Actor {
        final OwnedPages area;
        private final TortureMachine setup;
        private final PageStamps stamper;
        private boolean isMapped;

        Stack(TortureMachine setup, int owner, Checker contents) {
            this.setup = setup;
            area = new OwnedPages(owner, STACK, false);
            stamper = new PageStamps(setup, area, contents);
        }

        @Override
        public void step(Random random) {
            if (!isMapped) {
                map();
                return;
            }
            int page = random.nextInt(OwnedPages.PAGES);
            switch (random.nextInt(16)) {
                case 0 -> unmap();
                case 1, 2 -> stamper.check(page, OwnedPages.PAGES);
                default -> stamper.stamp(page, random);
            }
        }

        private void map() {
            long top = STACK + (OwnedPages.PAGES - 1) * TortureSpace.PAGE;
            area.begin(0, OwnedPages.PAGES);
            int flags = TortureSpace.FIXED | Mman.GROWSDOWN;
            TortureSpace.succeed(setup.space.mmap(top, TortureSpace.PAGE, WRITABLE, flags, null, 0));
            for (int page = 0; page < OwnedPages.PAGES; page++) {
                area.set(page, OwnedPages.State.WRITABLE, 0, 0);
            }
            area.end(0, OwnedPages.PAGES);
            isMapped = true;
        }

        private void unmap() {
            area.begin(0, OwnedPages.PAGES);
            TortureSpace.succeed(setup.space.munmap(STACK, OwnedPages.PAGES * TortureSpace.PAGE));
            for (int page = 0; page < OwnedPages.PAGES; page++) {
                area.set(page, OwnedPages.State.GONE, 0, 0);
            }
            stamper.check(0, OwnedPages.PAGES);
            area.end(0, OwnedPages.PAGES);
            isMapped = false;
            setup.events.count("stack unmapped");
        }
    }
}
