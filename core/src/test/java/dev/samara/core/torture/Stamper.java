// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.Fault;
import java.util.Random;

/** Writes stamps to the pages of a plot, for its owner, and compares what is there with what must be. */
final class Stamper {
    private final MemoryGround ground;
    private final MemoryGround.View view;
    private final Plot plot;
    private final Checker contents;
    private long sequence;

    Stamper(MemoryGround ground, Plot plot, Checker contents) {
        this.ground = ground;
        this.plot = plot;
        this.contents = contents;
        view = ground.view();
    }

    private long address(int page) {
        return plot.at.get() + page * Ground.PAGE;
    }

    /** Writes a new stamp to a page, if that can be written. */
    void stamp(int page, Random random) {
        if (Plot.state(plot.content(page)) != Plot.State.WRITABLE) {
            return;
        }
        long mark = MemoryGround.stamp(plot.owner, page, ++sequence);
        long before = plot.content(page);
        plot.begin(page, page + 1);
        int written = 0;
        for (int part : MemoryGround.PARTS) {
            int result = view.store(address(page) + part, mark);
            contents.check(
                    Plot.gives(Plot.State.WRITABLE, result, true),
                    "a store was refused with " + Fault.toString(result));
            written += Fault.isDone(result) ? 1 : 0;
            if (random.nextInt(4) == 0) {
                ground.mischief.linger();
            }
        }
        if (written == MemoryGround.PARTS.length) {
            plot.set(page, Plot.State.WRITABLE, sequence, sequence);
        } else if (written != 0) {
            plot.set(page, Plot.State.WRITABLE, Plot.low(before), sequence);
        }
        check(view, page, plot.content(page), contents);
        plot.end(page, page + 1);
    }

    /** Compares some pages with what must be in them. */
    void check(int first, int behind) {
        for (int page = first; page < behind; page++) {
            check(view, page, plot.content(page), contents);
        }
    }

    /** Compares a page, in any space, with what is said of it. */
    void check(MemoryGround.View in, int page, long content, Checker checker) {
        for (int part : MemoryGround.PARTS) {
            int result = in.load(address(page) + part);
            long read = Fault.isDone(result) ? in.value() : 0;
            boolean holds = Plot.gives(Plot.state(content), result, false)
                    && (!Fault.isDone(result) || plot.has(content, read, page));
            checker.check(holds, holds ? "" : plot.say(page, content, result, read));
        }
    }
}
