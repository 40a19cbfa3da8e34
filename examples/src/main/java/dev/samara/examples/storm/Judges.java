// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.storm;

import dev.samara.core.vma.Fault;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;

/** The rules of a storm, and what it counts. For any thread. */
final class Judges {
    final Invariant hardware = new Invariant("I1, I2 and I3 of each access, judged by the machine");
    final Invariant sums = new Invariant("I1 one translation: no addition is lost");
    final Invariant returned = new Invariant("I2 no access after return");
    final Invariant stale = new Invariant("I2 no content from before a return");
    final Invariant freed = new Invariant("I3 no access to a freed frame");
    final Invariant hooks = new Invariant("I2 a CPU tells of its flush before the call returns");
    final Invariant foreign = new Invariant("no content of another page or space");
    final Invariant allowed = new Invariant("what is allowed succeeds");
    final Invariant children = new Invariant("a child keeps what it was forked with");
    final Invariant ended = new Invariant("every thread ends, and none by an exception");
    final Invariant left = new Invariant("nothing is left after close");
    final Invariant strength = new Invariant("the run met enough");

    final LongAdder accesses = new LongAdder();
    final LongAdder overlaps = new LongAdder();
    final LongAdder changes = new LongAdder();

    List<Invariant> all(boolean checked) {
        List<Invariant> own =
                List.of(sums, returned, stale, freed, hooks, foreign, allowed, children, ended, left, strength);
        return checked || hardware.isBroken()
                ? Stream.concat(Stream.of(hardware), own.stream()).toList()
                : own;
    }

    /** Judges what was read in a page; {@code cleared} was asked for before the access. */
    void content(Plot plot, int page, long content, long cleared) {
        if (!plot.isJudged()) {
            return;
        }
        if (Plot.isPoison(content)) {
            freed.broken("poison in " + plot.name(page));
            return;
        }
        freed.held();
        if (!plot.isOwn(page, content)) {
            foreign.broken("0x" + Long.toHexString(content) + " in " + plot.name(page));
            return;
        }
        foreign.held();
        if (Plot.isStale(content, cleared)) {
            stale.broken("a stamp of version " + (content & Plot.ANY_VERSION) + " in " + plot.name(page)
                    + ", which was cleared at " + cleared);
        } else {
            stale.held();
        }
    }

    /** Judges how an access ended, by what the page's word was before it and after. */
    void outcome(Plot plot, int page, long before, int right, int result) {
        boolean done = Fault.isDone(result);
        accesses.increment();
        if (!plot.isJudged()) {
            return;
        }
        if (Plot.isChanging(before) || plot.word(page) != before) {
            overlaps.increment();
        } else if (Plot.allows(before, right)) {
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
