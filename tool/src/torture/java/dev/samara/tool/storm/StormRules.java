// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.mman.Fault;
import java.util.concurrent.atomic.LongAdder;

/** The rules of a storm, and its counts. Thread-safe. */
final class StormRules {
    final Invariant hardware;
    final Invariant sums;
    final Invariant returned;
    final Invariant stale;
    final Invariant freed;
    final Invariant hooks;
    final Invariant foreign;
    final Invariant allowed;
    final Invariant children;
    final Invariant ended;
    final Invariant left;
    final Invariant strength;

    final Invariant moved;
    final Invariant noticed;
    final Invariant refused;
    final Invariant closed;
    final Invariant lent;
    final Invariant filed;
    final Invariant silent;
    final Invariant progress;
    final Invariant garbage;
    final Invariant flat;

    /**
     * Words: {@code accesses}, {@code overlaps}, {@code changes}.
     * Written: any thread (adder).
     * Read: the thread of the storm (sum).
     * Invariant: counts; they order nothing.
     */
    final LongAdder accesses = new LongAdder();

    final LongAdder overlaps = new LongAdder();
    final LongAdder changes = new LongAdder();

    StormRules(Course course) {
        hardware = new Invariant("I1, I2 and I3 of each access, judged by the machine", course);
        sums = new Invariant("I1 one translation: no addition is lost", course);
        returned = new Invariant("I2 no access after return", course);
        stale = new Invariant("I2 no content from before a return", course);
        freed = new Invariant("I3 no access to a freed frame", course);
        hooks = new Invariant("I2 a CPU tells of its flush before the call returns", course);
        foreign = new Invariant("no content of another page or space", course);
        allowed = new Invariant("a permitted access succeeds", course);
        children = new Invariant("a child keeps the contents of its fork", course);
        moved = new Invariant("I4 moved pages keep their contents beside early reuse of their range", course);
        noticed = new Invariant("a page that was clean is written only after a new notice", course);
        refused = new Invariant("I5 a call from GUEST is refused where it would wait", course);
        closed = new Invariant("a space that is closed beside its use has its own pages only", course);
        lent = new Invariant("a space that is lent has its pages until it is reaped", course);
        filed = new Invariant("a page of a file of the host has its last store after its eviction", course);
        silent = new Invariant("I10 no callback fails", course);
        progress = new Invariant("I5 every step makes progress", course);
        garbage = new Invariant("I9 ended objects are garbage", course);
        flat = new Invariant("I9 resources at the end equal those at the start", course);
        ended = new Invariant("every thread ends, and none by an exception", course);
        left = new Invariant("nothing is left after close", course);
        strength = new Invariant("the run met enough", course);
    }

    /**
     * Checks the content that was read from a page.
     *
     * @param cleared {@link PageModel#cleared}, read before the access
     */
    void content(PageModel plot, int page, long content, long cleared) {
        if (!plot.isJudged()) {
            return;
        }
        if (PageModel.isPoison(content)) {
            freed.broken("poison in " + plot.name(page));
            return;
        }
        freed.held();
        if (!plot.isOwn(page, content)) {
            foreign.broken("0x" + Long.toHexString(content) + " in " + plot.name(page));
            return;
        }
        foreign.held();
        if (PageModel.isStale(content, cleared)) {
            stale.broken("a stamp of version " + (content & PageModel.ANY_VERSION) + " in " + plot.name(page)
                    + ", which was cleared at " + cleared);
        } else {
            stale.held();
        }
    }

    /** Checks the result of an access against the page's word before and after the access. */
    void outcome(PageModel plot, int page, long before, int right, int result) {
        boolean done = result == Fault.NONE;
        accesses.increment();
        if (!plot.isJudged()) {
            return;
        }
        if (PageModel.isChanging(before) || plot.word(page) != before) {
            overlaps.increment();
        } else if (PageModel.allows(before, right)) {
            if (done) {
                allowed.held();
            } else {
                allowed.broken("right " + right + " of " + plot.name(page) + " fails: " + Fault.toString(result));
            }
        } else if (done) {
            returned.broken("right " + right + " of " + plot.name(page) + " is used, which was taken away");
        } else {
            returned.held();
        }
    }
}
