// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Resource;
import dev.samara.tool.trace.Event;
import java.util.EnumMap;
import java.util.Map;
import org.agrona.collections.Int2ObjectHashMap;

/**
 * The limits of the processes that run in one space.
 *
 * <p>A limit belongs to a process. A child of vfork runs in its parent's memory, but has separate limits. So before
 * each call, the limits of the calling process are set in the space.
 */
final class ProcessLimits {
    private static final long NO_LIMIT = -1;

    private final AddressSpace space;
    private final Map<Resource, Long> first;
    private final Int2ObjectHashMap<Map<Resource, Long>> othersByThread = new Int2ObjectHashMap<>();
    private Map<Resource, Long> current;

    /** Starts with the process of the trace's first thread, whose limits the space already has. */
    ProcessLimits(AddressSpace space, Map<Resource, Long> limits) {
        this.space = space;
        first = new EnumMap<>(Resource.class);
        first.putAll(limits);
        current = first;
    }

    /** Called when a thread or a process was created. */
    void born(Event birth) {
        Map<Resource, Long> parent = of(birth.thread());
        if (birth.sharesOnlyMemory()) {
            othersByThread.put(birth.child(), new EnumMap<>(parent));
        } else if (parent != first) {
            othersByThread.put(birth.child(), parent);
        }
    }

    /** Called before each replayed call. Sets the limits of the calling thread's process in the space. */
    void runs(int thread) {
        Map<Resource, Long> limits = of(thread);
        if (limits != current) {
            current = limits;
            for (Resource resource : Resource.values()) {
                space.setLimit(resource, limits.getOrDefault(resource, NO_LIMIT));
            }
        }
    }

    /** Sets a limit of the process of the thread that was passed to {@link #runs}. */
    void set(Resource resource, long limit) {
        current.put(resource, limit);
        space.setLimit(resource, limit);
    }

    private Map<Resource, Long> of(int thread) {
        return othersByThread.isEmpty() ? first : othersByThread.getOrDefault(thread, first);
    }
}
