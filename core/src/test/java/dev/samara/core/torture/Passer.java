// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.Fault;
import java.util.List;
import java.util.Random;

/**
 * Reads the plots of others, and writes to them what is there: adds 0, which a page is faulted in and copied for as for
 * any other write, and which changes nothing.
 */
final class Passer implements Actor {
    private final MemoryGround.View view;
    private final List<Plot> plots;
    private final Checker contents;
    private final Checker rights;

    Passer(MemoryGround ground, List<Plot> plots, Checker contents, Checker rights) {
        view = ground.view();
        this.plots = plots;
        this.contents = contents;
        this.rights = rights;
    }

    @Override
    public void step(Random random) {
        Plot plot = plots.get(random.nextInt(plots.size()));
        int page = random.nextInt(Plot.PAGES);
        int part = MemoryGround.PARTS[random.nextInt(MemoryGround.PARTS.length)];
        for (int n = 0; n < 4; n++) {
            pass(plot, page, part, random.nextBoolean());
        }
    }

    private void pass(Plot plot, int page, int part, boolean writes) {
        int before = plot.turn(page);
        long content = plot.content(page);
        long address = plot.at.get() + page * Ground.PAGE + part;
        int result = writes ? view.add(address, 0) : view.load(address);
        long read = Fault.isDone(result) ? view.value() : 0;
        boolean steady = (before & 1) == 0 && plot.turn(page) == before;
        if (Fault.isDone(result)) {
            boolean holds = steady ? plot.has(content, read, page) : plot.mayHave(read, page);
            contents.check(holds, holds ? "" : plot.say(page, content, result, read));
        }
        if (steady) {
            boolean holds = Plot.gives(Plot.state(content), result, writes);
            rights.check(holds, holds ? "" : plot.say(page, content, result, read));
        }
    }
}
