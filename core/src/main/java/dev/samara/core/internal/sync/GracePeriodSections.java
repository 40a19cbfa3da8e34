// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The reader sections for which one grace period waits: all sections that started before it. {@link Rcu#synchronize}
 * waits until they have ended, and {@link PolledGracePeriods} polls for that. Used by one thread at a time.
 */
final class GracePeriodSections {
    private final RcuReaders registered;
    private final RcuReader[] readers;

    /** For each reader, its section at the start of the grace period; 0 if it was in none. */
    private final long[] sections;

    private final int count;
    private final long since = System.nanoTime();

    /** The index of the first reader whose section was not seen to end. */
    private int first;

    /** Whether the reader at {@link #first} was reported. */
    private boolean isReported;

    /** The last reader that was still in its section when it was checked. */
    private @Nullable RcuReader last;

    private GracePeriodSections(RcuReaders registered, RcuReader[] readers, long[] sections, int count) {
        this.registered = registered;
        this.readers = readers;
        this.sections = sections;
        this.count = count;
    }

    /**
     * Starts a grace period by scanning the readers. If no reader is in a section, the grace period is over; then this
     * returns null, and allocates nothing.
     */
    static @Nullable GracePeriodSections scan(RcuReaders registered) {
        // Orders the unlinking, by callers of Rcu.synchronize or of Rcu.startPoll, before the scan. Pairs with the
        // volatile store of RcuReader.readLock.
        VarHandle.fullFence();
        RcuReader[] all = registered.all();
        long[] sections = null;
        int count = 0;
        // Reads all sections before it waits for the first one, because this grace period need not wait for a section
        // that starts later.
        for (int i = 0; i < all.length; i++) {
            long section = all[i].sectionVolatile();
            if (section != 0) {
                sections = sections == null ? new long[all.length] : sections;
                sections[i] = section;
                count++;
            }
        }
        return sections == null ? null : new GracePeriodSections(registered, all, sections, count);
    }

    /** Returns whether all sections have ended. The section of an unregistered reader counts like any other. */
    boolean haveEnded() {
        for (; first < readers.length; pass()) {
            long section = sections[first];
            if (section != 0 && readers[first].sectionVolatile() == section) {
                last = readers[first];
                return false;
            }
        }
        return true;
    }

    /**
     * Returns whether all sections have ended; the sections of unregistered readers count as ended. Reports each reader
     * that delays the grace period for too long, once.
     */
    boolean checkEnded() {
        while (!haveEnded()) {
            RcuReader reader = readers[first];
            if (registered.isRegistered(reader)) {
                isReported = isReported || registered.reportIfLong(reader, System.nanoTime() - since);
                return false;
            }
            pass();
        }
        return true;
    }

    private void pass() {
        first++;
        isReported = false;
    }

    /** Returns the number of sections at the start. */
    int count() {
        return count;
    }

    /** Returns the name of the last reader that was awaited; null if all sections had ended at the first check. */
    @Nullable
    String lastName() {
        RcuReader reader = last;
        return reader == null ? null : reader.name();
    }
}
