// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.MachineBuilder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/** Makes the housekeeping thread check again when no other thread can run, or when it is notified. */
public final class IdleByClock implements MachineBuilder.IdleStrategy, IntConsumer {
    private static final long PAUSE = 10_000_000;

    @Override
    public void idle(int moved) {
        if (moved == 0) {
            LockSupport.parkNanos(this, PAUSE);
        }
    }

    @Override
    public void accept(int moved) {
        idle(moved);
    }
}
