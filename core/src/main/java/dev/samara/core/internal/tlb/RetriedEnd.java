// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.sync.PromptTask;
import dev.samara.core.internal.sync.RetriedTask;

/**
 * The end of an operation that must not stay half done. If it fails, another thread tries again until it succeeds:
 * either a thread of the machine, which {@linkplain #run runs} this, or the operation that has this as a part.
 */
public abstract class RetriedEnd extends RetriedTask implements PromptTask {
    /** Ends the operation. May be repeated after a failure, and then continues with the remaining steps. */
    protected abstract void end();

    /** Releases the resources of the operation. Called by {@link #run} once the operation has ended. */
    protected abstract void ended();

    /** Tries to end the operation until that succeeds. Drops the failures, since the first one has been thrown. */
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
