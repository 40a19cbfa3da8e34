// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The word of one reader: whether the reader is in a section, and in which one.
 *
 * <p>One thread at a time uses it, its owner; {@link Rcu} reads it. Sections nest. The start of a section costs one
 * volatile store, the end one release store. Neither allocates.
 */
public final class RcuReader extends ReaderWord {
    private final String name;

    /**
     * The name of the thread that uses this reader, for reports; null if none is known. The name and not the thread,
     * because the reader of an idle CPU would keep an ended thread reachable.
     *
     * <p>Written: the thread that claims or hands over the CPU of the reader, or to which the CPU is lent, if that
     *     changes the name (volatile).
     * Read: that thread; a thread that reports a reader (volatile).
     * Invariant: used only for reports, because the owner may have changed since.
     */
    private volatile @Nullable String owner;

    /* Only the owner uses these. */
    private long entered;
    private int depth;

    RcuReader(String name) {
        this.name = name;
    }

    /** Starts a section, or a nested one ({@code rcu_read_lock}). Never waits, and excludes no thread. */
    public void readLock() {
        if (depth++ == 0) {
            // A volatile store, before every load of the section. Pairs with the fence and the scan of Rcu.synchronize,
            // and of PolledGracePeriods. Either the scan sees this section, or this section sees every unlinking before
            // the scan.
            setSectionVolatile(++entered);
        }
    }

    /**
     * Ends the innermost section ({@code rcu_read_unlock}).
     *
     * @throws IllegalStateException if the reader is not in a section; then this changes nothing
     */
    public void readUnlock() {
        if (depth == 0) {
            throw new IllegalStateException("reader " + name() + " leaves a section that it is not in");
        }
        if (--depth == 0) {
            // A release store, after every access of the section. Pairs with the scans, and with the reads of the
            // section number after a scan.
            setSectionRelease(0);
        }
    }

    /** Ends all sections, including one whose {@link #readUnlock} was cut short by an Error. */
    public void readUnlockAll() {
        depth = 0;
        if (sectionPlain() != 0) {
            // Like readUnlock.
            setSectionRelease(0);
        }
    }

    /**
     * Returns whether the owner is in a section. Called only by the owner.
     *
     * @return whether it is in a section
     */
    public boolean isReading() {
        return depth != 0;
    }

    /** Sets the thread that uses this reader, for reports; null if there is none. */
    public void ownedBy(@Nullable Thread thread) {
        String next = thread == null ? null : thread.getName();
        if (!Objects.equals(owner, next)) {
            owner = next;
        }
    }

    /** Returns the reader's name in reports, which includes the current owner. */
    public String name() {
        String of = owner;
        return of == null ? name : name + " of thread " + of;
    }

    @Override
    public String toString() {
        return name();
    }
}
