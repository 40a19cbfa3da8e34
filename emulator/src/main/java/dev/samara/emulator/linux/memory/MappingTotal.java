// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

import dev.samara.core.AddressSpace;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts the mappings of all processes together: the library limits those of one space. A space is counted after each
 * call that may change its number, so calls that race may exceed the maximum by the few mappings that each one adds.
 */
public final class MappingTotal {
    private final long most;

    /**
     * @words {@code all}
     * @written threads that map, unmap, fork or end a space (get-and-add)
     * @read any thread (volatile)
     * @invariant the mappings of all spaces as they were counted last, and those reserved for forks
     */
    private final AtomicLong all = new AtomicLong();

    /**
     * Makes a count.
     *
     * @param most the maximum number of mappings
     */
    public MappingTotal(long most) {
        this.most = most;
    }

    /** Returns whether no call may add a mapping: ENOMEM. */
    public boolean isFull() {
        return all.get() >= most;
    }

    /** Returns the number of mappings. */
    public long count() {
        return all.get();
    }

    /** Reserves mappings for the copy of a space; returns whether there may be as many. */
    boolean reserve(long mappings) {
        if (all.addAndGet(mappings) <= most) {
            return true;
        }
        all.addAndGet(-mappings);
        return false;
    }

    /** Begins to count a space, of whose mappings some are reserved. */
    CountedSpace count(AddressSpace space, long reserved) {
        CountedSpace counted = new CountedSpace(space, reserved);
        counted.recount();
        return counted;
    }

    void release(long mappings) {
        all.addAndGet(-mappings);
    }

    /** A space whose mappings are counted, with its users. */
    final class CountedSpace {
        private final AddressSpace space;
        private long counted;
        private int users = 1;

        private CountedSpace(AddressSpace space, long counted) {
            this.space = space;
            this.counted = counted;
        }

        /** Counts the mappings that there are now. Called by a user. */
        synchronized void recount() {
            long now = space.usage().maps();
            all.addAndGet(now - counted);
            counted = now;
        }

        synchronized long number() {
            return counted;
        }

        synchronized void addUser() {
            users++;
        }

        /** A user ends; with the last one the space has no mappings. */
        synchronized void removeUser() {
            if (--users == 0) {
                all.addAndGet(-counted);
                counted = 0;
            }
        }
    }
}
