// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.mman.Resource;
import dev.samara.emulator.limit.GuestLimits;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The limits of a process ({@code struct rlimit}), by their numbers. -1 means no limit. Thread-safe. */
public final class ResourceLimits {
    /** The number of limits. */
    public static final int COUNT = 16;

    /** The number of the descriptor limit, {@code RLIMIT_NOFILE}. */
    public static final int FILES = 7;

    /** The number of the stack limit, {@code RLIMIT_STACK}. */
    public static final int STACK = 3;

    /** The number of the limit of locked memory, {@code RLIMIT_MEMLOCK}. */
    public static final int LOCKED = 8;

    private static final int CORE = 4;

    /** The minimum core limit, in bytes, with which a kernel dumps memory. */
    private static final long LEAST_DUMP = 4096;

    private static final long NONE = -1;
    private static final long STACK_BYTES = 8L << 20;

    /** The limits that an address space enforces. */
    private static final Map<Integer, Resource> OF_SPACE =
            Map.of(2, Resource.DATA, STACK, Resource.STACK, LOCKED, Resource.MEMLOCK, 9, Resource.AS);

    private final long[] soft = new long[COUNT];
    private final long[] hard = new long[COUNT];

    /** Creates the limits of the first process, with the initial values of Linux. */
    public ResourceLimits() {
        Arrays.fill(soft, NONE);
        Arrays.fill(hard, NONE);
        soft[CORE] = 0;
        soft[STACK] = STACK_BYTES;
        soft[LOCKED] = STACK_BYTES;
        hard[LOCKED] = STACK_BYTES;
        soft[FILES] = GuestLimits.DESCRIPTORS;
        hard[FILES] = GuestLimits.DESCRIPTORS;
    }

    ResourceLimits(ResourceLimits parent) {
        synchronized (parent) {
            System.arraycopy(parent.soft, 0, soft, 0, COUNT);
            System.arraycopy(parent.hard, 0, hard, 0, COUNT);
        }
    }

    /** Returns the limit of an address space with a number; null for any other limit. */
    static @Nullable Resource resource(int number) {
        return OF_SPACE.get(number);
    }

    public synchronized long soft(int number) {
        return soft[number];
    }

    public synchronized long hard(int number) {
        return hard[number];
    }

    /** Whether the core limit permits a dump of memory. */
    synchronized boolean allowDump() {
        return Long.compareUnsigned(soft[CORE], LEAST_DUMP) >= 0;
    }

    /**
     * Sets a limit. The soft limit must not exceed the hard limit. Returns false if this would raise the hard limit.
     */
    synchronized boolean set(int number, long softer, long harder) {
        if (Long.compareUnsigned(harder, hard[number]) > 0) {
            return false;
        }
        soft[number] = softer;
        hard[number] = harder;
        return true;
    }

    /** Returns the soft limits that the address space of the process enforces. */
    public synchronized Map<Resource, Long> ofSpace() {
        Map<Resource, Long> limits = new EnumMap<>(Resource.class);
        OF_SPACE.forEach((number, resource) -> {
            if (soft[number] != NONE) {
                limits.put(resource, soft[number]);
            }
        });
        return limits;
    }
}
