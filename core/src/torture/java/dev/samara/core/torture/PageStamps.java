// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.Fault;
import java.util.Random;

/**
 * Writes stamps to the pages of an area on behalf of its owner, and compares the contents of the pages with the
 * expected contents.
 */
final class PageStamps {
    private final TortureMachine setup;
    private final TortureMachine.View view;
    private final OwnedPages area;
    private final Checker contents;
    private long sequence;

    PageStamps(TortureMachine setup, OwnedPages area, Checker contents) {
        this.setup = setup;
        this.area = area;
        this.contents = contents;
        view = setup.view();
    }

    private long address(int page) {
        return area.at.get() + page * TortureSpace.PAGE;
    }

    /** Writes a new stamp to a page, if the page is writable. */
    void stamp(int page, Random random) {
        if (OwnedPages.state(area.content(page)) != OwnedPages.State.WRITABLE) {
            return;
        }
        long mark = TortureMachine.stamp(area.owner, page, ++sequence);
        long before = area.content(page);
        area.begin(page, page + 1);
        int written = 0;
        for (int part : TortureMachine.PARTS) {
            int result = view.store(address(page) + part, mark);
            contents.check(
                    OwnedPages.gives(OwnedPages.State.WRITABLE, result, true),
                    "a store was refused with " + Fault.toString(result));
            written += result == Fault.NONE ? 1 : 0;
            if (random.nextInt(4) == 0) {
                setup.failures.linger();
            }
        }
        if (written == TortureMachine.PARTS.length) {
            area.set(page, OwnedPages.State.WRITABLE, sequence, sequence);
        } else if (written != 0) {
            area.set(page, OwnedPages.State.WRITABLE, OwnedPages.low(before), sequence);
        }
        check(view, page, area.content(page), contents);
        area.end(page, page + 1);
    }

    /** Compares some pages with their expected contents. */
    void check(int first, int behind) {
        for (int page = first; page < behind; page++) {
            check(view, page, area.content(page), contents);
        }
    }

    /** Compares a page, in any space, with its expected content. */
    void check(TortureMachine.View in, int page, long content, Checker checker) {
        for (int part : TortureMachine.PARTS) {
            int result = in.load(address(page) + part);
            long read = result == Fault.NONE ? in.value() : 0;
            boolean holds = OwnedPages.gives(OwnedPages.state(content), result, false)
                    && (result != Fault.NONE || area.has(content, read, page));
            checker.check(holds, holds ? "" : area.say(page, content, result, read));
        }
    }
}
