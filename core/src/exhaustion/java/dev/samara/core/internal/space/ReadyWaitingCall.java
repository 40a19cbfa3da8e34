// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.WaitingCall;
import java.util.concurrent.atomic.AtomicBoolean;

/** A waiting call of a machine that is ready at once, for tests of other packages. */
public final class ReadyWaitingCall extends WaitingCall {
    private final AtomicBoolean hasRun;

    /** Makes one that sets a flag when it goes on. */
    public ReadyWaitingCall(AtomicBoolean hasRun) {
        this.hasRun = hasRun;
    }

    /** Lists it. */
    public void add(Layout layout) {
        layout.host().housekeeping().add(this);
    }

    @Override
    protected boolean isReady() {
        return true;
    }

    @Override
    public void run() {
        hasRun.set(true);
    }
}
