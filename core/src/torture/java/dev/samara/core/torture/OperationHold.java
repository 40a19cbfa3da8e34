// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.fixture.Latches;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** Holds an operation between its publication and its retirement. */
final class OperationHold {
    /** Of the thread whose next operation stands still. */
    private static final ThreadLocal<@Nullable Hold> NEXT = new ThreadLocal<>();

    /** One operation that is held. */
    static final class Hold {
        final CountDownLatch reached = new CountDownLatch(1);
        final CountDownLatch released = new CountDownLatch(1);
    }

    /** Holds the next operation of the calling thread that has something to retire. */
    void next(Hold hold) {
        NEXT.set(hold);
    }

    /** An operation of the calling thread is about to retire. */
    void retires() {
        Hold hold = NEXT.get();
        if (hold != null) {
            NEXT.remove();
            hold.reached.countDown();
            Latches.await(hold.released);
        }
    }
}
