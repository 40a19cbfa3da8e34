// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Where keeps were taken, and released: for a machine that was asked to track them. Thread-safe. */
final class RefTracker {
    private final Map<VmaRef, Throwable> taken = new ConcurrentHashMap<>();

    /** As long as the keep is in somebody's hands, who might release it again. */
    private final Map<VmaRef, Throwable> released = Collections.synchronizedMap(new WeakHashMap<>());

    void taken(VmaRef keep) {
        taken.put(
                keep, new Throwable("taken by thread " + Thread.currentThread().getName() + ": " + keep.vma()));
    }

    void released(VmaRef keep) {
        Throwable where = taken.remove(keep);
        released.put(
                keep,
                new Throwable("released by thread " + Thread.currentThread().getName(), where));
    }

    /** Where a keep was first released, with where it was taken as the cause; null if that is not known yet. */
    @Nullable
    Throwable firstRelease(VmaRef keep) {
        return released.get(keep);
    }

    List<Throwable> outstanding() {
        return new ArrayList<>(taken.values());
    }
}
