// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The word of one reader: whether the reader is in a section, and in which one.
 *
 * <p>One thread at a time uses it, its owner; {@link Rcu} reads it. Sections nest. The beginning of a section costs one
 * volatile store, the end one release store. Neither allocates.
 */
public final class RcuReader extends ReaderWord {
    private static final VarHandle SECTION;

    static {
        try {
            SECTION = MethodHandles.lookup().findVarHandle(ReaderWord.class, "section", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final String name;

    /* Only the owner uses these. */
    private long entered;
    private int depth;

    RcuReader(String name) {
        this.name = name;
    }

    /** Begins a section, or a nested one ({@code rcu_read_lock}). Never waits, and excludes no thread. */
    public void readLock() {
        if (depth++ == 0) {
            // Volatile: before every load of the section. Pairs with the fence and the scan of Rcu.synchronize. Either
            // the scan sees this section, or this section sees what was unlinked before the scan.
            SECTION.setVolatile(this, ++entered);
        }
    }

    /**
     * Ends the innermost section ({@code rcu_read_unlock}).
     *
     * @throws IllegalStateException if the reader is in no section; nothing is changed then
     */
    public void readUnlock() {
        if (depth == 0) {
            throw new IllegalStateException("reader " + name + " leaves a section that it is not in");
        }
        if (--depth == 0) {
            // After every access of the section. Pairs with the scan of Rcu.synchronize.
            SECTION.setRelease(this, 0L);
        }
    }

    /** Ends all sections, including one whose {@link #readUnlock} was cut short by an Error. */
    public void readUnlockAll() {
        depth = 0;
        if (section != 0) {
            // Like readUnlock.
            SECTION.setRelease(this, 0L);
        }
    }

    /**
     * Returns whether the owner is in a section. For the owner only.
     *
     * @return whether it is in a section
     */
    public boolean isReading() {
        return depth != 0;
    }

    /**
     * Returns the reader's name in reports.
     *
     * @return the name
     */
    public String name() {
        return name;
    }

    /**
     * Returns the number of the section that the reader is in, 0 for none. Numbers are never reused. For any thread.
     */
    long section() {
        return (long) SECTION.getVolatile(this);
    }

    @Override
    public String toString() {
        return name;
    }
}
