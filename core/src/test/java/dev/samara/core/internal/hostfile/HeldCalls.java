// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** Holds the first call of a kind to the host until the test releases the call or makes it fail. */
final class HeldCalls implements FaultyChannels.ChannelFailure {
    private final ChannelCall kind;
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);
    private @Nullable String failure;

    /** Guarded by this. */
    private boolean isTaken;

    HeldCalls(ChannelCall kind) {
        this.kind = kind;
    }

    @Override
    public void before(ChannelCall call, long offset, int length) throws IOException {
        if (call != kind || !take()) {
            return;
        }
        reached.countDown();
        Latches.await(released);
        if (failure != null) {
            throw new IOException(failure);
        }
    }

    private synchronized boolean take() {
        boolean isFirst = !isTaken;
        isTaken = true;
        return isFirst;
    }

    void awaitReached() {
        Await.until("a " + kind, () -> reached.getCount() == 0);
    }

    void release() {
        released.countDown();
    }

    void fail(String message) {
        failure = message;
        released.countDown();
    }
}
