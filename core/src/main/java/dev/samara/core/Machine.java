// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.fault.Faulter;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.DirectMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutLock;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.RetirementHook;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.tlb.CheckedTlb;
import dev.samara.core.internal.tlb.CpuTlb;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A simulated machine: the settings and the committed memory that its address spaces share. Thread-safe.
 */
public final class Machine implements AutoCloseable {
    private static final System.Logger LOGGER = System.getLogger("dev.samara.core");

    private final MachineState host;
    private final @Nullable RefTracker keepLog;
    private final int tlbEntries;
    private final AtomicInteger cpus = new AtomicInteger();

    private Machine(MachineState host, @Nullable RefTracker keepLog, int tlbEntries) {
        this.host = host;
        this.keepLog = keepLog;
        this.tlbEntries = tlbEntries;
    }

    /**
     * Starts the description of a machine with Linux's default settings and no commit limit.
     *
     * @return the description, to be completed and built
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * The most memory that a machine may have whose frames are in direct memory: the JVM's limit of that.
     *
     * @return bytes: what {@code -XX:MaxDirectMemorySize} says, or without it the maximum of the heap
     */
    public static long directMemoryLimit() {
        return DirectMemory.limit();
    }

    MachineState host() {
        return host;
    }

    @Nullable
    RefTracker keepLog() {
        return keepLog;
    }

    /**
     * Makes a space of a layout that is complete; what was loaded, or copied, is given back if the machine is closed.
     */
    AddressSpace register(Layout layout) {
        boolean done = false;
        try {
            host.spaces().add(layout);
            host.endUnreachableCaches();
            done = true;
        } finally {
            if (!done) {
                layout.close();
            }
        }
        return new AddressSpace(this, layout);
    }

    /**
     * Makes an empty address space with Linux's default limits and no privileges.
     *
     * @param geometry sizes and bounds
     * @return the space
     * @throws IllegalStateException if this machine is closed, or as {@link AddressSpaceBuilder#build} does in GUEST
     */
    public AddressSpace newSpace(Geometry geometry) {
        return space(geometry).build();
    }

    /**
     * Starts the description of an address space.
     *
     * @param geometry sizes and bounds
     * @return the description, to be completed and built
     */
    public AddressSpaceBuilder space(Geometry geometry) {
        host.spaces().checkOpen();
        return new AddressSpaceBuilder(this, geometry);
    }

    /**
     * Ends this machine: closes its page caches, and lets go of its memory and its threads. All of its spaces must be
     * closed, and no CPU may have one loaded; CPUs that have none need not be closed. Frames that are pinned, or
     * allocated and not inserted, are lost. The memory is the garbage collector's once no space, CPU, file or page
     * cache of the machine can be reached.
     *
     * <p>Afterwards each call of this machine but this one throws {@link IllegalStateException}, and so do the loading
     * of its spaces, all calls that could map or change something in them, and {@link PageCache#allocate}. This call
     * does nothing then.
     *
     * <p>A machine need not be closed. One that nobody can reach is collected with its memory, whatever spaces and CPUs
     * of it were left open, once its threads have had nothing to do for some seconds.
     *
     * @throws IllegalStateException if a space is not closed, or a CPU has one loaded: the message names each. Nothing
     *     is changed then. Also if a CPU of the thread is in GUEST, or if it is called within {@code rcuMapPages}
     */
    @Override
    public void close() {
        Cpus.checkMayWait("the closing of a machine");
        host.close();
    }

    private static void log(Report report) {
        Throwable cause = report.cause();
        if (cause == null) {
            LOGGER.log(System.Logger.Level.WARNING, report.message());
        } else {
            LOGGER.log(System.Logger.Level.WARNING, report.message(), cause);
        }
    }

    /**
     * The memory promised to all spaces of this machine.
     *
     * @return bytes
     */
    public long committed() {
        host.spaces().checkOpen();
        return host.committed();
    }

    /**
     * Waits until everything that threads of this machine had to do is done: backings closed of which the last use has
     * ended, asynchronous operations completed, changes delivered. What is still kept or in transit is not waited for.
     *
     * @throws InterruptedException if the thread is interrupted meanwhile
     * @throws IllegalStateException if a thread of the machine calls this, which would wait for itself; if an {@link
     *     MmuNotifier} calls this, for whose operation a thread of the machine may wait; if a CPU of the thread is in
     *     GUEST, for which an operation may wait; or if it is called within {@code rcuMapPages}
     */
    public void awaitQuiescence() throws InterruptedException {
        host.spaces().checkOpen();
        Cpus.checkMayWait("a wait for quiescence");
        host.endUnreachableCaches();
        host.awaitQuiescence();
    }

    /**
     * Where each keep that has not been released was taken.
     *
     * @return one stack per keep, in no order
     * @throws IllegalStateException if the machine does not {@linkplain Builder#trackKeeps track keeps}
     */
    public List<Throwable> outstandingKeeps() {
        host.spaces().checkOpen();
        if (keepLog == null) {
            throw new IllegalStateException("this machine was not told to track keeps");
        }
        return keepLog.outstanding();
    }

    private static int populate(Layout layout, long start, long end, int access) {
        PageTableContext worker = layout.memory().borrowOrNull();
        if (worker == null) {
            return Fault.OOM;
        }
        try {
            Faulter faulter = new Faulter(layout, worker);
            return Cpus.readAs(
                    worker.reader(),
                    () -> access == 0 ? faulter.populate(start, end) : faulter.touch(start, end, access));
        } finally {
            layout.memory().giveBack(worker);
        }
    }

    /**
     * Makes the page cache of a file, with no page in memory.
     *
     * @param geometry of the spaces that will map the file: their page size counts
     * @param bytes the size of the file, not negative
     * @return a page cache of this machine
     * @throws IllegalStateException if the machine was built without memory
     */
    public PageCache newPageCache(Geometry geometry, long bytes) {
        return newPageCache(geometry, bytes, false);
    }

    private PageCache newPageCache(Geometry geometry, long bytes, boolean isOfZeros) {
        if (bytes < 0) {
            throw new IllegalArgumentException("bytes " + bytes + " is negative");
        }
        Memory memory = memory(geometry);
        memory.caches().endUnreachable(host.background());
        return new FilePages(memory, bytes, isOfZeros);
    }

    /**
     * Makes a file that exists in memory only.
     *
     * @param name the name to show, not empty
     * @param inode its number, as it is shown
     * @param geometry of the spaces that will map the file: their page size counts
     * @param bytes its size, not negative
     * @return a file of zeros
     * @throws IllegalStateException if the machine was built without memory
     */
    public MemoryFile newFile(String name, long inode, Geometry geometry, long bytes) {
        return new MemoryFile(name, inode, newPageCache(geometry, bytes, true));
    }

    /**
     * Makes a CPU, owned by the calling thread.
     *
     * @return a CPU with no space loaded
     */
    public Cpu claimCpu() {
        host.spaces().checkOpen();
        return new Cpu(this, cpus.incrementAndGet());
    }

    /**
     * The frames in use.
     *
     * @param geometry of spaces: their page size counts
     * @return how many, those of page caches included
     */
    public long framesInUse(Geometry geometry) {
        Memory memory = memory(geometry);
        memory.caches().endUnreachable(host.background());
        return memory.frames().inUse();
    }

    /**
     * The frames that nobody gets any more, because the {@linkplain Builder#frameStore frame store} has thrown when
     * they were freed. Each was reported as {@link Report.Kind#FRAME_QUARANTINED}; they are not in use.
     *
     * @param geometry of spaces: their page size counts
     * @return a number that only grows
     */
    public long framesQuarantined(Geometry geometry) {
        return memory(geometry).frames().quarantined();
    }

    /**
     * How many times somebody had to wait for other CPUs to drop translations.
     *
     * @param geometry of spaces: their page size counts
     * @return a number that only grows
     */
    public long shootdowns(Geometry geometry) {
        return memory(geometry).cpus().shootdowns();
    }

    /**
     * How many CPUs were waited for then, in all.
     *
     * @param geometry of spaces: their page size counts
     * @return a number that only grows
     */
    public long shootdownTargets(Geometry geometry) {
        return memory(geometry).cpus().targets();
    }

    /**
     * How many accesses a {@linkplain Builder#checked checked} machine has judged.
     *
     * @param geometry of spaces: their page size counts
     * @return a number that only grows; 0 if it is not checked
     */
    public long judgedAccesses(Geometry geometry) {
        AccessChecker oracle = memory(geometry).oracle();
        return oracle == null ? 0 : oracle.accesses();
    }

    /**
     * How many of them used a translation that was out of date: somebody was just having it dropped, or it was a
     * violation.
     *
     * @param geometry of spaces: their page size counts
     * @return a number that only grows; 0 if it is not checked
     */
    public long lateAccesses(Geometry geometry) {
        AccessChecker oracle = memory(geometry).oracle();
        return oracle == null ? 0 : oracle.late();
    }

    /** Puts a CPU of the calling thread online. */
    CpuTlb newProcessor(Memory memory, int number) {
        int pageShift = Integer.numberOfTrailingZeros(memory.frames().pageSize());
        AccessChecker oracle = memory.oracle();
        return new CpuTlb(
                memory.cpus(),
                number,
                pageShift,
                oracle == null
                        ? new SoftTlb(pageShift, tlbEntries)
                        : new CheckedTlb(pageShift, tlbEntries, memory.frames(), oracle.newHistory()),
                thrown -> host.report(Report.Kind.CALLBACK_FAILED, "a flush listener", thrown));
    }

    private Memory memory(Geometry geometry) {
        Memory memory = host.memory(geometry.pageShift());
        if (memory == null) {
            throw new IllegalStateException("this machine was built without memory");
        }
        return memory;
    }

    /** The description of a machine before it is built. For one thread. */
    public static final class Builder {
        private static final long MOST_PIECE = 1L << 30;

        private int maxMapCount = 65530;
        private long stackGuardGap = 256;
        private long commitLimit = MachineState.UNLIMITED;
        private Duration longWait = Duration.ofSeconds(10);
        private boolean trackKeeps;
        private Consumer<? super Report> reporter = Machine::log;
        private RetirementHook retirement = RetirementHook.NOTHING;
        private Supplier<ReentrantLock> locks = LayoutLock::new;
        private long memory;
        private long memoryPiece = 1L << 22;
        private boolean poisonsFrames;
        private int faultAround = 16;
        private int mostCallbacks = 1 << 16;
        private Rcu.AtBound atBound = Rcu.AtBound.WAIT;
        private Duration longGracePeriod = Duration.ofSeconds(10);
        private Duration longShootdown = Duration.ofSeconds(10);
        private ShootdownDelivery delivery = ShootdownDelivery.POLLED;
        private @Nullable StoreMaker stores;
        private int tlbEntries = 1 << 12;
        private int mostWorkers = Memory.MOST_WORKERS;
        private long longestOffer = Memory.UNCHECKED;
        private boolean checked = Boolean.getBoolean("samara.checked");

        private Builder() {}

        /**
         * Limits the number of mappings of a space ({@code vm.max_map_count}); as on Linux it is a soft bound that some
         * calls may pass by one.
         *
         * @param maps the limit, positive; 65530 unless set
         * @return this
         */
        public Builder maxMapCount(int maps) {
            if (maps <= 0) {
                throw new IllegalArgumentException("maxMapCount " + maps + " is not positive");
            }
            maxMapCount = maps;
            return this;
        }

        /**
         * Sets the gap below a stack that nothing is placed in ({@code stack_guard_gap}).
         *
         * @param pages the gap, 0 to 2^20; 256 unless set
         * @return this
         */
        public Builder stackGuardGap(long pages) {
            if (pages < 0 || pages > 1 << 20) {
                throw new IllegalArgumentException("stackGuardGap " + pages + " is not in 0..2^20");
            }
            stackGuardGap = pages;
            return this;
        }

        /**
         * Limits the memory that all spaces together may be promised, as {@code vm.overcommit_memory=2} does; then
         * NORESERVE has no effect. Without a limit nothing is refused for want of memory.
         *
         * @param bytes the limit, not negative
         * @return this
         */
        public Builder commitLimit(long bytes) {
            if (bytes < 0) {
                throw new IllegalArgumentException("commitLimit " + bytes + " is negative");
            }
            commitLimit = bytes;
            return this;
        }

        /**
         * Sets after what time a wait for a range in transit is reported. The wait goes on.
         *
         * @param time positive; 10 seconds unless set
         * @return this
         * @throws IllegalArgumentException if it is not positive
         */
        public Builder reportWaitsLongerThan(Duration time) {
            if (time.isZero() || time.isNegative()) {
                throw new IllegalArgumentException("time " + time + " is not positive");
            }
            longWait = time;
            return this;
        }

        /**
         * Says who is told what no caller can be told. Called by the thread that has noticed. That thread holds no lock
         * of a space, but it may hold those of a file or of the machine's own threads: the reporter returns soon, and
         * calls nothing of this machine that may wait. What it throws goes to that thread's uncaught exception handler.
         *
         * @param reporter whom; unless set, reports go to the system logger {@code dev.samara.core}
         * @return this
         */
        public Builder reportTo(Consumer<? super Report> reporter) {
            this.reporter = reporter;
            return this;
        }

        /**
         * Notes for each keep the stack that took it, and shows it in {@link #outstandingKeeps} and when a keep is
         * released twice. This makes a keep many times as expensive.
         *
         * @return this
         */
        public Builder trackKeeps() {
            trackKeeps = true;
            return this;
        }

        /**
         * Gives the machine memory, so that what is mapped can be read and written. Frames are made when they are first
         * needed.
         *
         * <p>They are direct memory of the JVM, unless a {@linkplain #frameStore store} is given. {@link #build}
         * refuses more than {@linkplain Machine#directMemoryLimit the JVM's limit}, which is the size of the heap
         * unless {@code -XX:MaxDirectMemorySize} says otherwise. All machines, and whatever else uses direct memory,
         * share that limit: where the JVM refuses to make more frames, accesses that need one are {@code OOM}. The JVM
         * is asked again after a second, or once a frame was freed.
         *
         * @param bytes how much at most, at least a page; of each page size that spaces use
         * @return this
         */
        public Builder memory(long bytes) {
            if (bytes <= 0) {
                throw new IllegalArgumentException("memory " + bytes + " is not positive");
            }
            memory = bytes;
            return this;
        }

        /**
         * Sets how many bytes of memory are made at a time. Where all of it is one piece, accesses of CPUs are faster;
         * but a piece costs its size as soon as one frame of it is needed.
         *
         * @param bytes from 1 to 2^30; 2^22 unless set; at least a page is made
         * @return this
         * @throws IllegalArgumentException if it is not in that range
         */
        public Builder memoryPiece(long bytes) {
            if (bytes < 1 || bytes > MOST_PIECE) {
                throw new IllegalArgumentException("memoryPiece " + bytes + " is not in 1..2^30");
            }
            memoryPiece = bytes;
            return this;
        }

        /**
         * Says where the bytes of frames are; unless said, in direct buffers.
         *
         * @param maker makes the store for a page size
         * @return this
         */
        public Builder frameStore(StoreMaker maker) {
            stores = Objects.requireNonNull(maker, "maker");
            return this;
        }

        /**
         * Has each access of a CPU judged when it is made: against the page table, the layout, the life of its frame
         * and the calls that are running. What an invariant forbids is thrown as an {@link
         * dev.samara.core.event.InvariantViolation} and reported, with what both sides did before; and a handle that is
         * used after its end is refused. An access takes many times as long then. The system property {@code
         * samara.checked} does the same for every machine.
         *
         * @return this
         */
        public Builder checked() {
            checked = true;
            return this;
        }

        /**
         * Fills freed frames with a pattern, so that a use after that shows.
         *
         * @return this
         */
        public Builder poisonFrames() {
            poisonsFrames = true;
            return this;
        }

        /**
         * Sets how many pages of a file one fault maps at most, those that are in memory already around the one that it
         * is for ({@code fault_around_bytes}).
         *
         * @param pages a power of two; 16 unless set
         * @return this
         * @throws IllegalArgumentException if it is not a power of two
         */
        public Builder faultAround(int pages) {
            if (pages <= 0 || Integer.bitCount(pages) != 1) {
                throw new IllegalArgumentException("faultAround " + pages + " is not a power of two");
            }
            faultAround = pages;
            return this;
        }

        /**
         * Sets how many translations a CPU remembers, one for each number of a page modulo this.
         *
         * @param entries a power of two from 2 to 2^20; 4096 unless set
         * @return this
         * @throws IllegalArgumentException if it is not
         */
        public Builder tlbEntries(int entries) {
            if (entries < 2 || entries > 1 << 20 || Integer.bitCount(entries) != 1) {
                throw new IllegalArgumentException("tlbEntries " + entries + " is not a power of two in 2..2^20");
            }
            tlbEntries = entries;
            return this;
        }

        /**
         * Bounds what waits for grace periods in the background, which a backing that is stopped in
         * {@code rcuMapPages} keeps waiting, and behind CPUs that do not acknowledge: asynchronous operations, and
         * closes of backings that have memory. At the bound no operation is begun that could add to it; but a space can
         * be closed and forked, and stacks grow.
         *
         * @param callbacks how many at most, but for what operations that have begun already leave behind; positive,
         *     65536 unless set
         * @param refuse whether an operation is refused then with {@code EAGAIN}, and nothing is changed; else its
         *     caller waits
         * @return this
         */
        public Builder boundGracePeriods(int callbacks, boolean refuse) {
            if (callbacks <= 0) {
                throw new IllegalArgumentException("callbacks " + callbacks + " is not positive");
            }
            mostCallbacks = callbacks;
            atBound = refuse ? Rcu.AtBound.REFUSE : Rcu.AtBound.WAIT;
            return this;
        }

        /**
         * Sets after what time a reader that a grace period waits for is reported, by name. The wait goes on.
         *
         * @param time positive; 10 seconds unless set
         * @return this
         */
        public Builder reportGracePeriodsLongerThan(Duration time) {
            if (time.isZero() || time.isNegative()) {
                throw new IllegalArgumentException("time " + time + " is not positive");
            }
            longGracePeriod = time;
            return this;
        }

        /**
         * Sets after what time a CPU that does not acknowledge a shootdown is reported, with its thread and where that
         * is. The wait goes on.
         *
         * @param time positive; 10 seconds unless set
         * @return this
         */
        public Builder reportShootdownsLongerThan(Duration time) {
            if (time.isZero() || time.isNegative()) {
                throw new IllegalArgumentException("time " + time + " is not positive");
            }
            longShootdown = time;
            return this;
        }

        /**
         * Says how CPUs are told that somebody waits for them, and what is done about one that does not answer for
         * {@linkplain #reportShootdownsLongerThan so long}.
         *
         * @param how called by whoever waits, while he waits
         * @return this
         */
        public Builder deliverShootdowns(ShootdownDelivery how) {
            delivery = Objects.requireNonNull(how, "how");
            return this;
        }

        /**
         * Watches what backings do in {@code rcuMapPages}, which must not block: operations, forks, changes of a page
         * cache, grace periods and faults that are begun there throw, and are reported, and so is a call that takes
         * long. (While one is still hanging, {@link #reportGracePeriodsLongerThan} names the CPU.) Every fault on a
         * file takes longer then.
         *
         * @param longest after what time a call is reported, not negative
         * @return this
         */
        public Builder checkOffers(Duration longest) {
            if (longest.isNegative()) {
                throw new IllegalArgumentException("longest " + longest + " is negative");
            }
            longestOffer = saturatedNanos(longest);
            return this;
        }

        /** Makes frame stores. */
        @FunctionalInterface
        public interface StoreMaker {
            /**
             * Makes a store without frames.
             *
             * @param pageShift binary logarithm of the size of a frame
             * @param frames how many there will be at most
             * @return a new store
             */
            FrameStore make(int pageShift, int frames);
        }

        /** What is done to pages that are taken away. */
        Builder retirement(RetirementHook retirement) {
            this.retirement = retirement;
            return this;
        }

        /** How many threads may work on pages at once. */
        Builder workers(int most) {
            mostWorkers = most;
            return this;
        }

        private static long saturatedNanos(Duration time) {
            return time.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0 ? time.toNanos() : Long.MAX_VALUE;
        }

        /** What makes the layout locks. */
        Builder locks(Supplier<ReentrantLock> locks) {
            this.locks = locks;
            return this;
        }

        private int chunkShift(long frames, int pageShift) {
            long inPiece = Math.max(1, memoryPiece >>> pageShift);
            // One more than asked for, the page of zeros, does not make another piece.
            return frames <= inPiece
                    ? Long.SIZE - Long.numberOfLeadingZeros(frames)
                    : Long.SIZE - 1 - Long.numberOfLeadingZeros(inPiece);
        }

        private Memory memory(MachineState host, int pageShift) {
            long most = Math.min(Math.max(1, memory >>> pageShift), Integer.MAX_VALUE - 2);
            int chunkShift = chunkShift(most, pageShift);
            StoreMaker maker = stores;
            FrameStore store = maker == null
                    ? new DirectFrames(pageShift, chunkShift, (int) most + 1)
                    : maker.make(pageShift, (int) most + 1);
            Rcu rcu = new Rcu(new Rcu.Settings(
                    host.background(),
                    mostCallbacks,
                    atBound,
                    saturatedNanos(longGracePeriod),
                    message -> host.report(Report.Kind.LONG_WAIT, message, null)));
            return new Memory(
                    new Frames(
                            store,
                            pageShift,
                            chunkShift,
                            (int) most,
                            poisonsFrames,
                            (thrown, frame) -> reportQuarantined(host, frame, thrown)),
                    rcu,
                    new Cpus(
                            saturatedNanos(longShootdown),
                            message -> host.report(Report.Kind.LONG_WAIT, message, null),
                            delivery,
                            thrown -> host.report(Report.Kind.CALLBACK_FAILED, "a shootdown's delivery", thrown)),
                    faultAround,
                    longestOffer,
                    checked
                            ? new AccessChecker(message -> host.report(Report.Kind.INVARIANT_BROKEN, message, null))
                            : null,
                    mostWorkers);
        }

        /** On a thread of the machine: who frees a frame may hold locks. */
        private static void reportQuarantined(MachineState host, int frame, Throwable thrown) {
            host.background()
                    .execute(() -> host.report(
                            Report.Kind.FRAME_QUARANTINED, "frame " + frame + " could not be poisoned", thrown));
        }

        /**
         * Builds the machine.
         *
         * @return a new machine
         * @throws IllegalArgumentException if it is to have more memory than the JVM's limit of direct memory, and no
         *     store of its own
         */
        public Machine build() {
            if (memory != 0 && stores == null && memory > directMemoryLimit()) {
                throw new IllegalArgumentException("memory " + memory + " is above " + directMemoryLimit()
                        + ", the JVM's limit of direct memory: -XX:MaxDirectMemorySize, or the maximum heap"
                        + " without it");
            }
            if (longestOffer != Memory.UNCHECKED) {
                NoWaiting.use();
            }
            MachineState.Settings settings = new MachineState.Settings(
                    maxMapCount,
                    stackGuardGap,
                    commitLimit,
                    saturatedNanos(longWait),
                    reporter,
                    retirement,
                    locks,
                    memory == 0 ? null : this::memory,
                    Machine::populate);
            return new Machine(new MachineState(settings), trackKeeps ? new RefTracker() : null, tlbEntries);
        }
    }
}
