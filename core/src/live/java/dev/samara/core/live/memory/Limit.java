// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.mman.Resource;

/** The limits of a script. Limits with a base are relative to the initial amount of the space. */
enum Limit {
    AS(9, Resource.AS, true),
    DATA(2, Resource.DATA, true),
    STACK(3, Resource.STACK, false),
    MEMLOCK(8, Resource.MEMLOCK, false);

    private final int number;
    private final Resource resource;
    private final boolean hasBase;

    Limit(int number, Resource resource, boolean hasBase) {
        this.number = number;
        this.resource = resource;
        this.hasBase = hasBase;
    }

    /** Returns the kernel's number of the limit. */
    int number() {
        return number;
    }

    Resource resource() {
        return resource;
    }

    static Limit of(long index) {
        return values()[(int) index];
    }

    /** Returns the limit in bytes. */
    long bytes(long argument, long total, long data) {
        if (argument == -1 || !hasBase) {
            return argument;
        }
        return argument + (this == AS ? total : data);
    }
}
