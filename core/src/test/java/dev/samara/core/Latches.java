// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import java.util.concurrent.CountDownLatch;

/** Waiting inside of callbacks, which may throw nothing that is checked. */
public final class Latches {
    private Latches() {}

    /** Waits; an interrupt fails the test. */
    public static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}
