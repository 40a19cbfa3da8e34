// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.lang.reflect.Array;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A step that a thread is about to perform: one access to a location that threads share. Two accesses to the same
 * location conflict unless both only read.
 *
 * @param kind the effect of the access
 * @param base the object that contains the location, or null for a static field
 * @param index the index in an array, or -1 if the location is not an array element
 * @param field the name of the location in its object, or null for an array element
 * @param text the operation, for reports
 * @param site the class, method and line
 */
record Access(
        Kind kind,
        @Nullable Object base,
        int index,
        @Nullable String field,
        String text,
        String site) {
    enum Kind {
        READ,
        WRITE,
        /** A spin-wait hint: the thread waits for any change. It conflicts with every access. */
        SPIN,
        /** The start of a thread, or a callback. It conflicts with nothing. */
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

    boolean isOfSameLocation(Access other) {
        return base == other.base && index == other.index && Objects.equals(field, other.field);
    }

    /** Returns whether the step performs stores from a store buffer. */
    boolean isOfBuffer() {
        return StoreBuffer.NAME.equals(field);
    }

    /** Returns the name of the location. It is created on request, because most steps are never shown. */
    String name() {
        return field != null || base == null
                ? String.valueOf(field)
                : base.getClass().getComponentType().getSimpleName() + '[' + Array.getLength(base) + ']';
    }

    @Override
    public String toString() {
        return name().isEmpty() ? text + " at " + site : text + ' ' + name() + " at " + site;
    }
}
