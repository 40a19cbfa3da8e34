// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Reap;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * {@code process_mrelease} ({@code mm/oom_kill.c}): reaps the private pages of a space on the calling thread.
 *
 * <p>Linux waits for the {@code mmap_lock}. This implementation waits only for CPUs and grace periods: it skips
 * mappings in flight and forks that copy, and repeats the pass a bounded number of times.
 */
public final class ProcessMrelease {
    private ProcessMrelease() {}

    /**
     * Reaps a space. The caller is not in a reader section, has no CPU in GUEST and holds no lock.
     *
     * @param layout a layout with memory
     * @return 0, or a negated errno: EAGAIN, EINTR, ENOMEM, or ESRCH if the page table is no longer held
     */
    public static long reap(Layout layout) {
        ThreadCpus.checkMayWait("a reap");
        // The release of the references below must not overflow the stack.
        StackReserve.check(StackReserve.MANY);
        if (!layout.lifetime.context.tryHold()) {
            return Errno.ESRCH.result();
        }
        BegunEvent recorded =
                Tracepoints.beginReap(layout.lifetime.identity.number(), Reap.privatePages(layout), "a call");
        try (Reap reap = new Reap(layout)) {
            return run(reap, layout, recorded);
        } finally {
            layout.lifetime.context.release();
        }
    }

    private static long run(Reap reap, Layout layout, @Nullable BegunEvent recorded) {
        // Makes only one pass in a callback of an operation in flight: it must not delay the operation, and pauses
        // would be in vain.
        int most = InFlightOperation.retiring() != null ? 1 : Reap.MOST_PASSES;
        int passes = 1;
        long result = 0;
        while (result == 0 && reap.advance(false) != Reap.Progress.DONE) {
            if (passes == most) {
                result = Errno.EAGAIN.result();
            } else if (Thread.currentThread().isInterrupted()) {
                result = Errno.EINTR.result();
            } else {
                pause(layout, Reap.pauseAfter(passes++));
            }
        }
        if (result == 0) {
            layout.skipReap();
        }
        Tracepoints.endReap(recorded, Reap.privatePages(layout), result == 0 ? passes - 1 : passes, result == 0);
        return result;
    }

    private static void pause(Layout layout, long nanos) {
        Housekeeping invoked = layout.host.threads.invoked();
        if (invoked == null || !invoked.stepWithin()) {
            Pause.parkNanos(layout, nanos);
        }
    }
}
