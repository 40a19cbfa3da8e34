// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.Fault;
import java.util.List;
import java.util.Random;

/**
 * Reads the areas of other threads, and writes to them without changing them, by adding 0, which faults in and copies a
 * page like any other write.
 */
final class ForeignAccesses implements Actor {
    private final TortureMachine.View view;
    private final List<OwnedPages> areas;
    private final Checker contents;
    private final Checker rights;

    ForeignAccesses(TortureMachine setup, List<OwnedPages> areas, Checker contents, Checker rights) {
        view = setup.view();
        this.areas = areas;
        this.contents = contents;
        this.rights = rights;
    }

    @Override
    public void step(Random random) {
        OwnedPages area = areas.get(random.nextInt(areas.size()));
        int page = random.nextInt(OwnedPages.PAGES);
        int part = TortureMachine.PARTS[random.nextInt(TortureMachine.PARTS.length)];
        for (int n = 0; n < 4; n++) {
            pass(area, page, part, random.nextBoolean());
        }
    }

    private void pass(OwnedPages area, int page, int part, boolean writes) {
        int before = area.turn(page);
        long content = area.content(page);
        long address = area.at.get() + page * TortureSpace.PAGE + part;
        int result = writes ? view.add(address, 0) : view.load(address);
        long read = result == Fault.NONE ? view.value() : 0;
        boolean steady = (before & 1) == 0 && area.turn(page) == before;
        if (result == Fault.NONE) {
            boolean holds = steady ? area.has(content, read, page) : area.mayHave(read, page);
            contents.check(holds, holds ? "" : area.say(page, content, result, read));
        }
        if (steady) {
            boolean holds = OwnedPages.gives(OwnedPages.state(content), result, writes);
            rights.check(holds, holds ? "" : area.say(page, content, result, read));
        }
    }
}
