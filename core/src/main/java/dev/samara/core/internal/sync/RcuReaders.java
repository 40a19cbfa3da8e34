// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The readers of one machine, for which its grace periods wait, and the report of a reader that delays a grace period
 * for too long. Thread-safe.
 */
final class RcuReaders {
    private final long reportAfterNanos;
    private final Consumer<String> reporter;

    /**
     * Replaced as a whole, under the lock. Scanned without the lock.
     *
     * <p>Written: holder of {@code lock} (volatile).
     * Read: {@code GracePeriodSections} (volatile).
     * Invariant: contains every reader that may be in a section, because a reader is registered before its first
     *     section.
     */
    private volatile RcuReader[] readers = {};

    private final ReentrantLock lock = new CheckedLock();

    /**
     * Creates a set without readers.
     *
     * @param reportAfterNanos the time in nanoseconds after which a delaying reader is reported
     * @param reporter receives the report, on the thread that waits; must not throw
     */
    RcuReaders(long reportAfterNanos, Consumer<String> reporter) {
        this.reportAfterNanos = reportAfterNanos;
        this.reporter = reporter;
    }

    /** Adds a reader. Grace periods that start from now on wait for it. */
    void register(RcuReader reader) {
        lock.lock();
        try {
            RcuReader[] more = Arrays.copyOf(readers, readers.length + 1);
            more[readers.length] = reader;
            readers = more;
        } finally {
            lock.unlock();
        }
    }

    /** Removes a reader. Grace periods no longer wait for it, even if it is in a section. */
    void unregister(RcuReader reader) {
        lock.lock();
        try {
            List<RcuReader> fewer = new ArrayList<>(List.of(readers));
            fewer.remove(reader);
            readers = fewer.toArray(new RcuReader[0]);
        } finally {
            lock.unlock();
        }
    }

    /** Removes several readers in one step; see {@link #unregister(RcuReader)}. */
    void unregister(Set<RcuReader> gone) {
        lock.lock();
        try {
            readers = Arrays.stream(readers)
                    .filter(reader -> !gone.contains(reader))
                    .toArray(RcuReader[]::new);
        } finally {
            lock.unlock();
        }
    }

    /** Returns the readers; the array is never changed. */
    RcuReader[] all() {
        return readers;
    }

    boolean isRegistered(RcuReader reader) {
        for (RcuReader known : readers) {
            if (known == reader) {
                return true;
            }
        }
        return false;
    }

    /** Reports a reader if it has delayed a grace period for too long. Returns whether it has. */
    boolean reportIfLong(RcuReader reader, long waitedNanos) {
        if (waitedNanos < reportAfterNanos) {
            return false;
        }
        reporter.accept("a grace period waited " + TimeUnit.NANOSECONDS.toMillis(waitedNanos) + " ms for reader "
                + reader.name());
        return true;
    }
}
