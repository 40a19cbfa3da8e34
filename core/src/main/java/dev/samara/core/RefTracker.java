// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Records where each reference was acquired and released, on a machine that tracks references. Thread-safe. */
final class RefTracker {
    private final Map<VmaRef, Throwable> acquired = new ConcurrentHashMap<>();

    /** Has an entry while the reference object is reachable, because it might be released again. */
    private final Map<VmaRef, Throwable> released = Collections.synchronizedMap(new WeakHashMap<>());

    void acquired(VmaRef reference) {
        acquired.put(
                reference,
                new Throwable("acquired by thread " + Thread.currentThread().getName() + ": " + reference.vma()));
    }

    void released(VmaRef reference) {
        Throwable where = acquired.remove(reference);
        released.put(
                reference,
                new Throwable("released by thread " + Thread.currentThread().getName(), where));
    }

    /**
     * Returns the stack of the first release of a reference, with the stack of its acquisition as the cause; null if
     * the first release is not recorded yet.
     */
    @Nullable
    Throwable firstRelease(VmaRef reference) {
        return released.get(reference);
    }

    List<Throwable> outstanding() {
        return new ArrayList<>(acquired.values());
    }
}
