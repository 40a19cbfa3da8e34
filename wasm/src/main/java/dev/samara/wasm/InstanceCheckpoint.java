// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.Checkpoint;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * The state of an instance between two calls, to which it can return any number of times, without a type of a runtime.
 * The time of a restore depends on how much has changed since the checkpoint, not on the size of the memories ({@link
 * Checkpoint}). Programs make one by the class of their runtime, e.g. {@code
 * dev.samara.wasm.endive.EndiveCheckpoint.of(instance)}.
 *
 * <p><b>What is restored.</b> The bytes and sizes of the memories; the values of the globals; the entries and sizes of
 * the tables; the data and element segments that were dropped. This includes memories, globals and tables that
 * instances import: save instances that share them by one checkpoint. References to functions and to objects of the
 * host are the same references again. Functions of the host keep their state, unless it is passed as an {@link
 * InstanceState}; the functions of another instance keep the state of that instance, unless it is saved by the same
 * checkpoint. What a host does with {@link LinearMemory#space}, e.g. a watchpoint, stays.
 *
 * <p><b>What cannot be saved.</b> References to objects of the guest (structures, arrays, exceptions), because such
 * objects have fields of their own: the checkpoint of an instance whose globals or tables contain one is refused. Calls
 * in progress are not saved either.
 *
 * <p><b>When.</b> Between two calls, on any thread, but on one at a time. A call through the {@code entering} method of
 * a memory or one of its views is noticed until it returns, and so is an {@link LinearMemory#enter enter}: the
 * checkpoint or restore then throws and changes nothing. Other calls are not noticed.
 *
 * <p><b>In a file.</b> {@link #save} writes an image of the instant of a checkpoint, and {@link #saveSince} only what
 * changed since an older one, while the instance goes on. State of the host is not part of an image.
 *
 * <p><b>Failure.</b> A restore that fails halfway closes the memories of the instance, so that nothing can go on with a
 * state that is neither the old nor the new one. The restore of an older checkpoint closes younger ones of the same
 * memory, as for {@link Checkpoint}.
 */
public final class InstanceCheckpoint implements AutoCloseable {
    /*
     * 1. The memories and all their views are claimed first, so that no call can start on another thread; one that is
     *    in use refuses. A thread that enters a claimed memory is in GUEST for a moment, before it is refused, and
     *    makes no access. So the spaces may be restored beside CPUs in GUEST: only such a thread's CPU can be there.
     *
     * 2. A memory cannot grow while it is restored: growth is marked in its size, which all views share, and so another
     *    view waits (LinearMemory.grow). Its space is restored, which also unmaps pages that were added, and then the
     *    size. If the first space refuses, nothing was put back, and the instance goes on.
     *
     * 3. The states follow in the order in which they were passed, so that those of the host may read the memories.
     *
     * 4. If a later step fails, the memories are closed while they are still claimed.
     */

    /** The saved content of one space, and the memory by which it is restored. */
    private record Saved(LinearMemory memory, int pages, Checkpoint checkpoint) {}

    private final List<LinearMemory> memories = new ArrayList<>();
    private final List<Saved> contents = new ArrayList<>();
    private final List<Runnable> states = new ArrayList<>();

    /** Written while the memories are claimed, or by {@link #close}, on any thread. */
    private volatile boolean isClosed;

    /**
     * Makes a checkpoint. For the class of a runtime.
     *
     * @param memories the memories of the instances
     * @param states what else is saved, in the order in which it is saved and put back
     * @throws IllegalArgumentException if a memory is not a {@link LinearMemory}, or as a state throws
     * @throws IllegalStateException if a memory is in use
     * @throws MmException if a memory is closed (ESRCH)
     */
    public InstanceCheckpoint(Collection<?> memories, Collection<? extends InstanceState> states) {
        for (Object memory : memories) {
            if (!(memory instanceof LinearMemory linear)) {
                throw new IllegalArgumentException("cannot save a memory of " + memory.getClass());
            }
            // Views share a space.
            if (this.memories.stream().noneMatch(other -> other.space() == linear.space())) {
                this.memories.add(linear);
            }
        }
        try (ClaimedMemories claimed = new ClaimedMemories()) {
            this.memories.forEach(claimed::claim);
            save(states);
        }
    }

    private void save(Collection<? extends InstanceState> from) {
        boolean isMade = false;
        try {
            for (LinearMemory memory : memories) {
                contents.add(new Saved(memory, memory.pages(), memory.space().checkpoint()));
            }
            for (InstanceState state : from) {
                states.add(state.save());
            }
            isMade = true;
        } finally {
            if (!isMade) {
                close();
            }
        }
    }

    /**
     * Makes the instance what it was at the checkpoint. The checkpoint stays open. Waits as {@link Checkpoint#restore}
     * does.
     *
     * @return the number of pages that were put back, or by which the memories had grown; a page of a memory with
     *     {@link LinearMemory#PAGES_64K} has 64 KiB
     * @throws IllegalStateException if this checkpoint is closed, or an older one was restored since; if a memory is in
     *     use; or if the calling thread is in GUEST in another space. Nothing has changed then
     * @throws MmException as {@link Checkpoint#restore} of the first memory. Nothing was put back then
     * @throws RuntimeException as the restore of another memory, or a state, throws. The memories and this checkpoint
     *     are closed then
     */
    public long restore() {
        try (ClaimedMemories claimed = new ClaimedMemories()) {
            for (int i = 0; i < memories.size(); i++) {
                claimed.claim(memories.get(i));
            }
            if (isClosed) {
                throw new IllegalStateException("the checkpoint is closed");
            }
            return restoreClaimed();
        }
    }

    private long restoreClaimed() {
        boolean isConsistent = false;
        try {
            long pages = 0;
            for (int i = 0; i < contents.size(); i++) {
                Saved content = contents.get(i);
                try {
                    pages += content.memory.restore(content.checkpoint, content.pages);
                } catch (IllegalStateException | MmException refused) {
                    isConsistent = i == 0;
                    throw refused;
                }
            }
            for (int i = 0; i < states.size(); i++) {
                states.get(i).run();
            }
            isConsistent = true;
            return pages;
        } finally {
            if (!isConsistent) {
                end();
            }
        }
    }

    /**
     * Writes an image of the instant of this checkpoint to a channel, as the class of the runtime's images writes one
     * of an instance ({@link InstanceImage}); it can also be the base of increments. May be called on any thread, also
     * while a call uses the instance, and by a function of the host: the instance goes on during the save ({@link
     * Checkpoint#save}).
     *
     * @param target receives the image, from the present position of the channel on; blocking. The caller closes it
     * @param sections what else is saved, by name; {@link InstanceImage#section} returns it
     * @throws IOException as for {@link Checkpoint#save}
     * @throws IllegalArgumentException if this is not a checkpoint of one instance with one memory, if a global or a
     *     table had a value that cannot be saved, or if a section has the name of one of the library
     * @throws IllegalStateException if the calling thread is in GUEST in another space; if this checkpoint is closed,
     *     also during the call; or if it, or another one that is not older, was restored during the call. What was
     *     written is no image then
     * @throws MmException as for {@link Checkpoint#save}, e.g. with ESRCH if the memory is closed
     */
    public void save(WritableByteChannel target, Map<String, byte[]> sections) throws IOException {
        Map<String, byte[]> all = InstanceImage.sections(only(), sections);
        content().save(target, all);
    }

    /**
     * Writes an increment to a channel: an image of the instant of this checkpoint without the pages that are as they
     * were at an older checkpoint, the base. The class of the runtime's images opens the image of the base with this
     * increment and others. The time and the size depend on the number of pages that changed between the two
     * checkpoints, and on the sizes of the tables, not on the size of the memory. Afterwards this checkpoint can be the
     * base of the next increment, and the older one can be closed, so that it keeps no more pages. May be called where
     * {@link #save} may.
     *
     * @param base an older checkpoint of the same memory, of which an image or an increment was saved
     * @param target receives the increment, as for {@link #save}
     * @param sections as for {@link #save}; an increment has only its own
     * @throws IOException as for {@link #save}
     * @throws IllegalArgumentException as for {@link #save}; also if the base is not an older checkpoint of the memory
     * @throws IllegalStateException as for {@link #save}, for each of the two checkpoints; also if no save of the base
     *     has ended yet
     * @throws MmException as for {@link #save}
     */
    public void saveSince(InstanceCheckpoint base, WritableByteChannel target, Map<String, byte[]> sections)
            throws IOException {
        Map<String, byte[]> all = InstanceImage.sections(only(), sections);
        content().saveSince(base.content(), target, all);
    }

    /**
     * Writes an increment of an image of which the instance was made ({@link InstanceImage#build}), as {@link
     * Checkpoint#saveSince(dev.samara.core.SpaceImage, WritableByteChannel, Map)} does. The class of the runtime's
     * images opens the files of the image, in their order, with this increment after them. Afterwards this checkpoint
     * can be the base of the next increment. An increment of an image of which the instance was not made has all pages.
     *
     * @param base an open image, with the geometry of the memory; it may be closed
     * @param target receives the increment, as for {@link #save}
     * @param sections as for {@link #save}; an increment has only its own
     * @throws IOException as for {@link #save}
     * @throws IllegalArgumentException as for {@link #save}; also if the geometry is another one, or the base has 63
     *     increments
     * @throws IllegalStateException as for {@link #save}
     * @throws MmException as for {@link #save}
     */
    public void saveSince(InstanceImage<?> base, WritableByteChannel target, Map<String, byte[]> sections)
            throws IOException {
        Map<String, byte[]> all = InstanceImage.sections(only(), sections);
        content().saveSince(base.space(), target, all);
    }

    /** Returns the content of the only memory. */
    private Checkpoint content() {
        if (contents.size() != 1) {
            throw new IllegalArgumentException("cannot save an image with " + contents.size() + " memories");
        }
        return contents.get(0).checkpoint;
    }

    /** Returns the state of the only instance. */
    private SavedInstance only() {
        SavedInstance only = null;
        for (Runnable state : states) {
            if (state instanceof SavedInstance saved) {
                if (only != null) {
                    throw new IllegalArgumentException("cannot save an image of several instances");
                }
                only = saved;
            }
        }
        if (only == null) {
            throw new IllegalArgumentException("cannot save an image of no instance");
        }
        return only;
    }

    /** Returns whether this checkpoint is closed, also by a restore that failed. */
    boolean isClosed() {
        return isClosed;
    }

    /** Closes this checkpoint and the memories of the instance. */
    void end() {
        isClosed = true;
        close(0, true);
    }

    /**
     * Closes this checkpoint, which frees the pages that it kept. The instance keeps its state. Does nothing if it is
     * closed already.
     *
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST. A second call closes what is left
     */
    @Override
    public void close() {
        isClosed = true;
        close(0, false);
    }

    /** Closes the checkpoints from one on, and the memories, too, if the instance ends; all, even if one throws. */
    private void close(int from, boolean isEnd) {
        if (from < contents.size()) {
            Saved content = contents.get(from);
            try {
                if (isEnd) {
                    content.memory.close();
                }
                content.checkpoint.close();
            } finally {
                close(from + 1, isEnd);
            }
        }
    }

    @Override
    public String toString() {
        return "checkpoint of " + memories;
    }
}
