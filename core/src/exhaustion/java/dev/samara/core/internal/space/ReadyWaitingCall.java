// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Housekeeping;
import java.util.concurrent.atomic.AtomicBoolean;

/** A machine's waiting call that is ready immediately, for tests in other packages. */
public final class ReadyWaitingCall extends Housekeeping.Waiter {
    private final AtomicBoolean hasRun;

    /** Creates a call that sets a flag when it continues. */
    public ReadyWaitingCall(AtomicBoolean hasRun) {
        this.hasRun = hasRun;
    }

    /** Lists the call. */
    public void add(Layout layout) {
        layout.host.threads.housekeeping.add(this);
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
