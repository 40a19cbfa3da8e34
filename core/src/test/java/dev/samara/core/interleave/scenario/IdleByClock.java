// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import java.util.concurrent.locks.LockSupport;
import org.agrona.concurrent.IdleStrategy;

/** The thread of the housekeeping asks again where no other thread can run, or when it is told. */
public final class IdleByClock implements IdleStrategy {
    private static final long PAUSE = 10_000_000;

    @Override
    public void idle(int moved) {
        if (moved == 0) {
            idle();
        }
    }

    @Override
    public void idle() {
        LockSupport.parkNanos(this, PAUSE);
    }

    @Override
    public void reset() {}
}
