// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.Checkpoint;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * The state of an instance between two calls, to which it can return any number of times, without a type of a runtime.
 * The time of a restore depends on how much has changed since the checkpoint, not on the size of the memories ({@link
 * Checkpoint}). Programs make one by the class of their runtime, e.g. {@code
 * dev.samara.wasm.endive.EndiveCheckpoint.of(instance)}.
 *
 * <p><b>What is restored.</b> The bytes and sizes of the memories; the values of the globals that can change; the entries
 * and sizes of the tables; the data and element segments that were dropped. This includes memories, globals and tables
 * that the instance imports: an instance that shares them with others must be restored together with the others, or not
 * at all. References to functions and to objects of the host are the same references again. Functions of the host keep
 * their state, unless it is passed as an {@link InstanceState}.
 *
 * <p><b>What cannot be saved.</b> References to objects of the guest (structures, arrays, exceptions), because such
 * objects have fields of their own: the checkpoint of an instance whose globals or tables contain one is refused. Calls
 * in progress are not saved either.
 *
 * <p><b>When.</b> Between two calls, on any thread, but on one at a time. A call through the {@code entering} method of a
 * memory is noticed, and so is an {@link LinearMemory#enter enter}: the checkpoint or restore then throws and changes
 * nothing. Other calls are not noticed. It does not matter how the last call ended: it may have trapped, or its thread
 * may have been interrupted. While another thread is in a view of a memory, a restore fails.
 *
 * <p><b>Failure.</b> A restore that fails after it was begun closes the memories of the instance, so that nothing can go
 * on with a state that is neither the old nor the new one.
 */
public final class InstanceCheckpoint implements AutoCloseable {
    /*
     * 1. The memories are claimed first, so that no call can start on another thread; a memory that is in use refuses.
     *    Nothing has changed until then.
     *
     * 2. A memory cannot grow while it is restored: growth is marked in its size, which all views share, and so another
     *    view waits (LinearMemory.grow). Its space is restored, which also unmaps pages that were added, and then the
     *    size.
     *
     * 3. The states follow in the order in which they were passed, so that those of the host may read the memories.
     *
     * 4. If a step after 1 fails, the memories are closed while they are still claimed.
     */

    /** The saved content of one space, and the memory by which it is restored. */
    private record Saved(LinearMemory memory, int pages, Checkpoint checkpoint) {}

    private final List<LinearMemory> memories = new ArrayList<>();
    private final List<Saved> contents = new ArrayList<>();
    private final List<Runnable> states = new ArrayList<>();
    private boolean isClosed;

    /**
     * Makes a checkpoint. For the class of a runtime.
     *
     * @param memories the memories of the instance
     * @param states what else is saved, in the order in which it is saved and put back
     * @throws IllegalArgumentException if a memory is not a {@link LinearMemory}, or as a state throws
     * @throws IllegalStateException if a memory is in use
     * @throws dev.samara.core.mman.MmException if a memory is closed (ESRCH)
     */
    public InstanceCheckpoint(Collection<?> memories, Collection<? extends InstanceState> states) {
        for (Object memory : memories) {
            if (!(memory instanceof LinearMemory linear)) {
                throw new IllegalArgumentException("cannot save a memory of " + memory.getClass());
            }
            if (this.memories.stream().noneMatch(other -> other == linear)) {
                this.memories.add(linear);
            }
        }
        int claimed = 0;
        boolean isMade = false;
        try {
            claimed = claim();
            for (LinearMemory memory : this.memories) {
                // Views share a space.
                if (contents.stream().noneMatch(other -> other.memory.space() == memory.space())) {
                    contents.add(
                            new Saved(memory, memory.pages(), memory.space().checkpoint()));
                }
            }
            for (InstanceState state : states) {
                this.states.add(state.save());
            }
            isMade = true;
        } finally {
            if (!isMade) {
                close();
            }
            free(claimed);
        }
    }

    /**
     * Makes the instance what it was at the checkpoint. The checkpoint stays open. Waits as {@link Checkpoint#restore}
     * does.
     *
     * @return the number of pages that were put back, or by which the memories had grown; a page of a memory with {@link
     *     LinearMemory#PAGES_64K} has 64 KiB
     * @throws IllegalStateException if this checkpoint is closed, or a memory is in use; nothing has changed then.
     *     Otherwise as {@link Checkpoint#restore} or a state throws; the memories are closed then
     */
    public long restore() {
        if (isClosed) {
            throw new IllegalStateException("the checkpoint is closed");
        }
        int claimed = 0;
        try {
            claimed = claim();
            return restoreClaimed();
        } finally {
            free(claimed);
        }
    }

    private long restoreClaimed() {
        boolean isRestored = false;
        try {
            long pages = 0;
            for (int i = 0; i < contents.size(); i++) {
                Saved content = contents.get(i);
                pages += content.memory.restore(content.checkpoint, content.pages);
            }
            for (int i = 0; i < states.size(); i++) {
                states.get(i).run();
            }
            isRestored = true;
            return pages;
        } finally {
            if (!isRestored) {
                isClosed = true;
                for (Saved content : contents) {
                    content.memory.close();
                }
            }
        }
    }

    /** Claims all memories, or none. Returns their number. */
    private int claim() {
        int claimed = 0;
        boolean isClaimed = false;
        try {
            while (claimed < memories.size()) {
                memories.get(claimed).claimBetweenCalls();
                claimed++;
            }
            isClaimed = true;
        } finally {
            if (!isClaimed) {
                free(claimed);
            }
        }
        return claimed;
    }

    private void free(int claimed) {
        for (int i = 0; i < claimed; i++) {
            memories.get(i).freeBetweenCalls();
        }
    }

    /**
     * Closes this checkpoint, which frees the pages that it kept. The instance keeps its state. Does nothing if it is
     * closed already.
     *
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST
     */
    @Override
    public void close() {
        isClosed = true;
        for (Saved content : contents) {
            content.checkpoint.close();
        }
    }

    /** Returns whether this checkpoint is closed, also by a restore that failed. */
    boolean isClosed() {
        return isClosed;
    }

    /** Closes this checkpoint and the memories of the instance. */
    void end() {
        close();
        for (LinearMemory memory : memories) {
            memory.close();
        }
    }

    @Override
    public String toString() {
        return "checkpoint of " + memories;
    }
}
