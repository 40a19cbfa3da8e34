// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.event.Report;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.guest.FutexBuckets;
import dev.samara.core.internal.hostfile.OpenHostFile;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.space.Borrowers.Borrower;
import dev.samara.core.internal.space.Identity;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.syscall.Mmap.Munmap;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.vcpu.GuestCpus;
import dev.samara.core.internal.vcpu.Vcpu;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A simulated machine: the settings and the committed memory that its address spaces share. Thread-safe. */
public final class Machine implements AutoCloseable {
    static final int LEAST_TLB_ENTRIES = 2;

    final MachineState host;
    final Spaces spaces;
    final SpaceReferences references;
    final OpenCheckpoints checkpoints;
    private final int tlbEntries;

    /**
     * Written: a thread that claims a CPU (get-and-add).
     * Read: a thread that claims a CPU (get-and-add).
     * Invariant: the number of the last CPU claimed.
     */
    private final AtomicInteger cpus = new AtomicInteger();

    private final HousekeepingAgent housekeeping;
    private final FutexBuckets futexes;
    final GuestCpus guests;

    /** The MBeans that are registered; empty again after the close. */
    final Set<Registration> beans = ConcurrentHashMap.newKeySet();

    Machine(Spaces spaces, int tlbEntries, @Nullable VictimScore score) {
        this.spaces = spaces;
        host = spaces.host;
        references = new SpaceReferences(host, host.refTracker() != null);
        checkpoints = new OpenCheckpoints(host);
        this.tlbEntries = tlbEntries;
        guests = new GuestCpus(this::newVcpu, () -> new Vcpu(host, 0, LEAST_TLB_ENTRIES, joined -> {}), tlbEntries);
        housekeeping = new MachineHousekeeping(host.threads.housekeeping);
        futexes = new FutexBuckets(
                host,
                thrown ->
                        host.report(Report.Kind.CALLBACK_FAILED, "the callback of a futex waiter has failed", thrown));
        host.endWaitsBy(futexes::drop);
        host.idleUsers(guests);
        if (score != null) {
            host.reapBy((space, pages) -> scoreOf(space, pages, score));
        }
    }

    /**
     * Calls the embedder, unless the space has ended since its pages were counted. The identity is closed afterwards,
     * but later calls on it still work.
     */
    private long scoreOf(Identity space, long pages, VictimScore score) {
        try (SpaceIdentity identity = SpaceIdentity.tryGrab(references, space)) {
            return identity == null ? -1 : score.score(identity, pages);
        }
    }

    /**
     * Returns a builder with Linux's default settings and no commit limit.
     *
     * @return a new builder
     */
    public static MachineBuilder builder() {
        return new MachineBuilder();
    }

    /**
     * Returns the JVM's limit of direct memory, which is the maximum memory of a machine whose frames are in direct
     * memory.
     *
     * @return bytes: {@code -XX:MaxDirectMemorySize}, or without that option the maximum size of the heap
     */
    public static long directMemoryLimit() {
        return DirectFrames.memoryLimit();
    }

    /** Returns the references to a space and its borrows, the oldest first. */
    List<SpaceReference> referencesTo(Layout layout) {
        Lifetime lifetime = layout.lifetime;
        // All ages are computed for one instant, because the references are sorted by age.
        long now = System.nanoTime();
        return withBorrows(references.find(lifetime.identity, now), host.borrowers.of(lifetime.identity), now);
    }

    private static List<SpaceReference> withBorrows(List<SpaceReference> found, List<Borrower> borrows, long now) {
        for (Borrower borrower : borrows) {
            Identity identity = borrower.identity;
            found.add(new SpaceReference(
                    identity.number(),
                    identity.name,
                    SpaceReference.Kind.BORROW,
                    borrower.holder,
                    borrower.age(now),
                    borrower.where));
        }
        found.sort(Comparator.comparingLong(SpaceReference::ageNanos).reversed());
        return found;
    }

    /**
     * Returns the space of a complete layout. If the machine is closed, tears the layout down, which ends its loaded or
     * copied mappings. The caller checked the stack before it created the layout.
     */
    AddressSpace register(Layout layout) {
        AddressSpace made = null;
        try {
            spaces.add(layout);
            made = new AddressSpace(this, layout);
            endUnreachable();
            Identity identity = layout.lifetime.identity;
            long context = layout.memoryOrNull() == null ? 0 : layout.pages().context.id;
            Tracepoints.spaceBegun(identity.number(), context, identity.name, layout.geometry.pageSize());
            return made;
        } catch (Throwable thrown) {
            if (made == null) {
                layout.lifetime.put();
            } else {
                // Calls giveUp() instead of close(), which throws if the stack is too short.
                made.giveUp();
            }
            throw thrown;
        }
    }

    /** Returns another reference to the users of a space; null if its last user is gone. */
    @Nullable
    AddressSpace tryGet(Layout layout) {
        StackReserve.check(SpaceReferences.DEPTH);
        if (!layout.lifetime.context.tryGet()) {
            return null;
        }
        try {
            return new AddressSpace(this, layout);
        } catch (Throwable thrown) {
            layout.lifetime.put();
            throw thrown;
        }
    }

    /** Tears down a space whose last user is gone, and records its state. */
    static void tearDown(Layout layout) {
        Identity identity = layout.lifetime.identity;
        if (identity.exit() == null) {
            identity.exit(ExitRecord.of(layout));
        }
        Munmap.close(layout);
    }

    /**
     * Releases what its owner can no longer release: CPUs that are gone, and unreachable page caches, page views,
     * references and checkpoints.
     */
    void endUnreachable() {
        references.giveUpLost();
        checkpoints.endLost();
        host.checkCpus();
        host.memories().forEach(memory -> {
            memory.views.releaseUnreachable();
            memory.caches.endUnreachable(host.threads.tasks);
        });
    }

    /**
     * Returns the table of this machine's guest threads that wait on words of memory ({@code futex(2)}).
     *
     * @return the table, always the same one; it serves all spaces of this machine
     */
    public FutexTable futexes() {
        return futexes;
    }

    /**
     * Returns a new, empty address space with Linux's default limits and no privileges.
     *
     * @param geometry sizes and bounds
     * @return the space
     * @throws dev.samara.core.mman.MmException with ENOMEM if the topmost page table would exceed the {@linkplain
     *     MachineBuilder#pageTableLimit limit of page tables}
     * @throws IllegalStateException if this machine is closed, or where {@link AddressSpaceBuilder#build} throws it in
     *     GUEST
     */
    public AddressSpace newSpace(Geometry geometry) {
        return space(geometry).build();
    }

    /**
     * Returns a builder of an address space of this machine.
     *
     * @param geometry sizes and bounds
     * @return a new builder
     */
    public AddressSpaceBuilder space(Geometry geometry) {
        host.checkOpen();
        return new AddressSpaceBuilder(this, geometry);
    }

    /**
     * Closes this machine: saves and closes its host files, closes its page caches, and releases its memory and its
     * threads. All references to users of its spaces must be closed, and no CPU may be in a space; weaker references
     * may be open. Waits uninterruptibly for the teardown of spaces whose last user is gone. A CPU without a space need
     * not be closed. Pins need not be released: the bytes of a pinned frame stay usable until the pin is released,
     * which is possible at any time, and page views stay valid. Frames that were allocated but not inserted are lost.
     * The garbage collector frees the memory once no space, CPU, file, page cache, pin or page view of the machine is
     * reachable.
     *
     * <p>Afterwards every method of this machine except this one and {@link #toString} throws {@link
     * IllegalStateException}, and so does {@link PageCache#allocate}. If a host file cannot be saved, it is reported
     * with its path ({@code FILE_NOT_SAVED}), and all others are saved and closed. Its pages stay in memory until
     * another call of this method, or the file's own close, saves them. Otherwise a second call does nothing.
     *
     * <p>A machine need not be closed. An unreachable machine is garbage-collected with its memory, even if its spaces
     * and CPUs were left open, once its threads have been idle for some seconds.
     *
     * @throws IllegalStateException if a space is not closed, or a CPU is in one: the message names each, and nothing
     *     is changed. Also if a CPU of the thread is in GUEST, or if this is called within {@code rcuMapPages} or a
     *     method of {@link dev.samara.core.backing.PageHooks}
     */
    @Override
    public void close() {
        ThreadCpus.checkMayWait("the closing of a machine");
        host.hostFiles.checkNoHook("the closing of a machine");
        references.giveUpLost();
        host.releaseDeadCpus();
        host.borrowers.giveUpDead();
        // Ended before the spaces are closed, because pool CPUs must leave their spaces first.
        guests.end();
        spaces.close();
        beans.forEach(Registration::close);
    }

    /**
     * Returns the memory that is committed to all spaces of this machine.
     *
     * @return bytes
     */
    public long committed() {
        host.checkOpen();
        return host.committed.bytes();
    }

    /**
     * Returns the memory of the {@linkplain AddressSpace#shmLock locked} System V segments, which counts against the
     * limit of a space that locks another one. It does not include memory locked with {@code mlock}.
     *
     * @return bytes, whole pages
     */
    public long lockedSegments() {
        host.checkOpen();
        return host.lockedSegments.bytes();
    }

    /**
     * Waits until this machine's threads have done all pending work: closed the backings that are no longer used,
     * completed asynchronous operations, and delivered changes. Does not wait for VMAs that are still referenced, nor
     * for ranges in flight.
     *
     * @throws InterruptedException if the thread is interrupted while it waits
     * @throws IllegalStateException if one of the machine's threads calls this, which would wait for itself; if an
     *     {@link MmuNotifier} calls this, because one of the machine's threads may wait for the notifier's operation;
     *     if a reporter or a shootdown delivery calls this within a housekeeping step; if a CPU of the thread is in
     *     GUEST, because an operation may wait for that CPU; or if this is called within {@code rcuMapPages}
     */
    public void awaitQuiescence() throws InterruptedException {
        host.checkOpen();
        ThreadCpus.checkMayWait("a wait for quiescence");
        endUnreachable();
        host.threads.awaitQuiescence();
    }

    /**
     * Returns the housekeeping of this machine: callbacks that wait for grace periods, waiting asynchronous operations,
     * and reports of both. Any thread may call {@link HousekeepingAgent#doWork} periodically.
     *
     * @return the agent, one object for each machine
     * @throws IllegalStateException if the housekeeping is not {@linkplain MachineBuilder#invokedHousekeeping invoked}
     */
    @Experimental
    public HousekeepingAgent housekeeping() {
        host.checkOpen();
        if (!host.threads.housekeeping.isInvoked()) {
            throw new IllegalStateException("a thread of this machine does its housekeeping");
        }
        return housekeeping;
    }

    /**
     * Returns the stack traces at which the unreleased VMA references and frame pins were acquired.
     *
     * @return one stack trace per reference or pin, in no order
     * @throws IllegalStateException if the machine does not {@linkplain MachineBuilder#trackReferences track
     *     references}
     */
    public List<Throwable> outstandingReferences() {
        host.checkOpen();
        RefTracker refTracker = host.refTracker();
        if (refTracker == null) {
            throw new IllegalStateException("this machine does not track references");
        }
        return refTracker.outstanding();
    }

    /**
     * Returns the open references to all spaces of this machine, of all three kinds, the {@linkplain Cpu#use borrows}
     * of those spaces, and the CPUs that will return to them from a borrow. The references to a space that has ended
     * are included as long as weaker ones exist. Takes no lock, and does not wait.
     *
     * @return the references, read at different instants of this call, the oldest first
     * @throws IllegalStateException if this machine is closed
     */
    @Experimental
    public List<SpaceReference> references() {
        host.checkOpen();
        long now = System.nanoTime();
        return withBorrows(references.find(null, now), host.borrowers.all(), now);
    }

    /**
     * Returns a new page cache of a file, with no page in memory.
     *
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param bytes the size of the file, not negative
     * @return a page cache of this machine
     * @throws IllegalStateException if the machine was built without memory
     */
    public PageCache newPageCache(Geometry geometry, long bytes) {
        return newPageCache(geometry, bytes, false);
    }

    private PageCache newPageCache(Geometry geometry, long bytes, boolean isOfZeros) {
        // Called first, because it checks that the stack suffices for the initialization of classes.
        MachineMemory memory = memoryOfFile(geometry, bytes);
        return new FilePages(memory, bytes, isOfZeros);
    }

    /**
     * Returns a new file that exists in memory only.
     *
     * @param name the displayed name, not empty
     * @param inode the displayed inode number
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param bytes its size, not negative
     * @return a file of zeros
     * @throws IllegalStateException if the machine was built without memory
     */
    public MemoryFile newFile(String name, long inode, Geometry geometry, long bytes) {
        return new MemoryFile(name, inode, newPageCache(geometry, bytes, true));
    }

    /**
     * Returns a new file that exists in memory only and can be {@linkplain MemoryFile#addSeals sealed} ({@code
     * memfd_create} with {@code MFD_ALLOW_SEALING}).
     *
     * @param name the displayed name, not empty
     * @param inode the displayed inode number
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param bytes its size, not negative
     * @return a file of zeros without a seal, whose mode is 0777
     * @throws IllegalStateException if the machine was built without memory
     */
    @Experimental
    public MemoryFile newSealableFile(String name, long inode, Geometry geometry, long bytes) {
        return new MemoryFile(name, inode, FilePages.ofSealable(memoryOfFile(geometry, bytes), bytes));
    }

    /**
     * Returns a new file that exists in memory only, can be {@linkplain MemoryFile#addSeals sealed}, and can never
     * become executable ({@code memfd_create} with {@code MFD_NOEXEC_SEAL}): its mode is 0666, and it is sealed with
     * {@link dev.samara.core.mman.Mman#SEAL_EXEC}. As on Linux, it can nevertheless be mapped executable: only
     * {@code execve} checks the mode.
     *
     * @param name the displayed name, not empty
     * @param inode the displayed inode number
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param bytes its size, not negative
     * @return a file of zeros
     * @throws IllegalStateException if the machine was built without memory
     */
    @Experimental
    public MemoryFile newNoexecFile(String name, long inode, Geometry geometry, long bytes) {
        return new MemoryFile(name, inode, FilePages.ofNoexec(memoryOfFile(geometry, bytes), bytes));
    }

    private MachineMemory memoryOfFile(Geometry geometry, long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("bytes " + bytes + " is negative");
        }
        MachineMemory memory = memory(geometry);
        memory.caches.endUnreachable(host.threads.tasks);
        return memory;
    }

    /**
     * Opens a host file, for reading unless {@link java.nio.file.StandardOpenOption#WRITE} is among the options. All
     * opens of a file by path share one page cache and one descriptor; if a file that is open for reading is then
     * opened for writing, it uses a second descriptor. On Linux, closing a file, and opening it again, releases the
     * process's {@code fcntl} locks on it, unless the library has the lock: see {@link
     * dev.samara.core.backing.HostFileOption#EXLOCK}. The caller closes the open; closing the machine saves and closes
     * all opens.
     *
     * <p>Waits for the host. The JDK opens a file without checking its type, so this method checks the type first. If
     * another program replaces the file with a FIFO in between, a read-only open waits for a writer of the FIFO.
     *
     * @param path a regular file, or a symbolic link to one
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param options of {@code READ}, {@code WRITE}, {@code CREATE}, {@code CREATE_NEW}, {@link HostFileOption}s, and
     *     one object with {@link dev.samara.core.backing.PageHooks}
     * @return a new open
     * @throws dev.samara.core.mman.MmException if the file cannot be opened: ENOENT if it does not exist; EACCES if it
     *     may not be read, even if it is opened for writing, because a page is read before a part of it is overwritten;
     *     EROFS if it is opened for writing on a read-only file system; EISDIR for a directory; ENODEV for a FIFO, a
     *     socket or a device, and for a file whose size is not the number of its bytes, as in {@code /proc} and {@code
     *     /sys} of Linux; EEXIST for {@code CREATE_NEW} if the file exists; EMFILE if the process has too many open
     *     files, not counting kept ones of this machine; EBUSY if the file is open with another page size or with other
     *     options or hooks, if it is to be locked, but the process has it open or is closing it, if another machine or
     *     other code of the process has locked it, or if another program replaces it again and again; EAGAIN if another
     *     process has a lock of it that excludes this one; EINVAL if it is open with blocks of another size, or the
     *     machine has no room for 8 blocks ({@link dev.samara.core.backing.HostFileOption#BLOCKS_16K}); ETXTBSY if it
     *     is opened for writing while a program of the host runs it or {@link HostFile#denyWrites} denies that; ENOTDIR
     *     if a name on the way is not a directory; ELOOP for too many symbolic links; ENAMETOOLONG for a name or a path
     *     that is too long; EPERM if an attribute of the file forbids it; ENOSPC or EDQUOT if the host has no room for
     *     a new file; EOPNOTSUPP for a path of a file system that has no asynchronous channels, such as that of an
     *     archive; EIO for any other failure, which is the exception's cause, including a failure to read the size of a
     *     file that is already open
     * @throws IllegalArgumentException for other options, two of the locks, two sizes of blocks, two objects with
     *     hooks, or a creation or {@code EXLOCK} without {@code WRITE}
     * @throws IllegalStateException if the machine was built without memory or is closed, if a CPU of the thread is in
     *     GUEST, or if this is called from {@code rcuMapPages}
     */
    public HostFile openFile(Path path, Geometry geometry, OpenOption... options) {
        ThreadCpus.checkMayWait("the opening of a file");
        return host.hostFiles.open(path, memory(geometry), Set.of(options));
    }

    /**
     * Saves all host files ({@code sync}): when this returns 0, every byte that this machine wrote to an open file
     * before this call, by a store through any mapping or by a call of any open, is on its device. A file that was
     * closed before the call was saved by its last close, unless a failure was reported; with {@code
     * forceOnClose(false)} it was written, but not forced. {@link HostFile#fsync} saves one file.
     *
     * <p>A file that cannot be saved is reported with its path ({@code FILE_NOT_SAVED}), the others are saved, and the
     * failure is also returned once by each open of the file, as always. Up to three tasks of the machine's
     * {@linkplain MachineBuilder#executor executor} save files concurrently with the calling thread. Waits as {@link
     * HostFile#fsync} does.
     *
     * @return 0, or the negated errno of the first file that could not be saved: EAGAIN if {@link
     *     dev.samara.core.backing.PageHooks#beforeWrite} holds a page back, ENOMEM if there is no memory for the call
     * @throws IllegalStateException if the machine is closed, if a CPU of the thread is in GUEST, or if this is called
     *     from {@code rcuMapPages} or within a method of {@link dev.samara.core.backing.PageHooks}. Nothing is saved
     *     then
     */
    public long sync() {
        ThreadCpus.checkMayWait("a save of all files");
        host.checkOpen();
        return host.hostFiles.sync();
    }

    /**
     * Opens the remaining bytes of a buffer as a file of fixed size. The buffer may wrap an array. Written bytes reach
     * the buffer when the file is saved, or earlier. A read-only buffer becomes a file that is open for reading only.
     *
     * @param name the displayed name, not empty
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param bytes the bytes from the position to the limit, owned by the file until it is closed
     * @return a new open of a new file
     * @throws IllegalStateException if the machine was built without memory or is closed, if a CPU of the thread is in
     *     GUEST, or if this is called from {@code rcuMapPages}
     */
    public HostFile openFile(String name, Geometry geometry, ByteBuffer bytes) {
        checkMayOpen(name);
        return host.hostFiles.open(name, memory(geometry), bytes);
    }

    /**
     * Opens the file of a channel, for a file without a path, or one that is already open. All opens of one channel
     * share a page cache; opens of two channels of one file, or of its path, do not. The caller owns the channel, and
     * must keep it open until the file is closed. The channel is used on a dedicated thread, so an interrupt cannot
     * close it.
     *
     * @param name the displayed name, not empty
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param channel a channel of a regular file, open for reading and not for {@code APPEND}: on Linux an appending
     *     channel writes everything at the end
     * @param isWritable whether the channel is also open for writing, and the file should be
     * @return a new open
     * @throws dev.samara.core.mman.MmException EACCES if the channel is not open for reading, or not for writing
     *     although {@code isWritable} is true; EBUSY if the channel is open with another page size; an error of the
     *     host if the size of the file cannot be read
     * @throws IllegalStateException if the machine was built without memory or is closed, if a CPU of the thread is in
     *     GUEST, or if this is called from {@code rcuMapPages}
     */
    public HostFile openFile(String name, Geometry geometry, FileChannel channel, boolean isWritable) {
        checkMayOpen(name);
        return host.hostFiles.open(name, memory(geometry), channel, isWritable);
    }

    /**
     * Opens an image that {@link AddressSpace#save} or {@link Checkpoint#save} wrote to a file; or one of which {@link
     * Checkpoint#saveSince} wrote increments to further files. Reads and checks everything except the bytes of the
     * pages, which are checked when they are read into memory. While the image or a space that was loaded from it is
     * open, the files must not be changed; they may be replaced by others ({@code rename(2)}).
     *
     * @param path the file of the whole image
     * @param geometry the geometry of the spaces that will be loaded, which must be the one of the saved space
     * @param increments the files of at most 63 increments, each of which has the file before it as its base. The image
     *     is then the one of the last increment
     * @return the image, which the caller closes
     * @throws IOException if a file is not an image, is damaged, is of a space with another geometry, or is not an
     *     increment of the one before it
     * @throws IllegalArgumentException if there are too many increments
     * @throws dev.samara.core.mman.MmException with an error of {@link #openFile(Path, Geometry, OpenOption...)}
     * @throws IllegalStateException if the machine was built without memory or is closed, if a CPU of the thread is in
     *     GUEST, or if this is called from {@code rcuMapPages}
     */
    @Experimental
    public SpaceImage openImage(Path path, Geometry geometry, Path... increments) throws IOException {
        @Nullable HostFile[] files = new @Nullable HostFile[increments.length + 1];
        SpaceImage opened = null;
        try {
            List<SpaceImage.Part> parts = new ArrayList<>();
            for (int i = 0; i <= increments.length; i++) {
                Path each = i == 0 ? path : increments[i - 1];
                HostFile file = openFile(each, geometry, StandardOpenOption.READ, HostFileOption.DIRECT);
                files[i] = file;
                parts.add(new SpaceImage.Part(file, each));
            }
            opened = new SpaceImage(this, parts, geometry);
            return opened;
        } finally {
            if (opened == null) {
                OpenHostFile.closeAll(files);
            }
        }
    }

    /**
     * Opens an image as {@link #openImage(Path, Geometry, Path...)} does, from an open file, e.g. one of a {@code
     * FileChannel} or of a buffer. Without a path, only another size is noticed as a change of the file.
     *
     * @param file an open file of this machine, which the image closes with itself; not if this throws
     * @param geometry the geometry of the spaces that will be loaded, which must be the one of the saved space
     * @param increments the files of increments, as for paths; closed as the file is
     * @return the image, which the caller closes
     * @throws IOException as for paths
     * @throws IllegalArgumentException as for paths
     * @throws IllegalStateException as for paths
     */
    @Experimental
    public SpaceImage openImage(HostFile file, Geometry geometry, HostFile... increments) throws IOException {
        ThreadCpus.checkMayWait("the opening of an image");
        List<SpaceImage.Part> parts = new ArrayList<>();
        parts.add(new SpaceImage.Part(file, null));
        for (HostFile increment : increments) {
            parts.add(new SpaceImage.Part(increment, null));
        }
        return new SpaceImage(this, parts, geometry);
    }

    private static void checkMayOpen(String name) {
        ThreadCpus.checkMayWait("the opening of a file");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("name is empty: a file must have a name to show");
        }
    }

    /**
     * Returns a new CPU, owned by the calling thread.
     *
     * @return a CPU without a space
     */
    public Cpu claimCpu() {
        host.checkOpen();
        return new Cpu(host, cpus.incrementAndGet(), tlbEntries);
    }

    /** Returns a new CPU for a pool, owned by the calling thread. */
    private Vcpu newVcpu() {
        host.checkOpen();
        return new Vcpu(host, cpus.incrementAndGet(), tlbEntries, joined -> {});
    }

    /**
     * Returns event counts since this machine was built, and its frame counts.
     *
     * @return the numbers, for all page sizes together
     */
    public MachineStatistics statistics() {
        host.checkOpen();
        endUnreachable();
        return MachineStatistics.of(host.memories(), host.tableBudget.used());
    }

    /** Returns the number of spaces that have users. */
    int spacesInUse() {
        host.checkOpen();
        return spaces.users();
    }

    /**
     * Registers an MBean with this machine's statistics at the platform MBean server, as {@code
     * dev.samara:type=Machine,name=NAME}. Its attributes are those of {@link MachineMXBean}. A name with a comma, an
     * equals sign, a colon, a quote, an asterisk, a question mark or a line break is quoted as {@code ObjectName.quote}
     * does. A machine may register several MBeans. Closing the machine unregisters them. An MBean does not prevent an
     * unreachable machine from being garbage-collected; the first attribute read after that unregisters it.
     *
     * @param name the name, not empty
     * @return the registration; any thread may close it to unregister the MBean before the machine is closed
     * @throws IllegalArgumentException if the name is empty
     * @throws IllegalStateException if an MBean of this name is already registered, or this machine is closed
     * @throws UnsupportedOperationException if the JVM has no module {@code java.management}
     */
    public Registration registerMBean(String name) {
        host.checkOpen();
        Registration made;
        try {
            made = MachineBean.register(this, name);
        } catch (LinkageError absent) {
            throw new UnsupportedOperationException("this JVM has no module java.management", absent);
        }
        beans.add(made);
        if (host.isClosed()) {
            // The machine was closed concurrently, and its close may have missed this MBean.
            made.close();
        }
        host.checkOpen();
        return made;
    }

    /** Returns as text whether this machine is closed, its committed memory, and how many CPUs were claimed so far. */
    @Override
    public String toString() {
        return host + ", claimed CPUs " + cpus;
    }

    private MachineMemory memory(Geometry geometry) {
        MachineMemory memory = host.memory(geometry.pageShift());
        if (memory == null) {
            throw new IllegalStateException("this machine was built without memory");
        }
        return memory;
    }
}
