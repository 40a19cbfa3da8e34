// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * One reader's word: whether it is in a reader section, and in which one.
 *
 * <p>Used by one thread at a time, its owner; {@link Rcu} reads it. Sections nest. Entering costs one volatile store,
 * leaving one release store; nothing is allocated.
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

    /* For the owner alone. */
    private long entered;
    private int depth;

    RcuReader(String name) {
        this.name = name;
    }

    /** Enters a section, or one more within it. */
    public void enter() {
        if (depth++ == 0) {
            // Volatile: before any load of the section. Pairs with the fence and the scan of Rcu.synchronize: either
            // that sees this section, or this sees what was unhooked before it.
            SECTION.setVolatile(this, ++entered);
        }
    }

    /**
     * Leaves the innermost section.
     *
     * @throws IllegalStateException if it is in none; nothing is changed then
     */
    public void exit() {
        if (depth == 0) {
            throw new IllegalStateException("reader " + name + " leaves a section that it is not in");
        }
        if (--depth == 0) {
            // After every access of the section. Pairs with the scan of Rcu.synchronize.
            SECTION.setRelease(this, 0L);
        }
    }

    /**
     * Leaves every section that the owner is in, also one that an {@link #exit} interrupted by an Error has left half.
     */
    public void exitAll() {
        depth = 0;
        if (section != 0) {
            // As in exit.
            SECTION.setRelease(this, 0L);
        }
    }

    /**
     * Whether the owner is in a section.
     *
     * @return true if so
     */
    public boolean isInside() {
        return depth != 0;
    }

    /**
     * Whom reports name.
     *
     * @return the name
     */
    public String name() {
        return name;
    }

    /** The number of the section it is in, 0 for none; numbers are never used again. For any thread. */
    long section() {
        return (long) SECTION.getVolatile(this);
    }

    @Override
    public String toString() {
        return name;
    }
}
