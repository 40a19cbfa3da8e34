// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import java.util.Random;

/**
 * Memory that grows: the heap, which its owner moves the end of, and a stack, which any access below it makes larger.
 */
final class Growing {
    private static final long STACK = 0x40_0000_0000L;
    private static final int WRITABLE = Protection.READ | Protection.WRITE;

    private Growing() {}

    /** Moves the end of the heap, and writes below it. */
    static final class Heap implements Actor {
        final Plot plot;
        private final MemoryGround ground;
        private final Stamper stamper;
        private int end;

        Heap(MemoryGround ground, int owner, Checker contents) {
            this.ground = ground;
            plot = new Plot(owner, MemoryGround.HEAP, false);
            stamper = new Stamper(ground, plot, contents);
        }

        @Override
        public void step(Random random) {
            int page = random.nextInt(Plot.PAGES);
            switch (random.nextInt(8)) {
                case 0, 1 -> move(random.nextInt(Plot.PAGES + 1));
                case 2, 3 -> stamper.check(0, Plot.PAGES);
                default -> stamper.stamp(page, random);
            }
        }

        private void move(int to) {
            int first = Math.min(end, to);
            int behind = Math.max(end, to);
            plot.begin(first, behind);
            long wanted = MemoryGround.HEAP + to * Ground.PAGE;
            long got = ground.space.brk(wanted);
            if (got != wanted) {
                throw new IllegalStateException("brk has refused 0x" + Long.toHexString(wanted));
            }
            for (int page = first; page < behind; page++) {
                plot.set(page, to > end ? Plot.State.WRITABLE : Plot.State.GONE, 0, 0);
            }
            stamper.check(first, behind);
            plot.end(first, behind);
            ground.met.count(to > end ? "heap grown" : "heap cut");
            end = to;
        }
    }

    /** Writes to a stack anywhere below its top, and takes it away. */
    static final class Stack implements Actor {
        final Plot plot;
        private final MemoryGround ground;
        private final Stamper stamper;
        private boolean isMapped;

        Stack(MemoryGround ground, int owner, Checker contents) {
            this.ground = ground;
            plot = new Plot(owner, STACK, false);
            stamper = new Stamper(ground, plot, contents);
        }

        @Override
        public void step(Random random) {
            if (!isMapped) {
                map();
                return;
            }
            int page = random.nextInt(Plot.PAGES);
            switch (random.nextInt(16)) {
                case 0 -> unmap();
                case 1, 2 -> stamper.check(page, Plot.PAGES);
                default -> stamper.stamp(page, random);
            }
        }

        private void map() {
            long top = STACK + (Plot.PAGES - 1) * Ground.PAGE;
            plot.begin(0, Plot.PAGES);
            int flags = Ground.FIXED | MapFlags.GROWSDOWN;
            Ground.succeed(ground.space.mmap(top, Ground.PAGE, WRITABLE, flags, null, 0));
            for (int page = 0; page < Plot.PAGES; page++) {
                plot.set(page, Plot.State.WRITABLE, 0, 0);
            }
            plot.end(0, Plot.PAGES);
            isMapped = true;
        }

        private void unmap() {
            plot.begin(0, Plot.PAGES);
            Ground.succeed(ground.space.munmap(STACK, Plot.PAGES * Ground.PAGE));
            for (int page = 0; page < Plot.PAGES; page++) {
                plot.set(page, Plot.State.GONE, 0, 0);
            }
            stamper.check(0, Plot.PAGES);
            plot.end(0, Plot.PAGES);
            isMapped = false;
            ground.met.count("stack unmapped");
        }
    }
}
