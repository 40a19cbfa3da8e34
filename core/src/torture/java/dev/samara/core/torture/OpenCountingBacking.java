// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Vma;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * A backing of one mapping, which tracks which parts are open. At random, its callbacks are slow, reject calls, throw,
 * or call back into the space.
 */
final class OpenCountingBacking extends NamedBacking {
    private final Set<Vma> open = ConcurrentHashMap.newKeySet();
    private final RandomFailures failures;
    private final Tally tally;
    private final Runnable callBack;

    /**
     * Creates a backing that is not mapped yet.
     *
     * @param callBack run at random in its callbacks
     */
    OpenCountingBacking(RandomFailures failures, Tally tally, Runnable callBack) {
        super("/counted", 1);
        this.failures = failures;
        this.tally = tally;
        this.callBack = callBack;
    }

    /** Returns whether at least one open is not closed yet. */
    boolean isOpen() {
        return !open.isEmpty();
    }

    @Override
    public @Nullable Errno open(Vma vma) {
        misbehave();
        if (failures.once(16)) {
            return Errno.EAGAIN;
        }
        tally.opens.increment();
        tally.pairs.check(open.add(vma), "opened twice for one VMA");
        return null;
    }

    @Override
    public @Nullable Errno maySplit(Vma vma, long address) {
        tally.openWhileHeld.check(isOpen(), "asked for a split while closed");
        misbehave();
        return failures.once(16) ? Errno.EACCES : null;
    }

    @Override
    public void close(Vma vma) {
        tally.closes.increment();
        tally.pairs.check(open.remove(vma), "closed without, or twice for, one open");
        misbehave();
    }

    private void misbehave() {
        failures.linger();
        failures.fail(32);
        if (failures.once(16)) {
            callBack.run();
        }
    }

    /** The counts of all backings of a space together. */
    static final class Tally {
        final LongAdder opens = new LongAdder();
        final LongAdder closes = new LongAdder();
        final Checker pairs;
        final Checker openWhileHeld;

        /**
         * Creates counts without an open.
         *
         * @param pairs checks that each open is closed once
         * @param openWhileHeld checks that a backing is open as long as it is needed
         */
        Tally(Checker pairs, Checker openWhileHeld) {
            this.pairs = pairs;
            this.openWhileHeld = openWhileHeld;
        }
    }
}
