// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.lang.reflect.Array;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The names of the locations that two threads of one run accessed, at least one of them with a write. Preemptions are
 * tried only before accesses to these locations: a preemption before any other access is equivalent to one before the
 * thread's next access to one of them. The names are learnt run by run; when one is added, an exploration starts again.
 */
final class SharedLocations {
    private static final class Users {
        SteppedThread first;
        boolean severalThreads;
        boolean written;

        Users(SteppedThread first) {
            this.first = first;
        }
    }

    /** A location of one run. */
    private record Location(Access access) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Location location && access.isOfSameLocation(location.access);
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(access.base()) * 31 + access.index() * 7 + Objects.hashCode(access.field());
        }
    }

    /** An array element. Arrays have no names, so it stands for the element of every array of that type and length. */
    private record Element(Class<?> array, int length, int index) {}

    /** The names of fields, and the {@link Element}s. */
    private final Set<Object> names = new HashSet<>();

    private final Map<Location, Users> users = new HashMap<>();

    private static Object key(Access access) {
        Object base = access.base();
        if (access.field() != null || base == null) {
            return String.valueOf(access.field());
        }
        return new Element(base.getClass(), Array.getLength(base), access.index());
    }

    /** Starts a run. */
    void begin() {
        users.clear();
    }

    boolean contain(Access access) {
        return access.kind() == Access.Kind.SPIN || access.isOfBuffer() || names.contains(key(access));
    }

    /** Records an access; returns whether a name was added. */
    boolean add(SteppedThread thread, Access access) {
        boolean isAccess = access.kind() == Access.Kind.READ || access.kind() == Access.Kind.WRITE;
        if (!isAccess) {
            return false;
        }
        Object key = key(access);
        if (names.contains(key)) {
            return false;
        }
        Users known = users.computeIfAbsent(new Location(access), location -> new Users(thread));
        known.severalThreads |= known.first != thread;
        known.written |= access.kind() == Access.Kind.WRITE;
        return known.severalThreads && known.written && names.add(key);
    }

    int size() {
        return names.size();
    }
}
