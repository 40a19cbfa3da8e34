// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.Machine;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import dev.samara.interleave.failure.FailurePoints;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A backing that reads pages, is notified of writes, and counts its opens. Each of its methods can be made to throw.
 */
final class FailureDevice extends CachedBacking implements VmOperations {
    private static final int PAGES = 2;

    private int opens;
    private final Set<Thread> refused = new HashSet<>();

    FailureDevice(Machine machine) {
        super("device", machine.newPageCache(SpaceScenario.LINUX, PAGES * SpaceScenario.PAGE));
    }

    @Override
    protected boolean read(long page, int frame, FrameStore store) {
        store.put(frame, 0, 8, 100 + page);
        return true;
    }

    @Override
    public VmOperations operations() {
        return this;
    }

    @Override
    public boolean noticesWrites() {
        return true;
    }

    @Override
    public int pageMkwrite(Backing.PageRequest request) {
        return 0;
    }

    @Override
    public @Nullable Errno open(Vma vma) {
        if (refused.contains(Thread.currentThread())) {
            return Errno.EACCES;
        }
        opens++;
        return null;
    }

    /** Rejects the opens of a call by this thread. */
    Object refusing(Supplier<Object> call) {
        refused.add(Thread.currentThread());
        try {
            return call.get();
        } finally {
            refused.remove(Thread.currentThread());
        }
    }

    @Override
    public void close(Vma vma) {
        opens--;
    }

    /**
     * Checks that no open is left, except one whose close was made to throw, which counts as closed. The pages are
     * removed with the cache.
     */
    void judgeClosed() {
        int failed = FailurePoints.hasFailedIn("BackingQuestions$BackingOpen.run") ? 1 : 0;
        if (opens != failed) {
            throw new AssertionError("I8: " + opens + " opens of the device are left");
        }
        Objects.requireNonNull(pageCache()).close();
    }
}
