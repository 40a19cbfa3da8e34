// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The word of a reader, alone on its cache lines. Every section writes the word, and every grace period reads the words
 * of all readers. The fields after the word belong to the reader.
 */
abstract class ReaderWord extends Padding {
    private static final VarHandle SECTION;

    static {
        try {
            SECTION = MethodHandles.lookup().findVarHandle(ReaderWord.class, "section", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /**
     * The number of the section that the reader is in; 0 if it is in none. Numbers are never reused.
     *
     * <p>Written: the owner of the {@code RcuReader}, at the start of a section (volatile) and at its end (release).
     * Read: {@code GracePeriodSections}, for {@code Rcu.synchronize} and {@code PolledGracePeriods}, after a full fence
     *     (volatile); its owner, when it ends all of its sections together (plain).
     * Pairs: a reader sets the word, then loads entries; an updater clears the entry, fences (full), then scans the
     *     readers.
     * Invariant: 0 outside sections; no number is used twice. The store that ends a section comes after its last
     *     access.
     */
    private long section;

    final long sectionPlain() {
        return section;
    }

    final long sectionVolatile() {
        return (long) SECTION.getVolatile(this);
    }

    final void setSectionVolatile(long number) {
        SECTION.setVolatile(this, number);
    }

    final void setSectionRelease(long number) {
        SECTION.setRelease(this, number);
    }
}
