// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.image.ImageFile;
import dev.samara.core.internal.image.ImageFormat.Identity;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.op.SpaceCheckpoint;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.lang.ref.Reference;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The layout and private memory of a space at one instant, to which the space can return any number of times ({@link
 * AddressSpace#checkpoint}). Thread-safe.
 *
 * <p>A space may have several checkpoints, each younger than the one before. It keeps each page that changes after a
 * checkpoint, in memory of the machine, until the checkpoint is closed.
 *
 * <p>The list of these pages counts as page tables of the machine ({@link MachineBuilder#pageTableLimit}): 24 to 48
 * bytes for each. Pages of mappings that are younger than the checkpoints of the space are not listed. At the limit, an
 * access that needs a new entry returns {@code OUT_OF_MEMORY}, as without room for a page table. A call that removes,
 * moves or guards pages, e.g. {@code munmap}, returns ENOMEM and changes nothing, or, if it covers many mappings, stops
 * between two of them. A truncation of a file, a loss of droppable pages, and the close of a younger checkpoint succeed
 * nevertheless. But if the youngest checkpoint then lacks a page, neither it nor an older one can be restored any more.
 *
 * <p>{@linkplain dev.samara.core.mman.Mman#DROPPABLE Droppable} memory may lose its pages here, too: a page that is
 * dropped, or that this checkpoint keeps when no frame is free, is empty after a restore.
 */
@Experimental
public final class Checkpoint implements AutoCloseable {
    private static final String SAVING = "the saving of an image";

    private final Machine machine;
    private final SpaceCheckpoint checkpoint;
    private final OpenCheckpoints.Entry entry;

    /**
     * The identity of the instant of this checkpoint; null until an image of it is saved.
     *
     * <p>Words: {@code identity}, {@code isSaved}, which is whether an image was written.
     * Written: threads that save (monitor).
     * Read: threads that save (monitor).
     * Invariant: the identity is written once; {@code isSaved} is never cleared.
     */
    private @Nullable UUID identity;

    private boolean isSaved;

    Checkpoint(SpaceCheckpoint checkpoint, Machine machine, Layout layout) {
        this.machine = machine;
        this.checkpoint = checkpoint;
        entry = machine.checkpoints.add(this, checkpoint, layout);
    }

    /**
     * Makes the private memory of the space, its mappings, the end of its heap and its lock flags what they were at the
     * instant of this checkpoint, and closes younger checkpoints. This checkpoint stays open. The time depends on the
     * number of pages and mappings that changed since, not on the size of the space.
     *
     * <p>A page that is put back counts as written for {@link AddressSpace#collectDirty} and {@code pagemap}. A page
     * that the run added is removed as by {@code MADV_DONTNEED}, so a collection does not report it. Bytes of shared
     * mappings, and unwritten pages of private mappings of files, are not put back; nor are limits and seals. The
     * backing of a mapping that was unmapped since the checkpoint is closed only when the checkpoint is, so that a
     * restore does not open it again. Listeners and notifiers of the space are called as for {@code mmap} and {@code
     * munmap}, and {@linkplain dev.samara.core.event.FlushListener#restored listeners of CPUs} before the next access
     * of each CPU.
     *
     * <p>A restore wakes no waiter of a {@linkplain dev.samara.core.guest.FutexTable futex}, and removes none. A waiter
     * of a private word belongs to its address, so the next wake of that address finds it, even if the word has changed
     * or its page was replaced. An embedder that also puts its threads back removes the waiters of those that did not
     * wait at the checkpoint, and queues those that did.
     *
     * <p>Waits as {@link AddressSpace#checkpoint} does.
     *
     * @return the number of pages that were put back or removed
     * @throws IllegalStateException if a CPU in the space is in GUEST, or any CPU of the calling thread; if this
     *     checkpoint is closed, or could not keep a page for lack of memory; or if a page of the space is pinned for
     *     writing. No page is put back then; younger checkpoints may be closed, and if the page was pinned during this
     *     call, the mappings may have been put back
     * @throws MmException with ESRCH if the space is closed; with EPERM if a mapping that was sealed since the
     *     checkpoint would change, or one of a file that was sealed against writes would be made; with ENOMEM if the
     *     space was {@linkplain PageTableRef#reap reaped}, which took the pages that its checkpoints kept, or if commit
     *     charge, memory or a page table is missing; with EAGAIN if there are too many operations in flight. After
     *     ESRCH and a reap nothing is changed; otherwise no page is put back, the younger checkpoints are closed, and
     *     later calls may succeed
     */
    public long restore() {
        return restore(false);
    }

    /**
     * Does the same as {@link #restore}, even if CPUs of other threads are in GUEST. The stores of such a CPU until it
     * acknowledges are undone; then its {@linkplain dev.samara.core.event.FlushListener#restored listener} is called,
     * on its thread, and this returns when the listeners have returned. An access that waits in a page fault is
     * completed after the restore; and one at an address that the checkpoint does not map, or that it maps with fewer
     * rights, may fail before the listener is called. So an embedder that needs exact restores stops its CPUs between
     * two instructions, outside GUEST.
     *
     * @return as {@link #restore}
     * @throws IllegalStateException as {@link #restore}, but for CPUs of other threads in GUEST
     * @throws MmException as {@link #restore}
     */
    public long restoreRunning() {
        return restore(true);
    }

    /**
     * Returns the number of this checkpoint, with which {@linkplain dev.samara.core.event.FlushListener#checkpointed
     * listeners of CPUs} are called.
     *
     * @return a positive number, larger than that of each older checkpoint of the space
     */
    public long number() {
        return checkpoint.number();
    }

    /**
     * Writes an image of the instant of this checkpoint to a channel. The image is one as {@link AddressSpace#save}
     * writes it, and contains the same; it can also be the base of increments. The guest runs during the call, which
     * waits for cuts as {@link AddressSpace#checkpoint} does, but takes the layout lock only for two short times, and
     * copies no page table.
     *
     * <p>Pages of private mappings of files that the guest had not written are read during the call, from the files as
     * they are then.
     *
     * @param target receives the image, from the present position of the channel on; blocking. The caller closes it
     * @param sections what else is saved, by name, e.g. the registers at the instant; {@link SpaceImage#section}
     *     returns it
     * @throws IOException as for {@link AddressSpace#save}
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST; if this checkpoint is closed, also
     *     during the call, or could not keep a page for lack of memory; or if the space was restored during the call,
     *     to this checkpoint or another one that is not older. What was written is no image then
     * @throws MmException with ESRCH if the space is closed; with ENOMEM if it was {@linkplain PageTableRef#reap
     *     reaped}; with EAGAIN if a page has the maximum number of pins; with EOPNOTSUPP, EIO and ENOMEM as for {@link
     *     AddressSpace#save}
     */
    public void save(WritableByteChannel target, Map<String, byte[]> sections) throws IOException {
        save(null, null, null, target, sections);
    }

    /**
     * Writes an increment to a channel: an image of the instant of this checkpoint without the pages that are as they
     * were at an older checkpoint, the base. {@link Machine#openImage} opens the image of the base with this increment
     * and others. The time depends on the number of pages that changed between the two checkpoints, and on the number
     * of mappings, not on the size of the space. Afterwards this checkpoint can be the base of the next increment, and
     * the older one can be closed, so that it keeps no more pages.
     *
     * <p>Some pages are written although they did not change: those of mappings that the base did not have, or had with
     * other advice for fork; and private mappings of files, since a file may have changed. Mappings of an open image
     * ({@link SpaceImage#load}) are not such.
     *
     * @param base an older checkpoint of the space, of which an image or an increment was saved
     * @param target receives the increment, as for {@link #save}
     * @param sections as for {@link #save}; an increment has only its own
     * @throws IOException as for {@link #save}
     * @throws IllegalArgumentException if the base is not an older checkpoint of the space
     * @throws IllegalStateException as for {@link #save}, for each of the two checkpoints; also if no save of the base
     *     has ended yet
     * @throws MmException as for {@link #save}
     */
    public void saveSince(Checkpoint base, WritableByteChannel target, Map<String, byte[]> sections)
            throws IOException {
        ThreadCpus.checkMayWait(SAVING);
        try {
            save(base.checkpoint, null, base.identityOfBase(), target, sections);
        } finally {
            Reference.reachabilityFence(base);
        }
    }

    /**
     * Writes an increment of an image from which the space was loaded ({@link SpaceImage#load}): an image of the
     * instant of this checkpoint without the pages that are those of the image. {@link Machine#openImage} opens the
     * files of the base, in their order, with this increment after them, but not after another image of the same
     * checkpoint, in which pages of mapped files may differ. So a program that was saved, and goes on in another
     * process, is saved for the price of what it wrote there. Afterwards this checkpoint can be the base of the next
     * increment ({@link #saveSince(Checkpoint, WritableByteChannel, Map)}).
     *
     * <p>The time depends on the number of pages that are the space's own, on that of its page tables and on that of
     * its mappings, not on the size of the space. Mappings that do not lie where they were loaded, and all others, are
     * written as a whole. So an increment of a space that was not loaded from that open image, or that is a {@linkplain
     * SpaceImage#copy copy} of it, has all pages.
     *
     * @param base an open image, with the geometry of the space; it may be closed
     * @param target receives the increment, as for {@link #save}
     * @param sections as for {@link #save}; an increment has only its own
     * @throws IOException as for {@link #save}
     * @throws IllegalArgumentException if the geometry is another one, or the base has 63 increments
     * @throws IllegalStateException as for {@link #save}
     * @throws MmException as for {@link #save}
     */
    public void saveSince(SpaceImage base, WritableByteChannel target, Map<String, byte[]> sections)
            throws IOException {
        ThreadCpus.checkMayWait(SAVING);
        if (!base.geometry.equals(checkpoint.layout.geometry)) {
            throw new IllegalArgumentException("the base is of a space with " + base.geometry);
        }
        if (base.image.parts() == ImageFile.MOST_PARTS) {
            throw new IllegalArgumentException("the base has the most increments, " + (ImageFile.MOST_PARTS - 1));
        }
        save(null, base.image, base.image.identity(), target, sections);
    }

    private synchronized UUID identityOfBase() {
        if (!isSaved) {
            throw new IllegalStateException("no image of the base was saved");
        }
        return identity();
    }

    private void save(
            @Nullable SpaceCheckpoint since,
            @Nullable ImageFile image,
            @Nullable UUID base,
            WritableByteChannel target,
            Map<String, byte[]> sections)
            throws IOException {
        ThreadCpus.checkMayWait(SAVING);
        Objects.requireNonNull(target, "target");
        Map<String, byte[]> saved = Map.copyOf(sections);
        try (ImageSave.OfCheckpoint save = new ImageSave.OfCheckpoint(machine, checkpoint, since, image, target)) {
            save.run(new Identity(identity(), base, UUID.randomUUID()), saved);
            endSave();
        } finally {
            // Otherwise a thread of the machine may close this checkpoint during the save.
            Reference.reachabilityFence(this);
        }
    }

    private synchronized UUID identity() {
        UUID own = identity == null ? UUID.randomUUID() : identity;
        identity = own;
        return own;
    }

    private synchronized void endSave() {
        isSaved = true;
    }

    private long restore(boolean isRunning) {
        List<PopulateRange> locked = new ArrayList<>(0);
        try {
            long pages = checkpoint.restore(isRunning, locked);
            // As for a locked mapping of mmap, the call succeeds if a page cannot be read.
            long unused = Populate.run(checkpoint.layout, locked, pages);
            return pages;
        } finally {
            // Otherwise a thread of the machine may close this checkpoint during the restore.
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Closes this checkpoint: its pages are kept by the next older one, or freed. Does nothing if it is closed already,
     * or if the space has ended, which closes its checkpoints. Waits as {@link AddressSpace#checkpoint} does.
     *
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST
     */
    @Override
    public void close() {
        try {
            checkpoint.close();
            entry.remove();
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public String toString() {
        return checkpoint.toString();
    }
}
