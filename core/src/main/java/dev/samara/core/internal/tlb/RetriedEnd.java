// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.sync.PromptTask;
import dev.samara.core.internal.sync.RetriedTask;

/**
 * The end of an operation, which must complete. If it fails, it is retried until it succeeds: either by a thread of the
 * machine, which {@linkplain #run runs} this object, or by the operation of which it is a part.
 */
public abstract class RetriedEnd extends RetriedTask implements PromptTask {
    /** Ends the operation. May be called again after a failure, and then continues with the remaining steps. */
    protected abstract void end();

    /** Releases the resources of the operation. Called by {@link #run} after the operation has ended. */
    protected abstract void ended();

    /**
     * Retries the end of the operation until it succeeds. Drops the exceptions, because the first one was already
     * thrown.
     */
    @Override
    public final void run() {
        super.run();
        ended();
    }

    @Override
    protected final boolean attempt() {
        end();
        return true;
    }
}
