// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.schedule;

import org.jspecify.annotations.Nullable;

/**
 * A step that a thread is about to make: one access to a location that threads share. Two accesses to a location
 * conflict unless both only read.
 *
 * @param kind the effect of the access
 * @param base the object that has the location, null for a static field
 * @param index the index in an array, -1 elsewhere
 * @param name the name of the location in its object
 * @param text the operation, for people
 * @param site class, method and line
 */
record Access(Kind kind, @Nullable Object base, int index, String name, String text, String site) {
    enum Kind {
        READ,
        WRITE,
        /** A spin-wait hint: the thread waits for any change. Conflicts with every access. */
        SPIN,
        /** The beginning of a thread, a callback: conflicts with nothing. */
        NONE
    }

    boolean conflicts(Access other) {
        if (kind == Kind.SPIN || other.kind == Kind.SPIN) {
            return true;
        }
        if (kind == Kind.NONE || other.kind == Kind.NONE || (kind == Kind.READ && other.kind == Kind.READ)) {
            return false;
        }
        return isOfSameLocation(other);
    }

    private boolean isOfSameLocation(Access other) {
        return base == other.base && index == other.index && name.equals(other.name);
    }

    @Override
    public String toString() {
        return name.isEmpty() ? text + " at " + site : text + ' ' + name + " at " + site;
    }
}
