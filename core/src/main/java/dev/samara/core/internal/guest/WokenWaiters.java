// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Waiters that were removed from a table, and that are resumed after their bucket's lock is released ({@code wake_q}).
 * They are linked by their own links, which nothing else uses any more, because a waiter is queued only once.
 */
final class WokenWaiters {
    private @Nullable FutexEntry first;
    private @Nullable FutexEntry last;

    WokenWaiters() {}

    void add(FutexEntry waiter) {
        waiter.next = null;
        FutexEntry before = last;
        if (before == null) {
            first = waiter;
        } else {
            before.next = waiter;
        }
        last = waiter;
    }

    /** Resumes all waiters, in the order in which they were added. Called once, without a lock held. */
    void resume(Consumer<Throwable> failed) {
        for (FutexEntry each = first; each != null; each = each.next) {
            try {
                each.resume.run();
            } catch (Throwable thrown) {
                failed.accept(thrown);
            }
        }
    }
}
