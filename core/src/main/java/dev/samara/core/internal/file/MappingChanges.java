// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The changes that one edit makes to the number of VMAs of each shared object. A change is applied when it is settled,
 * and can be reverted after that. Only {@link #add} allocates: changes are settled after publication too. Used by one
 * thread at a time.
 */
public final class MappingChanges {
    private final IdentityHashMap<SharedAnonymous, Change> byObject = new IdentityHashMap<>();

    /** All changes, for loops without an iterator. */
    private final List<Change> changes = new ArrayList<>(1);

    private static final class Change {
        final SharedAnonymous object;

        /** The part that is not applied yet. */
        int unsettled;

        int settled;

        Change(SharedAnonymous object) {
            this.object = object;
        }
    }

    /** Adds to the unsettled change of an object. */
    public void add(SharedAnonymous object, int by) {
        Change change = byObject.get(object);
        if (change == null) {
            change = new Change(object);
            changes.add(change);
            byObject.put(object, change);
        }
        change.unsettled += by;
    }

    /**
     * Applies the unsettled changes, or only the increases.
     *
     * @return the bytes that the caller charges, or, if negative, uncharges
     */
    public long settle(boolean moreOnly) {
        long owed = 0;
        for (int i = 0; i < changes.size(); i++) {
            Change change = changes.get(i);
            if (!moreOnly || change.unsettled >= 0) {
                owed += change.object.count(change.unsettled);
                change.settled += change.unsettled;
                change.unsettled = 0;
            }
        }
        return owed;
    }

    /**
     * Reverts the settled changes.
     *
     * @return the bytes that the caller charges, or, if negative, uncharges
     */
    public long revert() {
        long owed = 0;
        for (int i = 0; i < changes.size(); i++) {
            Change change = changes.get(i);
            owed += change.object.count(-change.settled);
            change.settled = 0;
        }
        return owed;
    }

    /**
     * Returns a copy of the unsettled decreases, and of those of another edit.
     *
     * @param earlier the decreases of another edit, or null
     * @return the decreases, or null for none
     */
    public @Nullable MappingChanges decreases(@Nullable MappingChanges earlier) {
        MappingChanges decreases = earlier == null ? null : earlier.decreases(null);
        for (int i = 0; i < changes.size(); i++) {
            Change change = changes.get(i);
            if (change.unsettled < 0) {
                if (decreases == null) {
                    decreases = new MappingChanges();
                }
                decreases.add(change.object, change.unsettled);
            }
        }
        return decreases;
    }
}
