// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.AddressSpace;
import dev.samara.core.vma.Geometry;
import dev.samara.tool.top.WatchedMachine;
import dev.samara.tool.top.WatchedSpace;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/**
 * Makes the progress of replays visible to other threads: the machine and the space of the current replay, and the
 * number of operations of all replays.
 */
public final class ReplayWatch {
    private final WatchedMachine machine =
            new WatchedMachine("replay", Touching.memory(), Geometry.LINUX_X86_64.pageSize());

    /**
     * Written: the thread of a replay (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the number of operations so far.
     */
    private final AtomicLong operations = new AtomicLong();

    private final LongConsumer listener;

    /** Creates a watch without a listener. */
    public ReplayWatch() {
        this(operations -> {});
    }

    /**
     * Creates a watch.
     *
     * @param listener called before each operation, by the thread of the replay, with the number of operations so far
     */
    public ReplayWatch(LongConsumer listener) {
        this.listener = listener;
    }

    void begins(Path file, AddressSpace space) {
        WatchedSpace shown = new WatchedSpace(file.getFileName().toString(), space);
        machine.begin(space.machine(), () -> List.of(shown));
    }

    void performs() {
        listener.accept(operations.incrementAndGet());
    }

    void ends() {
        machine.end();
    }

    /**
     * Returns the row of the machines in a view.
     *
     * @return a row that each replay's machine uses in turn
     */
    public WatchedMachine machine() {
        return machine;
    }

    /**
     * Returns the number of operations so far.
     *
     * @return the number for all replays, including those of parents that were replayed only for their children
     */
    public long operations() {
        return operations.get();
    }
}
