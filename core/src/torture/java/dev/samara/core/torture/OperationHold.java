// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.fixture.Latches;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** Holds an operation between its publication and its retirement. */
final class OperationHold {
    /** The hold for the thread's next operation. */
    private static final ThreadLocal<@Nullable Hold> NEXT = new ThreadLocal<>();

    /** The latches that hold one operation. */
    static final class Hold {
        final CountDownLatch reached = new CountDownLatch(1);
        final CountDownLatch released = new CountDownLatch(1);
    }

    /** Holds the calling thread's next operation that retires something. */
    void next(Hold hold) {
        NEXT.set(hold);
    }

    /** Notes that an operation of the calling thread is about to retire, and waits if it is to be held. */
    void retires() {
        Hold hold = NEXT.get();
        if (hold != null) {
            NEXT.remove();
            hold.reached.countDown();
            Latches.await(hold.released);
        }
    }
}
