// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.memory;

import dev.samara.core.AddressSpace;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts the mappings of all processes together, because the library limits only the mappings of one space. A space is
 * counted after each call that may change its number of mappings, so concurrent calls may exceed the maximum by the few
 * mappings that each call adds.
 */
public final class MappingTotal {
    private final long most;

    /**
     * Words: {@code all}.
     * Written: threads that map, unmap, fork or end a space (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the mappings of all spaces, each as counted last, plus those reserved for forks.
     */
    private final AtomicLong all = new AtomicLong();

    /**
     * Creates a count.
     *
     * @param most the maximum number of mappings
     */
    public MappingTotal(long most) {
        this.most = most;
    }

    /** Returns whether the maximum is reached, so that adding a mapping is ENOMEM. */
    public boolean isFull() {
        return all.get() >= most;
    }

    /** Returns the number of mappings. */
    public long count() {
        return all.get();
    }

    /** Reserves mappings for the copy of a space; returns false if there would be too many. */
    boolean reserve(long mappings) {
        if (all.addAndGet(mappings) <= most) {
            return true;
        }
        all.addAndGet(-mappings);
        return false;
    }

    /** Starts to count a space, for which a number of mappings was reserved. */
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

        /** Counts the present mappings of the space. Called by a user. */
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

        /** Removes a user. When the last one is removed, the mappings of the space no longer count. */
        synchronized void removeUser() {
            if (--users == 0) {
                all.addAndGet(-counted);
                counted = 0;
            }
        }
    }
}
