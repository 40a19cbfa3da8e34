// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.check;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Records where each reference to a VMA and each pin was taken and released, on a machine that tracks references.
 * Thread-safe.
 */
public final class RefTracker {
    /**
     * The stacks of acquisitions, by the object of the reference or of the pin.
     *
     * <p>Words: {@code acquired}, {@code released}.
     * Written: any thread (concurrent map; monitor of the map).
     * Read: any thread (concurrent map; monitor of the map).
     * Invariant: every reference to a VMA and every pin that is not released is in {@code acquired}.
     */
    private final Map<Object, Throwable> acquired = new ConcurrentHashMap<>();

    /**
     * The stacks of releases. An entry stays while its object is reachable, because the object might be released again.
     */
    private final Map<Object, Throwable> released = Collections.synchronizedMap(new WeakHashMap<>());

    /**
     * Records the caller's stack as the stack of an acquisition.
     *
     * @param reference the object that is released later
     * @param target the text of what the reference or the pin keeps
     */
    public void acquired(Object reference, String target) {
        acquired.put(
                reference,
                new Throwable("acquired by thread " + Thread.currentThread().getName() + ": " + target));
    }

    public void released(Object reference) {
        Throwable where = acquired.remove(reference);
        released.put(
                reference,
                new Throwable("released by thread " + Thread.currentThread().getName(), where));
    }

    /** Forgets an object that was not returned to any caller. */
    public void forget(Object reference) {
        acquired.remove(reference);
    }

    public List<Throwable> outstanding() {
        return new ArrayList<>(acquired.values());
    }

    /**
     * Returns the exception for a second release. Its cause is the stack of the first release, if that is recorded,
     * which in turn has the stack of the acquisition as its cause.
     *
     * @param tracker null on a machine that does not track references
     * @param what the text of the reference
     */
    public static IllegalStateException secondRelease(@Nullable RefTracker tracker, Object reference, String what) {
        Throwable first = tracker == null ? null : tracker.released.get(reference);
        String where = "; a machine that tracks references reports where";
        if (tracker != null) {
            where = first == null ? "; its first release is under way" : "; its first release is the cause";
        }
        return new IllegalStateException(
                what + " was released a second time, by thread "
                        + Thread.currentThread().getName() + where,
                first);
    }
}
