// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.schedule;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The names of the locations that two threads of one run have accessed, one of them to write. A preemption before any
 * other access is as good as one before the thread's next access of these, so only these are tried. The names are
 * learnt run by run; an exploration begins again when one is added.
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

    private record Location(Access access) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Location location
                    && access.base() == location.access.base()
                    && access.index() == location.access.index()
                    && access.name().equals(location.access.name());
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(access.base()) * 31
                    + access.index() * 7
                    + access.name().hashCode();
        }
    }

    private final Set<String> names = new HashSet<>();
    private final Map<Location, Users> users = new HashMap<>();

    private static String key(Access access) {
        return access.index() < 0 ? access.name() : access.name() + access.index();
    }

    /** Begins a run. */
    void begin() {
        users.clear();
    }

    boolean contain(Access access) {
        return access.kind() == Access.Kind.SPIN
                || access.name().equals(StoreBuffer.NAME)
                || names.contains(key(access));
    }

    /** Notes an access; returns whether a name was added. */
    boolean add(SteppedThread thread, Access access) {
        boolean isAccess = access.kind() == Access.Kind.READ || access.kind() == Access.Kind.WRITE;
        if (!isAccess || names.contains(key(access))) {
            return false;
        }
        Users known = users.computeIfAbsent(new Location(access), location -> new Users(thread));
        known.severalThreads |= known.first != thread;
        known.written |= access.kind() == Access.Kind.WRITE;
        return known.severalThreads && known.written && names.add(key(access));
    }

    int size() {
        return names.size();
    }
}
