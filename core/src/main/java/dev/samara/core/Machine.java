// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.event.Report;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.guest.FutexBuckets;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.DirectMemory;
import dev.samara.core.internal.space.Borrower;
import dev.samara.core.internal.space.Identity;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Lifetime;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.syscall.ExitMmap;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.vcpu.GuestCpus;
import dev.samara.core.internal.vcpu.RemoteCpus;
import dev.samara.core.internal.vcpu.Vcpu;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A simulated machine: the settings and the committed memory that its address spaces share. Thread-safe. */
public final class Machine implements AutoCloseable {
    static final int LEAST_TLB_ENTRIES = 2;

    private final MachineState host;
    private final Spaces spaces;
    private final SpaceReferences references;
    private final int tlbEntries;
    private final AtomicInteger cpus = new AtomicInteger();
    private final HousekeepingAgent housekeeping;
    private final FutexBuckets futexes;
    private final GuestCpus guests = new GuestCpus(this::newVcpu);
    private final RemoteCpus remotes;

    /** The MBeans that are registered; empty again after the close. */
    private final Set<Registration> beans = ConcurrentHashMap.newKeySet();

    Machine(Spaces spaces, int tlbEntries, @Nullable VictimScore score) {
        this.spaces = spaces;
        host = spaces.host();
        references = new SpaceReferences(host, host.refTracker() != null);
        this.tlbEntries = tlbEntries;
        remotes = new RemoteCpus(() -> new Vcpu(host, 0, LEAST_TLB_ENTRIES, joined -> {}));
        housekeeping = new MachineHousekeeping(host.housekeeping());
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
     * Asks the embedder, unless the space has ended since its pages were counted. The reference is closed, but its
     * object answers later calls, too.
     */
    private long scoreOf(Identity space, long pages, VictimScore score) {
        try (SpaceIdentity identity = SpaceIdentity.tryGrab(spaceReferences(), space)) {
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
     * Returns the JVM's limit of direct memory: the largest memory of a machine whose frames are in direct memory.
     *
     * @return bytes: {@code -XX:MaxDirectMemorySize}, or without that option the maximum size of the heap
     */
    public static long directMemoryLimit() {
        return DirectMemory.limit();
    }

    MachineState host() {
        return host;
    }

    Spaces spaces() {
        return spaces;
    }

    @Nullable
    RefTracker refTracker() {
        return host.refTracker();
    }

    SpaceReferences spaceReferences() {
        return references;
    }

    /** Returns the references to a space and its borrows, the oldest first. */
    List<SpaceReference> referencesTo(Layout layout) {
        Lifetime lifetime = layout.lifetime();
        // One instant for all ages, by which they are sorted.
        long now = System.nanoTime();
        return withBorrows(
                references.to(lifetime.identity(), now), host.borrowers().of(lifetime.identity()), now);
    }

    private static List<SpaceReference> withBorrows(List<SpaceReference> found, List<Borrower> borrows, long now) {
        for (Borrower borrower : borrows) {
            Identity identity = borrower.identity();
            found.add(new SpaceReference(
                    identity.number(),
                    identity.name(),
                    SpaceReference.Kind.BORROW,
                    borrower.holder(),
                    borrower.age(now),
                    borrower.where()));
        }
        found.sort(Comparator.comparingLong(SpaceReference::ageNanos).reversed());
        return found;
    }

    /**
     * Returns the space of a complete layout. If the machine is closed, tears the layout down, which ends its loaded or
     * copied mappings. The caller has checked the stack before it has made the layout.
     */
    AddressSpace register(Layout layout) {
        AddressSpace made = null;
        boolean done = false;
        try {
            spaces.add(layout);
            made = new AddressSpace(this, layout);
            endUnreachable();
            record(layout);
            done = true;
            return made;
        } finally {
            if (!done) {
                if (made == null) {
                    layout.lifetime().put();
                } else {
                    // Not close, which may find the stack too short.
                    made.giveUp();
                }
            }
        }
    }

    private static void record(Layout layout) {
        Identity identity = layout.lifetime().identity();
        long context =
                layout.memoryOrNull() == null ? 0 : layout.pages().context().id();
        Tracepoints.spaceBegun(
                identity.number(), context, identity.name(), layout.geometry().pageSize());
    }

    /** Returns another reference to the users of a space; null if it has no user any more. */
    @Nullable
    AddressSpace tryGet(Layout layout) {
        StackReserve.check(SpaceReferences.DEPTH);
        if (!layout.lifetime().users().tryGet()) {
            return null;
        }
        boolean done = false;
        try {
            AddressSpace got = new AddressSpace(this, layout);
            done = true;
            return got;
        } finally {
            if (!done) {
                layout.lifetime().put();
            }
        }
    }

    /** Tears down a space that has no user any more, and records its state. */
    static void tearDown(Layout layout) {
        Identity identity = layout.lifetime().identity();
        if (identity.exit() == null) {
            identity.exit(ExitRecord.of(layout));
        }
        ExitMmap.close(layout);
    }

    /** Gives up what nobody can give up: CPUs that are gone, and page caches and references that are unreachable. */
    private void endUnreachable() {
        references.giveUpLost();
        host.checkCpus();
        host.endUnreachableCaches();
    }

    /**
     * Returns the table of the threads of this machine's guests that wait at words of memory ({@code futex(2)}).
     *
     * @return the table, always the same one; words of all spaces of this machine are for it
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
     * Closes this machine: saves and closes its files of the host, closes its page caches, and releases its memory and
     * its threads. All references to users of
     * its spaces must be closed, and no CPU may use one; weaker references may be open. Waits for the teardown of
     * spaces whose last user has gone, without regard to interrupts. A CPU without a space need not be closed. Pins
     * need not be released: the bytes of a pinned frame stay usable until the release, which is possible at any time.
     * Frames that were allocated and not inserted are lost. The garbage collector frees the memory once no space, CPU,
     * file, page cache or pin of the machine is reachable.
     *
     * <p>Afterwards each call of this machine except this one and {@link #toString} throws {@link
     * IllegalStateException}, and so does {@link PageCache#allocate}. A second call of this method does nothing, unless
     * a file of the host could not be saved by the first one: each such file is reported with its path ({@code
     * FILE_NOT_SAVED}), all others are saved and closed, and its pages stay in memory until a further call, or its own
     * close, has saved them.
     *
     * <p>A machine need not be closed. An unreachable machine is collected with its memory, even if its spaces and CPUs
     * were left open, after its threads have been idle for some seconds.
     *
     * @throws IllegalStateException if a space is not closed, or a CPU uses one: the message names each, and
     *     nothing is changed. Also if a CPU of the thread is in GUEST, or if this is called within {@code rcuMapPages}
     */
    @Override
    public void close() {
        Cpus.checkMayWait("the closing of a machine");
        references.giveUpLost();
        host.releaseDeadCpus();
        host.borrowers().giveUpDead();
        // Before the machine has ended: a CPU of these leaves its space.
        remotes.end();
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
        return host.committed().bytes();
    }

    /**
     * Returns the memory of the System V segments that are {@linkplain AddressSpace#shmLock locked}, which counts
     * against the limit of each space that locks a further one. What {@code mlock} has locked does not belong to it.
     *
     * @return bytes, whole pages
     */
    public long lockedSegments() {
        host.checkOpen();
        return host.lockedSegments().bytes();
    }

    /**
     * Waits until the threads of this machine have done all their pending work: closed the backings whose last use has
     * ended, completed asynchronous operations, and delivered changes. Does not wait for VMAs that are still
     * referenced, nor for ranges in flight.
     *
     * @throws InterruptedException if the thread is interrupted meanwhile
     * @throws IllegalStateException if a thread of the machine calls this, which would wait for itself; if an {@link
     *     MmuNotifier} calls this, because a thread of the machine may wait for the notifier's operation; if a
     *     reporter or a delivery of shootdowns calls this within a step of the housekeeping; if a CPU of the thread is
     *     in GUEST, because an operation may wait for that CPU; or if this is called within {@code rcuMapPages}
     */
    public void awaitQuiescence() throws InterruptedException {
        host.checkOpen();
        Cpus.checkMayWait("a wait for quiescence");
        endUnreachable();
        host.awaitQuiescence();
    }

    /**
     * Returns the housekeeping of this machine: grace periods of callbacks, waiting asynchronous operations, and
     * reports of both. For any thread that calls {@link HousekeepingAgent#doWork} from time to time.
     *
     * @return the agent, one object for each machine
     * @throws IllegalStateException if the housekeeping is not {@linkplain MachineBuilder#invokedHousekeeping invoked}
     */
    @Experimental
    public HousekeepingAgent housekeeping() {
        host.checkOpen();
        if (!host.housekeeping().isInvoked()) {
            throw new IllegalStateException("a thread of this machine does its housekeeping");
        }
        return housekeeping;
    }

    /**
     * Returns the stack trace at which each reference to a VMA that is not released was acquired, and each pin of a
     * frame.
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
     * Returns the references to all spaces of this machine that are not given up, of all three kinds, the {@linkplain
     * Cpu#use borrows} of those spaces, and the CPUs that come back to them from a borrow. A space that has ended is
     * among them as long as it has a weaker reference. Takes no lock, and does not wait.
     *
     * @return the references at some instants of this call, the oldest first
     * @throws IllegalStateException if this machine is closed
     */
    @Experimental
    public List<SpaceReference> references() {
        host.checkOpen();
        long now = System.nanoTime();
        return withBorrows(references.all(now), host.borrowers().all(), now);
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
        // First: the memory looks whether the stack is deep enough for the initialization of classes.
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
     * Returns a new file that exists in memory only, can be {@linkplain MemoryFile#addSeals sealed}, and is not
     * executable for ever ({@code memfd_create} with {@code MFD_NOEXEC_SEAL}): its mode is 0666, and it has {@link
     * dev.samara.core.mman.SealFlags#SEAL_EXEC}. It can be mapped with the right to execute nevertheless, as on Linux:
     * only {@code execve} looks at the mode.
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
        memory.caches().endUnreachable(host.tasks());
        return memory;
    }

    /**
     * Opens a file of the host, for reading unless {@link java.nio.file.StandardOpenOption#WRITE} is among the options.
     * All opens of a file by path have one page cache and one descriptor; a file that was open for reading only has a
     * second one after it is opened for writing. On Linux, the close of a file, and a further open, end the locks of
     * the process on it ({@code fcntl}). The caller closes the open; the end of the machine saves and closes all.
     *
     * <p>Waits for the host. The JDK opens a file without checking its kind, so the kind is checked first. If another
     * program replaces the file by a FIFO in between, a read-only open waits for a writer of the FIFO.
     *
     * @param path a regular file, or a symbolic link to one
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param options of {@code READ}, {@code WRITE}, {@code CREATE} and {@code CREATE_NEW}
     * @return a new open
     * @throws dev.samara.core.mman.MmException if the file cannot be opened: ENOENT if it does not exist; EACCES if
     *     it may not be read, even for writing, since a page is read before a part of it is overwritten; EROFS if it is
     *     opened for writing on a read-only file system; EISDIR for a directory; ENODEV for a FIFO, a socket or a
     *     device, and for a file whose size is not the number of its bytes, as in {@code /proc} and {@code /sys} of
     *     Linux; EEXIST for {@code CREATE_NEW} if there is one; EMFILE if the process has too many open files; EBUSY
     *     if the file is open with another page size, or another program replaces it again and again; ETXTBSY if it is
     *     opened for writing while a program of the host runs it or {@link HostFile#denyWrites} denies that; ENOTDIR if
     *     a name on the way is not a directory; ELOOP for too many symbolic links; ENAMETOOLONG for a name or a path
     *     that is too long; EPERM if an attribute of the file forbids it; ENOSPC or EDQUOT if the host has no room for
     *     a new file; EOPNOTSUPP for a path of a file system that has no asynchronous channels, such as that of an
     *     archive; EIO for any other failure, which is the cause of the exception, including a failure to read the size
     *     of a file that is open already
     * @throws IllegalArgumentException for other options, or a creation without {@code WRITE}
     * @throws IllegalStateException if the machine was built without memory or is closed, if a CPU of the thread is in
     *     GUEST, or if this is called from {@code rcuMapPages}
     */
    public HostFile openFile(Path path, Geometry geometry, OpenOption... options) {
        Cpus.checkMayWait("the opening of a file");
        return host.hostFiles().open(path, memory(geometry), Set.of(options));
    }

    /**
     * Opens the remaining bytes of a buffer as a file, whose size is fixed. The buffer may wrap an array. It gets what
     * is written when the file is saved, or before. A read-only buffer is a file that is open for reading only.
     *
     * @param name the displayed name, not empty
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param bytes the bytes from the position to the limit, which are the file's until it is closed
     * @return a new open of a new file
     * @throws IllegalStateException if the machine was built without memory or is closed, if a CPU of the thread is in
     *     GUEST, or if this is called from {@code rcuMapPages}
     */
    public HostFile openFile(String name, Geometry geometry, ByteBuffer bytes) {
        Cpus.checkMayWait("the opening of a file");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("name is empty: a file must have a name to show");
        }
        return host.hostFiles().open(name, memory(geometry), bytes);
    }

    /**
     * Opens the file of a channel, for a file that has no path, or that is open already. All opens of one channel have
     * one page cache, but opens of two channels of one file, or of its path, have not. The channel stays the caller's,
     * who keeps it open until the file is closed. It is used on a thread of its own, so no interrupt closes it.
     *
     * @param name the displayed name, not empty
     * @param geometry the geometry of the spaces that will map the file; only its page size is used
     * @param channel a channel of a regular file that is open for reading, and not for {@code APPEND}: on Linux all
     *     writes of such a channel go to the end
     * @param isWritable whether the channel is open for writing, too, and the file is to be
     * @return a new open
     * @throws dev.samara.core.mman.MmException EACCES if the channel is not open for reading, or not for writing though
     *     {@code isWritable} says so; EBUSY if the channel is open with another page size; an error of the host if the
     *     size of the file cannot be read
     * @throws IllegalStateException if the machine was built without memory or is closed, if a CPU of the thread is in
     *     GUEST, or if this is called from {@code rcuMapPages}
     */
    public HostFile openFile(String name, Geometry geometry, FileChannel channel, boolean isWritable) {
        Cpus.checkMayWait("the opening of a file");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("name is empty: a file must have a name to show");
        }
        return host.hostFiles().open(name, memory(geometry), channel, isWritable);
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

    /** Returns the CPUs of threads that enter spaces. */
    GuestCpus guests() {
        return guests;
    }

    /** Returns the CPUs of calls that read and write spaces. */
    RemoteCpus remotes() {
        return remotes;
    }

    /**
     * Returns the numbers of events since this machine was built, and of its frames.
     *
     * @return the numbers, for all page sizes together
     */
    public MachineStatistics statistics() {
        host.checkOpen();
        endUnreachable();
        return MachineStatistics.of(host.memories(), host.tableBudget().used());
    }

    /** Returns the number of spaces that have users. */
    int spacesInUse() {
        host.checkOpen();
        return spaces.users();
    }

    /**
     * Registers an MBean with the statistics of this machine at the platform's server of MBeans, as {@code
     * dev.samara:type=Machine,name=NAME}. Its attributes are those of {@link MachineMXBean}. A name with a comma, an
     * equals sign, a colon, a quote, an asterisk, a question mark or a line break is quoted as {@code ObjectName.quote}
     * does. A machine may have several MBeans. The end of this machine unregisters them. The MBean does not keep an
     * unreachable machine from being collected; it is unregistered by the first read of an attribute after that.
     *
     * @param name the name, not empty
     * @return closed by any thread to unregister the MBean before the machine is closed
     * @throws IllegalArgumentException if the name is empty
     * @throws IllegalStateException if an MBean of the name is registered, or this machine is closed
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
            // The close may have missed it.
            made.close();
        }
        host.checkOpen();
        return made;
    }

    /** Returns the MBeans that are registered. */
    Set<Registration> beans() {
        return beans;
    }

    /** Returns whether this machine is closed, its committed memory and the number of claimed CPUs so far as text. */
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
